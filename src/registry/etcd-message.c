/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/etcd-message.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "wire/json.h"

#define VARIANT sodium_base64_VARIANT_ORIGINAL

/* ---- building ---- */

static int add_bytes(json_object *o, const char *member, const char *bytes, size_t size) {
        size_t max = sodium_base64_ENCODED_LEN(size, VARIANT);
        _cleanup_(freep) char *text = malloc(max);

        if (!text)
                return -ENOMEM;
        return json_add_text(o, member, sodium_bin2base64(text, max, (const unsigned char *) bytes, size, VARIANT));
}

static int add_number(json_object *o, const char *member, uint64_t value) {
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRIu64, value);
        return json_add_text(o, member, text);
}

/* All keys that begin so: up to the first that does not. */
static int add_prefix(json_object *o, const char *prefix) {
        _cleanup_(freep) char *end = strdup(prefix);
        size_t size = strlen(prefix);

        if (!end || size == 0)
                return -ENOMEM;
        end[size - 1]++;
        int r = add_bytes(o, "key", prefix, size);
        return r < 0 ? r : add_bytes(o, "range_end", end, size);
}

int etcd_range_message(const char *prefix, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        int r = o ? add_prefix(o, prefix) : -ENOMEM;
        if (r >= 0)
                *ret = TAKE_PTR(o);
        return r;
}

int etcd_watch_message(const char *prefix, uint64_t from_revision, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        json_object *create = json_object_new_object();

        int r = json_add(o, "create_request", create);
        if (r >= 0)
                r = add_prefix(create, prefix);
        if (r >= 0)
                r = add_number(create, "start_revision", from_revision);
        if (r >= 0)
                r = json_add(create, "progress_notify", json_object_new_boolean(true));
        if (r >= 0)
                *ret = TAKE_PTR(o);
        return r;
}

int etcd_lease_message(int64_t id, uint64_t ttl_sec, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        int r = o ? 0 : -ENOMEM;
        if (r >= 0 && id > 0)
                r = add_number(o, "ID", (uint64_t) id);
        if (r >= 0 && ttl_sec > 0)
                r = add_number(o, "TTL", ttl_sec);
        if (r >= 0)
                *ret = TAKE_PTR(o);
        return r;
}

int etcd_user_message(const char *user, const char *password, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        int r = o ? json_add_text(o, "name", user) : -ENOMEM;
        if (r >= 0)
                r = json_add_text(o, "password", password);
        if (r >= 0)
                *ret = TAKE_PTR(o);
        return r;
}

int etcd_txn_message(json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        int r = o ? json_add(o, "success", json_object_new_array()) : -ENOMEM;
        if (r >= 0)
                *ret = TAKE_PTR(o);
        return r;
}

static int append_op(json_object *txn, const char *kind, json_object **ret) {
        json_object *ops = NULL, *op;

        (void) json_object_object_get_ex(txn, "success", &ops);
        int r = json_append_object(ops, &op);
        if (r < 0)
                return r;
        json_object *request = json_object_new_object();
        r = json_add(op, kind, request);
        if (r >= 0)
                *ret = request;
        return r;
}

int etcd_txn_put(json_object *txn, const char *key, const char *value, int64_t lease) {
        json_object *put;

        int r = append_op(txn, "request_put", &put);
        if (r >= 0)
                r = add_bytes(put, "key", key, strlen(key));
        if (r >= 0)
                r = add_bytes(put, "value", value, strlen(value));
        if (r >= 0 && lease > 0)
                r = add_number(put, "lease", (uint64_t) lease);
        return r;
}

int etcd_txn_delete(json_object *txn, const char *key) {
        json_object *request;

        int r = append_op(txn, "request_delete_range", &request);
        return r < 0 ? r : add_bytes(request, "key", key, strlen(key));
}

int etcd_txn_put_if(json_object *txn, const char *key, const char *value, int64_t lease, uint64_t revision) {
        json_object *inner, *compare, *compares = json_object_new_array();

        int r = append_op(txn, "request_txn", &inner);
        if (r < 0) {
                json_object_put(compares);
                return r;
        }
        r = json_add(inner, "compare", compares);
        if (r >= 0)
                r = json_append_object(compares, &compare);
        if (r >= 0)
                r = json_add_text(compare, "target", "MOD");
        if (r >= 0)
                r = add_bytes(compare, "key", key, strlen(key));
        if (r >= 0)
                r = add_number(compare, "mod_revision", revision);
        if (r >= 0)
                r = json_add(inner, "success", json_object_new_array());
        return r < 0 ? r : etcd_txn_put(inner, key, value, lease);
}

