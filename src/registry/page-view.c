/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "registry/page.h"
#include "wire/json.h"

#define ROWS_MAX 500
#define NAMES_MAX 8             /* that are told of who requires a service */

static int add_time(json_object *o, const char *member, uint64_t realtime_usec) {
        uint64_t now = clock_realtime_usec(), span = now > realtime_usec ? now - realtime_usec : 0;
        json_object *time = json_object_new_object();
        char stamp[CLOCK_TEXT_SIZE], age[CLOCK_SPAN_SIZE];

        if (realtime_usec == 0) {
                json_object_put(time);
                return 0;
        }
        clock_format_utc(realtime_usec, stamp);
        clock_format_span(span < USEC_PER_SEC ? 0 : span / USEC_PER_SEC * USEC_PER_SEC, age);
        int r = json_add(o, member, time);
        if (r >= 0)
                r = json_add_text(time, "Stamp", stamp);
        if (r >= 0)
                r = json_add_text(time, "Age", span < USEC_PER_SEC ? "now" : age);
        if (r >= 0)
                r = json_add(time, "Ago", json_object_new_boolean(span >= USEC_PER_SEC));
        return r;
}

/* "A, B and 3 more" */
static int add_names(json_object *o, const char *member, Team *const *teams, size_t n, bool all) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        for (size_t i = 0; i < n && i < NAMES_MAX; i++)
                (void) buffer_printf(&out, "%s%s", i > 0 ? ", " : "", teams[i]->name);
        if (n > NAMES_MAX)
                (void) buffer_printf(&out, " and %zu more", n - NAMES_MAX);
        if (all)
                (void) buffer_printf(&out, "%s", n > 0 ? " and every other service" : "every service");
        return out.error < 0 ? out.error : json_add_text(o, member, buffer_text(&out));
}

static int row_to_json(const Overview *overview, const Instance *i, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        const Team *t = overview_find(overview, i->registration->service_name);
        char rtt[CLOCK_SPAN_SIZE];

        if (!o)
                return -ENOMEM;

        int r = json_add_text(o, "Name", i->registration->service_name);
        if (r >= 0)
                r = json_add_text(o, "URL", i->registration->service_url);
        if (r >= 0)
                r = json_add_text(o, "State", health_state_name(i->health.state));
        if (r >= 0)
                r = json_add(o, "Held", json_object_new_boolean(i->held));
        if (r >= 0)
                r = add_time(o, "Since", i->since_usec);
        if (r >= 0)
                r = add_time(o, "Checked", i->checked_usec);
        if (r >= 0 && i->last_error)
                r = json_add_text(o, "Error", i->last_error);
        if (r >= 0 && i->checked_usec > 0 && !i->last_error) {
                clock_format_span(i->rtt_usec, rtt);
                r = json_add_text(o, "RTT", rtt);
        }
        if (r >= 0)
                r = json_add(o, "Lease", json_object_new_boolean(!i->registration->heartbeat_url));
        if (r >= 0 && t)
                r = add_names(o, "Requires", t->required, t->n_required, t->requires_all);
        if (r >= 0 && t)
                r = add_names(o, "RequiredBy", t->dependants, t->n_dependants, false);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(o);
        return 0;
}

static int severity(const Instance *i) {
        return i->health.state == HEALTH_PASSING ? 0 : i->health.state == HEALTH_CRITICAL ? 2 : 1;
}

/* What needs somebody's attention comes first. */
static int compare_instances(const void *a, const void *b) {
        const Instance *x = *(const Instance *const *) a, *y = *(const Instance *const *) b;

        if (severity(x) != severity(y))
                return severity(y) - severity(x);
        int k = strcmp(x->registration->service_name, y->registration->service_name);
        return k != 0 ? k : strcmp(x->url, y->url);
}

