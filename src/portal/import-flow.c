/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "portal/asking.h"
#include "portal/csrf.h"
#include "portal/forms.h"
#include "portal/import-ask.h"
#include "portal/imports.h"
#include "portal/row.h"
#include "portal/told.h"
#include "wire/json.h"

/* A table on its way: which class it is for, what it would do, and, if that is what somebody has seen and wants, the doing.
 * Each step is a request to grading, with the rights of who asks. */

#define RUN_USEC (60 * USEC_PER_SEC)            /* grading does all of it in one transaction */
#define PLAN_BYTES 16
#define PLAN_SIZE (2 * PLAN_BYTES + 1)

/* The table on a page that needs nothing of grading, ready to be sent again. Takes a. key: of what is said. */
static void reply_kept(ImportAsk *a, unsigned status, const char *said, bool sign_in) {
        json_object *view = json_object_new_object();

        if (!view || import_ask_add_fields(a, a->plan, a->is_sent, view) < 0 || json_add_text(view, "What", said) < 0 ||
            json_add(view, "SignIn", json_object_new_boolean(sign_in)) < 0 || json_add_text(view, "Action", a->is_run && !sign_in ? "/import" : "/import/check") < 0 ||
            json_add_text(view, "Submit", language_text(a->frame.language, a->is_run && !sign_in ? "ImportSendAgain" : "ImportCheckAgain")) < 0) {
                json_object_put(view);
                view = NULL;
        }
        page_reply(a->request, a->portal, &a->frame, status, "import-kept", view);
        import_ask_free(a);
}

static void reply_away(ImportAsk *a, int error, unsigned status) {
        unsigned shown;
        const char *key = page_upstream_key(error, status, &shown);

        portal_note_grading(a->portal, error, status);
        reply_kept(a, shown, language_text(a->frame.language, key), false);
}

/* The form again, with grading's own words on one of its fields. */
static void reply_refused(ImportAsk *a, unsigned status, const char *field, const char *text) {
        json_object *errors = json_object_new_object();

        if (errors && json_add_text(errors, field, text) < 0) {
                json_object_put(errors);
                errors = NULL;
        }
        import_ask_reply_again(a, status, errors);
}

/* True: a has gone, its request has been answered. Else the answer is a success. */
static bool reply_failure(ImportAsk *a, const HttpAnswer *answer) {
        _cleanup_(json_unrefp) json_object *problem = NULL;
        _cleanup_(freep) char *wait = NULL;
        const char *detail;

        if (answer->error == 0 && (answer->status == 200 || answer->status == 201))
                return false;
        if (answer->error < 0) {
                reply_away(a, answer->error, 0);
        } else if (asking_session_needed(answer)) {
                reply_kept(a, 403, language_text(a->frame.language, "ImportSessionEnded"), true);
        } else if (answer->status == 429) {
                reply_kept(a, 429, form_wait_text(a->frame.language, answer, &wait) < 0 ? "" : wait, false);
        } else if (answer->status == 403 || answer->status == 404 || answer->status == 405) {
                reply_refused(a, answer->status == 403 ? 403 : 404, "class",
                              language_text(a->frame.language, answer->status == 405 ? "ImportNotThere" : "ImportNotYours"));
        } else if (answer->status == 400 || answer->status == 409 || answer->status == 413 || answer->status == 415 || answer->status == 422) {
                detail = form_problem_detail(answer, &problem);
                reply_refused(a, answer->status, "File", detail ? detail : language_text(a->frame.language, "Refused"));
        } else {
                reply_away(a, 0, answer->status);
        }
        return true;
}

static int ask_import(ImportAsk *a, bool is_dry_run, HttpCallDone done) {
        _cleanup_(freep) char *path = NULL;
        Asking asking = {
                .method = "POST",
                .session = a->frame.session,
                .table = a->table,
                .table_size = a->table_size,
                .timeout_usec = RUN_USEC,
                .key = is_dry_run ? NULL : a->key,
        };

        if (import_ask_path(a, is_dry_run, &path) < 0)
                return -ENOMEM;
        asking.path = path;
        return asking_begin(a->portal, a->request, &asking, done, a);
}

static void on_run(const HttpAnswer *answer, void *userdata) {
        _cleanup_(import_ask_freep) ImportAsk *a = userdata;
        _cleanup_(json_unrefp) json_object *report = NULL;
        bool is_done = answer->error == 0 && (answer->status == 200 || answer->status == 201);
        char path[40] = "/import";
        uint64_t import;

        a->is_sent = true;
        a->timer = sd_event_source_disable_unref(a->timer);
        if (!a->wait && reply_failure(a, answer)) {
                TAKE_PTR(a);
                return;
        }
        portal_note_grading(a->portal, answer->error, answer->status);
        import = is_done && json_parse_object(answer->body, answer->size, &report, NULL) >= 0 ? row_uint64(report, "Import") : 0;
        if (import > 0)
                (void) snprintf(path, sizeof(path), "/imports/%" PRIu64, import);
        if (a->wait) {
                import_wait_end(a, is_done ? path : NULL);
                return;
        }
        told_set(a->request, import > 0 ? "DoneImported" : "DoneImportedNothing");
        page_redirect(a->request, a->portal, path);
}

