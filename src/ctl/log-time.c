/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/log-time.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/parse.h"
#include "wire/timestamp.h"

#define TEXT_SIZE 128
#define YEAR_10000_SEC INT64_C(253402300800)

static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

static int add(uint64_t now, uint64_t span, bool back, uint64_t *ret) {
        uint64_t sum;

        if (back ? __builtin_sub_overflow(now, span, &sum) : __builtin_add_overflow(now, span, &sum))
                return -ERANGE;
        if (sum / USEC_PER_SEC >= (uint64_t) YEAR_10000_SEC)
                return -ERANGE;
        *ret = sum;
        return 0;
}

/* text ends with the word, behind a blank: cuts it off. */
static bool cut_word(char *text, const char *word) {
        size_t n = strlen(text), k = strlen(word);

        if (n < k + 2 || strcasecmp(text + n - k, word) != 0 || text[n - k - 1] != ' ')
                return false;
        for (n = n - k; n > 0 && text[n - 1] == ' '; n--)
                ;
        text[n] = 0;
        return true;
}

/* 1 if it is relative, 0 if not. */
static int parse_relative(char *text, uint64_t now, uint64_t *ret) {
        bool back = text[0] == '-';
        uint64_t span;
        int r;

        if (text[0] == '@') {
                r = parse_span_usec(text + 1, &span);
                return r < 0 ? r : add(0, span, false, ret) < 0 ? -ERANGE : 1;
        }
        if (text[0] == '+' || text[0] == '-')
                text++;
        else if (cut_word(text, "ago"))
                back = true;
        else if (!cut_word(text, "left"))
                return 0;
        r = parse_span_usec(text, &span);
        if (r >= 0)
                r = add(now, span, back, ret);
        return r < 0 ? r : 1;
}

/* Which day of the week the text begins with, moving behind it and its blanks; -1: none. */
static int take_weekday(const char **s) {
        for (size_t i = 0; i < ELEMENTSOF(weekdays); i++) {
                size_t n = strlen(weekdays[i]);

                if (strncasecmp(*s, weekdays[i], n) != 0)
                        n = 3;
                if (strncasecmp(*s, weekdays[i], n) != 0 || ((*s)[n] != ' ' && (*s)[n] != ','))
                        continue;
                *s += n;
                *s += **s == ',';
                *s += strspn(*s, " ");
                return (int) i;
        }
        return -1;
}

/* From min to max digits. */
static bool take_number(const char **s, int min, int max, int *ret) {
        int value = 0, n = 0;

        for (; n < max && isdigit((unsigned char) **s); n++, (*s)++)
                value = value * 10 + (**s - '0');
        *ret = value;
        return n >= min && !isdigit((unsigned char) **s);
}

static int days_in_month(int year, int month) {
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

        return days[month - 1] + (month == 2 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0));
}

/* "2026-11-22", "26-11-22"; a two-digit year as strptime(3) reads it. */
static bool take_date(const char **s, struct tm *tm) {
        const char *start = *s;
        int year, month, day;

        if (!take_number(s, 2, 4, &year) || *(*s)++ != '-')
                return false;
        if (*s - start == 3)
                year += year < 69 ? 2000 : 1900;
        else if (*s - start != 5)
                return false;
        if (!take_number(s, 1, 2, &month) || *(*s)++ != '-' || !take_number(s, 1, 2, &day))
                return false;
        if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
                return false;
        tm->tm_year = year - 1900;
        tm->tm_mon = month - 1;
        tm->tm_mday = day;
        return true;
}

/* "10:00", "10:00:15", "10:00:15.25". */
static bool take_clock(const char **s, struct tm *tm, uint64_t *ret_usec) {
        uint64_t scale = USEC_PER_SEC / 10;

        if (!take_number(s, 1, 2, &tm->tm_hour) || *(*s)++ != ':' || !take_number(s, 2, 2, &tm->tm_min))
                return false;
        if (**s == ':') {
                (*s)++;
                if (!take_number(s, 2, 2, &tm->tm_sec))
                        return false;
                if (**s == '.' && !isdigit((unsigned char) (*s)[1]))
                        return false;
                if (**s == '.')
                        for ((*s)++; isdigit((unsigned char) **s); (*s)++, scale /= 10)
                                *ret_usec += (uint64_t) (**s - '0') * scale;
        }
        return tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

/* 1 if it is one of the words, with tm at the beginning of the day it names. */
static int take_word(const char *s, struct tm *tm) {
        static const struct {
                const char *word;
                int days;
        } words[] = { { "today", 0 }, { "yesterday", -1 }, { "tomorrow", 1 } };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                if (strcasecmp(s, words[i].word) != 0)
                        continue;
                tm->tm_mday += words[i].days;
                return 1;
        }
        return 0;
}

static int to_usec(struct tm *tm, bool utc, int weekday, uint64_t usec, uint64_t *ret) {
        int64_t seconds;

        tm->tm_isdst = -1;
        seconds = utc ? timegm(tm) : mktime(tm);
        /* Before 1970 mktime(3) may say -1 for a moment, too: both are out of range here. */
        if (seconds < 0 || seconds >= YEAR_10000_SEC)
                return -ERANGE;
        if (weekday >= 0 && tm->tm_wday != weekday)
                return -EINVAL;
        *ret = (uint64_t) seconds * USEC_PER_SEC + usec;
        return 0;
}

int log_time_parse(const char *s, uint64_t now_usec, uint64_t *ret) {
        time_t now = (time_t) (now_usec / USEC_PER_SEC);
        char text[TEXT_SIZE];
        const char *p = text;
        uint64_t usec = 0;
        int weekday, r;
        struct tm tm;
        bool utc;

        s += strspn(s, " ");
        if (snprintf(text, sizeof(text), "%s", s) >= (int) sizeof(text))
                return -EINVAL;
        for (size_t n = strlen(text); n > 0 && text[n - 1] == ' '; n--)
                text[n - 1] = 0;

        r = timestamp_parse(text, ret);
        if (r != -EINVAL)
                return r;
        if (strcasecmp(text, "now") == 0)
                return add(now_usec, 0, false, ret);
        r = parse_relative(text, now_usec, ret);
        if (r != 0)
                return r < 0 ? r : 0;

        utc = cut_word(text, "UTC");
        if (!(utc ? gmtime_r(&now, &tm) : localtime_r(&now, &tm)))
                return -ERANGE;
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        if (take_word(text, &tm))
                return to_usec(&tm, utc, -1, 0, ret);

        weekday = take_weekday(&p);
        if (p[strcspn(p, ":-")] == '-') {
                if (!take_date(&p, &tm))
                        return -EINVAL;
                if (*p == 0)
                        return to_usec(&tm, utc, weekday, 0, ret);
                if (*p != ' ' && *p != 'T')
                        return -EINVAL;
                p += *p == 'T' ? 1 : strspn(p, " ");
        }
        if (!take_clock(&p, &tm, &usec) || *p)
                return -EINVAL;
        return to_usec(&tm, utc, weekday, usec, ret);
}
