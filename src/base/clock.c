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

static char *write_digits(char *to, unsigned value, int digits, char behind) {
        for (int i = digits; i-- > 0; value /= 10)
                to[i] = (char) ('0' + value % 10);
        to[digits] = behind;
        return to + digits + 1;
}

/* Each line of the central log has two of them: snprintf() would be what writing a short line costs. */
void clock_format_utc(uint64_t realtime_usec, char ret[static CLOCK_TEXT_SIZE]) {
        time_t seconds = (time_t) (realtime_usec / USEC_PER_SEC);
        char *p = ret;
        struct tm tm;

        /* RFC 3339 has four digits for the year: what lies beyond is shown as its last moment. */
        if (!gmtime_r(&seconds, &tm) || tm.tm_year + 1900 > 9999) {
                (void) snprintf(ret, CLOCK_TEXT_SIZE, "9999-12-31T23:59:59.999999Z");
                return;
        }
        p = write_digits(p, (unsigned) (tm.tm_year + 1900), 4, '-');
        p = write_digits(p, (unsigned) (tm.tm_mon + 1), 2, '-');
        p = write_digits(p, (unsigned) tm.tm_mday, 2, 'T');
        p = write_digits(p, (unsigned) tm.tm_hour, 2, ':');
        p = write_digits(p, (unsigned) tm.tm_min, 2, ':');
        p = write_digits(p, (unsigned) tm.tm_sec, 2, '.');
        p = write_digits(p, (unsigned) (realtime_usec % USEC_PER_SEC), 6, 'Z');
        *p = 0;
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
