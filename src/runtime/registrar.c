/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/registrar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/events.h"
#include "wire/json.h"
#include "wire/registration.h"
#include "wire/url-list.h"

#define FIRST_TIMEOUT_USEC (200 * USEC_PER_MSEC)        /* an absent registry delays a start by this much */
#define LATER_TIMEOUT_USEC (3 * USEC_PER_SEC)
#define LAST_TIMEOUT_USEC (2 * USEC_PER_SEC) /* who leaves unsaid is probed, which starts one whose socket systemd keeps */
#define RETRY_MIN_USEC (200 * USEC_PER_MSEC)

struct Registrar {
        Runtime *rt;
        const Service *service;
        char *body;
        char *instance_header;
        char *url;                      /* of the registry that it is with, or tries */
        size_t which;                   /* its place in RegistryURL= */
        size_t n_failed;                /* how many in a row have not registered us */
        uint64_t leaving_usec;          /* monotonic: until when it may take to deregister */
        HttpCall *call;
        sd_event_source *timer;
        uint64_t retry_usec;
        bool registered;
        bool lost_told;
        char *error;
        void (*ended)(void *userdata);  /* of the first attempt, or of the deregistration */
        void *ended_userdata;
};

static int make_body(Registrar *r) {
        _cleanup_(freep) char *update = NULL, *heartbeat = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        Registration registration = {
                .service_name = (char *) r->service->service_name,
                .service_url = (char *) r->rt->service_url,
                .required_services = (char **) r->service->requires,
        };
        int k;

        while (r->service->requires && r->service->requires[registration.n_required])
                registration.n_required++;
        if (asprintf(&update, "%s/services", r->rt->service_url) < 0)
                return -ENOMEM;
        if (asprintf(&heartbeat, "%s/heartbeat", r->rt->service_url) < 0)
                return -ENOMEM;
        registration.service_update_url = update;
        registration.heartbeat_url = heartbeat;
        k = registration_to_json(&registration, &o);
        if (k < 0)
                return k;
        return text_replace(&r->body, json_text(o, NULL));
}

/* The registry of that place in the list, which goes round. */
static int choose(Registrar *r, size_t which) {
        char *url = url_list_item(r->rt->common->registry_urls, which);

        if (!url)
                return -ENOMEM;
        free(r->url);
        r->url = url;
        r->which = which % url_list_count(r->rt->common->registry_urls);
        return 0;
}

/* Goes on to the next. Whether it may be tried at once, since not all have failed in a row. */
static bool choose_next(Registrar *r) {
        bool all = ++r->n_failed >= url_list_count(r->rt->common->registry_urls);

        if (all)
                r->n_failed = 0;
        return choose(r, r->which + 1) >= 0 && !all;
}

int registrar_new(Registrar **ret, Runtime *rt, const Service *service) {
        _cleanup_(registrar_freep) Registrar *r = calloc(1, sizeof(*r));
        uint64_t id[2];
        int k;

        if (!r)
                return -ENOMEM;
        r->rt = rt;
        r->service = service;
        r->retry_usec = RETRY_MIN_USEC;
        if (getrandom(id, sizeof(id), 0) != sizeof(id))
                return -EIO;
        /* Tells the registry a new process from a repetition; an addition of ours. */
        if (asprintf(&r->instance_header, "Gradebook-Instance: %016" PRIx64 "%016" PRIx64, id[0], id[1]) < 0)
                return -ENOMEM;
        k = make_body(r);
        if (k >= 0)
                k = choose(r, 0);
        if (k < 0)
                return k;
        *ret = TAKE_PTR(r);
        return 0;
}

Registrar *registrar_free(Registrar *r) {
        if (!r)
                return NULL;
        http_call_cancel(r->call);
        sd_event_source_disable_unref(r->timer);
        free(r->url);
        free(r->body);
        free(r->instance_header);
        free(r->error);
        free(r);
        return NULL;
}

bool registrar_is_registered(const Registrar *r) {
        return r->registered;
}

const char *registrar_error(const Registrar *r) {
        return r->error ? r->error : "";
}

static void tell_ended(Registrar *r) {
        void (*ended)(void *) = r->ended;

        r->ended = NULL;
        if (ended)
                ended(r->ended_userdata);
}

