/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "wire/problem.h"
#include "wire/student.h"

/* What gradebook-grading keeps: rows of a few kinds. Each kind is a structure here and a table of fields in fields.c; from that
 * one table come a row's JSON (on the wire and in the ledger), its columns, and what a request may set. A row that was
 * handed out by the book belongs to it; every other belongs to whoever made it. */

typedef enum Kind {
        KIND_TERM,
        KIND_CLASS,
        KIND_STUDENT,
        KIND_ACCOUNT,
        KIND_TOKEN,
        KIND_TEACHING,
        KIND_ENROLMENT,
        KIND_ASSESSMENT,
        KIND_GRADE,
        _KIND_MAX,              /* each comes behind what it refers to */
} Kind;

typedef enum GradeState {
        GRADE_GRADED,           /* has a score */
        GRADE_BLANK,            /* none yet */
        GRADE_MISSING,          /* not handed in: counts as zero */
        GRADE_EXCUSED,          /* never counts */
        GRADE_LATE,             /* has a score */
        GRADE_ABSENT,           /* counts as zero */
        _GRADE_STATE_MAX,
} GradeState;

typedef enum Role {
        ROLE_STUDENT,           /* reads its own released grades */
        ROLE_TEACHER,           /* reads and writes its classes */
        ROLE_ADMIN,
        _ROLE_MAX,
} Role;

#define ROW_ID_MAX STUDENT_ID_MAX
#define NAME_MAX_CHARACTERS 200         /* of terms, classes, titles */
#define COMMENT_MAX 2000                /* code points */
#define LOGIN_MAX 64
#define POINTS_MAX_HUNDREDTHS 10000000u /* 100,000.00: the largest maximum, score and weight */
#define DATE_SIZE 11                    /* "2026-11-27" */

/* What all kinds begin with. */
typedef struct Row {
        uint64_t id;            /* never used again; a student's may be chosen by whoever adds it */
        uint64_t version;       /* 1, 2, 3 … */
        uint64_t entry;         /* the ledger's entry that made it as it is */
} Row;

typedef struct StudentRow StudentRow;
typedef struct ClassRow ClassRow;
typedef struct AssessmentRow AssessmentRow;
typedef struct GradeRow GradeRow;
typedef struct AccountRow AccountRow;

/* Rows that refer to one, by id, in the book; empty in a row that is not there. */
typedef struct RowList {
        Row **rows;
        uint32_t n, allocated;
} RowList;

typedef struct TermRow {
        Row row;
        char *name;
        char *begins, *ends;    /* dates, YYYY-MM-DD; NULL: not said */
        bool locked;            /* nothing in its classes changes */
        bool archived;          /* lists leave it out unless it is asked for */
} TermRow;

struct ClassRow {
        Row row;
        uint64_t term_id;       /* 0: none */
        char *name;
        char *policy;           /* JSON, see policy.h; NULL: the default */
        bool locked, archived;
        RowList assessments, enrolments, teachings;
        uint64_t revision;              /* the book's, of the last change of anything in it */
};

struct StudentRow {
        Row row;
        char *first_name, *last_name;
        uint64_t default_class_id;      /* where grades in the fixed form go */
        RowList grades;                 /* by id */
        RowList enrolments;
        uint64_t revision;              /* the book's, of the last change of it or its grades */
};

struct AccountRow {
        Row row;
        char *login;
        char *name;
        int role;                       /* Role */
        uint64_t student_id;            /* who a student's account is; else 0 */
        bool disabled;
        uint64_t password_usec;         /* when the password was set; 0: there is none */
        char *password;                 /* of password.h; secret: in no ledger and no answer */
        RowList tokens, teachings;
};

/* An API token. */
typedef struct TokenRow {
        Row row;
        uint64_t account_id;
        char *name;
        uint64_t expires_usec;          /* realtime */
        char *digest;                   /* of the token, in hex; secret */
} TokenRow;

/* Who teaches a class. */
typedef struct TeachingRow {
        Row row;
        uint64_t class_id, account_id;
} TeachingRow;

typedef struct EnrolmentRow {
        Row row;
        uint64_t class_id, student_id;
} EnrolmentRow;

struct AssessmentRow {
        Row row;
        uint64_t class_id;
        char *title;
        int type;                       /* GradeType */
        uint32_t maximum_hundredths;    /* at least 1 */
        uint32_t weight_hundredths;
        char *due;                      /* a date; NULL: none */
        bool released;                  /* else a draft: students do not see its grades */
        bool extra_credit;
        RowList grades;
};

/* One of each student and assessment. */
struct GradeRow {
        Row row;
        uint64_t student_id, assessment_id;
        int state;                      /* GradeState */
        uint32_t score_hundredths;      /* 0 where the state has none */
        char *comment;
        AssessmentRow *assessment;      /* in the book */
};

static inline bool grade_state_has_score(int state) {
        return state == GRADE_GRADED || state == GRADE_LATE;
}

const char *grade_state_name(GradeState state);         /* "graded", as on the wire */
const char *role_name(Role role);                       /* "admin" */

const char *kind_name(Kind kind);                       /* "assessment", as in the ledger */
int kind_from_name(const char *name);                   /* -EINVAL */

/* The rows themselves. Cleared: all members zero, as for one that is to be filled. */
Row *row_new(Kind kind);                                /* NULL: no memory */
Row *row_free(Kind kind, Row *row);                     /* with its texts and lists, not with what those point to */
int row_copy(Kind kind, const Row *row, Row **ret);     /* fields and head, no lists; -ENOMEM */
bool row_equal(Kind kind, const Row *a, const Row *b);  /* in all fields, secrets too; the heads do not count */
void row_move(Kind kind, Row *to, Row *from);           /* head and fields; from is left with none */

/* {"ID":7,"Version":2,"Title":…}: what GET answers and what the ledger keeps, without secrets. Returns out's error. */
int row_write(Kind kind, const Row *row, Buffer *out);

typedef enum RowSource {
        ROW_CREATE,             /* a request: what is missing gets its default, or is an error; what is fixed and set already stays */
        ROW_PATCH,              /* a request: what is missing stays; what is fixed may be there if it is the same */
        ROW_LEDGER,             /* our own text: head and all fields, nothing is refused for what it says */
} RowSource;

/* Sets one field from a text, as a cell of a table has it (a flag: yes or no): same rules and words as row_read(). -EINVAL: there is no such
 * member. */
int row_set_text(Kind kind, Row *row, const char *member, const char *text, Problem *problem);

/* Fills the row from JSON; on failure it may be filled in part. -EBADMSG with a problem that names the member, -ENOMEM. */
int row_read(Kind kind, Row *row, json_object *o, RowSource source, Problem *problem);
