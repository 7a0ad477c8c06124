/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/catalog.h"

/* A model: providers come and go at random, the disk follows at random, dependants are told at random, some patches are lost on the
 * way there, some answers on the way back. However it went, after each patch a dependant knows what is on disk and nothing that is
 * not, and once calm the truth. */

#define NAMES 3
#define URLS 4
#define DEPENDANTS 6

/* What a registry would know that was started anew now. */
typedef struct Disk {
        bool present[NAMES][URLS];
} Disk;

static const char *const names[NAMES] = { "A", "B", "C" };
static const char *const urls[URLS] = { "http://h:1", "http://h:2", "http://h:3", "http://h:4" };

typedef struct Dependant {
        Registration registration;
        Position position;
        bool knows[NAMES][URLS];
} Dependant;

static size_t name_index(const char *name) {
        for (size_t i = 0; i < NAMES; i++)
                if (strcmp(names[i], name) == 0)
                        return i;
        fail_msg("unknown name %s", name);
        return 0;
}

static size_t url_index(const char *url) {
        for (size_t i = 0; i < URLS; i++)
                if (strcmp(urls[i], url) == 0)
                        return i;
        fail_msg("unknown URL %s", url);
        return 0;
}

static void receive(Dependant *d, const Patch *p) {
        for (size_t i = 0; i < p->n_added; i++)
                d->knows[name_index(p->added[i].name)][url_index(p->added[i].url)] = true;
        for (size_t i = 0; i < p->n_removed; i++)
                d->knows[name_index(p->removed[i].name)][url_index(p->removed[i].url)] = false;
}

static void check_provider_is_news(Catalog *c, const Dependant *d, const Provider *p, bool added) {
        Record *r;

        assert_int_equal(catalog_get(c, p->name, p->url, &r), 0);
        if (r->changes[CHANGES_KEPT - 1] <= d->position.acked && r->doubted <= d->position.acked)
                assert_int_equal(d->knows[name_index(p->name)][url_index(p->url)], !added);
}

/* Nothing is told twice where nothing was lost; but for one that came and went very often. */
static void check_is_news(Catalog *c, const Dependant *d, const Patch *p) {
        if (d->position.in_doubt || d->position.full)
                return;
        for (size_t i = 0; i < p->n_added; i++)
                check_provider_is_news(c, d, &p->added[i], true);
        for (size_t i = 0; i < p->n_removed; i++)
                check_provider_is_news(c, d, &p->removed[i], false);
}

static void save(Catalog *c, Disk *disk) {
        for (size_t n = 0; n < NAMES; n++)
                for (size_t u = 0; u < URLS; u++) {
                        Record *r;

                        assert_int_equal(catalog_get(c, names[n], urls[u], &r), 0);
                        disk->present[n][u] = r->present;
                }
        catalog_set_saved(c, catalog_sequence(c));
}

/* But for what was made doubtful after the last write: that is told with the next. */
static void check_knows_disk(Catalog *c, const Dependant *d, const Disk *disk) {
        Record *r;

        for (size_t n = 0; n < NAMES; n++)
                for (size_t u = 0; u < URLS; u++)
                        if (catalog_get(c, names[n], urls[u], &r) >= 0 && r->doubted <= catalog_saved(c))
                                assert_int_equal(d->knows[n][u], disk->present[n][u] && registration_requires(&d->registration, names[n]));
}

/* One of which the disk has not followed for long cannot be told of. */
static bool is_too_restless(const Catalog *c, const Dependant *d) {
        for (size_t n = 0; n < NAMES; n++)
                for (const Record *r = registration_requires(&d->registration, names[n]) ? catalog_first_of(c, names[n]) : NULL; r; r = r->name_next)
                        if (r->changes[CHANGES_KEPT - 1] > catalog_saved(c))
                                return true;
        return false;
}

