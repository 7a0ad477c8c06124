/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/fixed-form.h"

#include <errno.h>

#include "base/text.h"
#include "grading/adopt.h"

static int enrol(Txn *t, uint64_t class_id, uint64_t student_id) {
        EnrolmentRow *e = (EnrolmentRow *) row_new(KIND_ENROLMENT);
        int r;

        if (!e)
                return -ENOMEM;
        e->class_id = class_id;
        e->student_id = student_id;
        r = txn_create(t, KIND_ENROLMENT, &e->row, NULL);
        if (r < 0)
                row_free(KIND_ENROLMENT, &e->row);
        return r;
}

int fixed_form_add_student(Txn *t, StudentRow *row, uint64_t *ret_id) {
        uint64_t class_id = row->default_class_id > 0 ? row->default_class_id : DEFAULT_CLASS_ID;
        int r;

        r = txn_create(t, KIND_STUDENT, &row->row, ret_id);
        if (r < 0)
                return r;
        r = enrol(t, class_id, *ret_id);
        /* The job fails, and the row, which it applied last, stays the caller's. */
        if (r < 0)
                txn_job(t)->n_applied--;
        return r;
}

static int make_assessment(Txn *t, uint64_t class_id, const Grade *grade, uint64_t *ret_id) {
        AssessmentRow *a = (AssessmentRow *) row_new(KIND_ASSESSMENT);
        int r = a ? text_replace(&a->title, grade->title) : -ENOMEM;

        if (r >= 0) {
                a->class_id = class_id;
                a->type = grade->type;
                a->maximum_hundredths = SCORE_MAX_HUNDREDTHS;
                a->weight_hundredths = 100;
                /* Whoever sends a grade in this form says that it counts. */
                a->released = true;
                r = txn_create(t, KIND_ASSESSMENT, &a->row, ret_id);
        }
        if (r < 0)
                row_free(KIND_ASSESSMENT, (Row *) a);
        return r;
}

static int default_class(Txn *t, uint64_t student_id, uint64_t *ret) {
        Row *row;
        int r = txn_get(t, KIND_STUDENT, student_id, &row);

        if (r < 0)
                return r;
        *ret = ((const StudentRow *) row)->default_class_id;
        if (*ret == 0)
                *ret = DEFAULT_CLASS_ID;
        row_free(KIND_STUDENT, row);
        return 0;
}

int fixed_form_add_grade(Txn *t, uint64_t student_id, const Grade *grade, uint64_t id, uint64_t max_grades, uint64_t *ret_id) {
        uint64_t class_id, assessment_id, n;
        GradeRow *g;
        int r;

        r = default_class(t, student_id, &class_id);
        if (r >= 0 && max_grades > 0) {
                r = txn_count_grades(t, student_id, &n);
                if (r >= 0 && n >= max_grades)
                        r = -E2BIG;
        }
        if (r < 0)
                return r;
        r = txn_find_assessment(t, class_id, grade->title, grade->type, SCORE_MAX_HUNDREDTHS, student_id, &assessment_id);
        if (r == -ENOENT)
                r = make_assessment(t, class_id, grade, &assessment_id);
        if (r < 0)
                return r;
        g = (GradeRow *) row_new(KIND_GRADE);
        if (!g)
                return -ENOMEM;
        g->row.id = id;
        g->student_id = student_id;
        g->assessment_id = assessment_id;
        g->state = GRADE_GRADED;
        g->score_hundredths = grade->score_hundredths;
        r = txn_create_sought(t, KIND_GRADE, &g->row, ret_id);
        if (r < 0)
                row_free(KIND_GRADE, &g->row);
        return r;
}
