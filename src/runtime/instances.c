/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "runtime/events.h"
#include "runtime/service-internal.h"

/* Set by the template units, gradebook-NAME@INSTANCE.service. */
#define INSTANCE_VARIABLE "GRADEBOOK_UNIT_INSTANCE"

/* An instance begins with an empty store where it has one of its own, and would answer from that: two truths, found out when
 * it is too late. So it does not even start. */
int daemon_check_instance(const Daemon *d) {
        const char *instance = getenv(INSTANCE_VARIABLE), *why;

        if (text_is_empty(instance) || !d->service->keeps_apart)
                return 0;
        why = d->service->keeps_apart(d->config);
        if (!why)
                return 0;
        log_event(LOG_ERR, EVENT_INSTANCE_REFUSED, NULL, 0, "Not starting %s@%s.service as one of several: %s", d->service->name, instance,
                  why);
        return -EINVAL;
}
