/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/text.h"
#include "ctl/rollout.h"

#define SERVING "Serving "      /* how the STATUS= of every daemon begins, see runtime/service.c */

void rollout_deinit(Rollout *r) {
        for (size_t i = 0; i < r->n_units; i++) {
                free(r->units[i].name);
                free(r->units[i].url);
                free(r->units[i].service_name);
        }
        free(r->units);
        r->units = NULL;
        r->n_units = 0;
        r->bus = sd_bus_flush_close_unref(r->bus);
        r->connection = connection_free(r->connection);
}

static int no_memory(void) {
        return ctl_fail(CTL_FAILURE, "out of memory");
}

/* It becomes a part of glob(7) patterns and of unit names. */
static bool is_name(const char *s) {
        for (const char *p = s; *p; p++)
                if (!isalnum((unsigned char) *p) && *p != '-' && *p != '_')
                        return false;
        return *s;
}

int rollout_prefix(const char *called, char **ret) {
        for (size_t i = 0; i < _PEER_MAX; i++) {
                const Peer *p = ctl_peers + i;

                if (strcmp(called, p->unit) == 0 || strcmp(called, p->unit + strlen("gradebook-")) == 0 ||
                    (p->service_name && strcmp(called, p->service_name) == 0))
                        return text_replace(ret, p->unit) < 0 ? no_memory() : CTL_OK;
        }
        if (!is_name(called))
                return ctl_fail(CTL_USAGE, "rollout %s: the name of a service is needed, such as portal", called);
        if (asprintf(ret, "%s%s", strncmp(called, "gradebook-", strlen("gradebook-")) == 0 ? "" : "gradebook-", called) < 0) {
                *ret = NULL;
                return no_memory();
        }
        return CTL_OK;
}

/* What was meant by a service of which nothing runs. */
static int fail_none(const Rollout *r) {
        Nearest nearest = NEAREST(r->prefix);

        for (size_t i = 0; i < _PEER_MAX; i++)
                if (strcmp(ctl_peers[i].unit, r->prefix) != 0)
                        nearest_offer(&nearest, ctl_peers[i].unit);
        if (nearest.text)
                return ctl_fail(CTL_NOT_FOUND, "neither %s.service nor an instance of it runs on this machine: did you mean %s?", r->prefix,
                                nearest.text);
        return ctl_fail(CTL_NOT_FOUND, "neither %s.service nor an instance of it runs on this machine: systemctl list-units '%s*'", r->prefix,
                        r->prefix);
}

static int list(Rollout *r, char ***ret) {
        _cleanup_(freep) char *plain = NULL, *instances = NULL;
        int k;

        if (asprintf(&plain, "%s.service", r->prefix) < 0) {
                plain = NULL;
                return no_memory();
        }
        if (asprintf(&instances, "%s@*.service", r->prefix) < 0) {
                instances = NULL;
                return no_memory();
        }
        k = units_open(&r->bus);
        if (k >= 0)
                k = units_list(r->bus, true, (char *const[]) { plain, instances, NULL }, ret);
        if (k == -ENOSYS)
                return ctl_fail(CTL_UNREACHABLE, "systemd does not run here: there are no units to restart");
        return k < 0 ? ctl_fail(CTL_UNREACHABLE, "systemd cannot be asked for its units: %s", strerror(-k)) : CTL_OK;
}

/* The unit's own word, since its socket's address is not always what others reach it by. */
int rollout_read_url(const UnitState *s, char **ret) {
        const char *url = s->status_text + strlen(SERVING);

        *ret = NULL;
        if (strncmp(s->status_text, SERVING, strlen(SERVING)) != 0)
                return 0;
        *ret = strndup(url, strcspn(url, "; "));
        return *ret ? 0 : -ENOMEM;
}

static int find_url(const Rollout *r, RolloutUnit *u) {
        _cleanup_(unit_state_deinit) UnitState s = {};
        int k = units_read(r->bus, u->name, &s);

        if (k < 0)
                return ctl_fail(CTL_UNREACHABLE, "systemd cannot be asked for %s: %s", u->name, strerror(-k));
        if (s.is_stale)
                (void) fprintf(stderr, "gradebookctl: the files of %s have changed, but systemd has not read them: systemctl daemon-reload\n", u->name);
        if (rollout_read_url(&s, &u->url) < 0)
                return no_memory();
        if (!u->url)
                return ctl_fail(CTL_FAILURE, "%s does not say where it serves, perhaps since it starts just now; its status is \"%s\"", u->name,
                                s.status_text);
        return CTL_OK;
}

static int add(Rollout *r, const char *name) {
        _cleanup_(rollout_health_deinit) RolloutHealth h = {};
        RolloutUnit *u = r->units + r->n_units++;
        int code;

        u->name = strdup(name);
        if (!u->name)
                return no_memory();
        u->result = "planned";
        code = find_url(r, u);
        /* The registry has nobody who would drain it. */
        if (code != CTL_OK || strcmp(r->prefix, ctl_peers[PEER_REGISTRY].unit) == 0)
                return code;
        code = rollout_health(r->connection, u->url, false, &h);
        if (code != CTL_OK)
                return code;
        if (!h.is_known)
                return ctl_fail(CTL_FAILURE, "the registry does not know %s, where %s serves: systemctl status %s says why", u->url, u->name, u->name);
        u->service_name = TAKE_PTR(h.service_name);
        u->was_drained = h.is_drained;
        u->n_others = h.n_others;
        return CTL_OK;
}

int rollout_plan(Rollout *r) {
        _cleanup_(units_freep) char **names = NULL;
        size_t n = 0;
        int code;

        code = list(r, &names);
        if (code != CTL_OK)
                return code;
        while (names[n])
                n++;
        if (n == 0)
                return fail_none(r);
        r->units = calloc(n, sizeof(*r->units));
        if (!r->units)
                return no_memory();
        for (size_t i = 0; i < n && code == CTL_OK; i++)
                code = add(r, names[i]);
        return code;
}
