/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "grading/import-internal.h"

#define STATE_SHIFT 24
#define TABLE_MIN 1024u

static uint32_t pack(int state, uint32_t score_hundredths) {
        return (uint32_t) state << STATE_SHIFT | score_hundredths;
}

static int state_of(const ImportGrade *g) {
        return (int) (g->state_and_score >> STATE_SHIFT);
}

static uint32_t score_of(const ImportGrade *g) {
        return g->state_and_score & ((1u << STATE_SHIFT) - 1);
}

/* splitmix64 */
static size_t hash(uint32_t student, uint32_t assessment) {
        uint64_t x = (uint64_t) student << 32 | assessment;

        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        return (size_t) (x ^ x >> 31);
}

/* Its place, or the free one where it would be; the table is never full. */
static ImportGrade *place(ImportGrade *table, size_t allocated, uint32_t student, uint32_t assessment) {
        size_t at = hash(student, assessment) & (allocated - 1);

        while (table[at].student > 0 && (table[at].student != student || table[at].assessment != assessment))
                at = (at + 1) & (allocated - 1);
        return table + at;
}

static int grow(Import *i) {
        size_t allocated = i->grades_allocated ? 2 * i->grades_allocated : TABLE_MIN;
        ImportGrade *table;

        if (4 * (i->n_grades + 1) <= 3 * i->grades_allocated)
                return 0;
        table = calloc(allocated, sizeof(*table));
        if (!table)
                return -ENOMEM;
        for (size_t k = 0; k < i->grades_allocated; k++)
                if (i->grades[k].student > 0)
                        *place(table, allocated, i->grades[k].student, i->grades[k].assessment) = i->grades[k];
        free(i->grades);
        i->grades = table;
        i->grades_allocated = allocated;
        return 0;
}

/* The known one, or an empty one that is in the table now. */
static int get_grade(Import *i, uint32_t student, uint32_t assessment, ImportGrade **ret) {
        int r = grow(i);

        if (r < 0)
                return r;
        *ret = place(i->grades, i->grades_allocated, student, assessment);
        if ((*ret)->student == 0) {
                (*ret)->student = student;
                (*ret)->assessment = assessment;
                i->n_grades++;
        }
        return 0;
}

/* For the loading alone, where the assessments of the rows are known by ID. */
typedef struct Loader {
        Import *i;
        ImportAssessment **by_id;       /* sorted by ID */
        size_t n;
} Loader;

static int compare(const void *a, const void *b) {
        uint64_t x = (*(ImportAssessment *const *) a)->row->row.id, y = (*(ImportAssessment *const *) b)->row->row.id;

        return x < y ? -1 : x > y;
}

static int compare_id(const void *id, const void *a) {
        uint64_t x = *(const uint64_t *) id, y = (*(ImportAssessment *const *) a)->row->row.id;

        return x < y ? -1 : x > y;
}

static int load_grade(Row *row, void *userdata) {
        GradeRow *grade = (GradeRow *) row;
        const Loader *l = userdata;
        ImportStudent *s = NULL;
        ImportAssessment **a = bsearch(&grade->assessment_id, l->by_id, l->n, sizeof(*l->by_id), compare_id);
        ImportGrade *g;
        int r = -EBADMSG;

        HASH_FIND(by_id, l->i->by_id, &grade->student_id, sizeof(grade->student_id), s);
        if (s && a)
                r = get_grade(l->i, s->index, (*a)->index, &g);
        if (r >= 0) {
                g->id = row->id;
                g->state_and_score = pack(grade->state, grade->score_hundredths);
                g->comment = TAKE_PTR(grade->comment);
        }
        row_free(KIND_GRADE, row);
        return r;
}

int import_load_grades(Import *i) {
        Loader l = { .i = i };
        int r;

        if (i->n_assessments == 0)
                return 0;
        l.by_id = calloc(i->n_assessments, sizeof(*l.by_id));
        if (!l.by_id)
                return -ENOMEM;
        for (ImportAssessment *a = i->assessments; a; a = a->next)
                l.by_id[l.n++] = a;
        qsort(l.by_id, l.n, sizeof(*l.by_id), compare);
        r = txn_each(i->t, KIND_GRADE, TXN_OF_CLASS, i->options->class_id, load_grade, &l);
        free(l.by_id);
        return r;
}

