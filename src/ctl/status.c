/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/json.h"

#define PROBE_USEC (2 * USEC_PER_SEC)

static int no_memory(void) {
        return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
}

static void daemon_deinit(Daemon *d) {
        free(d->name);
        free(d->url);
        unit_state_deinit(&d->unit);
        call_deinit(&d->call);
        free(d->health);
        free(d->detail);
}

static void status_deinit(Status *s) {
        for (size_t i = 0; i < s->n; i++)
                daemon_deinit(s->daemons + i);
        free(s->daemons);
}

/* name: of the unit, without ".service" */
static int add(Status *s, PeerId peer, const char *name, size_t size, Daemon **ret) {
        Daemon *more = reallocarray(s->daemons, s->n + 1, sizeof(*more));

        if (!more)
                return -ENOMEM;
        s->daemons = more;
        more[s->n] = (Daemon) { .peer = peer, .name = strndup(name, size) };
        if (!more[s->n].name)
                return -ENOMEM;
        *ret = &more[s->n++];
        return 0;
}

/* ---- units ---- */

static int add_unit(Status *s, sd_bus *bus, PeerId peer, const char *unit) {
        Daemon *d;
        int r = add(s, peer, unit, strlen(unit) - strlen(".service"), &d);

        return r < 0 ? r : units_read(bus, unit, &d->unit);
}

/* The plain one, whether it is there or not, unless it is stopped and instances take its place; and the instances that systemd knows. */
static int add_units_of(Status *s, sd_bus *bus, PeerId peer) {
        _cleanup_(units_freep) char **instances = NULL;
        char plain[64], pattern[64];
        int r;

        (void) snprintf(plain, sizeof(plain), "%s.service", ctl_peers[peer].unit);
        (void) snprintf(pattern, sizeof(pattern), "%s@*.service", ctl_peers[peer].unit);
        r = add_unit(s, bus, peer, plain);
        if (r >= 0)
                r = units_list(bus, false, (char *const[]) { pattern, NULL }, &instances);
        if (r >= 0 && *instances && strcmp(s->daemons[s->n - 1].unit.active, "inactive") == 0)
                daemon_deinit(&s->daemons[--s->n]);
        for (char **unit = instances; r >= 0 && *unit; unit++)
                r = add_unit(s, bus, peer, *unit);
        return r;
}

/* Without systemd, or without leave to ask it, there is the health alone. */
static int read_units(Status *s, const char **ret_note) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int r;

        *ret_note = NULL;
        r = units_open(&bus);
        for (PeerId peer = 0; peer < _PEER_MAX && r >= 0; peer++)
                r = add_units_of(s, bus, peer);
        for (size_t i = 0; i < s->n; i++)
                s->has_units = s->has_units || (r >= 0 && s->daemons[i].unit.installed);
        if (s->has_units || r == -ENOMEM)
                return r;
        if (r < 0)
                *ret_note = r == -ENOSYS ? "systemd does not run here: no units are shown." : "systemd cannot be asked: no units are shown.";
        else
                *ret_note = "systemd knows no unit of gradebook here: none is shown.";
        status_deinit(s);
        *s = (Status) {};
        r = 0;
        for (PeerId peer = 0; peer < _PEER_MAX && r >= 0; peer++)
                r = add(s, peer, ctl_peers[peer].unit, strlen(ctl_peers[peer].unit), &(Daemon *) { NULL });
        return r;
}

static bool is_running(const Status *s, const Daemon *d) {
        return !s->has_units || !d->unit.installed || strcmp(d->unit.active, "active") == 0 || strcmp(d->unit.active, "reloading") == 0;
}

static bool registry_is_running(const Status *s) {
        for (size_t i = 0; i < s->n; i++)
                if (s->daemons[i].peer == PEER_REGISTRY && is_running(s, s->daemons + i))
                        return true;
        return false;
}

/* ---- health ---- */

/* "": it has none. */
static const char *port_of(const char *url) {
        const char *host = strstr(url, "://"), *colon = strrchr(url, ':');

        return host && colon > host ? colon + 1 : "";
}

static const char *instance_of(const Daemon *d) {
        const char *at = strchr(d->name, '@');

        return at ? at + 1 : NULL;
}

