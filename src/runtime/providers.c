/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/providers.h"

#include <errno.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "runtime/events.h"
#include "wire/json.h"

#define FAILED_USEC (2 * USEC_PER_SEC)          /* how long a failed one is passed over */
#define DEPARTED_USEC (10 * USEC_PER_SEC)       /* how long a removed one is still a last resort */
#define FILE_MAX_BYTES (16u << 20)
#define FILE_MODE 0640

/* An address. One process may provide several services at one URL: its failures count for all of them. */
typedef struct Entry Entry;

typedef struct Target {
        char *url;
        uint64_t failed_usec;   /* monotonic; 0: not */
        Entry *entries;         /* one for each service at this URL; it lives as long as it has any */
        UT_hash_handle hh;
} Target;

typedef struct Group Group;

struct Entry {
        Group *group;
        Target *target;
        Entry *next;            /* of the same target */
        uint64_t departed_usec; /* monotonic; 0: it is in the view */
        uint64_t generation;    /* of the last providers_replace() that named it */
        size_t all_index, group_index;
};

typedef struct EntryArray {
        Entry **items;
        size_t n, allocated;
} EntryArray;

/* All providers of one service. */
struct Group {
        char *name;
        EntryArray entries;
        size_t n_live;
        size_t turn;
        UT_hash_handle hh;
};

struct Providers {
        char *path;
        Group *groups;
        Target *targets;
        EntryArray all;
        size_t n_live;
        uint64_t generation;
        bool write_failed;
};

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