void import_free_grades(Import *i) {
        for (size_t k = 0; k < i->grades_allocated; k++)
                free(i->grades[k].comment);
        free(i->grades);
}

/* ---- one ---- */

typedef struct Place {
        Import *i;
        ImportStudent *s;
        ImportAssessment *a;
        ImportGrade *g;
        size_t column;
        const char *member;
} Place;

#define refuse(p, ...) import_report_error((p)->i->report, import_line((p)->i, (p)->column), (p)->column, (p)->member, __VA_ARGS__)

/* What the grade will be; 1, or 0 with the error. A score alone leaves late what is late, a comment alone all else. */
static int settle(const Place *p, const ImportResult *result, bool has_comment, uint32_t *ret) {
        bool known = p->g->id > 0;
        int state = result->has_state ? result->state : known && grade_state_has_score(state_of(p->g)) ? state_of(p->g) : GRADE_GRADED;
        uint32_t score = result->score_hundredths;
        char most[SCORE_TEXT_SIZE];

        if (!result->has_state && !result->has_score) {
                if (known && has_comment) {
                        *ret = p->g->state_and_score;
                        return 1;
                }
                refuse(p, "Score is empty: a grade needs Title, Type and Score (a student without a grade has none of them)");
                return 0;
        }
        if (!grade_state_has_score(state)) {
                if (result->has_score) {
                        refuse(p, "there is no score where the state is %s", grade_state_name((GradeState) state));
                        return 0;
                }
                *ret = pack(state, 0);
                return 1;
        }
        if (!result->has_score) {
                if (!known || !grade_state_has_score(state_of(p->g))) {
                        refuse(p, "a score is missing, which the state %s needs", grade_state_name((GradeState) state));
                        return 0;
                }
                score = score_of(p->g);
        }
        if (score > p->a->row->maximum_hundredths) {
                score_format(p->a->row->maximum_hundredths, most);
                refuse(p, "Score must be a number from 0 to %s with at most two decimals", most);
                return 0;
        }
        *ret = pack(state, score);
        return 1;
}

/* A line end that a spreadsheet wrote becomes one line feed. NULL: no comment was given. */
static int read_comment(const Place *p, const char *text, char **ret) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        GradeRow probe = {};
        char *out;
        int r;

        *ret = NULL;
        if (!*text)
                return 1;
        r = text_replace(ret, text);
        if (r < 0)
                return r;
        out = *ret;
        for (const char *in = text; *in; in++) {
                *out++ = *in == '\r' ? '\n' : *in;
                in += in[0] == '\r' && in[1] == '\n';
        }
        *out = 0;
        r = row_set_text(KIND_GRADE, &probe.row, "Comment", *ret, &problem);
        free(probe.comment);
        if (r == -EBADMSG) {
                import_error(p->i, IMPORT_COMMENT, "Comment must be a text of at most %d characters, without control characters", COMMENT_MAX);
                return 0;
        }
        return r < 0 ? r : 1;
}

static const char *describe(uint32_t packed, const char *comment, Buffer *out) {
        char text[2 * SCORE_TEXT_SIZE];
        ImportGrade g = { .state_and_score = packed };

        import_result_write(state_of(&g), score_of(&g), text);
        (void) buffer_printf(out, comment ? "%s \"%s\"" : "%s", text, comment);
        return buffer_text(out);
}

/* With the comments only where they are what changes. */
static void tell(const Place *p, ImportAction action, uint32_t packed, const char *comment) {
        _cleanup_(buffer_deinit) Buffer old = BUFFER_NULL, new = BUFFER_NULL;
        bool with_comment = comment && (!p->g->comment || strcmp(comment, p->g->comment) != 0);

        import_report_item(p->i->report, &(ImportItem) {
                .line = import_line(p->i, p->column),
                .kind = KIND_GRADE,
                .action = action,
                .student_id = p->s->id,
                .first_name = p->s->first_name,
                .last_name = p->s->last_name,
                .assessment_id = p->a->row->row.id,
                .assessment = p->a->label,
                .old = action == IMPORT_ADD ? NULL : describe(p->g->state_and_score, with_comment ? p->g->comment : NULL, &old),
                .new = describe(packed, with_comment ? comment : NULL, &new),
        });
}

static int count_grades(const Place *p) {
        return p->s->n_grades == UINT64_MAX ? txn_count_grades(p->i->t, p->s->id, &p->s->n_grades) : 0;
}

