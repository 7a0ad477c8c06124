/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/services.h"
#include "wire/json.h"

static void print_member(const char *label, const char *format, ...) _printf_(2, 3);

static void print_member(const char *label, const char *format, ...) {
        _cleanup_(freep) char *text = NULL, *clean = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        clean = text ? output_clean(text, NULL) : NULL;
        (void) printf("%14s: %s\n", label, clean ? clean : "out of memory");
}

static void print_text(const char *label, json_object *o, const char *member) {
        if (*services_text(o, member))
                print_member(label, "%s", services_text(o, member));
}

static void print_state(const Ctl *ctl, json_object *o) {
        _cleanup_(freep) char *state = services_state(o), *age = services_age(services_text(o, "Since"));

        (void) printf("%14s: ", "State");
        output_styled(stdout, ctl->colour, services_style(o), state ? state : "");
        (void) printf(" since %s (%s)\n", services_text(o, "Since"), age ? age : "-");
}

static void print_check(json_object *o) {
        _cleanup_(freep) char *age = services_age(services_text(o, "LastCheck")), *rtt = services_rtt(o);

        if (!*services_text(o, "LastCheck"))
                print_member("Last check", "none yet");
        else if (*services_text(o, "LastError"))
                print_member("Last check", "%s: %s", age ? age : "-", services_text(o, "LastError"));
        else
                print_member("Last check", "%s, answered in %s", age ? age : "-", rtt ? rtt : "-");
}

/* What a registration has beyond the fixed members, where it is there. */
static void print_additions(json_object *o) {
        _cleanup_(freep) char *tags = services_join(o, "Tags");
        json_object *value;

        if (json_object_object_get_ex(o, "Weight", &value))
                print_member("Weight", "%" PRIu64, json_object_get_uint64(value));
        if (tags && *tags)
                print_member("Tags", "%s", tags);
        if (json_object_object_get_ex(o, "Metadata", &value) && json_object_is_type(value, json_type_object)) {
                json_object_object_foreach(value, key, text)
                        print_member("Metadata", "%s=%s", key, json_object_get_string(text));
        }
}

static void print_requirement(json_object *services, const char *name) {
        size_t n = 0, living = 0;

        if (strcmp(name, "*") == 0) {
                print_member("Requires", "every service");
                return;
        }
        for (size_t i = 0; i < json_object_array_length(services); i++) {
                json_object *o = json_object_array_get_idx(services, i);

                if (strcmp(services_text(o, "ServiceName"), name) != 0)
                        continue;
                n++;
                living += services_style(o) == STYLE_GOOD;
        }
        if (n == 0)
                print_member("Requires", "%s, which nobody has registered", name);
        else
                print_member("Requires", "%s, %zu of %zu passing", name, living, n);
}

static void print_dependencies(json_object *services, json_object *o) {
        const char *name = services_text(o, "ServiceName");
        json_object *required = NULL;
        bool needed = false;

        if (json_get_array(o, "RequiredServices", SIZE_MAX, &required, NULL) >= 0 && required)
                for (size_t i = 0; i < json_object_array_length(required); i++)
                        print_requirement(services, json_object_get_string(json_object_array_get_idx(required, i)));
        for (size_t i = 0; i < json_object_array_length(services); i++) {
                json_object *other = json_object_array_get_idx(services, i);

                if (!services_requires(other, name))
                        continue;
                print_member("Required by", "%s at %s", services_text(other, "ServiceName"), services_text(other, "ServiceURL"));
                needed = true;
        }
        if (!needed)
                print_member("Required by", "nobody");
}

static void print_service(const Ctl *ctl, json_object *services, json_object *o) {
        _cleanup_(freep) char *name = output_clean(services_text(o, "ServiceName"), NULL);
        json_object *pending;

        output_styled(stdout, ctl->colour, STYLE_STRONG, name ? name : "");
        (void) putchar('\n');
        print_text("URL", o, "ServiceURL");
        print_state(ctl, o);
        print_check(o);
        print_text("Heartbeat", o, "HeartbeatURL");
        print_text("Patches to", o, "ServiceUpdateURL");
        if (json_object_object_get_ex(o, "PatchPending", &pending) && json_object_get_boolean(pending))
                print_member("", "it does not know everything yet");
        print_additions(o);
        print_dependencies(services, o);
}

int ctl_services_show(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL, *found = NULL;
        json_object *services;
        size_t n = 0;
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = services_fetch(c, &o, &services);
        if (code != CTL_OK)
                return code;
        found = json_object_new_array();
        for (size_t i = 0; services && i < json_object_array_length(services); i++) {
                json_object *service = json_object_array_get_idx(services, i);

                if (!services_is_called(service, arguments[0]))
                        continue;
                if (ctl->json) {
                        if (json_object_array_add(found, json_object_get(service)) < 0)
                                return ctl_fail(CTL_FAILURE, "out of memory");
                } else {
                        (void) fputs(n > 0 ? "\n" : "", stdout);
                        print_service(ctl, services, service);
                }
                n++;
        }
        if (n == 0)
                return services_fail_unknown(services, arguments[0]);
        return ctl->json ? output_json(found) : CTL_OK;
}
