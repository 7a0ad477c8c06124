/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/when.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "wire/json.h"
#include "wire/timestamp.h"

typedef struct Part {
        const char *name, *value;
} Part;

static const char *month_text(Language l, int month) {
        static const char *const keys[] = { "Month01", "Month02", "Month03", "Month04", "Month05", "Month06",
                                            "Month07", "Month08", "Month09", "Month10", "Month11", "Month12" };

        return language_text(l, keys[month]);
}

static const char *part_value(const Part parts[], size_t n, const char *name, size_t size) {
        for (size_t i = 0; i < n; i++)
                if (strlen(parts[i].name) == size && strncmp(parts[i].name, name, size) == 0)
                        return parts[i].value;
        return "";
}

/* The text of the key with each {{Part}} in its place: languages differ in their order. */
static void fill(Language l, const char *key, const Part parts[], size_t n, char ret[static WHEN_TEXT_SIZE]) {
        const char *s = language_text(l, key), *open, *close;
        size_t used = 0;

        ret[0] = '\0';
        while ((open = strstr(s, "{{")) && (close = strstr(open, "}}"))) {
                const char *value = part_value(parts, n, open + 2, (size_t) (close - open - 2));

                used += (size_t) snprintf(ret + used, WHEN_TEXT_SIZE - used, "%.*s%s", (int) (open - s), s, value);
                if (used >= WHEN_TEXT_SIZE)
                        return;
                s = close + 2;
        }
        (void) snprintf(ret + used, WHEN_TEXT_SIZE - used, "%s", s);
}

static void format_tm(Language l, const char *key, const struct tm *tm, char ret[static WHEN_TEXT_SIZE]) {
        const char *zone = tm->tm_zone ? tm->tm_zone : "";
        char day[12], year[12], clock[32], with_zone[24];

        (void) snprintf(day, sizeof(day), "%d", tm->tm_mday);
        (void) snprintf(year, sizeof(year), "%d", tm->tm_year + 1900);
        (void) snprintf(clock, sizeof(clock), "%02d:%02d", tm->tm_hour, tm->tm_min);
        /* Zones without a name of letters are called "+08". */
        (void) snprintf(with_zone, sizeof(with_zone), "%s%s", *zone == '+' || *zone == '-' ? "UTC" : "", zone);
        const Part parts[] = {
                { "Day", day }, { "Month", month_text(l, tm->tm_mon) }, { "Year", year }, { "Clock", clock }, { "Zone", with_zone },
        };

        fill(l, key, parts, ELEMENTSOF(parts), ret);
}

void when_format_usec(Language l, uint64_t realtime_usec, char ret[static WHEN_TEXT_SIZE]) {
        time_t seconds = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm = {};

        if (!localtime_r(&seconds, &tm))
                (void) gmtime_r(&seconds, &tm);
        format_tm(l, "WhenTime", &tm, ret);
}

int when_format(Language l, const char *rfc3339, char ret[static WHEN_TEXT_SIZE]) {
        uint64_t usec;
        int r = timestamp_parse(rfc3339, &usec);

        if (r >= 0)
                when_format_usec(l, usec, ret);
        return r;
}

int when_format_date(Language l, const char *date, char ret[static WHEN_TEXT_SIZE]) {
        char midnight[sizeof("2026-11-27T00:00:00Z")];
        struct tm tm = {};
        time_t seconds;
        uint64_t usec;
        int n = snprintf(midnight, sizeof(midnight), "%sT00:00:00Z", date);

        /* The calendar's rules are those of times, but for years before 1970. */
        if (n < 0 || (size_t) n >= sizeof(midnight) || timestamp_parse(midnight, &usec) < 0)
                return -EINVAL;
        seconds = (time_t) (usec / USEC_PER_SEC);
        (void) gmtime_r(&seconds, &tm);
        format_tm(l, "WhenDate", &tm, ret);
        return 0;
}

int when_add(json_object *view, const char *member, Language l, const char *text) {
        char shown[WHEN_TEXT_SIZE];

        if (text && (when_format(l, text, shown) >= 0 || when_format_date(l, text, shown) >= 0))
                return json_add_text(view, member, shown);
        return json_add_text(view, member, text);
}
