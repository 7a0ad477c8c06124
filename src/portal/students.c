/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "portal/page-show.h"
#include "portal/search.h"
#include "portal/views.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"
#include "wire/student-summary.h"

#define PER_PAGE 50u

typedef enum SortKey {
        SORT_NONE,                      /* as grading lists them */
        SORT_NAME,
        SORT_GRADES,
        SORT_AVERAGE,
        _SORT_KEY_MAX,
} SortKey;

static const struct {
        const char *name;               /* in the address; "-" before it turns it round */
        const char *member;             /* of the view */
} sort_keys[_SORT_KEY_MAX] = {
        [SORT_NONE] = { "", NULL },
        [SORT_NAME] = { "name", "ByName" },
        [SORT_GRADES] = { "grades", "ByGrades" },
        [SORT_AVERAGE] = { "average", "ByAverage" },
};

typedef struct Listed {
        StudentSummary student;         /* names are the answer's */
        char *name;                     /* folded; only where it is sorted by */
} Listed;

/* What the address asks for, and what of the students that is. */
typedef struct StudentList {
        const char *typed;              /* what is searched for; "": nothing */
        SortKey key;
        bool down;                      /* the greatest first */
        Listed *rows;                   /* those that were found */
        size_t n, n_all;
        size_t page, n_pages;           /* from 1 */
} StudentList;

void get_root(Request *r, void *service) {
        request_set_header(r, "Location", "/students");
        request_reply_empty(r, 308);
}

static void list_deinit(StudentList *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->rows[i].name);
        free(l->rows);
}

static void read_question(Request *r, StudentList *l) {
        const char *sort = request_query(r, "sort"), *page = request_query(r, "page");
        uint64_t n;

        l->typed = request_query(r, "q");
        if (!l->typed || text_is_blank(l->typed))
                l->typed = "";
        l->down = sort && *sort == '-';
        for (int k = 0; sort && k < _SORT_KEY_MAX; k++)
                if (strcmp(sort + l->down, sort_keys[k].name) == 0)
                        l->key = (SortKey) k;
        l->page = page && parse_uint64(page, &n) >= 0 && n > 0 && n < SIZE_MAX / PER_PAGE ? (size_t) n : 1;
}

/* Nobody is known by a number alone, but a number is what other systems have of a student. */
static int is_found(const StudentList *l, Search *search, const StudentSummary *s) {
        uint64_t id;

        if (parse_uint64(l->typed, &id) >= 0 && id == s->id)
                return 1;
        return search_matches(search, s->first_name, s->last_name);
}

static int take_students(StudentList *l, json_object *answer, Problem *problem) {
        _cleanup_(search_freep) Search *search = NULL;
        int r = search_new(&search, l->typed);

        l->n_all = json_object_array_length(answer);
        l->rows = calloc(l->n_all > 0 ? l->n_all : 1, sizeof(*l->rows));
        if (!l->rows)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < l->n_all; i++) {
                StudentSummary *s = &l->rows[l->n].student;

                r = student_summary_from_json(json_object_array_get_idx(answer, i), s, problem);
                if (r >= 0)
                        r = is_found(l, search, s);
                if (r > 0 && l->key == SORT_NAME)
                        r = search_fold_name(s->first_name, s->last_name, &l->rows[l->n].name) < 0 ? -ENOMEM : 1;
                l->n += r > 0;
        }
        return r < 0 ? r : 0;
}

static int compare_numbers(int64_t a, int64_t b) {
        return (a > b) - (a < b);
}

/* Who has no average comes last, whichever way. */
static int compare(const void *pa, const void *pb, void *userdata) {
        const StudentList *l = userdata;
        const Listed *a = pa, *b = pb;
        int c = 0;

        if (l->key == SORT_AVERAGE && (a->student.average_tenths < 0) != (b->student.average_tenths < 0))
                return a->student.average_tenths < 0 ? 1 : -1;
        if (l->key == SORT_AVERAGE)
                c = compare_numbers(a->student.average_tenths, b->student.average_tenths);
        else if (l->key == SORT_GRADES)
                c = compare_numbers((int64_t) a->student.n_grades, (int64_t) b->student.n_grades);
        else
                c = strcmp(a->name, b->name);
        if (c == 0)
                return compare_numbers((int64_t) a->student.id, (int64_t) b->student.id);
        return l->down ? -c : c;
}

static int add_student(json_object *list, const StudentSummary *s, Language language) {
        _cleanup_(freep) char *name = NULL;
        char average[AVERAGE_TEXT_SIZE];
        json_object *row;

        if (name_format(language, s->first_name, s->last_name, &name) < 0)
                return -ENOMEM;
        average_format_tenths(s->average_tenths, average);
        if (json_append_object(list, &row) < 0 || json_add_uint64(row, "ID", s->id) < 0 || json_add_text(row, "Name", name) < 0 ||
            json_add_uint64(row, "NGrades", s->n_grades) < 0 || json_add_text(row, "Average", average) < 0)
                return -ENOMEM;
        return 0;
}

