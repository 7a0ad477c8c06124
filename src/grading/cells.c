/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "grading/classes.h"
#include "grading/resource.h"

/* A cell of the grid: the grade of one student in one assessment, which is named by these two whether it is there or not. */

typedef struct PutCell {
        Change change;
        uint64_t student_id, assessment_id, class_id;
        uint64_t max;                   /* of the student's grades; 0: there are far less */
        bool must_be_new;               /* If-None-Match: * */
        bool must_be_there;             /* If-Match: * */
} PutCell;

/* The student's own id is all that is said of one who is not there. */
static const AssessmentRow *find_cell(const Grading *g, const Request *r, uint64_t *ret_student_id) {
        uint64_t id;

        if (request_param_uint64(r, "id", &id) < 0 || request_param_uint64(r, "student", ret_student_id) < 0 || *ret_student_id == 0)
                return NULL;
        return book_assessment(g->book, id);
}

void get_cell(Request *r, void *service) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        const GradeRow *grade = NULL;
        const StudentRow *s = NULL;
        const AssessmentRow *a;
        Grading *g = service;
        char etag[ROW_ETAG_SIZE];
        uint64_t student_id;
        Access access;

        if (!access_begin(g, r, &access))
                return;
        a = find_cell(g, r, &student_id);
        if (a)
                s = book_student(g->book, student_id);
        if (s)
                grade = book_grade_of(g->book, s, a);
        if (!grade || !access_may(&access, g->book, ACCESS_READ, KIND_GRADE, &grade->row)) {
                request_fail(r, 404, "There is no grade of this student in this assessment");
                return;
        }
        row_etag(&grade->row, etag);
        request_set_header(r, "ETag", etag);
        if (etag_is_known(r, etag))
                request_reply_empty(r, 304);
        else if (row_write(KIND_GRADE, &grade->row, &text) < 0)
                request_fail_errno(r, text.error, "reading a grade");
        else
                request_reply(r, 200, "application/json", text.data, text.size);
}

/* Who saw a grade that has gone, or wants one that is there, saw something else than there is. */
static int refuse_gone(PutCell *p) {
        Problem *problem = &p->change.job.problem;
        int k = problem_set(problem, 409, "There is no grade of this student in this assessment any more, and yours was not stored");

        if (p->change.attempted)
                problem_add(problem, "Yours", json_tokener_parse(p->change.attempted));
        return k;
}

static int check_enrolled(PutCell *p, Txn *t) {
        Row *enrolment = NULL;
        int k = txn_find_enrolment(t, p->class_id, p->student_id, &enrolment);

        row_free(KIND_ENROLMENT, enrolment);
        return k != -ENOENT ? k : problem_set(&p->change.job.problem, 400, "Parameter 'student': student %" PRIu64 " is not enrolled in class %" PRIu64,
                                              p->student_id, p->class_id);
}

static int check_count(PutCell *p, Txn *t) {
        uint64_t n;
        int k = p->max > 0 ? txn_count_grades(t, p->student_id, &n) : 0;

        return k < 0 || p->max == 0 || n < p->max ? k :
               problem_set(&p->change.job.problem, 409, "The student has %" PRIu64 " grades already, the most there may be (MaxGradesPerStudent=)", p->max);
}

/* What the request says is the whole result, but for a comment that it does not speak of: that stays. */
static int read_cell(PutCell *p, const GradeRow *old, GradeRow **ret) {
        json_object *body = p->change.body;
        GradeRow *g = (GradeRow *) row_new(KIND_GRADE);
        int k = g ? 0 : -ENOMEM;

        if (g) {
                g->student_id = p->student_id;
                g->assessment_id = p->assessment_id;
                k = row_read(KIND_GRADE, &g->row, body, ROW_CREATE, &p->change.job.problem);
        }
        if (k >= 0 && old && !json_object_object_get_ex(body, "Comment", NULL))
                k = text_replace(&g->comment, old->comment);
        if (k < 0) {
                row_free(KIND_GRADE, (Row *) g);
                return k;
        }
        *ret = g;
        return 0;
}

