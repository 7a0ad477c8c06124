/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "registry/page.h"
#include "wire/json.h"

#define SENTENCES_MAX 60

int page_overview(const Registry *g, Overview **ret) {
        _cleanup_(overview_freep) Overview *o = NULL;
        int r = overview_new(&o);

        for (const Instance *i = g->instances; i && r >= 0; i = i->hh.next)
                r = overview_add(o, &(OverviewMember) {
                        .name = i->registration->service_name,
                        .required = (const char *const *) i->registration->required_services,
                        .n_required = i->registration->n_required,
                        .is_passing = i->health.state == HEALTH_PASSING,
                        .is_draining = i->health.state == HEALTH_DRAINING,
                        .is_present = i->record && i->record->present,
                });
        if (r >= 0)
                r = overview_rank(o);
        if (r >= 0)
                *ret = TAKE_PTR(o);
        return r;
}

static int tell(const Team *t, json_object *node, void *userdata) {
        char detail[64];

        if (t->n_instances == 0)
                (void) snprintf(detail, sizeof(detail), "not registered");
        else if (t->n_draining == t->n_instances)
                (void) snprintf(detail, sizeof(detail), "draining");
        else
                (void) snprintf(detail, sizeof(detail), "%zu of %zu passing", t->n_passing, t->n_instances);
        return json_add_text(node, "Detail", detail);
}

/* The picture in words, for whoever does not see it. */
static int describe(const Overview *o, const Graph *g, Buffer *out) {
        size_t sentences = 0;

        for (size_t i = 0; i < g->n_nodes && sentences < SENTENCES_MAX; i++) {
                const Team *t = o->ranked[i];

                if (t->n_required == 0 && !t->requires_all)
                        continue;
                (void) buffer_printf(out, "%s%s requires ", sentences++ > 0 ? " " : "", t->name);
                for (size_t k = 0; k < t->n_required; k++)
                        (void) buffer_printf(out, "%s%s", k == 0 ? "" : k + 1 < t->n_required || t->requires_all ? ", " : " and ",
                                             t->required[k]->name);
                (void) buffer_printf(out, "%s.", !t->requires_all ? "" : t->n_required > 0 ? " and every other service" : "every service");
        }
        if (sentences == 0)
                (void) buffer_puts(out, "No service requires another.");
        return out->error;
}

int page_picture(Overview *o, json_object **ret) {
        _cleanup_(buffer_deinit) Buffer words = BUFFER_NULL;
        _cleanup_(json_unrefp) json_object *picture = NULL;
        _cleanup_(graph_freep) Graph *g = NULL;
        int r = overview_draw(o, tell, NULL, &picture, &g);

        if (r >= 0 && picture)
                r = describe(o, g, &words);
        if (r >= 0 && picture)
                r = json_add_text(picture, "Words", buffer_text(&words));
        *ret = r >= 0 ? TAKE_PTR(picture) : NULL;
        return r;
}
