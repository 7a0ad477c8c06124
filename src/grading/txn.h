/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/store.h"

/* What a StoreJob may do while it runs, on the store's thread. Every change is an entry of the ledger; a job that fails leaves
 * none. Rows that are handed out belong to the caller. All functions return 0 or a negative errno, -EBADMSG with the job's
 * problem filled. */

int txn_get(Txn *t, Kind kind, uint64_t id, Row **ret);                 /* -ENOENT */

/* Makes a row: takes it on success and fills its head. An id of 0 becomes the next one; a version, of one that was there before and went, is
 * counted on from. Where it fails nothing was done, and the job may go on. -EEXIST: the id, or what must be
 * unique about it, is there already; -ENOENT: what it refers to is not. *ret_id may be NULL. */
int txn_create(Txn *t, Kind kind, Row *row, uint64_t *ret_id);

/* The same, of one whose ID is to be given, that this job has looked for and not found, and whose references it has: what fails then fails all of the
 * transaction, and in a shared store nobody waits for it. */
int txn_create_sought(Txn *t, Kind kind, Row *row, uint64_t *ret_id);

/* Puts a row in the place of old, which txn_get() gave; takes it on success. What is equal makes no entry. Errors as above. */
int txn_update(Txn *t, Kind kind, const Row *old, Row *row);

int txn_delete(Txn *t, Kind kind, const Row *old);                      /* -ENOTEMPTY: something still refers to it */

/* Refuses with 409, with both values and who changed it when, unless the row has that version; 0, which none has, is of whoever
 * expected that there is none. attempted: the JSON that the client
 * sent, for the answer; may be NULL. */
int txn_expect_version(Txn *t, Kind kind, const Row *row, uint64_t version, const char *attempted);

/* Rows of a kind by id: all; those of a class (teachings, enrolments, assessments, grades); those of a student (accounts, enrolments, grades). The row is
 * the callback's, < 0 from which ends it and is returned. The callback changes nothing. -EINVAL: a kind that has no such thing. */
typedef enum TxnOf {
        TXN_OF_ALL,
        TXN_OF_CLASS,
        TXN_OF_STUDENT,
        _TXN_OF_MAX,
} TxnOf;
int txn_each(Txn *t, Kind kind, TxnOf of, uint64_t id, int (*each)(Row *row, void *userdata), void *userdata);

/* Lookups. -ENOENT where there is none. */
int txn_find_grade(Txn *t, uint64_t student_id, uint64_t assessment_id, Row **ret);
int txn_find_enrolment(Txn *t, uint64_t class_id, uint64_t student_id, Row **ret);
int txn_find_teaching(Txn *t, uint64_t class_id, uint64_t account_id, Row **ret);
int txn_find_account(Txn *t, const char *login, Row **ret);
/* The first of that title, type and maximum (0: any) in the class in which the student (0: anybody) has no grade yet. */
int txn_find_assessment(Txn *t, uint64_t class_id, const char *title, int type, uint32_t maximum_hundredths, uint64_t without_student_id,
                        uint64_t *ret_id);
int txn_find_token_of(Txn *t, uint64_t account_id, Row **ret);          /* its first */
int txn_find_teaching_of(Txn *t, uint64_t account_id, Row **ret);
int txn_count_tokens(Txn *t, uint64_t account_id, uint64_t *ret);
int txn_count_admins(Txn *t, uint64_t except_id, uint64_t *ret);        /* enabled ones, without that one */
int txn_count_grades(Txn *t, uint64_t student_id, uint64_t *ret);
int txn_last_student_id(Txn *t, uint64_t *ret);                         /* the largest id; 0: there are no students */

/* Entries of the ledger, in the order of their sequence; e is valid in the call only. < 0 from the callback ends it and is returned. */
typedef struct TxnLedgerQuery {
        uint64_t after, until;          /* sequences: after < s <= until; until 0: to the end */
        int kind;                       /* with id: of that row alone; -1: of all */
        uint64_t id, student_id, class_id, set;         /* 0: any */
        bool newest_first;
        bool last_of_each;              /* of each row only the last entry up to until: the state as of then */
        size_t limit;                   /* entries; 0: no limit */
} TxnLedgerQuery;
int txn_ledger(Txn *t, const TxnLedgerQuery *q, int (*each)(const LedgerEntry *e, void *userdata), void *userdata);
int txn_ledger_at(Txn *t, uint64_t time_usec, uint64_t *ret_sequence);  /* the last entry up to that time; 0: none */

/* Of the row's newest entry: its sequence, and the version that it left. -ENOENT: it has none. */
int txn_ledger_last(Txn *t, Kind kind, uint64_t id, uint64_t *ret_sequence, uint64_t *ret_version);

/* The row as that entry of the ledger left everything. -ENOENT: it was not there then. */
int txn_row_as_of(Txn *t, Kind kind, uint64_t id, uint64_t until, Row **ret);

/* What is not as the ledger says it is: one row, and how in a few words. */
typedef void (*TxnDifference)(const char *kind, uint64_t id, const char *what, void *userdata);

/* Holds the next limit rows of the kind behind that id against their last entries, or what the next limit entries behind that sequence
 * left against the rows. *ret_last: the id or sequence looked at last; 0: there was none, and all were looked at. */
int txn_compare_rows(Txn *t, Kind kind, uint64_t after, size_t limit, TxnDifference tell, void *userdata, uint64_t *ret_last);
int txn_compare_ledger(Txn *t, uint64_t after, size_t limit, TxnDifference tell, void *userdata, uint64_t *ret_last);

/* A row of an entry's "Old" or "New". -EBADMSG: the text is not one of ours. */
int row_from_ledger(Kind kind, const char *text, Row **ret);

Sql *txn_sql(Txn *t);   /* of the transaction, for tests that do what nobody should */
StoreJob *txn_job(Txn *t);
