/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/catalog.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

struct CatalogName {
        char *name;
        Record *by_url;
        Record *recent;         /* the last changed first */
        UT_hash_handle hh;
};

struct Catalog {
        CatalogName *names;
        Record *recent;
        size_t n_records;
        uint64_t sequence;
        uint64_t saved;
};

int catalog_new(Catalog **ret) {
        Catalog *c = calloc(1, sizeof(Catalog));

        if (!c)
                return -ENOMEM;

        *ret = c;
        return 0;
}

Catalog *catalog_free(Catalog *c) {
        if (!c)
                return NULL;

        while (c->recent)
                catalog_drop(c, c->recent);
        free(c);
        return NULL;
}

static CatalogName *name_find(const Catalog *c, const char *name) {
        CatalogName *n;

        HASH_FIND_STR(c->names, name, n);
        return n;
}

static CatalogName *name_get(Catalog *c, const char *name) {
        CatalogName *n = name_find(c, name);

        if (n)
                return n;

        n = calloc(1, sizeof(CatalogName));
        if (!n)
                return NULL;

        n->name = strdup(name);
        if (n->name)
                HASH_ADD_KEYPTR(hh, c->names, n->name, strlen(n->name), n);
        if (!n->name || !n->hh.tbl) {
                free(n->name);
                free(n);
                return NULL;
        }
        return n;
}

static void name_release(Catalog *c, CatalogName *n) {
        if (n->recent)
                return;

        HASH_DEL(c->names, n);
        free(n->name);
        free(n);
}

static void record_link(Catalog *c, Record *r) {
        DL_PREPEND(c->recent, r);
        DL_PREPEND2(r->name->recent, r, name_prev, name_next);
}

static void record_unlink(Catalog *c, Record *r) {
        DL_DELETE(c->recent, r);
        DL_DELETE2(r->name->recent, r, name_prev, name_next);
}

static int record_new(Catalog *c, const char *name, const char *url, Record **ret) {
        CatalogName *n = name_get(c, name);

        if (!n)
                return -ENOMEM;

        Record *r = calloc(1, sizeof(Record));
        if (r) {
                r->name = n;
                r->url = strdup(url);
                if (r->url)
                        HASH_ADD_KEYPTR(hh, n->by_url, r->url, strlen(r->url), r);
        }
        if (!r || !r->url || !r->hh.tbl) {
                if (r)
                        free(r->url);
                free(r);
                name_release(c, n);
                return -ENOMEM;
        }

        /* At the end: it is older than all that changed. */
        DL_APPEND(c->recent, r);
        DL_APPEND2(n->recent, r, name_prev, name_next);
        c->n_records++;
        *ret = r;
        return 0;
}

void catalog_drop(Catalog *c, Record *r) {
        CatalogName *n = r->name;

        record_unlink(c, r);
        HASH_DEL(n->by_url, r);
        free(r->url);
        free(r);
        c->n_records--;
        name_release(c, n);
}

const char *catalog_record_name(const Record *r) {
        return r->name->name;
}

Record *catalog_siblings(const Record *r) {
        return r->name->recent;
}

uint64_t catalog_sequence(const Catalog *c) {
        return c->sequence;
}

uint64_t catalog_saved(const Catalog *c) {
        return c->saved;
}

void catalog_set_saved(Catalog *c, uint64_t sequence) {
        if (sequence > c->saved)
                c->saved = sequence;
}

uint64_t catalog_record_changed(const Record *r) {
        uint64_t last = r->changes[0] > r->weighed ? r->changes[0] : r->weighed;

        return last > r->doubted ? last : r->doubted;
}

size_t catalog_count(const Catalog *c) {
        return c->n_records;
}

const Record *catalog_first_of(const Catalog *c, const char *name) {
        const CatalogName *n = name_find(c, name);

        return n ? n->recent : NULL;
}

static void record_change(Catalog *c, Record *r, bool present) {
        record_unlink(c, r);
        r->present = present;
        memmove(r->changes + 1, r->changes, sizeof(r->changes) - sizeof(r->changes[0]));
        r->changes[0] = ++c->sequence;
        record_link(c, r);
}

int catalog_get(Catalog *c, const char *name, const char *url, Record **ret) {
        const CatalogName *n = name_find(c, name);
        Record *r = NULL;

        if (n)
                HASH_FIND_STR(n->by_url, url, r);
        if (!r)
                return record_new(c, name, url, ret);

        *ret = r;
        return 0;
}

bool catalog_set(Catalog *c, Record *r, bool present) {
        if (r->present == present)
                return false;

        record_change(c, r, present);
        return true;
}

bool catalog_set_weight(Catalog *c, Record *r, unsigned weight) {
        if (weight_or_default(r->weight) == weight_or_default(weight))
                return false;

        r->weight = weight;
        if (!r->present)
                return false;

        record_unlink(c, r);
        r->weighed = ++c->sequence;
        record_link(c, r);
        return true;
}

