/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "base/text.h"
#include "grading/change.h"
#include "grading/fixed-form.h"
#include "grading/ledger.h"
#include "grading/resource.h"
#include "wire/json.h"

#define NO_SUCH_STUDENT "There is no student with this ID"

static void reply_rendered(Request *r, int result, HttpBody *body, const char *etag, const char *what) {
        /* 304 goes out with the headers of 200, and without its body. */
        if (result < 0)
                request_fail_errno(r, result, what);
        else
                request_reply_body(r, etag_is_known(r, etag) ? 304 : 200, body);
}

/* One of the preferences of a list (RFC 7240, section 2). A header, so that a service that does not know it answers as ever. */
static bool prefers_minimal(const Request *r) {
        for (const char *s = request_header(r, "Prefer"); s && *s;) {
                size_t blank = strspn(s, " \t,"), size = strcspn(s += blank, " \t,;");

                if (size == strlen(SIMPLE_VIEW_MINIMAL) && strncasecmp(s, SIMPLE_VIEW_MINIMAL, size) == 0)
                        return true;
                s += size;
                s += strcspn(s, ",");
        }
        return false;
}

static int parse_query(Request *r, SimpleListQuery *q, Problem *problem) {
        const char *after = request_query(r, "after"), *limit = request_query(r, "limit"), *class = request_query(r, "class");
        uint64_t n = 0;

        if (after && (parse_uint64(after, &q->after) < 0 || q->after > ROW_ID_MAX))
                return problem_set(problem, 400, "Parameter 'after' must be a student's ID");
        if (class && (parse_uint64(class, &q->class_id) < 0 || q->class_id == 0 || q->class_id > ROW_ID_MAX))
                return problem_set(problem, 400, "Parameter 'class' must be a class's ID");
        if (limit && (parse_uint64(limit, &n) < 0 || n == 0))
                return problem_set(problem, 400, "Parameter 'limit' must be a number from 1");
        q->limit = (size_t) n;
        return 0;
}

void get_students(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        SimpleListQuery q = {};
        HttpBody *body = NULL;
        const char *etag = NULL;
        Access access;
        int k;

        if (!access_begin(g, r, &access))
                return;
        if (*request_query_string(r) && parse_query(r, &q, &problem) < 0) {
                request_reply_problem(r, &problem);
                return;
        }
        q.minimal = prefers_minimal(r);
        k = simple_view_list(g->simple_view, &access, &q, &body, &etag);
        reply_rendered(r, k, body, etag, "listing the students");
}

static const StudentRow *find_student(const Grading *g, const Access *access, const Request *r) {
        const StudentRow *s = NULL;
        uint64_t id;

        if (request_param_uint64(r, "id", &id) == 0)
                s = book_student(g->book, id);
        return s && access_may(access, g->book, ACCESS_READ, KIND_STUDENT, &s->row) ? s : NULL;
}

void get_student(Request *r, void *service) {
        Grading *g = service;
        HttpBody *body = NULL;
        const char *etag = NULL;
        const StudentRow *s;
        Access access;
        int k;

        if (*request_query_string(r) && request_query(r, "at")) {
                get_student_as_of(g, r);
                return;
        }
        if (!access_begin(g, r, &access))
                return;
        s = find_student(g, &access, r);
        if (!s) {
                request_fail(r, 404, NO_SUCH_STUDENT);
                return;
        }
        k = simple_view_student(g->simple_view, &access, s, &body, &etag);
        reply_rendered(r, k, body, etag, "reading a student");
}

void get_grade_of_student(Request *r, void *service) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Grading *g = service;
        const GradeRow *grade = NULL;
        const StudentRow *s;
        uint64_t grade_id;
        Access access;
        int k = -ENOENT;

        if (!access_begin(g, r, &access))
                return;
        s = find_student(g, &access, r);
        if (s && request_param_uint64(r, "grade", &grade_id) == 0)
                grade = book_grade(g->book, grade_id);
        if (grade && grade->student_id == s->row.id && access_may(&access, g->book, ACCESS_READ, KIND_GRADE, &grade->row))
                k = simple_view_write_grade(grade, &text);
        if (k == -ENOENT)
                request_fail(r, 404, "There is no such grade");
        else if (k < 0)
                request_fail_errno(r, k, "reading a grade");
        else
                resource_reply(r, &text, "reading a grade");
}

typedef struct AddStudent {
        Change change;
        StudentRow *student;
        bool counted;                   /* in students_underway */
        bool known;                     /* it was there already, with this name */
} AddStudent;

static void add_student_deinit(Change *c) {
        AddStudent *a = (AddStudent *) c;

        row_free(KIND_STUDENT, (Row *) a->student);
        c->grading->students_underway -= a->counted;
}

static int reply_student(Change *c, const StudentRow *s) {
        Student student = { .id = s->row.id, .first_name = s->first_name, .last_name = s->last_name };

        c->job.reply.status = 201;
        if (asprintf(&c->job.reply.location, "/students/%" PRIu64, s->row.id) < 0) {
                c->job.reply.location = NULL;
                return -ENOMEM;
        }
        return student_write(&student, &c->job.reply.body);
}

