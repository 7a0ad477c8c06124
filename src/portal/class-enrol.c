/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/parse.h"
#include "base/text.h"
#include "portal/asking.h"
#include "portal/class-nav.h"
#include "portal/classes.h"
#include "portal/csrf.h"
#include "portal/forms.h"
#include "portal/page-paths.h"
#include "portal/row.h"
#include "portal/search.h"
#include "portal/told.h"
#include "portal/typed.h"
#include "portal/views.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"
#include "wire/student.h"

/* Students are looked for, chosen, and put into the class one after the other: each is a change of its own at grading, and what was done
 * before one is refused stays done. The page then shows who is left. */

#define SHOWN_MAX 50
#define FIELD_SIZE 32           /* "s" and an ID */

static int make_enrol(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan enrol_page = {
        .template = "class-enrol",
        .section = "Classes",
        .not_found = "NoSuchClass",
        .has_form = true,
        .minimal = true,
        .is_for = class_is_run_by,
        .make = make_enrol,
};

static void field_of(uint64_t id, char ret[static FIELD_SIZE]) {
        (void) snprintf(ret, FIELD_SIZE, "s%" PRIu64, id);
}

static bool is_enrolled(json_object *enrolments, uint64_t student) {
        for (size_t i = 0; i < row_count(enrolments); i++)
                if (row_uint64(json_object_array_get_idx(enrolments, i), "Student") == student)
                        return true;
        return false;
}

/* By the name, or by the whole number. 1, 0, or -ENOMEM. */
static int is_found(json_object *row, const char *sought, Search *search) {
        const char *first = row_text(row, "FirstName"), *last = row_text(row, "LastName"), *number = row_text(row, "ID");

        if (sought && number && strcmp(number, sought) == 0)
                return 1;
        return search_matches(search, first ? first : "", last ? last : "");
}

static int add_student(const PageContext *c, json_object *row, json_object *list, Buffer *shown) {
        const char *first = row_text(row, "FirstName"), *last = row_text(row, "LastName");
        uint64_t id = row_uint64(row, "ID");
        _cleanup_(freep) char *name = NULL;
        char field[FIELD_SIZE];
        json_object *o;

        field_of(id, field);
        if (name_format(c->language, first ? first : "", last ? last : "", &name) < 0 || json_append_object(list, &o) < 0 ||
            json_add_uint64(o, "StudentID", id) < 0 || json_add_text(o, "StudentName", name) < 0 || json_add_text(o, "FieldName", field) < 0)
                return -ENOMEM;
        (void) buffer_printf(shown, "%s%" PRIu64, shown->size > 0 ? "," : "", id);
        return json_add(o, "Checked", json_object_new_boolean(c->typed && row_text(c->typed, field)));
}

static int add_students(const PageContext *c, const char *sought, json_object *students, json_object *enrolments, json_object *view) {
        _cleanup_(buffer_deinit) Buffer shown = BUFFER_NULL;
        _cleanup_(search_freep) Search *search = NULL;
        json_object *list = json_object_new_array();
        size_t n_more = 0;
        int r;

        if (json_add(view, "Found", list) < 0 || search_new(&search, sought ? sought : "") < 0)
                return -ENOMEM;
        for (size_t i = 0; i < row_count(students); i++) {
                json_object *row = json_object_array_get_idx(students, i);

                if (is_enrolled(enrolments, row_uint64(row, "ID")))
                        continue;
                r = is_found(row, sought, search);
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                if (row_count(list) == SHOWN_MAX)
                        n_more++;
                else if (add_student(c, row, list, &shown) < 0)
                        return -ENOMEM;
        }
        if (json_add(view, "HasFound", json_object_new_boolean(row_count(list) > 0)) < 0 || json_add_text(view, "Shown", buffer_text(&shown)) < 0)
                return -ENOMEM;
        return n_more > 0 ? json_add_uint64(view, "NMore", n_more) : 0;
}

/* Where the page is, with what is looked for. */
static int page_address(uint64_t class_id, const char *sought, Buffer *out) {
        (void) buffer_printf(out, "/classes/%" PRIu64 "/people/enrol", class_id);
        if (text_is_empty(sought))
                return out->error;
        (void) buffer_puts(out, "?q=");
        return urlencoded_write(out, sought, "");
}

static int make_enrol(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *students = NULL, *enrolments = NULL;
        _cleanup_(class_head_deinit) ClassHead head = {};
        _cleanup_(buffer_deinit) Buffer action = BUFFER_NULL;
        json_object *enrolment_rows = NULL;
        const char *sought = request_query(c->request, "q");
        int r = class_head_read(c, &head, problem);

        if (r >= 0)
                r = page_part_json(&c->parts[2], &students, problem);
        if (r >= 0)
                r = page_part_json(&c->parts[3], &enrolments, problem);
        if (r >= 0)
                r = row_list(enrolments, &enrolment_rows, problem);
        if (r >= 0 && students && !json_object_is_type(students, json_type_array))
                r = problem_set(problem, 400, "The students must be an array");
        if (r < 0)
                return r;
        r = class_nav_add(c, head.row, head.term, "TabPeople", view, problem);
        if (r >= 0)
                r = add_students(c, sought, students, enrolment_rows, view);
        if (r >= 0)
                r = page_address(row_uint64(head.row, "ID"), sought, &action);
        if (r < 0 || json_add_text(view, "Action", buffer_text(&action)) < 0 || json_add_text(view, "Sought", text_is_empty(sought) ? NULL : sought) < 0)
                return r < 0 ? r : -ENOMEM;
        return json_add(view, "MayChange", json_object_new_boolean(!class_is_locked(head.row, head.term)));
}

static void page_paths_of(uint64_t id, PagePaths *ret) {
        page_paths_add(ret, "/classes/%" PRIu64, id);
        page_paths_add(ret, "/terms?limit=10000&archived=yes");
        page_paths_add(ret, "/students");
        page_paths_add(ret, "/classes/%" PRIu64 "/enrolments?limit=10000", id);
}

void get_class_enrol(Request *r, void *service) {
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, service, "NoSuchClass", &id))
                return;
        page_paths_of(id, &paths);
        page_show(r, service, &enrol_page, paths.list, paths.n);
}

