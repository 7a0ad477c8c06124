/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/providers-internal.h"

#include <errno.h>
#include <string.h>

static int entry_array_reserve(EntryArray *a) {
        if (a->n < a->allocated)
                return 0;

        size_t allocated = a->allocated > 0 ? a->allocated * 2 : 4;
        Entry **items = reallocarray(a->items, allocated, sizeof(Entry *));
        if (!items)
                return -ENOMEM;

        a->items = items;
        a->allocated = allocated;
        return 0;
}

static Target *target_find(const Providers *p, const char *url) {
        Target *t;

        HASH_FIND_STR(p->targets, url, t);
        return t;
}

void target_free_unused(Providers *p, Target *t) {
        if (t->entries || t->health.outstanding > 0)
                return;

        HASH_DEL(p->targets, t);
        free(t->url);
        free(t);
}

static void target_detach(Providers *p, Entry *e) {
        Target *t = e->target;
        Entry **link = &t->entries;

        while (*link != e)
                link = &(*link)->next;
        *link = e->next;
        target_free_unused(p, t);
}

static int target_attach(Providers *p, const char *url, Entry *e) {
        Target *t = target_find(p, url);

        if (!t) {
                t = calloc(1, sizeof(Target));
                if (!t)
                        return -ENOMEM;

                t->url = strdup(url);
                if (t->url)
                        HASH_ADD_KEYPTR(hh, p->targets, t->url, strlen(t->url), t);
                if (!t->url || !t->hh.tbl) {
                        free(t->url);
                        free(t);
                        return -ENOMEM;
                }
        }

        e->target = t;
        e->next = t->entries;
        t->entries = e;
        return 0;
}

Group *group_find(const Providers *p, const char *name) {
        Group *g;

        HASH_FIND_STR(p->groups, name, g);
        return g;
}

static void group_free(Providers *p, Group *g) {
        HASH_DEL(p->groups, g);
        free(g->entries.items);
        free(g->name);
        free(g);
}

static int group_get(Providers *p, const char *name, Group **ret) {
        Group *g = group_find(p, name);

        if (!g) {
                g = calloc(1, sizeof(Group));
                if (!g)
                        return -ENOMEM;

                g->name = strdup(name);
                if (g->name)
                        HASH_ADD_KEYPTR(hh, p->groups, g->name, strlen(g->name), g);
                if (!g->name || !g->hh.tbl) {
                        free(g->name);
                        free(g);
                        return -ENOMEM;
                }
        }

        *ret = g;
        return 0;
}

Entry *entry_find(const Providers *p, const char *name, const char *url) {
        const Target *t = target_find(p, url);

        for (Entry *e = t ? t->entries : NULL; e; e = e->next)
                if (strcmp(e->group->name, name) == 0)
                        return e;
        return NULL;
}

void entry_free(Providers *p, Entry *e) {
        Group *g = e->group;

        p->all.items[e->all_index] = p->all.items[--p->all.n];
        p->all.items[e->all_index]->all_index = e->all_index;

        g->entries.items[e->group_index] = g->entries.items[--g->entries.n];
        g->entries.items[e->group_index]->group_index = e->group_index;

        target_detach(p, e);
        free(e);
        if (g->entries.n == 0)
                group_free(p, g);
}

int entry_new(Providers *p, const char *name, const char *url, Entry **ret) {
        Group *g;

        if (p->all.n >= PATCH_PROVIDERS_MAX)
                return -ENOBUFS;

        int r = group_get(p, name, &g);
        if (r < 0)
                return r;

        Entry *e = calloc(1, sizeof(Entry));
        r = e ? entry_array_reserve(&p->all) : -ENOMEM;
        if (r >= 0)
                r = entry_array_reserve(&g->entries);
        if (r >= 0)
                r = target_attach(p, url, e);
        if (r < 0) {
                free(e);
                if (g->entries.n == 0)
                        group_free(p, g);
                return r;
        }

        e->group = g;
        e->all_index = p->all.n;
        e->group_index = g->entries.n;
        p->all.items[p->all.n++] = e;
        g->entries.items[g->entries.n++] = e;
        *ret = e;
        return 0;
}
