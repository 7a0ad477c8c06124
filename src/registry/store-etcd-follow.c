/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/store-etcd.h"
#include "runtime/events.h"

/* What etcd says, and whether it says anything. */

#define PATIENCE_USEC USEC_PER_SEC              /* nothing may come for so long before etcd counts as away */

/* ---- away and back ---- */

void etcd_store_lost(EtcdStore *s, int error) {
        bool was_away = s->why;

        if (s->stopping)
                return;
        const char *why = *etcd_error(s->etcd) ? etcd_error(s->etcd) : strerror(-error);
        if (text_replace(&s->why, why) < 0 && !s->why)
                return;
        if (was_away)
                return;
        log_event(error == -EACCES ? LOG_ERR : LOG_WARNING, EVENT_ETCD_AWAY, ((LogField[]) { { "REASON", s->why } }), 1,
                  error == -EACCES ? "etcd refuses this registry: %s. Going on from memory; is the credential \"etcd-password\" that of User=?" :
                  "etcd is away: %s. Going on from memory.", s->why);
        etcd_watch_list_anew(s->watch);
        if (!s->is_sending)
                ops_keep_here(s);
        s->follower->away(true, s->userdata);
}

static void found(EtcdStore *s) {
        bool was_away = s->why;

        s->down_usec = 0;
        free(s->why);
        s->why = NULL;
        s->follower->heard(s->userdata);
        if (!was_away)
                return;
        log_event(LOG_NOTICE, EVENT_ETCD_BACK, NULL, 0, "etcd is back, %zu changes are brought to it.", s->n_unshared);
        s->follower->away(false, s->userdata);
}

static void on_away(int error, void *userdata) {
        EtcdStore *s = userdata;
        uint64_t now = clock_monotonic_usec();

        if (s->down_usec == 0)
                s->down_usec = now;
        if (error == -EACCES || now >= s->down_usec + PATIENCE_USEC)
                etcd_store_lost(s, error);
}

void etcd_store_on_member_answer(int result, void *userdata) {
        EtcdStore *s = userdata;

        if (result >= 0) {
                s->follower->heard(s->userdata);
                ops_send_soon(s);
        } else if (result != -ENOENT) {
                etcd_store_lost(s, result);
        }
}

void etcd_store_on_members(bool returned, void *userdata) {
        EtcdStore *s = userdata;

        s->follower->owners(returned, s->userdata);
}

/* ---- what etcd says ---- */

void etcd_store_tell(EtcdStore *s, const Entry *e) {
        StoreHistory history = e->value.history;
        StoreRow row = value_row(&e->value, etcd_entry_url(e));

        history.url = etcd_entry_url(e);
        if (e->value.is_history)
                s->follower->history(&history, s->userdata);
        else if (e->value.gone)
                s->follower->gone(etcd_entry_url(e), e->value.name, s->userdata);
        else
                s->follower->changed(&row, s->userdata);
}

static void put_again(EtcdStore *s, Entry *e) {
        Value v;

        int r = value_copy(&e->value, &v);
        if (r >= 0) {
                r = ops_put_if(s, e->key, &v, NULL, NULL);
                if (r < 0)
                        value_deinit(&v);
        }
        if (r < 0)
                log_warning("Cannot bring %s to etcd: %s", e->key, strerror(-r));
}

/* That a registration is there wins over that it has gone, and what was later over what was before. */
static bool is_ours_newer(const Entry *e, const Value *v) {
        if (!e->unshared)
                return false;
        if (!e->value.is_history && e->value.gone != v->gone)
                return v->gone || etcd_entry_stamp(&e->value) > etcd_entry_stamp(v);
        return etcd_entry_stamp(&e->value) > etcd_entry_stamp(v);
}

/* Takes the value. */
static void take_value(EtcdStore *s, Entry *e, Value *v) {
        bool same = value_is_same(&e->value, v);
        bool is_own = v->is_history && strcmp(v->registry, s->id) == 0 && !e->unshared && etcd_entry_stamp(&e->value) > 0;
        bool was_void = value_is_void(&e->value);

        etcd_entry_set_unshared(s, e, false);
        value_deinit(&e->value);
        e->value = *v;
        e->shared_state = v->state;
        if (!same && !is_own)
                etcd_store_copy(s, e);
        if (!is_own && (s->is_returning || !(was_void && value_is_void(v))))
                etcd_store_tell(s, e);
}

