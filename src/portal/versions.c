/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/versions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/json.h"

#define ENTRIES_MAX 500         /* as many as a page lists */
#define ANSWER_MAX (16u << 10)
#define VERSION_MAX 64
#define TIMEOUT_USEC (500 * USEC_PER_MSEC)

typedef struct Entry {
        Versions *versions;
        char *url;
        char *since;            /* of its state when it was asked: what is another process has another one */
        char *version;
        HttpCall *call;
        bool is_listed;
        UT_hash_handle hh;
} Entry;

struct Versions {
        Runtime *rt;
        Entry *entries;
        size_t n_open;
        void (*changed)(void *userdata);
        void *userdata;
};

int versions_new(Versions **ret, Runtime *rt, void (*changed)(void *userdata), void *userdata) {
        Versions *v = calloc(1, sizeof(*v));

        if (!v)
                return -ENOMEM;
        *v = (Versions) { .rt = rt, .changed = changed, .userdata = userdata };
        *ret = v;
        return 0;
}

static void entry_free(Entry *e) {
        if (e->call)
                e->versions->n_open--;
        http_call_cancel(e->call);
        free(e->url);
        free(e->since);
        free(e->version);
        free(e);
}

Versions *versions_free(Versions *v) {
        Entry *e, *following;

        if (!v)
                return NULL;
        HASH_ITER(hh, v->entries, e, following) {
                HASH_DEL(v->entries, e);
                entry_free(e);
        }
        free(v);
        return NULL;
}

static Entry *find(const Versions *v, const char *url) {
        Entry *e;

        HASH_FIND_STR(v->entries, url, e);
        return e;
}

static Entry *entry_get(Versions *v, const char *url) {
        Entry *e = find(v, url);

        if (e || HASH_COUNT(v->entries) >= ENTRIES_MAX)
                return e;
        e = calloc(1, sizeof(*e));
        if (!e)
                return NULL;
        e->versions = v;
        e->url = strdup(url);
        if (e->url)
                HASH_ADD_KEYPTR(hh, v->entries, e->url, strlen(e->url), e);
        if (!e->url || !e->hh.tbl) {
                entry_free(e);
                return NULL;
        }
        return e;
}

static void on_health(const HttpAnswer *answer, void *userdata) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        const char *version = NULL;
        Entry *e = userdata;
        Versions *v = e->versions;

        e->call = NULL;
        v->n_open--;
        if (answer->error == -ECANCELED)
                return;
        if (answer->error == 0 && answer->status == 200 && json_parse_object(answer->body, answer->size, &o, NULL) >= 0)
                (void) json_get_text(o, "Version", 0, VERSION_MAX, &version, NULL);
        (void) text_replace(&e->version, version);
        if (v->n_open == 0)
                v->changed(v->userdata);
}

static void ask(Entry *e) {
        _cleanup_(freep) char *url = NULL;

        if (asprintf(&url, "%s/healthz", e->url) < 0) {
                url = NULL;
                return;
        }
        if (http_client_call(e->versions->rt->client, &(HttpCallOptions) { .url = url, .timeout_usec = TIMEOUT_USEC, .answer_max = ANSWER_MAX }, on_health,
                             e, &e->call) >= 0)
                e->versions->n_open++;
}

static void follow_one(Versions *v, json_object *service) {
        const char *url = NULL, *state = NULL, *since = NULL;
        Entry *e;

        if (json_get_text(service, "ServiceURL", 1, SIZE_MAX, &url, NULL) < 0 || json_get_text(service, "State", 0, 16, &state, NULL) < 0 ||
            json_get_text(service, "Since", 0, 64, &since, NULL) < 0)
                return;
        e = entry_get(v, url);
        if (!e)
                return;
        e->is_listed = true;
        /* Who is critical would only be waited for. */
        if (e->call || !state || strcmp(state, "critical") == 0 || (e->since && strcmp(e->since, since ? since : "") == 0))
                return;
        if (text_replace(&e->since, since ? since : "") >= 0)
                ask(e);
}

void versions_follow(Versions *v, json_object *services) {
        Entry *e, *following;

        for (e = v->entries; e; e = e->hh.next)
                e->is_listed = false;
        for (size_t i = 0; i < json_object_array_length(services); i++)
                follow_one(v, json_object_array_get_idx(services, i));
        HASH_ITER(hh, v->entries, e, following)
                if (!e->is_listed) {
                        HASH_DEL(v->entries, e);
                        entry_free(e);
                }
}

bool versions_wait(const Versions *v) {
        return v->n_open > 0;
}

const char *versions_find(const Versions *v, const char *url) {
        const Entry *e = find(v, url);

        return e ? e->version : NULL;
}