static int make_cell(PutCell *p, Txn *t) {
        GradeRow *g;
        int k;

        if (p->change.version > 0 || p->must_be_there)
                return refuse_gone(p);
        k = check_count(p, t);
        if (k >= 0)
                k = read_cell(p, NULL, &g);
        if (k < 0)
                return k;
        k = txn_create(t, KIND_GRADE, &g->row, NULL);
        if (k < 0) {
                row_free(KIND_GRADE, &g->row);
                return k;
        }
        return change_reply_row(&p->change, 201, KIND_GRADE, &g->row);
}

static int change_cell(PutCell *p, Txn *t, const GradeRow *old) {
        GradeRow *g;
        int k;

        /* No version is 0: whoever wants to make the first one gets the one that there is. */
        k = p->must_be_new ? txn_expect_version(t, KIND_GRADE, &old->row, 0, p->change.attempted) : change_expect(&p->change, t, KIND_GRADE, &old->row);
        if (k >= 0)
                k = read_cell(p, old, &g);
        if (k < 0)
                return k;
        if (row_equal(KIND_GRADE, &old->row, &g->row)) {
                row_free(KIND_GRADE, &g->row);
                return change_reply_row(&p->change, 200, KIND_GRADE, &old->row);
        }
        k = txn_update(t, KIND_GRADE, &old->row, &g->row);
        if (k < 0) {
                row_free(KIND_GRADE, &g->row);
                return k;
        }
        return change_reply_row(&p->change, 200, KIND_GRADE, &g->row);
}

static int run_put_cell(StoreJob *job, Txn *t) {
        PutCell *p = CONTAINER_OF(job, PutCell, change.job);
        Row *old = NULL;
        int k;

        k = check_enrolled(p, t);
        if (k < 0)
                return k;
        k = txn_find_grade(t, p->student_id, p->assessment_id, &old);
        if (k == -ENOENT)
                return make_cell(p, t);
        if (k < 0)
                return k;
        k = change_cell(p, t, (const GradeRow *) old);
        row_free(KIND_GRADE, old);
        return k;
}

static int read_conditions(PutCell *p, const Request *r, Problem *problem) {
        const char *match = request_header(r, "If-Match"), *none = request_header(r, "If-None-Match");

        if (none && strcmp(none, "*") != 0)
                return problem_set(problem, 400, "Header 'If-None-Match' must be * with a change");
        p->must_be_new = none;
        p->must_be_there = match && strcmp(match, "*") == 0;
        return 0;
}

static int check_access(const PutCell *p) {
        const Grading *g = p->change.grading;
        GradeRow grade = { .student_id = p->student_id, .assessment_id = p->assessment_id };
        const Row *assessment = book_find(g->book, KIND_ASSESSMENT, p->assessment_id);
        int k = access_check(&p->change.access, g->book, ACCESS_CHANGE, KIND_GRADE, &grade.row);

        return k == -ENOENT && access_may(&p->change.access, g->book, ACCESS_READ, KIND_ASSESSMENT, assessment) ? -EACCES : k;
}

void put_cell(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        uint64_t max = grading_limits(g)->grades_max;
        PutCell *p = change_begin(g, r, sizeof(*p));
        const AssessmentRow *a;
        const StudentRow *s;
        int k = -ENOENT;

        if (!p)
                return;
        p->change.job.run = run_put_cell;
        a = find_cell(g, r, &p->student_id);
        if (a) {
                p->assessment_id = a->row.id;
                p->class_id = a->class_id;
                k = check_access(p);
        }
        if (k >= 0 && !p->change.body)
                k = problem_set(&problem, 400, "The body is empty where JSON is expected");
        if (k >= 0)
                k = read_conditions(p, r, &problem);
        s = k >= 0 ? book_student(g->book, p->student_id) : NULL;
        /* Counted in the transaction, where no other can come in between; but not where it cannot matter. */
        if (s && s->grades.n + store_pending(g->store) >= max)
                p->max = max;
        change_submit(&p->change, k, &problem);
}