static int apply_view(Registrar *r, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        Provider *providers = NULL;
        size_t n = 0;
        bool settled = false;
        int k;

        /* No view: what we hold is what we should; or a registry of another make, whose patches tell. */
        if (json_parse_object(answer->body, answer->size, &o, NULL) < 0 ||
            view_from_json(o, &providers, &n, &settled, NULL) < 0)
                return 0;
        if (settled) {
                k = providers_replace(r->rt->providers, providers, n);
        } else {
                Patch added = { .added = providers, .n_added = n };

                k = providers_apply(r->rt->providers, &added);
        }
        providers_array_free(providers, n);
        return k;
}

static void note_success(Registrar *r, const HttpAnswer *answer) {
        const LogField fields[] = { { "REGISTRY_URL", r->url }, { "SERVICE_URL", r->rt->service_url } };

        int k = apply_view(r, answer);
        if (k < 0)
                log_warning("The registry's view could not be applied: %s", strerror(-k));
        else if (k > 0 && r->registered)
                log_info("The registry's view differed from what was known here, and was taken over: a patch is late or lost");
        if (!r->registered)
                log_event(LOG_INFO, EVENT_REGISTERED, fields, ELEMENTSOF(fields), "Registered %s at %s with the registry %s",
                          r->service->service_name, r->rt->service_url, r->url);
        r->registered = true;
        r->lost_told = false;
        r->n_failed = 0;
        r->retry_usec = RETRY_MIN_USEC;
        (void) text_replace(&r->error, NULL);
}

/* "it answers 403: …", with the detail of RFC 9457 if there is one. NULL without memory. */
static char *refusal(const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        const char *detail = NULL;
        json_object *member;
        char *text;

        if (json_parse_object(answer->body, answer->size, &o, NULL) >= 0 && json_object_object_get_ex(o, "detail", &member) &&
            json_object_is_type(member, json_type_string))
                detail = json_object_get_string(member);
        if (asprintf(&text, "it answers %u%s%s%s", answer->status, detail ? ": " : "", detail ? detail : "",
                     answer->status == 401 ? " (is the cluster token the same?)" : "") < 0)
                return NULL;
        return text;
}

static void note_failure(Registrar *r, const HttpAnswer *answer) {
        const LogField fields[] = { { "REGISTRY_URL", r->url }, { "SERVICE_URL", r->rt->service_url } };

        free(r->error);
        r->error = answer->error < 0 ? strdup(answer->error_text) : refusal(answer);
        if (!r->lost_told)
                log_event(LOG_WARNING, EVENT_REGISTRY_LOST, fields, ELEMENTSOF(fields),
                          "The registry %s %s: %s; going on with the providers known so far, and trying again", r->url,
                          answer->error < 0 ? "does not answer" : "does not register this service", registrar_error(r));
        r->lost_told = true;
        r->registered = false;
}

static void wait_longer(Registrar *r) {
        r->retry_usec = r->retry_usec * 2 < r->rt->common->register_usec ? r->retry_usec * 2 : r->rt->common->register_usec;
}

static void schedule(Registrar *r) {
        uint64_t pause = r->registered ? r->rt->common->register_usec : r->retry_usec;
        uint32_t random = 0;

        /* A tenth earlier or later, so that many services do not come in step. */
        (void) getrandom(&random, sizeof(random), 0);
        pause += pause / 10 * (random % 2001) / 1000 - pause / 10;
        if (sd_event_source_set_time_relative(r->timer, pause) < 0 || sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT) < 0)
                log_error("The timer for registering again could not be set");
}

static int register_now(Registrar *r);

static void on_registered(const HttpAnswer *answer, void *userdata) {
        Registrar *r = userdata;

        r->call = NULL;
        if (answer->error == -ECANCELED)
                return;
        if (answer->error == 0 && answer->status == 200) {
                note_success(r, answer);
        } else {
                note_failure(r, answer);
                if (choose_next(r) && register_now(r) >= 0)
                        return;
                wait_longer(r);
        }
        schedule(r);
        tell_ended(r);
}

