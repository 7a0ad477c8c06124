/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/access.h"
#include "grading/book.h"
#include "grading/statistics.h"
#include "runtime/request.h"

/* What is shown of a whole class. Whoever may read all of it gets what was rendered once for each change, and is kept within bounds; a
 * student gets what is its own: its row and released assessments. */
typedef struct ClassView ClassView;

#define CLASS_VIEW_BYTES_MAX (32u << 20)        /* of bodies that are kept; the oldest go first */
#define CLASS_VIEW_CELLS_MAX 50000u             /* students times assessments: more would hold up other requests */

typedef enum ClassViewKind {
        CLASS_VIEW_GRID,
        CLASS_VIEW_STATISTICS,                  /* of the students' averages */
        _CLASS_VIEW_KIND_MAX,
} ClassViewKind;

int class_view_new(ClassView **ret, const Book *book);
ClassView *class_view_free(ClassView *v);
DEFINE_CLEANUP(ClassView, class_view_free);

/* For one who may read the class. Borrowed until the next call. -EFBIG: more than CLASS_VIEW_CELLS_MAX; -E2BIG
 * and -ERANGE, with statistics, as averages_compute(); -ENOMEM. */
int class_view_get(ClassView *v, const Access *access, const ClassRow *class, ClassViewKind kind, HttpBody **ret, const char **ret_etag);

/* The same, written anew. Errors as above, and out's. */
int class_view_write(const Book *b, const Access *access, const ClassRow *class, ClassViewKind kind, Buffer *out);

/* Whether it sees all of a class that it may read. */
static inline bool class_view_is_whole(const Access *access) {
        return access_is_unlimited(access) || access->role == ROLE_TEACHER;
}

/* Of an assessment's scores, of those who are enrolled: {"Assessment":7,"Maximum":20,"Statistics":{…}}, or {"Assessment":7,"Withheld":true} for a
 * student where they are too few: nothing is then said of how many. Returns out's error, or -ENOMEM. */
int class_view_write_assessment_statistics(const Book *b, const Access *access, const AssessmentRow *a, Buffer *out);

#define BODY_ETAG_SIZE 36
void body_etag(const Buffer *text, char ret[static BODY_ETAG_SIZE]);    /* of what a body says, in its quotes: the same for the same text */
