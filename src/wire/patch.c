/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/patch.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "wire/json.h"
#include "wire/registration.h"
#include "wire/url.h"

void providers_array_free(Provider *providers, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(providers[i].name);
                free(providers[i].url);
        }
        free(providers);
}

Patch *patch_free(Patch *p) {
        if (!p)
                return NULL;
        providers_array_free(p->added, p->n_added);
        providers_array_free(p->removed, p->n_removed);
        free(p);
        return NULL;
}

int patch_new(Patch **ret) {
        Patch *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;
        *ret = p;
        return 0;
}

static int providers_push(Provider **providers, size_t *n, const char *name, const char *url, unsigned weight) {
        Provider provider = { .weight = weight };

        /* The capacity is always the power of two that n needs: a full array is one whose n is such a power. */
        if ((*n & (*n - 1)) == 0) {
                Provider *more = reallocarray(*providers, *n ? *n * 2 : 1, sizeof(**providers));

                if (!more)
                        return -ENOMEM;
                *providers = more;
        }
        if (text_replace(&provider.name, name) < 0 || text_replace(&provider.url, url) < 0) {
                free(provider.name);
                return -ENOMEM;
        }
        (*providers)[(*n)++] = provider;
        return 0;
}

int patch_add(Patch *p, const char *name, const char *url) {
        return patch_add_weighted(p, name, url, WEIGHT_DEFAULT);
}

int patch_add_weighted(Patch *p, const char *name, const char *url, unsigned weight) {
        return providers_push(&p->added, &p->n_added, name, url, weight_or_default(weight));
}

int patch_remove(Patch *p, const char *name, const char *url) {
        return providers_push(&p->removed, &p->n_removed, name, url, WEIGHT_DEFAULT);
}

static int provider_check(json_object *o, const char **ret_name, const char **ret_url, uint64_t *ret_weight, Problem *problem) {
        json_object *weight = NULL;
        int r;

        r = json_expect_object(o, "A provider", problem);
        if (r < 0)
                return r;
        r = json_get_text(o, "Name", 1, SERVICE_NAME_MAX, ret_name, problem);
        if (r < 0)
                return r;
        if (!service_name_is_valid(*ret_name))
                return problem_set(problem, 400, "Member 'Name' must be 1 to %d letters, digits, '-', '_' or '.'",
                                   SERVICE_NAME_MAX);
        r = json_get_text(o, "URL", 1, URL_MAX, ret_url, problem);
        if (r < 0)
                return r;
        r = url_check(*ret_url, "URL", problem);
        if (r < 0)
                return r;

        *ret_weight = WEIGHT_DEFAULT;
        (void) json_object_object_get_ex(o, "Weight", &weight);
        return weight ? json_get_uint64(o, "Weight", 1, WEIGHT_MAX, ret_weight, problem) : 0;
}

static int parse_providers(json_object *o, const char *member, Provider **providers, size_t *n, Problem *problem) {
        json_object *array;
        size_t length;
        int r;

        r = json_get_array(o, member, PATCH_PROVIDERS_MAX, &array, problem);
        if (r < 0)
                return r;
        length = array ? json_object_array_length(array) : 0;
        for (size_t i = 0; i < length; i++) {
                const char *name, *url;
                uint64_t weight;

                r = provider_check(json_object_array_get_idx(array, i), &name, &url, &weight, problem);
                if (r == -EBADMSG && problem)
                        return problem_set(problem, 400, "Element %zu of '%s': %s", i, member,
                                           problem->detail ? problem->detail : "");
                if (r < 0)
                        return r;
                r = providers_push(providers, n, name, url, (unsigned) weight);
                if (r < 0)
                        return r;
        }
        return 0;
}

int patch_from_json(json_object *o, Patch **ret, Problem *problem) {
        _cleanup_(patch_freep) Patch *p = NULL;
        int r;

        r = json_expect_object(o, "A patch", problem);
        if (r < 0)
                return r;
        r = patch_new(&p);
        if (r < 0)
                return r;
        r = parse_providers(o, "Added", &p->added, &p->n_added, problem);
        if (r < 0)
                return r;
        r = parse_providers(o, "Removed", &p->removed, &p->n_removed, problem);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

static int add_providers(json_object *o, const char *member, const Provider *providers, size_t n) {
        json_object *array = json_object_new_array();
        int r;

        r = json_add(o, member, array);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                json_object *provider = json_object_new_object();

                if (!provider || json_object_array_add(array, provider) < 0) {
                        json_object_put(provider);
                        return -ENOMEM;
                }
                if (json_add_text(provider, "Name", providers[i].name) < 0 ||
                    json_add_text(provider, "URL", providers[i].url) < 0)
                        return -ENOMEM;
                if (weight_or_default(providers[i].weight) != WEIGHT_DEFAULT &&
                    json_add_uint64(provider, "Weight", providers[i].weight) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int patch_to_json(const Patch *p, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        if (!o ||
            add_providers(o, "Added", p->added, p->n_added) < 0 ||
            add_providers(o, "Removed", p->removed, p->n_removed) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

int view_to_json(const Provider *providers, size_t n, bool settled, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        if (!o ||
            add_providers(o, "Providers", providers, n) < 0 ||
            json_add(o, "Settled", json_object_new_boolean(settled)) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

int view_same_to_json(json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        if (!o ||
            json_add_text(o, "Providers", NULL) < 0 ||
            json_add(o, "Settled", json_object_new_boolean(true)) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

int view_from_json(json_object *o, Provider **ret, size_t *ret_n, bool *ret_settled, Problem *problem) {
        json_object *array, *settled = NULL;
        Provider *providers = NULL;
        size_t n = 0;
        int r;

        r = json_expect_object(o, "A view", problem);
        if (r < 0)
                return r;
        r = json_get_array(o, "Providers", PATCH_PROVIDERS_MAX, &array, problem);
        if (r < 0)
                return r;

        /* Nothing said is not the same as nobody there, and unsettled is the careful reading of silence. */
        if (!array)
                return problem_set(problem, 400, "Member 'Providers' is missing");
        if (json_object_object_get_ex(o, "Settled", &settled) && !json_object_is_type(settled, json_type_boolean))
                return problem_set(problem, 400, "Member 'Settled' must be true or false");

        r = parse_providers(o, "Providers", &providers, &n, problem);
        if (r < 0) {
                providers_array_free(providers, n);
                return r;
        }
        *ret = providers;
        *ret_n = n;
        *ret_settled = settled && json_object_get_boolean(settled);
        return 0;
}
