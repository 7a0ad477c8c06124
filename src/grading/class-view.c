/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/class-view.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Without memory for its table uthash leaves an element out and says so by this flag, instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

#include "grading/class-sheet.h"
#include "wire/log-line.h"

#define ETAG_SIZE 64
#define KEY_KINDS 4             /* in one number with a class, whose id ends at 2^53 */

/* Something that is rendered once and sent many times. */
typedef struct Rendering {
        uint64_t key;           /* of class and kind */
        uint64_t revision;      /* the class's that it shows */
        HttpBody *body;
        char etag[ETAG_SIZE];
        bool left_out;
        UT_hash_handle hh;
} Rendering;

struct ClassView {
        const Book *book;
        Rendering *renderings;  /* uthash, the oldest first */
        size_t bytes;           /* of their bodies */
        Rendering single;       /* of what is for one reader alone */
        uint64_t boot;          /* random: revisions are counted anew by each process */
};

#define KEY_FOR_STUDENTS 2      /* added to the kind, for what all students of the class get alike */

_Static_assert(_CLASS_VIEW_KIND_MAX <= KEY_FOR_STUDENTS && _CLASS_VIEW_KIND_MAX + KEY_FOR_STUDENTS <= KEY_KINDS, "a key tells the kinds apart");

int class_view_new(ClassView **ret, const Book *book) {
        ClassView *v = calloc(1, sizeof(*v));

        if (!v)
                return -ENOMEM;
        v->book = book;
        randombytes_buf(&v->boot, sizeof(v->boot));
        *ret = v;
        return 0;
}

static void forget(ClassView *v, Rendering *rendering) {
        HASH_DEL(v->renderings, rendering);
        v->bytes -= http_body_size(rendering->body);
        http_body_unref(rendering->body);
        free(rendering);
}

ClassView *class_view_free(ClassView *v) {
        if (!v)
                return NULL;
        while (v->renderings)
                forget(v, v->renderings);
        http_body_unref(v->single.body);
        free(v);
        return NULL;
}

void body_etag(const Buffer *text, char ret[static BODY_ETAG_SIZE]) {
        unsigned char hash[16];
        char hex[2 * sizeof(hash) + 1];

        (void) crypto_generichash(hash, sizeof(hash), (const unsigned char *) buffer_text(text), text->size, NULL, 0);
        (void) sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
        (void) snprintf(ret, BODY_ETAG_SIZE, "\"%s\"", hex);
}

static void write_text(Buffer *out, const char *s) {
        if (s)
                log_line_write_text(out, s, strlen(s));
        else
                (void) buffer_puts(out, "null");
}

/* The grid */

/* A class has thousands of cells: printf() would take most of a grid's time. */
static void write_number(Buffer *out, uint64_t n) {
        char digits[20];
        size_t at = sizeof(digits);

        do
                digits[--at] = (char) ('0' + n % 10);
        while (n /= 10);
        (void) buffer_append(out, digits + at, sizeof(digits) - at);
}

static void write_cell(const GradeRow *g, Buffer *out) {
        char score[SCORE_TEXT_SIZE] = "null";

        if (!g) {
                (void) buffer_puts(out, "null");
                return;
        }
        if (grade_state_has_score(g->state))
                score_format(g->score_hundredths, score);
        (void) buffer_puts(out, "{\"ID\":");
        write_number(out, g->row.id);
        (void) buffer_puts(out, ",\"Version\":");
        write_number(out, g->row.version);
        (void) buffer_puts(out, ",\"State\":\"");
        (void) buffer_puts(out, grade_state_name((GradeState) g->state));
        (void) buffer_puts(out, "\",\"Score\":");
        (void) buffer_puts(out, score);
        (void) buffer_puts(out, ",\"Comment\":");
        write_text(out, g->comment);
        (void) buffer_puts(out, "}");
}

