/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/accounts.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "portal/row.h"
#include "portal/when.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"

#define PAGE_ROWS 50u
#define ALL_ACCOUNTS "/accounts?limit=10000"    /* grading's most */

static const FieldChoice roles[] = {
        { "student", "RoleStudentLong" },
        { "teacher", "RoleTeacherLong" },
        { "admin", "RoleAdminLong" },
        {},
};

/* Of an account, whether it is new or not. */
#define ACCOUNT_FIELDS \
        { .name = "Login", .label = "AccountLogin", .hint = "AccountLoginHint", .required = true, .max = 64 }, \
        { .name = "Name", .label = "AccountName", .hint = "AccountNameHint" }, \
        { .name = "Role", .label = "AccountRole", .kind = FIELD_CHOICE, .required = true, .choices = roles }, \
        { .name = "Student", .label = "AccountStudent", .hint = "AccountStudentHint", .max = 16 }

const FormField account_fields[] = {
        ACCOUNT_FIELDS,
        {},
};

static const struct {
        const char *name, *key;
} role_names[] = {
        { "admin", "RoleAdmin" },
        { "teacher", "RoleTeacher" },
        { "student", "RoleStudent" },
};

bool account_is_for(const Person *person) {
        return person->role == PERSON_ADMIN;
}

static const char *role_key(const char *role) {
        for (size_t i = 0; role && i < ELEMENTSOF(role_names); i++)
                if (strcmp(role_names[i].name, role) == 0)
                        return role_names[i].key;
        return "RoleStudent";
}

int account_add(Language language, json_object *account, json_object *view) {
        const char *name = row_text(account, "Name"), *login = row_text(account, "Login");
        uint64_t student = row_uint64(account, "Student");

        if (json_add_text(view, "AccountID", row_text(account, "ID")) < 0 || json_add_text(view, "AccountLogin", login) < 0 ||
            json_add_text(view, "AccountName", text_is_empty(name) ? login : name) < 0 ||
            json_add_text(view, "AccountRole", language_text(language, role_key(row_text(account, "Role")))) < 0 ||
            json_add(view, "IsDisabled", json_object_new_boolean(row_is(account, "Disabled"))) < 0 ||
            when_add(view, "PasswordSet", language, row_text(account, "PasswordSet")) < 0)
                return -ENOMEM;
        return student > 0 ? json_add_uint64(view, "StudentID", student) : 0;
}

int account_finish(Request *r, Language language, json_object *typed, json_object *body, json_object *errors) {
        const char *role = row_text(typed, "Role"), *student = row_text(typed, "Student");
        uint64_t id;

        json_object_object_del(body, "Student");
        if (!role || strcmp(role, "student") != 0)
                return json_add_text(body, "Student", NULL);
        if (text_is_empty(student))
                return json_add_text(errors, "Student", language_text(language, "FieldMissing"));
        if (parse_uint64(student, &id) < 0)
                return json_add_text(errors, "Student", language_text(language, "FieldNotNumber"));
        return json_add_uint64(body, "Student", id);
}

/* Upper and lower case of A to Z are the same here, as at signing in. */
static bool is_asked_for(json_object *account, const char *query, const char *role) {
        const char *name = row_text(account, "Name"), *login = row_text(account, "Login"), *own = row_text(account, "Role");

        if (!text_is_empty(role) && (!own || strcmp(own, role) != 0))
                return false;
        return text_is_empty(query) || (name && strcasestr(name, query)) || (login && strcasestr(login, query));
}

