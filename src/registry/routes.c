/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "registry/backup.h"
#include "registry/page.h"
#include "registry/registry.h"
#include "registry/roles.h"
#include "wire/json.h"
#include "wire/url.h"

#define BODY_MAX_BYTES (64u << 10)

static void post_service(Request *request, void *service) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        Problem problem = PROBLEM_NULL;
        Registration *registration;

        if (request_json(request, &o) < 0)
                return;

        int r = registration_from_json(o, &registration, &problem);
        if (r < 0) {
                if (problem.status != 0)
                        request_reply_problem(request, &problem);
                else
                        request_fail_errno(request, r, "reading a registration");
                return;
        }
        if (!role_may_speak_for(request, registration->service_name, false)) {
                registration_free(registration);
                return;
        }
        register_service(service, registration, request);
}

/* The body as a URL, without the line break that ends a text file; NULL: the request has been answered. */
static char *take_url(Request *request) {
        _cleanup_(freep) char *url = NULL;
        Problem problem = PROBLEM_NULL;
        size_t size;

        const char *body = request_body(request, &size);
        while (size > 0 && strchr(" \t\r\n", body[size - 1]))
                size--;

        url = strndup(body, size);
        if (!url) {
                request_fail_errno(request, -ENOMEM, "reading a ServiceURL");
                return NULL;
        }
        if (strlen(url) != size || url_check(url, "ServiceURL", &problem) < 0) {
                problem_deinit(&problem);
                request_fail(request, 400, "The body must be the ServiceURL of a registration, as plain text.");
                return NULL;
        }
        return TAKE_PTR(url);
}

/* Of what is not registered, whoever asks is told so. */
static bool may_change(const Registry *g, const char *url, Request *request) {
        const Instance *i = instance_find(g, url);

        return !i || role_may_speak_for(request, i->registration->service_name, true);
}

static void delete_service(Request *request, void *service) {
        _cleanup_(freep) char *url = take_url(request);

        if (url && may_change(service, url, request))
                deregister_service(service, url, request);
}

static void put_drain(Request *request, void *service) {
        _cleanup_(freep) char *url = take_url(request);

        if (url && may_change(service, url, request))
                drain_service(service, url, true, request);
}

static void delete_drain(Request *request, void *service) {
        _cleanup_(freep) char *url = take_url(request);

        if (url && may_change(service, url, request))
                drain_service(service, url, false, request);
}

static void get_backup(Request *request, void *service) {
        if (role_may_administer(request))
                backup_get(request, service);
}

static void post_restore(Request *request, void *service) {
        if (role_may_administer(request))
                restore_post(request, service);
}

static void get_services(Request *request, void *service) {
        discovery_get_services(service, NULL, request);
}

static void get_service(Request *request, void *service) {
        discovery_get_services(service, request_param(request, "name"), request);
}

static void get_events(Request *request, void *service) {
        discovery_get_events(service, request);
}

const Route registry_routes[] = {
        { "POST", "/services", post_service, BODY_MAX_BYTES, 0 },
        { "DELETE", "/services", delete_service, BODY_MAX_BYTES, 0 },
        { "GET", "/services", get_services, 0, 0 },
        { "PUT", "/services/drain", put_drain, BODY_MAX_BYTES, 0 },
        { "DELETE", "/services/drain", delete_drain, BODY_MAX_BYTES, 0 },
        { "GET", "/services/{name}", get_service, 0, 0 },
        { "GET", "/backup", get_backup, 0, 0 },
        { "POST", "/restore", post_restore, BACKUP_MAX_BYTES, 0 },
        { "GET", "/", page_get, 0, ROUTE_BROWSER },
        { "GET", "/style.css", page_get_style, 0, ROUTE_BROWSER },
        { "GET", "/events", get_events, 0, 0 },
        ROUTE_END,
};
