/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "grading/adopt.h"
#include "grading/change.h"
#include "grading/fixed-form.h"

/* Grades in the fixed form: POST /students/{id}/grades. */

typedef struct AddGrade {
        Change change;
        uint64_t student_id, grade_id;
        uint64_t max;                   /* of the student's grades; 0: there are far less */
        Grade grade;
} AddGrade;

static void add_grade_deinit(Change *c) {
        grade_deinit(&((AddGrade *) c)->grade);
}

static int run_add_grade(StoreJob *job, Txn *t) {
        AddGrade *a = CONTAINER_OF(job, AddGrade, change.job);
        int k = fixed_form_add_grade(t, a->student_id, &a->grade, 0, a->max, &a->grade_id);

        if (k == -E2BIG)
                return problem_set(&job->problem, 409, "The student has %" PRIu64 " grades already, the most there may be "
                                   "(MaxGradesPerStudent=)", a->max);
        if (k == -ENOENT)
                return problem_set(&job->problem, 404, "There is no student with this ID");
        if (k < 0)
                return k;
        job->reply.status = 201;
        if (asprintf(&job->reply.location, "/students/%" PRIu64 "/grades/%" PRIu64, a->student_id, a->grade_id) < 0) {
                job->reply.location = NULL;
                return -ENOMEM;
        }
        return grade_write(&a->grade, &job->reply.body);
}

static void log_grade(Change *c) {
        const AddGrade *a = (const AddGrade *) c;
        const StudentRow *s = book_student(c->grading->book, a->student_id);
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        char score[SCORE_TEXT_SIZE];

        if (!s)
                return;
        score_format(a->grade.score_hundredths, score);
        (void) buffer_printf(&text, "Added grade \"%s\" (%s) %s for %s %s (student %" PRIu64 ")", a->grade.title,
                             grade_type_name(a->grade.type), score, s->first_name, s->last_name, s->row.id);
        change_log(c, EVENT_GRADE_ADDED, a->student_id, a->grade_id, buffer_text(&text));
}

/* Who may see the student may give it grades where it may write in the student's default class. */
static int check_access(AddGrade *a, const StudentRow *s) {
        const Grading *g = a->change.grading;
        AssessmentRow assessment = { .class_id = s->default_class_id > 0 ? s->default_class_id : DEFAULT_CLASS_ID };
        int k = access_check(&a->change.access, g->book, ACCESS_READ, KIND_STUDENT, &s->row);

        if (k < 0)
                return k;
        return access_may(&a->change.access, g->book, ACCESS_CREATE, KIND_ASSESSMENT, &assessment.row) ? 0 : -EACCES;
}

void post_grade(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        uint64_t max = grading_limits(g)->grades_max;
        AddGrade *a = change_begin(g, r, sizeof(*a));
        const StudentRow *s = NULL;
        int k = -ENOENT;

        if (!a)
                return;
        a->change.deinit = add_grade_deinit;
        a->change.log = log_grade;
        a->change.job.run = run_add_grade;
        if (request_param_uint64(r, "id", &a->student_id) == 0)
                s = book_student(g->book, a->student_id);
        if (s)
                k = check_access(a, s);
        if (k == -ENOENT)
                k = problem_set(&problem, 404, "There is no student with this ID");
        else if (k >= 0 && !a->change.body)
                k = problem_set(&problem, 400, "The body is empty where JSON is expected");
        else if (k >= 0)
                k = grade_from_json(a->change.body, &a->grade, &problem);
        /* Counted in the transaction, where no other can come in between; but not where it cannot matter. */
        if (s && s->grades.n + store_pending(g->store) >= max)
                a->max = max;
        change_submit(&a->change, k, &problem);
}
