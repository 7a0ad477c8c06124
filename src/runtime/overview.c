/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/overview.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/registration.h"

#define TEAMS_MAX 20000

Overview *overview_free(Overview *o) {
        Team *t, *next;

        if (!o)
                return NULL;

        HASH_ITER(hh, o->teams, t, next) {
                HASH_DEL(o->teams, t);
                free(t->required);
                free(t->dependants);
                free(t);
        }
        free(o->ranked);
        free(o);
        return NULL;
}

static Team *team_find(const Overview *o, const char *name) {
        Team *t;

        HASH_FIND_STR(o->teams, name, t);
        return t;
}

const Team *overview_find(const Overview *o, const char *name) {
        return team_find(o, name);
}

static int team_get(Overview *o, const char *name, Team **ret) {
        Team *t = team_find(o, name);

        if (!t) {
                if (o->n_teams == TEAMS_MAX)
                        return -ENOSPC;
                t = calloc(1, sizeof(Team));
                if (!t)
                        return -ENOMEM;
                t->name = name;
                t->node = SIZE_MAX;
                HASH_ADD_KEYPTR(hh, o->teams, t->name, strlen(t->name), t);
                if (!t->hh.tbl) {
                        free(t);
                        return -ENOMEM;
                }
                o->n_teams++;
        }

        *ret = t;
        return 0;
}

static int list_add(Team ***list, size_t *n, Team *t) {
        /* Full whenever its number is a power of two. */
        if ((*n & (*n - 1)) == 0) {
                Team **more = reallocarray(*list, *n ? *n * 2 : 1, sizeof(Team *));

                if (!more)
                        return -ENOMEM;
                *list = more;
        }
        (*list)[(*n)++] = t;
        return 0;
}

static int add_requirement(Overview *o, Team *t, const char *name) {
        Team *other;

        if (strcmp(name, "*") == 0) {
                t->requires_all = true;
                return 0;
        }
        for (size_t i = 0; i < t->n_required; i++)
                if (strcmp(t->required[i]->name, name) == 0)
                        return 0;
        if (t->n_required == REQUIRED_SERVICES_MAX)
                return 0;

        int r = team_get(o, name, &other);
        if (r >= 0)
                r = list_add(&t->required, &t->n_required, other);
        if (r >= 0)
                r = list_add(&other->dependants, &other->n_dependants, t);
        return r;
}

int overview_add(Overview *o, const OverviewMember *member) {
        Team *t;
        int r = team_get(o, member->name, &t);

        if (r == -ENOSPC)
                return 0;
        if (r < 0)
                return r;

        t->n_instances++;
        t->n_passing += member->is_passing;
        t->n_draining += member->is_draining;
        t->n_present += member->is_present;
        for (size_t k = 0; k < member->n_required && r >= 0; k++)
                r = add_requirement(o, t, member->required[k]);
        return r == -ENOSPC ? 0 : r;
}

static int trouble(const Team *t) {
        return t->n_instances == 0 || t->n_present == 0 ? 2 : t->n_passing < t->n_instances || t->n_present < t->n_instances;
}

static int compare_teams(const void *a, const void *b) {
        const Team *x = *(const Team *const *) a, *y = *(const Team *const *) b;
        size_t ties_x = x->n_required + x->n_dependants, ties_y = y->n_required + y->n_dependants;

        if (trouble(x) != trouble(y))
                return trouble(y) - trouble(x);
        if (ties_x != ties_y)
                return ties_x < ties_y ? 1 : -1;
        return strcmp(x->name, y->name);
}

const char *team_state(const Team *t) {
        if (t->n_instances == 0)
                return "missing";
        if (t->n_present == 0)
                return t->n_draining > 0 ? "draining" : "critical";
        return t->n_passing + t->n_draining < t->n_instances ? "degraded" : t->n_draining > 0 ? "draining" : "passing";
}

int overview_new(Overview **ret) {
        *ret = calloc(1, sizeof(Overview));
        return *ret ? 0 : -ENOMEM;
}

int overview_rank(Overview *o) {
        size_t n = 0;

        o->ranked = calloc(o->n_teams + 1, sizeof(Team *));
        if (!o->ranked)
                return -ENOMEM;
        for (const Team *t = o->teams; t; t = t->hh.next)
                o->ranked[n++] = t;
        qsort(o->ranked, n, sizeof(Team *), compare_teams);
        return 0;
}
