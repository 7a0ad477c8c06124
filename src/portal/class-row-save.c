/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/parse.h"
#include "base/text.h"
#include "portal/asking.h"
#include "portal/change-internal.h"
#include "portal/class-grid.h"
#include "portal/class-row.h"
#include "portal/csrf.h"
#include "portal/forms.h"
#include "portal/row.h"
#include "portal/told.h"
#include "portal/typed.h"
#include "wire/json.h"

#define DIGITS "0123456789"

/* A student's row on its way to grading: one grade after the other, each a change of its own. What became of each is said beside it, and
 * what did not get there stays in the form. */
typedef struct RowSave {
        Portal *portal;
        Request *request;
        PageFrame frame;
        char *account;                  /* as grading said it with its last answer */
        json_object *cells;
        size_t at;                      /* which is being saved */
        size_t n_saved, n_left;
        uint64_t class_id, student_id, from;
        char key[CHANGE_KEY_SIZE];
        char path[96];                  /* of the page with the form */
} RowSave;

static RowSave *row_save_free(RowSave *s) {
        if (!s)
                return NULL;
        json_object_put(s->cells);
        free(s->account);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(RowSave, row_save_free);

static const char *field_or_empty(const RowSave *s, const char *name) {
        const char *text = request_form(s->request, name);

        return text ? text : "";
}

/* The form again, from what the browser has sent: it may be grading that is away. key: of the text above it; detail: more, or NULL. */
static void reply_again(RowSave *s, unsigned status, const char *key, const char *detail) {
        json_object *view = json_object_new_object();
        int r;

        s->frame.account = s->account;
        s->frame.section = "Classes";
        r = json_add_text(view, "ClassName", field_or_empty(s, "ClassName"));
        if (r >= 0)
                r = json_add_text(view, "StudentName", field_or_empty(s, "StudentName"));
        if (r >= 0)
                r = json_add_text(view, "Refused", language_text(s->frame.language, key));
        if (r >= 0)
                r = json_add_text(view, "Why", detail);
        if (r >= 0)
                r = json_add(view, "Failed", json_object_new_boolean(true));
        if (r >= 0)
                r = json_add(view, "HasAssessments", json_object_new_boolean(true));
        if (r >= 0)
                r = class_row_add_form(view, s->frame.language, s->class_id, s->student_id, s->from, s->key, TAKE_PTR(s->cells));
        if (r < 0) {
                json_object_put(view);
                view = NULL;
        }
        page_reply(s->request, s->portal, &s->frame, status, "class-row", view);
        row_save_free(s);
}

/* What was typed and is not saved waits in the browser over signing in; where it is too long for that, in the form. */
static void reply_sign_in(RowSave *s) {
        static const char *const members[] = { "State", "Score", "Comment", "Version" };
        _cleanup_(json_unrefp) json_object *typed = json_object_new_object();
        char name[64];
        int r = typed ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < json_object_array_length(s->cells); i++) {
                json_object *cell = json_object_array_get_idx(s->cells, i);

                for (size_t k = 0; r >= 0 && class_row_cell_is_changed(cell) && k < ELEMENTSOF(members); k++) {
                        (void) snprintf(name, sizeof(name), "%s-%s", members[k], row_text(cell, "ID"));
                        r = json_add_text(typed, name, row_text(cell, members[k]));
                }
        }
        if (r < 0 || !typed_keep(s->request, s->path, typed)) {
                reply_again(s, 403, "GridSignedOutForm", NULL);
                return;
        }
        page_redirect_to_sign_in(s->request, s->portal, s->path);
        row_save_free(s);
}

static void reply_away(RowSave *s, int error, unsigned status) {
        unsigned shown = 503;
        const char *key = page_upstream_key(error, status, &shown);

        portal_note_grading(s->portal, error, status);
        reply_again(s, shown, s->n_saved > 0 ? "GridSomeAway" : "GridNoneAway", language_text(s->frame.language, key));
}

static void reply_left(RowSave *s) {
        reply_again(s, 409, s->n_saved > 0 ? "GridSomeLeft" : "GridNoneSaved", NULL);
}

static void on_account(const HttpAnswer *answer, void *userdata) {
        RowSave *s = userdata;

        if (asking_session_needed(answer))
                reply_sign_in(s);
        else if (asking_account(answer, &s->account) < 0)
                reply_away(s, -ENOMEM, 0);
        else
                reply_left(s);
}

