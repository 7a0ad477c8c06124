/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/services.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "wire/json.h"
#include "wire/timestamp.h"

#define COLUMNS_MAX 10

const CtlOption ctl_services_options[] = {
        { "tree", 't', NULL, "Show who requires whom" },
        { .name = NULL },
};

int services_fetch(Connection *c, json_object **ret, json_object **ret_services) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        int code;

        *ret_services = NULL;
        code = connection_request(c, PEER_REGISTRY, NULL, "/services", NULL, &o);
        if (code != CTL_OK)
                return code;
        if (!json_object_is_type(o, json_type_object) || json_get_array(o, "Services", SIZE_MAX, ret_services, &problem) < 0)
                return ctl_fail(CTL_FAILURE, "the registry answers what is no list of services: %s", problem.detail ? problem.detail : "no object");
        *ret = TAKE_PTR(o);
        return CTL_OK;
}

const char *services_text(json_object *o, const char *member) {
        json_object *value;

        return json_object_object_get_ex(o, member, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

bool services_requires(json_object *o, const char *name) {
        json_object *required = NULL;

        if (json_get_array(o, "RequiredServices", SIZE_MAX, &required, NULL) < 0 || !required)
                return false;
        for (size_t i = 0; i < json_object_array_length(required); i++) {
                json_object *item = json_object_array_get_idx(required, i);

                if (json_object_is_type(item, json_type_string) && strcmp(json_object_get_string(item), name) == 0)
                        return true;
        }
        return false;
}

bool services_is_called(json_object *o, const char *name_or_url) {
        const char *url = services_text(o, "ServiceURL");
        size_t n = strlen(url);

        while (n > 0 && url[n - 1] == '/')
                n--;
        return strcmp(services_text(o, "ServiceName"), name_or_url) == 0 || strcmp(url, name_or_url) == 0 ||
               (strlen(name_or_url) >= n && n > 0 && strncmp(url, name_or_url, n) == 0 && strspn(name_or_url + n, "/") == strlen(name_or_url + n));
}

static bool is_held(json_object *o) {
        json_object *value;

        return json_object_object_get_ex(o, "Held", &value) && json_object_get_boolean(value);
}

Style services_style(json_object *o) {
        const char *state = services_text(o, "State");

        return strcmp(state, "critical") == 0 ? STYLE_BAD : strcmp(state, "passing") == 0 && !is_held(o) ? STYLE_GOOD : STYLE_WARNING;
}

char *services_state(json_object *o) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        (void) buffer_printf(&out, "%s%s", services_text(o, "State"), is_held(o) ? ", held" : "");
        return buffer_take(&out, NULL);
}

char *services_join(json_object *o, const char *member) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        json_object *items = NULL;

        (void) buffer_puts(&out, "");
        if (json_get_array(o, member, SIZE_MAX, &items, NULL) >= 0 && items)
                for (size_t i = 0; i < json_object_array_length(items); i++)
                        (void) buffer_printf(&out, "%s%s", i > 0 ? ", " : "", json_object_get_string(json_object_array_get_idx(items, i)));
        return buffer_take(&out, NULL);
}

char *services_age(const char *timestamp) {
        uint64_t usec, now = clock_realtime_usec();
        char age[CLOCK_SPAN_SIZE], *text;

        if (timestamp_parse(timestamp, &usec) < 0 || usec > now)
                return strdup(*timestamp ? timestamp : "-");
        clock_format_span((now - usec) / USEC_PER_SEC * USEC_PER_SEC, age);
        return asprintf(&text, "%s ago", now - usec < USEC_PER_SEC ? "0s" : age) < 0 ? NULL : text;
}

char *services_rtt(json_object *o) {
        char rtt[CLOCK_SPAN_SIZE] = "";
        json_object *value;

        if (json_object_object_get_ex(o, "RTTMicroseconds", &value))
                clock_format_span(json_object_get_uint64(value), rtt);
        return strdup(rtt);
}

