/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "grading/exports.h"
#include "wire/log-line.h"

/* Everything that is kept about one person, as one JSON document. What a student gets of it has no drafts and no ledger. */

typedef struct Person {
        Export *e;
        Txn *t;
        Spool *out;
        bool any;                       /* in the array at hand */
} Person;

static void begin_element(Person *p) {
        (void) buffer_puts(&p->out->buffer, p->any ? "," : "");
        p->any = true;
}

static void begin_array(Person *p, const char *member) {
        (void) buffer_printf(&p->out->buffer, ",\"%s\":[", member);
        p->any = false;
}

static void end_array(Person *p) {
        (void) buffer_puts(&p->out->buffer, "]");
}

/* {"Enrolment":{…},"Class":{…}}: with what it refers to, so that it can be read without this service. */
static int write_pair(Person *p, const char *member, Kind kind, const Row *row, const char *other_member, Kind other_kind, const Row *other) {
        Buffer *b = &p->out->buffer;

        begin_element(p);
        (void) buffer_printf(b, "{\"%s\":", member);
        (void) row_write(kind, row, b);
        (void) buffer_printf(b, ",\"%s\":", other_member);
        (void) row_write(other_kind, other, b);
        (void) buffer_puts(b, "}");
        return spool_yield(p->out);
}

static int write_enrolment(Row *row, void *userdata) {
        Person *p = userdata;
        Row *class;
        int r = txn_get(p->t, KIND_CLASS, ((EnrolmentRow *) row)->class_id, &class);

        if (r >= 0) {
                r = write_pair(p, "Enrolment", KIND_ENROLMENT, row, "Class", KIND_CLASS, class);
                row_free(KIND_CLASS, class);
        }
        row_free(KIND_ENROLMENT, row);
        return r;
}

static int write_grade(Row *row, void *userdata) {
        Person *p = userdata;
        Row *assessment;
        int r = txn_get(p->t, KIND_ASSESSMENT, ((GradeRow *) row)->assessment_id, &assessment);

        if (r >= 0) {
                if (!p->e->own || ((AssessmentRow *) assessment)->released)
                        r = write_pair(p, "Grade", KIND_GRADE, row, "Assessment", KIND_ASSESSMENT, assessment);
                row_free(KIND_ASSESSMENT, assessment);
        }
        row_free(KIND_GRADE, row);
        return r;
}

static int write_account(Row *row, void *userdata) {
        Person *p = userdata;

        begin_element(p);
        (void) row_write(KIND_ACCOUNT, row, &p->out->buffer);
        row_free(KIND_ACCOUNT, row);
        return spool_yield(p->out);
}

static int write_entry(const LedgerEntry *entry, void *userdata) {
        Person *p = userdata;
        Buffer *b = &p->out->buffer;
        int r;

        begin_element(p);
        r = ledger_entry_write(b, entry);
        /* Its line feed is between the lines of an export of its own. */
        if (r >= 0 && b->size > 0 && b->data[b->size - 1] == '\n')
                b->data[--b->size] = 0;
        return r < 0 ? r : spool_yield(p->out);
}

int export_write_student(Export *e, Txn *t, Spool *out) {
        Person p = { .e = e, .t = t, .out = out };
        Row *student;
        int r;

        r = txn_get(t, KIND_STUDENT, e->id, &student);
        if (r == -ENOENT)
                return problem_set(&e->job.problem, 404, "There is no student with this ID");
        if (r < 0)
                return r;
        (void) buffer_printf(&out->buffer, "{\"Sequence\":%" PRIu64 ",\"Student\":", e->sequence);
        r = row_write(KIND_STUDENT, student, &out->buffer);
        row_free(KIND_STUDENT, student);
        if (r < 0)
                return r;
        begin_array(&p, "Enrolments");
        r = txn_each(t, KIND_ENROLMENT, TXN_OF_STUDENT, e->id, write_enrolment, &p);
        end_array(&p);
        begin_array(&p, "Grades");
        if (r >= 0)
                r = txn_each(t, KIND_GRADE, TXN_OF_STUDENT, e->id, write_grade, &p);
        end_array(&p);
        begin_array(&p, "Accounts");
        if (r >= 0)
                r = txn_each(t, KIND_ACCOUNT, TXN_OF_STUDENT, e->id, write_account, &p);
        end_array(&p);
        if (r >= 0 && !e->own) {
                begin_array(&p, "Ledger");
                r = txn_ledger(t, &(TxnLedgerQuery) { .kind = -1, .student_id = e->id }, write_entry, &p);
                end_array(&p);
        }
        return r < 0 ? r : buffer_puts(&out->buffer, "}\n");
}