/* Where nothing was fit to be sent, grading has not said yet whose page it is. */
static bool ask_account(RowSave *s) {
        const Asking asking = { .method = "GET", .path = "/sessions/current", .session = s->frame.session };

        return !s->account && *s->frame.session && asking_begin(s->portal, s->request, &asking, on_account, s) >= 0;
}

static void reply_end(RowSave *s) {
        if (s->n_left > 0) {
                if (!ask_account(s))
                        reply_left(s);
                return;
        }
        told_set(s->request, s->n_saved > 0 ? "DoneRow" : "DoneRowNothing");
        page_redirect(s->request, s->portal, s->path);
        row_save_free(s);
}

static int say_saved(RowSave *s, json_object *cell, json_object *grade) {
        s->n_saved++;
        if (class_row_cell_see(cell, grade) < 0)
                return -ENOMEM;
        return json_add_text(cell, "Said", language_text(s->frame.language, "Saved"));
}

static int say_error(RowSave *s, json_object *cell, const char *key) {
        s->n_left++;
        return json_add_text(cell, "Error", language_text(s->frame.language, key));
}

/* Sent again it is put in the place of what is there, knowingly. */
static int say_conflict(RowSave *s, json_object *cell, json_object *current) {
        _cleanup_(freep) char *now = NULL, *text = NULL;
        _cleanup_(buffer_deinit) Buffer said = BUFFER_NULL;
        Language language = s->frame.language;

        if (class_row_cell_see(cell, current) < 0 || class_row_grade_text(current, &now) < 0 ||
            language_format(language, *now ? "ConflictNow" : "ConflictEmpty", "Value", now, &text) < 0)
                return -ENOMEM;
        if (!class_row_cell_is_changed(cell))
                return say_saved(s, cell, current); /* both have typed the same */
        s->n_left++;
        (void) buffer_printf(&said, "%s %s %s", language_text(language, "GridChangedBy"), text, language_text(language, "GridSendAgain"));
        return said.error < 0 ? said.error : json_add_text(cell, "Error", buffer_text(&said));
}

static int say_refused(RowSave *s, json_object *cell, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *problem = NULL;
        _cleanup_(freep) char *text = NULL;
        const char *detail = form_problem_detail(answer, &problem);
        json_object *current = NULL;

        if (answer->status == 409 && problem && json_object_object_get_ex(problem, "Current", &current))
                return say_conflict(s, cell, current);
        if (answer->status == 409 && problem && json_object_object_get_ex(problem, "Yours", NULL))
                return say_conflict(s, cell, NULL); /* it has been deleted */
        if (!detail)
                return say_error(s, cell, "Refused");
        s->n_left++;
        if (language_format(s->frame.language, "RefusedBecause", "Value", detail, &text) < 0)
                return -ENOMEM;
        return json_add_text(cell, "Error", text);
}

static void save_next(RowSave *s);

static void on_saved(const HttpAnswer *answer, void *userdata) {
        RowSave *s = userdata;
        json_object *cell = json_object_array_get_idx(s->cells, s->at);
        _cleanup_(json_unrefp) json_object *grade = NULL;
        _cleanup_(freep) char *account = NULL;
        int r;

        if (answer->error < 0 || answer->status >= 500 || answer->status == 429 || (answer->status == 401 && !asking_session_needed(answer))) {
                reply_away(s, answer->error, answer->status);
                return;
        }
        portal_note_grading(s->portal, 0, answer->status);
        if (asking_session_needed(answer)) {
                reply_sign_in(s);
                return;
        }
        r = asking_account(answer, &account);
        if (r >= 0 && account)
                r = text_replace(&s->account, account);
        if (r >= 0 && (answer->status == 200 || answer->status == 201))
                r = json_parse_object(answer->body, answer->size, &grade, NULL) < 0 ? -EPROTO : say_saved(s, cell, grade);
        else if (r >= 0 && answer->status == 403)
                r = say_error(s, cell, "DetailForbidden");
        else if (r >= 0 && answer->status == 404)
                r = say_error(s, cell, "DetailGone");
        else if (r >= 0)
                r = say_refused(s, cell, answer);
        s->at++;
        if (r < 0)
                reply_away(s, r, 0);
        else
                save_next(s);
}