/* ---- those that were chosen ---- */

typedef struct Enrol {
        Portal *portal;
        Request *request;
        PageFrame frame;
        uint64_t class_id;
        uint64_t ids[SHOWN_MAX];
        size_t n, at;
        json_object *typed;             /* the boxes with a mark */
} Enrol;

static Enrol *enrol_free(Enrol *e) {
        if (e)
                json_object_put(e->typed);
        free(e);
        return NULL;
}
DEFINE_CLEANUP(Enrol, enrol_free);

/* text: in the reader's language; NULL: there was no memory for it. */
static void reply_again(Enrol *e, unsigned status, const char *text) {
        json_object *errors = json_object_new_object();
        PagePaths paths = {};

        if (json_add_text(errors, "", text) < 0) {
                json_object_put(errors);
                errors = NULL;
        }
        page_paths_of(e->class_id, &paths);
        page_show_again(e->request, e->portal, &enrol_page, paths.list, paths.n, status, TAKE_PTR(e->typed), errors);
}

static void reply_sign_in(Enrol *e) {
        _cleanup_(buffer_deinit) Buffer address = BUFFER_NULL;
        char path[PAGE_PATH_SIZE];

        (void) snprintf(path, sizeof(path), "/classes/%" PRIu64 "/people/enrol", e->class_id);
        typed_keep(e->request, path, e->typed);
        page_redirect_to_sign_in(e->request, e->portal, page_address(e->class_id, request_query(e->request, "q"), &address) < 0 ? path : buffer_text(&address));
}

