/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/macros.h"
#include "runtime/graph.h"

/* Who is there and who depends on whom, by the names of services: what several instances of one have in common, for the pages that show
 * it. Texts are borrowed from whoever adds them. */

typedef struct OverviewMember {
        const char *name;               /* of the service */
        const char *const *required;    /* "*": all */
        size_t n_required;
        bool is_passing, is_draining;
        bool is_present;                /* dependants have it */
} OverviewMember;

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

int overview_new(Overview **ret);       /* -ENOMEM */
Overview *overview_free(Overview *o);
DEFINE_CLEANUP(Overview, overview_free);

/* Names beyond a limit are in no picture. -ENOMEM */
int overview_add(Overview *o, const OverviewMember *member);
int overview_rank(Overview *o);         /* once, when all are there; -ENOMEM */

const Team *overview_find(const Overview *o, const char *name);
const char *team_state(const Team *t);          /* "passing", "degraded", "draining", "critical", "missing" */

/* Of the first that a picture has room for: Width, Height, NodeWidth, NodeHeight, Fits, NotDrawn (absent: none), SomeRequireAll, Edges
 * (Path, Broken), Nodes (X, Y, Name, Label, Class), to each of which tell adds the words. *ret is NULL where nobody is; ret_graph (may be NULL) is
 * the caller's to free. -ENOMEM, or what tell returns. */
typedef int (*OverviewTell)(const Team *t, json_object *node, void *userdata);
int overview_draw(Overview *o, OverviewTell tell, void *userdata, json_object **ret, Graph **ret_graph);