/* The ID is taken: by the same student, who was sent twice, or by somebody else. */
static int meet_known_student(AddStudent *a, Txn *t, const StudentRow *known) {
        Change *c = &a->change;

        if (strcmp(known->first_name, a->student->first_name) != 0 || strcmp(known->last_name, a->student->last_name) != 0)
                return problem_set(&c->job.problem, 409, "Member 'ID': student %" PRIu64 " has another name", known->row.id);
        a->known = true;
        c->job.reply.status = 200;
        return 0;
}

static int run_add_student(StoreJob *job, Txn *t) {
        AddStudent *a = CONTAINER_OF(job, AddStudent, change.job);
        uint64_t id = a->student->row.id;
        Row *known = NULL;
        int k = id > 0 ? txn_get(t, KIND_STUDENT, id, &known) : -ENOENT;

        if (k >= 0) {
                k = meet_known_student(a, t, (const StudentRow *) known);
                row_free(KIND_STUDENT, known);
                return k;
        }
        if (k != -ENOENT)
                return k;
        k = fixed_form_add_student(t, a->student, &id);
        if (k == -ENOENT)
                return resource_refuse_dangling(t, KIND_STUDENT, &a->student->row, &job->problem);
        if (k < 0)
                return k;
        k = reply_student(&a->change, a->student);
        /* The book has it now. */
        a->student = NULL;
        return k;
}

static void log_student(Change *c) {
        const StoreApplied *first = c->job.applied;
        const StudentRow *s = c->job.n_applied > 0 ? book_student(c->grading->book, first->id) : NULL;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        if (!s)
                return;
        (void) buffer_printf(&text, "Added %s %s (student %" PRIu64 ")", s->first_name, s->last_name, s->row.id);
        change_log(c, EVENT_STUDENT_ADDED, s->row.id, 0, buffer_text(&text));
}

/* Who was there already is shown with its grades, as it is now: also to whom it was shown before, with the same key. */
static void answer_student(Change *c) {
        const AddStudent *a = (const AddStudent *) c;
        bool known = a->known || (c->job.repeated && c->job.reply.status == 200);
        const StudentRow *s = known ? book_student(c->grading->book, a->student->row.id) : NULL;
        HttpBody *body = NULL;
        const char *etag;
        int k;

        if (!s) {
                change_answer(c);
                return;
        }
        k = simple_view_student(c->grading->simple_view, &c->access, s, &body, &etag);
        if (k < 0) {
                request_fail_errno(c->request, k, "answering");
                return;
        }
        if (c->job.repeated)
                request_set_header(c->request, "Idempotency-Replayed", "true");
        request_reply_body(c->request, 200, body);
}

static int parse_student(AddStudent *a, Problem *problem) {
        json_object *o = a->change.body, *grades, *id;
        int k;

        if (!o)
                return problem_set(problem, 400, "The body is empty where JSON is expected");
        a->student = (StudentRow *) row_new(KIND_STUDENT);
        if (!a->student)
                return -ENOMEM;
        k = row_read(KIND_STUDENT, &a->student->row, o, ROW_CREATE, problem);
        if (k >= 0 && json_object_object_get_ex(o, "ID", &id) && id)
                k = json_get_uint64(o, "ID", 1, STUDENT_ID_MAX, &a->student->row.id, problem);
        /* Not to be dropped without a word, and each is a change of its own. */
        if (k >= 0)
                k = json_get_array(o, "Grades", GRADES_MAX, &grades, problem);
        if (k >= 0 && grades && json_object_array_length(grades) > 0)
                k = problem_set(problem, 400, "Member 'Grades' must be empty: add each grade at /students/{id}/grades");
        return k;
}

void post_student(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        uint64_t max = grading_limits(g)->students_max;
        AddStudent *a = change_begin(g, r, sizeof(*a));
        int k;

        if (!a)
                return;
        a->change.deinit = add_student_deinit;
        a->change.log = log_student;
        a->change.answer = answer_student;
        a->change.job.run = run_add_student;
        k = parse_student(a, &problem);
        if (k >= 0)
                k = access_check(&a->change.access, g->book, ACCESS_CREATE, KIND_STUDENT, &a->student->row);
        if (k >= 0 && !book_student(g->book, a->student->row.id) && book_count(g->book, KIND_STUDENT) + g->students_underway >= max)
                k = problem_set(&problem, 409, "There are %" PRIu64 " students already, the most there may be (MaxStudents=)", max);
        a->counted = k >= 0;
        g->students_underway += a->counted;
        change_submit(&a->change, k, &problem);
}

void patch_student(Request *r, void *service) {
        resource_patch(service, r, KIND_STUDENT);
}

void delete_student(Request *r, void *service) {
        resource_delete(service, r, KIND_STUDENT);
}
