/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/macros.h"

int parse_bool(const char *s, bool *ret) {
        static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
        static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
                        *ret = strcasecmp(s, yes[i]) == 0;
                        return 0;
                }
        }
        return -EINVAL;
}

/* Reads digits at *s into *ret and moves *s past them. */
static int take_digits(const char **s, uint64_t *ret) {
        uint64_t value = 0;
        const char *p = *s;

        if (!isdigit((unsigned char) *p))
                return -EINVAL;
        for (; isdigit((unsigned char) *p); p++)
                if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
                        return -ERANGE;
        *s = p;
        *ret = value;
        return 0;
}

int parse_uint64(const char *s, uint64_t *ret) {
        uint64_t value;
        int r = take_digits(&s, &value);

        if (r < 0)
                return r;
        if (*s)
                return -EINVAL;
        *ret = value;
        return 0;
}

typedef struct Unit {
        const char *name;
        uint64_t factor;
} Unit;

static const Unit span_units[] = {
        { "us", 1 },
        { "usec", 1 },
        { "ms", USEC_PER_MSEC },
        { "msec", USEC_PER_MSEC },
        { "", USEC_PER_SEC },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "second", USEC_PER_SEC },
        { "seconds", USEC_PER_SEC },
        { "m", 60 * USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC },
        { "minute", 60 * USEC_PER_SEC },
        { "minutes", 60 * USEC_PER_SEC },
        { "h", 3600 * USEC_PER_SEC },
        { "hr", 3600 * USEC_PER_SEC },
        { "hour", 3600 * USEC_PER_SEC },
        { "hours", 3600 * USEC_PER_SEC },
        { "d", 86400 * USEC_PER_SEC },
        { "day", 86400 * USEC_PER_SEC },
        { "days", 86400 * USEC_PER_SEC },
        { "w", 7 * 86400 * USEC_PER_SEC },
        { "week", 7 * 86400 * USEC_PER_SEC },
        { "weeks", 7 * 86400 * USEC_PER_SEC },
};

static const Unit size_units[] = {
        { "", 1 }, { "B", 1 }, { "K", UINT64_C(1) << 10 }, { "M", UINT64_C(1) << 20 }, { "G", UINT64_C(1) << 30 }, { "T", UINT64_C(1) << 40 },
};

/* Reads "NUMBER[UNIT]" at *s, moves past it, and adds it to *sum. */
static int take_quantity(const char **s, const Unit *units, size_t n_units, uint64_t *sum) {
        const char *p = *s;
        uint64_t value;
        size_t length;
        int r = take_digits(&p, &value);

        if (r < 0)
                return r;
        for (length = 0; isalpha((unsigned char) p[length]); length++)
                ;
        for (size_t i = 0; i < n_units; i++) {
                if (strlen(units[i].name) != length || memcmp(units[i].name, p, length) != 0)
                        continue;
                if (__builtin_mul_overflow(value, units[i].factor, &value) || __builtin_add_overflow(*sum, value, sum))
                        return -ERANGE;
                *s = p + length;
                return 0;
        }
        return -EINVAL;
}

int parse_span_usec(const char *s, uint64_t *ret) {
        uint64_t sum = 0;

        for (;;) {
                int r = take_quantity(&s, span_units, ELEMENTSOF(span_units), &sum);

                if (r < 0)
                        return r;
                if (!*s)
                        break;
                while (*s == ' ')
                        s++;
        }
        *ret = sum;
        return 0;
}

int parse_size_bytes(const char *s, uint64_t *ret) {
        uint64_t sum = 0;
        int r = take_quantity(&s, size_units, ELEMENTSOF(size_units), &sum);

        if (r < 0)
                return r;
        if (*s)
                return -EINVAL;
        *ret = sum;
        return 0;
}

int parse_hundredths(const char *s, uint32_t *ret) {
        uint64_t digits = 0;
        long exponent = 2;      /* the value is digits * 10^exponent hundredths */
        bool seen = false, point = false;

        if (*s == '-')
                return isdigit((unsigned char) s[1]) ? -ERANGE : -EINVAL;
        for (; isdigit((unsigned char) *s) || (*s == '.' && !point); s++) {
                if (*s == '.') {
                        if (!seen || !isdigit((unsigned char) s[1]))
                                return -EINVAL;
                        point = true;
                        continue;
                }
                seen = true;
                if (__builtin_mul_overflow(digits, 10, &digits) || __builtin_add_overflow(digits, (uint64_t) (*s - '0'), &digits))
                        return -ERANGE;
                if (point)
                        exponent--;
        }
        if (!seen)
                return -EINVAL;
        if (*s == 'e' || *s == 'E') {
                bool negative = s[1] == '-';
                uint64_t shift;
                int r;

                s += s[1] == '-' || s[1] == '+' ? 2 : 1;
                r = take_digits(&s, &shift);
                if (r < 0)
                        return r;
                if (shift > 1000)
                        return -ERANGE;
                exponent += negative ? -(long) shift : (long) shift;
        }
        if (*s)
                return -EINVAL;

        if (digits == 0)
                exponent = 0;
        for (; exponent > 0; exponent--)
                if (__builtin_mul_overflow(digits, 10, &digits))
                        return -ERANGE;
        for (; exponent < 0; exponent++) {
                if (digits % 10 != 0)
                        return -ERANGE;
                digits /= 10;
        }
        if (digits > UINT32_MAX)
                return -ERANGE;
        *ret = (uint32_t) digits;
        return 0;
}
