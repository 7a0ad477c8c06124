/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/parse.h"
#include "grading/classes.h"
#include "grading/resource.h"

static bool matches_term(const Row *row, void *userdata) {
        return *(const bool *) userdata || !((const TermRow *) row)->archived;
}

void get_terms(Request *r, void *service) {
        const char *value;
        bool archived = false;
        Access access;

        if (!access_begin(service, r, &access))
                return;
        value = request_query(r, "archived");
        if (value && parse_bool(value, &archived) < 0)
                request_fail(r, 400, "Parameter 'archived' must be yes or no");
        else
                resource_list_for(service, r, &access, &(ResourceList) { .kind = KIND_TERM, .matches = matches_term, .userdata = &archived });
}

void post_term(Request *r, void *service) {
        resource_post(service, r, KIND_TERM, NULL);
}

void get_term(Request *r, void *service) {
        resource_get(service, r, KIND_TERM);
}

void patch_term(Request *r, void *service) {
        resource_patch(service, r, KIND_TERM);
}

void delete_term(Request *r, void *service) {
        resource_delete(service, r, KIND_TERM);
}