static void take_put(EtcdStore *s, const char *key, const EtcdKv *kv) {
        Value v = VALUE_NULL;
        Entry *e;

        int r = value_from_text(key, kv->value, &v);
        if (r < 0) {
                log_warning("Leaving out %s, which is no value of ours: %s", key, strerror(-r));
                return;
        }
        if (ops_confirm(s, key, &v, kv->revision)) {
                e = etcd_entry_find(s, key);
                if (e)
                        e->listed = true;
                value_deinit(&v);
                return;
        }
        r = etcd_entry_get(s, key, &e);
        if (r < 0) {
                log_warning("Leaving out %s: %s", key, strerror(-r));
                value_deinit(&v);
                return;
        }
        e->listed = true;
        if (kv->revision < e->revision || (kv->revision == e->revision && !e->unshared)) {
                e->shared_state = v.state;
                value_deinit(&v);
                return;
        }
        e->revision = kv->revision;
        if (is_ours_newer(e, &v)) {
                e->shared_state = v.state;
                put_again(s, e);
                value_deinit(&v);
                return;
        }
        take_value(s, e, &v);
}

/* Nobody says by this that something has gone. */
static void take_delete(EtcdStore *s, const char *key) {
        Entry *e = etcd_entry_find(s, key);

        if (!e)
                return;
        e->revision = 0;
        if (value_is_void(&e->value) && !e->unshared)
                etcd_entry_drop(s, e);
        else if (!value_is_void(&e->value))
                put_again(s, e);
}

static void take_registry(EtcdStore *s, const char *id, const char *value) {
        json_object *o, *url;

        if (!value) {
                members_remove(s->members, id);
                return;
        }
        o = json_tokener_parse(value);
        members_put(s->members, id, o && json_object_object_get_ex(o, "URL", &url) ? json_object_get_string(url) : "?");
        json_object_put(o);
}

static void take_kv(EtcdStore *s, const EtcdKv *kv) {
        const char *key = kv->key + strlen(s->prefix);

        if (text_begins(key, KEY_REGISTRIES))
                take_registry(s, key + strlen(KEY_REGISTRIES), kv->value);
        else if (!text_begins(key, KEY_REGISTRATIONS) && !text_begins(key, KEY_HISTORIES))
                log_debug("Leaving out %s, which is none of ours.", kv->key);
        else if (kv->value)
                take_put(s, key, kv);
        else
                take_delete(s, key);
}

static void on_changes(uint64_t revision, const EtcdKvs *kvs, void *userdata) {
        EtcdStore *s = userdata;

        s->down_usec = 0;
        for (size_t i = 0; i < kvs->n; i++)
                if (text_begins(kvs->items[i].key, s->prefix))
                        take_kv(s, &kvs->items[i]);
        members_settle(s->members);
        ops_reached(s, revision);
        etcd_store_settle(s);
}

/* Otherwise others may have told ours what we do not know. */
static bool has_us(const EtcdStore *s, const EtcdKvs *kvs) {
        bool has_others = false;

        for (size_t i = 0; i < kvs->n; i++) {
                const char *key = kvs->items[i].key + strlen(s->prefix);

                if (!text_begins(kvs->items[i].key, s->prefix) || !text_begins(key, KEY_REGISTRIES))
                        continue;
                if (strcmp(key + strlen(KEY_REGISTRIES), s->id) == 0)
                        return true;
                has_others = true;
        }
        return !has_others;
}

void etcd_store_take_list(EtcdStore *s, uint64_t revision, const EtcdKvs *kvs) {
        Entry *e, *next;

        members_begin(s->members);
        s->is_returning = !has_us(s, kvs);
        HASH_ITER(hh, s->entries, e, next)
                e->listed = false;
        found(s);
        for (size_t i = 0; i < kvs->n; i++)
                if (text_begins(kvs->items[i].key, s->prefix))
                        take_kv(s, &kvs->items[i]);
        HASH_ITER(hh, s->entries, e, next)
                if (!e->listed)
                        take_delete(s, e->key);
        s->is_returning = false;
        members_end(s->members);
        ops_reached(s, revision);
        etcd_store_settle(s);
        ops_send_soon(s);
}

static void on_list(uint64_t revision, const EtcdKvs *kvs, void *userdata) {
        etcd_store_take_list(userdata, revision, kvs);
}

const EtcdWatchEvents etcd_store_watch_events = { .list = on_list, .changes = on_changes, .away = on_away };
