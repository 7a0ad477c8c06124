/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/gateway-services.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

typedef struct Entry {
        GatewayService service;
        UT_hash_handle hh;
} Entry;

struct GatewayServices {
        Entry *entries;
        GatewayService *first, **end;
        size_t n;
};

int gateway_services_new(GatewayServices **ret) {
        GatewayServices *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->end = &s->first;
        *ret = s;
        return 0;
}

GatewayServices *gateway_services_free(GatewayServices *s) {
        Entry *e, *following;

        if (!s)
                return NULL;
        HASH_ITER(hh, s->entries, e, following) {
                HASH_DEL(s->entries, e);
                free(e);
        }
        free(s);
        return NULL;
}

GatewayService *gateway_services_find(const GatewayServices *s, const char *name) {
        Entry *e;

        HASH_FIND_STR(s->entries, name, e);
        return e ? &e->service : NULL;
}

GatewayService *gateway_services_add(GatewayServices *s, const char *name) {
        GatewayService *found = gateway_services_find(s, name);
        Entry *e;

        if (found || s->n >= GATEWAY_SERVICES_MAX)
                return found;
        e = calloc(1, sizeof(*e));
        if (!e)
                return NULL;
        (void) snprintf(e->service.name, sizeof(e->service.name), "%s", name);
        HASH_ADD_STR(s->entries, service.name, e);
        if (!e->hh.tbl) {
                free(e);
                return NULL;
        }
        s->n++;
        *s->end = &e->service;
        s->end = &e->service.next;
        return &e->service;
}

GatewayService *gateway_services_first(const GatewayServices *s) {
        return s->first;
}
