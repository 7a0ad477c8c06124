/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/services.h"
#include "wire/json.h"

/* What can be done to a registration: a request whose body is its URL. */
typedef struct Act {
        const char *method;
        const char *path;
        const char *done;       /* "is drained: …" */
} Act;

static const Act drain = { "PUT", "/services/drain", "is draining: it gets no new requests" };
static const Act undrain = { "DELETE", "/services/drain", "is not draining any more" };
static const Act deregister = { "DELETE", "/services", "is deregistered" };

static int act_on(Connection *c, const Act *act, const char *url) {
        _cleanup_(call_deinit) Call call = { .method = act->method, .text = url };
        int code;

        code = connection_prepare(c, PEER_REGISTRY, act->path, &call);
        if (code == CTL_OK)
                code = connection_run(c, &call, 1);
        return code == CTL_OK ? connection_check(PEER_REGISTRY, &call) : code;
}

static int report(const Ctl *ctl, const Act *act, json_object *service, json_object *list) {
        _cleanup_(freep) char *name = output_clean(services_text(service, "ServiceName"), NULL);
        const char *url = services_text(service, "ServiceURL");

        if (ctl->json)
                return json_object_array_add(list, json_object_new_string(url)) < 0 ? ctl_fail(CTL_FAILURE, "out of memory") : CTL_OK;
        (void) printf("%s at %s %s.\n", name ? name : "", url, act->done);
        return CTL_OK;
}

/* On all instances of a name. */
static int act_on_called(const Ctl *ctl, Connection *c, const Act *act, json_object *services, const char *called, json_object *list) {
        size_t n = 0;
        int code;

        for (size_t i = 0; services && i < json_object_array_length(services); i++) {
                json_object *o = json_object_array_get_idx(services, i);

                if (!services_is_called(o, called))
                        continue;
                code = act_on(c, act, services_text(o, "ServiceURL"));
                if (code == CTL_OK)
                        code = report(ctl, act, o, list);
                if (code != CTL_OK)
                        return code;
                n++;
        }
        return n > 0 ? CTL_OK : services_fail_unknown(services, called);
}

static int check_called(const Act *act, json_object *services, const char *called) {
        if (act == &deregister && !strstr(called, "://"))
                return ctl_fail(CTL_USAGE, "deregister %s: a URL is needed, such as \"gradebookctl services\" shows", called);
        for (size_t i = 0; services && i < json_object_array_length(services); i++)
                if (services_is_called(json_object_array_get_idx(services, i), called))
                        return CTL_OK;
        return services_fail_unknown(services, called);
}

/* Nothing is changed unless all that was named is there. */
static int run(const Ctl *ctl, const Act *act, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL, *list = json_object_new_array();
        json_object *services;
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = services_fetch(c, &o, &services);
        for (size_t i = 0; code == CTL_OK && arguments[i]; i++)
                code = check_called(act, services, arguments[i]);
        for (size_t i = 0; code == CTL_OK && arguments[i]; i++)
                code = act_on_called(ctl, c, act, services, arguments[i], list);
        if (code == CTL_OK && ctl->json)
                return output_json(list);
        return code;
}

int ctl_drain(Ctl *ctl, char *arguments[]) {
        return run(ctl, &drain, arguments);
}

int ctl_undrain(Ctl *ctl, char *arguments[]) {
        return run(ctl, &undrain, arguments);
}

int ctl_deregister(Ctl *ctl, char *arguments[]) {
        return run(ctl, &deregister, arguments);
}