static int add_rows(const Registry *g, const Overview *overview, json_object *view) {
        size_t n = 0, total = instance_count(g);
        _cleanup_(freep) const Instance **sorted = calloc(total + 1, sizeof(Instance *));
        json_object *rows = json_object_new_array(), *row;
        int r = json_add(view, "Instances", rows);

        if (!sorted)
                return -ENOMEM;

        for (const Instance *i = g->instances; i; i = i->hh.next)
                sorted[n++] = i;
        qsort(sorted, n, sizeof(Instance *), compare_instances);
        for (size_t i = 0; i < n && i < ROWS_MAX && r >= 0; i++) {
                r = row_to_json(overview, sorted[i], &row);
                if (r >= 0 && json_object_array_add(rows, row) < 0) {
                        json_object_put(row);
                        r = -ENOMEM;
                }
        }
        if (r >= 0 && n > ROWS_MAX)
                r = json_add_uint64(view, "NotListed", n - ROWS_MAX);
        return r;
}

static const char *plural(size_t n) {
        return n == 1 ? "" : "s";
}

/* What somebody wants to know who looks for a second. */
static int add_summary(const Registry *g, const Overview *overview, json_object *view) {
        size_t n = instance_count(g), states[HEALTH_FORGOTTEN], missing = 0, teams = 0;
        size_t passing, critical, draining;
        char title[128], facts[160];

        instance_count_states(g, states);
        passing = states[HEALTH_PASSING];
        critical = states[HEALTH_CRITICAL];
        draining = states[HEALTH_DRAINING];
        for (const Team *t = overview->teams; t; t = t->hh.next) {
                missing += t->n_instances == 0;
                teams += t->n_instances > 0;
        }
        if (n == 0)
                (void) snprintf(title, sizeof(title), "Nothing is registered yet");
        else if (critical > 0)
                (void) snprintf(title, sizeof(title), "%zu of %zu instance%s %s critical", critical, n, plural(n), critical == 1 ? "is" : "are");
        else if (missing > 0)
                (void) snprintf(title, sizeof(title), "%zu required service%s %s missing", missing, plural(missing), missing == 1 ? "is" : "are");
        else if (draining > 0 && passing + draining == n)
                (void) snprintf(title, sizeof(title), "%zu of %zu instance%s draining", draining, n, n == 1 ? " is" : "s are");
        else if (passing < n)
                (void) snprintf(title, sizeof(title), "%zu of %zu instance%s passing", passing, n, n == 1 ? " is" : "s are");
        else
                (void) snprintf(title, sizeof(title), "All %zu instance%s passing", n, n == 1 ? " is" : "s are");
        (void) snprintf(facts, sizeof(facts), "%zu service%s, %zu instance%s", teams, plural(teams), n, plural(n));

        int r = json_add_text(view, "Title", title);
        if (r >= 0)
                r = json_add_text(view, "Facts", facts);
        if (r >= 0)
                r = json_add_text(view, "Class", critical > 0 ? "critical" : draining > 0 && passing + draining == n && missing == 0 ? "draining" : passing < n || missing > 0 ? "suspect" : n > 0 ? "passing" : "missing");
        if (r >= 0)
                r = json_add(view, "IsEmpty", json_object_new_boolean(n == 0));
        return r;
}

int page_view(const Registry *g, unsigned refresh_sec, json_object **ret) {
        _cleanup_(json_unrefp) json_object *view = json_object_new_object();
        _cleanup_(overview_freep) Overview *overview = NULL;
        json_object *picture = NULL;
        char now[CLOCK_TEXT_SIZE], shown[16];

        if (!view)
                return -ENOMEM;

        int r = page_overview(g, &overview);
        if (r >= 0)
                r = add_summary(g, overview, view);
        if (r >= 0)
                r = page_picture(overview, &picture);
        if (r >= 0 && picture)
                r = json_add(view, "Picture", picture);
        if (r >= 0)
                r = add_rows(g, overview, view);

        clock_format_utc(clock_realtime_usec(), now);
        (void) snprintf(shown, sizeof(shown), "%.8s", now + strlen("2026-11-22T"));
        if (r >= 0)
                r = json_add_text(view, "Stamp", now);
        if (r >= 0)
                r = json_add_text(view, "Time", shown);
        if (r >= 0 && refresh_sec > 0)
                r = json_add_uint64(view, "Refresh", refresh_sec);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(view);
        return 0;
}