static void tell(Catalog *c, const Disk *disk, Dependant *d, bool arrives, bool answered) {
        _cleanup_(patch_freep) Patch *patch = NULL;
        uint64_t head = catalog_saved(c), missing = catalog_missing(c, &d->registration, &d->position);

        int r = catalog_patch(c, &d->registration, &d->position, &patch);
        if (r == -EAGAIN) {
                assert_true(is_too_restless(c, d));
                return;
        }
        assert_int_equal(r, 0);
        if (!d->position.full)
                assert_int_equal(missing == 0, patch_is_empty(patch));
        check_is_news(c, d, patch);
        if (arrives)
                receive(d, patch);
        if (arrives)
                check_knows_disk(c, d, disk);
        if (arrives && answered)
                d->position = (Position) { .acked = head };
        else
                d->position.in_doubt = true;
}

/* Another registry has told dependants who knows what. */
static void mislead(Catalog *c, Dependant *dependants, Record *r) {
        size_t n = name_index(catalog_record_name(r)), u = url_index(r->url);

        for (size_t i = 0; i < DEPENDANTS; i++)
                if (registration_requires(&dependants[i].registration, names[n]))
                        dependants[i].knows[n][u] = random() % 2;
        catalog_doubt(c, r);
}

static void check_knows_truth(Catalog *c, const Dependant *d) {
        for (size_t n = 0; n < NAMES; n++)
                for (size_t u = 0; u < URLS; u++) {
                        Record *r;

                        assert_int_equal(catalog_get(c, names[n], urls[u], &r), 0);
                        assert_int_equal(d->knows[n][u],
                                         r->present && registration_requires(&d->registration, names[n]));
                }
}

static void check_view(const Catalog *c, const Dependant *d) {
        _cleanup_(patch_freep) Patch *view = NULL;
        Dependant fresh = { .registration = d->registration };

        assert_int_equal(catalog_view(c, &d->registration, &view), 0);
        assert_int_equal(view->n_removed, 0);
        receive(&fresh, view);
        check_knows_truth((Catalog *) c, &fresh);
}

static void run_history(unsigned seed) {
        _cleanup_(catalog_freep) Catalog *c = NULL;
        Dependant dependants[DEPENDANTS] = {};
        Disk disk = {};
        const char *required[DEPENDANTS][2] = { { "A" }, { "B" }, { "A", "C" }, { "*" }, { "C", "B" }, { "Nobody" } };

        srandom(seed);
        assert_int_equal(catalog_new(&c), 0);
        for (size_t i = 0; i < DEPENDANTS; i++) {
                dependants[i].registration.required_services = (char **) required[i];
                dependants[i].registration.n_required = required[i][1] ? 2 : 1;
                dependants[i].position.full = true;
        }

        for (int step = 0; step < 200; step++) {
                if (random() % 5 == 0) {
                        save(c, &disk);
                } else if (random() % 3 > 0) {
                        Record *r;

                        assert_int_equal(catalog_get(c, names[random() % NAMES], urls[random() % URLS], &r), 0);
                        if (random() % 8 > 0)
                                (void) catalog_set(c, r, random() % 2);
                        else
                                mislead(c, dependants, r);
                } else {
                        long how = random() % 4;

                        tell(c, &disk, &dependants[random() % DEPENDANTS], how > 0, how > 1);
                }
        }

        save(c, &disk);
        for (size_t i = 0; i < DEPENDANTS; i++) {
                tell(c, &disk, &dependants[i], true, true);
                check_knows_truth(c, &dependants[i]);
                assert_int_equal(catalog_missing(c, &dependants[i].registration, &dependants[i].position), 0);
                check_view(c, &dependants[i]);
        }
}

static void test_model(void **state) {
        for (unsigned seed = 1; seed <= 2000; seed++)
                run_history(seed);
}