static void run(ImportAsk *a) {
        int k = ask_import(a, false, on_run);

        if (k < 0)
                reply_away(a, k, 0);
        else
                import_wait_begin(a);
}

/* Of all that grading says would be done. It says the same as long as nobody changes anything. */
static void plan_of(const HttpAnswer *answer, char ret[static PLAN_SIZE]) {
        unsigned char hash[PLAN_BYTES];

        (void) crypto_generichash(hash, sizeof(hash), (const unsigned char *) answer->body, answer->size, NULL, 0);
        (void) sodium_bin2hex(ret, PLAN_SIZE, hash, sizeof(hash));
}

static void show_report(ImportAsk *a, json_object *report, const char *plan) {
        _cleanup_(import_ask_freep) ImportAsk *owned = a;
        json_object *view = json_object_new_object();

        if (!view || import_ask_add_fields(a, plan, false, view) < 0 || import_report_view(report, a->frame.language, a->page, view) < 0 ||
            json_add(view, "Changed", json_object_new_boolean(a->is_run)) < 0) {
                json_object_put(view);
                view = NULL;
        }
        page_reply(a->request, a->portal, &a->frame, a->is_run ? 409 : 200, "import-check", view);
}

static void on_dry_run(const HttpAnswer *answer, void *userdata) {
        _cleanup_(import_ask_freep) ImportAsk *a = userdata;
        _cleanup_(json_unrefp) json_object *report = NULL;
        char plan[PLAN_SIZE];

        if (reply_failure(a, answer)) {
                TAKE_PTR(a);
                return;
        }
        if (json_parse_object(answer->body, answer->size, &report, NULL) < 0) {
                reply_away(TAKE_PTR(a), -EPROTO, 0);
                return;
        }
        plan_of(answer, plan);
        /* Only what somebody has seen is done. */
        if (a->is_run && a->key && a->plan && strcmp(a->plan, plan) == 0)
                run(TAKE_PTR(a));
        else
                show_report(TAKE_PTR(a), report, plan);
}

static void on_class(const HttpAnswer *answer, void *userdata) {
        _cleanup_(import_ask_freep) ImportAsk *a = userdata;
        _cleanup_(json_unrefp) json_object *class = NULL;
        const char *name;
        int k;

        if (reply_failure(a, answer)) {
                TAKE_PTR(a);
                return;
        }
        if (json_parse_object(answer->body, answer->size, &class, NULL) < 0) {
                reply_away(TAKE_PTR(a), -EPROTO, 0);
                return;
        }
        name = row_text(class, "Name");
        a->class_name = name ? strdup(name) : NULL;
        k = asking_account(answer, &a->account);
        a->frame.account = a->account;
        a->frame.setup_needed = http_answer_header(answer, "Gradebook-Setup");
        if (k >= 0 && a->is_run && a->is_sent) {
                run(TAKE_PTR(a));
                return;
        }
        if (k >= 0)
                k = ask_import(a, true, on_dry_run);
        if (k < 0)
                reply_away(TAKE_PTR(a), k, 0);
        else
                TAKE_PTR(a); /* the next answer has it now */
}

static void begin(Upload *u, Request *r, Portal *p, bool is_run) {
        json_object *errors = json_object_new_object();
        char path[48];
        Asking asking = { .method = "GET", .path = path };
        ImportAsk *a = NULL;
        int k;

        if (!errors || import_ask_new(r, p, u, errors, &a) < 0) {
                if (!errors)
                        upload_free(u);
                json_object_put(errors);
                page_fail(r, p, 500, "NoMemory", NULL);
                return;
        }
        a->is_run = is_run;
        if (!*a->frame.session && portal_conf(p)->sign_in == SIGN_IN_ALWAYS) {
                json_object_put(errors);
                reply_kept(a, 403, language_text(a->frame.language, "ImportSessionEnded"), true);
                return;
        }
        /* A form of another session, such as one before signing in again: nothing of it goes anywhere, and it is looked at before. */
        if (*a->frame.session && !csrf_is_token(upload_text(a->upload, CSRF_FIELD), a->frame.session)) {
                json_object_put(errors);
                a->is_run = false;
                reply_kept(a, 403, language_text(a->frame.language, "ImportTooOld"), false);
                return;
        }
        if (json_object_object_length(errors) > 0) {
                import_ask_reply_again(a, 400, errors);
                return;
        }
        json_object_put(errors);
        (void) snprintf(path, sizeof(path), "/classes/%" PRIu64, a->class_id);
        asking.session = a->frame.session;
        k = asking_begin(p, r, &asking, on_class, a);
        if (k < 0)
                reply_away(a, k, 0);
}

static void begin_check(Upload *u, Request *r, Portal *p) {
        begin(u, r, p, false);
}

static void begin_run(Upload *u, Request *r, Portal *p) {
        begin(u, r, p, true);
}

void post_import_check(Request *r, void *service) {
        upload_begin(r, service, begin_check);
}

void post_import_run(Request *r, void *service) {
        upload_begin(r, service, begin_run);
}
