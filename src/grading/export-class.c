/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grading/exports.h"
#include "grading/import-layout.h"
#include "wire/csv.h"

/* A class as a table, in the layouts that an import takes. Only who is enrolled is in it: importing it again would enrol the others. */

#define FIXED_COLUMNS 3
#define GRID_ASSESSMENTS_MAX (CSV_COLUMNS_MAX - FIXED_COLUMNS)
#define NUMBER_SIZE 24

typedef struct List {
        Row **rows;
        size_t n, allocated;
} List;

typedef struct Table {
        List students, assessments, grades;
        unsigned *numbers;              /* of each assessment */
        Txn *t;
        Spool *out;
        CsvWriter writer;
} Table;

static void list_deinit(Kind kind, List *l) {
        for (size_t i = 0; i < l->n; i++)
                row_free(kind, l->rows[i]);
        free(l->rows);
}

static void table_deinit(Table *t) {
        list_deinit(KIND_STUDENT, &t->students);
        list_deinit(KIND_ASSESSMENT, &t->assessments);
        list_deinit(KIND_GRADE, &t->grades);
        free(t->numbers);
}

/* Takes the row on success. */
static int add(List *l, Row *row) {
        if (l->n == l->allocated) {
                size_t allocated = l->allocated ? 2 * l->allocated : 64;
                Row **rows = reallocarray(l->rows, allocated, sizeof(*rows));

                if (!rows)
                        return -ENOMEM;
                l->rows = rows;
                l->allocated = allocated;
        }
        l->rows[l->n++] = row;
        return 0;
}

static int take_enrolment(Row *row, void *userdata) {
        uint64_t id = ((EnrolmentRow *) row)->student_id;
        Table *t = userdata;
        Row *student;
        int r;

        row_free(KIND_ENROLMENT, row);
        r = txn_get(t->t, KIND_STUDENT, id, &student);
        if (r < 0)
                return r;
        r = add(&t->students, student);
        if (r < 0)
                row_free(KIND_STUDENT, student);
        return r;
}

static int take_assessment(Row *row, void *userdata) {
        int r = add(&((Table *) userdata)->assessments, row);

        if (r < 0)
                row_free(KIND_ASSESSMENT, row);
        return r;
}

static int take_grade(Row *row, void *userdata) {
        int r = add(&((Table *) userdata)->grades, row);

        if (r < 0)
                row_free(KIND_GRADE, row);
        return r;
}

static int compare_students(const void *a, const void *b) {
        const StudentRow *x = *(StudentRow *const *) a, *y = *(StudentRow *const *) b;
        int order = strcmp(x->last_name, y->last_name);

        if (order == 0)
                order = strcmp(x->first_name, y->first_name);
        return order != 0 ? order : x->row.id < y->row.id ? -1 : x->row.id > y->row.id;
}

static int compare_grades(const void *a, const void *b) {
        const GradeRow *x = *(GradeRow *const *) a, *y = *(GradeRow *const *) b;

        if (x->student_id != y->student_id)
                return x->student_id < y->student_id ? -1 : 1;
        return x->assessment_id < y->assessment_id ? -1 : x->assessment_id > y->assessment_id;
}

static bool same_name(const AssessmentRow *a, const AssessmentRow *b) {
        return a->type == b->type && a->maximum_hundredths == b->maximum_hundredths && strcmp(a->title, b->title) == 0;
}

/* Which one each is among those of its name: from the last of them before it. */
static int number_assessments(Table *t) {
        t->numbers = calloc(t->assessments.n + 1, sizeof(*t->numbers));
        if (!t->numbers)
                return -ENOMEM;
        for (size_t i = 0; i < t->assessments.n; i++) {
                t->numbers[i] = 1;
                for (size_t k = i; k-- > 0;)
                        if (same_name((const AssessmentRow *) t->assessments.rows[i], (const AssessmentRow *) t->assessments.rows[k])) {
                                t->numbers[i] = t->numbers[k] + 1;
                                break;
                        }
        }
        return 0;
}

static int load(Table *t, uint64_t class_id) {
        int r;

        r = txn_each(t->t, KIND_ENROLMENT, TXN_OF_CLASS, class_id, take_enrolment, t);
        if (r >= 0)
                r = txn_each(t->t, KIND_ASSESSMENT, TXN_OF_CLASS, class_id, take_assessment, t);
        if (r >= 0)
                r = txn_each(t->t, KIND_GRADE, TXN_OF_CLASS, class_id, take_grade, t);
        if (r >= 0)
                r = number_assessments(t);
        if (r < 0)
                return r;
        if (t->students.n > 0)
                qsort(t->students.rows, t->students.n, sizeof(Row *), compare_students);
        if (t->grades.n > 0)
                qsort(t->grades.rows, t->grades.n, sizeof(Row *), compare_grades);
        return 0;
}

/* A student's grades, by assessment, and how many. */
static GradeRow **grades_of(const Table *t, uint64_t student_id, size_t *ret_n) {
        size_t low = 0, high = t->grades.n, end;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (((const GradeRow *) t->grades.rows[middle])->student_id < student_id)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (end = low; end < t->grades.n && ((const GradeRow *) t->grades.rows[end])->student_id == student_id; end++)
                ;
        *ret_n = end - low;
        return (GradeRow **) t->grades.rows + low;
}

static void write_id(CsvWriter *w, uint64_t id) {
        char text[NUMBER_SIZE];

        (void) snprintf(text, sizeof(text), "%" PRIu64, id);
        csv_write_number(w, text);
}

static void write_hundredths(CsvWriter *w, uint32_t hundredths) {
        char text[SCORE_TEXT_SIZE];

        score_format(hundredths, text);
        csv_write_number(w, text);
}

