/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/roster.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Without memory for its table uthash leaves an element out and says so by this flag, instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

#define JSON_CONTENT_TYPE "application/json"
#define ETAG_SIZE 48

/* Something that is rendered once and sent many times. */
typedef struct Rendering {
        HttpBody *body;                 /* NULL: it changed since */
        char etag[ETAG_SIZE];
} Rendering;

typedef struct Entry {
        Student student;
        uint64_t *grade_ids;            /* beside student.grades */
        size_t allocated;               /* of both */
        size_t n_reserved;
        Rendering rendering;
        bool left_out;
        UT_hash_handle hh;
} Entry;

struct Roster {
        Entry *by_id;                   /* hash */
        Entry **sorted;                 /* by id */
        size_t n_students;
        size_t allocated;
        size_t n_grades;
        Rendering list;
        uint64_t boot;                  /* random: versions are counted anew by each process */
        uint64_t version;
};

static Entry *entry_free(Entry *e) {
        if (!e)
                return NULL;
        for (size_t i = 0; i < e->student.n_grades; i++)
                grade_deinit(e->student.grades + i);
        free(e->student.grades);
        free(e->grade_ids);
        free(e->student.first_name);
        free(e->student.last_name);
        http_body_unref(e->rendering.body);
        free(e);
        return NULL;
}
DEFINE_CLEANUP(Entry, entry_free);

int roster_new(Roster **ret) {
        Roster *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        randombytes_buf(&r->boot, sizeof(r->boot));
        *ret = r;
        return 0;
}

Roster *roster_free(Roster *r) {
        if (!r)
                return NULL;
        HASH_CLEAR(hh, r->by_id);
        for (size_t i = 0; i < r->n_students; i++)
                entry_free(r->sorted[i]);
        free(r->sorted);
        http_body_unref(r->list.body);
        free(r);
        return NULL;
}

static Entry *roster_entry(const Roster *r, uint64_t id) {
        Entry *e;

        HASH_FIND(hh, r->by_id, &id, sizeof(id), e);
        return e;
}