static void target_detach(Providers *p, Entry *e) {
        Target *t = e->target;
        Entry **link = &t->entries;

        while (*link != e)
                link = &(*link)->next;
        *link = e->next;
        if (t->entries)
                return;

        HASH_DEL(p->targets, t);
        free(t->url);
        free(t);
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

static Group *group_find(const Providers *p, const char *name) {
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

static Entry *entry_find(const Providers *p, const char *name, const char *url) {
        const Target *t = target_find(p, url);

        for (Entry *e = t ? t->entries : NULL; e; e = e->next)
                if (strcmp(e->group->name, name) == 0)
                        return e;
        return NULL;
}

static void entry_free(Providers *p, Entry *e) {
        Group *g = e->group;

        p->all.items[e->all_index] = p->all.items[--p->all.n];
        p->all.items[e->all_index]->all_index = e->all_index;

        /* Here the order stays, so that the turn is not disturbed. */
        g->entries.n--;
        for (size_t i = e->group_index; i < g->entries.n; i++) {
                g->entries.items[i] = g->entries.items[i + 1];
                g->entries.items[i]->group_index = i;
        }

        target_detach(p, e);
        free(e);
        if (g->entries.n == 0)
                group_free(p, g);
}

static int entry_new(Providers *p, const char *name, const char *url, Entry **ret) {
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

static void log_change(Event event, const char *what, const char *name, const char *url) {
        log_event(LOG_INFO, event,
                  ((LogField[]) { { "SERVICE_NAME", name }, { "SERVICE_URL", url } }), 2,
                  "%s %s at %s.", what, name, url);
}

/* 1 if it is new in the view. */
static int view_add(Providers *p, const char *name, const char *url, Entry **ret) {
        Entry *e = entry_find(p, name, url);

        if (e && e->departed_usec == 0) {
                *ret = e;
                return 0;
        }
        if (!e) {
                int r = entry_new(p, name, url, &e);
                if (r < 0)
                        return r;
        }

        e->departed_usec = 0;
        e->target->failed_usec = 0;
        e->group->n_live++;
        p->n_live++;
        *ret = e;
        return 1;
}

static void view_remove(Providers *p, Entry *e) {
        e->departed_usec = clock_monotonic_usec();
        e->group->n_live--;
        p->n_live--;
        log_change(EVENT_PROVIDER_REMOVED, "Lost", e->group->name, e->target->url);
}

static void forget_departed(Providers *p) {
        uint64_t now = clock_monotonic_usec();

        for (size_t i = p->all.n; i > 0; i--) {
                Entry *e = p->all.items[i - 1];

                if (e->departed_usec > 0 && now >= e->departed_usec + DEPARTED_USEC)
                        entry_free(p, e);
        }
}

static int write_view(const Providers *p) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(freep) Provider *view = calloc(p->n_live + 1, sizeof(Provider));
        size_t n = 0, size;

        if (!view)
                return -ENOMEM;

        for (size_t i = 0; i < p->all.n; i++)
                if (p->all.items[i]->departed_usec == 0)
                        view[n++] = (Provider) {
                                .name = p->all.items[i]->group->name,
                                .url = p->all.items[i]->target->url,
                        };

        int r = view_to_json(view, n, true, &o);
        if (r < 0)
                return r;

        const char *text = json_text(o, &size);
        return text ? file_replace(p->path, text, size, FILE_MODE) : -ENOMEM;
}

/* The view in memory stays right when the disk fails; only the next start would know less. */
static void save(Providers *p) {
        if (!p->path)
                return;

        int r = write_view(p);
        if (r < 0 && !p->write_failed)
                log_event(LOG_WARNING, EVENT_STORE_FAILED, ((LogField[]) { { "PATH", p->path } }), 1,
                          "Cannot keep the list of providers in %s: %s. Going on with it in memory.",
                          p->path, strerror(-r));
        else if (r >= 0 && p->write_failed)
                log_event(LOG_NOTICE, EVENT_STORE_RECOVERED, ((LogField[]) { { "PATH", p->path } }), 1,
                          "The list of providers is kept in %s again.", p->path);
        p->write_failed = r < 0;
}

static void load(Providers *p) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(freep) char *text = NULL;
        Problem problem = PROBLEM_NULL;
        Provider *view = NULL;
        size_t size = 0, n = 0;
        bool settled;

        int r = file_read(p->path, FILE_MAX_BYTES, &text, &size);
        if (r == -ENOENT)
                return;
        if (r >= 0)
                r = json_parse_object(text, size, &o, &problem);
        if (r >= 0)
                r = view_from_json(o, &view, &n, &settled, &problem);
        if (r < 0)
                log_warning("Ignoring the list of providers in %s: %s", p->path,
                            problem.detail ? problem.detail : strerror(-r));

        for (size_t i = 0; i < n && r >= 0; i++) {
                Entry *e;
                r = view_add(p, view[i].name, view[i].url, &e);
                if (r < 0)
                        log_warning("Not all providers in %s were taken over: %s", p->path, strerror(-r));
        }

        providers_array_free(view, n);
        problem_deinit(&problem);
}

int providers_new(Providers **ret, const char *path) {
        _cleanup_(providers_freep) Providers *p = calloc(1, sizeof(Providers));

        if (!p)
                return -ENOMEM;
        if (path) {
                p->path = strdup(path);
                if (!p->path)
                        return -ENOMEM;
                load(p);
        }

        *ret = TAKE_PTR(p);
        return 0;
}

Providers *providers_free(Providers *p) {
        if (!p)
                return NULL;

        while (p->all.n > 0)
                entry_free(p, p->all.items[p->all.n - 1]);
        free(p->all.items);
        free(p->path);
        free(p);
        return NULL;
}

static int add_all(Providers *p, const Provider *providers, size_t n, uint64_t generation) {
        int changed = 0;

        for (size_t i = 0; i < n; i++) {
                Entry *e;
                int r = view_add(p, providers[i].name, providers[i].url, &e);
                if (r < 0)
                        return r;

                e->generation = generation;
                if (r > 0) {
                        log_change(EVENT_PROVIDER_ADDED, "Found", e->group->name, e->target->url);
                        changed = 1;
                }
        }
        return changed;
}

int providers_apply(Providers *p, const Patch *patch) {
        int changed = 0;

        forget_departed(p);
        for (size_t i = 0; i < patch->n_removed; i++) {
                Entry *e = entry_find(p, patch->removed[i].name, patch->removed[i].url);

                if (e && e->departed_usec == 0) {
                        view_remove(p, e);
                        changed = 1;
                }
        }

        int r = add_all(p, patch->added, patch->n_added, p->generation);
        if (changed || r != 0)
                save(p);
        return r < 0 ? r : changed || r > 0;
}

int providers_replace(Providers *p, const Provider *view, size_t n) {
        int changed = 0;

        forget_departed(p);
        p->generation++;

        /* First what is new, so that there is no moment without a provider; and nothing is removed by half a view. */
        int r = add_all(p, view, n, p->generation);
        for (size_t i = 0; i < p->all.n && r >= 0; i++) {
                Entry *e = p->all.items[i];

                if (e->departed_usec == 0 && e->generation != p->generation) {
                        view_remove(p, e);
                        changed = 1;
                }
        }

        if (changed || r != 0)
                save(p);
        return r < 0 ? r : changed || r > 0;
}

/* How well an entry would do: 0 is best, < 0 not at all. */
static int entry_rank(const Entry *e, uint64_t now) {
        if (e->departed_usec > 0)
                return now < e->departed_usec + DEPARTED_USEC ? 2 : -1;
        return e->target->failed_usec > 0 && now < e->target->failed_usec + FAILED_USEC ? 1 : 0;
}

const char *providers_pick(Providers *p, const char *name) {
        Group *g = group_find(p, name);
        uint64_t now = clock_monotonic_usec();
        Entry *best = NULL;
        int best_rank = 3;

        if (!g)
                return NULL;

        for (size_t i = 0; i < g->entries.n && best_rank > 0; i++) {
                Entry *e = g->entries.items[(g->turn + i) % g->entries.n];
                int rank = entry_rank(e, now);

                if (rank >= 0 && rank < best_rank) {
                        best = e;
                        best_rank = rank;
                }
        }
        if (!best)
                return NULL;

        g->turn = best->group_index + 1;
        return best->target->url;
}

void providers_report(Providers *p, const char *url, bool ok) {
        Target *t = target_find(p, url);

        if (t)
                t->failed_usec = ok ? 0 : clock_monotonic_usec();
}

bool providers_next(const Providers *p, const char *name, size_t *i, const char **ret_name, const char **ret_url) {
        const Group *g = name ? group_find(p, name) : NULL;
        const EntryArray *a = g ? &g->entries : &p->all;

        if (name && !g)
                return false;

        while (*i < a->n) {
                const Entry *e = a->items[(*i)++];

                if (e->departed_usec > 0)
                        continue;
                if (ret_name)
                        *ret_name = e->group->name;
                if (ret_url)
                        *ret_url = e->target->url;
                return true;
        }
        return false;
}

size_t providers_count(const Providers *p, const char *name) {
        if (!name)
                return p->n_live;

        const Group *g = group_find(p, name);
        return g ? g->n_live : 0;
}
