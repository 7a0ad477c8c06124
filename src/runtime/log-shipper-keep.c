/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/log-shipper-internal.h"

/* The log service's own lines: they go into its store instead of over the network, and stay in the spool just the same until they are on disk
 * there. So neither a kill nor a disk that is full loses one, and what waits is bounded by the spool alone. */

void shipper_keep_nothing(LogShipper *s) {
        for (size_t i = 0; i < s->keep.n_records; i++)
                log_record_free(s->records[i]);
        free(s->records);
        s->records = NULL;
        s->keep = (LogKeep) {};
}

#define RETRY_USEC USEC_PER_SEC         /* at least so often: nobody else is kept from anything by it */

static void failed(LogShipper *s, int error) {
        uint64_t delay = shipper_back_off(s);

        /* The store has said that it cannot write. Whoever waits for the end of this daemon gets it, and the lines stay in the spool. */
        if (s->flushed && error != -EBUSY)
                shipper_finish_flush(s);
        else
                shipper_arm(s, delay < RETRY_USEC ? delay : RETRY_USEC);
}

static void kept(int result, void *userdata) {
        LogShipper *s = userdata;
        size_t n = s->keep.n_records;

        s->keeping = false;
        shipper_keep_nothing(s);
        if (result < 0) {
                failed(s, result);
                return;
        }
        s->backoff_usec = 0;
        s->shipped += n;
        if (s->n_batch > n)
                shipper_refused(s, s->n_batch - n);
        shipper_acknowledge(s);
        shipper_send_next(s);
}

/* What cannot be read was damaged in the spool, and is passed over. */
static int parse_batch(LogShipper *s) {
        const char *line = buffer_text(&s->batch), *end = line + s->batch.size;

        s->records = calloc(s->n_batch + 1, sizeof(*s->records)); /* not of size 0, which may be NULL */
        if (!s->records)
                return -ENOMEM;
        for (const char *newline; line < end; line = newline + 1) {
                int r;

                newline = memchr(line, '\n', (size_t) (end - line));
                r = shipper_parse_line(line, (size_t) (newline - line), &s->records[s->keep.n_records]);
                if (r == -ENOMEM)
                        return r;
                s->keep.n_records += r >= 0;
        }
        return 0;
}

void shipper_keep_batch(LogShipper *s) {
        int r = parse_batch(s);

        if (r >= 0 && s->n_batch > 0 && s->keep.n_records == 0) {
                kept(0, s);
                return;
        }
        s->keep.records = s->records;
        s->keep.bytes = s->batch.size;
        s->keep.acknowledged = s->known;
        s->keep.flushing = s->flushed;
        s->keep.done = kept;
        s->keep.userdata = s;
        if (r >= 0)
                r = s->keep_lines(&s->keep, s->keeper);
        if (r < 0) {
                shipper_keep_nothing(s);
                failed(s, r);
                return;
        }
        s->keeping = true;
}
