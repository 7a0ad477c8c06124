/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/text.h"
#include "registry/audit.h"
#include "registry/registry.h"

/* No new traffic for an instance: dependants drop it, what they have begun with it ends by itself. On disk before it is
 * answered; it stays so, whatever registers at this address, until somebody undrains it. */

typedef struct Drain {
        Registry *registry;
        Request *request;
        char *url;
        bool draining;
} Drain;

static Drain *drain_free(Drain *d) {
        if (!d)
                return NULL;

        free(d->url);
        free(d);
        return NULL;
}
DEFINE_CLEANUP(Drain, drain_free);

static void on_stored(int result, void *userdata) {
        _cleanup_(drain_freep) Drain *d = userdata;
        Registry *g = d->registry;
        Instance *i = instance_find(g, d->url);
        History *h;

        int r = result < 0 ? result : history_get(g, d->url, &h);
        if (r < 0) {
                request_fail_errno(d->request, r, "keeping which services are drained");
                return;
        }

        h->draining = d->draining;
        if (i) {
                HealthState old = i->health.state;

                if (health_drain(&i->health, d->draining))
                        instance_health_changed(i, old, d->draining ? "an administrator drains it" : "an administrator took it back");
        }
        audit_log(d->request, d->draining ? "drain" : "undrain", d->url, d->draining ? "drained %s" : "took %s back into service", d->url);
        if (result == STORE_KEPT_HERE)
                request_set_header(d->request, KEPT_HEADER, "here");
        request_reply_empty(d->request, 200);
}

void drain_service(Registry *g, const char *url, bool draining, Request *request) {
        _cleanup_(drain_freep) Drain *d = NULL;
        const History *h = history_find(g, url);

        if (!instance_find(g, url) && !(h && h->draining)) {
                request_fail(request, 404, "No service is registered at this ServiceURL.");
                return;
        }

        d = calloc(1, sizeof(Drain));
        if (!d || text_replace(&d->url, url) < 0) {
                request_fail_errno(request, -ENOMEM, "draining a service");
                return;
        }
        d->registry = g;
        d->request = request;
        d->draining = draining;

        History wished = { .url = d->url, .damping = h ? h->damping : (Damping) {}, .draining = draining };
        int r = history_store(g, &wished, on_stored, d);
        if (r < 0) {
                request_fail_errno(request, r, "draining a service");
                return;
        }
        (void) TAKE_PTR(d);
}