/* Not one of its changes: whether it is there did not change, and what was before goes by their number. */
void catalog_doubt(Catalog *c, Record *r) {
        record_unlink(c, r);
        r->doubted = ++c->sequence;
        record_link(c, r);
}

void catalog_restore(Catalog *c, Record *r, bool present, bool known) {
        r->present = present;
        if (!known)
                catalog_doubt(c, r);
}

typedef int (*RecordVisitor)(const Record *r, void *userdata);

/* Visits every record after a change, in no order that matters; ends at the first result that is not 0. */
static int visit_names(const Catalog *c, const Registration *dependant, uint64_t after, bool all, RecordVisitor visit,
                       void *userdata) {
        int k = 0;

        if (registration_requires(dependant, "*")) {
                for (const Record *r = c->recent; r && k == 0 && (all || catalog_record_changed(r) > after); r = r->next)
                        k = visit(r, userdata);
                return k;
        }

        for (size_t i = 0; i < dependant->n_required && k == 0; i++) {
                const CatalogName *n = name_find(c, dependant->required_services[i]);

                for (const Record *r = n ? n->recent : NULL; r && k == 0 && (all || catalog_record_changed(r) > after); r = r->name_next)
                        k = visit(r, userdata);
        }
        return k;
}

typedef struct Collector {
        const Position *position;
        uint64_t upto;          /* as it was after this change */
        Patch *patch;
        bool anyhow;            /* how it was is not known: as it is now will do */
        uint64_t missing;
} Collector;

/* How often it came or went after a change; CHANGES_KEPT: that often or oftener. */
static size_t count_after(const Record *r, uint64_t change) {
        size_t n = 0;

        while (n < CHANGES_KEPT && r->changes[n] > change)
                n++;
        return n;
}

static bool was_present(const Record *r, size_t n_later) {
        return r->present == (n_later % 2 == 0);
}

static bool is_since(uint64_t change, const Collector *c) {
        return change > c->position->acked && change <= c->upto;
}

/* Whether the dependant lacks how it was after upto. One that came and went (or went and came) since it last
 * heard is as it knew it, provided that nothing in between may have reached it. */
static bool is_missing(const Record *r, const Collector *c) {
        size_t n_later = count_after(r, c->upto), n = count_after(r, c->position->acked);

        if (n > n_later && ((n - n_later) % 2 == 1 || c->position->in_doubt || n == CHANGES_KEPT))
                return true;
        return is_since(r->doubted, c) || (is_since(r->weighed, c) && was_present(r, n_later));
}

/* splitmix64 (Steele, Lea, Flood 2014): a sum of these stands for a set of changes. */
static uint64_t mix(uint64_t x) {
        x += UINT64_C(0x9e3779b97f4a7c15);
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        return x ^ x >> 31;
}

static int collect_missing(const Record *r, void *userdata) {
        Collector *c = userdata;

        if (is_missing(r, c))
                c->missing = (c->missing + mix(catalog_record_changed(r))) | 1;
        return 0;
}

static int collect_change(const Record *r, void *userdata) {
        Collector *c = userdata;
        size_t n_later = count_after(r, c->upto);

        if (n_later == CHANGES_KEPT && !c->anyhow)
                return -EAGAIN;

        bool present = n_later == CHANGES_KEPT ? r->present : was_present(r, n_later);
        if (!(c->position->full && present) && !is_missing(r, c))
                return 0;
        return present ? patch_add_weighted(c->patch, r->name->name, r->url, r->weight) : patch_remove(c->patch, r->name->name, r->url);
}

uint64_t catalog_missing(const Catalog *c, const Registration *dependant, const Position *position) {
        Collector collector = { .position = position, .upto = c->saved };

        (void) visit_names(c, dependant, position->acked, false, collect_missing, &collector);
        return collector.missing;
}

bool catalog_is_behind(const Catalog *c, const Registration *dependant, const Position *position) {
        Collector collector = { .position = position, .upto = c->sequence };

        (void) visit_names(c, dependant, position->acked, false, collect_missing, &collector);
        return collector.missing != 0;
}

static int make_patch(const Catalog *c, const Registration *dependant, const Position *position, bool anyhow, Patch **ret) {
        _cleanup_(patch_freep) Patch *patch = NULL;
        int r = patch_new(&patch);

        if (r < 0)
                return r;

        r = visit_names(c, dependant, position->acked, position->full, collect_change,
                        &(Collector) { .position = position, .upto = c->saved, .anyhow = anyhow, .patch = patch });
        if (r < 0)
                return r;

        *ret = TAKE_PTR(patch);
        return 0;
}

int catalog_patch(const Catalog *c, const Registration *dependant, const Position *position, Patch **ret) {
        return make_patch(c, dependant, position, false, ret);
}

int catalog_view(const Catalog *c, const Registration *dependant, Patch **ret) {
        return make_patch(c, dependant, &(Position) { .acked = c->saved, .full = true }, true, ret);
}