/* ---- reading ---- */

void etcd_kvs_deinit(EtcdKvs *kvs) {
        for (size_t i = 0; i < kvs->n; i++) {
                free(kvs->items[i].key);
                free(kvs->items[i].value);
        }
        free(kvs->items);
        *kvs = (EtcdKvs) {};
}

uint64_t etcd_number(json_object *o, const char *member) {
        json_object *value;

        if (!json_object_object_get_ex(o, member, &value))
                return 0;
        int64_t n = json_object_get_int64(value);       /* reads texts as well */
        return n > 0 ? (uint64_t) n : 0;
}

uint64_t etcd_revision(json_object *answer) {
        json_object *header;

        return json_object_object_get_ex(answer, "header", &header) ? etcd_number(header, "revision") : 0;
}

bool etcd_txn_done(json_object *answer, size_t i) {
        json_object *responses, *response, *inner, *succeeded;

        if (!json_object_object_get_ex(answer, "responses", &responses) || i >= json_object_array_length(responses))
                return false;
        response = json_object_array_get_idx(responses, i);
        if (!json_object_object_get_ex(response, "response_txn", &inner))
                return true;
        return json_object_object_get_ex(inner, "succeeded", &succeeded) && json_object_get_boolean(succeeded);
}

static int read_bytes(json_object *o, const char *member, char **ret) {
        _cleanup_(freep) char *bytes = NULL;
        json_object *value;
        size_t size;

        if (!json_object_object_get_ex(o, member, &value)) {
                *ret = strdup("");
                return *ret ? 0 : -ENOMEM;
        }
        size_t max = (size_t) json_object_get_string_len(value) / 4 * 3 + 1;
        bytes = malloc(max + 1);
        if (!bytes)
                return -ENOMEM;
        if (sodium_base642bin((unsigned char *) bytes, max, json_object_get_string(value), (size_t) json_object_get_string_len(value), NULL,
                              &size, NULL, VARIANT) != 0)
                return -EBADMSG;
        bytes[size] = 0;
        *ret = TAKE_PTR(bytes);
        return 0;
}

static int read_kv(json_object *o, bool deleted, EtcdKvs *kvs) {
        EtcdKv *kv = &kvs->items[kvs->n++];

        kv->revision = etcd_number(o, "mod_revision");
        int r = read_bytes(o, "key", &kv->key);
        return r < 0 || deleted ? r : read_bytes(o, "value", &kv->value);
}

static int allocate(json_object *array, EtcdKvs *ret) {
        *ret = (EtcdKvs) { .items = calloc(json_object_array_length(array) + 1, sizeof(EtcdKv)) };
        return ret->items ? 0 : -ENOMEM;
}

int etcd_read_kvs(json_object *answer, EtcdKvs *ret) {
        json_object *array;

        *ret = (EtcdKvs) {};
        if (!json_object_object_get_ex(answer, "kvs", &array))
                return 0;
        if (!json_object_is_type(array, json_type_array))
                return -EBADMSG;
        int r = allocate(array, ret);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++)
                r = read_kv(json_object_array_get_idx(array, i), false, ret);
        if (r < 0)
                etcd_kvs_deinit(ret);
        return r;
}

int etcd_read_events(json_object *result, EtcdKvs *ret) {
        json_object *array;

        *ret = (EtcdKvs) {};
        if (!json_object_object_get_ex(result, "events", &array))
                return 0;
        if (!json_object_is_type(array, json_type_array))
                return -EBADMSG;
        int r = allocate(array, ret);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(array); i++) {
                json_object *event = json_object_array_get_idx(array, i), *type, *kv;
                bool deleted = json_object_object_get_ex(event, "type", &type) && strcmp(json_object_get_string(type), "DELETE") == 0;

                r = json_object_object_get_ex(event, "kv", &kv) ? read_kv(kv, deleted, ret) : -EBADMSG;
        }
        if (r < 0)
                etcd_kvs_deinit(ret);
        return r;
}
