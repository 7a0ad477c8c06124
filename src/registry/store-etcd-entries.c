/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/store-etcd.h"

/* What is known of each key, and how that begins. */

#define SWEEP_USEC (600 * USEC_PER_SEC)
#define VOID_USEC (3600 * USEC_PER_SEC)         /* how long is kept that something has gone */

Entry *etcd_entry_find(const EtcdStore *s, const char *key) {
        Entry *e;

        HASH_FIND_STR(s->entries, key, e);
        return e;
}

int etcd_entry_get(EtcdStore *s, const char *key, Entry **ret) {
        Entry *e = etcd_entry_find(s, key);

        if (e) {
                *ret = e;
                return 0;
        }
        e = calloc(1, sizeof(Entry));
        if (!e)
                return -ENOMEM;

        e->key = strdup(key);
        if (e->key)
                HASH_ADD_KEYPTR(hh, s->entries, e->key, strlen(e->key), e);
        if (!e->key || !e->hh.tbl) {
                free(e->key);
                free(e);
                return -ENOMEM;
        }
        *ret = e;
        return 0;
}

void etcd_entry_drop(EtcdStore *s, Entry *e) {
        etcd_entry_set_unshared(s, e, false);
        HASH_DEL(s->entries, e);
        value_deinit(&e->value);
        free(e->key);
        free(e);
}

/* What only we knew was ours. */
void etcd_store_settle(EtcdStore *s) {
        if (!s->owners_changed || !s->follower || s->stopping)
                return;
        s->owners_changed = false;
        s->follower->owners(false, s->userdata);
}

uint64_t etcd_entry_stamp(const Value *v) {
        return v->is_history ? v->history.usec : v->stamp;
}

void etcd_entry_set_unshared(EtcdStore *s, Entry *e, bool unshared) {
        if (e->unshared == unshared && !unshared)
                return;
        s->n_unshared += (size_t) unshared - e->unshared;
        s->owners_changed = s->owners_changed || !unshared;
        e->unshared = unshared;
        if (!s->stopping || unshared)
                embedded_note_unshared(s->copy, e->key, unshared ? etcd_entry_stamp(&e->value) : 0);
}

const char *etcd_entry_url(const Entry *e) {
        return strchr(e->key, '/') + 1;
}

/* ---- what has gone is forgotten after a while, by its owner ---- */

static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata) {
        EtcdStore *s = userdata;
        uint64_t now = clock_realtime_usec();
        Entry *e, *next;

        HASH_ITER(hh, s->entries, e, next)
                if (!s->why && !e->unshared && value_is_void(&e->value) && etcd_entry_stamp(&e->value) + VOID_USEC < now &&
                    strcmp(members_owner(s->members, e->key), s->id) == 0)
                        (void) ops_drop(s, e->key);
        (void) sd_event_source_set_time_relative(source, SWEEP_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int etcd_store_start_sweeping(EtcdStore *s) {
        return sd_event_add_time_relative(s->event, &s->sweep_source, CLOCK_MONOTONIC, SWEEP_USEC, USEC_PER_SEC, on_sweep, s);
}

/* ---- loading: what the copy has ---- */

typedef struct Loading {
        EtcdStore *store;
        int (*visit)(const StoreRow *row, void *userdata);
        void *userdata;
} Loading;

static int load_unshared(const char *key, uint64_t stamp, void *userdata) {
        EtcdStore *s = userdata;
        Entry *e;

        int r = etcd_entry_get(s, key, &e);
        if (r < 0)
                return r;
        e->unshared = true;
        s->n_unshared++;
        e->value.is_history = text_begins(key, KEY_HISTORIES);
        e->value.gone = !e->value.is_history;
        e->value.stamp = e->value.history.usec = stamp;
        if (text_replace(&e->value.registry, s->id) < 0 || text_replace(&e->value.name, "") < 0)
                return -ENOMEM;
        return 0;
}

static int load_row(const StoreRow *row, void *userdata) {
        const Loading *l = userdata;
        EtcdStore *s = l->store;
        _cleanup_(freep) char *key = NULL;
        Value v = VALUE_NULL;
        StoreRow known = *row;
        Entry *e;

        if (row->state == STORE_GONE)
                return l->visit(row, l->userdata);
        int r = etcd_key(KEY_REGISTRATIONS, row->url, &key);
        if (r >= 0)
                r = etcd_entry_get(s, key, &e);
        if (r < 0)
                return r;
        known.stamp = e->unshared ? e->value.stamp : 0;
        if (value_from_row(&known, s->id, &v) >= 0) {
                value_deinit(&e->value);
                e->value = v;
                e->shared_state = v.state;
        }
        known.keeper = s->id;
        return l->visit(&known, l->userdata);
}

int etcd_store_load(Store *store, int (*visit)(const StoreRow *row, void *userdata), void *userdata) {
        EtcdStore *s = etcd_store(store);

        int r = embedded_load_unshared(s->copy, load_unshared, s);
        return r < 0 ? r : store_load(s->copy, load_row, &(Loading) { .store = s, .visit = visit, .userdata = userdata });
}