/* What two lack is the same number only if it is the same. */
static void test_what_is_missing_has_a_number(void **state) {
        _cleanup_(catalog_freep) Catalog *c = NULL;
        char *required[] = { (char *) "A" };
        Registration registration = { .required_services = required, .n_required = 1 };
        Position early = {}, late = {};
        Record *x, *y;

        assert_int_equal(catalog_new(&c), 0);
        assert_int_equal(catalog_get(c, "A", urls[0], &x), 0);
        assert_int_equal(catalog_get(c, "A", urls[1], &y), 0);
        assert_true(catalog_set(c, x, true));
        late.acked = catalog_sequence(c);
        assert_true(catalog_set(c, y, true));
        assert_true(catalog_set(c, x, false));
        assert_int_equal(catalog_missing(c, &registration, &early), 0);
        catalog_set_saved(c, catalog_sequence(c));

        /* One does not know of x at all, the other has to hear that it went; both lack y. */
        assert_int_not_equal(catalog_missing(c, &registration, &early), 0);
        assert_int_not_equal(catalog_missing(c, &registration, &late), 0);
        assert_int_not_equal(catalog_missing(c, &registration, &early), catalog_missing(c, &registration, &late));
}

static void test_a_weight_is_told(void **state) {
        _cleanup_(catalog_freep) Catalog *c = NULL;
        char *required[] = { (char *) "A" };
        Registration registration = { .required_services = required, .n_required = 1 };
        _cleanup_(patch_freep) Patch *patch = NULL;
        Position position = {};
        Record *r;

        assert_int_equal(catalog_new(&c), 0);
        assert_int_equal(catalog_get(c, "A", urls[0], &r), 0);
        assert_true(catalog_set(c, r, true));
        position.acked = catalog_sequence(c);
        catalog_set_saved(c, catalog_sequence(c));
        assert_true(catalog_set_weight(c, r, 7));
        assert_int_equal(catalog_missing(c, &registration, &position), 0);
        catalog_set_saved(c, catalog_sequence(c));
        assert_int_not_equal(catalog_missing(c, &registration, &position), 0);
        assert_int_equal(catalog_patch(c, &registration, &position, &patch), 0);
        assert_int_equal(patch->n_added, 1);
        assert_int_equal(patch->added[0].weight, 7);

        position.acked = catalog_sequence(c);
        assert_int_equal(catalog_missing(c, &registration, &position), 0);
}

static void test_came_and_went_is_no_news(void **state) {
        _cleanup_(catalog_freep) Catalog *c = NULL;
        char *required[] = { (char *) "A" };
        Registration registration = { .required_services = required, .n_required = 1 };
        Position position = {};
        Record *r;

        assert_int_equal(catalog_new(&c), 0);
        assert_int_equal(catalog_get(c, "A", urls[0], &r), 0);
        assert_false(catalog_is_behind(c, &registration, &position));
        assert_false(catalog_set(c, r, false));
        assert_true(catalog_set(c, r, true));
        assert_true(catalog_is_behind(c, &registration, &position));
        assert_true(catalog_set(c, r, false));
        assert_false(catalog_is_behind(c, &registration, &position));

        /* Unless the first half may have arrived. */
        position.in_doubt = true;
        assert_true(catalog_is_behind(c, &registration, &position));
}

static void test_restored(void **state) {
        _cleanup_(catalog_freep) Catalog *c = NULL;
        char *required[] = { (char *) "A" };
        Registration registration = { .required_services = required, .n_required = 1 };
        Position position = { .in_doubt = true };
        _cleanup_(patch_freep) Patch *patch = NULL;
        Record *r;

        assert_int_equal(catalog_new(&c), 0);
        for (size_t i = 0; i < URLS; i++) {
                assert_int_equal(catalog_get(c, "A", urls[i], &r), 0);
                catalog_restore(c, r, i % 2, i < 2);
        }
        assert_int_equal(catalog_count(c), URLS);
        catalog_set_saved(c, catalog_sequence(c));

        /* Only what not all knew is told again. */
        assert_int_equal(catalog_patch(c, &registration, &position, &patch), 0);
        assert_int_equal(patch->n_added, 1);
        assert_string_equal(patch->added[0].url, urls[3]);
        assert_int_equal(patch->n_removed, 1);
        assert_string_equal(patch->removed[0].url, urls[2]);

        catalog_drop(c, r);
        assert_int_equal(catalog_count(c), URLS - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_model),
                cmocka_unit_test(test_what_is_missing_has_a_number),
                cmocka_unit_test(test_a_weight_is_told),
                cmocka_unit_test(test_came_and_went_is_no_news),
                cmocka_unit_test(test_restored),
        };

        return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
