/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/output.h"
#include "ctl/status.h"
#include "wire/json.h"

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

int status_print(const Ctl *ctl, const Status *s, const char *note) {
        bool units = s->has_units;
        _cleanup_(table_deinit) Table t = units ? TABLE("DAEMON", "UNIT", "SINCE", ">PID", ">MEMORY", "HEALTH", ">LATENCY", "STATUS")
                                                : TABLE("DAEMON", "URL", "HEALTH", ">LATENCY");
        int r;

        for (size_t i = 0; i < s->n; i++) {
                const Daemon *d = s->daemons + i;

                table_add(&t, STYLE_PLAIN, "%s", d->name);
                if (units)
                        add_unit_cells(&t, d);
                else
                        table_add(&t, STYLE_PLAIN, "%s", d->url);
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

static int daemon_to_json(const Daemon *d, bool has_unit, json_object **ret) {
        json_object *o = json_object_new_object();
        const UnitState *u = &d->unit;
        int r = 0;

        *ret = o;
        if (!o || json_add_text(o, "Name", d->name) < 0 || json_add_text(o, "ServiceURL", d->url) < 0)
                return -ENOMEM;
        if (has_unit) {
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

int status_print_json(const Status *s) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        json_object *array = json_object_new_array();

        if (!o || json_add(o, "Daemons", array) < 0)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        for (size_t i = 0; i < s->n; i++) {
                json_object *one = NULL;

                if (daemon_to_json(s->daemons + i, s->has_units, &one) < 0 || json_object_array_add(array, one) < 0) {
                        json_unrefp(&one);
                        return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
                }
        }
        return output_json(o);
}
