/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/sessions.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "grading/grading.h"

#define PENDING_BYTES (1 << 20)
#define IDLE_PART 8     /* of the idle time at most is unknown after a crash */

/* One thing to be written that nobody waits for. */
typedef struct Note {
        uint8_t digest[CREDENTIAL_HASH_SIZE];
        uint64_t used_usec;             /* 0: it is over */
} Note;

struct Sessions {
        Grading *grading;
        SessionTable *table;
        Buffer pending;                 /* of Notes */
        size_t n_writes;                /* under way */
};

/* Notes on their way to the disk. */
typedef struct Write {
        StoreJob job;
        Sessions *sessions;
        Buffer notes;
} Write;

SessionLimits sessions_limits(const Sessions *s) {
        const GradingConfig *c = grading_limits(s->grading);

        return (SessionLimits) { c->session_idle_usec, c->session_max_usec };
}

static Write *write_free(Write *w) {
        if (!w)
                return NULL;
        store_job_deinit(&w->job);
        buffer_deinit(&w->notes);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(Write, write_free);

static Note note_at(const Buffer *notes, size_t at) {
        Note n;

        memcpy(&n, notes->data + at, sizeof(n));
        return n;
}

static int run_notes(StoreJob *job, Txn *t) {
        const Buffer *notes = &CONTAINER_OF(job, Write, job)->notes;
        int r = txn_session_expire(t, job->time_usec);

        for (size_t at = 0; r >= 0 && at < notes->size; at += sizeof(Note)) {
                Note n = note_at(notes, at);

                r = n.used_usec > 0 ? txn_session_touch(t, n.digest, n.used_usec) : txn_session_remove(t, n.digest);
                /* One that has gone meanwhile is as it should be. */
                if (r == -ENOENT)
                        r = 0;
        }
        return r;
}

static void kick(Sessions *s);

static void notes_done(StoreJob *job, int result) {
        _cleanup_(write_freep) Write *w = CONTAINER_OF(job, Write, job);
        Sessions *s = w->sessions;

        grading_note_store(s->grading, result);
        s->n_writes--;
        /* What was over stays to be written; for the rest another use comes. */
        for (size_t at = 0; result < 0 && at < w->notes.size; at += sizeof(Note)) {
                Note n = note_at(&w->notes, at);

                if (n.used_usec == 0)
                        (void) buffer_append(&s->pending, &n, sizeof(n));
        }
        s->pending.error = 0;
        /* Another instance may have used it meanwhile, and so have brought it back. */
        for (size_t at = 0; result >= 0 && at < w->notes.size; at += sizeof(Note)) {
                Note n = note_at(&w->notes, at);

                if (n.used_usec == 0)
                        sessions_remove(s, n.digest);
        }
        if (result >= 0)
                kick(s);
}

void sessions_flush(Sessions *s) {
        _cleanup_(write_freep) Write *w = NULL;

        if (!s || s->pending.size == 0)
                return;
        w = calloc(1, sizeof(*w));
        if (!w)
                return;
        w->sessions = s;
        w->job = (StoreJob) { .run = run_notes, .done = notes_done, .origin = { .actor = "gradebook" } };
        w->notes = s->pending;
        if (store_submit(s->grading->store, &w->job) < 0) {
                w->notes = BUFFER_NULL;
                return;
        }
        s->pending = BUFFER_MAX(PENDING_BYTES);
        s->n_writes++;
        (void) TAKE_PTR(w);
}

/* One at a time: what comes meanwhile goes together in the next. */
static void kick(Sessions *s) {
        if (s->n_writes == 0)
                sessions_flush(s);
}

/* Without room it is left out: on disk the session is as it was, and ends there by its time. */
static void note(Sessions *s, const SessionRecord *record, uint64_t used_usec) {
        Note n = { .used_usec = used_usec };

        memcpy(n.digest, record->digest, sizeof(n.digest));
        if (buffer_append(&s->pending, &n, sizeof(n)) < 0)
                s->pending.error = 0;
}

static void end(Sessions *s, Session *session) {
        note(s, session_record(session), 0);
        session_table_remove(s->table, session);
}

static void trim(Sessions *s, uint64_t account_id) {
        const GradingConfig *c = grading_limits(s->grading);

        while (session_table_size_of(s->table, account_id) > c->sessions_per_account_max)
                end(s, session_table_first_of(s->table, account_id));
        while (session_table_size(s->table) > c->sessions_max)
                end(s, session_table_least_used(s->table));
}

/* Those that nobody uses any more are found by the next who comes. */
static void sweep(Sessions *s, uint64_t now_usec) {
        SessionLimits limits = sessions_limits(s);
        Session *oldest;

        while ((oldest = session_table_least_used(s->table)) && session_is_over(session_record(oldest), &limits, now_usec))
                end(s, oldest);
}

static int load(const SessionRecord *record, void *userdata) {
        Sessions *s = userdata;
        const AccountRow *account = book_account(s->grading->book, record->account_id);
        SessionLimits limits = sessions_limits(s);
        int r;

        if (!account || session_is_over(record, &limits, clock_realtime_usec())) {
                note(s, record, 0);
                return 0;
        }
        throttle_remember(s->grading->throttle, grading_throttle_key(s->grading, account->login, record->client));
        r = session_table_add(s->table, record);
        if (r >= 0)
                trim(s, record->account_id);
        return r;
}

/* Another role, another student or none: whoever has signed in with what the account was signs in again. */
static void account_changed(const AccountRow *old, const AccountRow *new, void *userdata) {
        if (!new || account_ends_sessions(old, new))
                (void) sessions_remove_of(userdata, old->row.id, NULL);
}

static void session_changed(const uint8_t *digest, const SessionRecord *record, void *userdata) {
        int r = 0;

        if (record)
                r = sessions_learn(userdata, record);
        else
                sessions_remove(userdata, digest);
        if (r < 0)
                log_error("A session that began at another instance cannot be kept: %s", strerror(-r));
}

int sessions_new(Sessions **ret, Grading *g) {
        Sessions *s = calloc(1, sizeof(*s));
        int r = s ? 0 : -ENOMEM;

        if (s) {
                s->grading = g;
                s->pending = BUFFER_MAX(PENDING_BYTES);
                r = session_table_new(&s->table);
        }
        if (r >= 0)
                r = store_each_session(g->store, load, s);
        if (r < 0) {
                sessions_free(s);
                return r;
        }
        book_watch_accounts(g->book, account_changed, s);
        store_watch_sessions(g->store, session_changed, s);
        kick(s);
        *ret = s;
        return 0;
}

Sessions *sessions_free(Sessions *s) {
        if (!s)
                return NULL;
        book_watch_accounts(s->grading->book, NULL, NULL);
        session_table_free(s->table);
        buffer_deinit(&s->pending);
        free(s);
        return NULL;
}

const SessionRecord *sessions_find(Sessions *s, const uint8_t digest[static CREDENTIAL_HASH_SIZE]) {
        Session *session = session_table_find(s->table, digest);
        SessionLimits limits = sessions_limits(s);
        uint64_t now = clock_realtime_usec(), interval = limits.idle_usec / IDLE_PART;

        if (!session)
                return NULL;
        if (session_is_over(session_record(session), &limits, now)) {
                end(s, session);
                kick(s);
                return NULL;
        }
        if (session_table_use(s->table, session, now, interval < SESSION_WRITE_USEC ? interval : SESSION_WRITE_USEC)) {
                note(s, session_record(session), now);
                kick(s);
        }
        return session_record(session);
}

int sessions_add(Sessions *s, const SessionRecord *record) {
        int r;

        sweep(s, clock_realtime_usec());
        r = session_table_add(s->table, record);
        if (r >= 0)
                trim(s, record->account_id);
        kick(s);
        return r;
}

int sessions_learn(Sessions *s, const SessionRecord *record) {
        Session *known = session_table_find(s->table, record->digest);

        if (!known)
                return sessions_add(s, record);
        session_table_learn(s->table, known, record->used_usec);
        return 0;
}

void sessions_remove(Sessions *s, const uint8_t digest[static CREDENTIAL_HASH_SIZE]) {
        Session *session = session_table_find(s->table, digest);

        if (session)
                session_table_remove(s->table, session);
}

size_t sessions_remove_of(Sessions *s, uint64_t account_id, const uint8_t *keep_digest) {
        Session *next = session_table_first_of(s->table, account_id), *session;
        size_t n = 0;

        while ((session = next)) {
                next = session_table_next_of(session);
                if (keep_digest && memcmp(session_record(session)->digest, keep_digest, CREDENTIAL_HASH_SIZE) == 0)
                        continue;
                session_table_remove(s->table, session);
                n++;
        }
        return n;
}

void sessions_forget(Sessions *s) {
        Session *session;

        while ((session = session_table_least_used(s->table)))
                session_table_remove(s->table, session);
        buffer_clear(&s->pending);
}

void sessions_each_of(Sessions *s, uint64_t account_id, void (*each)(const SessionRecord *record, void *userdata), void *userdata) {
        SessionLimits limits = sessions_limits(s);
        uint64_t now = clock_realtime_usec();

        for (const Session *session = session_table_first_of(s->table, account_id); session; session = session_table_next_of(session))
                if (!session_is_over(session_record(session), &limits, now))
                        each(session_record(session), userdata);
}

size_t sessions_size(const Sessions *s) {
        return session_table_size(s->table);
}
