/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "grading/import-internal.h"

#define VALUE_SIZE 32

/* In the order of ImportExtra. */
static const ImportColumn extra_columns[_EXTRA_MAX] = { IMPORT_WEIGHT, IMPORT_DUE, IMPORT_RELEASED, IMPORT_EXTRA_CREDIT };

static void free_assessment(ImportAssessment *a) {
        if (!a)
                return;
        row_free(KIND_ASSESSMENT, (Row *) a->row);
        for (size_t k = 0; k < _EXTRA_MAX; k++)
                free(a->said[k]);
        free(a->label);
        free(a->key);
        free(a->short_key);
        free(a);
}

/* A line break is in no title. */
static int write_key(const char *title, int type, uint32_t maximum_hundredths, unsigned number, Buffer *out) {
        return buffer_printf(out, "%d\n%" PRIu32 "\n%u\n%s", type, maximum_hundredths, number, title);
}

static int write_short_key(const char *title, int type, Buffer *out) {
        return buffer_printf(out, "%d\n%s", type, title);
}

static ImportAssessment *find_by_key(const Import *i, const char *title, int type, uint32_t maximum_hundredths, unsigned number, int *ret_error) {
        _cleanup_(buffer_deinit) Buffer key = BUFFER_NULL;
        ImportAssessment *a = NULL;

        *ret_error = write_key(title, type, maximum_hundredths, number, &key);
        if (*ret_error >= 0)
                HASH_FIND(by_key, i->by_key, key.data, key.size, a);
        return a;
}

static ImportAssessment *find_by_short_key(const Import *i, const char *title, int type, int *ret_error) {
        _cleanup_(buffer_deinit) Buffer key = BUFFER_NULL;
        ImportAssessment *a = NULL;

        *ret_error = write_short_key(title, type, &key);
        if (*ret_error >= 0)
                HASH_FIND(by_short_key, i->by_short_key, key.data, key.size, a);
        return a;
}

static int write_texts(ImportAssessment *a, unsigned number) {
        _cleanup_(buffer_deinit) Buffer label = BUFFER_NULL, key = BUFFER_NULL, short_key = BUFFER_NULL;
        const AssessmentRow *row = a->row;

        (void) import_name_write(row->title, row->type, row->maximum_hundredths, number, &label);
        (void) write_key(row->title, row->type, row->maximum_hundredths, number, &key);
        (void) write_short_key(row->title, row->type, &short_key);
        a->label = buffer_take(&label, NULL);
        a->key = buffer_take(&key, NULL);
        a->short_key = buffer_take(&short_key, NULL);
        return a->label && a->key && a->short_key ? 0 : -ENOMEM;
}

/* Takes the row, in every case. */
static int add_assessment(Import *i, AssessmentRow *row, unsigned number, bool fresh, ImportAssessment **ret) {
        ImportAssessment *a = calloc(1, sizeof(*a)), *other;
        int r;

        if (!a) {
                row_free(KIND_ASSESSMENT, (Row *) row);
                return -ENOMEM;
        }
        a->row = row;
        a->fresh = fresh;
        a->next = i->assessments;
        i->assessments = a;
        a->index = ++i->n_assessments;
        r = write_texts(a, number);
        if (r < 0)
                return r;
        HASH_ADD_KEYPTR(by_key, i->by_key, a->key, strlen(a->key), a);
        if (!a->by_key.tbl)
                return -ENOMEM;
        *ret = a;
        if (fresh)
                return 0;
        other = find_by_short_key(i, row->title, row->type, &r);
        if (r < 0)
                return r;
        if (other) {
                other->several = true;
                return 0;
        }
        HASH_ADD_KEYPTR(by_short_key, i->by_short_key, a->short_key, strlen(a->short_key), a);
        return a->by_short_key.tbl ? 0 : -ENOMEM;
}

/* They come by ID. */
static int load_assessment(Row *row, void *userdata) {
        AssessmentRow *assessment = (AssessmentRow *) row;
        ImportAssessment *a, *first;
        unsigned number = 1;
        int r;

        first = find_by_key(userdata, assessment->title, assessment->type, assessment->maximum_hundredths, 1, &r);
        if (first)
                number += ++first->n_more;
        if (r < 0) {
                row_free(KIND_ASSESSMENT, row);
                return r;
        }
        return add_assessment(userdata, assessment, number, false, &a);
}