static int end_row(Table *t) {
        int r = csv_write_row_end(&t->writer);

        return r < 0 ? r : spool_yield(t->out);
}

/* ---- grid ---- */

static int write_grid_header(Table *t) {
        csv_write_text(&t->writer, import_columns[IMPORT_ID]);
        csv_write_text(&t->writer, import_columns[IMPORT_LAST_NAME]);
        csv_write_text(&t->writer, import_columns[IMPORT_FIRST_NAME]);
        for (size_t i = 0; i < t->assessments.n; i++) {
                const AssessmentRow *a = (const AssessmentRow *) t->assessments.rows[i];
                _cleanup_(buffer_deinit) Buffer name = BUFFER_NULL;
                int r = import_name_write(a->title, a->type, a->maximum_hundredths, t->numbers[i], &name);

                if (r < 0)
                        return r;
                csv_write_text(&t->writer, buffer_text(&name));
        }
        return end_row(t);
}

static int write_grid_row(Table *t, const StudentRow *s) {
        size_t n, at = 0;
        GradeRow **grades = grades_of(t, s->row.id, &n);

        write_id(&t->writer, s->row.id);
        csv_write_text(&t->writer, s->last_name);
        csv_write_text(&t->writer, s->first_name);
        for (size_t i = 0; i < t->assessments.n; i++) {
                char text[2 * SCORE_TEXT_SIZE] = "";

                if (at < n && grades[at]->assessment_id == t->assessments.rows[i]->id) {
                        import_result_write(grades[at]->state, grades[at]->score_hundredths, text);
                        at++;
                }
                csv_write_text(&t->writer, text);
        }
        return end_row(t);
}

static int write_grid(Table *t, StoreJob *job) {
        int r;

        if (t->assessments.n > GRID_ASSESSMENTS_MAX)
                return problem_set(&job->problem, 409, "The class has %zu assessments, and a grid at most %d: ask for ?layout=long", t->assessments.n,
                                   GRID_ASSESSMENTS_MAX);
        r = write_grid_header(t);
        for (size_t i = 0; r >= 0 && i < t->students.n; i++)
                r = write_grid_row(t, (const StudentRow *) t->students.rows[i]);
        return r;
}

/* ---- long ---- */

static void write_student(Table *t, const StudentRow *s) {
        write_id(&t->writer, s->row.id);
        csv_write_text(&t->writer, s->first_name);
        csv_write_text(&t->writer, s->last_name);
}

static void write_empty(Table *t, size_t n) {
        while (n-- > 0)
                csv_write_text(&t->writer, NULL);
}

/* Maximum and Number only where they are not what is taken for granted. */
static void write_name(Table *t, size_t i) {
        const AssessmentRow *a = (const AssessmentRow *) t->assessments.rows[i];
        char number[NUMBER_SIZE];

        csv_write_text(&t->writer, a->title);
        csv_write_text(&t->writer, grade_type_name((GradeType) a->type));
        if (a->maximum_hundredths == SCORE_MAX_HUNDREDTHS)
                write_empty(t, 1);
        else
                write_hundredths(&t->writer, a->maximum_hundredths);
        (void) snprintf(number, sizeof(number), "%u", t->numbers[i]);
        csv_write_number(&t->writer, t->numbers[i] > 1 ? number : NULL);
}

/* All there are, before the first that is named with a number. */
static int write_assessment(Table *t, size_t i) {
        const AssessmentRow *a = (const AssessmentRow *) t->assessments.rows[i];

        write_empty(t, 3);
        write_name(t, i);
        write_empty(t, 3);
        write_hundredths(&t->writer, a->weight_hundredths);
        csv_write_text(&t->writer, a->due);
        csv_write_text(&t->writer, a->released ? "yes" : "no");
        csv_write_text(&t->writer, a->extra_credit ? "yes" : "no");
        return end_row(t);
}

static int write_long_row(Table *t, const StudentRow *s) {
        size_t n, k = 0;
        GradeRow **grades = grades_of(t, s->row.id, &n);
        int r = 0;

        if (n == 0) {
                write_student(t, s);
                write_empty(t, _IMPORT_COLUMN_MAX - FIXED_COLUMNS);
                return end_row(t);
        }
        for (size_t i = 0; r >= 0 && k < n && i < t->assessments.n; i++) {
                const GradeRow *g = grades[k];

                if (g->assessment_id != t->assessments.rows[i]->id)
                        continue;
                k++;
                write_student(t, s);
                write_name(t, i);
                csv_write_text(&t->writer, grade_state_name((GradeState) g->state));
                if (grade_state_has_score(g->state))
                        write_hundredths(&t->writer, g->score_hundredths);
                else
                        write_empty(t, 1);
                csv_write_text(&t->writer, g->comment);
                write_empty(t, 4);
                r = end_row(t);
        }
        return r;
}

static int write_long(Table *t) {
        int r;

        for (size_t i = 0; i < _IMPORT_COLUMN_MAX; i++)
                csv_write_text(&t->writer, import_columns[i]);
        r = end_row(t);
        for (size_t i = 0; r >= 0 && i < t->assessments.n; i++)
                r = write_assessment(t, i);
        for (size_t i = 0; r >= 0 && i < t->students.n; i++)
                r = write_long_row(t, (const StudentRow *) t->students.rows[i]);
        return r;
}

int export_write_class(Export *e, Txn *txn, Spool *out) {
        _cleanup_(table_deinit) Table t = { .t = txn, .out = out, .writer = CSV_WRITER(&out->buffer, ',') };
        int r = load(&t, e->id);

        if (r < 0)
                return r;
        return e->is_long ? write_long(&t) : write_grid(&t, &e->job);
}
