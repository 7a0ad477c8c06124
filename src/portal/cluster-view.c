/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "portal/cluster-services.h"
#include "portal/cluster.h"
#include "portal/moment.h"
#include "wire/json.h"

#define ROWS_MAX 500

/* What a view is made of. */
typedef struct Making {
        const Portal *portal;
        Language language;
        json_object *view;
} Making;

static int add_state(const Making *m, json_object *o, const char *state) {
        return json_add_text(o, "Class", state) < 0 || json_add_text(o, "State", language_text(m->language, state_key(state))) < 0 ? -ENOMEM : 0;
}

/* ---- by service: the picture, and the table that says the same ---- */

static int tell_passing(const Making *m, const Team *t, json_object *o) {
        _cleanup_(freep) char *text = NULL;
        char numbers[64];
        int r;

        if (t->n_instances == 0)
                return json_add_text(o, "Detail", language_text(m->language, "StateMissing"));
        if (t->n_draining == t->n_instances)
                return json_add_text(o, "Detail", language_text(m->language, "StateDraining"));
        (void) snprintf(numbers, sizeof(numbers), "%zu/%zu", t->n_passing, t->n_instances);
        r = language_format(m->language, "PassingOf", "Value", numbers, &text);
        return r < 0 ? r : json_add_text(o, "Detail", text);
}

static int tell_node(const Team *t, json_object *node, void *userdata) {
        return tell_passing(userdata, t, node);
}

static int add_names(const Making *m, json_object *o, const char *member, Team *const *teams, size_t n, bool all) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        for (size_t i = 0; i < n; i++)
                (void) buffer_printf(&out, "%s%s", i > 0 ? ", " : "", teams[i]->name);
        if (all)
                (void) buffer_printf(&out, "%s%s", n > 0 ? ", " : "", language_text(m->language, "EveryService"));
        return out.error < 0 ? out.error : json_add_text(o, member, buffer_text(&out));
}

static int add_services(const Making *m, const Overview *o) {
        json_object *rows = json_object_new_array(), *row;
        int r = json_add(m->view, "Services", rows);

        for (const Team *const *t = o->ranked; *t && r >= 0; t++) {
                r = json_append_object(rows, &row);
                if (r >= 0)
                        r = json_add_text(row, "Name", (*t)->name);
                if (r >= 0)
                        r = add_state(m, row, team_state(*t));
                if (r >= 0)
                        r = tell_passing(m, *t, row);
                if (r >= 0)
                        r = add_names(m, row, "Requires", (*t)->required, (*t)->n_required, (*t)->requires_all);
                if (r >= 0)
                        r = add_names(m, row, "RequiredBy", (*t)->dependants, (*t)->n_dependants, false);
        }
        return r;
}

static int add_overview(Making *m, const ServiceInstance instances[], size_t n) {
        _cleanup_(overview_freep) Overview *o = NULL;
        _cleanup_(freep) char *summary = NULL;
        json_object *picture = NULL;
        const char *class;
        int r = cluster_services_overview(instances, n, &o);

        if (r >= 0)
                r = cluster_services_sum_up(o, m->language, &summary, &class);
        if (r >= 0)
                r = json_add_text(m->view, "Summary", summary);
        if (r >= 0)
                r = json_add_text(m->view, "SummaryClass", class);
        if (r >= 0)
                r = overview_draw(o, tell_node, m, &picture, NULL);
        if (r >= 0 && picture)
                r = json_add(m->view, "Picture", picture);
        return r < 0 ? r : add_services(m, o);
}

/* ---- by instance ---- */

static int add_instance(const Making *m, json_object *rows, const ServiceInstance *i) {
        const char *version = registry_watch_version(cluster_watch(m->portal->cluster), i->url);
        json_object *row;
        int r = json_append_object(rows, &row);

        if (r >= 0)
                r = json_add_text(row, "Name", i->name);
        if (r >= 0)
                r = json_add_text(row, "URL", i->url);
        if (r >= 0)
                r = add_state(m, row, instance_state_name(i->state));
        if (r >= 0)
                r = json_add(row, "Held", json_object_new_boolean(i->is_held));
        if (r >= 0 && i->since_usec > 0)
                r = moment_add(row, "Since", i->since_usec, 0);
        if (r >= 0)
                r = json_add_text(row, "Version", version);
        return r < 0 ? r : cluster_traffic_view(m->portal, m->language, i->name, i->url, row);
}

static int add_instances(const Making *m, const ServiceInstance instances[], size_t n) {
        json_object *rows = json_object_new_array();
        int r = json_add(m->view, "Instances", rows);

        for (size_t i = 0; i < n && i < ROWS_MAX && r >= 0; i++)
                r = add_instance(m, rows, &instances[i]);
        if (r >= 0)
                r = json_add(m->view, "HasInstances", json_object_new_boolean(n > 0));
        return r >= 0 && n > ROWS_MAX ? json_add_uint64(m->view, "NotListed", n - ROWS_MAX) : r;
}

/* Without the registry's list, whom the portal itself was last told of. */
static int read_own(const Portal *p, ServiceInstance **ret, size_t *ret_n) {
        size_t n = providers_count(p->rt->providers, NULL), at = 0, i = 0;
        ServiceInstance *instances = calloc(n + 1, sizeof(*instances));

        if (!instances)
                return -ENOMEM;
        while (i < n && providers_next(p->rt->providers, NULL, &at, &instances[i].name, &instances[i].url))
                instances[i++].state = INSTANCE_UNKNOWN;
        *ret = instances;
        *ret_n = i;
        return 0;
}

static int add_away(Making *m, const RegistryList *list) {
        return json_add(m->view, "IsAway", json_object_new_boolean(true)) < 0 ||
                        (list->services && moment_add(m->view, "Taken", list->taken_usec, 0) < 0) ?
                -ENOMEM : 0;
}

int cluster_view(const Portal *p, Language l, json_object *view) {
        RegistryList list = registry_watch_list(cluster_watch(p->cluster));
        _cleanup_(freep) ServiceInstance *instances = NULL;
        Making m = { p, l, view };
        char zone[MOMENT_TEXT_SIZE];
        size_t n = 0;
        int r = list.services ? cluster_services_read(list.services, &instances, &n) : read_own(p, &instances, &n);

        if (r >= 0 && !list.is_current)
                r = add_away(&m, &list);
        if (r >= 0 && list.services)
                r = add_overview(&m, instances, n);
        if (r >= 0)
                r = add_instances(&m, instances, n);
        if (r >= 0)
                r = cluster_gateway_view(p, l, view);
        moment_zone(clock_realtime_usec(), zone);
        return r < 0 ? r : json_add_text(view, "Zone", zone);
}
