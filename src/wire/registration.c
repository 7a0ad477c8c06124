/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/registration.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "wire/json.h"
#include "wire/registration-options.h"
#include "wire/url.h"

Registration *registration_free(Registration *r) {
        if (!r)
                return NULL;
        free(r->service_name);
        free(r->service_url);
        for (size_t i = 0; i < r->n_required; i++)
                free(r->required_services[i]);
        free(r->required_services);
        free(r->service_update_url);
        free(r->heartbeat_url);
        registration_options_deinit(r);
        free(r);
        return NULL;
}

bool service_name_is_valid(const char *name) {
        size_t length = strlen(name);

        return length >= 1 && length <= SERVICE_NAME_MAX &&
               strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == length;
}

static bool lists(const Registration *r, const char *name) {
        for (size_t i = 0; i < r->n_required; i++)
                if (strcmp(r->required_services[i], name) == 0)
                        return true;
        return false;
}

static int parse_required(json_object *o, Registration *r, Problem *problem) {
        json_object *array;
        size_t n;
        int k;

        k = json_get_array(o, "RequiredServices", REQUIRED_SERVICES_MAX, &array, problem);
        if (k < 0)
                return k;
        n = array ? json_object_array_length(array) : 0;
        if (n == 0)
                return 0;
        r->required_services = calloc(n, sizeof(*r->required_services));
        if (!r->required_services)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                json_object *element = json_object_array_get_idx(array, i);
                const char *name = json_object_is_type(element, json_type_string) ? json_object_get_string(element) : "";

                if (!service_name_is_valid(name) && strcmp(name, "*") != 0)
                        return problem_set(problem, 400, "Member 'RequiredServices' must name services: element %zu is not "
                                           "1 to %d letters, digits, '-', '_' or '.'", i, SERVICE_NAME_MAX);
                if (lists(r, name))
                        continue;
                r->required_services[r->n_required] = strdup(name);
                if (!r->required_services[r->n_required])
                        return -ENOMEM;
                r->n_required++;
        }
        return 0;
}

/* Copies a member that is a URL; where it is not required, an empty one counts as absent: peers in languages without
 * an absent text send that. */
static int parse_url(json_object *o, const char *member, bool required, char **ret, Problem *problem) {
        const char *url;
        int r;

        r = json_get_text(o, member, required ? 1 : 0, URL_MAX, &url, problem);
        if (r < 0 || !url)
                return r;
        r = url_check(url, member, problem);
        if (r < 0)
                return r;
        return text_replace(ret, url);
}

int registration_from_json(json_object *o, Registration **ret, Problem *problem) {
        _cleanup_(registration_freep) Registration *r = NULL;
        const char *name;
        int k;

        k = json_expect_object(o, "A registration", problem);
        if (k < 0)
                return k;
        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        k = json_get_text(o, "ServiceName", 1, SERVICE_NAME_MAX, &name, problem);
        if (k < 0)
                return k;
        if (!service_name_is_valid(name))
                return problem_set(problem, 400, "Member 'ServiceName' must be 1 to %d letters, digits, '-', '_' or '.'",
                                   SERVICE_NAME_MAX);
        k = text_replace(&r->service_name, name);
        if (k < 0)
                return k;
        k = parse_url(o, "ServiceURL", true, &r->service_url, problem);
        if (k < 0)
                return k;
        k = parse_required(o, r, problem);
        if (k < 0)
                return k;
        k = parse_url(o, "ServiceUpdateURL", false, &r->service_update_url, problem);
        if (k < 0)
                return k;
        k = parse_url(o, "HeartbeatURL", false, &r->heartbeat_url, problem);
        if (k < 0)
                return k;
        k = registration_options_from_json(o, r, problem);
        if (k < 0)
                return k;
        *ret = TAKE_PTR(r);
        return 0;
}

int registration_to_json(const Registration *r, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        json_object *array = json_object_new_array();

        if (!o ||
            json_add_text(o, "ServiceName", r->service_name) < 0 ||
            json_add_text(o, "ServiceURL", r->service_url) < 0) {
                json_object_put(array);
                return -ENOMEM;
        }
        if (json_add(o, "RequiredServices", array) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < r->n_required; i++) {
                json_object *name = json_object_new_string(r->required_services[i]);

                if (!name || json_object_array_add(array, name) < 0) {
                        json_object_put(name);
                        return -ENOMEM;
                }
        }
        if (r->service_update_url && json_add_text(o, "ServiceUpdateURL", r->service_update_url) < 0)
                return -ENOMEM;
        if (r->heartbeat_url && json_add_text(o, "HeartbeatURL", r->heartbeat_url) < 0)
                return -ENOMEM;
        if (registration_options_to_json(r, o) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

/* The order of the required services, or of the tags, says nothing, so it makes no difference either. */
bool registration_equal(const Registration *a, const Registration *b) {
        for (size_t i = 0; i < a->n_required; i++)
                if (!lists(b, a->required_services[i]))
                        return false;
        for (size_t i = 0; i < b->n_required; i++)
                if (!lists(a, b->required_services[i]))
                        return false;
        return text_equal(a->service_name, b->service_name) && text_equal(a->service_url, b->service_url) &&
               text_equal(a->service_update_url, b->service_update_url) && text_equal(a->heartbeat_url, b->heartbeat_url) &&
               registration_options_equal(a, b);
}

bool registration_requires(const Registration *r, const char *service_name) {
        return lists(r, "*") || lists(r, service_name);
}

bool registration_has_tag(const Registration *r, const char *tag) {
        for (size_t i = 0; i < r->n_tags; i++)
                if (strcmp(r->tags[i], tag) == 0)
                        return true;
        return false;
}
