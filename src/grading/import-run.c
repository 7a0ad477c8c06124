/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/import-run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "grading/import-internal.h"

int import_refused(Import *i, size_t column, const char *member, int error) {
        Problem *p = &txn_job(i->t)->problem;
        const char *detail = p->detail;

        switch (error) {
        case -EBADMSG:
                break;
        case -EEXIST:
                detail = "there is one like this already";
                break;
        case -ENOENT:
                detail = "it refers to something that is not there";
                break;
        default:
                return error;
        }
        import_report_error(i->report, import_line(i, column), column, member, "%s", detail ? detail : strerror(ENOMEM));
        problem_deinit(p);
        return 0;
}

/* A row of a long table that says something of an assessment. */
static bool names_assessment(const Import *i) {
        for (ImportColumn c = IMPORT_TITLE; c < _IMPORT_COLUMN_MAX; c++)
                if (*import_cell(i, c))
                        return true;
        return false;
}

static bool names_student(const Import *i) {
        return *import_cell(i, IMPORT_ID) || *import_cell(i, IMPORT_FIRST_NAME) || *import_cell(i, IMPORT_LAST_NAME);
}

static int read_name(Import *i, ImportName *ret) {
        const char *maximum = import_cell(i, IMPORT_MAXIMUM), *number = import_cell(i, IMPORT_NUMBER);
        uint64_t n = 1;
        bool good = true;

        *ret = (ImportName) { .title = (char *) import_cell(i, IMPORT_TITLE), .type = grade_type_from_name(import_cell(i, IMPORT_TYPE)) };
        if (!*ret->title || !*import_cell(i, IMPORT_TYPE)) {
                ImportColumn missing = *ret->title ? IMPORT_TYPE : IMPORT_TITLE;

                import_error(i, missing, "%s is empty: a grade needs Title, Type and Score (a student without a grade has none of them)",
                             import_columns[missing]);
                return 0;
        }
        if (ret->type < 0) {
                import_error(i, IMPORT_TYPE, "Type must be one of Quiz, Test, Exam, Homework");
                good = false;
        }
        if (text_length(ret->title) > TITLE_MAX || !text_is_plain(ret->title, strlen(ret->title)) || text_is_blank(ret->title)) {
                import_error(i, IMPORT_TITLE, "Title must be a text of 1 to %d characters, without control characters", TITLE_MAX);
                good = false;
        }
        if (*maximum && (import_score_parse(maximum, i->layout.comma, &ret->maximum_hundredths) < 0 || ret->maximum_hundredths < 1 ||
                         ret->maximum_hundredths > POINTS_MAX_HUNDREDTHS)) {
                import_error(i, IMPORT_MAXIMUM, "Maximum must be a number from 0.01 to 100000 with at most two decimals");
                good = false;
        }
        if (*number && (parse_uint64(number, &n) < 0 || n < 1 || n > IMPORT_NUMBER_MAX)) {
                import_error(i, IMPORT_NUMBER, "Number must be a whole number from 1 to %u", IMPORT_NUMBER_MAX);
                good = false;
        }
        ret->number = (unsigned) n;
        return good;
}

/* 1 and what the cells State and Score say, which may be nothing; 0 with the row's error. */
static int read_result(Import *i, ImportResult *ret) {
        const char *state = import_cell(i, IMPORT_STATE), *score = import_cell(i, IMPORT_SCORE);
        bool good = true;

        *ret = (ImportResult) { .has_state = *state, .has_score = *score };
        if (*state) {
                ret->state = grade_state_from_name(state);
                if (ret->state < 0) {
                        import_error(i, IMPORT_STATE, "State must be one of graded, blank, missing, excused, late, absent");
                        good = false;
                }
        }
        if (*score && import_score_parse(score, i->layout.comma, &ret->score_hundredths) < 0) {
                import_error(i, IMPORT_SCORE, "Score must be a number with at most two decimals");
                good = false;
        }
        return good;
}

