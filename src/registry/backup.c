/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/backup.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/json.h"
#include "wire/timestamp.h"

#define CHECKSUM_SIZE (sizeof("sha256:") + 2 * crypto_hash_sha256_BYTES)
#define PROCESS_MAX 64

static int checksum(json_object *items, char ret[static CHECKSUM_SIZE]) {
        unsigned char hash[crypto_hash_sha256_BYTES];
        char hex[2 * sizeof(hash) + 1];
        size_t size;

        const char *text = json_text(items, &size);
        if (!text)
                return -ENOMEM;

        (void) crypto_hash_sha256(hash, (const unsigned char *) text, size);
        (void) snprintf(ret, CHECKSUM_SIZE, "sha256:%s", sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash)));
        return 0;
}

/* ---- writing ---- */

int backup_add(json_object *items, const Registration *r, const char *state, uint64_t since_usec, bool draining, const char *process) {
        _cleanup_(json_unrefp) json_object *item = json_object_new_object();
        char since[CLOCK_TEXT_SIZE];
        json_object *registration;

        if (!item)
                return -ENOMEM;

        clock_format_utc(since_usec, since);
        int k = registration_to_json(r, &registration);
        if (k >= 0)
                k = json_add(item, "Registration", registration);
        if (k >= 0)
                k = json_add_text(item, "State", state);
        if (k >= 0)
                k = json_add_text(item, "Since", since);
        if (k >= 0 && draining)
                k = json_add(item, "Draining", json_object_new_boolean(true));
        if (k >= 0 && process)
                k = json_add_text(item, "Instance", process);
        if (k >= 0 && json_object_array_add(items, item) < 0)
                k = -ENOMEM;
        if (k < 0)
                return k;

        (void) TAKE_PTR(item);
        return 0;
}

int backup_seal(json_object *items, json_object **ret) {
        _cleanup_(json_unrefp) json_object *array = items, *o = json_object_new_object();
        char sum[CHECKSUM_SIZE], now[CLOCK_TEXT_SIZE];

        if (!array || !o)
                return -ENOMEM;

        clock_format_utc(clock_realtime_usec(), now);
        int r = checksum(array, sum);
        if (r >= 0)
                r = json_add_text(o, "Format", BACKUP_FORMAT);
        if (r >= 0)
                r = json_add_uint64(o, "Version", BACKUP_VERSION);
        if (r >= 0)
                r = json_add_text(o, "Time", now);
        if (r >= 0)
                r = json_add_text(o, "Checksum", sum);
        if (r >= 0)
                r = json_add(o, "Registrations", TAKE_PTR(array));
        if (r < 0)
                return r;

        *ret = TAKE_PTR(o);
        return 0;
}

/* ---- reading ---- */

Backup *backup_free(Backup *b) {
        if (!b)
                return NULL;

        for (size_t i = 0; i < b->n_items; i++) {
                registration_free(b->items[i].registration);
                free(b->items[i].text);
                free(b->items[i].process);
        }
        free(b->items);
        free(b);
        return NULL;
}

static int refuse(Problem *problem, const char *text) {
        int r = problem_set(problem, 400, "%s", text);

        return r == -ENOMEM ? r : -EBADMSG;
}

static int check_head(json_object *o, json_object **ret_items, size_t items_max, Problem *problem) {
        const char *format = NULL, *sum = NULL;
        char expected[CHECKSUM_SIZE];
        uint64_t version;

        int r = json_get_text(o, "Format", 1, 64, &format, problem);
        if (r >= 0 && strcmp(format, BACKUP_FORMAT) != 0)
                return refuse(problem, "Member 'Format' must be \"" BACKUP_FORMAT "\": this is no backup of a registry");
        if (r >= 0)
                r = json_get_uint64(o, "Version", 1, UINT32_MAX, &version, problem);
        if (r >= 0 && version != BACKUP_VERSION)
                return refuse(problem, "Member 'Version' must be 1: the backup is of a newer registry");
        if (r >= 0)
                r = json_get_text(o, "Checksum", 1, 128, &sum, problem);
        if (r >= 0)
                r = json_get_array(o, "Registrations", items_max, ret_items, problem);
        if (r >= 0 && !*ret_items)
                return refuse(problem, "Member 'Registrations' is missing");
        if (r >= 0)
                r = checksum(*ret_items, expected);
        if (r >= 0 && strcmp(sum, expected) != 0)
                return refuse(problem, "Member 'Checksum' is not that of the registrations: the backup is damaged or was changed");
        return r;
}

