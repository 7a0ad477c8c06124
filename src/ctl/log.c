/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "ctl/log-view.h"
#include "wire/registration.h"

#define HINT_LINES 5000         /* in which a name is looked for that was perhaps meant */

/* Finds the cursor behind which the last lines begin that are to be shown, where the service cannot count them. */
typedef struct Locate {
        const LogOptions *options;
        uint64_t left;
        char cursor[LOG_CURSOR_MAX];
        bool found;
} Locate;

static int take_located(json_object *record, const char *line, size_t size, void *userdata) {
        Locate *l = userdata;

        if (!log_options_match(l->options, record))
                return CTL_OK;
        if (l->left == 0) {
                log_take_cursor(record, l->cursor);
                l->found = true;
                return LOG_STOP;
        }
        l->left--;
        return CTL_OK;
}

/* *w becomes a walk over the last lines, oldest first. */
static int plan_tail(Connection *c, const LogOptions *o, Locate *l, LogWalk *w) {
        LogWalk back = { .filters = w->filters, .order = LOG_NEWEST, .limit = UINT64_MAX, .take = take_located, .userdata = l };
        int code;

        if (o->lines <= LOG_TAIL_MAX && !log_options_choose(o)) {
                w->order = LOG_TAIL;
                return CTL_OK;
        }
        *l = (Locate) { .options = o, .left = o->lines };
        code = log_walk(c, &back);
        w->cursor = l->found ? l->cursor : NULL;
        return code;
}

/* Where it begins, and which way it goes. l: room for a cursor. */
static int plan(Connection *c, const LogOptions *o, Locate *l, LogWalk *w) {
        const char *cursor = o->cursor ? o->cursor : o->after_cursor;
        int code;

        w->order = o->reverse ? LOG_NEWEST : LOG_OLDEST;
        w->cursor = cursor;
        if (!cursor)
                return o->reverse || o->lines == LOG_LINES_ALL ? CTL_OK : plan_tail(c, o, l, w);
        if (o->after_cursor)
                return CTL_OK;
        /* With the cursor's own line, too: behind the one before it. */
        code = log_next_cursor(c, o->reverse ? LOG_OLDEST : LOG_NEWEST, cursor, l->cursor);
        w->cursor = *l->cursor ? l->cursor : NULL;
        return code;
}

typedef struct Counted {
        LogView *view;
        uint64_t lines;
} Counted;

/* The walk counts what comes, this what is shown. */
static int take_counted(json_object *record, const char *line, size_t size, void *userdata) {
        Counted *n = userdata;
        int code;

        code = log_view_take(record, line, size, n->view);
        return code == CTL_OK && n->view->shown >= n->lines ? LOG_STOP : code;
}

static int show(Connection *c, LogView *v) {
        const LogOptions *o = v->options;
        Counted counted = { v, o->lines };
        LogWalk w = { .filters = buffer_text(&o->filters), .limit = o->lines, .take = log_view_take, .userdata = v };
        Locate l = {};
        int code;

        if (log_options_choose(o)) {
                w.limit = o->lines == 0 ? 0 : UINT64_MAX;
                w.take = take_counted;
                w.userdata = &counted;
        }
        code = plan(c, o, &l, &w);
        if (code == CTL_OK)
                code = log_walk(c, &w);
        if (code == CTL_OK)
                code = log_view_flush(v);
        return code;
}

static int show_and_follow(Connection *c, LogView *v) {
        char before[LOG_CURSOR_MAX];
        int code;

        /* What is newer than this is new, where nothing of what is older is shown. */
        code = log_next_cursor(c, LOG_NEWEST, NULL, before);
        if (code == CTL_OK)
                code = show(c, v);
        if (code != CTL_OK || v->gone || connection_interrupted(c))
                return code;
        if (!*v->seen)
                (void) snprintf(v->seen, sizeof(v->seen), "%s", before);
        return log_follow(c, v);
}

/* ---- a unit that nothing was found of ---- */

static int take_name(json_object *record, const char *line, size_t size, void *userdata) {
        json_object *names = userdata;

        if (record && *log_format_text(record, "Service"))
                (void) json_object_object_add(names, log_format_text(record, "Service"), NULL);
        return CTL_OK;
}

static void hint_unit(const char *unit, json_object *names) {
        Nearest nearest = NEAREST(unit);

        /* It is there, and only what else was asked for is not. */
        if (json_object_object_get_ex(names, unit, NULL))
                return;
        for (size_t i = 0; i < _PEER_MAX; i++)
                nearest_offer(&nearest, ctl_peers[i].unit);
        json_object_object_foreach(names, name, value)
                nearest_offer(&nearest, name);
        if (nearest.text && strcmp(nearest.text, unit) != 0)
                (void) fprintf(stderr, "gradebookctl: no line of \"%s\": did you mean \"%s\"?\n", unit, nearest.text);
}

static void hint_units(Connection *c, const LogOptions *o) {
        json_object *names;
        LogWalk w = { .order = LOG_TAIL, .limit = HINT_LINES, .take = take_name };
        char name[SERVICE_NAME_MAX + sizeof(".service")];
        const char *unit;

        if (o->units_here || !ctl_option(o->ctl, "unit"))
                return;
        names = json_object_new_object();
        w.userdata = names;
        if (names && log_walk(c, &w) == CTL_OK)
                for (size_t at = 0; (unit = ctl_option_next(o->ctl, "unit", &at));) {
                        size_t n = strlen(unit);

                        n -= n > 8 && strcmp(unit + n - 8, ".service") == 0 ? 8 : 0;
                        (void) snprintf(name, sizeof(name), "%.*s", (int) n, unit);
                        hint_unit(name, names);
                }
        json_object_put(names);
}

int ctl_log(Ctl *ctl, char *arguments[]) {
        _cleanup_(log_options_deinit) LogOptions o = {};
        _cleanup_(connection_freep) Connection *c = NULL;
        LogView view;
        int code;

        code = log_options_parse(ctl, &o);
        if (code == CTL_OK)
                code = connection_open(ctl, &c);
        if (code == CTL_OK && o.follow)
                code = connection_end_on_interrupt(c);
        if (code != CTL_OK)
                return code;
        log_view_begin(&view, &o);
        if (o.gaps)
                code = log_gaps(c, &view);
        else
                code = o.follow ? show_and_follow(c, &view) : show(c, &view);
        if (code == LOG_STOP)
                code = CTL_OK;
        else if (code == CTL_OK && !connection_interrupted(c) && !o.gaps)
                log_view_end(&view);
        pager_close(&view.pager);
        if (code == CTL_OK && view.shown == 0 && !o.quiet && !o.follow && !o.gaps)
                hint_units(c, &o);
        return code;
}
