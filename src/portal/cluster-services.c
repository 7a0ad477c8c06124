/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/cluster-services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "wire/json.h"
#include "wire/registration.h"
#include "wire/timestamp.h"

#define NAMES_MAX 8             /* in a sentence */

static const struct {
        const char *name, *key;
        int state;              /* of an instance; -1: of a team alone */
} states[] = {
        { "critical", "StateCritical", INSTANCE_CRITICAL },
        { "suspect", "StateSuspect", INSTANCE_SUSPECT },
        { "unknown", "StateUnknown", INSTANCE_UNKNOWN },
        { "draining", "StateDraining", INSTANCE_DRAINING },
        { "passing", "StatePassing", INSTANCE_PASSING },
        { "degraded", "StateDegraded", -1 },
        { "missing", "StateMissing", -1 },
};

const char *instance_state_name(InstanceState state) {
        return states[state].name;
}

const char *state_key(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (strcmp(states[i].name, name) == 0)
                        return states[i].key;
        return "StateUnknown";
}

static InstanceState state_from_name(const char *name) {
        for (size_t i = 0; name && i < ELEMENTSOF(states); i++)
                if (states[i].state >= 0 && strcmp(states[i].name, name) == 0)
                        return (InstanceState) states[i].state;
        return INSTANCE_UNKNOWN;
}

static bool read_one(json_object *o, ServiceInstance *ret) {
        const char *state = NULL, *since = NULL;
        json_object *requires = NULL, *held;
        ServiceInstance i = {};

        if (json_get_text(o, "ServiceName", 1, SERVICE_NAME_MAX, &i.name, NULL) < 0 || json_get_text(o, "ServiceURL", 1, 8192, &i.url, NULL) < 0)
                return false;
        if (json_get_text(o, "State", 0, 64, &state, NULL) >= 0)
                i.state = state_from_name(state);
        else
                i.state = INSTANCE_UNKNOWN;
        if (json_get_text(o, "Since", 0, 64, &since, NULL) >= 0 && since)
                (void) timestamp_parse(since, &i.since_usec);
        i.is_held = json_object_object_get_ex(o, "Held", &held) && json_object_get_boolean(held);
        if (json_get_array(o, "RequiredServices", INSTANCE_REQUIRES_MAX, &requires, NULL) >= 0 && requires)
                for (size_t k = 0; k < json_object_array_length(requires) && i.n_requires < INSTANCE_REQUIRES_MAX; k++) {
                        json_object *name = json_object_array_get_idx(requires, k);

                        if (json_object_is_type(name, json_type_string))
                                i.requires[i.n_requires++] = json_object_get_string(name);
                }
        *ret = i;
        return true;
}

static int compare(const void *a, const void *b) {
        const ServiceInstance *x = a, *y = b;
        int k;

        if (x->state != y->state)
                return x->state < y->state ? -1 : 1;
        k = strcmp(x->name, y->name);
        return k != 0 ? k : strcmp(x->url, y->url);
}

int cluster_services_read(json_object *list, ServiceInstance **ret, size_t *ret_n) {
        size_t n = list ? json_object_array_length(list) : 0, used = 0;
        ServiceInstance *instances = calloc(n + 1, sizeof(*instances));

        if (!instances)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                used += read_one(json_object_array_get_idx(list, i), &instances[used]);
        qsort(instances, used, sizeof(*instances), compare);
        *ret = instances;
        *ret_n = used;
        return 0;
}

int cluster_services_overview(const ServiceInstance instances[], size_t n, Overview **ret) {
        _cleanup_(overview_freep) Overview *o = NULL;
        int r = overview_new(&o);

        for (size_t i = 0; i < n && r >= 0; i++) {
                const ServiceInstance *s = &instances[i];

                r = overview_add(o, &(OverviewMember) {
                        .name = s->name,
                        .required = s->requires,
                        .n_required = s->n_requires,
                        .is_passing = s->state == INSTANCE_PASSING,
                        .is_draining = s->state == INSTANCE_DRAINING,
                        .is_present = !s->is_held && s->state != INSTANCE_CRITICAL && s->state != INSTANCE_DRAINING,
                });
        }
        if (r >= 0)
                r = overview_rank(o);
        if (r >= 0)
                *ret = TAKE_PTR(o);
        return r;
}

/* The names of the teams in this state; false: there are none. */
static bool name_teams(const Overview *o, const char *state, Buffer *out) {
        size_t n = 0;

        for (const Team *const *t = o->ranked; *t; t++) {
                if (strcmp(team_state(*t), state) != 0)
                        continue;
                if (n < NAMES_MAX)
                        (void) buffer_printf(out, "%s%s", n > 0 ? ", " : "", (*t)->name);
                n++;
        }
        if (n > NAMES_MAX)
                (void) buffer_puts(out, " …");
        return n > 0;
}

int cluster_services_sum_up(const Overview *o, Language l, char **ret, const char **ret_class) {
        static const struct {
                const char *state, *key;
        } sentences[] = {
                { "missing", "SummaryMissing" },
                { "critical", "SummaryCritical" },
                { "degraded", "SummaryDegraded" },
                { "draining", "SummaryDraining" },
        };

        for (size_t i = 0; i < ELEMENTSOF(sentences); i++) {
                _cleanup_(buffer_deinit) Buffer names = BUFFER_NULL;

                if (!name_teams(o, sentences[i].state, &names))
                        continue;
                if (names.error < 0)
                        return names.error;
                *ret_class = sentences[i].state;
                return language_format(l, sentences[i].key, "Value", buffer_text(&names), ret);
        }
        *ret_class = o->n_teams > 0 ? "passing" : "missing";
        *ret = strdup(language_text(l, o->n_teams > 0 ? "SummaryWell" : "SummaryNothing"));
        return *ret ? 0 : -ENOMEM;
}
