/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/class-sheet.h"

#include <errno.h>
#include <string.h>

#include "wire/json.h"
#include "wire/log-line.h"

_Static_assert((int) GRADE_GRADED == (int) AVERAGE_GRADED && (int) GRADE_BLANK == (int) AVERAGE_BLANK &&
               (int) GRADE_MISSING == (int) AVERAGE_MISSING && (int) GRADE_EXCUSED == (int) AVERAGE_EXCUSED &&
               (int) GRADE_LATE == (int) AVERAGE_LATE && (int) GRADE_ABSENT == (int) AVERAGE_ABSENT &&
               (int) _GRADE_STATE_MAX == (int) _AVERAGE_STATE_MAX, "a state is the same number in both");

void class_sheet_deinit(ClassSheet *s) {
        free(s->assessments);
        free(s->students);
        free(s->cells);
        free(s->items);
        policy_deinit(&s->policy);
        *s = CLASS_SHEET_NULL;
}

static int compare_ids(const void *a, const void *b) {
        const StudentRow *x = *(const StudentRow *const *) a, *y = *(const StudentRow *const *) b;

        return (x->row.id > y->row.id) - (x->row.id < y->row.id);
}

static int compare_names(const void *a, const void *b) {
        const StudentRow *x = *(const StudentRow *const *) a, *y = *(const StudentRow *const *) b;
        int r = strcmp(x->last_name, y->last_name);

        if (r == 0)
                r = strcmp(x->first_name, y->first_name);
        return r != 0 ? r : compare_ids(a, b);
}

static int read_policy(ClassSheet *s) {
        _cleanup_(json_unrefp) json_object *o = NULL;

        if (!s->class->policy)
                return 0; /* POLICY_NULL */
        o = json_tokener_parse(s->class->policy);
        return o ? policy_from_json(o, &s->policy, NULL) : -ENOMEM;
}

static int add_assessments(ClassSheet *s, bool released_only) {
        const RowList *all = &s->class->assessments;

        s->assessments = calloc(all->n > 0 ? all->n : 1, sizeof(const AssessmentRow *));
        s->items = calloc(all->n > 0 ? all->n : 1, sizeof(AverageItem));
        if (!s->assessments || !s->items)
                return -ENOMEM;
        for (size_t i = 0; i < all->n; i++) {
                const AssessmentRow *a = (const AssessmentRow *) all->rows[i];

                if (released_only && !a->released)
                        continue;
                s->items[s->n_assessments] = (AverageItem) {
                        .assessment_id = a->row.id,
                        .title = a->title,
                        .type = (GradeType) a->type,
                        .maximum_hundredths = a->maximum_hundredths,
                        .weight_hundredths = a->weight_hundredths,
                        .extra_credit = a->extra_credit,
                };
                s->assessments[s->n_assessments++] = a;
        }
        return 0;
}

static int add_students(ClassSheet *s, const Book *b, const ClassSheetScope *scope) {
        const RowList *enrolments = &s->class->enrolments;

        s->students = calloc(enrolments->n > 0 ? enrolments->n : 1, sizeof(const StudentRow *));
        if (!s->students)
                return -ENOMEM;
        if (scope->student_id > 0) {
                const EnrolmentRow *e = book_enrolment_of(b, s->class, scope->student_id);

                if (e)
                        s->students[s->n_students++] = book_student(b, e->student_id);
                return 0;
        }
        for (size_t i = 0; i < enrolments->n; i++) {
                uint64_t id = ((const EnrolmentRow *) enrolments->rows[i])->student_id;

                if (scope->limit == 0 || id > scope->after)
                        s->students[s->n_students++] = book_student(b, id);
        }
        qsort(s->students, s->n_students, sizeof(const StudentRow *), scope->limit > 0 ? compare_ids : compare_names);
        s->more = scope->limit > 0 && s->n_students > scope->limit;
        if (s->more)
                s->n_students = scope->limit;
        return 0;
}

/* Where an assessment stands, by its id; n_assessments: it does not. */
static size_t find_column(const ClassSheet *s, uint64_t id) {
        size_t low = 0, high = s->n_assessments;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (s->assessments[middle]->row.id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < s->n_assessments && s->assessments[low]->row.id == id ? low : s->n_assessments;
}

/* Of each student's grades those that belong here: what they are in total is bounded by what one student may have. */
static int add_cells(ClassSheet *s) {
        size_t n = s->n_students * s->n_assessments;

        s->cells = calloc(n > 0 ? n : 1, sizeof(const GradeRow *));
        if (!s->cells)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_students; i++) {
                const RowList *grades = &s->students[i]->grades;

                for (size_t k = 0; k < grades->n; k++) {
                        const GradeRow *g = (const GradeRow *) grades->rows[k];
                        size_t column = find_column(s, g->assessment_id);

                        if (column < s->n_assessments)
                                s->cells[i * s->n_assessments + column] = g;
                }
        }
        return 0;
}

int class_sheet_make(const Book *b, const ClassRow *class, const ClassSheetScope *scope, ClassSheet *ret) {
        _cleanup_(class_sheet_deinit) ClassSheet s = { .class = class };
        int r;

        r = read_policy(&s);
        if (r >= 0)
                r = add_assessments(&s, scope->released_only);
        if (r >= 0)
                r = add_students(&s, b, scope);
        if (r >= 0)
                r = add_cells(&s);
        if (r < 0)
                return r;
        *ret = s;
        s = CLASS_SHEET_NULL;
        return 0;
}

const AverageItem *class_sheet_items(ClassSheet *s, size_t student) {
        for (size_t i = 0; i < s->n_assessments; i++) {
                const GradeRow *g = class_sheet_cell(s, student, i);

                s->items[i].state = g ? (AverageState) g->state : AVERAGE_BLANK;
                s->items[i].score_hundredths = g ? g->score_hundredths : 0;
        }
        return s->items;
}

int class_sheet_averages(ClassSheet *s, size_t student, Averages *ret) {
        return averages_compute(&s->policy, class_sheet_items(s, student), s->n_assessments, ret);
}

static void write_average(const ClassSheet *s, const char *member, int result, const Average *a, Buffer *out) {
        char number[SCORE_TEXT_SIZE];

        (void) buffer_printf(out, ",\"%s\":{\"Average\":", member);
        if (result >= 0 && a->defined)
                score_format(a->hundredths, number);
        (void) buffer_puts(out, result >= 0 && a->defined ? number : "null");
        (void) buffer_puts(out, ",\"Letter\":");
        if (result >= 0 && a->defined && a->letter >= 0)
                log_line_write_text(out, s->policy.scale[a->letter].letter, strlen(s->policy.scale[a->letter].letter));
        else
                (void) buffer_puts(out, "null");
        if (result == -E2BIG)
                (void) buffer_printf(out, ",\"Problem\":\"The class has more than %d assessments: there are no averages of so many\"", AVERAGE_ITEMS_MAX);
        else if (result < 0)
                (void) buffer_puts(out, ",\"Problem\":\"The weights make the average larger than any that can be shown\"");
        (void) buffer_puts(out, "}");
}

int class_sheet_write_averages(const ClassSheet *s, int result, const Averages *a, Buffer *out) {
        write_average(s, "SoFar", result, &a->so_far, out);
        write_average(s, "BlanksAsZero", result, &a->blanks_as_zero, out);
        return out->error;
}
