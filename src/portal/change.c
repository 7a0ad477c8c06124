/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/change.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "portal/asking.h"
#include "portal/change-internal.h"
#include "portal/csrf.h"
#include "portal/forms.h"
#include "portal/told.h"
#include "portal/typed.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"

#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdef"

/* A change on its way to grading and back. */
typedef struct Change {
        Portal *portal;
        Request *request;
        const ChangePlan *plan;
        PageFrame frame;
        json_object *typed, *errors;
        char *path, *form, *next, *next_made;   /* as in ChangePaths */
        char *page[PAGE_PARTS_MAX];
        size_t n_page;
} Change;

static Change *change_free(Change *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n_page; i++)
                free(c->page[i]);
        free(c->path);
        free(c->form);
        free(c->next);
        free(c->next_made);
        json_object_put(c->typed);
        json_object_put(c->errors);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Change, change_free);

/* The page with the form again. error: what is said of the whole, text of the reader's language; NULL: the errors are the fields' own. */
static void reply_again(Change *c, unsigned status, const char *error) {
        json_object *errors = c->errors;

        if (error && json_add_text(errors, "", error) < 0) {
                json_object_put(errors);
                errors = NULL;
        }
        c->errors = NULL;
        page_show_again(c->request, c->portal, c->plan->page, (const char *const *) c->page, c->n_page, status, TAKE_PTR(c->typed), errors);
}

static void reply_again_key(Change *c, unsigned status, const char *key) {
        reply_again(c, status, language_text(c->frame.language, key));
}

/* Passwords are not kept anywhere, not even in the browser. */
static void forget_secrets(const Change *c) {
        for (const FormField *f = c->plan->fields; f && f->name; f++)
                if (f->kind == FIELD_SECRET)
                        json_object_object_del(c->typed, f->name);
}

static void reply_sign_in(const Change *c) {
        forget_secrets(c);
        (void) typed_keep(c->request, c->form, c->typed);
        page_redirect_to_sign_in(c->request, c->portal, c->form);
}

