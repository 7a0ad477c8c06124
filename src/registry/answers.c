/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "registry/registry.h"
#include "wire/json.h"
#include "wire/view-hash.h"

#define SETTLE_USEC (15 * USEC_PER_SEC)

/* Whether what we do not know is not there: not so while we started from nothing and peers may still have to come. */
static bool is_settled(const Registry *g) {
        uint64_t wait = 2 * g->rt->common->register_usec;

        if (!g->shared_seen)
                return false;
        return !g->started_empty || clock_monotonic_usec() >= g->started_usec + (wait > SETTLE_USEC ? wait : SETTLE_USEC);
}

void answer_registration(Registry *g, const Registration *registration, Request *request) {
        const char *held = request_header(request, VIEW_HASH_HEADER);
        _cleanup_(patch_freep) Patch *view = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        char hash[VIEW_HASH_SIZE];
        bool same = false;

        int r = catalog_view(g->catalog, registration, &view);
        if (r >= 0)
                r = view_hash(view->added, view->n_added, hash);
        if (r >= 0) {
                same = held && strcmp(held, hash) == 0 && is_settled(g);
                r = same ? view_same_to_json(&o) : view_to_json(view->added, view->n_added, is_settled(g), &o);
        }
        if (r >= 0)
                r = json_add_text(o, "Hash", hash);
        if (r < 0) {
                request_fail_errno(request, r, "answering a registration");
                return;
        }
        if (same)
                g->counters.views_same++;
        else
                g->counters.views_sent++;
        request_reply_json(request, 200, TAKE_PTR(o));
}

static int add_time(json_object *o, const char *member, uint64_t realtime_usec) {
        char text[CLOCK_TEXT_SIZE];

        if (realtime_usec == 0)
                return 0;
        clock_format_utc(realtime_usec, text);
        return json_add_text(o, member, text);
}

int instance_to_json(const Instance *i, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = NULL;

        int r = registration_to_json(i->registration, &o);
        if (r >= 0)
                r = json_add_text(o, "State", health_state_name(i->health.state));
        if (r >= 0 && i->held)
                r = json_add(o, "Held", json_object_new_boolean(true));
        if (r >= 0)
                r = add_time(o, "Since", i->since_usec);
        if (r >= 0)
                r = add_time(o, "LastCheck", i->checked_usec);
        if (r >= 0 && i->last_error)
                r = json_add_text(o, "LastError", i->last_error);
        if (r >= 0 && i->checked_usec > 0 && !i->last_error)
                r = json_add_uint64(o, "RTTMicroseconds", i->rtt_usec);
        if (r >= 0)
                r = json_add(o, "PatchPending", json_object_new_boolean(push_is_pending(i)));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(o);
        return 0;
}
