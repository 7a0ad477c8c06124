/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "registry/discovery.h"
#include "wire/json.h"

/* An answer is rendered once and sent until something in it changes. The last check of an instance, its round trip and
 * whether a patch is under way change all the time and wake nobody: of these an answer may be this old. */
#define STALE_USEC USEC_PER_SEC
/* A long list is not rendered for more than one part in so many of the time, be it to be fresh, be it for who waits. */
#define RENDERING_SHARE 20
#define WAKING_SHARE 4

struct Listing {
        char *name;             /* "": all services */
        HttpBody *body;
        uint64_t stale_usec;
        UT_hash_handle hh;
};

/* ---- rendering ---- */

static int add_instance(json_object *array, const Instance *i, const Query *query) {
        json_object *item;

        if (query && !query_matches(query, i->registration, i->health.state))
                return 0;

        int r = instance_to_json(i, &item);
        if (r < 0)
                return r;
        if (json_object_array_add(array, item) < 0) {
                json_object_put(item);
                return -ENOMEM;
        }
        return 0;
}

/* -ENOENT: nothing of this name is registered. */
static int add_instances(const Registry *g, const char *name, const Query *query, json_object *array) {
        int r = name ? -ENOENT : 0;

        if (!name) {
                for (const Instance *i = g->instances; i && r >= 0; i = i->hh.next)
                        r = add_instance(array, i, query);
                return r;
        }

        for (const Record *record = catalog_first_of(g->catalog, name); record; record = record->name_next) {
                if (!record->owner)
                        continue;
                r = add_instance(array, record->owner, query);
                if (r < 0)
                        return r;
        }
        return r;
}

static int render(const Discovery *d, const char *name, const Query *query, HttpBody **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        _cleanup_(http_body_unrefp) HttpBody *body = NULL;
        uint64_t index = discovery_number(d, index_get(d->index, name));
        json_object *array = json_object_new_array();
        char text[32];
        size_t size;

        if (!o) {
                json_object_put(array);
                return -ENOMEM;
        }
        int r = json_add(o, "Services", array);
        if (r >= 0)
                r = add_instances(d->registry, name, query, array);
        if (r >= 0)
                r = json_add_uint64(o, "Index", index);
        if (r < 0)
                return r;

        const char *json = json_text(o, &size);
        r = json ? http_body_new(&body, "application/json", json, size) : -ENOMEM;
        (void) snprintf(text, sizeof(text), "%" PRIu64, index);
        if (r >= 0)
                r = http_body_add_header(body, "Gradebook-Index", text);
        /* Weak: what may be stale makes no difference to it. */
        (void) snprintf(text, sizeof(text), "W/\"%" PRIu64 "\"", index);
        if (r >= 0)
                r = http_body_add_header(body, "ETag", text);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(body);
        return 0;
}

/* ---- what is rendered ---- */

static Listing *listing_find(const Discovery *d, const char *name) {
        Listing *l;

        HASH_FIND_STR(d->listings, name, l);
        return l;
}

static void listing_free(Discovery *d, Listing *l) {
        HASH_DEL(d->listings, l);
        http_body_unref(l->body);
        free(l->name);
        free(l);
}

static int listing_new(Discovery *d, const char *name, Listing **ret) {
        Listing *l = calloc(1, sizeof(Listing));

        if (!l)
                return -ENOMEM;

        l->name = strdup(name);
        if (l->name)
                HASH_ADD_KEYPTR(hh, d->listings, l->name, strlen(l->name), l);
        if (!l->name || !l->hh.tbl) {
                free(l->name);
                free(l);
                return -ENOMEM;
        }

        *ret = l;
        return 0;
}

void listing_drop(Discovery *d, const char *name) {
        const char *const names[] = { name, "" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                Listing *l = listing_find(d, names[i]);

                if (l)
                        listing_free(d, l);
        }
}

void listing_deinit(Discovery *d) {
        while (d->listings)
                listing_free(d, d->listings);
}

/* *ret is borrowed. */
static int rendered(Discovery *d, const char *name, HttpBody **ret) {
        Listing *l = listing_find(d, name ? name : "");
        _cleanup_(http_body_unrefp) HttpBody *body = NULL;
        uint64_t now = clock_monotonic_usec();

        if (l && now < l->stale_usec) {
                *ret = l->body;
                return 0;
        }

        int r = render(d, name, NULL, &body);
        if (r >= 0 && !l)
                r = listing_new(d, name ? name : "", &l);
        if (r < 0)
                return r;

        uint64_t end = clock_monotonic_usec(), pause = RENDERING_SHARE * (end - now);
        if (!name)
                d->rested_usec = end + WAKING_SHARE * (end - now);
        http_body_unref(l->body);
        l->body = TAKE_PTR(body);
        l->stale_usec = end + (pause > STALE_USEC ? pause : STALE_USEC);
        *ret = l->body;
        return 0;
}

/* ---- answering ---- */

/* RFC 9110, 13.1.2: a list of entity tags, compared weakly, or "*". */
static bool is_known_to_client(const Discovery *d, const char *name, const Request *request) {
        const char *tags = request_header(request, "If-None-Match");
        char tag[32];

        if (!tags)
                return false;
        (void) snprintf(tag, sizeof(tag), "\"%" PRIu64 "\"", discovery_number(d, index_get(d->index, name)));
        return strcmp(tags, "*") == 0 || strstr(tags, tag);
}

static void refuse_unknown(const Discovery *d, const char *name, Request *request) {
        char text[32];

        (void) snprintf(text, sizeof(text), "%" PRIu64, discovery_number(d, index_get(d->index, name)));
        request_set_header(request, "Gradebook-Index", text);
        request_fail(request, 404, "No service of this name is registered.");
}

void listing_answer(Discovery *d, const char *name, const Query *query, Request *request) {
        _cleanup_(http_body_unrefp) HttpBody *own = NULL;
        HttpBody *body = NULL;
        int r;

        if (query && query_is_filtered(query)) {
                r = render(d, name, query, &own);
                body = own;
        } else {
                r = rendered(d, name, &body);
        }
        if (r == -ENOENT)
                refuse_unknown(d, name, request);
        else if (r < 0)
                request_fail_errno(request, r, "listing the services");
        else
                request_reply_body(request, is_known_to_client(d, name, request) ? 304 : 200, body);
}