static void write_row(ClassSheet *s, size_t i, Buffer *out) {
        const StudentRow *student = s->students[i];
        Averages averages = {};
        int r;

        (void) buffer_printf(out, "%s{\"ID\":%" PRIu64 ",\"FirstName\":", i > 0 ? "," : "", student->row.id);
        write_text(out, student->first_name);
        (void) buffer_puts(out, ",\"LastName\":");
        write_text(out, student->last_name);
        (void) buffer_puts(out, ",\"Cells\":[");
        for (size_t k = 0; k < s->n_assessments; k++) {
                if (k > 0)
                        (void) buffer_puts(out, ",");
                write_cell(class_sheet_cell(s, i, k), out);
        }
        (void) buffer_puts(out, "]");
        r = class_sheet_averages(s, i, &averages);
        (void) class_sheet_write_averages(s, r, &averages, out);
        (void) buffer_puts(out, "}");
}

static int write_grid(const Book *b, ClassSheet *s, Buffer *out) {
        const Row *term = s->class->term_id > 0 ? book_find(b, KIND_TERM, s->class->term_id) : NULL;

        (void) buffer_puts(out, "{\"Class\":");
        (void) row_write(KIND_CLASS, &s->class->row, out);
        (void) buffer_puts(out, ",\"Term\":");
        if (term)
                (void) row_write(KIND_TERM, term, out);
        else
                (void) buffer_puts(out, "null");
        (void) buffer_puts(out, ",\"Assessments\":[");
        for (size_t i = 0; i < s->n_assessments; i++) {
                if (i > 0)
                        (void) buffer_puts(out, ",");
                (void) row_write(KIND_ASSESSMENT, &s->assessments[i]->row, out);
        }
        (void) buffer_puts(out, "],\"Students\":[");
        for (size_t i = 0; i < s->n_students; i++)
                write_row(s, i, out);
        return buffer_puts(out, "]}");
}

/* Statistics */

/* Whether they say too much of each to be shown to one of them. */
static bool is_withheld(const Access *access, size_t count) {
        return !class_view_is_whole(access) && !statistics_may_be_shown(count);
}

static int write_class_statistics(const Access *access, ClassSheet *s, Buffer *out) {
        size_t size = (s->n_students > 0 ? s->n_students : 1) * sizeof(uint32_t), n_so_far = 0, n_zero = 0;
        _cleanup_(freep) uint32_t *so_far = malloc(size), *zero = malloc(size);
        Statistics of_so_far, of_zero;
        int r;

        if (!so_far || !zero)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_students; i++) {
                Averages averages;

                r = class_sheet_averages(s, i, &averages);
                if (r < 0)
                        return r;
                if (averages.so_far.defined)
                        so_far[n_so_far++] = averages.so_far.hundredths;
                if (averages.blanks_as_zero.defined)
                        zero[n_zero++] = averages.blanks_as_zero.hundredths;
        }
        (void) buffer_printf(out, "{\"Class\":%" PRIu64, s->class->row.id);
        /* Both or none: that one alone may be shown would say how many the other has. */
        if (is_withheld(access, n_so_far < n_zero ? n_so_far : n_zero))
                return buffer_puts(out, ",\"Withheld\":true}");
        r = statistics_compute(so_far, n_so_far, 10000, &of_so_far);
        if (r >= 0)
                r = statistics_compute(zero, n_zero, 10000, &of_zero);
        if (r < 0)
                return r;
        (void) buffer_puts(out, ",\"SoFar\":");
        (void) statistics_write(&of_so_far, out);
        (void) buffer_puts(out, ",\"BlanksAsZero\":");
        (void) statistics_write(&of_zero, out);
        return buffer_puts(out, "}");
}

int class_view_write_assessment_statistics(const Book *b, const Access *access, const AssessmentRow *a, Buffer *out) {
        const ClassRow *class = book_class(b, a->class_id);
        _cleanup_(freep) uint32_t *scores = calloc(a->grades.n > 0 ? a->grades.n : 1, sizeof(*scores));
        char maximum[SCORE_TEXT_SIZE];
        Statistics statistics;
        size_t n = 0;
        int r;

        if (!scores)
                return -ENOMEM;
        for (size_t i = 0; i < a->grades.n; i++) {
                const GradeRow *g = (const GradeRow *) a->grades.rows[i];

                if (grade_state_has_score(g->state) && book_enrolment_of(b, class, g->student_id))
                        scores[n++] = g->score_hundredths;
        }
        (void) buffer_printf(out, "{\"Assessment\":%" PRIu64, a->row.id);
        if (is_withheld(access, n))
                return buffer_puts(out, ",\"Withheld\":true}");
        r = statistics_compute(scores, n, a->maximum_hundredths, &statistics);
        if (r < 0)
                return r;
        score_format(a->maximum_hundredths, maximum);
        (void) buffer_printf(out, ",\"Maximum\":%s,\"Statistics\":", maximum);
        (void) statistics_write(&statistics, out);
        return buffer_puts(out, "}");
}

