/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/timestamp.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "base/clock.h"

#define YEAR_10000_SEC INT64_C(253402300800)

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* Exactly n digits at *s, and behind them the character that must follow (0: any). */
static bool take(const char **s, int n, char follows, int *ret) {
        int value = 0;

        for (; n > 0; n--, (*s)++) {
                if (!is_digit(**s))
                        return false;
                value = value * 10 + (**s - '0');
        }
        *ret = value;
        if (follows == 0)
                return true;
        if (**s != follows && !(follows == 'T' && **s == 't'))
                return false;
        (*s)++;
        return true;
}

static int days_in_month(int year, int month) {
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return days[month - 1] + (month == 2 && leap);
}

static bool take_fraction(const char **s, int64_t *ret_usec) {
        int64_t usec = 0, scale = 100000;
        int n;

        for (n = 0; is_digit((*s)[n]); n++, scale /= 10)
                usec += ((*s)[n] - '0') * scale;
        *s += n;
        *ret_usec = usec;
        return n >= 1 && n <= 9;
}

static bool take_offset(const char **s, int *ret_sec) {
        int hours, minutes, sign;

        if (**s == 'Z' || **s == 'z') {
                (*s)++;
                *ret_sec = 0;
                return true;
        }
        if (**s != '+' && **s != '-')
                return false;
        sign = *(*s)++ == '-' ? -1 : 1;
        if (!take(s, 2, ':', &hours) || !take(s, 2, 0, &minutes) || hours > 23 || minutes > 59)
                return false;
        *ret_sec = sign * (hours * 3600 + minutes * 60);
        return true;
}

int timestamp_parse(const char *s, uint64_t *ret_realtime_usec) {
        int year, month, day, hour, minute, second, offset;
        int64_t seconds, usec = 0;
        struct tm tm = {};

        if (!take(&s, 4, '-', &year) || !take(&s, 2, '-', &month) || !take(&s, 2, 'T', &day) ||
            !take(&s, 2, ':', &hour) || !take(&s, 2, ':', &minute) || !take(&s, 2, 0, &second))
                return -EINVAL;
        if (*s == '.') {
                s++;
                if (!take_fraction(&s, &usec))
                        return -EINVAL;
        }
        if (!take_offset(&s, &offset) || *s)
                return -EINVAL;

        /* Second 60 is a leap second, which Unix time has no number for: it becomes the second behind it. */
        if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
            hour > 23 || minute > 59 || second > 60)
                return -EINVAL;

        tm.tm_year = year - 1900;
        tm.tm_mon = month - 1;
        tm.tm_mday = day;
        tm.tm_hour = hour;
        tm.tm_min = minute;
        tm.tm_sec = second;
        seconds = (int64_t) timegm(&tm) - offset;
        if (seconds < 0 || seconds >= YEAR_10000_SEC)
                return -ERANGE;
        *ret_realtime_usec = (uint64_t) seconds * USEC_PER_SEC + (uint64_t) usec;
        return 0;
}