int import_load_assessments(Import *i) {
        return txn_each(i->t, KIND_ASSESSMENT, TXN_OF_CLASS, i->options->class_id, load_assessment, i);
}

void import_free_assessments(Import *i) {
        HASH_CLEAR(by_key, i->by_key);
        HASH_CLEAR(by_short_key, i->by_short_key);
        while (i->assessments) {
                ImportAssessment *a = i->assessments;

                i->assessments = a->next;
                free_assessment(a);
        }
}

static int make_row(const Import *i, const ImportName *name, AssessmentRow **ret) {
        AssessmentRow *row = (AssessmentRow *) row_new(KIND_ASSESSMENT);

        if (!row || text_replace(&row->title, name->title) < 0) {
                row_free(KIND_ASSESSMENT, (Row *) row);
                return -ENOMEM;
        }
        row->class_id = i->options->class_id;
        row->type = name->type;
        row->maximum_hundredths = name->maximum_hundredths;
        row->weight_hundredths = 100;
        row->released = i->options->released;
        *ret = row;
        return 0;
}

/* The row that the store took is the book's later; ours is a copy. */
static int make_assessment(Import *i, const ImportName *name, size_t column, const char *member, ImportAssessment **ret) {
        AssessmentRow *row;
        Row *copy;
        int r;

        r = make_row(i, name, &row);
        if (r < 0)
                return r;
        r = txn_create(i->t, KIND_ASSESSMENT, &row->row, NULL);
        if (r < 0) {
                row_free(KIND_ASSESSMENT, (Row *) row);
                return import_refused(i, column, member, r);
        }
        r = row_copy(KIND_ASSESSMENT, &row->row, &copy);
        if (r >= 0)
                r = add_assessment(i, (AssessmentRow *) copy, name->number, true, ret);
        if (r >= 0)
                import_report_item(i->report, &(ImportItem) { .line = i->row->line, .kind = KIND_ASSESSMENT, .action = IMPORT_ADD,
                                   .assessment_id = copy->id, .assessment = (*ret)->label, .new = (*ret)->label });
        return r;
}

/* Without a maximum the one of 100 is meant if there is one, else the only one that there was before the import. */
int import_find_assessment(Import *i, const ImportName *name, size_t column, const char *member, ImportAssessment **ret) {
        ImportName exact = *name;
        ImportAssessment *a;
        int r;

        *ret = NULL;
        if (exact.maximum_hundredths == 0)
                exact.maximum_hundredths = SCORE_MAX_HUNDREDTHS;
        a = find_by_key(i, exact.title, exact.type, exact.maximum_hundredths, exact.number, &r);
        if (!a && r >= 0 && name->maximum_hundredths == 0 && name->number == 1) {
                a = find_by_short_key(i, name->title, name->type, &r);
                if (a && a->several) {
                        import_report_error(i->report, import_line(i, column), column, member,
                                            "there are several assessments \"%s\" (%s): give the maximum", name->title,
                                            grade_type_name((GradeType) name->type));
                        return 0;
                }
        }
        if (r < 0 || a) {
                *ret = a;
                return r;
        }
        if (exact.number > 1 && !find_by_key(i, exact.title, exact.type, exact.maximum_hundredths, exact.number - 1, &r)) {
                if (r >= 0)
                        import_report_error(i->report, import_line(i, column), column, member,
                                            "there is no number %u of \"%s\" (%s), and none before it", exact.number, name->title,
                                            grade_type_name((GradeType) name->type));
                return r;
        }
        return make_assessment(i, &exact, column, member, ret);
}