/* Renderings */

/* A student's grid is its own; of a class's statistics it gets those of all, of what is released. */
static ClassSheetScope scope_of(const Access *access, ClassViewKind kind) {
        if (class_view_is_whole(access))
                return (ClassSheetScope) {};
        return (ClassSheetScope) { .released_only = true, .student_id = kind == CLASS_VIEW_GRID ? access->student_id : 0 };
}

int class_view_write(const Book *b, const Access *access, const ClassRow *class, ClassViewKind kind, Buffer *out) {
        _cleanup_(class_sheet_deinit) ClassSheet sheet = CLASS_SHEET_NULL;
        ClassSheetScope scope = scope_of(access, kind);
        int r;

        if (scope.student_id == 0 && (uint64_t) class->enrolments.n * class->assessments.n > CLASS_VIEW_CELLS_MAX)
                return -EFBIG;
        r = class_sheet_make(b, class, &scope, &sheet);
        if (r < 0)
                return r;
        return kind == CLASS_VIEW_GRID ? write_grid(b, &sheet, out) : write_class_statistics(access, &sheet, out);
}

/* Who sees all of the class shares what is tagged with its revision. What a student gets is tagged by what it says, since a revision would
 * tell of changes to what is not shown. */
static int render(ClassView *v, const Access *access, const ClassRow *class, ClassViewKind kind, Rendering *rendering) {
        _cleanup_(http_body_unrefp) HttpBody *body = NULL;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        int r;

        r = class_view_write(v->book, access, class, kind, &text);
        if (r >= 0)
                r = http_body_new(&body, "application/json", buffer_text(&text), text.size);
        if (r < 0)
                return r;
        if (class_view_is_whole(access))
                (void) snprintf(rendering->etag, sizeof(rendering->etag), "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", v->boot, rendering->key,
                                class->revision);
        else
                body_etag(&text, rendering->etag);
        r = http_body_add_header(body, "ETag", rendering->etag);
        if (r < 0)
                return r;
        http_body_unref(rendering->body);
        rendering->body = TAKE_PTR(body);
        return 0;
}

static int remember(ClassView *v, const Access *access, const ClassRow *class, ClassViewKind kind, uint64_t key, Rendering **ret) {
        Rendering *rendering = calloc(1, sizeof(*rendering));
        int r;

        if (!rendering)
                return -ENOMEM;
        rendering->key = key;
        rendering->revision = class->revision;
        r = render(v, access, class, kind, rendering);
        if (r >= 0)
                HASH_ADD(hh, v->renderings, key, sizeof(rendering->key), rendering);
        if (r < 0 || rendering->left_out) {
                http_body_unref(rendering->body);
                free(rendering);
                return r < 0 ? r : -ENOMEM;
        }
        v->bytes += http_body_size(rendering->body);
        while (v->bytes > CLASS_VIEW_BYTES_MAX && v->renderings != rendering)
                forget(v, v->renderings);
        *ret = rendering;
        return 0;
}

int class_view_get(ClassView *v, const Access *access, const ClassRow *class, ClassViewKind kind, HttpBody **ret, const char **ret_etag) {
        bool whole = class_view_is_whole(access);
        uint64_t key = class->row.id * KEY_KINDS + kind + (whole ? 0 : KEY_FOR_STUDENTS);
        Rendering *rendering = &v->single;
        int r = 0;

        if (whole || kind == CLASS_VIEW_STATISTICS) {
                HASH_FIND(hh, v->renderings, &key, sizeof(key), rendering);
                if (rendering && rendering->revision != class->revision) {
                        forget(v, rendering);
                        rendering = NULL;
                }
                if (!rendering)
                        r = remember(v, access, class, kind, key, &rendering);
        } else {
                r = render(v, access, class, kind, rendering);
        }
        if (r < 0)
                return r;
        *ret = rendering->body;
        *ret_etag = rendering->etag;
        return 0;
}