static int do_long_row(Import *i, ImportStudent *s, ImportAssessment **ret) {
        ImportAssessment *a;
        ImportResult result;
        ImportName name;
        int r;

        if (!read_name(i, &name) || !read_result(i, &result))
                return 0;
        r = import_find_assessment(i, &name, import_column(i, IMPORT_TITLE), import_columns[IMPORT_TITLE], &a);
        if (r < 0 || !a)
                return r;
        *ret = a;
        r = import_set_extras(i, a);
        if (r < 0)
                return r;
        if (s)
                return import_set_grade(i, s, a, &result, import_cell(i, IMPORT_COMMENT), import_column(i, IMPORT_SCORE),
                                        import_columns[IMPORT_SCORE]);
        if (result.has_state || result.has_score || *import_cell(i, IMPORT_COMMENT))
                import_error(i, IMPORT_ID, "a grade needs a student: ID, or FirstName and LastName");
        return 0;
}

static int do_grid_row(Import *i, ImportStudent *s) {
        int r = 0;

        for (size_t k = 0; r >= 0 && k < i->layout.n_columns; k++) {
                const CsvCell *cell = i->row->cells + k;
                ImportResult result;

                if (!i->of_column[k] || cell->size == 0)
                        continue;
                if (import_result_parse(cell->text, i->layout.comma, &result) < 0)
                        import_report_error(i->report, cell->line, k + 1, i->of_column[k]->label,
                                            "the cell must be empty, a score with at most two decimals, or one of blank, missing, excused, absent, "
                                            "\"late SCORE\"");
                else
                        r = import_set_grade(i, s, i->of_column[k], &result, "", k + 1, i->of_column[k]->label);
        }
        return r;
}

/* What the row says is so already, and it says nothing of a grade. */
static void tell_unchanged(Import *i, const ImportStudent *s, const ImportAssessment *a) {
        ImportItem item = { .line = i->row->line, .kind = s ? KIND_STUDENT : KIND_ASSESSMENT, .action = IMPORT_UNCHANGED };

        if (s) {
                item.student_id = s->id;
                item.first_name = s->first_name;
                item.last_name = s->last_name;
        } else if (a) {
                item.assessment_id = a->row->row.id;
                item.assessment = a->label;
        }
        import_report_item(i->report, &item);
}

static size_t count_told(const Import *i) {
        size_t n = i->report->n_errors;

        for (ImportAction action = 0; action < _IMPORT_ACTION_MAX; action++)
                n += import_report_count(i->report, action);
        return n;
}

/* Each row is told of: by what it does, its error, or that it changes nothing. */
static int do_row(Import *i) {
        bool is_long = !i->layout.grid && names_assessment(i);
        ImportAssessment *a = NULL;
        ImportStudent *s = NULL;
        size_t before = count_told(i);
        int r = 0;

        i->report->n_rows++;
        if (!names_student(i) && !is_long) {
                import_error(i, IMPORT_ID, "the row names no student: ID, or FirstName and LastName");
                return 0;
        }
        if (names_student(i)) {
                r = import_find_student(i, &s);
                if (r < 0 || !s)
                        return r;
                import_tell_student(i, s);
        }
        if (is_long)
                r = do_long_row(i, s, &a);
        else if (i->layout.grid)
                r = do_grid_row(i, s);
        if (r >= 0 && count_told(i) == before)
                tell_unchanged(i, s, a);
        return r;
}

static void complain_of_header(unsigned line, size_t column, const char *what, void *userdata) {
        const Import *i = userdata;

        import_report_error(i->report, line, column, column > 0 ? i->row->cells[column - 1].text : NULL, "%s", what);
}

/* The first pass is for the students that have an ID: a name without one may mean one of them, wherever it stands, and an ID that the next
 * new student would get may be somebody's below. It also tells of what cannot be read. */
static int first_row(Import *i) {
        return *import_cell(i, IMPORT_ID) ? import_register_student(i) : 0;
}