/* Adds the address of the same list, sorted or turned to another page. */
static int add_link(json_object *view, const char *member, const StudentList *l, SortKey key, bool down, size_t page) {
        _cleanup_(buffer_deinit) Buffer link = BUFFER_NULL;
        const char *mark = "?";

        (void) buffer_puts(&link, "/students");
        if (*l->typed) {
                (void) buffer_puts(&link, "?q=");
                (void) urlencoded_write(&link, l->typed, "");
                mark = "&";
        }
        if (key != SORT_NONE) {
                (void) buffer_printf(&link, "%ssort=%s%s", mark, down ? "-" : "", sort_keys[key].name);
                mark = "&";
        }
        if (page > 1)
                (void) buffer_printf(&link, "%spage=%zu", mark, page);
        return link.error < 0 ? link.error : json_add_text(view, member, buffer_text(&link));
}

/* The head of each column: where it leads, and how it is sorted now. */
static int add_columns(json_object *view, const StudentList *l) {
        for (int k = SORT_NAME; k < _SORT_KEY_MAX; k++) {
                json_object *column = json_object_new_object();
                bool is_it = l->key == (SortKey) k;

                if (json_add(view, sort_keys[k].member, column) < 0 ||
                    json_add_text(column, "Direction", !is_it ? "none" : l->down ? "descending" : "ascending") < 0 ||
                    json_add(column, "Up", json_object_new_boolean(is_it && !l->down)) < 0 ||
                    json_add(column, "Down", json_object_new_boolean(is_it && l->down)) < 0 ||
                    add_link(column, "Link", l, (SortKey) k, is_it && !l->down, 1) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int add_pages(json_object *view, const StudentList *l, size_t first, size_t last) {
        if (json_add(view, "HasPages", json_object_new_boolean(l->n_pages > 1)) < 0 || json_add_uint64(view, "First", first + 1) < 0 ||
            json_add_uint64(view, "Last", last) < 0 || json_add_uint64(view, "Page", l->page) < 0 || json_add_uint64(view, "Pages", l->n_pages) < 0)
                return -ENOMEM;
        if (l->page > 1 && add_link(view, "Before", l, l->key, l->down, l->page - 1) < 0)
                return -ENOMEM;
        return l->page < l->n_pages ? add_link(view, "After", l, l->key, l->down, l->page + 1) : 0;
}

static int add_question(json_object *view, const StudentList *l) {
        char sort[16];

        (void) snprintf(sort, sizeof(sort), "%s%s", l->down ? "-" : "", sort_keys[l->key].name);
        if (json_add_text(view, "Typed", *l->typed ? l->typed : NULL) < 0 || json_add_text(view, "Sort", l->key == SORT_NONE ? NULL : sort) < 0 ||
            json_add_uint64(view, "Found", l->n) < 0 || json_add_uint64(view, "N", l->n_all) < 0 ||
            json_add(view, "IsOne", json_object_new_boolean(l->n_all == 1)) < 0 ||
            json_add(view, "HasStudents", json_object_new_boolean(l->n_all > 0)) < 0 ||
            json_add(view, "HasFound", json_object_new_boolean(l->n > 0)) < 0)
                return -ENOMEM;
        return 0;
}

static int show_list(StudentList *l, Language language, json_object *view) {
        json_object *list = json_object_new_array();
        size_t first, last;
        int r = json_add(view, "Students", list);

        if (l->key != SORT_NONE)
                qsort_r(l->rows, l->n, sizeof(*l->rows), compare, l);
        l->n_pages = l->n > 0 ? (l->n + PER_PAGE - 1) / PER_PAGE : 1;
        if (l->page > l->n_pages)
                l->page = l->n_pages;
        first = (l->page - 1) * PER_PAGE;
        last = l->n - first > PER_PAGE ? first + PER_PAGE : l->n;
        for (size_t i = first; r >= 0 && i < last; i++)
                r = add_student(list, &l->rows[i].student, language);
        if (r >= 0)
                r = add_question(view, l);
        if (r >= 0)
                r = add_columns(view, l);
        return r < 0 ? r : add_pages(view, l, first, last);
}

static int make(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *answer = NULL;
        _cleanup_(list_deinit) StudentList list = {};
        int r = page_part_json(&c->parts[0], &answer, problem);

        if (r < 0)
                return r;
        if (!json_object_is_type(answer, json_type_array))
                return problem_set(problem, 502, "The list of students is not an array");
        read_question(c->request, &list);
        r = take_students(&list, answer, problem);
        return r < 0 ? r : show_list(&list, c->language, view);
}

/* A student sees nobody else. */
static bool own_page(const Person *person, char ret[static PAGE_ELSEWHERE_SIZE]) {
        if (person->role != PERSON_STUDENT || person->student_id == 0)
                return false;
        (void) snprintf(ret, PAGE_ELSEWHERE_SIZE, "/students/%" PRIu64, person->student_id);
        return true;
}

void get_students(Request *r, void *service) {
        static const PagePlan plan = { .template = "students", .section = "Students", .minimal = true, .elsewhere = own_page, .make = make };
        static const char *const paths[] = { "/students" };

        page_show(r, service, &plan, paths, ELEMENTSOF(paths));
}
