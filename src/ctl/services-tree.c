/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "ctl/services.h"
#include "wire/json.h"

#define DEPTH_MAX 32

/* One level of the tree that is being printed; those above it are the way to its root. */
typedef struct Branch {
        const Ctl *ctl;
        json_object *services;
        json_object *shown;             /* names whose requirements were printed: members of an object */
        const char *name;
        const struct Branch *parent;
        int depth;
} Branch;

static bool is_on_way(const Branch *b, const char *name) {
        for (; b; b = b->parent)
                if (strcmp(b->name, name) == 0)
                        return true;
        return false;
}

static void print_name(const Ctl *ctl, json_object *services, const char *prefix, const char *name, const char *remark) {
        size_t n = 0, living = 0;
        char counted[64];

        for (size_t i = 0; i < json_object_array_length(services); i++) {
                json_object *o = json_object_array_get_idx(services, i);

                if (strcmp(services_text(o, "ServiceName"), name) != 0)
                        continue;
                n++;
                living += services_style(o) == STYLE_GOOD;
        }
        (void) snprintf(counted, sizeof(counted), "%zu of %zu passing", living, n);
        (void) printf("%s%s  ", prefix, name);
        output_styled(stdout, ctl->colour, n == 0 || living == 0 ? STYLE_BAD : living < n ? STYLE_WARNING : STYLE_GOOD,
                      n == 0 ? "not registered" : counted);
        (void) printf("%s\n", remark);
}

/* The names that instances of a service require, each once: members of an object, which keeps their order. */
static json_object *requirements(json_object *services, const char *name) {
        json_object *names = json_object_new_object();

        for (size_t i = 0; names && i < json_object_array_length(services); i++) {
                json_object *o = json_object_array_get_idx(services, i), *required = NULL;

                if (strcmp(services_text(o, "ServiceName"), name) != 0 || json_get_array(o, "RequiredServices", SIZE_MAX, &required, NULL) < 0)
                        continue;
                for (size_t k = 0; required && k < json_object_array_length(required); k++)
                        (void) json_object_object_add(names, json_object_get_string(json_object_array_get_idx(required, k)), NULL);
        }
        return names;
}

static void print_requirements(const Branch *b, const char *indent) {
        _cleanup_(json_unrefp) json_object *names = requirements(b->services, b->name);
        int left = names ? json_object_object_length(names) : 0;

        json_object_object_foreach(names, name, unused) {
                _cleanup_(buffer_deinit) Buffer prefix = BUFFER_NULL, deeper = BUFFER_NULL;
                bool last = --left == 0, circle = is_on_way(b, name);
                bool seen = !circle && json_object_object_get_ex(b->shown, name, NULL);

                (void) unused;
                (void) buffer_printf(&prefix, "%s%s", indent, last ? "└─ " : "├─ ");
                (void) buffer_printf(&deeper, "%s%s", indent, last ? "   " : "│  ");
                if (strcmp(name, "*") == 0) {
                        (void) printf("%s* (every service)\n", buffer_text(&prefix));
                        continue;
                }
                print_name(b->ctl, b->services, buffer_text(&prefix), name, circle ? "  (in a circle)" : seen ? "  (see above)" : "");
                if (circle || seen || b->depth >= DEPTH_MAX)
                        continue;
                (void) json_object_object_add(b->shown, name, NULL);
                print_requirements(&(Branch) { b->ctl, b->services, b->shown, name, b, b->depth + 1 }, buffer_text(&deeper));
        }
}

static bool is_required(json_object *services, const char *name) {
        for (size_t i = 0; i < json_object_array_length(services); i++) {
                json_object *o = json_object_array_get_idx(services, i);

                if (strcmp(services_text(o, "ServiceName"), name) != 0 && services_requires(o, name))
                        return true;
        }
        return false;
}

/* First from those that nobody requires; then what is left, which is in circles. */
int services_print_tree(const Ctl *ctl, json_object *services) {
        _cleanup_(json_unrefp) json_object *shown = json_object_new_object();

        if (!shown)
                return ctl_fail(CTL_FAILURE, "out of memory");
        for (int circles = 0; circles < 2; circles++)
                for (size_t i = 0; i < json_object_array_length(services); i++) {
                        const char *name = services_text(json_object_array_get_idx(services, i), "ServiceName");

                        if (json_object_object_get_ex(shown, name, NULL) || (!circles && is_required(services, name)))
                                continue;
                        (void) json_object_object_add(shown, name, NULL);
                        print_name(ctl, services, "", name, "");
                        print_requirements(&(Branch) { ctl, services, shown, name, NULL, 0 }, "");
                }
        return CTL_OK;
}
