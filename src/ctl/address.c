/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/address.h"

#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "wire/json.h"
#include "wire/url.h"

int address_usual(const char *url, bool tls, const char *advertise_host, char **ret) {
        char host[URL_HOST_SIZE];
        int r = url_host(url, host);

        if (r < 0)
                return r;
        return url_make(tls ? "https" : "http", text_is_empty(advertise_host) ? host : advertise_host, strrchr(url, ':') + 1, ret);
}

static bool is_here(const char *url, const char *here) {
        char host[URL_HOST_SIZE], own[URL_HOST_SIZE], name[256] = "";

        if (url_is_loopback(url))
                return true;
        if (url_host(url, host) < 0)
                return false;
        if (url_host(here, own) >= 0 && strcasecmp(host, own) == 0)
                return true;
        return gethostname(name, sizeof(name) - 1) >= 0 && strcasecmp(host, name) == 0;
}

static const char *member_text(json_object *o, const char *member) {
        json_object *value;

        return json_object_object_get_ex(o, member, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

/* {"Services":[{"ServiceName":…,"ServiceURL":…,"State":…}]}. One that drains is better than nobody. */
const char *address_choose(json_object *answer, const char *service_name, const char *here) {
        json_object *services = NULL;
        const char *found = NULL;
        int best = 0;

        if (json_get_array(answer, "Services", SIZE_MAX, &services, NULL) < 0 || !services)
                return NULL;
        for (size_t i = 0; i < json_object_array_length(services); i++) {
                json_object *s = json_object_array_get_idx(services, i);
                const char *url = member_text(s, "ServiceURL"), *state = member_text(s, "State");
                int worth;

                if (strcmp(member_text(s, "ServiceName"), service_name) != 0 || strcmp(state, "critical") == 0 || url_check(url, "ServiceURL", NULL) < 0)
                        continue;
                worth = 1 + (strcmp(state, "draining") != 0) + 2 * (here && is_here(url, here));
                if (worth > best) {
                        found = url;
                        best = worth;
                }
        }
        return found;
}
