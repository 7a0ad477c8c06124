/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/store.h"

/* The rows of a class or of a student as they were at a moment, in a book of their own: replayed from the ledger, in slices on the store's
 * thread, so that changes get in between. */

typedef struct LedgerStateQuery {
        uint64_t time_usec;             /* the moment */
        uint64_t class_id;              /* the class, its assessments, enrolments and grades, and their students; 0: none */
        uint64_t student_id;            /* or the student, its enrolments and grades, and their classes and assessments */
} LedgerStateQuery;

/* On the loop. 0: the book is the callee's; it lacks the class or student where that was not there then, and accounts, tokens, teachings and
 * terms always. until: the last entry that counts. < 0: what went wrong, and book is NULL. */
typedef void (*LedgerStateDone)(int result, Book *book, uint64_t until, void *userdata);

/* 0: done will come once. -EBUSY, -ENOMEM: it will not. */
int ledger_state_at(Store *s, const LedgerStateQuery *q, LedgerStateDone done, void *userdata);
