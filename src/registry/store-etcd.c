/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/store-etcd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/events.h"

/* ---- the engine ---- */

static int shared_register(Store *store, const StoreRow *row, StoreDone done, void *userdata) {
        EtcdStore *s = etcd_store(store);
        _cleanup_(freep) char *key = NULL;
        Value v = VALUE_NULL;
        StoreRow passing = *row;

        passing.state = STORE_PASSING;
        int r = etcd_key(KEY_REGISTRATIONS, row->url, &key);
        if (r >= 0)
                r = value_from_row(&passing, s->id, &v);
        if (r >= 0)
                r = ops_put(s, key, &v, done, userdata);
        value_deinit(&v);
        return r;
}

static int shared_deregister(Store *store, const char *url, uint64_t since_usec, StoreDone done, void *userdata) {
        EtcdStore *s = etcd_store(store);
        _cleanup_(freep) char *key = NULL;
        Value v = { .gone = true, .stamp = since_usec };

        int r = etcd_key(KEY_REGISTRATIONS, url, &key);
        const Entry *e = key ? etcd_entry_find(s, key) : NULL;
        if (r >= 0 && (text_replace(&v.registry, s->id) < 0 || text_replace(&v.name, e && e->value.name ? e->value.name : "") < 0))
                r = -ENOMEM;
        if (r >= 0)
                r = ops_put(s, key, &v, done, userdata);
        value_deinit(&v);
        return r;
}

static int shared_keep(Store *store, const StoreHistory *row, StoreDone done, void *userdata) {
        EtcdStore *s = etcd_store(store);
        _cleanup_(freep) char *key = NULL;
        Value v = { .is_history = true, .history = *row };

        v.history.url = NULL;
        int r = etcd_key(KEY_HISTORIES, row->url, &key);
        if (r >= 0)
                r = text_replace(&v.registry, s->id);
        if (r >= 0)
                r = ops_put(s, key, &v, done, userdata);
        value_deinit(&v);
        return r;
}

/* A batch of marks: what of it is for all goes to etcd, all goes to the copy; done when both have it. */
typedef struct Marks {
        size_t n_open;
        int result;
        StoreDone done;
        void *userdata;
} Marks;

static void on_marked(int result, void *userdata) {
        Marks *m = userdata;

        if (result < 0)
                m->result = result;
        if (--m->n_open > 0)
                return;
        m->done(m->result, m->userdata);
        free(m);
}

static int mark_one(EtcdStore *s, const StoreRow *row, Marks *m) {
        _cleanup_(freep) char *key = NULL;
        Value v = VALUE_NULL;

        int r = etcd_key(KEY_REGISTRATIONS, row->url, &key);
        if (r < 0)
                return r;
        Entry *e = etcd_entry_find(s, key);
        if (!e || e->unshared || e->value.gone || e->shared_state == row->state || strcmp(e->value.name, row->name) != 0)
                return 0;
        r = value_copy(&e->value, &v);
        if (r < 0)
                return r;
        v.state = row->state;
        v.since_usec = row->since_usec;
        m->n_open++;
        r = ops_put_if(s, key, &v, on_marked, m);
        if (r >= 0)
                e->shared_state = row->state;
        else
                m->n_open--;
        value_deinit(&v);
        return r;
}

static int shared_mark(Store *store, const StoreRow *rows, size_t n, StoreDone done, void *userdata) {
        EtcdStore *s = etcd_store(store);
        Marks *m = calloc(1, sizeof(Marks));

        if (!m)
                return -ENOMEM;

        *m = (Marks) { .n_open = 1, .done = done, .userdata = userdata };
        int r = store_mark(s->copy, rows, n, on_marked, m);
        if (r < 0) {
                free(m);
                return r;
        }
        for (size_t i = 0; i < n && !s->why && !s->stopping; i++)
                if (rows[i].ours && (rows[i].state == STORE_PASSING || rows[i].state == STORE_CRITICAL))
                        if (mark_one(s, &rows[i], m) < 0)
                                log_warning("The other registries are not told how %s is.", rows[i].url);
        return 0;
}

