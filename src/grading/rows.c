/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/rows.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "grading/fields.h"

/* Where a kind's lists are, for row_free(). */
static size_t row_lists(Kind kind, Row *row, RowList *ret[static 3]) {
        size_t n = 0;

        switch (kind) {
        case KIND_CLASS:
                ret[n++] = &((ClassRow *) row)->assessments;
                ret[n++] = &((ClassRow *) row)->enrolments;
                ret[n++] = &((ClassRow *) row)->teachings;
                break;
        case KIND_STUDENT:
                ret[n++] = &((StudentRow *) row)->grades;
                ret[n++] = &((StudentRow *) row)->enrolments;
                break;
        case KIND_ACCOUNT:
                ret[n++] = &((AccountRow *) row)->tokens;
                ret[n++] = &((AccountRow *) row)->teachings;
                break;
        case KIND_ASSESSMENT:
                ret[n++] = &((AssessmentRow *) row)->grades;
                break;
        default:
                break;
        }
        return n;
}

Row *row_new(Kind kind) {
        return calloc(1, kinds[kind].size);
}

Row *row_free(Kind kind, Row *row) {
        RowList *lists[3];
        size_t n;

        if (!row)
                return NULL;
        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;

                if (field_is_text(f))
                        free(*FIELD_AT(row, f, char *));
        }
        n = row_lists(kind, row, lists);
        for (size_t i = 0; i < n; i++)
                free(lists[i]->rows);
        free(row);
        return NULL;
}

static size_t field_size(const Field *f) {
        switch (f->type) {
        case FIELD_REFERENCE:
        case FIELD_TIME:
                return sizeof(uint64_t);
        case FIELD_HUNDREDTHS:
                return sizeof(uint32_t);
        case FIELD_CHOICE:
                return sizeof(int);
        case FIELD_BOOL:
                return sizeof(bool);
        default:
                return sizeof(char *);
        }
}

int row_copy(Kind kind, const Row *row, Row **ret) {
        Row *copy = row_new(kind);
        int r = copy ? 0 : -ENOMEM;

        if (copy)
                *copy = *row;
        for (size_t i = 0; r >= 0 && i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;

                if (field_is_text(f))
                        r = text_replace(FIELD_AT(copy, f, char *), *FIELD_IN(row, f, char *));
                else
                        memcpy(FIELD_AT(copy, f, char), FIELD_IN(row, f, char), field_size(f));
        }
        if (r < 0) {
                row_free(kind, copy);
                return r;
        }
        *ret = copy;
        return 0;
}

static bool same_text(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool row_equal(Kind kind, const Row *a, const Row *b) {
        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;

                if (field_is_text(f) ? !same_text(*FIELD_IN(a, f, char *), *FIELD_IN(b, f, char *)) :
                    memcmp(FIELD_IN(a, f, char), FIELD_IN(b, f, char), field_size(f)) != 0)
                        return false;
        }
        return true;
}

void row_move(Kind kind, Row *to, Row *from) {
        *to = *from;
        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;

                if (field_is_text(f)) {
                        free(*FIELD_AT(to, f, char *));
                        *FIELD_AT(to, f, char *) = TAKE_PTR(*FIELD_AT(from, f, char *));
                } else {
                        memcpy(FIELD_AT(to, f, char), FIELD_IN(from, f, char), field_size(f));
                }
        }
}
