/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "portal/csrf.h"
#include "portal/next.h"
#include "portal/pages.h"

#define KEEP_SEC (365 * 24 * 3600)
#define ORIGIN_MAX 300

/* The page that the link was on, if the browser says it and it is one of ours that can be asked for again; else the students. */
static const char *came_from(const Request *r, char ret[static NEXT_MAX + 1]) {
        const char *referer = request_header(r, "Referer"), *host = referer ? strstr(referer, "://") : NULL;
        const char *path = host ? strchr(host + 3, '/') : NULL;
        static const char grades[] = "/grades";
        char origin[ORIGIN_MAX];
        size_t n;

        (void) snprintf(ret, NEXT_MAX + 1, "/students");
        if (!path || (size_t) (path - referer) >= sizeof(origin))
                return ret;
        memcpy(origin, referer, (size_t) (path - referer));
        origin[path - referer] = '\0';
        if (!origin_is_of_host(origin, request_header(r, "Host")))
                return ret;
        if (!path_is_ours(path) || strncmp(path, "/sign-out", strlen("/sign-out")) == 0 || strncmp(path, "/language", strlen("/language")) == 0)
                return ret;
        (void) snprintf(ret, NEXT_MAX + 1, "%s", path);
        /* A form that was sent and shown again has the address that it was sent to. */
        n = strlen(ret);
        if (n > strlen(grades) && strcmp(ret + n - strlen(grades), grades) == 0)
                ret[n - strlen(grades)] = '\0';
        return ret;
}

void get_language(Request *r, void *service) {
        int language = language_from_code(request_param(r, "code"));
        const char *site = request_header(r, "Sec-Fetch-Site");
        char path[NEXT_MAX + 1], cookie[128];

        if (language < 0) {
                page_fail(r, service, 404, "NoSuchLanguage", NULL);
                return;
        }
        /* Another site's page may lead here, and does not choose. */
        if (!csrf_is_from_here(r) || (site && (strcmp(site, "cross-site") == 0 || strcmp(site, "same-site") == 0))) {
                page_redirect(r, service, "/students");
                return;
        }
        (void) snprintf(cookie, sizeof(cookie), COOKIE_LANGUAGE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax",
                        language_code((Language) language), KEEP_SEC);
        request_set_header(r, "Set-Cookie", cookie);
        page_redirect(r, service, came_from(r, path));
}