static int shared_restore(Store *store, const StoreRow *rows, size_t n, StoreDone done, void *userdata) {
        return -EOPNOTSUPP;
}

static size_t shared_pending(const Store *store) {
        const EtcdStore *s = etcd_store(store);

        return s->n_ops + store_pending(s->copy);
}

static bool is_unshared(const EtcdStore *s, const char *url) {
        _cleanup_(freep) char *key = NULL;

        if (s->n_unshared == 0 || etcd_key(KEY_REGISTRATIONS, url, &key) < 0)
                return false;
        const Entry *e = etcd_entry_find(s, key);
        return e && e->unshared && !e->value.gone && e->revision == 0;
}

static bool shared_owns(const Store *store, const char *url, const char *keeper) {
        const EtcdStore *s = etcd_store(store);

        /* Nobody else knows of it. */
        if (is_unshared(s, url))
                return true;
        if (keeper && members_has(s->members, keeper))
                return strcmp(keeper, s->id) == 0;
        return strcmp(members_owner(s->members, url), s->id) == 0;
}

/* What is on its way is what we say. */
static bool shared_last_said(const Store *store, const char *url, StoreRow *ret) {
        const EtcdStore *s = etcd_store(store);
        _cleanup_(freep) char *key = NULL;

        if (etcd_key(KEY_REGISTRATIONS, url, &key) < 0 || ops_has(s, key))
                return false;
        const Entry *e = etcd_entry_find(s, key);
        if (!e || e->unshared || e->value.gone)
                return false;
        *ret = value_row(&e->value, url);
        return true;
}

static void shared_info(const Store *store, StoreInfo *ret) {
        const EtcdStore *s = etcd_store(store);

        *ret = (StoreInfo) {
                .is_shared = true,
                .away = s->why,
                .why = s->why,
                .id = s->id,
                .n_registries = members_count(s->members),
                .n_unshared = s->n_unshared,
                .copy_is_behind = s->copy_source,
                .relists = etcd_watch_relists(s->watch),
        };
}

static int shared_load_histories(Store *store, int (*visit)(const StoreHistory *row, void *userdata), void *userdata) {
        return store_load_histories(etcd_store(store)->copy, visit, userdata);
}

/* ---- its life ---- */

static int shared_start(Store *store, const StoreFollower *follower, void *userdata) {
        EtcdStore *s = etcd_store(store);
        EtcdKvs kvs = {};
        uint64_t revision = 0;

        s->follower = follower;
        s->userdata = userdata;
        int r = etcd_store_start_sweeping(s);
        if (r >= 0 && s->list)
                r = etcd_read_kvs(s->list, &kvs);
        if (r < 0)
                return r;
        if (s->list) {
                revision = etcd_revision(s->list);
                etcd_store_take_list(s, revision, &kvs);
                etcd_kvs_deinit(&kvs);
                json_object_put(TAKE_PTR(s->list));
        } else {
                log_event(LOG_WARNING, EVENT_ETCD_AWAY, ((LogField[]) { { "REASON", s->why } }), 1,
                          "etcd is away: %s. Beginning with what this machine's copy has.", s->why);
                follower->away(true, userdata);
        }
        etcd_watch_start(s->watch, revision);
        members_start(s->members);
        return 0;
}

static void shared_stop(Store *store) {
        EtcdStore *s = etcd_store(store);

        etcd_watch_stop(s->watch);
        members_stop(s->members);
}

