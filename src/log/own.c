/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "log/service.h"

/* Nothing is logged here for each batch: that line would come here too. But what was suppressed and not told yet is told with the last
 * lines of all, when all requests are answered: they are handed over until there are no more. */

static void append_done(LogAppend *a) {
        const LogService *l = CONTAINER_OF(a, LogService, own);

        suppressed_tell(a->reports, a->n_reports);
        l->own_keep->done(a->job.result, l->own_keep->userdata);
}

int log_service_keep_lines(const LogKeep *keep, void *service) {
        LogService *l = service;

        l->own_keep = keep;
        l->own = (LogAppend) {
                .received_usec = clock_realtime_usec(),
                .bytes = keep->bytes,
                .records = keep->records,
                .n_records = keep->n_records,
                .acknowledged = keep->acknowledged,
                .own = true,
                .done = append_done,
        };
        if (keep->flushing) {
                l->own.reports = l->own_reports;
                l->own.reports_max = ELEMENTSOF(l->own_reports);
                l->own.all_reports = true;
        }
        return store_append(l->store, &l->own);
}
