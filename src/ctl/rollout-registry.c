/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/rollout.h"
#include "ctl/services.h"
#include "wire/json.h"

/* A filter that leaves nothing out: what is filtered is made for this answer, and not up to a second old. */
#define SERVICES_PATH "/services?state=passing&state=suspect&state=draining&state=critical"
#define UNDRAIN_TRIES 5
#define UNDRAIN_PAUSE_USEC USEC_PER_SEC

void rollout_health_deinit(RolloutHealth *h) {
        free(h->service_name);
        free(h->checked);
        *h = (RolloutHealth) {};
}

static bool has_flag(json_object *o, const char *member) {
        json_object *value;

        return json_object_object_get_ex(o, member, &value) && json_object_get_boolean(value);
}

static bool gets_requests(json_object *o) {
        const char *state = services_text(o, "State");

        return (strcmp(state, "passing") == 0 || strcmp(state, "suspect") == 0) && !has_flag(o, "Held");
}

static int read_one(json_object *o, RolloutHealth *h) {
        const char *state = services_text(o, "State"), *checked = services_text(o, "LastCheck");

        h->is_known = true;
        h->gets_requests = gets_requests(o);
        h->is_drained = strcmp(state, "draining") == 0;
        h->is_critical = strcmp(state, "critical") == 0;
        h->service_name = strdup(services_text(o, "ServiceName"));
        if (!h->service_name)
                return -ENOMEM;
        if (*checked && !*services_text(o, "LastError")) {
                h->checked = strdup(checked);
                if (!h->checked)
                        return -ENOMEM;
        }
        return 0;
}

int rollout_health_read(json_object *services, const char *url, RolloutHealth *ret) {
        size_t n = services ? json_object_array_length(services) : 0;
        RolloutHealth h = { .dependants_know = true };

        for (size_t i = 0; i < n && !h.is_known; i++) {
                json_object *o = json_object_array_get_idx(services, i);

                if (services_is_called(o, url) && read_one(o, &h) < 0) {
                        rollout_health_deinit(&h);
                        return -ENOMEM;
                }
        }
        for (size_t i = 0; i < n && h.is_known; i++) {
                json_object *o = json_object_array_get_idx(services, i);

                if (strcmp(services_text(o, "ServiceName"), h.service_name) == 0 && !services_is_called(o, url) && gets_requests(o))
                        h.n_others++;
                /* Who does not answer is not waited for. */
                if ((services_requires(o, h.service_name) || services_requires(o, "*")) && has_flag(o, "PatchPending") && gets_requests(o))
                        h.dependants_know = false;
        }
        *ret = h;
        return 0;
}

int rollout_health(Connection *c, const char *url, bool quiet, RolloutHealth *ret) {
        _cleanup_(call_deinit) Call call = {};
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *services = NULL;
        int code;

        code = connection_prepare(c, PEER_REGISTRY, SERVICES_PATH, &call);
        if (code == CTL_OK)
                code = connection_run(c, &call, 1);
        if (code != CTL_OK)
                return code;
        if (call.error < 0 || call.status != 200)
                return quiet ? CTL_UNREACHABLE : connection_check(PEER_REGISTRY, &call);
        if (json_parse_object(call.answer, call.answer_size, &o, NULL) < 0 || json_get_array(o, "Services", SIZE_MAX, &services, NULL) < 0)
                return quiet ? CTL_FAILURE : ctl_fail(CTL_FAILURE, "the registry answers what is no list of services");
        return rollout_health_read(services, url, ret) < 0 ? ctl_fail(CTL_FAILURE, "out of memory") : CTL_OK;
}

static int act(Connection *c, const char *method, const char *url, Call *call) {
        int code;

        *call = (Call) { .method = method, .text = url };
        code = connection_prepare(c, PEER_REGISTRY, "/services/drain", call);
        return code == CTL_OK ? connection_run(c, call, 1) : code;
}

int rollout_drain(Connection *c, const char *url) {
        _cleanup_(call_deinit) Call call = {};
        int code;

        code = act(c, "PUT", url, &call);
        return code == CTL_OK ? connection_check(PEER_REGISTRY, &call) : code;
}

int rollout_undrain(const Ctl *ctl, const char *url) {
        _cleanup_(connection_freep) Connection *c = NULL;
        int code;

        code = connection_open(ctl, &c);
        for (int i = 0; code == CTL_OK && i < UNDRAIN_TRIES; i++) {
                _cleanup_(call_deinit) Call call = {};

                if (i > 0)
                        code = connection_wait(c, UNDRAIN_PAUSE_USEC);
                if (code == CTL_OK)
                        code = act(c, "DELETE", url, &call);
                /* 404: nothing is registered there, and nothing drained. */
                if (code == CTL_OK && call.error == 0 && (call.status == 200 || call.status == 404))
                        return CTL_OK;
        }
        return ctl_fail(code == CTL_OK ? CTL_UNREACHABLE : (CtlExit) code,
                        "%s is still drained, since the registry does not answer: when it does, run gradebookctl undrain %s", url, url);
}

/* {"Status":"ok"}: it is at work, or "degraded": at work without one of its peers. */
static char *status_of(const Call *call) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        const char *status = NULL;

        if (json_parse_object(call->answer, call->answer_size, &o, NULL) < 0 || json_get_text(o, "Status", 0, 64, &status, NULL) < 0)
                return NULL;
        return strdup(status ? status : "");
}

bool rollout_serves(Connection *c, const char *url, char **ret_why) {
        _cleanup_(call_deinit) Call call = {};
        _cleanup_(freep) char *status = NULL;
        int n = -1;

        *ret_why = NULL;
        if (asprintf(&call.url, "%s/healthz", url) < 0) {
                call.url = NULL;
                return false;
        }
        if (connection_run(c, &call, 1) != CTL_OK)
                return false;
        status = call.error == 0 ? status_of(&call) : NULL;
        /* A service of another make may answer in words of its own. */
        if (call.error == 0 && call.status == 200 && (!status || (strcmp(status, "starting") != 0 && strcmp(status, "stopping") != 0)))
                return true;
        if (call.error < 0)
                n = asprintf(ret_why, "%s/healthz does not answer (%s)", url, call.error_text ? call.error_text : "");
        else
                n = asprintf(ret_why, "%s/healthz answers %u%s%s", url, call.status, status ? ", " : "", status ? status : "");
        if (n < 0)
                *ret_why = NULL;
        return false;
}
