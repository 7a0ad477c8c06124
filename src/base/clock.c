/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static uint64_t clock_usec(clockid_t clock) {
        struct timespec ts;

        /* Cannot fail for the clocks used here, see clock_gettime(2). */
        (void) clock_gettime(clock, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

uint64_t clock_monotonic_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_usec(void) {
        return clock_usec(CLOCK_REALTIME);
}

uint64_t clock_thread_usec(void) {
        return clock_usec(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clock_boottime_usec(void) {
        return clock_usec(CLOCK_BOOTTIME);
}

void clock_format_utc(uint64_t realtime_usec, char ret[static CLOCK_TEXT_SIZE]) {
        time_t seconds = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm;

        /* RFC 3339 has four digits for the year: what lies beyond is shown as its last moment. */
        if (!gmtime_r(&seconds, &tm) || tm.tm_year + 1900 > 9999) {
                (void) snprintf(ret, CLOCK_TEXT_SIZE, "9999-12-31T23:59:59.999999Z");
                return;
        }
        (void) snprintf(ret, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
                        (unsigned) (tm.tm_year + 1900) % 10000, (unsigned) (tm.tm_mon + 1) % 100, (unsigned) tm.tm_mday % 100,
                        (unsigned) tm.tm_hour % 100, (unsigned) tm.tm_min % 100, (unsigned) tm.tm_sec % 100,
                        (unsigned) (realtime_usec % USEC_PER_SEC) % 1000000);
}

void clock_format_span(uint64_t span_usec, char ret[static CLOCK_SPAN_SIZE]) {
        static const struct {
                uint64_t usec;
                const char *unit;
        } units[] = {
                { 86400 * USEC_PER_SEC, "d" }, { 3600 * USEC_PER_SEC, "h" }, { 60 * USEC_PER_SEC, "min" },
                { USEC_PER_SEC, "s" },         { USEC_PER_MSEC, "ms" },      { 1, "us" },
        };
        size_t i = 0, n = sizeof(units) / sizeof(units[0]);
        uint64_t rest;

        while (i < n - 1 && span_usec < units[i].usec)
                i++;
        rest = i + 1 < n ? span_usec % units[i].usec / units[i + 1].usec : 0;
        if (rest > 0 && i < 3)
                (void) snprintf(ret, CLOCK_SPAN_SIZE, "%" PRIu64 "%s %" PRIu64 "%s", span_usec / units[i].usec,
                                units[i].unit, rest, units[i + 1].unit);
        else
                (void) snprintf(ret, CLOCK_SPAN_SIZE, "%" PRIu64 "%s", span_usec / units[i].usec, units[i].unit);
}