static int add_roles(Language language, const char *chosen, json_object *view) {
        json_object *list = json_object_new_array(), *o;

        if (json_add(view, "Roles", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(role_names); i++)
                if (json_append_object(list, &o) < 0 || json_add_text(o, "Value", role_names[i].name) < 0 ||
                    json_add_text(o, "Label", language_text(language, role_names[i].key)) < 0 ||
                    json_add(o, "Selected", json_object_new_boolean(chosen && strcmp(chosen, role_names[i].name) == 0)) < 0)
                        return -ENOMEM;
        return 0;
}

/* The same list on another page. */
static int add_link(const char *query, const char *role, uint64_t page, const char *member, json_object *view) {
        _cleanup_(buffer_deinit) Buffer path = BUFFER_NULL;

        (void) buffer_puts(&path, "/accounts?q=");
        (void) urlencoded_write(&path, query ? query : "", "");
        (void) buffer_puts(&path, "&role=");
        (void) urlencoded_write(&path, role ? role : "", "");
        (void) buffer_printf(&path, "&page=%" PRIu64, page);
        return path.error < 0 ? path.error : json_add_text(view, member, buffer_text(&path));
}

static int add_list(const PageContext *c, json_object *accounts, json_object *view) {
        const char *query = request_query(c->request, "q"), *role = request_query(c->request, "role"), *number = request_query(c->request, "page");
        json_object *list = json_object_new_array(), *o;
        uint64_t page = 1, n = 0, from;

        if (!number || parse_uint64(number, &page) < 0 || page < 1 || page > 100000)
                page = 1;
        from = (page - 1) * PAGE_ROWS;
        if (json_add(view, "Accounts", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < row_count(accounts); i++) {
                json_object *account = json_object_array_get_idx(accounts, i);

                if (!is_asked_for(account, query, role))
                        continue;
                if (n >= from && n < from + PAGE_ROWS && (json_append_object(list, &o) < 0 || account_add(c->language, account, o) < 0))
                        return -ENOMEM;
                n++;
        }
        if (json_add_text(view, "Query", query) < 0 || json_add_uint64(view, "Count", n) < 0 || json_add(view, "IsOne", json_object_new_boolean(n == 1)) < 0 ||
            json_add(view, "HasAccounts", json_object_new_boolean(row_count(list) > 0)) < 0 || add_roles(c->language, role, view) < 0)
                return -ENOMEM;
        if (n <= PAGE_ROWS)
                return 0;
        if (json_add(view, "Paged", json_object_new_boolean(true)) < 0 || json_add_uint64(view, "From", from + 1) < 0 ||
            json_add_uint64(view, "To", from + row_count(list)) < 0 || json_add_uint64(view, "Of", n) < 0)
                return -ENOMEM;
        if (page > 1 && add_link(query, role, page - 1, "Previous", view) < 0)
                return -ENOMEM;
        return from + PAGE_ROWS < n ? add_link(query, role, page + 1, "Next", view) : 0;
}

static int make_list(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *accounts = NULL;
        json_object *rows = NULL;
        int r = page_part_json(&c->parts[0], &accounts, problem);

        if (r >= 0)
                r = row_list(accounts, &rows, problem);
        return r < 0 ? r : add_list(c, rows, view);
}

static const PagePlan list_page = {
        .template = "accounts",
        .section = "Accounts",
        .not_found = "AccountsNotThere",
        .is_for = account_is_for,
        .make = make_list,
};

void get_account_list(Request *r, void *service) {
        static const char *const paths[] = { ALL_ACCOUNTS };

        page_show(r, service, &list_page, paths, ELEMENTSOF(paths));
}

/* ---- a new one ---- */

static const FormField new_fields[] = {
        ACCOUNT_FIELDS,
        { .name = "Password", .label = "AccountPassword", .hint = "AccountPasswordHint", .kind = FIELD_SECRET, .left_out = true, .max = 128,
          .autocomplete = "new-password" },
        {},
};

static int make_form(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan form_page = {
        .template = "account-new",
        .section = "Accounts",
        .not_found = "AccountsNotThere",
        .has_form = true,
        .is_for = account_is_for,
        .make = make_form,
};

static const ChangePlan new_plan = {
        .name = "account",
        .fields = new_fields,
        .method = "POST",
        .title = "AccountAdd",
        .submit = "AccountCreate",
        .done = "DoneAccountAdded",
        .finish = account_finish,
        .page = &form_page,
};

/* A student's page may link here: whose account it is to be is then said already. */
static int make_form(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *values = json_object_new_object();
        const char *student = request_query(c->request, "student");

        if (!values || (student && (json_add_text(values, "Student", student) < 0 || json_add_text(values, "Role", "student") < 0)))
                return -ENOMEM;
        return change_form_to_view(c, &new_plan, "/accounts", values, NULL, NULL, view, "Form");
}

static const char *const form_paths[] = { "/accounts?limit=1" };

void get_account_form(Request *r, void *service) {
        page_show(r, service, &form_page, form_paths, ELEMENTSOF(form_paths));
}

void post_account_new(Request *r, void *service) {
        change_begin(r, service, &new_plan, &(ChangePaths) { .change = "/accounts", .page = form_paths, .n_page = ELEMENTSOF(form_paths),
                                                             .form = "/accounts/new", .next_made = "/accounts/" });
}
