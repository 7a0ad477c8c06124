/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/rows.h"

/* All rows in memory, as they are on disk: what reads are answered from, on the loop's thread. Whoever was handed a row may
 * keep it until the loop's next turn, and never changes it. */
typedef struct Book Book;

int book_new(Book **ret);
Book *book_free(Book *b);
DEFINE_CLEANUP(Book, book_free);

/* Puts a row in, or in the place of the one with its id; takes it on success. -EBADMSG: what it refers to is not there;
 * -ENOMEM. Either leaves the book as it was. */
int book_put(Book *b, Kind kind, Row *row);
int book_remove(Book *b, Kind kind, uint64_t id);       /* -ENOENT */

/* Puts all of another book in the place of what is in this one; the other gets that. What was rendered before is not true any more, of
 * no row. */
void book_replace(Book *b, Book *with);

Row *book_find(const Book *b, Kind kind, uint64_t id);  /* NULL: unknown */
size_t book_count(const Book *b, Kind kind);

/* Rows by id: the first after the given one, NULL at the end. For walks and pages; after 0 comes the first. */
Row *book_next(const Book *b, Kind kind, uint64_t after);

/* Counts up with every change. What was rendered of a student or a class is true as long as its own revision is the same: a
 * student's changes with its row, its grades and their assessments; a class's with all that is in it, names of students too, and its term. */
uint64_t book_revision(const Book *b);

static inline const StudentRow *book_student(const Book *b, uint64_t id) {
        return (const StudentRow *) book_find(b, KIND_STUDENT, id);
}

static inline const ClassRow *book_class(const Book *b, uint64_t id) {
        return (const ClassRow *) book_find(b, KIND_CLASS, id);
}

static inline const AssessmentRow *book_assessment(const Book *b, uint64_t id) {
        return (const AssessmentRow *) book_find(b, KIND_ASSESSMENT, id);
}

static inline const GradeRow *book_grade(const Book *b, uint64_t id) {
        return (const GradeRow *) book_find(b, KIND_GRADE, id);
}

static inline const AccountRow *book_account(const Book *b, uint64_t id) {
        return (const AccountRow *) book_find(b, KIND_ACCOUNT, id);
}

/* Told of every account that is put in the place of what it was, before (old) it is replaced; new NULL: it goes. One at most. */
void book_watch_accounts(Book *b, void (*changed)(const AccountRow *old, const AccountRow *new, void *userdata), void *userdata);

const TokenRow *book_token_by_digest(const Book *b, const char *digest);        /* in hex; takes the same time however many there are */
const AccountRow *book_account_by_login(const Book *b, const char *login);
const GradeRow *book_grade_of(const Book *b, const StudentRow *s, const AssessmentRow *a);      /* NULL: none */
const EnrolmentRow *book_enrolment_of(const Book *b, const ClassRow *c, uint64_t student_id);
bool book_teaches(const Book *b, const AccountRow *a, uint64_t class_id);