static int find_columns(Import *i) {
        int r = 0;

        if (!i->layout.grid)
                return 0;
        i->of_column = calloc(i->layout.n_columns, sizeof(*i->of_column));
        if (!i->of_column)
                return -ENOMEM;
        for (size_t k = 0; r >= 0 && k < i->layout.n_columns; k++)
                if (i->layout.names[k].title)
                        r = import_find_assessment(i, i->layout.names + k, k + 1, i->row->cells[k].text, i->of_column + k);
        return r;
}

static int read_header(Import *i, const CsvRow *row, char delimiter) {
        int r;

        i->row = row;
        r = import_layout_read(row, delimiter, complain_of_header, i, &i->layout);
        return r == -EINVAL ? 0 : r;
}

static int do_pass(Import *i, char *copy, const char *data, size_t size, bool first) {
        CsvReader reader;
        bool header = true;
        CsvFault fault;
        CsvRow row;
        int r;

        memcpy(copy, data, size);
        r = csv_reader_init(&reader, copy, size, NULL);
        while (r >= 0 && (r = csv_reader_next(&reader, &row, &fault)) != 0) {
                if (r == -EBADMSG) {
                        if (first)
                                import_report_error(i->report, fault.line, fault.column, NULL, "%s", fault.what);
                        r = 0;
                        continue;
                }
                if (r < 0)
                        break;
                i->row = &row;
                if (!header)
                        r = first ? first_row(i) : do_row(i);
                else if (first)
                        r = read_header(i, &row, reader.delimiter);
                else
                        r = find_columns(i);
                if (header && first && i->report->n_errors > 0)
                        return r;
                i->has_header = true;
                header = false;
        }
        if (r >= 0 && first && header && i->report->n_errors == 0)
                import_report_error(i->report, 1, 0, NULL, "the header is missing: ID,LastName,FirstName and the assessments, or "
                                    "ID,FirstName,LastName,Title,Type,Score");
        return r;
}

/* In a class that is locked every single row would be refused. */
static int check_class(Import *i) {
        Problem *p = &txn_job(i->t)->problem;
        bool term_locked = false, locked;
        Row *row, *term;
        uint64_t term_id;
        int r;

        r = txn_get(i->t, KIND_CLASS, i->options->class_id, &row);
        if (r == -ENOENT)
                return problem_set(p, 404, "There is no class with this ID");
        if (r < 0)
                return r;
        locked = ((const ClassRow *) row)->locked;
        term_id = ((const ClassRow *) row)->term_id;
        row_free(KIND_CLASS, row);
        if (term_id > 0) {
                r = txn_get(i->t, KIND_TERM, term_id, &term);
                if (r < 0)
                        return r;
                term_locked = ((const TermRow *) term)->locked;
                row_free(KIND_TERM, term);
        }
        if (locked || term_locked)
                return problem_set(p, 409, "The %s is locked: nothing in it can be changed until an administrator unlocks it",
                                   locked ? "class" : "term");
        return 0;
}

static int run(Import *i, const char *data, size_t size) {
        _cleanup_(freep) char *copy = NULL;
        int r;

        if (size > CSV_BYTES_MAX)
                return -E2BIG;
        copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        r = check_class(i);
        if (r >= 0)
                r = import_load_students(i);
        if (r >= 0)
                r = import_load_assessments(i);
        if (r >= 0)
                r = import_load_grades(i);
        if (r >= 0)
                r = do_pass(i, copy, data, size, true);
        /* Without columns there is nothing to look at; what is wrong with single rows does not hide what is wrong with others. */
        if (r >= 0 && i->has_header)
                r = do_pass(i, copy, data, size, false);
        return r;
}

int import_run(Txn *t, const char *data, size_t size, const ImportOptions *options, ImportReport *report) {
        Import i = { .t = t, .options = options, .report = report };
        int r = run(&i, data, size);

        import_free_grades(&i);
        import_free_assessments(&i);
        import_free_students(&i);
        free(i.of_column);
        import_layout_deinit(&i.layout);
        return r < 0 ? r : report->n_errors > 0 ? -EBADMSG : 0;
}
