/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/store-etcd-value.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "registry/etcd-message.h"
#include "wire/json.h"

void value_deinit(Value *v) {
        free(v->registry);
        free(v->name);
        free(v->registration);
        free(v->process);
        *v = VALUE_NULL;
}

int value_copy(const Value *from, Value *ret) {
        Value v = *from;

        v.registry = v.name = v.registration = v.process = NULL;
        if (text_replace(&v.registry, from->registry) < 0 || text_replace(&v.name, from->name) < 0 ||
            text_replace(&v.registration, from->registration) < 0 || text_replace(&v.process, from->process) < 0) {
                value_deinit(&v);
                return -ENOMEM;
        }
        *ret = v;
        return 0;
}

bool value_is_void(const Value *v) {
        return v->is_history ? !v->history.draining && !v->history.suppressed : v->gone;
}

bool value_equal(const Value *a, const Value *b) {
        return !a->is_history && !b->is_history && a->stamp == b->stamp && a->gone == b->gone && (a->gone || a->state == b->state);
}

bool value_is_same(const Value *copied, const Value *v) {
        if (v->is_history || copied->gone != v->gone)
                return false;
        if (copied->stamp > 0 || v->gone)
                return copied->stamp == v->stamp;
        return text_equal(copied->name, v->name) && text_equal(copied->registration, v->registration) && text_equal(copied->process, v->process);
}

static bool text_is_set(json_object *o, const char *member) {
        json_object *value;

        return json_object_object_get_ex(o, member, &value) && json_object_is_type(value, json_type_string) && *json_object_get_string(value);
}

int value_from_row(const StoreRow *row, const char *registry, Value *ret) {
        Value v = { .state = row->state, .since_usec = row->since_usec, .stamp = row->stamp };
        _cleanup_(json_unrefp) json_object *o = NULL;

        int r = json_parse_object(row->registration, strlen(row->registration), &o, NULL);
        if (r < 0)
                return r;
        v.probed = text_is_set(o, "HeartbeatURL");
        if (text_replace(&v.registry, registry) < 0 || text_replace(&v.name, row->name) < 0 ||
            text_replace(&v.registration, row->registration) < 0 || text_replace(&v.process, row->process) < 0) {
                value_deinit(&v);
                return -ENOMEM;
        }
        *ret = v;
        return 0;
}

/* ---- as text ---- */

static int add_history(const Value *v, json_object *o) {
        int r = json_add(o, "Draining", json_object_new_boolean(v->history.draining));

        if (r >= 0)
                r = json_add(o, "Suppressed", json_object_new_boolean(v->history.suppressed));
        return r < 0 ? r : json_add_uint64(o, "Penalty", v->history.penalty);
}

static int add_registration(const Value *v, json_object *o) {
        json_object *registration = NULL;

        int r = json_parse_object(v->registration, strlen(v->registration), &registration, NULL);
        if (r >= 0)
                r = json_add(o, "Registration", registration);
        if (r >= 0 && v->process)
                r = json_add_text(o, "Instance", v->process);
        if (r >= 0)
                r = json_add_text(o, "State", v->state == STORE_CRITICAL ? "critical" : "passing");
        return r < 0 ? r : json_add_uint64(o, "Since", v->since_usec);
}

int value_to_text(const Value *v, char **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        if (v->is_history) {
                r = add_history(v, o);
        } else if (v->gone) {
                r = json_add(o, "Gone", json_object_new_boolean(true));
                if (r >= 0)
                        r = json_add_text(o, "Name", v->name);
        } else {
                r = add_registration(v, o);
        }
        if (r >= 0)
                r = json_add_uint64(o, "Stamp", v->is_history ? v->history.usec : v->stamp);
        if (r >= 0)
                r = json_add_text(o, "Registry", v->registry);
        if (r < 0)
                return r;

        const char *text = json_text(o, NULL);
        *ret = text ? strdup(text) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static bool get_bool(json_object *o, const char *member) {
        json_object *value;

        return json_object_object_get_ex(o, member, &value) && json_object_get_boolean(value);
}

static int take_text(json_object *o, const char *member, char **ret) {
        json_object *value;

        if (!json_object_object_get_ex(o, member, &value) || !json_object_is_type(value, json_type_string))
                return 0;
        return text_replace(ret, json_object_get_string(value));
}

static int read_registration(json_object *o, Value *v) {
        json_object *registration, *state;

        if (!json_object_object_get_ex(o, "Registration", &registration) || !json_object_is_type(registration, json_type_object))
                return -EBADMSG;
        v->probed = text_is_set(registration, "HeartbeatURL");
        if (json_object_object_get_ex(o, "State", &state) && strcmp(json_object_get_string(state), "critical") == 0)
                v->state = STORE_CRITICAL;
        v->since_usec = etcd_number(o, "Since");
        int r = take_text(registration, "ServiceName", &v->name);
        if (r >= 0)
                r = take_text(o, "Instance", &v->process);
        return r < 0 ? r : text_replace(&v->registration, json_text(registration, NULL));
}

int value_from_text(const char *key, const char *text, Value *ret) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        Value v = { .is_history = strncmp(key, KEY_HISTORIES, strlen(KEY_HISTORIES)) == 0 };

        int r = json_parse_object(text, strlen(text), &o, NULL);
        if (r < 0)
                return r;
        v.stamp = etcd_number(o, "Stamp");
        v.gone = get_bool(o, "Gone");
        if (v.is_history)
                v.history = (StoreHistory) {
                        .draining = get_bool(o, "Draining"),
                        .suppressed = get_bool(o, "Suppressed"),
                        .penalty = (unsigned) etcd_number(o, "Penalty"),
                        .usec = v.stamp,
                };
        else if (v.gone)
                r = take_text(o, "Name", &v.name);
        else
                r = read_registration(o, &v);
        if (r >= 0)
                r = take_text(o, "Registry", &v.registry);
        if (r >= 0 && (!v.registry || (!v.is_history && !v.name)))
                r = -EBADMSG;
        if (r < 0) {
                value_deinit(&v);
                return r;
        }
        *ret = v;
        return 0;
}

StoreRow value_row(const Value *v, const char *url) {
        return (StoreRow) {
                .url = url,
                .name = v->name,
                .registration = v->registration,
                .process = v->process,
                .state = v->gone ? STORE_GONE : v->state,
                .since_usec = v->since_usec,
                .stamp = v->stamp,
                .keeper = v->registry,
        };
}
