/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/classes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "grading/resource.h"
#include "wire/log-line.h"

/* Assessments and the rows of grades. */

void get_assessments_of_class(Request *r, void *service) {
        const ClassRow *c;
        Access access;

        if (!access_begin(service, r, &access))
                return;
        c = (const ClassRow *) resource_find(service, r, &access, KIND_CLASS);
        if (c)
                resource_list_for(service, r, &access, &(ResourceList) { .kind = KIND_ASSESSMENT, .rows = &c->assessments });
}

static int prepare_assessment(const Grading *g, const Request *r, Row *row, Problem *problem) {
        uint64_t *class_id = &((AssessmentRow *) row)->class_id;
        const ClassRow *c = request_param_uint64(r, "id", class_id) < 0 ? NULL : book_class(g->book, *class_id);

        return c ? 0 : -ENOENT;
}

void post_assessment(Request *r, void *service) {
        resource_post(service, r, KIND_ASSESSMENT, prepare_assessment);
}

void get_assessment(Request *r, void *service) {
        resource_get(service, r, KIND_ASSESSMENT);
}

void patch_assessment(Request *r, void *service) {
        resource_patch(service, r, KIND_ASSESSMENT);
}

void delete_assessment(Request *r, void *service) {
        resource_delete(service, r, KIND_ASSESSMENT);
}

void get_grade(Request *r, void *service) {
        resource_get(service, r, KIND_GRADE);
}

void patch_grade(Request *r, void *service) {
        resource_patch(service, r, KIND_GRADE);
}

void delete_grade(Request *r, void *service) {
        resource_delete(service, r, KIND_GRADE);
}

/* The row, and of its assessment what a reader needs to make sense of it. */
static int write_grade_of_student(const Row *row, Buffer *out) {
        const AssessmentRow *a = ((const GradeRow *) row)->assessment;
        char maximum[SCORE_TEXT_SIZE];

        (void) row_write(KIND_GRADE, row, out);
        if (out->error < 0)
                return out->error;
        /* Over the brace that ends it. */
        out->data[out->size - 1] = ',';
        (void) buffer_puts(out, "\"Title\":");
        log_line_write_text(out, a->title, strlen(a->title));
        score_format(a->maximum_hundredths, maximum);
        return buffer_printf(out, ",\"Type\":\"%s\",\"Maximum\":%s,\"Class\":%" PRIu64 "}", grade_type_name((GradeType) a->type), maximum, a->class_id);
}

void get_grades_of_student(Request *r, void *service) {
        const StudentRow *s;
        Access access;

        if (!access_begin(service, r, &access))
                return;
        s = (const StudentRow *) resource_find(service, r, &access, KIND_STUDENT);
        if (s)
                resource_list_for(service, r, &access,
                                  &(ResourceList) { .kind = KIND_GRADE, .rows = &s->grades, .write = write_grade_of_student });
}
