/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "grading/adopt.h"
#include "grading/import-internal.h"

static void free_student(ImportStudent *s) {
        if (!s)
                return;
        free(s->first_name);
        free(s->last_name);
        free(s->name);
        free(s);
}

static ImportStudent *find_by_id(const Import *i, uint64_t id) {
        ImportStudent *s = NULL;

        HASH_FIND(by_id, i->by_id, &id, sizeof(id), s);
        return s;
}

/* Takes it, in every case. Namesakes stand in one chain behind the first. */
static int keep(Import *i, ImportStudent *s) {
        ImportStudent *namesake = NULL;

        s->next = i->students;
        i->students = s;
        s->index = ++i->n_students;
        HASH_ADD(by_id, i->by_id, id, sizeof(s->id), s);
        if (!s->by_id.tbl)
                return -ENOMEM;
        HASH_FIND(by_name, i->by_name, s->name, strlen(s->name), namesake);
        if (namesake) {
                s->namesake = namesake->namesake;
                namesake->namesake = s;
                return 0;
        }
        HASH_ADD_KEYPTR(by_name, i->by_name, s->name, strlen(s->name), s);
        return s->by_name.tbl ? 0 : -ENOMEM;
}

static int add_student(Import *i, uint64_t id, const char *first_name, const char *last_name, ImportStudent **ret) {
        ImportStudent *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->id = id;
        s->n_grades = UINT64_MAX;
        if (text_replace(&s->first_name, first_name) < 0 || text_replace(&s->last_name, last_name) < 0 ||
            asprintf(&s->name, "%s\n%s", first_name, last_name) < 0) {
                free_student(s);
                return -ENOMEM;
        }
        r = keep(i, s);
        if (r >= 0)
                *ret = s;
        return r;
}

static int load_student(Row *row, void *userdata) {
        StudentRow *student = (StudentRow *) row;
        ImportStudent *s;
        int r = add_student(userdata, row->id, student->first_name, student->last_name, &s);

        row_free(KIND_STUDENT, row);
        return r;
}

static int load_enrolment(Row *row, void *userdata) {
        ImportStudent *s = find_by_id(userdata, ((EnrolmentRow *) row)->student_id);

        if (s)
                s->enrolled = true;
        row_free(KIND_ENROLMENT, row);
        return 0;
}

int import_load_students(Import *i) {
        int r = txn_each(i->t, KIND_STUDENT, TXN_OF_ALL, 0, load_student, i);

        return r < 0 ? r : txn_each(i->t, KIND_ENROLMENT, TXN_OF_CLASS, i->options->class_id, load_enrolment, i);
}

void import_free_students(Import *i) {
        HASH_CLEAR(by_id, i->by_id);
        HASH_CLEAR(by_name, i->by_name);
        while (i->students) {
                ImportStudent *s = i->students;

                i->students = s->next;
                free_student(s);
        }
}

static int enrol(Import *i, uint64_t student_id) {
        EnrolmentRow *e = (EnrolmentRow *) row_new(KIND_ENROLMENT);
        int r;

        if (!e)
                return -ENOMEM;
        e->class_id = i->options->class_id;
        e->student_id = student_id;
        r = txn_create_sought(i->t, KIND_ENROLMENT, &e->row, NULL);
        if (r < 0)
                row_free(KIND_ENROLMENT, &e->row);
        return r;
}

/* 1; 0 with the row's error. Both names are looked at. */
static int read_names(Import *i, StudentRow *student) {
        static const ImportColumn columns[] = { IMPORT_FIRST_NAME, IMPORT_LAST_NAME };
        bool good = true;

        for (size_t k = 0; k < ELEMENTSOF(columns); k++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                int r = row_set_text(KIND_STUDENT, &student->row, import_columns[columns[k]], import_cell(i, columns[k]), &problem);

                if (r == -EBADMSG) {
                        import_error(i, columns[k], "%s must be a text of 1 to %d characters, without control characters",
                                     import_columns[columns[k]], PERSON_NAME_MAX);
                        good = false;
                } else if (r < 0) {
                        return r;
                }
        }
        return good;
}

static int refuse_stranger(Import *i, const char *who) {
        import_report_error(i->report, i->row->line, import_column(i, IMPORT_ID), import_columns[IMPORT_ID],
                            "there is no student %s in the class: only an administrator adds one", who);
        return 0;
}