static int send_request(Registrar *r, const char *method, uint64_t timeout_usec, HttpCallDone done) {
        _cleanup_(freep) char *url = NULL;
        const char *headers[] = { r->instance_header, NULL, NULL };
        char view[sizeof(VIEW_HASH_HEADER ": ") + VIEW_HASH_SIZE], hash[VIEW_HASH_SIZE];
        bool leaving = strcmp(method, "DELETE") == 0;
        const char *body = leaving ? r->rt->service_url : r->body;

        if (asprintf(&url, "%s/services", r->url) < 0)
                return -ENOMEM;
        /* The answer then only names the providers if they are not those that are known here. */
        if (providers_hash(r->rt->providers, hash) >= 0) {
                (void) snprintf(view, sizeof(view), VIEW_HASH_HEADER ": %s", hash);
                headers[1] = view;
        }
        return http_client_call(r->rt->client,
                                &(HttpCallOptions) {
                                        .method = method,
                                        .url = url,
                                        .content_type = leaving ? "text/plain" : "application/json",
                                        .body = body,
                                        .body_size = strlen(body),
                                        .headers = headers,
                                        .token = r->rt->token,
                                        .timeout_usec = timeout_usec,
                                },
                                done, r, &r->call);
}

/* As long as somebody waits for the first attempt, shortly. */
static int register_now(Registrar *r) {
        return send_request(r, "POST", r->ended ? FIRST_TIMEOUT_USEC : LATER_TIMEOUT_USEC, on_registered);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Registrar *r = userdata;
        int k = register_now(r);

        if (k < 0) {
                log_error("Registering could not even be tried: %s", strerror(-k));
                schedule(r);
        }
        return 0;
}

int registrar_start(Registrar *r, void (*attempted)(void *userdata), void *userdata) {
        int k = sd_event_add_time_relative(r->rt->event, &r->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_timer, r);

        if (k >= 0)
                k = sd_event_source_set_enabled(r->timer, SD_EVENT_OFF);
        if (k < 0)
                return k;
        r->ended = attempted;
        r->ended_userdata = userdata;
        return register_now(r);
}

static int deregister(Registrar *r);

static void on_deregistered(const HttpAnswer *answer, void *userdata) {
        Registrar *r = userdata;
        bool failed = answer->error < 0 || answer->status >= 500;

        r->call = NULL;
        if (answer->error < 0 && answer->error != -ECANCELED && r->registered)
                log_info("Could not deregister with %s: %s", r->url, answer->error_text);
        if (failed && answer->error != -ECANCELED && choose_next(r) && deregister(r) >= 0)
                return;
        r->registered = false;
        tell_ended(r);
}

/* All tries together take no longer than one may. */
static int deregister(Registrar *r) {
        uint64_t now = clock_monotonic_usec();

        return now >= r->leaving_usec ? -ETIMEDOUT : send_request(r, "DELETE", r->leaving_usec - now, on_deregistered);
}

void registrar_stop(Registrar *r, void (*done)(void *userdata), void *userdata) {
        r->call = http_call_cancel(r->call);
        r->timer = sd_event_source_disable_unref(r->timer);
        r->ended = done;
        r->ended_userdata = userdata;
        /* Also where no answer has come: the registry may know us all the same. */
        r->leaving_usec = clock_monotonic_usec() + LAST_TIMEOUT_USEC;
        r->n_failed = 0;
        if (deregister(r) < 0)
                tell_ended(r);
}

static void on_left(const HttpAnswer *answer, void *userdata) {
        Registrar *r = userdata;

        r->call = NULL;
        if (answer->error == -ECANCELED)
                return;
        if (choose(r, 0) < 0)
                log_error("Out of memory: still with the registry %s", r->url);
        (void) on_timer(NULL, 0, r);
}

void registrar_move(Registrar *r) {
        if (!r->timer)
                return; /* stopping */
        r->n_failed = 0;
        r->which = 0;
        if (url_list_has(r->rt->common->registry_urls, r->url))
                return;
        r->call = http_call_cancel(r->call);
        (void) sd_event_source_set_enabled(r->timer, SD_EVENT_OFF);
        r->registered = r->lost_told = false;
        r->retry_usec = RETRY_MIN_USEC;
        /* Two registries would push two views. */
        if (send_request(r, "DELETE", FIRST_TIMEOUT_USEC, on_left) < 0 && choose(r, 0) >= 0)
                (void) on_timer(NULL, 0, r);
}
