/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "wire/patch.h"
#include "wire/problem.h"

/* A service's registration: POST registry/services. One per ServiceURL. */
typedef struct Registration {
        char *service_name;
        char *service_url;              /* the key */
        char **required_services;       /* n_required names; "*" asks for every service, an addition of ours */
        size_t n_required;
        char *service_update_url;       /* NULL: nothing is pushed */
        char *heartbeat_url;            /* NULL: health comes from re-registration alone */

        /* Additions of ours, all optional. */
        char **tags;                    /* n_tags, each like a service name */
        size_t n_tags;
        json_object *metadata;          /* an object of texts, its keys like service names; NULL: none */
        unsigned weight;                /* 1 to WEIGHT_MAX; 0 counts as WEIGHT_DEFAULT */
        uint64_t heartbeat_usec;        /* these four: 0 is the registry's own */
        uint64_t heartbeat_timeout_usec;
        uint64_t forget_usec;
        unsigned failure_threshold;
} Registration;

#define SERVICE_NAME_MAX 64
#define REQUIRED_SERVICES_MAX 64
#define REGISTRATION_TAGS_MAX 32
#define REGISTRATION_METADATA_MAX 32            /* pairs */
#define REGISTRATION_METADATA_VALUE_MAX 256     /* characters */
#define FAILURE_THRESHOLD_MAX 100

Registration *registration_free(Registration *r);
DEFINE_CLEANUP(Registration, registration_free);

/* A service name: 1 to SERVICE_NAME_MAX of letters, digits, '-', '_', '.'. */
bool service_name_is_valid(const char *name);

int registration_from_json(json_object *o, Registration **ret, Problem *problem);       /* -EBADMSG, -ENOMEM */
int registration_to_json(const Registration *r, json_object **ret);                     /* -ENOMEM */
bool registration_equal(const Registration *a, const Registration *b);
bool registration_requires(const Registration *r, const char *service_name);
bool registration_has_tag(const Registration *r, const char *tag);
