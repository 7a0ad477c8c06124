/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "log/pg.h"

#define QUEUE_MAX 8192
#define WATCH_USEC (100 * USEC_PER_MSEC)        /* what another daemon wrote is with this one's followers after so long, at most */
#define AWAY_USEC USEC_PER_SEC                  /* between two attempts to connect */

static PgArchive *pg_of(Archive *a) {
        return CONTAINER_OF(a, PgArchive, archive);
}

/* ---- what is known ---- */

void pg_archive_advance(PgArchive *a, uint64_t end, uint64_t records) {
        (void) pthread_mutex_lock(&a->mutex);
        if (end > a->end)
                a->end = end;
        a->records = records;
        a->generation++;
        (void) pthread_mutex_unlock(&a->mutex);
}

/* With the lock. */
static int add_part(PgArchive *a, PgPart part) {
        if (a->n_parts > 0 && a->parts[a->n_parts - 1].part >= part.part)
                return 0;
        if (a->n_parts == a->allocated) {
                size_t n = a->allocated ? a->allocated * 2 : 64;
                PgPart *more = reallocarray(a->parts, n, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                a->parts = more;
                a->allocated = n;
        }
        a->parts[a->n_parts++] = part;
        return 0;
}

int pg_archive_begin_part(PgArchive *a, int part, uint64_t first) {
        int r;

        (void) pthread_mutex_lock(&a->mutex);
        r = add_part(a, (PgPart) { part, first });
        a->generation++;
        (void) pthread_mutex_unlock(&a->mutex);
        return r;
}

/* With the lock. */
static void drop_before(PgArchive *a, uint64_t first) {
        size_t n = 0;

        while (n < a->n_parts && a->parts[n].first < first)
                n++;
        if (n > 0)
                memmove(a->parts, a->parts + n, (a->n_parts - n) * sizeof(*a->parts));
        a->n_parts -= n;
        if (first > a->begin)
                a->begin = first;
}

void pg_archive_drop_before(PgArchive *a, uint64_t first) {
        (void) pthread_mutex_lock(&a->mutex);
        drop_before(a, first);
        a->generation++;
        (void) pthread_mutex_unlock(&a->mutex);
}

void pg_archive_set_total(PgArchive *a, ArchiveTotal total) {
        (void) pthread_mutex_lock(&a->mutex);
        a->total = total;
        (void) pthread_mutex_unlock(&a->mutex);
}

int pg_archive_find(PgArchive *a, uint64_t position, PgPart *ret, uint64_t *ret_end) {
        size_t low = 0, high;
        int r = 1;

        (void) pthread_mutex_lock(&a->mutex);
        high = a->n_parts;
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (a->parts[middle].first <= position)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (position >= a->end)
                r = 0;
        else if (position < a->begin || low == 0)
                r = -ENOENT;
        if (r == 1) {
                *ret = a->parts[low - 1];
                *ret_end = low < a->n_parts ? a->parts[low].first : a->end;
        }
        (void) pthread_mutex_unlock(&a->mutex);
        return r;
}

/* ---- the database's word ---- */

typedef struct Known {
        uint64_t generation, end;
        int part;                       /* the last; -1: none is known */
} Known;

static Known what_is_known(PgArchive *a) {
        Known k;

        (void) pthread_mutex_lock(&a->mutex);
        k = (Known) { a->generation, a->end, a->n_parts > 0 ? a->parts[a->n_parts - 1].part : -1 };
        (void) pthread_mutex_unlock(&a->mutex);
        return k;
}

static int take_parts(PgArchive *a, Postgres *db) {
        static const PostgresStatement statement = { .name = "log_parts", .sql = "SELECT part, first_position FROM " PG_SCHEMA ".parts ORDER BY part" };
        _cleanup_(postgres_result_freep) PostgresResult *result = NULL;
        int r = postgres_run(db, &statement, NULL, 0, &result);

        if (r < 0)
                return r;
        (void) pthread_mutex_lock(&a->mutex);
        for (size_t i = 0; i < postgres_rows(result) && r >= 0; i++)
                r = add_part(a, (PgPart) { (int) postgres_int64(result, i, 0), (uint64_t) postgres_int64(result, i, 1) });
        (void) pthread_mutex_unlock(&a->mutex);
        return r;
}

/* The parts come before the end: what is in front of it is in one that is known. */
int pg_archive_take(PgArchive *a, Postgres *db) {
        static const PostgresStatement statement = {
                .name = "log_state", .sql = "SELECT store, begin_position, end_position, records, part FROM " PG_SCHEMA ".state",
        };
        _cleanup_(postgres_result_freep) PostgresResult *result = NULL;
        Known known = what_is_known(a);
        uint64_t end;
        int r;

        r = postgres_run(db, &statement, NULL, 0, &result);
        if (r >= 0 && postgres_rows(result) != 1)
                r = -EBADMSG;
        if (r >= 0 && (int) postgres_int64(result, 0, 4) > known.part)
                r = take_parts(a, db);
        if (r < 0)
                return r;
        end = (uint64_t) postgres_int64(result, 0, 2);
        (void) pthread_mutex_lock(&a->mutex);
        a->store = (uint32_t) postgres_int64(result, 0, 0);
        drop_before(a, (uint64_t) postgres_int64(result, 0, 1));
        /* What the writer has told meanwhile is newer. Otherwise the database is right even if it knows less: it may be a standby that was behind. */
        if (a->generation == known.generation || end > a->end) {
                a->end = end;
                a->records = (uint64_t) postgres_int64(result, 0, 3);
        }
        (void) pthread_mutex_unlock(&a->mutex);
        return 0;
}

/* ---- on the watching thread ---- */

static int look(PgArchive *a) {
        bool connected = postgres_is_connected(a->db);
        int r = 0;

        if (!connected && clock_monotonic_usec() < a->retry_at_usec)
                return -ENOTCONN;
        if (connected)
                r = pg_archive_take(a, a->db);
        /* An old connection may have ended unnoticed. */
        if (!connected || r == -ENOTCONN) {
                r = postgres_connect(a->db);
                if (r >= 0)
                        r = pg_archive_take(a, a->db);
        }
        a->retry_at_usec = r == -ENOTCONN ? clock_monotonic_usec() + AWAY_USEC : 0;
        return r < 0 && r != -ENOMEM ? -ENOTCONN : r;
}

/* One look answers all who have asked before it. */
static void run(Job *batch, void *userdata) {
        int r = look(userdata);

        for (Job *j = batch; j; j = j->next)
                j->result = r;
}

/* ---- on the loop ---- */

static void refreshed(Job *job) {
        ArchiveRefresh *r = CONTAINER_OF(job, ArchiveRefresh, job);

        r->done(r);
}

static int pg_refresh(Archive *archive, ArchiveRefresh *r) {
        PgArchive *a = pg_of(archive);
        int k;

        if (!a->worker)
                return -EBUSY;
        r->job.done = refreshed;
        k = worker_submit(a->worker, &r->job);
        return k < 0 ? k : 1;
}

static void arm(PgArchive *a) {
        if (a->watched && a->timer && sd_event_source_set_time_relative(a->timer, a->failed ? AWAY_USEC : WATCH_USEC) >= 0)
                (void) sd_event_source_set_enabled(a->timer, SD_EVENT_ONESHOT);
}

static void looked(ArchiveRefresh *r) {
        PgArchive *a = CONTAINER_OF(r, PgArchive, look);
        uint64_t end = archive_end(&a->archive);
        bool back = a->failed && r->job.result >= 0;

        a->looking = false;
        a->failed = r->job.result < 0;
        if (end != a->looked_end || back)
                a->grown(a->userdata);
        a->looked_end = end;
        arm(a);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        PgArchive *a = userdata;

        if (!a->looking && a->watched) {
                a->look.done = looked;
                a->looking = pg_refresh(&a->archive, &a->look) > 0;
                if (!a->looking)
                        arm(a);
        }
        return 0;
}

static void pg_watch(Archive *archive, bool watched) {
        PgArchive *a = pg_of(archive);
        bool begins = watched && !a->watched;

        a->watched = watched;
        if (begins && !a->looking)
                arm(a);
}

static uint32_t pg_store(Archive *archive) {
        PgArchive *a = pg_of(archive);
        uint32_t store;

        (void) pthread_mutex_lock(&a->mutex);
        store = a->store;
        (void) pthread_mutex_unlock(&a->mutex);
        return store;
}

static uint64_t pg_begin(Archive *archive) {
        PgArchive *a = pg_of(archive);
        uint64_t begin;

        (void) pthread_mutex_lock(&a->mutex);
        begin = a->begin;
        (void) pthread_mutex_unlock(&a->mutex);
        return begin;
}

static uint64_t pg_end(Archive *archive) {
        PgArchive *a = pg_of(archive);
        uint64_t end;

        (void) pthread_mutex_lock(&a->mutex);
        end = a->end;
        (void) pthread_mutex_unlock(&a->mutex);
        return end;
}

static void pg_note_damage(Archive *archive, uint64_t position) {
        damage_note(&pg_of(archive)->damage, position);
}

static ArchiveTotal pg_total(Archive *archive) {
        PgArchive *a = pg_of(archive);
        ArchiveTotal t;

        (void) pthread_mutex_lock(&a->mutex);
        t = a->total;
        t.files = a->n_parts;
        t.raw_bytes = a->end - a->begin;
        (void) pthread_mutex_unlock(&a->mutex);
        return t;
}

static void pg_end_reading(Archive *archive) {
        PgArchive *a = pg_of(archive);

        (void) pthread_mutex_lock(&a->mutex);
        a->ending = true;
        for (PgReader *r = a->readers; r; r = *pg_reader_link(r))
                pg_reader_interrupt(r);
        (void) pthread_mutex_unlock(&a->mutex);
        if (a->db)
                postgres_interrupt(a->db);
        a->watched = false;
        a->worker = worker_free(a->worker);
        a->timer = sd_event_source_disable_unref(a->timer);
}

int pg_archive_init(PgArchive *a, sd_event *event, const PostgresOptions *options, void (*grown)(void *userdata), void *userdata) {
        static const ArchiveOps ops = {
                .store = pg_store, .begin = pg_begin, .end = pg_end, .refresh = pg_refresh, .watch = pg_watch, .end_reading = pg_end_reading,
                .note_damage = pg_note_damage, .total = pg_total, .open = pg_reader_open, .close = pg_reader_close, .rest = pg_reader_rest, .next = pg_reader_next,
        };
        int r;

        *a = (PgArchive) { .archive.ops = &ops, .options = *options, .grown = grown, .userdata = userdata };
        r = -pthread_mutex_init(&a->mutex, NULL);
        if (r < 0)
                return r;
        a->has_mutex = true;
        r = damage_init(&a->damage);
        if (r < 0)
                return r;
        a->has_damage = true;
        r = postgres_new(&a->db, options);
        if (r >= 0)
                r = worker_new(&a->worker, event, "log-watch", QUEUE_MAX, QUEUE_MAX, run, a);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &a->timer, CLOCK_MONOTONIC, 0, 1, on_timer, a);
        return r < 0 ? r : sd_event_source_set_enabled(a->timer, SD_EVENT_OFF);
}

void pg_archive_deinit(PgArchive *a) {
        if (!a->archive.ops)
                return;
        if (a->has_mutex)
                pg_end_reading(&a->archive);
        a->db = postgres_free(a->db);
        free(a->parts);
        if (a->has_damage)
                damage_deinit(&a->damage);
        if (a->has_mutex)
                (void) pthread_mutex_destroy(&a->mutex);
        *a = (PgArchive) {};
}
