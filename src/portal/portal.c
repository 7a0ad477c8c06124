/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/portal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portal/cluster.h"
#include "portal/log.h"

/* Both or, on failure, neither. */
static int load_data(const char *directory, Templates **ret_templates, Assets **ret_assets) {
        _cleanup_(freep) char *templates_path = NULL, *assets_path = NULL;
        _cleanup_(templates_freep) Templates *templates = NULL;
        _cleanup_(assets_freep) Assets *assets = NULL;
        int r;

        if (asprintf(&templates_path, "%s/templates", directory) < 0) {
                templates_path = NULL;
                return -ENOMEM;
        }
        if (asprintf(&assets_path, "%s/assets", directory) < 0) {
                assets_path = NULL;
                return -ENOMEM;
        }
        r = templates_load(&templates, templates_path);
        if (r >= 0)
                r = assets_load(&assets, assets_path);
        if (r < 0)
                return r;
        *ret_templates = TAKE_PTR(templates);
        *ret_assets = TAKE_PTR(assets);
        return 0;
}

int portal_new(Runtime *rt, void **ret) {
        Portal *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->rt = rt;
        r = languages_new(&p->languages);
        if (r >= 0)
                r = load_data(portal_conf(p)->data_directory, &p->templates, &p->assets);
        if (r >= 0)
                r = feed_new(&p->feed, rt, GRADING_SERVICE, portal_conf(p)->cache_bytes);
        if (r >= 0)
                r = gateway_new(&p->gateway, rt);
        if (r >= 0)
                r = cluster_new(&p->cluster, p);
        if (r < 0) {
                portal_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

int portal_reload(void *service, const void *old) {
        Portal *p = service;
        Templates *templates;
        Assets *assets;
        int r = load_data(portal_conf(p)->data_directory, &templates, &assets);

        if (r < 0)
                return r;
        templates_free(p->templates);
        assets_free(p->assets);
        p->templates = templates;
        p->assets = assets;
        feed_forget_pages(p->feed);
        feed_set_max(p->feed, portal_conf(p)->cache_bytes);
        return 0;
}

void portal_stop(void *service) {
        Portal *p = service;

        gateway_stop(p->gateway);
        cluster_stop(p->cluster);
        log_followers_stop(p);
}

void portal_status(void *service, Buffer *out) {
        const Portal *p = service;
        size_t n = providers_count(p->rt->providers, GRADING_SERVICE);

        if (n == 0)
                (void) buffer_puts(out, "no provider of " GRADING_SERVICE " is known, pages say so");
        else if (p->grading_failed)
                (void) buffer_puts(out, GRADING_SERVICE " does not answer, pages say so");
        else
                (void) buffer_printf(out, "%" PRIu64 " pages so far, " GRADING_SERVICE " has %zu %s",
                                     (uint64_t) feed_counters(p->feed)->requests, n, n == 1 ? "provider" : "providers");
}

void *portal_free(void *service) {
        Portal *p = service;

        if (!p)
                return NULL;
        log_followers_free(p);
        cluster_free(p->cluster);
        gateway_free(p->gateway);
        feed_free(p->feed);
        assets_free(p->assets);
        templates_free(p->templates);
        languages_free(p->languages);
        free(p);
        return NULL;
}

void portal_note_grading(Portal *p, int error, unsigned status) {
        bool failed = error < 0 || status >= 500;

        if (failed == p->grading_failed)
                return;
        p->grading_failed = failed;
        if (!failed)
                log_notice("%s answers again.", GRADING_SERVICE);
        else if (error == -ENOENT)
                log_warning("No provider of %s is known: pages say so and ask again.", GRADING_SERVICE);
        else if (error < 0)
                log_warning("%s does not answer (%s): pages say so and ask again.", GRADING_SERVICE, strerror(-error));
        else
                log_warning("%s answers with status %u: pages say so and ask again.", GRADING_SERVICE, status);
}
