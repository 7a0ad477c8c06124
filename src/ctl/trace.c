/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/log-view.h"
#include "wire/json.h"

#define TRACE_LINES_MAX 10000   /* of one request that are put in order */
#define ID_DIGITS 32

const CtlOption ctl_trace_options[] = {
        { "no-pager", 0, NULL, "Do not show it in a pager" },
        { .name = NULL },
};

/* One request's lines, as they came; sorted later. */
typedef struct Steps {
        struct Step {
                uint64_t usec;
                size_t i;
                json_object *record;
        } *steps;
        size_t n;
        bool more;
} Steps;

static void steps_deinit(Steps *s) {
        for (size_t i = 0; i < s->n; i++)
                json_object_put(s->steps[i].record);
        free(s->steps);
        *s = (Steps) {};
}

/* The id in what somebody has copied from somewhere: a traceparent, or the digits alone, also among a label. */
static bool find_id(const char *text, char ret[static ID_DIGITS + 1]) {
        while (*text) {
                size_t n = strspn(text, "0123456789abcdefABCDEF");

                if (n == ID_DIGITS) {
                        for (size_t i = 0; i < ID_DIGITS; i++)
                                ret[i] = (char) tolower((unsigned char) text[i]);
                        ret[ID_DIGITS] = 0;
                        return strspn(ret, "0") != ID_DIGITS;
                }
                text += n + (n == 0);
        }
        return false;
}

static int take_step(json_object *record, const char *line, size_t size, void *userdata) {
        Steps *s = userdata;

        if (!record)
                return CTL_OK;
        if (s->n == TRACE_LINES_MAX) {
                s->more = true;
                return LOG_STOP;
        }
        if ((s->n & (s->n - 1)) == 0) {
                struct Step *more = reallocarray(s->steps, s->n ? s->n * 2 : 1, sizeof(*more));

                if (!more)
                        return ctl_fail(CTL_FAILURE, "out of memory");
                s->steps = more;
        }
        s->steps[s->n] = (struct Step) { log_format_time_usec(record), s->n, json_object_get(record) };
        s->n++;
        return CTL_OK;
}

static int compare_steps(const void *a, const void *b) {
        const struct Step *x = a, *y = b;

        if (x->usec != y->usec)
                return x->usec < y->usec ? -1 : 1;
        return x->i < y->i ? -1 : x->i > y->i;
}

/* ---- nothing ---- */

static int take_oldest(json_object *record, const char *line, size_t size, void *userdata) {
        *(uint64_t *) userdata = record ? log_format_time_usec(record) : 0;
        return LOG_STOP;
}

static int fail_unknown(Connection *c, const char *id) {
        LogWalk w = { .order = LOG_OLDEST, .limit = 1, .take = take_oldest };
        char when[LOG_FORMAT_TIME_SIZE];
        uint64_t usec = 0;
        int code;

        w.userdata = &usec;
        code = log_walk(c, &w);
        if (code != CTL_OK)
                return code;
        if (usec == 0)
                return ctl_fail(CTL_NOT_FOUND, "the log has no line at all");
        log_format_time(usec, LOG_TIME_DATE, when);
        return ctl_fail(CTL_NOT_FOUND, "the log has no line of the request %s; it reaches back to %s", id, when);
}

/* ---- a table of steps ---- */

/* Which service this is, by the order in which they come in: its indentation. */
static int depth_of(json_object *seen, const char *service) {
        json_object *depth;

        if (!json_object_object_get_ex(seen, service, &depth)) {
                depth = json_object_new_int(json_object_object_length(seen));
                if (json_object_object_add(seen, service, depth) < 0)
                        return 0;
        }
        return json_object_get_int(depth);
}

