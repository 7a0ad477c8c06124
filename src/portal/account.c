/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portal/accounts.h"
#include "portal/row.h"
#include "portal/when.h"
#include "wire/json.h"

/* One account, and what an administrator does with it: each button is a form of its own. */

#define ACCOUNT "/accounts/"

static int make_account(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan account_page = {
        .template = "account",
        .section = "Accounts",
        .not_found = "AccountGone",
        .has_form = true,
        .is_for = account_is_for,
        .make = make_account,
};

static const FormField password_fields[] = {
        { .name = "Password", .label = "NewPassword", .hint = "PasswordHint", .kind = FIELD_SECRET, .required = true, .max = 128, .autocomplete = "new-password" },
        {},
};

static int finish_disable(Request *r, Language language, json_object *typed, json_object *body, json_object *errors) {
        return json_add(body, "Disabled", json_object_new_boolean(true));
}

static int finish_enable(Request *r, Language language, json_object *typed, json_object *body, json_object *errors) {
        return json_add(body, "Disabled", json_object_new_boolean(false));
}

static const ChangePlan edit_plan = {
        .name = "edit", .fields = account_fields, .method = "PATCH", .title = "AccountEdit", .submit = "AccountSave", .done = "DoneAccountSaved",
        .finish = account_finish, .page = &account_page,
};
static const ChangePlan disable_plan = {
        .name = "disable", .method = "PATCH", .title = "AccountDisable", .submit = "AccountDisable", .done = "DoneAccountDisabled",
        .finish = finish_disable, .page = &account_page,
};
static const ChangePlan enable_plan = {
        .name = "enable", .method = "PATCH", .title = "AccountEnable", .submit = "AccountEnable", .done = "DoneAccountEnabled",
        .finish = finish_enable, .page = &account_page,
};
static const ChangePlan password_plan = {
        .name = "password", .fields = password_fields, .method = "PUT", .title = "AccountSetPassword", .submit = "AccountSetPassword",
        .done = "DoneAccountPassword", .page = &account_page,
};
static const ChangePlan sign_out_plan = {
        .name = "sign-out", .method = "DELETE", .title = "AccountSignOut", .submit = "AccountSignOut", .done = "DoneAccountSignedOut", .page = &account_page,
};
static const ChangePlan delete_plan = {
        .name = "delete", .method = "DELETE", .title = "AccountDelete", .submit = "AccountDelete", .done = "DoneAccountDeleted", .page = &account_page,
};

static int add_sessions(Language language, json_object *sessions, json_object *view) {
        json_object *list = json_object_new_array(), *o;

        if (json_add(view, "Sessions", list) < 0 || json_add(view, "HasSessions", json_object_new_boolean(row_count(sessions) > 0)) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < row_count(sessions); i++) {
                json_object *session = json_object_array_get_idx(sessions, i);

                if (json_append_object(list, &o) < 0 || when_add(o, "Began", language, row_text(session, "Began")) < 0 ||
                    when_add(o, "Used", language, row_text(session, "Used")) < 0 || json_add_text(o, "Client", row_text(session, "Client")) < 0 ||
                    json_add(o, "IsCurrent", json_object_new_boolean(row_is(session, "Current"))) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* row: what the version is of that the button goes by; NULL: it goes by none. */
static int add_form(const PageContext *c, const ChangePlan *plan, uint64_t id, const char *act, json_object *values, json_object *row, json_object *view,
                    const char *member) {
        char action[PAGE_PATH_SIZE];

        (void) snprintf(action, sizeof(action), "/accounts/%" PRIu64 "%s%s", id, *act ? "/" : "", act);
        return change_form_to_view(c, plan, action, values, row, NULL, view, member);
}

static int add_forms(const PageContext *c, json_object *account, json_object *view) {
        _cleanup_(json_unrefp) json_object *values = NULL;
        uint64_t id = row_uint64(account, "ID");
        bool is_own = c->person && c->person->id == id;
        int r = form_from_row(account_fields, account, &values);

        if (r >= 0)
                r = add_form(c, &edit_plan, id, "", values, account, view, "Edit");
        if (r >= 0 && row_is(account, "Disabled"))
                r = add_form(c, &enable_plan, id, "enable", NULL, account, view, "Enable");
        else if (r >= 0)
                r = add_form(c, &disable_plan, id, "disable", NULL, account, view, "Disable");
        if (r >= 0 && is_own) /* by its old password only */
                r = json_add(view, "IsOwnAccount", json_object_new_boolean(true));
        else if (r >= 0)
                r = add_form(c, &password_plan, id, "password", NULL, NULL, view, "SetPassword");
        if (r >= 0)
                r = add_form(c, &sign_out_plan, id, "sign-out", NULL, NULL, view, "SignOut");
        if (r >= 0)
                r = add_form(c, &delete_plan, id, "delete", NULL, account, view, "Delete");
        return r;
}

static int make_account(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *account = NULL, *sessions = NULL, *tokens = NULL;
        json_object *session_rows = NULL, *token_rows = NULL;
        int r = page_part_json(&c->parts[0], &account, problem);

        if (r >= 0)
                r = page_part_json(&c->parts[1], &sessions, problem);
        if (r >= 0)
                r = row_list(sessions, &session_rows, problem);
        if (r >= 0)
                r = page_part_json(&c->parts[2], &tokens, problem);
        if (r >= 0)
                r = row_list(tokens, &token_rows, problem);
        if (r >= 0)
                r = account_add(c->language, account, view);
        if (r >= 0)
                r = add_sessions(c->language, session_rows, view);
        if (r >= 0)
                r = tokens_add(c, token_rows, row_uint64(account, "ID"), false, view);
        return r < 0 ? r : add_forms(c, account, view);
}

static void account_paths(uint64_t id, PagePaths *paths) {
        page_paths_add(paths, "/accounts/%" PRIu64, id);
        page_paths_add(paths, "/sessions?account=%" PRIu64, id);
        page_paths_add(paths, "/tokens?account=%" PRIu64, id);
}

void get_account_page(Request *r, void *service) {
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, service, "AccountGone", &id))
                return;
        account_paths(id, &paths);
        page_show(r, service, &account_page, paths.list, paths.n);
}

/* before and after: what stands around the ID in grading's path. */
static void post(Request *r, Portal *p, const ChangePlan *plan, const char *before, const char *after, const char *next) {
        char change[PAGE_PATH_SIZE], form[PAGE_PATH_SIZE];
        PagePaths paths = {};
        uint64_t id;

        if (!page_id(r, p, "AccountGone", &id))
                return;
        account_paths(id, &paths);
        (void) snprintf(change, sizeof(change), "%s%" PRIu64 "%s", before, id, after);
        (void) snprintf(form, sizeof(form), "/accounts/%" PRIu64, id);
        change_begin(r, p, plan, &(ChangePaths) { .change = change, .page = paths.list, .n_page = paths.n, .form = form, .next = next });
}

void post_account_edit(Request *r, void *service) {
        post(r, service, &edit_plan, ACCOUNT, "", NULL);
}

void post_account_disable(Request *r, void *service) {
        post(r, service, &disable_plan, ACCOUNT, "", NULL);
}

void post_account_enable(Request *r, void *service) {
        post(r, service, &enable_plan, ACCOUNT, "", NULL);
}

void post_account_password(Request *r, void *service) {
        post(r, service, &password_plan, ACCOUNT, "/password", NULL);
}

void post_account_sign_out(Request *r, void *service) {
        post(r, service, &sign_out_plan, "/sessions?account=", "", NULL);
}

void post_account_delete(Request *r, void *service) {
        post(r, service, &delete_plan, ACCOUNT, "", "/accounts");
}