int services_fail_unknown(json_object *services, const char *name_or_url) {
        Nearest nearest = NEAREST(name_or_url);

        for (size_t i = 0; services && i < json_object_array_length(services); i++) {
                json_object *o = json_object_array_get_idx(services, i);

                nearest_offer(&nearest, services_text(o, "ServiceName"));
                nearest_offer(&nearest, services_text(o, "ServiceURL"));
        }
        if (nearest.text)
                return ctl_fail(CTL_NOT_FOUND, "nothing is registered as \"%s\": did you mean \"%s\"?", name_or_url, nearest.text);
        return ctl_fail(CTL_NOT_FOUND, "nothing is registered as \"%s\": \"gradebookctl services\" lists what is", name_or_url);
}

/* ---- the list ---- */

static uint64_t weight_of(json_object *o) {
        json_object *value;

        return json_object_object_get_ex(o, "Weight", &value) ? json_object_get_uint64(value) : 100;
}

/* Columns that say nothing here are left out. */
static bool any(json_object *services, bool (*has)(json_object *o)) {
        for (size_t i = 0; i < json_object_array_length(services); i++)
                if (has(json_object_array_get_idx(services, i)))
                        return true;
        return false;
}

static bool has_weight(json_object *o) {
        return weight_of(o) != 100;
}

static bool has_tags(json_object *o) {
        json_object *tags;

        return json_object_object_get_ex(o, "Tags", &tags) && json_object_is_type(tags, json_type_array) && json_object_array_length(tags) > 0;
}

static bool has_error(json_object *o) {
        return *services_text(o, "LastError");
}

static void add_text(Table *t, Style style, char *text) {
        _cleanup_(freep) char *owned = text;

        if (owned)
                table_add(t, style, "%s", owned);
        else
                t->error = -ENOMEM;
}

static void add_row(Table *t, json_object *o, bool weights, bool tags, bool errors) {
        table_add(t, STYLE_PLAIN, "%s", services_text(o, "ServiceName"));
        table_add(t, STYLE_PLAIN, "%s", services_text(o, "ServiceURL"));
        add_text(t, services_style(o), services_state(o));
        add_text(t, STYLE_PLAIN, services_age(services_text(o, "Since")));
        add_text(t, STYLE_PLAIN, services_age(services_text(o, "LastCheck")));
        add_text(t, STYLE_PLAIN, services_rtt(o));
        if (weights)
                table_add(t, STYLE_PLAIN, "%" PRIu64, weight_of(o));
        if (tags)
                add_text(t, STYLE_PLAIN, services_join(o, "Tags"));
        add_text(t, STYLE_PLAIN, services_join(o, "RequiredServices"));
        if (errors)
                table_add(t, STYLE_PLAIN, "%s", services_text(o, "LastError"));
}

static int print_services(const Ctl *ctl, json_object *services) {
        const char *headers[COLUMNS_MAX + 1] = { "SERVICE", "URL", "STATE", "SINCE", "CHECKED", ">RTT" };
        _cleanup_(table_deinit) Table t = { .headers = headers };
        bool weights, tags, errors;
        size_t n = 6;
        int r;

        weights = any(services, has_weight);
        tags = any(services, has_tags);
        errors = any(services, has_error);
        if (weights)
                headers[n++] = ">WEIGHT";
        if (tags)
                headers[n++] = "TAGS";
        headers[n++] = "REQUIRES";
        if (errors)
                headers[n] = "LAST ERROR";
        for (size_t i = 0; i < json_object_array_length(services); i++)
                add_row(&t, json_object_array_get_idx(services, i), weights, tags, errors);
        r = table_print(&t, ctl->colour);
        return r < 0 ? ctl_fail(CTL_FAILURE, "%s", strerror(-r)) : CTL_OK;
}

int ctl_services(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *services;
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = services_fetch(c, &o, &services);
        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return output_json(o);
        if (!services || json_object_array_length(services) == 0) {
                (void) puts("Nothing is registered.");
                return CTL_OK;
        }
        return ctl_option(ctl, "tree") ? services_print_tree(ctl, services) : print_services(ctl, services);
}
