/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/connection.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "wire/json.h"
#include "wire/timestamp.h"

static const char *text_of(json_object *o, const char *member) {
        json_object *value;

        return json_object_object_get_ex(o, member, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static Style style_of(const char *state) {
        return strcmp(state, "passing") == 0 ? STYLE_GOOD : strcmp(state, "critical") == 0 ? STYLE_BAD : STYLE_WARNING;
}

static void add_age(Table *t, const char *since) {
        uint64_t usec, now = clock_realtime_usec();
        char age[CLOCK_SPAN_SIZE];

        if (timestamp_parse(since, &usec) < 0 || usec > now) {
                table_add(t, STYLE_PLAIN, "%s", *since ? since : "-");
                return;
        }
        clock_format_span(now - usec < USEC_PER_SEC ? 0 : (now - usec) / USEC_PER_SEC * USEC_PER_SEC, age);
        table_add(t, STYLE_PLAIN, "%s ago", now - usec < USEC_PER_SEC ? "0s" : age);
}

static void add_rtt(Table *t, json_object *o) {
        char rtt[CLOCK_SPAN_SIZE];
        json_object *value;

        if (!json_object_object_get_ex(o, "RTTMicroseconds", &value)) {
                table_add(t, STYLE_PLAIN, "-");
                return;
        }
        clock_format_span(json_object_get_uint64(value), rtt);
        table_add(t, STYLE_PLAIN, "%s", rtt);
}

static int print_services(const Ctl *ctl, json_object *services) {
        _cleanup_(table_deinit) Table t = TABLE("SERVICE", "URL", "STATE", "SINCE", ">RTT", "LAST ERROR");
        size_t n = services ? json_object_array_length(services) : 0;
        int r;

        if (n == 0) {
                (void) puts("Nothing is registered.");
                return CTL_OK;
        }
        for (size_t i = 0; i < n; i++) {
                json_object *o = json_object_array_get_idx(services, i);
                const char *state = text_of(o, "State");

                table_add(&t, STYLE_PLAIN, "%s", text_of(o, "ServiceName"));
                table_add(&t, STYLE_PLAIN, "%s", text_of(o, "ServiceURL"));
                table_add(&t, style_of(state), "%s", state);
                add_age(&t, text_of(o, "Since"));
                add_rtt(&t, o);
                table_add(&t, STYLE_PLAIN, "%s", text_of(o, "LastError"));
        }
        r = table_print(&t, ctl->colour);
        return r < 0 ? ctl_fail(CTL_FAILURE, "%s", strerror(-r)) : CTL_OK;
}

int ctl_services(Ctl *ctl, char *arguments[]) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *services = NULL;
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = connection_request(c, PEER_REGISTRY, NULL, "/services", NULL, &o);
        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return output_json(o);
        if (!json_object_is_type(o, json_type_object) || json_get_array(o, "Services", SIZE_MAX, &services, &problem) < 0)
                return ctl_fail(CTL_FAILURE, "the registry answers what is no list of services: %s", problem.detail ? problem.detail : "no object");
        return print_services(ctl, services);
}