static int save_cell(RowSave *s, json_object *cell, json_object *body) {
        const char *version = row_text(cell, "Version"), *id = row_text(cell, "ID");
        char path[96], tag[32], key[CHANGE_KEY_SIZE], derived[CHANGE_KEY_SIZE];
        Asking asking = { .method = "PUT", .path = path, .session = s->frame.session, .body = body, .key = derived };

        (void) snprintf(path, sizeof(path), "/assessments/%s/grades/%" PRIu64, id, s->student_id);
        (void) snprintf(tag, sizeof(tag), "\"v%s\"", version);
        if (strcmp(version, "0") == 0)
                asking.only_new = true;
        else
                asking.version = tag;
        /* The key is the form's: each of its changes has one, and another one once it is of another version. */
        change_derive_key(s->key, json_object_object_get(cell, "Was"), key);
        change_derive_key(key, body, derived);
        return asking_begin(s->portal, s->request, &asking, on_saved, s);
}

static void save_next(RowSave *s) {
        for (; s->at < json_object_array_length(s->cells); s->at++) {
                json_object *cell = json_object_array_get_idx(s->cells, s->at);
                _cleanup_(json_unrefp) json_object *body = NULL;
                const char *error;
                int r;

                if (!class_row_cell_is_changed(cell))
                        continue;
                r = class_row_cell_to_body(cell, &body, &error);
                if (r >= 0)
                        r = save_cell(s, cell, body);
                if (r >= 0)
                        return; /* on_saved() goes on */
                if (r == -EBADMSG)
                        r = say_error(s, cell, error);
                if (r < 0) {
                        reply_away(s, r, 0);
                        return;
                }
        }
        reply_end(s);
}

static int read_cells(RowSave *s) {
        const char *ids = field_or_empty(s, "IDs");

        s->cells = json_object_new_array();
        for (size_t n = 0; s->cells && *ids && n < CLASS_ROW_CELLS; n++) {
                size_t size = strspn(ids, DIGITS);
                json_object *cell;
                char id[24];
                int r;

                if (size == 0 || size >= sizeof(id))
                        break;
                (void) snprintf(id, sizeof(id), "%.*s", (int) size, ids);
                ids += size + (ids[size] == ',');
                r = class_row_cell_read(s->request, id, &cell);
                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                if (json_object_array_add(s->cells, cell) < 0) {
                        json_object_put(cell);
                        return -ENOMEM;
                }
        }
        return s->cells ? 0 : -ENOMEM;
}

/* It goes into a hash, and back on the page. */
static void read_key(RowSave *s) {
        const char *key = field_or_empty(s, CHANGE_KEY);

        if (strlen(key) == CHANGE_KEY_SIZE - 1 && strspn(key, DIGITS "abcdef") == strlen(key))
                (void) snprintf(s->key, sizeof(s->key), "%s", key);
        else
                change_make_key(s->key);
}

static RowSave *row_save_new(Request *r, Portal *p, uint64_t class_id, uint64_t student_id) {
        _cleanup_(row_save_freep) RowSave *s = calloc(1, sizeof(*s));
        const char *from = request_query(r, "from");

        if (!s)
                return NULL;
        s->portal = p;
        s->request = r;
        s->frame = page_frame(p, r);
        s->class_id = class_id;
        s->student_id = student_id;
        if (from)
                (void) parse_uint64(from, &s->from);
        (void) snprintf(s->path, sizeof(s->path), "/classes/%" PRIu64 "/students/%" PRIu64, class_id, student_id);
        if (s->from > 0)
                (void) snprintf(s->path + strlen(s->path), sizeof(s->path) - strlen(s->path), "?from=%" PRIu64, s->from);
        read_key(s);
        return read_cells(s) < 0 ? NULL : TAKE_PTR(s);
}

void post_class_row(Request *r, void *service) {
        Portal *p = service;
        uint64_t class_id, student_id;
        RowSave *s;

        if (request_param_uint64(r, "id", &class_id) < 0 || request_param_uint64(r, "student", &student_id) < 0) {
                page_fail(r, p, 404, "GridNoSuchRow", NULL);
                return;
        }
        if (!form_begin(r, p))
                return;
        s = row_save_new(r, p, class_id, student_id);
        if (!s)
                page_fail(r, p, 500, "NoMemory", NULL);
        else if (!*s->frame.session && portal_conf(p)->sign_in == SIGN_IN_ALWAYS)
                reply_sign_in(s);
        else if (*s->frame.session && !csrf_is_valid(r, s->frame.session))
                reply_again(s, 403, "FormTooOld", NULL);
        else
                save_next(s);
}