static int create(const Place *p, uint32_t packed, const char *comment) {
        ImportGrade new = { .state_and_score = packed };
        GradeRow *row;
        int r = count_grades(p);

        if (r < 0)
                return r;
        if (p->s->n_grades >= p->i->options->grades_max) {
                refuse(p, "the student has %" PRIu64 " grades already, the most there may be (MaxGradesPerStudent=)", p->s->n_grades);
                return 0;
        }
        row = (GradeRow *) row_new(KIND_GRADE);
        if (!row || text_replace(&row->comment, comment) < 0) {
                row_free(KIND_GRADE, (Row *) row);
                return -ENOMEM;
        }
        row->student_id = p->s->id;
        row->assessment_id = p->a->row->row.id;
        row->state = state_of(&new);
        row->score_hundredths = score_of(&new);
        r = txn_create_sought(p->i->t, KIND_GRADE, &row->row, &p->g->id);
        if (r < 0) {
                row_free(KIND_GRADE, (Row *) row);
                return import_refused(p->i, p->column, p->member, r);
        }
        p->s->n_grades++;
        tell(p, IMPORT_ADD, packed, comment);
        return 1;
}

static int update(const Place *p, uint32_t packed, const char *comment) {
        ImportGrade new = { .state_and_score = packed };
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Row *old, *row = NULL;
        int r;

        if (p->i->options->keep) {
                refuse(p, "%s of %s %s is %s already", p->a->label, p->s->first_name, p->s->last_name,
                       describe(p->g->state_and_score, comment ? p->g->comment : NULL, &text));
                return 0;
        }
        r = txn_get(p->i->t, KIND_GRADE, p->g->id, &old);
        if (r < 0)
                return r;
        r = row_copy(KIND_GRADE, old, &row);
        if (r >= 0 && comment)
                r = text_replace(&((GradeRow *) row)->comment, comment);
        if (r >= 0) {
                ((GradeRow *) row)->state = state_of(&new);
                ((GradeRow *) row)->score_hundredths = score_of(&new);
                r = txn_update(p->i->t, KIND_GRADE, old, row);
        }
        row_free(KIND_GRADE, old);
        if (r < 0) {
                row_free(KIND_GRADE, row);
                return import_refused(p->i, p->column, p->member, r);
        }
        tell(p, IMPORT_CHANGE, packed, comment);
        return 1;
}

/* The same may be said twice; two things not. */
static int meet_again(const Place *p, uint32_t packed, const char *comment) {
        bool same = packed == p->g->state_and_score && (!comment || (p->g->comment && strcmp(comment, p->g->comment) == 0));
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        if (same)
                tell(p, IMPORT_UNCHANGED, packed, comment);
        else
                refuse(p, "%s of %s %s is %s in line %" PRIu32, p->a->label, p->s->first_name, p->s->last_name,
                       describe(p->g->state_and_score, comment ? p->g->comment : NULL, &text), p->g->line);
        return 0;
}

static int apply(const Place *p, uint32_t packed, char **comment) {
        ImportGrade *g = p->g;
        int r = 1;

        if (g->line > 0)
                return meet_again(p, packed, *comment);
        if (g->id == 0)
                r = create(p, packed, *comment);
        else if (packed == g->state_and_score && (!*comment || (g->comment && strcmp(*comment, g->comment) == 0)))
                tell(p, IMPORT_UNCHANGED, packed, *comment);
        else
                r = update(p, packed, *comment);
        if (r <= 0)
                return r;
        g->line = import_line(p->i, p->column);
        g->state_and_score = packed;
        if (*comment) {
                free(g->comment);
                g->comment = TAKE_PTR(*comment);
        }
        return 0;
}

int import_set_grade(Import *i, ImportStudent *s, ImportAssessment *a, const ImportResult *result, const char *comment,
                     size_t column, const char *member) {
        Place p = { .i = i, .s = s, .a = a, .column = column, .member = member };
        _cleanup_(freep) char *said = NULL;
        uint32_t packed;
        int r;

        r = get_grade(i, s->index, a->index, &p.g);
        if (r >= 0)
                r = read_comment(&p, comment, &said);
        if (r > 0)
                r = settle(&p, result, said, &packed);
        return r <= 0 ? r : apply(&p, packed, &said);
}
