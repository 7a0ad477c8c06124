/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "registry/registry.h"

/* Who is there and who depends on whom, by the names of services: what several instances of one have in common. Borrows
 * from the registry, and lives no longer than a turn of the loop. */

typedef struct Team {
        const char *name;
        size_t n_instances;             /* 0: it is required, and nobody has registered it */
        size_t n_passing;
        size_t n_draining;
        size_t n_present;               /* what dependants have */
        bool requires_all;              /* "*" */
        struct Team **required;
        size_t n_required;
        struct Team **dependants;
        size_t n_dependants;
        size_t node;                    /* in the graph; SIZE_MAX: not drawn */
        UT_hash_handle hh;
} Team;

typedef struct Overview {
        Team *teams;                    /* uthash by name */
        const Team **ranked;            /* those in trouble first, then those with the most to do with others */
        size_t n_teams;
} Overview;

int overview_new(const Registry *g, Overview **ret);
Overview *overview_free(Overview *o);
DEFINE_CLEANUP(Overview, overview_free);

const Team *overview_find(const Overview *o, const char *name);
const char *team_state(const Team *t);          /* "passing", "degraded", "draining", "critical", "missing" */

/* Of the first that a picture has room for: its members for the page. *ret is NULL where nobody is. -ENOMEM */
int overview_draw(Overview *o, json_object **ret);
