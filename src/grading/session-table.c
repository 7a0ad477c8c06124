/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/session-table.h"

#include <errno.h>
#include <string.h>

/* As in simple-view.c. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>
#include <utlist.h>

/* An account with its sessions, one at least. */
typedef struct Owner {
        uint64_t account_id;
        Session *sessions;
        size_t n;
        bool left_out;
        UT_hash_handle hh;
} Owner;

struct Session {
        SessionRecord record;
        uint64_t written_usec;          /* the use that is on disk */
        Owner *owner;
        Session *prev_of, *next_of;     /* of the owner */
        Session *prev_used, *next_used; /* of all */
        bool left_out;
        UT_hash_handle hh;
};

struct SessionTable {
        Session *sessions;
        Session *used;                  /* the one whose use is longest ago first */
        Owner *owners;
};

int session_table_new(SessionTable **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

SessionTable *session_table_free(SessionTable *t) {
        if (!t)
                return NULL;
        while (t->used)
                session_table_remove(t, t->used);
        free(t);
        return NULL;
}

static Owner *find_owner(const SessionTable *t, uint64_t account_id) {
        Owner *o;

        HASH_FIND(hh, t->owners, &account_id, sizeof(account_id), o);
        return o;
}

static Owner *make_owner(SessionTable *t, uint64_t account_id) {
        Owner *o = find_owner(t, account_id);

        if (o)
                return o;
        o = calloc(1, sizeof(*o));
        if (!o)
                return NULL;
        o->account_id = account_id;
        HASH_ADD(hh, t->owners, account_id, sizeof(o->account_id), o);
        if (!o->left_out)
                return o;
        free(o);
        return NULL;
}

static void drop_owner(SessionTable *t, Owner *o) {
        if (o->sessions)
                return;
        HASH_DEL(t->owners, o);
        free(o);
}

static int by_beginning(const Session *a, const Session *b) {
        return a->record.began_usec < b->record.began_usec ? -1 : a->record.began_usec > b->record.began_usec;
}

int session_table_add(SessionTable *t, const SessionRecord *record) {
        Session *s;
        Owner *o;

        if (session_table_find(t, record->digest))
                return -EEXIST;
        s = calloc(1, sizeof(*s));
        o = s ? make_owner(t, record->account_id) : NULL;
        if (!o) {
                free(s);
                return -ENOMEM;
        }
        s->record = *record;
        s->written_usec = record->used_usec;
        s->owner = o;
        HASH_ADD(hh, t->sessions, record.digest, CREDENTIAL_HASH_SIZE, s);
        if (s->left_out) {
                free(s);
                drop_owner(t, o);
                return -ENOMEM;
        }
        DL_INSERT_INORDER2(o->sessions, s, by_beginning, prev_of, next_of);
        o->n++;
        DL_APPEND2(t->used, s, prev_used, next_used);
        return 0;
}

void session_table_remove(SessionTable *t, Session *s) {
        Owner *o = s->owner;

        HASH_DEL(t->sessions, s);
        DL_DELETE2(t->used, s, prev_used, next_used);
        DL_DELETE2(o->sessions, s, prev_of, next_of);
        o->n--;
        drop_owner(t, o);
        free(s);
}

Session *session_table_find(const SessionTable *t, const uint8_t digest[static CREDENTIAL_HASH_SIZE]) {
        Session *s;

        HASH_FIND(hh, t->sessions, digest, CREDENTIAL_HASH_SIZE, s);
        return s;
}

Session *session_table_least_used(const SessionTable *t) {
        return t->used;
}

Session *session_table_first_of(const SessionTable *t, uint64_t account_id) {
        const Owner *o = find_owner(t, account_id);

        return o ? o->sessions : NULL;
}

Session *session_table_next_of(const Session *s) {
        return s->next_of;
}

size_t session_table_size(const SessionTable *t) {
        return HASH_COUNT(t->sessions);
}

size_t session_table_size_of(const SessionTable *t, uint64_t account_id) {
        const Owner *o = find_owner(t, account_id);

        return o ? o->n : 0;
}

const SessionRecord *session_record(const Session *s) {
        return &s->record;
}

bool session_table_use(SessionTable *t, Session *s, uint64_t now_usec, uint64_t interval_usec) {
        if (s->record.used_usec < now_usec)
                s->record.used_usec = now_usec;
        DL_DELETE2(t->used, s, prev_used, next_used);
        DL_APPEND2(t->used, s, prev_used, next_used);
        if (s->record.used_usec < s->written_usec + interval_usec)
                return false;
        s->written_usec = s->record.used_usec;
        return true;
}

void session_table_learn(SessionTable *t, Session *s, uint64_t used_usec) {
        if (used_usec <= s->record.used_usec)
                return;
        s->record.used_usec = s->written_usec = used_usec;
        DL_DELETE2(t->used, s, prev_used, next_used);
        DL_APPEND2(t->used, s, prev_used, next_used);
}

bool session_is_over(const SessionRecord *s, const SessionLimits *limits, uint64_t now_usec) {
        return now_usec >= s->expires_usec || now_usec >= s->began_usec + limits->max_usec || now_usec >= s->used_usec + limits->idle_usec;
}