static Store *shared_free(Store *store) {
        EtcdStore *s = etcd_store(store);
        Entry *e, *next;

        s->stopping = true;
        /* Those under way end with this: what etcd may or may not have is kept here. */
        s->etcd = etcd_free(s->etcd);
        ops_keep_here(s);
        /* Who waits for the copy is answered by this, and may ask how the store is. */
        store_free(s->copy);
        if (s->watch)
                etcd_watch_free(s->watch);
        if (s->members)
                etcd_store_leave(s, s->first.endpoints, s->first.user, s->first.password);
        members_free(s->members);
        HASH_ITER(hh, s->entries, e, next) {
                HASH_DEL(s->entries, e);
                value_deinit(&e->value);
                free(e->key);
                free(e);
        }
        sd_event_source_disable_unref(s->send_source);
        sd_event_source_disable_unref(s->wait_source);
        sd_event_source_disable_unref(s->sweep_source);
        sd_event_source_disable_unref(s->copy_source);
        json_object_put(s->list);
        sd_event_unref(s->event);
        free((char *) s->first.endpoints);
        free((char *) s->first.user);
        free((char *) s->first.password);
        free(s->prefix);
        free(s->why);
        free(s);
        return NULL;
}

static const StoreEngine etcd_engine = {
        .free = shared_free,
        .load = etcd_store_load,
        .load_histories = shared_load_histories,
        .register_row = shared_register,
        .deregister = shared_deregister,
        .mark = shared_mark,
        .restore = shared_restore,
        .keep = shared_keep,
        .pending = shared_pending,
        .start = shared_start,
        .owns = shared_owns,
        .last_said = shared_last_said,
        .info = shared_info,
        .stop = shared_stop,
};

static int make_members(EtcdStore *s, const StoreEtcdOptions *o) {
        _cleanup_(freep) char *key = NULL;

        if (asprintf(&key, "%s" KEY_REGISTRIES "%s", s->prefix, s->id) < 0) {
                key = NULL;
                return -ENOMEM;
        }
        return members_new(&s->members, &(MembersOptions) {
                .event = o->event,
                .etcd = s->etcd,
                .id = s->id,
                .key = key,
                .url = o->url,
                .path = o->members_path,
                .ttl_usec = o->membership_usec,
                .long_ttl_sec = o->forget_usec / USEC_PER_SEC,
                .changed = etcd_store_on_members,
                .answered = etcd_store_on_member_answer,
                .userdata = s,
        });
}

static int copy_options(EtcdStore *s, const StoreEtcdOptions *o) {
        char *endpoints = NULL, *user = NULL, *password = NULL;

        if (text_replace(&endpoints, o->endpoints) < 0 || text_replace(&user, o->user) < 0 || text_replace(&password, o->password) < 0 ||
            text_replace(&s->prefix, o->prefix) < 0) {
                free(endpoints);
                free(user);
                return -ENOMEM;
        }
        s->first = (StoreEtcdOptions) { .endpoints = endpoints, .user = user, .password = password };
        return 0;
}

int store_open_etcd(Store **ret, const StoreEtcdOptions *o, char **ret_error) {
        EtcdStore *s = calloc(1, sizeof(EtcdStore));

        *ret_error = NULL;
        if (!s)
                return -ENOMEM;

        s->store.engine = &etcd_engine;
        s->event = sd_event_ref(o->event);
        s->client = o->client;
        int r = copy_options(s, o);
        if (r >= 0)
                r = store_open_embedded(&s->copy, o->event, o->path, ret_error);
        if (r >= 0)
                r = etcd_store_read_id(s, o->id_path);
        if (r >= 0)
                r = etcd_new(&s->etcd, o->event, o->client,
                             &(EtcdOptions) { .endpoints = o->endpoints, .user = o->user, .password = o->password });
        if (r >= 0)
                r = etcd_watch_new(&s->watch, o->event, s->etcd, s->prefix, &etcd_store_watch_events, s);
        if (r >= 0)
                r = make_members(s, o);
        if (r < 0) {
                shared_free(&s->store);
                return r;
        }
        etcd_store_list_first(s);
        *ret = &s->store;
        return 0;
}
