/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1     /* an element that could not be added has hh.tbl NULL */
#include <uthash.h>

#include "ctl/import-complaints.h"

/* A student, found by ID or by name; namesakes stand in one chain. */
typedef struct Entry {
        ImportStudent student;
        char *name;                     /* "First\nLast": a line break is in no name */
        struct Entry *namesake;         /* the one found by this name before */
        UT_hash_handle by_id, by_name;
} Entry;

typedef struct Planner {
        ImportPlan *plan;
        Entry *by_id, *by_name;
        ImportComplaints complaints;
} Planner;

/* The plan owns its entries from here on. */
static int keep(Planner *p, Entry *e) {
        ImportPlan *plan = p->plan;

        if ((plan->n_students & (plan->n_students - 1)) == 0) {
                ImportStudent **more = reallocarray(plan->students, plan->n_students ? plan->n_students * 2 : 1, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                plan->students = more;
        }
        plan->students[plan->n_students++] = &e->student;
        return 0;
}

static int add_entry(Planner *p, const ImportStudent *student, Entry **ret) {
        Entry *e = calloc(1, sizeof(*e)), *namesake = NULL;

        if (!e)
                return -ENOMEM;
        e->student = *student;
        if (asprintf(&e->name, "%s\n%s", student->first_name, student->last_name) < 0)
                e->name = NULL;
        if (!e->name || keep(p, e) < 0) {
                free(e->name);
                free(e);
                return -ENOMEM;
        }
        if (student->id > 0) {
                HASH_ADD(by_id, p->by_id, student.id, sizeof(e->student.id), e);
                if (!e->by_id.tbl)
                        return -ENOMEM;
        }
        HASH_FIND(by_name, p->by_name, e->name, strlen(e->name), namesake);
        if (namesake) {
                /* The first stands in the table, the others behind it. */
                e->namesake = namesake->namesake;
                namesake->namesake = e;
        } else {
                HASH_ADD_KEYPTR(by_name, p->by_name, e->name, strlen(e->name), e);
                if (!e->by_name.tbl)
                        return -ENOMEM;
        }
        *ret = e;
        return 0;
}

static int add_new(Planner *p, const ImportRow *row, Entry **ret) {
        p->plan->n_new_students++;
        return add_entry(p, &(ImportStudent) { .id = row->id, .first_name = row->first_name, .last_name = row->last_name, .line = row->line }, ret);
}

static int find_by_id(Planner *p, const ImportRow *row, Entry **ret) {
        const ImportStudent *s;
        Entry *e = NULL;

        HASH_FIND(by_id, p->by_id, &row->id, sizeof(row->id), e);
        if (!e)
                return add_new(p, row, ret);
        s = &e->student;
        if (strcmp(s->first_name, row->first_name) == 0 && strcmp(s->last_name, row->last_name) == 0) {
                *ret = e;
        } else if (s->existing) {
                import_complain(&p->complaints, row->line, "ID %" PRIu64 " is %s %s already", row->id, s->first_name, s->last_name);
        } else {
                import_complain(&p->complaints, row->line, "ID %" PRIu64 " is %s %s in line %u", row->id, s->first_name, s->last_name, s->line);
        }
        return 0;
}

static int find_by_name(Planner *p, const ImportRow *row, Entry **ret) {
        _cleanup_(freep) char *name = NULL;
        Entry *e = NULL;

        if (asprintf(&name, "%s\n%s", row->first_name, row->last_name) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        HASH_FIND(by_name, p->by_name, name, strlen(name), e);
        if (!e)
                return add_new(p, row, ret);
        if (e->namesake)
                import_complain(&p->complaints, row->line, "there are several students called %s %s: give the ID", row->first_name, row->last_name);
        else
                *ret = e;
        return 0;
}

static bool is_same_assessment(const Grade *a, const Grade *b) {
        return a->type == b->type && strcmp(a->title, b->title) == 0;
}

static int add_conflict(Planner *p, const ImportRow *row, const ImportStudent *s, uint32_t present) {
        ImportPlan *plan = p->plan;
        ImportConflict *more = reallocarray(plan->conflicts, plan->n_conflicts + 1, sizeof(*more));

        if (!more)
                return -ENOMEM;
        plan->conflicts = more;
        plan->conflicts[plan->n_conflicts++] = (ImportConflict) { row, s, present };
        return 0;
}

static int add_grade(Planner *p, const ImportRow *row, ImportStudent *s) {
        const ImportRow **more;

        for (size_t i = 0; s->existing && i < s->existing->n_grades; i++) {
                const Grade *g = s->existing->grades + i;

                if (!is_same_assessment(g, &row->grade))
                        continue;
                if (g->score_hundredths != row->grade.score_hundredths)
                        return add_conflict(p, row, s, g->score_hundredths);
                p->plan->n_unchanged++;
                return 0;
        }
        for (size_t i = 0; i < s->n_grades; i++) {
                const ImportRow *other = s->grades[i];

                if (!is_same_assessment(&other->grade, &row->grade))
                        continue;
                if (other->grade.score_hundredths != row->grade.score_hundredths) {
                        char score[SCORE_TEXT_SIZE];

                        score_format(other->grade.score_hundredths, score);
                        import_complain(&p->complaints, row->line, "%s of %s %s is %s in line %u", row->grade.title, s->first_name, s->last_name, score, other->line);
                }
                p->plan->n_unchanged++;
                return 0;
        }
        more = reallocarray(s->grades, s->n_grades + 1, sizeof(*more));
        if (!more)
                return -ENOMEM;
        s->grades = more;
        s->grades[s->n_grades++] = row;
        p->plan->n_new_grades++;
        return 0;
}

static int plan_row(Planner *p, const ImportRow *row) {
        Entry *e = NULL;
        int r;

        r = row->id > 0 ? find_by_id(p, row, &e) : find_by_name(p, row, &e);
        if (r < 0 || !e)
                return r;
        if (row->has_grade)
                return add_grade(p, row, &e->student);
        if (e->student.line != row->line)
                p->plan->n_unchanged++;
        return 0;
}

static int plan_all(Planner *p, const ImportRows *rows, const StudentList *present) {
        int r = 0;

        for (size_t i = 0; i < present->n_students && r >= 0; i++) {
                const Student *s = present->students[i];
                Entry *e;

                r = add_entry(p, &(ImportStudent) { .id = s->id, .first_name = s->first_name, .last_name = s->last_name, .existing = s }, &e);
        }
        /* Those with an ID first: a name without one may mean one of them, wherever it stands. */
        for (size_t pass = 0; pass < 2; pass++)
                for (size_t i = 0; i < rows->n_rows && r >= 0; i++)
                        if ((rows->rows[i].id == 0) == (pass == 1))
                                r = plan_row(p, rows->rows + i);
        return r;
}

int import_plan_make(const ImportRows *rows, const StudentList *present, ImportComplaint complaint, void *userdata, ImportPlan *ret) {
        Planner p = { .plan = ret, .complaints = { .complain = complaint, .userdata = userdata } };
        int r;

        *ret = (ImportPlan) {};
        r = plan_all(&p, rows, present);
        HASH_CLEAR(by_id, p.by_id);
        HASH_CLEAR(by_name, p.by_name);
        return r < 0 ? r : p.complaints.bad ? -EINVAL : 0;
}

void import_plan_deinit(ImportPlan *p) {
        for (size_t i = 0; i < p->n_students; i++) {
                Entry *e = CONTAINER_OF(p->students[i], Entry, student);

                free(e->student.grades);
                free(e->name);
                free(e);
        }
        free(p->students);
        free(p->conflicts);
        *p = (ImportPlan) {};
}
