/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/config-value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/text.h"
#include "wire/problem.h"
#include "wire/url-list.h"
#include "wire/url.h"

#define NUMBER_SIZE CLOCK_SPAN_SIZE

static void format_size(uint64_t bytes, char ret[static NUMBER_SIZE]) {
        static const char units[] = { '\0', 'K', 'M', 'G', 'T' };
        size_t i = 0;

        while (i + 1 < sizeof(units) && bytes >= 1024 && bytes % 1024 == 0) {
                bytes /= 1024;
                i++;
        }
        (void) snprintf(ret, NUMBER_SIZE, "%" PRIu64 "%.1s", bytes, units + i);
}

static void format_number(const ConfigItem *item, uint64_t value, char ret[static NUMBER_SIZE]) {
        if (item->type == CONFIG_SPAN)
                clock_format_span(value, ret);
        else if (item->type == CONFIG_SIZE)
                format_size(value, ret);
        else
                (void) snprintf(ret, NUMBER_SIZE, "%" PRIu64, value);
}

static int refuse_number(const ConfigItem *item, Buffer *needed) {
        const char *what = item->type == CONFIG_SPAN ? "a time span" : item->type == CONFIG_SIZE ? "a size" : "a whole number";
        const char *such = item->type == CONFIG_SPAN ? ", such as 5s or 1min 30s," : item->type == CONFIG_SIZE ? ", such as 64M," : "";
        char min[NUMBER_SIZE], max[NUMBER_SIZE];

        format_number(item, item->min, min);
        format_number(item, item->max, max);
        if (item->max > 0)
                (void) buffer_printf(needed, "%s from %s to %s%s is needed", what, min, max, such);
        else
                (void) buffer_printf(needed, "%s%s is needed", what, such);
        return -EINVAL;
}

static int set_number(const ConfigItem *item, const char *text, uint64_t *target, Buffer *needed) {
        uint64_t value;
        int r;

        if (item->type == CONFIG_SPAN)
                r = parse_span_usec(text, &value);
        else if (item->type == CONFIG_SIZE)
                r = parse_size_bytes(text, &value);
        else
                r = parse_uint64(text, &value);
        if (r < 0 || value < item->min || (item->max > 0 && value > item->max))
                return refuse_number(item, needed);
        *target = value;
        return 0;
}

static int set_choice(const ConfigItem *item, const char *text, int *target, Buffer *needed) {
        for (int i = 0; item->choices[i]; i++) {
                if (strcasecmp(text, item->choices[i]) == 0) {
                        *target = i;
                        return 0;
                }
        }
        for (int i = 0; item->choices[i]; i++)
                (void) buffer_printf(needed, "%s%s", i == 0 ? "" : item->choices[i + 1] ? ", " : " or ", item->choices[i]);
        (void) buffer_puts(needed, " is needed");
        return -EINVAL;
}

static int set_bool(const char *text, bool *target, Buffer *needed) {
        if (parse_bool(text, target) < 0) {
                (void) buffer_puts(needed, "yes or no is needed");
                return -EINVAL;
        }
        return 0;
}

static int set_url(const ConfigItem *item, const char *text, char **target, Buffer *needed) {
        _cleanup_(freep) char *list = NULL;
        Problem problem = PROBLEM_NULL;

        /* No URL at all is allowed where that is the default. */
        if (*text || *item->fallback) {
                int r = item->type == CONFIG_URLS ? url_list_read(text, item->key, &list, &problem) : url_check(text, item->key, &problem);

                if (r < 0) {
                        const char *why = problem.detail ? strstr(problem.detail, " must ") : NULL;

                        (void) buffer_printf(needed, "an http or https URL is needed%s%s", why ? ": it" : "", why ? why : "");
                        problem_deinit(&problem);
                        return r == -ENOMEM ? r : -EINVAL;
                }
        }
        return text_replace(target, list ? list : text);
}

int config_value_set(const ConfigItem *item, const char *text, void *target, Buffer *needed) {
        void *place = (char *) target + item->offset;

        switch (item->type) {
        case CONFIG_TEXT:
                return text_replace(place, text);
        case CONFIG_BOOL:
                return set_bool(text, place, needed);
        case CONFIG_UINT:
        case CONFIG_SPAN:
        case CONFIG_SIZE:
                return set_number(item, text, place, needed);
        case CONFIG_CHOICE:
                return set_choice(item, text, place, needed);
        case CONFIG_URL:
        case CONFIG_URLS:
                return set_url(item, text, place, needed);
        }
        return -EINVAL;
}

void config_value_free(const ConfigItem *item, void *target) {
        if (item->type == CONFIG_TEXT || item->type == CONFIG_URL || item->type == CONFIG_URLS) {
                char **place = (char **) ((char *) target + item->offset);

                free(*place);
                *place = NULL;
        }
}