static void add_step(Table *t, json_object *seen, const struct Step *step, uint64_t first, uint64_t previous) {
        json_object *r = step->record;
        const char *host = log_format_text(r, "Host"), *instance = log_format_text(r, "Instance");
        int depth = depth_of(seen, log_format_text(r, "Service"));
        char when[LOG_FORMAT_TIME_SIZE];

        log_format_time(step->usec, LOG_TIME_CLOCK, when);
        table_add(t, STYLE_FAINT, "%s.%06" PRIu64, when, step->usec % USEC_PER_SEC);
        table_add(t, STYLE_PLAIN, "%" PRIu64 ".%03" PRIu64, (step->usec - first) / 1000, (step->usec - first) % 1000);
        table_add(t, STYLE_PLAIN, "+%" PRIu64 ".%03" PRIu64, (step->usec - previous) / 1000, (step->usec - previous) % 1000);
        table_add(t, STYLE_PLAIN, "%*s%s", 2 * depth, "", log_format_text(r, "Service"));
        table_add(t, STYLE_PLAIN, "%s%s%s", host, *host && *instance ? " " : "", *instance ? instance : *host ? "" : "-");
        table_add(t, log_format_style(log_format_priority(r)), "%s", log_format_text(r, "Message"));
}

static int print_steps(const Ctl *ctl, const char *id, const Steps *s) {
        _cleanup_(table_deinit) Table t = TABLE("TIME", ">AT MS", ">DELTA", "SERVICE", "WHERE", "MESSAGE");
        _cleanup_(json_unrefp) json_object *seen = json_object_new_object();
        uint64_t first = s->steps[0].usec;
        char when[LOG_FORMAT_TIME_SIZE];

        for (size_t i = 0; i < s->n; i++)
                add_step(&t, seen, s->steps + i, first, s->steps[i > 0 ? i - 1 : 0].usec);
        log_format_time(first, LOG_TIME_DATE, when);
        (void) printf("Request %s of %s: %zu line%s of %d service%s within %" PRIu64 ".%03" PRIu64 " ms\n\n", id, when, s->n, s->n == 1 ? "" : "s",
                      json_object_object_length(seen), json_object_object_length(seen) == 1 ? "" : "s",
                      (s->steps[s->n - 1].usec - first) / 1000, (s->steps[s->n - 1].usec - first) % 1000);
        if (table_print(&t, ctl->colour) < 0)
                return ctl_fail(CTL_FAILURE, "out of memory");
        if (s->more)
                (void) printf("It has more lines: these are the first %d that were stored.\n", TRACE_LINES_MAX);
        return CTL_OK;
}

static int print_json(const Steps *s) {
        _cleanup_(json_unrefp) json_object *array = json_object_new_array();

        for (size_t i = 0; i < s->n; i++)
                if (!array || json_object_array_add(array, json_object_get(s->steps[i].record)) < 0)
                        return ctl_fail(CTL_FAILURE, "out of memory");
        return output_json(array);
}

int ctl_trace(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(steps_deinit) Steps s = {};
        LogOptions options = { .ctl = ctl };
        LogWalk w = { .order = LOG_OLDEST, .limit = UINT64_MAX, .take = take_step, .userdata = &s };
        char id[ID_DIGITS + 1], filters[sizeof("&request=") + ID_DIGITS];
        LogView view;
        int code;

        if (!find_id(arguments[0], id))
                return ctl_fail(CTL_USAGE, "trace %s: the 32 hex digits of a request are needed, as error pages show them and \"gradebookctl log -o verbose\" "
                                "(RequestID), or a traceparent", arguments[0]);
        (void) snprintf(filters, sizeof(filters), "&request=%s", id);
        w.filters = filters;
        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = log_walk(c, &w);
        if (code == CTL_OK && s.n == 0)
                code = fail_unknown(c, id);
        if (code != CTL_OK)
                return code;
        qsort(s.steps, s.n, sizeof(*s.steps), compare_steps);
        log_view_begin(&view, &options);
        if (!ctl_option(ctl, "no-pager") && !ctl->json)
                pager_open(&view.pager);
        code = ctl->json ? print_json(&s) : print_steps(ctl, id, &s);
        if (code == CTL_OK)
                code = log_view_flush(&view);
        pager_close(&view.pager);
        return code == LOG_STOP ? CTL_OK : code;
}
