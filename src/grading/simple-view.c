/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/simple-view.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Without memory for its table uthash leaves an element out and says so by this flag, instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

#include "grading/change.h"
#include "grading/class-view.h"
#include "wire/log-line.h"
#include "wire/student-summary.h"

#define JSON_CONTENT_TYPE "application/json"
#define ETAG_SIZE (ROW_ETAG_SIZE + BODY_ETAG_SIZE)

/* Something that is rendered once and sent many times. */
typedef struct Rendering {
        uint64_t student_id;            /* the key; 0: the list */
        uint64_t revision;              /* the book's that it shows */
        HttpBody *body;
        char etag[ETAG_SIZE];
        bool left_out;
        UT_hash_handle hh;
} Rendering;

struct SimpleView {
        const Book *book;
        Rendering *students;            /* uthash, the oldest first */
        size_t bytes;                   /* of their bodies */
        Rendering list, minimal_list;
        Rendering single;               /* of what is for one reader alone */
        uint64_t boot;                  /* random: revisions are counted anew by each process */
};

int simple_view_new(SimpleView **ret, const Book *book) {
        SimpleView *v = calloc(1, sizeof(*v));

        if (!v)
                return -ENOMEM;
        v->book = book;
        randombytes_buf(&v->boot, sizeof(v->boot));
        *ret = v;
        return 0;
}

static void forget(SimpleView *v, Rendering *rendering) {
        HASH_DEL(v->students, rendering);
        v->bytes -= http_body_size(rendering->body);
        http_body_unref(rendering->body);
        free(rendering);
}

SimpleView *simple_view_free(SimpleView *v) {
        if (!v)
                return NULL;
        while (v->students)
                forget(v, v->students);
        http_body_unref(v->list.body);
        http_body_unref(v->minimal_list.body);
        http_body_unref(v->single.body);
        free(v);
        return NULL;
}

static void write_text(Buffer *out, const char *s) {
        log_line_write_text(out, s, strlen(s));
}

static uint32_t score_of_100(const GradeRow *g) {
        const AssessmentRow *a = g->assessment;
        uint64_t of_100 = g->score_hundredths;

        if (a->maximum_hundredths != SCORE_MAX_HUNDREDTHS)
                of_100 = (2 * of_100 * SCORE_MAX_HUNDREDTHS + a->maximum_hundredths) / (2 * (uint64_t) a->maximum_hundredths);
        return (uint32_t) of_100;
}

int simple_view_write_grade(const GradeRow *g, Buffer *out) {
        const AssessmentRow *a = g->assessment;
        char score[SCORE_TEXT_SIZE];

        if (!grade_state_has_score(g->state))
                return -ENOENT;
        score_format(score_of_100(g), score);
        (void) buffer_puts(out, "{\"Title\":");
        write_text(out, a->title);
        (void) buffer_puts(out, ",\"Type\":\"");
        (void) buffer_puts(out, grade_type_name((GradeType) a->type));
        (void) buffer_puts(out, "\",\"Score\":");
        (void) buffer_puts(out, score);
        return buffer_puts(out, "}");
}

static bool is_shown(const Book *b, const Access *access, const GradeRow *g) {
        return grade_state_has_score(g->state) && (access_is_unlimited(access) || access_may(access, b, ACCESS_READ, KIND_GRADE, &g->row));
}

/* The average is that of the grades that are shown, as the portal computes it of the fixed form. */
static void write_summary(const Book *b, const Access *access, const StudentRow *s, Buffer *out) {
        StudentSummary summary = { .id = s->row.id, .first_name = s->first_name, .last_name = s->last_name };
        uint64_t sum = 0;

        for (size_t i = 0; i < s->grades.n; i++) {
                const GradeRow *g = (const GradeRow *) s->grades.rows[i];

                if (!is_shown(b, access, g))
                        continue;
                sum += score_of_100(g);
                summary.n_grades++;
        }
        summary.average_tenths = average_tenths(sum, (size_t) summary.n_grades);
        (void) student_summary_write(&summary, out);
}

static void write_student(const Book *b, const Access *access, const StudentRow *s, Buffer *out) {
        bool first = true;

        (void) buffer_printf(out, "{\"ID\":%" PRIu64 ",\"FirstName\":", s->row.id);
        write_text(out, s->first_name);
        (void) buffer_puts(out, ",\"LastName\":");
        write_text(out, s->last_name);
        (void) buffer_puts(out, ",\"Grades\":[");
        for (size_t i = 0; i < s->grades.n; i++) {
                const GradeRow *g = (const GradeRow *) s->grades.rows[i];

                if (!is_shown(b, access, g))
                        continue;
                if (!first)
                        (void) buffer_puts(out, ",");
                first = false;
                (void) simple_view_write_grade(g, out);
        }
        (void) buffer_puts(out, "]}");
}

/* Makes the body of what was written to text, in place of the one before. */
static int render(Rendering *rendering, const Buffer *text) {
        _cleanup_(http_body_unrefp) HttpBody *body = NULL;
        int r;

        if (text->error < 0)
                return text->error;
        r = http_body_new(&body, JSON_CONTENT_TYPE, buffer_text(text), text->size);
        if (r >= 0)
                r = http_body_add_header(body, "ETag", rendering->etag);
        if (r < 0)
                return r;
        http_body_unref(rendering->body);
        rendering->body = TAKE_PTR(body);
        return 0;
}

