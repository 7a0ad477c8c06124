/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by store*.c alone: what an engine is. */

#include "registry/store.h"

/* Each as the function of store.h that is named like it. */
typedef struct StoreEngine {
        Store *(*free)(Store *s);
        int (*load)(Store *s, int (*visit)(const StoreRow *row, void *userdata), void *userdata);
        int (*load_histories)(Store *s, int (*visit)(const StoreHistory *row, void *userdata), void *userdata);
        int (*register_row)(Store *s, const StoreRow *row, StoreDone done, void *userdata);
        int (*deregister)(Store *s, const char *url, uint64_t since_usec, StoreDone done, void *userdata);
        int (*mark)(Store *s, const StoreRow *rows, size_t n, StoreDone done, void *userdata);
        int (*restore)(Store *s, const StoreRow *rows, size_t n, StoreDone done, void *userdata);
        int (*keep)(Store *s, const StoreHistory *row, StoreDone done, void *userdata);
        size_t (*pending)(const Store *s);
        /* NULL: it is this machine's alone. */
        int (*start)(Store *s, const StoreFollower *follower, void *userdata);
        bool (*owns)(const Store *s, const char *url, const char *keeper);
        bool (*last_said)(const Store *s, const char *url, StoreRow *ret);
        void (*info)(const Store *s, StoreInfo *ret);
        void (*stop)(Store *s);
} StoreEngine;

/* The first member of each engine's own structure. */
struct Store {
        const StoreEngine *engine;
};