/* The registry knows them all by one name, and gives the address of any. */
static bool is_an_instances(const Status *s, PeerId peer, const char *port) {
        for (size_t i = 0; i < s->n; i++)
                if (s->daemons[i].peer == peer && instance_of(s->daemons + i) && strcmp(instance_of(s->daemons + i), port) == 0)
                        return true;
        return false;
}

/* An instance is its port: on the host that the registry has for its name. */
static int find_url(const Connection *c, const Status *s, Daemon *d) {
        const char *url = connection_guess(c, d->peer), *port = instance_of(d);
        size_t size = strlen(url) - (*port_of(url) ? strlen(port_of(url)) + 1 : 0);
        int r;

        if (!port && is_an_instances(s, d->peer, port_of(url)))
                port = port_of(ctl_peers[d->peer].url);
        if (port)
                r = asprintf(&d->url, "%.*s:%s", (int) size, url, port);
        else
                r = asprintf(&d->url, "%s", url);
        if (r < 0)
                d->url = NULL;
        return r < 0 ? -ENOMEM : 0;
}

static int probe(Connection *c, Status *s) {
        _cleanup_(freep) Call *calls = calloc(s->n, sizeof(*calls));
        _cleanup_(freep) Daemon **probed = calloc(s->n, sizeof(*probed));
        int code = calls && probed ? CTL_OK : no_memory();
        size_t n = 0;

        for (size_t i = 0; i < s->n && code == CTL_OK; i++) {
                Daemon *d = s->daemons + i;

                if (find_url(c, s, d) < 0) {
                        code = no_memory();
                        break;
                }
                /* A request to the socket of a daemon that is stopped would start it. */
                if (!is_running(s, d))
                        continue;
                if (asprintf(&calls[n].url, "%s/healthz", d->url) < 0) {
                        calls[n].url = NULL;
                        code = no_memory();
                        break;
                }
                calls[n].timeout_usec = PROBE_USEC;
                d->probed = true;
                probed[n++] = d;
        }
        if (code == CTL_OK)
                code = connection_run(c, calls, n);
        for (size_t i = 0; i < n; i++)
                probed[i]->call = calls[i];
        return code;
}

static int join_missing(json_object *missing, char **ret) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        for (size_t i = 0; missing && i < json_object_array_length(missing); i++)
                (void) buffer_printf(&text, "%s%s", i == 0 ? "without " : ", ", json_object_get_string(json_object_array_get_idx(missing, i)));
        if (text.size == 0)
                return text.error;
        *ret = buffer_take(&text, NULL);
        return *ret ? 0 : -ENOMEM;
}

/* {"Status":"ok","Missing":["LogService"]} */
static int judge(Daemon *d) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *missing = NULL;
        const char *status = NULL;

        if (!d->probed)
                return text_replace(&d->health, "-");
        if (d->call.error < 0)
                return text_replace(&d->health, d->call.error_text ? d->call.error_text : strerror(ENOMEM));
        if (json_parse_object(d->call.answer, d->call.answer_size, &o, NULL) >= 0) {
                (void) json_get_text(o, "Status", 0, 64, &status, NULL);
                (void) json_get_array(o, "Missing", 64, &missing, NULL);
        }
        d->good = d->call.status == 200;
        if (!status)
                status = d->good ? "ok" : problem_title(d->call.status);
        if (join_missing(missing, &d->detail) < 0)
                return -ENOMEM;
        return text_replace(&d->health, status);
}

static int report(const Ctl *ctl, Status *s, const char *note) {
        size_t n_good = 0, n_answers = 0;
        int code;

        for (size_t i = 0; i < s->n; i++) {
                Daemon *d = s->daemons + i;

                if (judge(d) < 0)
                        return no_memory();
                n_good += d->good;
                n_answers += d->probed && d->call.error == 0;
        }
        code = ctl->json ? status_print_json(s) : status_print(ctl, s, note);
        if (code != CTL_OK)
                return code;
        return n_good == s->n ? CTL_OK : n_answers > 0 ? CTL_FAILURE : CTL_UNREACHABLE;
}

int ctl_status(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(status_deinit) Status s = {};
        const char *note;
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK && read_units(&s, &note) < 0)
                code = no_memory();
        if (code == CTL_OK && registry_is_running(&s))
                code = connection_guess_all(c);
        if (code == CTL_OK)
                code = probe(c, &s);
        return code == CTL_OK ? report(ctl, &s, note) : code;
}