/* The index of the first with an id that is not smaller. */
static size_t roster_position(const Roster *r, uint64_t id) {
        size_t low = 0, high = r->n_students;

        /* Students mostly come in the order of their ids. */
        if (high == 0 || r->sorted[high - 1]->student.id < id)
                return high;
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (r->sorted[middle]->student.id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int roster_reserve(Roster *r) {
        size_t allocated = r->allocated ? 2 * r->allocated : 64;
        Entry **sorted;

        if (r->n_students < r->allocated)
                return 0;
        sorted = reallocarray(r->sorted, allocated, sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        r->sorted = sorted;
        r->allocated = allocated;
        return 0;
}

static void rendering_forget(Rendering *rendering) {
        rendering->body = http_body_unref(rendering->body);
}

int roster_add_student(Roster *r, uint64_t id, const char *first_name, const char *last_name) {
        _cleanup_(entry_freep) Entry *e = NULL;
        size_t position;

        if (roster_entry(r, id))
                return -EEXIST;
        e = calloc(1, sizeof(*e));
        if (!e || roster_reserve(r) < 0)
                return -ENOMEM;
        e->student.id = id;
        e->student.first_name = strdup(first_name);
        e->student.last_name = strdup(last_name);
        if (!e->student.first_name || !e->student.last_name)
                return -ENOMEM;
        HASH_ADD(hh, r->by_id, student.id, sizeof(e->student.id), e);
        if (e->left_out)
                return -ENOMEM;

        position = roster_position(r, id);
        memmove(r->sorted + position + 1, r->sorted + position, (r->n_students - position) * sizeof(*r->sorted));
        r->sorted[position] = TAKE_PTR(e);
        r->n_students++;
        rendering_forget(&r->list);
        return 0;
}

static int entry_reserve(Entry *e) {
        size_t allocated = e->allocated ? 2 * e->allocated : 4;
        Grade *grades;
        uint64_t *ids;

        if (e->student.n_grades < e->allocated)
                return 0;
        grades = reallocarray(e->student.grades, allocated, sizeof(*grades));
        if (!grades)
                return -ENOMEM;
        e->student.grades = grades;
        ids = reallocarray(e->grade_ids, allocated, sizeof(*ids));
        if (!ids)
                return -ENOMEM;
        e->grade_ids = ids;
        e->allocated = allocated;
        return 0;
}

int roster_add_grade(Roster *r, uint64_t student_id, uint64_t grade_id, Grade *grade) {
        Entry *e = roster_entry(r, student_id);

        if (!e)
                return -ENOENT;
        if (entry_reserve(e) < 0)
                return -ENOMEM;
        e->grade_ids[e->student.n_grades] = grade_id;
        e->student.grades[e->student.n_grades++] = *grade;
        grade->title = NULL;
        r->n_grades++;
        rendering_forget(&e->rendering);
        rendering_forget(&r->list);
        return 0;
}

int roster_reserve_grade(Roster *r, uint64_t student_id, size_t max) {
        Entry *e = roster_entry(r, student_id);

        if (!e)
                return -ENOENT;
        if (e->student.n_grades + e->n_reserved >= max)
                return -E2BIG;
        e->n_reserved++;
        return 0;
}

void roster_release_grade(Roster *r, uint64_t student_id) {
        Entry *e = roster_entry(r, student_id);

        if (e && e->n_reserved > 0)
                e->n_reserved--;
}

size_t roster_students(const Roster *r) {
        return r->n_students;
}

size_t roster_grades(const Roster *r) {
        return r->n_grades;
}

uint64_t roster_last_id(const Roster *r) {
        return r->n_students > 0 ? r->sorted[r->n_students - 1]->student.id : 0;
}

const Student *roster_find(const Roster *r, uint64_t id) {
        const Entry *e = roster_entry(r, id);

        return e ? &e->student : NULL;
}

const Grade *roster_find_grade(const Roster *r, uint64_t student_id, uint64_t grade_id) {
        const Entry *e = roster_entry(r, student_id);

        for (size_t i = 0; e && i < e->student.n_grades; i++)
                if (e->grade_ids[i] == grade_id)
                        return e->student.grades + i;
        return NULL;
}

/* Makes the body of what was written to text. */
static int roster_render(Roster *r, Rendering *rendering, const Buffer *text) {
        _cleanup_(http_body_unrefp) HttpBody *body = NULL;
        int k;

        if (text->error < 0)
                return text->error;
        k = http_body_new(&body, JSON_CONTENT_TYPE, buffer_text(text), text->size);
        if (k < 0)
                return k;
        (void) snprintf(rendering->etag, sizeof(rendering->etag), "\"%016" PRIx64 "-%" PRIx64 "\"", r->boot, ++r->version);
        k = http_body_add_header(body, "ETag", rendering->etag);
        if (k < 0)
                return k;
        rendering->body = TAKE_PTR(body);
        return 0;
}

int roster_student_body(Roster *r, uint64_t id, HttpBody **ret, const char **ret_etag) {
        Entry *e = roster_entry(r, id);

        if (!e)
                return -ENOENT;
        if (!e->rendering.body) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
                int k;

                (void) student_write(&e->student, &text);
                k = roster_render(r, &e->rendering, &text);
                if (k < 0)
                        return k;
        }
        *ret = e->rendering.body;
        *ret_etag = e->rendering.etag;
        return 0;
}

int roster_list_body(Roster *r, HttpBody **ret, const char **ret_etag) {
        if (!r->list.body) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
                int k;

                (void) buffer_puts(&text, "[");
                for (size_t i = 0; i < r->n_students; i++) {
                        if (i > 0)
                                (void) buffer_puts(&text, ",");
                        (void) student_write(&r->sorted[i]->student, &text);
                }
                (void) buffer_puts(&text, "]");
                k = roster_render(r, &r->list, &text);
                if (k < 0)
                        return k;
        }
        *ret = r->list.body;
        *ret_etag = r->list.etag;
        return 0;
}
