/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by store.c (file, jobs), txn.c (changes), txn-rows.c (rows and columns), txn-find.c (lookups), txn-ledger.c (entries) and
 * txn-compare.c (rows against entries), and with verify.c and store-admin.c, which look at files that nobody else has open. All but the
 * opening runs on the store's thread. Nobody else includes it. */

#include "grading/fields.h"
#include "grading/row-cache.h"
#include "grading/txn-session.h"
#include "grading/txn.h"

typedef struct Shared Shared;

typedef enum Statement {
        STATEMENT_TIP,
        STATEMENT_ENTRY,
        STATEMENT_LOCKED_CLASS,
        STATEMENT_LOCKED_TERM,
        STATEMENT_FIND_GRADE,
        STATEMENT_FIND_ENROLMENT,
        STATEMENT_FIND_TEACHING,
        STATEMENT_FIND_ACCOUNT,
        STATEMENT_FIND_ASSESSMENT,
        STATEMENT_COUNT_GRADES,
        STATEMENT_TOP_SCORE,
        STATEMENT_LAST_STUDENT,
        STATEMENT_ENTRY_TIME,
        STATEMENT_LAST_ENTRY,
        STATEMENT_AS_OF,
        STATEMENT_OTHER_ADMINS,
        STATEMENT_TOKEN_OF,
        STATEMENT_TEACHING_OF,
        STATEMENT_COUNT_TOKENS,
        STATEMENT_SESSION_PUT,
        STATEMENT_SESSION_REMOVE,
        STATEMENT_SESSION_REMOVE_OF,
        STATEMENT_SESSION_TOUCH,
        STATEMENT_SESSION_EXPIRE,
        STATEMENT_KEY_FIND,
        STATEMENT_KEY_PUT,
        STATEMENT_KEY_EXPIRE,
        _STATEMENT_MAX,
} Statement;

const char *statement_sql(Statement which, SqlDialect dialect);         /* txn-find.c */

/* One for each kind. */
typedef enum RowStatement {
        ROW_GET,
        ROW_INSERT,
        ROW_MAKE,                       /* nothing stands against it */
        ROW_UPDATE,
        ROW_DELETE,
        _ROW_STATEMENT_MAX,
} RowStatement;

struct Store {
        Database *database;             /* NULL: it is shared */
        Shared *shared;                 /* PostgreSQL; NULL: it is a file */
        sqlite3 *db;
        Sql *sql;                       /* over it */
        Book *book;                     /* the loop's */
        LedgerTip tip;                  /* the loop's */
        char *path, *wal_path;
        SqlStatement *statements[_STATEMENT_MAX];
        SqlStatement *row_statements[_KIND_MAX][_ROW_STATEMENT_MAX];
        uint64_t last_ids[_KIND_MAX];   /* the largest given so far; a student's: the largest that went */
        uint64_t generation;            /* counts up when all is replaced; on its thread, and as the book has it */
        uint64_t book_generation;       /* the loop's */
        size_t keys;                    /* the loop's: idempotency keys that are known */
        RowCache *cache;                /* NULL: asking costs nothing */
        bool wrote;                     /* a row, since whoever looks at it has set it to false */
        void (*session_changed)(const uint8_t *digest, const SessionRecord *record, void *userdata);   /* the loop's; NULL: nobody */
        void *session_userdata;
        size_t n_keys;                  /* idempotency keys put since the old ones were looked for */
};

struct Txn {
        Store *store;
        StoreJob *job;
        LedgerTip tip;
        uint64_t tip_usec;              /* when its last entry was made */
        bool has_tip;
        AssessmentRow *assessment;      /* the one asked for last */
        uint64_t class_id;              /* likewise, and nothing in it is locked; 0: none */
};

/* txn-rows.c */
int rows_prepare(Store *s);
/* A range with two ends: of one with an end alone the planner takes for granted, as long as nothing is known of the table, that a third of it is meant, and reads
 * all of it. */
#define CHANGES_BETWEEN(after, until) "changes WHERE change > CAST(" after " AS BIGINT) AND change <= " until
int rows_load_changed(Sql *db, Kind kind, uint64_t after, uint64_t until, int (*each)(uint64_t id, Row *row, void *userdata), void *userdata);
int rows_load(Store *s, Kind kind, Book *book);         /* in the order of their ids */
int rows_walk(Sql *db, Kind kind, SqlStatement **ret);  /* a statement that gives all in that order, for rows_read() */
int rows_step(SqlStatement *s);         /* to its only row: 0, -ENOENT, or why not; the statement is not reset */
void rows_done(SqlStatement *s);        /* resets it; nothing bound outlives it */
int rows_read(Kind kind, SqlStatement *s, Row **ret);   /* of the columns of a get */
int rows_insert(Store *s, Kind kind, const Row *row, bool sought);      /* sought: as txn_create_sought() */
int rows_update(Store *s, Kind kind, const Row *row);
int rows_delete(Store *s, Kind kind, uint64_t id);
void bind_uint(SqlStatement *s, int index, uint64_t value);
void bind_id(SqlStatement *s, int index, uint64_t id);  /* 0 is NULL */
void bind_text(SqlStatement *s, int index, const char *value);  /* borrowed; NULL is NULL */

/* txn-ledger.c. One entry, sealed behind the tip; row: as it is after it, or was before it went. */
int ledger_append(Txn *t, Kind kind, const char *action, const Row *row, uint64_t version, const char *old, const char *new);
int ledger_next(Txn *t, uint64_t *ret_sequence);        /* what the next entry will have */

/* Entries of any connection: a statement with this list of columns, from 0, gives them; previous is left alone. */
#define LEDGER_COLUMNS "sequence, time_usec, set_sequence, actor, client, request_id, action, kind, row_id, student_id, class_id, version," \
                       " old, new, reason, hash"
int ledger_read(SqlStatement *s, LedgerEntry *ret);

/* txn-compare.c. Whether a row that is written so is what an entry says, by an older version perhaps. 0, -ENOMEM */
int ledger_says_same(Kind kind, const char *row_text, const char *entry_text, bool *ret);

/* store.c. Fills a store that has a connection and a book, and nothing of its own yet. */
int store_load(Store *s);

/* store.c. Likewise, of those that other instances may have changed meanwhile. */
int store_load_last_ids(Store *s);
int store_load_keys(Store *s);
int store_prepare(Store *s);
int store_fill_book(Book *book, StoreJob *job);         /* what a job did, behind its commit */

/* store.c. On the store's thread, or before it has anything to do: the job in the transaction that is open. */
int store_run(Store *s, StoreJob *job);

/* txn-check.c: what must be true of a change whoever asks for it. -EBADMSG with the problem filled. old NULL: it is made; new NULL: it goes. */
int txn_check(Txn *t, Kind kind, const Row *old, const Row *new);
int txn_assessment(Txn *t, uint64_t id, const AssessmentRow **ret);     /* borrowed until the next; -ENOENT */
void txn_remember_assessment(Txn *t, const AssessmentRow *a);           /* what was made is asked for next */
int txn_row_class(Txn *t, Kind kind, const Row *row, uint64_t *ret_class_id);   /* 0: it is of no class */

/* txn-account.c: what must be true of accounts; and the end of the sessions of one that is not what it was. new NULL: it goes. */
int account_check(Txn *t, const AccountRow *old, const AccountRow *new);
int account_end_sessions(Txn *t, const AccountRow *old, const AccountRow *new);

/* txn-key.c: idempotency keys. */
int key_find(Txn *t);                   /* 0: unknown; 1: known, the job's reply is filled; -EBADMSG: it came with another request */
int key_put(Txn *t);
