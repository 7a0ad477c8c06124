/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ctl/connection.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/units.h"
#include "wire/json.h"

#define PROBE_USEC (2 * USEC_PER_SEC)

typedef struct Daemon {
        bool has_unit;          /* systemd was asked */
        UnitState unit;
        bool probed;
        Call call;
        char *health;           /* "ok", "degraded", …, or why there is no answer */
        char *detail;           /* "without LogService"; may be NULL */
        bool good;
} Daemon;

static int no_memory(void) {
        return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
}

/* Without systemd, or without leave to ask it, there is the health alone. */
static void read_units(Daemon *daemons, const char **ret_note) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        char unit[64];
        bool installed = false;
        int r;

        r = units_open(&bus);
        *ret_note = NULL;
        for (size_t i = 0; i < _PEER_MAX && r >= 0; i++) {
                (void) snprintf(unit, sizeof(unit), "%s.service", ctl_peers[i].unit);
                r = units_read(bus, unit, &daemons[i].unit);
        }
        for (size_t i = 0; i < _PEER_MAX; i++)
                installed = installed || (r >= 0 && daemons[i].unit.installed);
        for (size_t i = 0; i < _PEER_MAX; i++)
                daemons[i].has_unit = installed;
        if (r < 0)
                *ret_note = r == -ENOSYS ? "systemd does not run here: no units are shown." : "systemd cannot be asked: no units are shown.";
        else if (!installed)
                *ret_note = "systemd knows no unit of gradebook here: none is shown.";
}

static bool is_running(const Daemon *d) {
        return !d->has_unit || !d->unit.installed || strcmp(d->unit.active, "active") == 0 || strcmp(d->unit.active, "reloading") == 0;
}