static const char *value_text(const AssessmentRow *row, ImportExtra which, char buffer[static VALUE_SIZE]) {
        char number[SCORE_TEXT_SIZE];

        switch (which) {
        case EXTRA_WEIGHT:
                score_format(row->weight_hundredths, number);
                (void) snprintf(buffer, VALUE_SIZE, "%s", number);
                return buffer;
        case EXTRA_DUE:
                return row->due;
        case EXTRA_RELEASED:
                return row->released ? "yes" : "no";
        case EXTRA_CREDIT:
                return row->extra_credit ? "yes" : "no";
        default:
                return NULL;
        }
}

/* What a table says of an assessment, each row of it may say: but not another thing. */
static int note_said(Import *i, ImportAssessment *a, ImportExtra which, const char *text) {
        if (a->said[which] && strcmp(a->said[which], text) != 0) {
                import_error(i, extra_columns[which], "%s of %s is %s in line %u", import_columns[extra_columns[which]], a->label,
                             a->said[which], a->said_line[which]);
                return 0;
        }
        if (!a->said[which]) {
                if (text_replace(&a->said[which], text) < 0)
                        return -ENOMEM;
                a->said_line[which] = i->row->line;
        }
        return 1;
}

static int set_extra(Import *i, ImportAssessment *a, ImportExtra which, Row *row) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        ImportColumn column = extra_columns[which];
        const char *text = import_cell(i, column);
        int r;

        if (!*text || (a->said[which] && strcmp(a->said[which], text) == 0))
                return 0;
        r = note_said(i, a, which, text);
        if (r <= 0)
                return r;
        r = row_set_text(KIND_ASSESSMENT, row, import_columns[column], text, &problem);
        if (r != -EBADMSG)
                return r;
        if (column == IMPORT_RELEASED || column == IMPORT_EXTRA_CREDIT)
                import_error(i, column, "%s must be yes or no", import_columns[column]);
        else
                import_error(i, column, "%s", problem.detail ? problem.detail : strerror(ENOMEM));
        return 0;
}

static void tell_changes(Import *i, const ImportAssessment *a, const AssessmentRow *new) {
        for (ImportExtra which = 0; which < _EXTRA_MAX; which++) {
                char before[VALUE_SIZE], after[VALUE_SIZE];
                const char *old_text = value_text(a->row, which, before), *new_text = value_text(new, which, after);

                if (old_text && new_text ? strcmp(old_text, new_text) == 0 : old_text == new_text)
                        continue;
                import_report_item(i->report, &(ImportItem) {
                        .line = i->row->line,
                        .kind = KIND_ASSESSMENT,
                        .action = IMPORT_CHANGE,
                        .assessment_id = new->row.id,
                        .assessment = a->label,
                        .member = import_columns[extra_columns[which]],
                        .old = old_text,
                        .new = new_text,
                });
        }
}

int import_set_extras(Import *i, ImportAssessment *a) {
        Row *row, *copy;
        bool any = false;
        int r;

        for (size_t k = 0; k < _EXTRA_MAX; k++)
                any = any || *import_cell(i, extra_columns[k]);
        if (!any)
                return 0;
        r = row_copy(KIND_ASSESSMENT, &a->row->row, &row);
        if (r < 0)
                return r;
        for (ImportExtra which = 0; r >= 0 && which < _EXTRA_MAX; which++)
                r = set_extra(i, a, which, row);
        if (r < 0 || row_equal(KIND_ASSESSMENT, &a->row->row, row)) {
                row_free(KIND_ASSESSMENT, row);
                return r;
        }
        if (i->options->keep && !a->fresh) {
                row_free(KIND_ASSESSMENT, row);
                import_error(i, IMPORT_TITLE, "%s is there already, and the row would change it", a->label);
                return 0;
        }
        tell_changes(i, a, (const AssessmentRow *) row);
        r = txn_update(i->t, KIND_ASSESSMENT, &a->row->row, row);
        if (r < 0) {
                row_free(KIND_ASSESSMENT, row);
                return import_refused(i, import_column(i, IMPORT_TITLE), import_columns[IMPORT_TITLE], r);
        }
        r = row_copy(KIND_ASSESSMENT, row, &copy);
        if (r < 0)
                return r;
        row_free(KIND_ASSESSMENT, &a->row->row);
        a->row = (AssessmentRow *) copy;
        return 0;
}