/* Grading is away: the form on a page of its own, which needs nothing of grading. */
static int kept_view(const Change *c, int error, unsigned status, json_object **ret, unsigned *ret_status) {
        _cleanup_(json_unrefp) json_object *view = json_object_new_object();
        const char *what = page_upstream_key(error, status, ret_status);
        json_object *form = json_object_new_object();

        if (json_add(view, "Form", form) < 0 || json_add_text(view, "What", language_text(c->frame.language, what)) < 0 ||
            json_add_text(view, "Heading", language_text(c->frame.language, c->plan->title)) < 0 || json_add_text(view, "Back", c->form) < 0)
                return -ENOMEM;
        forget_secrets(c);
        if (change_form_view(c->frame.language, c->plan, request_path(c->request), change_text(c->typed, CHANGE_VERSION),
                             change_text(c->typed, CHANGE_KEY), c->typed, NULL, NULL, form) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(view);
        return 0;
}

static void reply_away(const Change *c, int error, unsigned status) {
        json_object *view = NULL;
        unsigned shown = 503;

        portal_note_grading(c->portal, error, status);
        if (kept_view(c, error, status, &view, &shown) < 0)
                view = NULL;
        page_reply(c->request, c->portal, &c->frame, shown, "kept", view);
}

/* What somebody else made of it meanwhile, beside each field where it is not what was typed. Sent again, it is changed knowingly. */
static void reply_conflict(Change *c, json_object *current) {
        static const FormField none[] = { {} };
        _cleanup_(json_unrefp) json_object *now = NULL;
        const char *version = change_text(current, "Version");
        Language language = c->frame.language;
        int r = (c->plan->from_row ? c->plan->from_row : form_from_row)(c->plan->fields ? c->plan->fields : none, current, &now);

        for (const FormField *f = c->plan->fields; r >= 0 && f && f->name; f++) {
                const char *theirs = change_text(now, f->name), *mine = change_text(c->typed, f->name);
                _cleanup_(freep) char *text = NULL;

                if (strcmp(theirs ? theirs : "", mine ? mine : "") == 0)
                        continue;
                r = language_format(language, text_is_empty(theirs) ? "ConflictEmpty" : "ConflictNow", "Value", theirs ? theirs : "", &text);
                if (r >= 0)
                        r = json_add_text(c->errors, f->name, text);
        }
        if (r >= 0 && version)
                r = json_add_text(c->typed, CHANGE_VERSION, version);
        reply_again_key(c, 409, "Conflict");
}

/* The field of that name, or the first one of several that are together a member: "TypeWeights.Quiz" of "TypeWeights". */
static const FormField *find_field(const Change *c, const char *name, size_t size) {
        for (const FormField *f = c->plan->fields; f && f->name; f++)
                if (strncmp(f->name, name, size) == 0 && (f->name[size] == '\0' || f->name[size] == '.'))
                        return f;
        return NULL;
}

/* The field that grading's words are about: they have its name in quotes. NULL: none of this form's. */
static const FormField *field_of(const Change *c, const char *detail) {
        const char *open, *close;

        for (const char *s = detail; (open = strchr(s, '\'')) && (close = strchr(open + 1, '\'')); s = close + 1) {
                const FormField *f = find_field(c, open + 1, (size_t) (close - open - 1));

                if (f)
                        return f;
        }
        return NULL;
}

static void reply_refused(Change *c, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *problem = NULL;
        _cleanup_(freep) char *said = NULL;
        const char *detail = form_problem_detail(answer, &problem);
        const FormField *field = detail ? field_of(c, detail) : NULL;
        json_object *current = NULL;

        if (answer->status == 409 && problem && json_object_object_get_ex(problem, "Current", &current) && json_object_is_type(current, json_type_object))
                reply_conflict(c, current);
        else if (field && json_add_text(c->errors, field->name, detail) >= 0)
                reply_again(c, answer->status, NULL);
        else if (detail && language_format(c->frame.language, "RefusedBecause", "Value", detail, &said) >= 0)
                reply_again(c, answer->status, said);
        else
                reply_again_key(c, answer->status, "Refused");
}

static void reply_answer(Change *c, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *row = NULL;
        _cleanup_(freep) char *account = NULL;
        json_object *view = json_object_new_object();

        if (json_parse_object(answer->body, answer->size, &row, NULL) < 0 || asking_account(answer, &account) < 0 || !view ||
            c->plan->answer_view(c->frame.language, row, view) < 0) {
                json_object_put(view);
                view = NULL;
        }
        c->frame.account = account;
        c->frame.script = c->plan->answer_script;
        page_reply(c->request, c->portal, &c->frame, 200, c->plan->answer_template, view);
}

static void reply_done(const Change *c, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *row = NULL;
        _cleanup_(freep) char *made = NULL;
        const char *id = NULL;

        if (c->next_made && json_parse_object(answer->body, answer->size, &row, NULL) >= 0)
                id = change_text(row, "ID");
        if (id && asprintf(&made, "%s%s", c->next_made, id) < 0)
                made = NULL;
        if (c->plan->done)
                told_set(c->request, c->plan->done);
        page_redirect(c->request, c->portal, made ? made : c->next ? c->next : c->form);
}

static void on_answer(const HttpAnswer *answer, void *userdata) {
        _cleanup_(change_freep) Change *c = userdata;
        _cleanup_(freep) char *wait = NULL;

        if (answer->error < 0) {
                reply_away(c, answer->error, 0);
                return;
        }
        if (asking_session_needed(answer)) {
                reply_sign_in(c);
                return;
        }
        switch (answer->status) {
        case 200:
        case 201:
        case 204:
                portal_note_grading(c->portal, 0, answer->status);
                if (c->plan->answer_template)
                        reply_answer(c, answer);
                else
                        reply_done(c, answer);
                break;
        case 403:
                reply_again_key(c, 403, "DetailForbidden");
                break;
        case 404:
                page_fail(c->request, c->portal, 404, "DetailGone", NULL);
                break;
        case 429:
                reply_again(c, 429, form_wait_text(c->frame.language, answer, &wait) < 0 ? NULL : wait);
                break;
        case 400:
        case 409:
        case 413:
        case 422:
                reply_refused(c, answer);
                break;
        default:
                reply_away(c, 0, answer->status);
        }
}

void change_derive_key(const char *key, json_object *body, char ret[static CHANGE_KEY_SIZE]) {
        unsigned char hash[CHANGE_KEY_SIZE / 2];
        crypto_generichash_state state;
        size_t size;
        const char *text = json_text(body, &size);

        (void) crypto_generichash_init(&state, NULL, 0, sizeof(hash));
        (void) crypto_generichash_update(&state, (const unsigned char *) key, strlen(key));
        if (text)
                (void) crypto_generichash_update(&state, (const unsigned char *) text, size);
        (void) crypto_generichash_final(&state, hash, sizeof(hash));
        (void) sodium_bin2hex(ret, CHANGE_KEY_SIZE, hash, sizeof(hash));
}

/* To delete something has no body: why it is done stands in the query. */
static int add_reason(Change *c, json_object *body) {
        const char *reason = change_text(body, "Reason");
        _cleanup_(buffer_deinit) Buffer path = BUFFER_NULL;

        if (text_is_empty(reason))
                return 0;
        (void) buffer_printf(&path, "%s?reason=", c->path);
        (void) urlencoded_write(&path, reason, "");
        return path.error < 0 ? path.error : text_replace(&c->path, buffer_text(&path));
}

static int ask(Change *c, json_object *body) {
        const char *version = change_text(c->typed, CHANGE_VERSION), *key = change_text(c->typed, CHANGE_KEY);
        char tag[32], derived[CHANGE_KEY_SIZE];
        bool has_body = strcmp(c->plan->method, "DELETE") != 0;
        Asking asking = { .method = c->plan->method, .session = c->frame.session, .body = has_body ? body : NULL };

        if (!has_body && add_reason(c, body) < 0)
                return -ENOMEM;
        asking.path = c->path;
        if (version) {
                (void) snprintf(tag, sizeof(tag), "\"v%s\"", version);
                asking.version = tag;
        }
        if (key) {
                change_derive_key(key, body, derived);
                asking.key = derived;
        }
        return asking_begin(c->portal, c->request, &asking, on_answer, c);
}

/* These go into headers: what is not as this portal writes it is taken as not there. */
static int read_hidden(Change *c, const char *name, const char *characters, size_t max) {
        const char *s = request_form(c->request, name);

        if (text_is_empty(s) || strlen(s) > max || strspn(s, characters) != strlen(s))
                return 0;
        return json_add_text(c->typed, name, s);
}

static int read_form(Change *c) {
        static const FormField none[] = { {} };
        int r = form_read(c->request, c->plan->fields ? c->plan->fields : none, c->frame.language, &c->typed, &c->errors);

        if (r >= 0)
                r = json_add_text(c->typed, CHANGE_FORM, c->plan->name);
        if (r >= 0)
                r = read_hidden(c, CHANGE_KEY, HEX_DIGITS, CHANGE_KEY_SIZE - 1);
        if (r >= 0)
                r = read_hidden(c, CHANGE_VERSION, DIGITS, 19);
        return r;
}

static int copy(const char *s, char **ret) {
        *ret = s ? strdup(s) : NULL;
        return s && !*ret ? -ENOMEM : 0;
}

static Change *change_new(Request *r, Portal *p, const ChangePlan *plan, const ChangePaths *paths) {
        _cleanup_(change_freep) Change *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        c->portal = p;
        c->request = r;
        c->plan = plan;
        c->frame = page_frame(p, r);
        c->frame.section = plan->page->section;
        if (copy(paths->change, &c->path) < 0 || copy(paths->form, &c->form) < 0 || copy(paths->next, &c->next) < 0 ||
            copy(paths->next_made, &c->next_made) < 0)
                return NULL;
        for (; c->n_page < paths->n_page; c->n_page++)
                if (copy(paths->page[c->n_page], &c->page[c->n_page]) < 0)
                        return NULL;
        return read_form(c) < 0 ? NULL : TAKE_PTR(c);
}

void change_begin(Request *r, Portal *p, const ChangePlan *plan, const ChangePaths *paths) {
        _cleanup_(change_freep) Change *c = NULL;
        _cleanup_(json_unrefp) json_object *body = NULL;
        int k;

        if (!form_begin(r, p))
                return;
        c = change_new(r, p, plan, paths);
        if (!c) {
                page_fail(r, p, 500, "NoMemory", NULL);
                return;
        }
        if (!*c->frame.session && portal_conf(p)->sign_in == SIGN_IN_ALWAYS) {
                reply_sign_in(c);
                return;
        }
        /* A form of another session, such as one before signing in again: what was typed stays, and is looked at before it is sent. */
        if (*c->frame.session && !csrf_is_valid(r, c->frame.session)) {
                reply_again_key(c, 403, "FormTooOld");
                return;
        }
        k = plan->fields ? form_to_body(plan->fields, c->typed, &body) : 0;
        if (k >= 0 && !body)
                k = (body = json_object_new_object()) ? 0 : -ENOMEM;
        if (k >= 0 && plan->finish)
                k = plan->finish(r, c->frame.language, c->typed, body, c->errors);
        if (k >= 0 && json_object_object_length(c->errors) > 0) {
                reply_again(c, 400, NULL);
                return;
        }
        if (k >= 0)
                k = ask(c, body);
        if (k < 0) {
                reply_away(c, k, 0);
                return;
        }
        TAKE_PTR(c); /* on_answer() has it now */
}
