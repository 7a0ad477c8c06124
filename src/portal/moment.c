/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/moment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "wire/json.h"

static struct tm local_time(uint64_t realtime_usec) {
        time_t seconds = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm = {};

        if (!localtime_r(&seconds, &tm))
                (void) gmtime_r(&seconds, &tm);
        return tm;
}

void moment_format(uint64_t realtime_usec, unsigned digits, char ret[static MOMENT_TEXT_SIZE]) {
        const struct tm tm = local_time(realtime_usec);
        size_t n = strftime(ret, MOMENT_TEXT_SIZE, "%Y-%m-%d %H:%M:%S", &tm);

        if (n > 0 && digits > 0)
                (void) snprintf(ret + n, MOMENT_TEXT_SIZE - n, ".%03" PRIu64, realtime_usec % USEC_PER_SEC / USEC_PER_MSEC);
}

void moment_zone(uint64_t realtime_usec, char ret[static MOMENT_TEXT_SIZE]) {
        const struct tm tm = local_time(realtime_usec);
        const char *zone = tm.tm_zone ? tm.tm_zone : "UTC";

        /* Zones without a name of letters are called "+08". */
        (void) snprintf(ret, MOMENT_TEXT_SIZE, "%s%.16s", *zone == '+' || *zone == '-' ? "UTC" : "", zone);
}

int moment_add(json_object *o, const char *member, uint64_t realtime_usec, unsigned digits) {
        json_object *moment = json_object_new_object();
        char text[MOMENT_TEXT_SIZE], stamp[CLOCK_TEXT_SIZE];

        moment_format(realtime_usec, digits, text);
        clock_format_utc(realtime_usec, stamp);
        return json_add(o, member, moment) < 0 || json_add_text(moment, "Text", text) < 0 || json_add_text(moment, "Stamp", stamp) < 0 ? -ENOMEM : 0;
}
