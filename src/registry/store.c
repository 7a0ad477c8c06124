/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/store-internal.h"

Store *store_free(Store *s) {
        return s ? s->engine->free(s) : NULL;
}

int store_load(Store *s, int (*visit)(const StoreRow *row, void *userdata), void *userdata) {
        return s->engine->load(s, visit, userdata);
}

int store_load_histories(Store *s, int (*visit)(const StoreHistory *row, void *userdata), void *userdata) {
        return s->engine->load_histories(s, visit, userdata);
}

int store_register(Store *s, const StoreRow *row, StoreDone done, void *userdata) {
        return s->engine->register_row(s, row, done, userdata);
}

int store_deregister(Store *s, const char *url, uint64_t since_usec, StoreDone done, void *userdata) {
        return s->engine->deregister(s, url, since_usec, done, userdata);
}

int store_restore(Store *s, const StoreRow *rows, size_t n, StoreDone done, void *userdata) {
        return s->engine->restore(s, rows, n, done, userdata);
}

int store_mark(Store *s, const StoreRow *rows, size_t n, StoreDone done, void *userdata) {
        return s->engine->mark(s, rows, n, done, userdata);
}

int store_keep(Store *s, const StoreHistory *row, StoreDone done, void *userdata) {
        return s->engine->keep(s, row, done, userdata);
}

size_t store_pending(const Store *s) {
        return s->engine->pending(s);
}

int store_start(Store *s, const StoreFollower *follower, void *userdata) {
        return s->engine->start ? s->engine->start(s, follower, userdata) : 0;
}

bool store_owns(const Store *s, const char *url, const char *keeper) {
        return !s->engine->owns || s->engine->owns(s, url, keeper);
}

bool store_last_said(const Store *s, const char *url, StoreRow *ret) {
        return s->engine->last_said && s->engine->last_said(s, url, ret);
}

void store_info(const Store *s, StoreInfo *ret) {
        *ret = (StoreInfo) { .n_registries = 1 };
        if (s->engine->info)
                s->engine->info(s, ret);
}

void store_stop(Store *s) {
        if (s->engine->stop)
                s->engine->stop(s);
}