static int read_state(json_object *o, BackupItem *item, Problem *problem) {
        static const char *const present[] = { "passing", "suspect", "draining" };
        const char *state = NULL, *since = NULL, *process = NULL;
        json_object *draining;
        bool known = false;

        int r = json_get_text(o, "State", 1, 32, &state, problem);
        if (r >= 0)
                r = json_get_text(o, "Since", 1, TIMESTAMP_MAX, &since, problem);
        if (r >= 0)
                r = json_get_text(o, "Instance", 0, PROCESS_MAX, &process, problem);
        if (r < 0)
                return r;

        item->critical = strcmp(state, "critical") == 0;
        for (size_t i = 0; i < ELEMENTSOF(present); i++)
                known = known || strcmp(state, present[i]) == 0;
        if (!known && !item->critical)
                return refuse(problem, "Member 'State' must be passing, suspect, draining or critical");
        if (timestamp_parse(since, &item->since_usec) < 0)
                return refuse(problem, "Member 'Since' must be a time as in RFC 3339");
        item->draining = json_object_object_get_ex(o, "Draining", &draining) && json_object_get_boolean(draining);
        return text_replace(&item->process, process);
}

static int read_item(json_object *o, BackupItem *item, Problem *problem) {
        _cleanup_(json_unrefp) json_object *canonical = NULL;
        json_object *registration = NULL;

        int r = json_expect_object(o, "A registration with its state", problem);
        if (r < 0)
                return r;
        if (!json_object_object_get_ex(o, "Registration", &registration))
                return refuse(problem, "Member 'Registration' is missing");
        r = json_expect_object(registration, "Member 'Registration'", problem);
        if (r >= 0)
                r = registration_from_json(registration, &item->registration, problem);
        if (r >= 0)
                r = read_state(o, item, problem);
        if (r >= 0)
                r = registration_to_json(item->registration, &canonical);
        if (r < 0)
                return r;

        const char *text = json_text(canonical, NULL);
        item->text = text ? strdup(text) : NULL;
        return item->text ? 0 : -ENOMEM;
}

/* Which one, before what is wrong with it. */
static int name_item(size_t i, Problem *problem) {
        _cleanup_(freep) char *detail = TAKE_PTR(problem->detail);

        if (problem->status == 0)
                return -EBADMSG;
        problem_deinit(problem);
        int r = problem_set(problem, 400, "Registrations[%zu]: %s", i, detail ? detail : "it is not valid");
        return r == -ENOMEM ? r : -EBADMSG;
}

static int compare_urls(const void *a, const void *b) {
        const BackupItem *const *x = a, *const *y = b;

        return strcmp((*x)->registration->service_url, (*y)->registration->service_url);
}

static int check_twins(const Backup *b, Problem *problem) {
        _cleanup_(freep) const BackupItem **sorted = calloc(b->n_items + 1, sizeof(BackupItem *));

        if (!sorted)
                return -ENOMEM;

        for (size_t i = 0; i < b->n_items; i++)
                sorted[i] = &b->items[i];
        qsort(sorted, b->n_items, sizeof(BackupItem *), compare_urls);
        for (size_t i = 1; i < b->n_items; i++)
                if (compare_urls(&sorted[i - 1], &sorted[i]) == 0)
                        return refuse(problem, "Member 'Registrations' has a ServiceURL twice");
        return 0;
}

int backup_read(json_object *document, size_t items_max, Backup **ret, Problem *problem) {
        _cleanup_(backup_freep) Backup *b = calloc(1, sizeof(Backup));
        json_object *items = NULL;

        if (!b)
                return -ENOMEM;
        int r = check_head(document, &items, items_max, problem);
        if (r < 0)
                return r;

        size_t n = json_object_array_length(items);
        b->items = calloc(n + 1, sizeof(BackupItem));
        if (!b->items)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                b->n_items++;
                r = read_item(json_object_array_get_idx(items, i), &b->items[i], problem);
                if (r < 0)
                        return r == -EBADMSG ? name_item(i, problem) : r;
        }
        r = check_twins(b, problem);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(b);
        return 0;
}
