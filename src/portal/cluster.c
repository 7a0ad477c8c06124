/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/cluster.h"

#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "portal/cluster-internal.h"
#include "portal/cluster-services.h"
#include "portal/visitor.h"
#include "wire/json.h"

/* ---- waiting for the list ---- */

static void answer_lookers(Cluster *c) {
        Looker *l = TAKE_PTR(c->lookers);

        while (l) {
                _cleanup_(freep) Looker *one = l;

                l = l->next;
                one->ready(one->userdata);
        }
}

static void on_change(void *userdata) {
        Cluster *c = userdata;

        if (registry_watch_is_settled(c->watch))
                answer_lookers(c);
        cluster_tell_followers(c);
}

void cluster_look(Cluster *c, void (*ready)(void *userdata), void *userdata) {
        Looker *l = NULL;

        registry_watch_look(c->watch);
        if (!registry_watch_is_settled(c->watch) && !c->stopping)
                l = malloc(sizeof(*l));
        if (!l) {
                ready(userdata);
                return;
        }
        *l = (Looker) { ready, userdata, c->lookers };
        c->lookers = l;
}

const RegistryWatch *cluster_watch(const Cluster *c) {
        return c->watch;
}

int cluster_new(Cluster **ret, Portal *p) {
        _cleanup_(cluster_freep) Cluster *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->portal = p;
        r = registry_watch_new(&c->watch, p->rt, on_change, c);
        if (r >= 0)
                r = cluster_new_clock(c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

void cluster_stop(Cluster *c) {
        c->stopping = true;
        answer_lookers(c);
        cluster_end_followers(c);
}

Cluster *cluster_free(Cluster *c) {
        if (!c)
                return NULL;
        c->stopping = true;
        answer_lookers(c);
        cluster_drop_followers(c);
        sd_event_source_disable_unref(c->clock);
        registry_watch_free(c->watch);
        free(c);
        return NULL;
}

/* ---- the pages ---- */

/* Somebody who may see the page, and waits for what is on it. */
typedef struct Visit {
        Portal *portal;
        Request *request;
        Visitor *visitor;
        int (*fill)(Portal *p, Language l, json_object *view);
        const char *template;
} Visit;

static void show(void *userdata) {
        _cleanup_(freep) Visit *v = userdata;
        _cleanup_(visitor_freep) Visitor *visitor = v->visitor;
        json_object *view = json_object_new_object();

        if (!view || v->fill(v->portal, visitor->frame.language, view) < 0) {
                json_object_put(view);
                page_fail(v->request, v->portal, 500, "PageNotMade", NULL);
                return;
        }
        page_reply(v->request, v->portal, &visitor->frame, 200, v->template, view);
}

static void look(Request *r, Portal *p, Visitor *visitor, int (*fill)(Portal *p, Language l, json_object *view), const char *template) {
        Visit *v = malloc(sizeof(*v));

        if (!v) {
                visitor_free(visitor);
                page_fail(r, p, 500, "NoMemory", NULL);
                return;
        }
        *v = (Visit) { p, r, visitor, fill, template };
        cluster_look(p->cluster, show, v);
}

static int fill_cluster(Portal *p, Language l, json_object *view) {
        uint64_t retry_sec = (portal_conf(p)->retry_usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
        int r = cluster_view(p, l, view);

        return r < 0 ? r : json_add_uint64(view, "RetrySec", retry_sec);
}

static void show_cluster(Request *r, Portal *p, Visitor *visitor) {
        look(r, p, visitor, fill_cluster, "cluster");
}

static const VisitorPlan cluster_plan = { .section = "Cluster", .script = "cluster.js", .wide = true, .done = show_cluster };

void get_cluster(Request *r, void *service) {
        visitor_admit(r, service, &cluster_plan);
}

static int fill_about(Portal *p, Language l, json_object *view) {
        RegistryList list = registry_watch_list(p->cluster->watch);
        _cleanup_(freep) ServiceInstance *instances = NULL;
        _cleanup_(overview_freep) Overview *o = NULL;
        _cleanup_(freep) char *summary = NULL;
        const char *class = "unknown";
        size_t n;
        int r = 0;

        if (list.is_current) {
                r = cluster_services_read(list.services, &instances, &n);
                if (r >= 0)
                        r = cluster_services_overview(instances, n, &o);
                if (r >= 0)
                        r = cluster_services_sum_up(o, l, &summary, &class);
        }
        if (r < 0)
                return r;
        return json_add_text(view, "Summary", summary ? summary : language_text(l, "SummaryUnknown")) < 0 ||
                        json_add_text(view, "SummaryClass", class) < 0 || json_add_text(view, "Version", PACKAGE_NAME " " PACKAGE_VERSION) < 0 ?
                -ENOMEM : 0;
}

static void show_about(Request *r, Portal *p, Visitor *visitor) {
        look(r, p, visitor, fill_about, "about");
}

static const VisitorPlan about_plan = { .is_for_all = true, .done = show_about };

void get_about(Request *r, void *service) {
        visitor_admit(r, service, &about_plan);
}
