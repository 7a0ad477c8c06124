/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "wire/problem.h"

/* A service's registration: POST registry/services. One per ServiceURL. */
typedef struct Registration {
        char *service_name;
        char *service_url;              /* the key */
        char **required_services;       /* n_required names; "*" asks for every service, an addition of ours */
        size_t n_required;
        char *service_update_url;       /* NULL: nothing is pushed */
        char *heartbeat_url;            /* NULL: health comes from re-registration alone */
} Registration;

#define SERVICE_NAME_MAX 64
#define REQUIRED_SERVICES_MAX 64

Registration *registration_free(Registration *r);
DEFINE_CLEANUP(Registration, registration_free);

/* A service name: 1 to SERVICE_NAME_MAX of letters, digits, '-', '_', '.'. */
bool service_name_is_valid(const char *name);

int registration_from_json(json_object *o, Registration **ret, Problem *problem);       /* -EBADMSG, -ENOMEM */
int registration_to_json(const Registration *r, json_object **ret);                     /* -ENOMEM */
bool registration_equal(const Registration *a, const Registration *b);
bool registration_requires(const Registration *r, const char *service_name);