static void reply_refused(Enrol *e, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *problem = NULL;
        _cleanup_(freep) char *said = NULL;
        const char *detail = form_problem_detail(answer, &problem);

        if (detail)
                (void) language_format(e->frame.language, "RefusedBecause", "Value", detail, &said);
        reply_again(e, answer->status, said ? said : language_text(e->frame.language, "Refused"));
}

static void enrol_next(Enrol *e);

static void on_enrolled(const HttpAnswer *answer, void *userdata) {
        _cleanup_(enrol_freep) Enrol *e = userdata;
        char field[FIELD_SIZE];

        portal_note_grading(e->portal, answer->error, answer->status);
        if (answer->error < 0 || answer->status >= 500) {
                /* Sent again, it goes on with those who are left: who is in the class already is not shown any more. */
                page_reply_upstream(e->request, e->portal, answer->error, answer->status, NULL);
        } else if (asking_session_needed(answer)) {
                reply_sign_in(e);
        } else if (answer->status != 201) {
                reply_refused(e, answer);
        } else {
                field_of(e->ids[e->at++], field);
                json_object_object_del(e->typed, field);
                enrol_next(TAKE_PTR(e));
        }
}

/* Takes e. */
static void enrol_next(Enrol *given) {
        _cleanup_(enrol_freep) Enrol *e = given;
        _cleanup_(json_unrefp) json_object *body = json_object_new_object();
        char path[PAGE_PATH_SIZE];
        int k;

        if (e->at == e->n) {
                (void) snprintf(path, sizeof(path), "/classes/%" PRIu64 "/people", e->class_id);
                told_set(e->request, "DoneEnrolled");
                page_redirect(e->request, e->portal, path);
                return;
        }
        (void) snprintf(path, sizeof(path), "/classes/%" PRIu64 "/enrolments", e->class_id);
        k = body ? json_add_uint64(body, "Student", e->ids[e->at]) : -ENOMEM;
        if (k >= 0)
                k = asking_begin(e->portal, e->request, &(Asking) { .method = "POST", .path = path, .session = e->frame.session, .body = body }, on_enrolled, e);
        if (k >= 0) {
                TAKE_PTR(e); /* on_enrolled() has it now */
                return;
        }
        portal_note_grading(e->portal, k, 0);
        page_reply_upstream(e->request, e->portal, k, 0, NULL);
}

/* Of those that the page had shown, the ones with a mark. */
static int read_chosen(Request *r, Enrol *e) {
        const char *shown = request_form(r, "Shown");
        _cleanup_(freep) char *copy = strdup(shown ? shown : "");
        char *rest = copy, *text;

        e->typed = json_object_new_object();
        if (!copy || !e->typed)
                return -ENOMEM;
        while (e->n < SHOWN_MAX && (text = strsep(&rest, ","))) {
                char field[FIELD_SIZE];
                uint64_t id;

                if (parse_uint64(text, &id) < 0)
                        continue;
                field_of(id, field);
                if (text_is_empty(request_form(r, field)))
                        continue;
                if (json_add_text(e->typed, field, "yes") < 0)
                        return -ENOMEM;
                e->ids[e->n++] = id;
        }
        return 0;
}

void post_class_enrol(Request *r, void *service) {
        _cleanup_(enrol_freep) Enrol *e = NULL;
        uint64_t id;

        if (!form_begin(r, service) || !page_id(r, service, "NoSuchClass", &id))
                return;
        e = calloc(1, sizeof(*e));
        if (!e) {
                page_fail(r, service, 500, "NoMemory", NULL);
                return;
        }
        *e = (Enrol) { .portal = service, .request = r, .frame = page_frame(service, r), .class_id = id };
        if (read_chosen(r, e) < 0)
                page_fail(r, service, 500, "NoMemory", NULL);
        else if (*e->frame.session && !csrf_is_valid(r, e->frame.session))
                reply_again(e, 403, language_text(e->frame.language, "FormTooOld"));
        else if (e->n == 0)
                reply_again(e, 400, language_text(e->frame.language, "EnrolNobody"));
        else
                enrol_next(TAKE_PTR(e));
}
