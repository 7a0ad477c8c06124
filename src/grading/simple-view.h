/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/access.h"
#include "grading/book.h"
#include "runtime/request.h"

/* Students and grades in the fixed forms: what has a score, as hundredths of the assessment's maximum. What those who may see everything
 * get is rendered once for each change, and kept within bounds. */
typedef struct SimpleView SimpleView;

#define SIMPLE_VIEW_BYTES_MAX (64u << 20)       /* of the students' bodies that are kept; the oldest go first */

int simple_view_new(SimpleView **ret, const Book *book);
SimpleView *simple_view_free(SimpleView *v);
DEFINE_CLEANUP(SimpleView, simple_view_free);

/* Borrowed until the next call. The ETag begins with the student's version, "v3.…": see change.h. -ENOMEM. */
int simple_view_student(SimpleView *v, const Access *access, const StudentRow *s, HttpBody **ret, const char **ret_etag);

/* What a request prefers (RFC 7240) that wants students without their grades. */
#define SIMPLE_VIEW_MINIMAL "return=minimal"

/* All that it may see, by id; after and limit make pages: ids greater than after, limit 0: no limit. class_id 0: of all classes. minimal: each
 * as in wire/student-summary.h, which is a hundredth of the grades of a whole school. */
typedef struct SimpleListQuery {
        uint64_t after, class_id;
        size_t limit;
        bool minimal;
} SimpleListQuery;
int simple_view_list(SimpleView *v, const Access *access, const SimpleListQuery *q, HttpBody **ret, const char **ret_etag);

/* One grade, {"Title":…,"Type":…,"Score":…}; -ENOENT where it has no score. */
int simple_view_write_grade(const GradeRow *g, Buffer *out);
