/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/pg-store.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "runtime/events.h"

#define AWAY_USEC USEC_PER_SEC

/* ---- the connection ---- */

void pg_note(PgStore *p, const char *why) {
        LogStore *s = p->store;

        (void) pthread_mutex_lock(&s->mutex);
        if (*postgres_server(p->db))
                (void) snprintf(s->why, sizeof(s->why), "PostgreSQL at %s: %s", postgres_server(p->db), why ? why : postgres_message(p->db));
        else
                (void) snprintf(s->why, sizeof(s->why), "PostgreSQL: %s", why ? why : postgres_message(p->db));
        (void) pthread_mutex_unlock(&s->mutex);
        atomic_store_explicit(&p->connected, postgres_is_connected(p->db), memory_order_relaxed);
}

static int prepare(PgStore *p) {
        const char *why = NULL;
        int r = pg_schema_ensure(p->db, &why);

        if (r >= 0)
                r = pg_archive_take(&p->archive, p->db);
        if (r >= 0)
                return 0;
        pg_note(p, r == -EBADMSG ? why : NULL);
        postgres_rollback(p->db);
        postgres_disconnect(p->db);
        return r;
}

int pg_connect(PgStore *p) {
        int r;

        if (postgres_is_connected(p->db))
                return 0;
        if (clock_monotonic_usec() < p->retry_at_usec)
                return -ENOTCONN;
        r = postgres_connect(p->db);
        if (r < 0)
                pg_note(p, NULL);
        else
                r = prepare(p);
        if (r < 0) {
                p->retry_at_usec = clock_monotonic_usec() + AWAY_USEC;
                return r;
        }
        p->retry_at_usec = 0;
        atomic_fetch_add_explicit(&p->connects, 1, memory_order_relaxed);
        atomic_store_explicit(&p->connected, true, memory_order_relaxed);
        return 0;
}

bool pg_pauses(PgStore *p, uint64_t usec) {
        struct pollfd fd = { .fd = p->stop_fd, .events = POLLIN };

        return poll(&fd, 1, (int) (usec / USEC_PER_MSEC)) == 0;
}

/* ---- the engine ---- */

static void tell_notes(void *store) {
        LogStore *s = store;
        StoreNotes notes;

        (void) pthread_mutex_lock(&s->mutex);
        notes = s->notes;
        s->notes = (StoreNotes) {};
        (void) pthread_mutex_unlock(&s->mutex);
        if (*notes.rotated)
                log_event(LOG_INFO, EVENT_LOG_ROTATED, ((LogField[]) { { "FILE", notes.rotated } }), 1,
                          "The central log goes on in a new partition, %s; there are %zu", notes.rotated, archive_total(s->archive).files);
        if (notes.expired > 0)
                log_info("%d partition%s of the central log dropped, because of age or size", notes.expired, notes.expired == 1 ? " was" : "s were");
}

static int make_name(PgStore *p) {
        unsigned char bytes[16];

        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                return -errno;
        for (size_t i = 0; i < sizeof(bytes); i++)
                (void) snprintf(p->writer + 2 * i, 3, "%02x", bytes[i]);
        return 0;
}

static int begin(PgStore *p, sd_event *event, const LogConfig *config) {
        LogStore *s = p->store;
        PostgresOptions options = { .application_name = "gradebook-log", .statement_usec = PG_STATEMENT_USEC };
        int r;

        r = text_replace(&p->url, config->store);
        if (r >= 0) {
                r = postgres_read_password(&p->password);
                if (r == -EBADMSG)
                        log_error("The credential \"postgresql-password\" must be one line");
        }
        if (r >= 0)
                r = make_name(p);
        if (r < 0)
                return r;
        options.url = p->url;
        options.password = p->password;
        p->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (p->stop_fd < 0)
                return -errno;
        r = pg_archive_init(&p->archive, event, &options, s->grown, s->userdata);
        if (r >= 0)
                r = postgres_new(&p->db, &options);
        return r;
}

/* A server that is away delays a start, and does not prevent it; one that can never do is told at once. */
static int pg_open(LogStore *s, sd_event *event, const char *directory, const LogConfig *config) {
        PgStore *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->store = s;
        p->stop_fd = -1;
        s->pg = p;
        r = begin(p, event, config);
        if (r < 0) {
                log_error("The log's database cannot be used: %s", strerror(-r));
                return r;
        }
        s->archive = &p->archive.archive;
        if (!postgres_url_is_guarded(config->store))
                log_warning("log.conf: Store= names a server on another machine and not sslmode=verify-full: whoever is in between may read and change the log");
        r = pg_connect(p);
        if (r == -EBADMSG) {
                log_error("The log's database cannot be used: %s", s->why);
                return r;
        }
        if (r < 0)
                log_warning("The central log starts without its database (%s) and waits for it", s->why);
        s->records = p->archive.records;
        return 0;
}

static int pg_start(LogStore *s, sd_event *event, const LogConfig *config) {
        return store_damage_init(s, event, &s->pg->archive.damage);
}

static void pg_stop(LogStore *s) {
        if (!s->pg)
                return;
        if (s->archive)
                archive_end_reading(s->archive);
        if (s->pg->stop_fd >= 0)
                (void) eventfd_write(s->pg->stop_fd, 1);
}

static void pg_free(LogStore *s) {
        PgStore *p = s->pg;

        if (!p)
                return;
        s->archive = NULL;
        p->db = postgres_free(p->db);
        pg_archive_deinit(&p->archive);
        if (p->password)
                explicit_bzero(p->password, strlen(p->password));
        free(p->password);
        free(p->url);
        buffer_deinit(&p->rows);
        p->stop_fd = fd_close(p->stop_fd);
        free(p);
        s->pg = NULL;
}

static void pg_set_limits(LogStore *s, const LogConfig *config) {
}

static void pg_look_after(LogStore *s) {
}

static void pg_name_at(LogStore *s, uint64_t position, char ret[static STORE_PLACE_SIZE]) {
        uint64_t end;
        PgPart part;

        *ret = 0;
        if (pg_archive_find(&s->pg->archive, position, &part, &end) == 1)
                pg_table(part.part, ret);
}

static void pg_count(LogStore *s, LogStoreCounters *c) {
        PgStore *p = s->pg;

        c->database = true;
        c->connected = atomic_load_explicit(&p->connected, memory_order_relaxed);
        c->connects = atomic_load_explicit(&p->connects, memory_order_relaxed);
        c->unknown = atomic_load_explicit(&p->unknown, memory_order_relaxed);
}

const StoreEngine store_pg_engine = {
        .open = pg_open, .start = pg_start, .stop = pg_stop, .free = pg_free, .set_limits = pg_set_limits, .look_after = pg_look_after,
        .name_at = pg_name_at, .count = pg_count, .run = pg_commit_batch, .settle = pg_settle, .tell_notes = tell_notes,
};