/* *ret NULL: the row's error is told. */
static int make_student(Import *i, uint64_t id, ImportStudent **ret) {
        StudentRow *student = (StudentRow *) row_new(KIND_STUDENT);
        int r;

        if (!student)
                return -ENOMEM;
        r = read_names(i, student);
        if (r > 0 && i->n_students >= i->options->students_max) {
                import_error(i, IMPORT_ID, "there are %" PRIu32 " students already, the most there may be (MaxStudents=)", i->n_students);
                r = 0;
        }
        if (r <= 0) {
                row_free(KIND_STUDENT, &student->row);
                return r;
        }
        student->row.id = id;
        /* Where grades in the fixed form go. */
        student->default_class_id = i->options->class_id == DEFAULT_CLASS_ID ? 0 : i->options->class_id;
        r = txn_create(i->t, KIND_STUDENT, &student->row, &id);
        if (r < 0) {
                row_free(KIND_STUDENT, &student->row);
                return import_refused(i, import_column(i, IMPORT_ID), import_columns[IMPORT_ID], r);
        }
        r = enrol(i, id);
        if (r >= 0)
                r = add_student(i, id, student->first_name, student->last_name, ret);
        if (r < 0)
                return r;
        (*ret)->fresh = (*ret)->enrolled = true;
        (*ret)->n_grades = 0;
        (*ret)->line = i->row->line;
        return 0;
}

static bool has_name(const Import *i, const ImportStudent *s) {
        const char *first = import_cell(i, IMPORT_FIRST_NAME), *last = import_cell(i, IMPORT_LAST_NAME);

        return (!*first && !*last) || (strcmp(first, s->first_name) == 0 && strcmp(last, s->last_name) == 0);
}

static int parse_id(const char *text, uint64_t *ret) {
        return parse_uint64(text, ret) < 0 || *ret < 1 || *ret > STUDENT_ID_MAX ? -EINVAL : 0;
}

static int register_known(Import *i, ImportStudent *s) {
        int r;

        if (!has_name(i, s)) {
                if (s->fresh)
                        import_error(i, IMPORT_ID, "ID %" PRIu64 " is %s %s in line %u", s->id, s->first_name, s->last_name, s->line);
                else
                        import_error(i, IMPORT_ID, "ID %" PRIu64 " is %s %s already", s->id, s->first_name, s->last_name);
                return 0;
        }
        if (s->enrolled)
                return 0;
        r = enrol(i, s->id);
        if (r < 0)
                return import_refused(i, import_column(i, IMPORT_ID), import_columns[IMPORT_ID], r);
        s->enrolled = s->joined = true;
        return 0;
}

int import_register_student(Import *i) {
        const char *text = import_cell(i, IMPORT_ID);
        ImportStudent *s;
        char who[48];
        uint64_t id;

        if (parse_id(text, &id) < 0) {
                import_error(i, IMPORT_ID, "ID \"%s\" is not a whole number from 1 to 2^53-1", text);
                return 0;
        }
        s = find_by_id(i, id);
        if (!i->options->may_enrol && (!s || !s->enrolled)) {
                (void) snprintf(who, sizeof(who), "with ID %" PRIu64, id);
                return refuse_stranger(i, who);
        }
        return s ? register_known(i, s) : make_student(i, id, &s);
}

/* Of those who are in the class one must be meant. Who is not may be, or not: only an ID says it. */
static int find_by_name(Import *i, ImportStudent **ret) {
        const char *first = import_cell(i, IMPORT_FIRST_NAME), *last = import_cell(i, IMPORT_LAST_NAME);
        ImportStudent *s = NULL, *elsewhere = NULL;
        _cleanup_(freep) char *name = NULL;
        size_t n = 0;

        if (asprintf(&name, "%s\n%s", first, last) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        HASH_FIND(by_name, i->by_name, name, strlen(name), s);
        for (; s; s = s->namesake) {
                if (s->enrolled) {
                        *ret = s;
                        n++;
                } else {
                        elsewhere = s;
                }
        }
        if (n > 1) {
                *ret = NULL;
                import_error(i, IMPORT_ID, "there are several students called %s %s: give the ID", first, last);
                return 0;
        }
        if (n == 1)
                return 0;
        if (!i->options->may_enrol) {
                name[strcspn(name, "\n")] = ' ';
                return refuse_stranger(i, name);
        }
        if (elsewhere) {
                import_error(i, IMPORT_ID, "there is a %s %s already, with ID %" PRIu64 ", who is not in the class: give this ID, or a new one",
                             first, last, elsewhere->id);
                return 0;
        }
        return make_student(i, 0, ret);
}

int import_find_student(Import *i, ImportStudent **ret) {
        const char *text = import_cell(i, IMPORT_ID);
        uint64_t id;

        *ret = NULL;
        if (!*text)
                return find_by_name(i, ret);
        /* What is wrong with it was told in the first pass. */
        if (parse_id(text, &id) >= 0)
                *ret = find_by_id(i, id);
        if (*ret && (!(*ret)->enrolled || !has_name(i, *ret)))
                *ret = NULL;
        return 0;
}

void import_tell_student(Import *i, ImportStudent *s) {
        _cleanup_(buffer_deinit) Buffer name = BUFFER_NULL;

        if (s->told || (!s->fresh && !s->joined))
                return;
        s->told = true;
        (void) buffer_printf(&name, "%s %s", s->first_name, s->last_name);
        import_report_item(i->report, &(ImportItem) { .line = i->row->line, .kind = s->fresh ? KIND_STUDENT : KIND_ENROLMENT, .action = IMPORT_ADD,
                           .student_id = s->id, .first_name = s->first_name, .last_name = s->last_name, .new = buffer_text(&name) });
}