/* Who sees everything shares what is tagged by the revision. What others get is tagged by what it says, since a revision would tell of changes
 * to what is not shown to them. prefix: what the tag begins with, in its quotes. */
static void tag(const SimpleView *v, const Access *access, const char *prefix, uint64_t revision, const Buffer *text, Rendering *rendering) {
        char of_body[BODY_ETAG_SIZE];

        if (access_is_unlimited(access)) {
                (void) snprintf(rendering->etag, sizeof(rendering->etag), "\"%s%" PRIx64 "-%" PRIx64 "\"", prefix, v->boot, revision);
                return;
        }
        body_etag(text, of_body);
        (void) snprintf(rendering->etag, sizeof(rendering->etag), "\"%s%s", prefix, of_body + 1);
}

static int render_student(SimpleView *v, const Access *access, const StudentRow *s, Rendering *rendering) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        char prefix[ROW_ETAG_SIZE];

        write_student(v->book, access, s, &text);
        (void) snprintf(prefix, sizeof(prefix), "v%" PRIu64 ".", s->row.version);
        tag(v, access, prefix, s->revision, &text, rendering);
        return render(rendering, &text);
}

static int remember(SimpleView *v, const Access *access, const StudentRow *s, Rendering **ret) {
        Rendering *rendering = calloc(1, sizeof(*rendering));
        int r;

        if (!rendering)
                return -ENOMEM;
        rendering->student_id = s->row.id;
        rendering->revision = s->revision;
        r = render_student(v, access, s, rendering);
        if (r >= 0)
                HASH_ADD(hh, v->students, student_id, sizeof(rendering->student_id), rendering);
        if (r < 0 || rendering->left_out) {
                http_body_unref(rendering->body);
                free(rendering);
                return r < 0 ? r : -ENOMEM;
        }
        v->bytes += http_body_size(rendering->body);
        while (v->bytes > SIMPLE_VIEW_BYTES_MAX && v->students != rendering)
                forget(v, v->students);
        *ret = rendering;
        return 0;
}

int simple_view_student(SimpleView *v, const Access *access, const StudentRow *s, HttpBody **ret, const char **ret_etag) {
        Rendering *rendering = &v->single;
        int r = 0;

        if (access_is_unlimited(access)) {
                HASH_FIND(hh, v->students, &s->row.id, sizeof(s->row.id), rendering);
                if (rendering && rendering->revision != s->revision) {
                        forget(v, rendering);
                        rendering = NULL;
                }
                if (!rendering)
                        r = remember(v, access, s, &rendering);
        } else {
                r = render_student(v, access, s, rendering);
        }
        if (r < 0)
                return r;
        *ret = rendering->body;
        *ret_etag = rendering->etag;
        return 0;
}

static bool is_listed(const Book *b, const Access *access, const SimpleListQuery *q, const StudentRow *s) {
        const ClassRow *class = q->class_id > 0 ? book_class(b, q->class_id) : NULL;

        if (q->class_id > 0 && (!class || !book_enrolment_of(b, class, s->row.id)))
                return false;
        return access_may(access, b, ACCESS_READ, KIND_STUDENT, &s->row);
}

static int render_list(SimpleView *v, const Access *access, const SimpleListQuery *q, Rendering *rendering) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        uint64_t after = q->after;
        const Row *row;
        size_t n = 0;
        int r;

        (void) buffer_puts(&text, "[");
        while ((row = book_next(v->book, KIND_STUDENT, after)) && (q->limit == 0 || n < q->limit)) {
                after = row->id;
                if (!is_listed(v->book, access, q, (const StudentRow *) row))
                        continue;
                if (n++ > 0)
                        (void) buffer_puts(&text, ",");
                if (q->minimal)
                        write_summary(v->book, access, (const StudentRow *) row, &text);
                else
                        write_student(v->book, access, (const StudentRow *) row, &text);
        }
        (void) buffer_puts(&text, "]");
        tag(v, access, q->minimal ? "m" : "", book_revision(v->book), &text, rendering);
        r = render(rendering, &text);
        if (r >= 0)
                r = http_body_add_header(rendering->body, "Vary", "Prefer");
        if (r >= 0 && q->minimal)
                r = http_body_add_header(rendering->body, "Preference-Applied", SIMPLE_VIEW_MINIMAL);
        return r;
}

int simple_view_list(SimpleView *v, const Access *access, const SimpleListQuery *q, HttpBody **ret, const char **ret_etag) {
        bool whole = access_is_unlimited(access) && q->after == 0 && q->class_id == 0 && q->limit == 0;
        Rendering *rendering = !whole ? &v->single : q->minimal ? &v->minimal_list : &v->list;
        int r = 0;

        if (!whole || !rendering->body || rendering->revision != book_revision(v->book)) {
                r = render_list(v, access, q, rendering);
                if (r < 0)
                        return r;
                rendering->revision = book_revision(v->book);
        }
        *ret = rendering->body;
        *ret_etag = rendering->etag;
        return 0;
}
