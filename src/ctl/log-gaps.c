/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "ctl/log-view.h"
#include "runtime/events.h"
#include "wire/json.h"

/* What the central log knows to be missing (gradebook-log(8), "Gaps"): a record of its own for each gap, and for each time that a
 * rate limit held something back. Shown as they come, so that memory is bounded however many there are. */
typedef struct Gaps {
        LogView *view;
        bool suppressed;        /* these are what a rate limit held back */
        uint64_t n, lines;
} Gaps;

static const char *field(json_object *record, const char *name) {
        json_object *fields;

        return json_object_object_get_ex(record, "Fields", &fields) ? log_format_text(fields, name) : "";
}

static void add_numbers(char *ret, size_t size, const char *first, const char *last) {
        if (*first)
                (void) snprintf(ret, size, strcmp(first, last) == 0 ? " (%s)" : " (%s to %s)", first, last);
        else
                ret[0] = 0;
}

static void print_gap(const Gaps *g, json_object *record, const char *count) {
        const char *prefix = g->suppressed ? "SUPPRESSED_" : "GAP_";
        char when[LOG_FORMAT_TIME_SIZE], name[32], numbers[64], text[512];
        const char *service, *host, *instance;

        (void) snprintf(name, sizeof(name), "%sSERVICE", prefix);
        service = field(record, name);
        host = field(record, "GAP_HOST");
        instance = field(record, "GAP_INSTANCE");
        add_numbers(numbers, sizeof(numbers), field(record, "GAP_FIRST"), field(record, "GAP_LAST"));
        log_format_time(log_format_time_usec(record), LOG_TIME_DATE, when);
        (void) snprintf(text, sizeof(text), "%-20s  %-12s  %s%s%s", *service ? service : "-", *host ? host : "-",
                        g->suppressed ? "suppressed by its rate limit" : "missing", numbers, *instance ? ", " : "");
        _cleanup_(freep) char *clean = output_clean(text, NULL), *where = output_clean(instance, NULL);
        (void) printf("%s  %8s  %s%s\n", when, count, clean ? clean : "", where ? where : "");
}

static int take_gap(json_object *record, const char *line, size_t size, void *userdata) {
        Gaps *g = userdata;
        LogView *v = g->view;
        const char *text;
        uint64_t count = 0;

        if (!record || !log_options_match(v->options, record))
                return CTL_OK;
        text = field(record, g->suppressed ? "SUPPRESSED_COUNT" : "GAP_COUNT");
        (void) parse_uint64(text, &count);
        if (v->shown++ == 0 && !v->options->no_pager)
                pager_open(&v->pager);
        g->n++;
        g->lines += count;
        if (v->options->format == LOG_FORMAT_JSON)
                log_format_print(stdout, LOG_FORMAT_JSON, false, record, line, size);
        else
                print_gap(g, record, text);
        return ferror(stdout) ? log_view_flush(v) : CTL_OK;
}

static int show(Connection *c, Gaps *g) {
        _cleanup_(buffer_deinit) Buffer filters = BUFFER_NULL;
        LogWalk w = { .order = g->view->options->reverse ? LOG_NEWEST : LOG_OLDEST, .limit = UINT64_MAX, .take = take_gap, .userdata = g };
        int code;

        (void) buffer_puts(&filters, buffer_text(&g->view->options->filters));
        log_query_add(&filters, "message-id", event_id(g->suppressed ? EVENT_LOG_SUPPRESSED : EVENT_LOG_GAP));
        w.filters = buffer_text(&filters);
        code = filters.error < 0 ? ctl_fail(CTL_FAILURE, "out of memory") : log_walk(c, &w);
        return code == CTL_OK ? log_view_flush(g->view) : code;
}

int log_gaps(Connection *c, LogView *v) {
        Gaps gaps = { .view = v }, suppressed = { .view = v, .suppressed = true };
        int code;

        code = show(c, &gaps);
        if (code == CTL_OK && !v->gone)
                code = show(c, &suppressed);
        if (code != CTL_OK || v->gone || v->options->quiet || v->options->format == LOG_FORMAT_JSON)
                return code;
        if (v->shown == 0)
                (void) puts("No line is known to be missing.");
        else
                (void) printf("%" PRIu64 " lines were missing in %" PRIu64 " gaps when these were found; %" PRIu64 " were suppressed.\n",
                              gaps.lines, gaps.n, suppressed.lines);
        return log_view_flush(v);
}