static int probe(Connection *c, Daemon *daemons) {
        Call calls[_PEER_MAX] = {};
        PeerId peers[_PEER_MAX];
        size_t n = 0;
        int code = CTL_OK;

        for (size_t i = 0; i < _PEER_MAX && code == CTL_OK; i++) {
                const char *url;

                /* A request to the socket of a daemon that is stopped would start it. */
                if (!is_running(daemons + i))
                        continue;
                url = connection_guess(c, (PeerId) i);
                if (asprintf(&calls[n].url, "%s/healthz", url) < 0) {
                        calls[n].url = NULL;
                        code = no_memory();
                        break;
                }
                calls[n].timeout_usec = PROBE_USEC;
                daemons[i].probed = true;
                peers[n++] = (PeerId) i;
        }
        if (code == CTL_OK)
                code = connection_run(c, calls, n);
        for (size_t i = 0; i < _PEER_MAX; i++)
                if (i < n)
                        daemons[peers[i]].call = calls[i];
                else
                        call_deinit(calls + i);
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

static void format_memory(uint64_t bytes, char *ret, size_t size) {
        if (bytes == UINT64_MAX)
                (void) snprintf(ret, size, "-");
        else
                (void) snprintf(ret, size, "%" PRIu64 ".%" PRIu64 "M", bytes >> 20, (bytes >> 10) % 1024 * 10 / 1024);
}

static void add_unit_cells(Table *t, const Daemon *d) {
        const UnitState *u = &d->unit;
        uint64_t now = clock_realtime_usec();
        char span[CLOCK_SPAN_SIZE] = "0s", memory[32];
        Style style = strcmp(u->active, "active") == 0 ? STYLE_GOOD : strcmp(u->active, "failed") == 0 ? STYLE_BAD : STYLE_WARNING;

        if (!u->installed)
                table_add(t, STYLE_WARNING, "not installed");
        else
                table_add(t, style, "%s (%s)", u->active, u->sub);
        if (u->since_usec > 0 && now >= u->since_usec + USEC_PER_SEC)
                clock_format_span((now - u->since_usec) / USEC_PER_SEC * USEC_PER_SEC, span);
        table_add(t, STYLE_PLAIN, "%s%s", u->since_usec > 0 ? span : "-", u->since_usec > 0 ? " ago" : "");
        if (u->pid > 0)
                table_add(t, STYLE_PLAIN, "%" PRIu32, u->pid);
        else
                table_add(t, STYLE_PLAIN, "-");
        format_memory(u->memory_bytes, memory, sizeof(memory));
        table_add(t, STYLE_PLAIN, "%s", memory);
}

static void add_health_cells(Table *t, const Daemon *d) {
        char latency[CLOCK_SPAN_SIZE] = "-";
        bool warn = d->good && strcmp(d->health, "ok") != 0;

        table_add(t, warn ? STYLE_WARNING : d->good ? STYLE_GOOD : d->probed ? STYLE_BAD : STYLE_FAINT, "%s%s%s%s", d->health,
                  d->detail ? " (" : "", d->detail ? d->detail : "", d->detail ? ")" : "");
        if (d->probed && d->call.error == 0)
                clock_format_span(d->call.elapsed_usec, latency);
        table_add(t, STYLE_PLAIN, "%s", latency);
}

/* Of where it was asked, without the path. */
static int base_length(const Daemon *d) {
        return (int) (strlen(d->call.url) - strlen("/healthz"));
}

static int print_status(const Ctl *ctl, const Daemon *daemons, bool units, const char *note) {
        _cleanup_(table_deinit) Table t = units ? TABLE("DAEMON", "UNIT", "SINCE", ">PID", ">MEMORY", "HEALTH", ">LATENCY", "STATUS")
                                                : TABLE("DAEMON", "URL", "HEALTH", ">LATENCY");
        int r;

        for (size_t i = 0; i < _PEER_MAX; i++) {
                const Daemon *d = daemons + i;

                table_add(&t, STYLE_PLAIN, "%s", ctl_peers[i].unit);
                if (units)
                        add_unit_cells(&t, d);
                else
                        table_add(&t, STYLE_PLAIN, "%.*s", base_length(d), d->call.url);
                add_health_cells(&t, d);
                if (units)
                        /* What a daemon said last does not hold any more when it is gone. */
                        table_add(&t, STYLE_PLAIN, "%s", d->unit.pid > 0 ? d->unit.status_text : "");
        }
        r = table_print(&t, ctl->colour);
        if (r < 0)
                return ctl_fail(CTL_FAILURE, "%s", strerror(-r));
        if (note)
                (void) fprintf(stderr, "%s\n", note);
        return CTL_OK;
}

static int daemon_to_json(const Daemon *d, const Peer *peer, json_object **ret) {
        json_object *o = json_object_new_object();
        const UnitState *u = &d->unit;
        int r = 0;

        *ret = o;
        if (!o || json_add_text(o, "Name", peer->unit) < 0 ||
            json_add(o, "ServiceURL", json_object_new_string_len(d->call.url, base_length(d))) < 0)
                return -ENOMEM;
        if (d->has_unit) {
                r = json_add_text(o, "ActiveState", u->active);
                if (r >= 0)
                        r = json_add_text(o, "SubState", u->sub);
                if (r >= 0)
                        r = json_add_uint64(o, "SinceMicroseconds", u->since_usec);
                if (r >= 0)
                        r = json_add_uint64(o, "PID", u->pid);
                if (r >= 0 && u->memory_bytes != UINT64_MAX)
                        r = json_add_uint64(o, "MemoryBytes", u->memory_bytes);
                if (r >= 0)
                        r = json_add_text(o, "StatusText", u->status_text);
        }
        if (r >= 0)
                r = json_add_text(o, "Health", d->probed ? d->health : NULL);
        if (r >= 0 && d->probed && d->call.error == 0)
                r = json_add_uint64(o, "LatencyMicroseconds", d->call.elapsed_usec);
        if (r >= 0)
                r = json_add(o, "Good", json_object_new_boolean(d->good));
        return r;
}

static int print_json(const Daemon *daemons) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        json_object *array = json_object_new_array();

        if (!o || json_add(o, "Daemons", array) < 0)
                return no_memory();
        for (size_t i = 0; i < _PEER_MAX; i++) {
                json_object *one = NULL;

                if (daemon_to_json(daemons + i, ctl_peers + i, &one) < 0 || json_object_array_add(array, one) < 0) {
                        json_unrefp(&one);
                        return no_memory();
                }
        }
        return output_json(o);
}

static int report(const Ctl *ctl, Daemon *daemons, const char *note) {
        size_t n_good = 0, n_answers = 0;
        int code;

        for (size_t i = 0; i < _PEER_MAX; i++) {
                if (judge(daemons + i) < 0)
                        return no_memory();
                n_good += daemons[i].good;
                n_answers += daemons[i].probed && daemons[i].call.error == 0;
        }
        code = ctl->json ? print_json(daemons) : print_status(ctl, daemons, daemons[0].has_unit, note);
        if (code != CTL_OK)
                return code;
        return n_good == _PEER_MAX ? CTL_OK : n_answers > 0 ? CTL_FAILURE : CTL_UNREACHABLE;
}

int ctl_status(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        Daemon daemons[_PEER_MAX] = {};
        const char *note;
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK) {
                read_units(daemons, &note);
                if (is_running(daemons + PEER_REGISTRY))
                        code = connection_guess_all(c);
        }
        if (code == CTL_OK)
                code = probe(c, daemons);
        if (code == CTL_OK)
                code = report(ctl, daemons, note);
        for (size_t i = 0; i < _PEER_MAX; i++) {
                unit_state_deinit(&daemons[i].unit);
                call_deinit(&daemons[i].call);
                free(daemons[i].health);
                free(daemons[i].detail);
        }
        return code;
}
