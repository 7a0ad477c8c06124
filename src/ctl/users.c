/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/users.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/parse.h"
#include "ctl/output.h"
#include "ctl/secret.h"
#include "ctl/students.h"
#include "wire/json.h"

#define PATH_SIZE 64
#define PAGE_SIZE 1000

const CtlOption ctl_user_add_options[] = {
        { "role", 0, "ROLE", "student, teacher or admin" },
        { "name", 0, "NAME", "What the person is called" },
        { "student", 0, "ID", "Whose account a student's is" },
        { .name = "password-stdin", .help = "Read the password from the standard input instead of the terminal" },
        { .name = NULL },
};

const CtlOption ctl_user_passwd_options[] = {
        { .name = "password-stdin", .help = "Read the password from the standard input instead of the terminal" },
        { .name = NULL },
};

const char *users_text(json_object *item, const char *member) {
        json_object *value;

        return json_object_object_get_ex(item, member, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

uint64_t users_id(json_object *item, const char *member) {
        json_object *value;

        return json_object_object_get_ex(item, member, &value) && json_object_is_type(value, json_type_int) ? json_object_get_uint64(value) : 0;
}

static int no_memory(void) {
        return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
}

static int bad_answer(void) {
        return ctl_fail(CTL_FAILURE, "GradingService answers what is no list");
}

int users_fetch_all(Connection *c, const char *path, json_object **ret) {
        _cleanup_(json_unrefp) json_object *all = json_object_new_array();
        uint64_t after = 0;

        do {
                _cleanup_(json_unrefp) json_object *page = NULL;
                _cleanup_(freep) char *url = NULL;
                json_object *items;
                int code;

                if (!all || asprintf(&url, "%s%safter=%" PRIu64 "&limit=%d", path, strchr(path, '?') ? "" : "?", after, PAGE_SIZE) < 0) {
                        url = NULL;
                        return no_memory();
                }
                code = connection_request(c, PEER_GRADING, NULL, url, NULL, &page);
                if (code != CTL_OK)
                        return code;
                if (!json_object_object_get_ex(page, "Items", &items) || !json_object_is_type(items, json_type_array))
                        return bad_answer();
                for (size_t i = 0; i < json_object_array_length(items); i++)
                        if (json_object_array_add(all, json_object_get(json_object_array_get_idx(items, i))) < 0)
                                return no_memory();
                if (users_id(page, "Next") > 0 && users_id(page, "Next") <= after)
                        return bad_answer();
                after = users_id(page, "Next");
        } while (after > 0);
        *ret = TAKE_PTR(all);
        return CTL_OK;
}

int users_find(Connection *c, const char *login, uint64_t *ret_id) {
        _cleanup_(json_unrefp) json_object *items = NULL;
        _cleanup_(buffer_deinit) Buffer path = BUFFER_NULL;
        int code;

        (void) buffer_puts(&path, "/accounts?login=");
        for (const unsigned char *s = (const unsigned char *) login; *s; s++)
                (void) buffer_printf(&path, "%%%02X", *s);
        if (buffer_puts(&path, "&") < 0)
                return no_memory();
        code = users_fetch_all(c, path.data, &items);
        if (code != CTL_OK)
                return code;
        if (json_object_array_length(items) == 0)
                return ctl_fail(CTL_NOT_FOUND, "there is no account \"%s\"", login);
        *ret_id = users_id(json_object_array_get_idx(items, 0), "ID");
        return CTL_OK;
}

static int print_account(const Ctl *ctl, json_object *json, const char *what) {
        _cleanup_(freep) char *login = NULL;

        if (ctl->json)
                return output_json(json);
        login = output_clean(users_text(json, "Login"), NULL);
        if (!login)
                return no_memory();
        (void) printf("%s (%s, account %" PRIu64 ") %s.\n", login, users_text(json, "Role"), users_id(json, "ID"), what);
        return CTL_OK;
}

/* Filled before anything is asked of anybody, so that nobody types a password in vain. */
static int account_body(Ctl *ctl, const char *login, json_object **ret) {
        _cleanup_(json_unrefp) json_object *body = json_object_new_object();
        const char *role = ctl_option(ctl, "role"), *name = ctl_option(ctl, "name"), *student = ctl_option(ctl, "student");
        uint64_t student_id = 0;
        int code;

        if (!role)
                return ctl_fail(CTL_USAGE, "--role=ROLE is needed: student, teacher or admin");
        if (student) {
                code = students_parse_id(student, &student_id);
                if (code != CTL_OK)
                        return code;
        }
        if (!body || json_add_text(body, "Login", login) < 0 || json_add_text(body, "Role", role) < 0 ||
            (name && json_add_text(body, "Name", name) < 0) || (student && json_add_uint64(body, "Student", student_id) < 0))
                return no_memory();
        *ret = TAKE_PTR(body);
        return CTL_OK;
}

static int add_password(const Ctl *ctl, json_object *body) {
        char password[SECRET_SIZE];
        int code = secret_read(ctl_option(ctl, "password-stdin"), "Password of the account: ", password);

        if (code != CTL_OK)
                return code;
        if (json_add_text(body, "Password", password) < 0)
                code = no_memory();
        explicit_bzero(password, sizeof(password));
        return code;
}

int ctl_user_add(Ctl *ctl, char *arguments[]) {
        _cleanup_(json_unrefp) json_object *body = NULL, *json = NULL;
        _cleanup_(connection_freep) Connection *c = NULL;
        int code;

        code = account_body(ctl, arguments[0], &body);
        if (code == CTL_OK)
                code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = add_password(ctl, body);
        if (code == CTL_OK)
                code = connection_request(c, PEER_GRADING, "POST", "/accounts", body, &json);
        return code == CTL_OK ? print_account(ctl, json, "can sign in now") : code;
}

int ctl_user_passwd(Ctl *ctl, char *arguments[]) {
        _cleanup_(json_unrefp) json_object *body = json_object_new_object(), *json = NULL;
        _cleanup_(connection_freep) Connection *c = NULL;
        char path[PATH_SIZE];
        uint64_t id;
        int code;

        if (!body)
                return no_memory();
        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = users_find(c, arguments[0], &id);
        if (code == CTL_OK)
                code = add_password(ctl, body);
        if (code != CTL_OK)
                return code;
        (void) snprintf(path, sizeof(path), "/accounts/%" PRIu64 "/password", id);
        code = connection_request(c, PEER_GRADING, "PUT", path, body, NULL);
        if (code != CTL_OK)
                return code;
        (void) snprintf(path, sizeof(path), "/accounts/%" PRIu64, id);
        code = connection_request(c, PEER_GRADING, NULL, path, NULL, &json);
        return code == CTL_OK ? print_account(ctl, json, "has a new password, and all its sessions have ended") : code;
}

static int set_disabled(Ctl *ctl, const char *login, bool disabled) {
        _cleanup_(json_unrefp) json_object *body = json_object_new_object(), *json = NULL;
        _cleanup_(connection_freep) Connection *c = NULL;
        char path[PATH_SIZE];
        uint64_t id;
        int code;

        if (!body || json_add(body, "Disabled", json_object_new_boolean(disabled)) < 0)
                return no_memory();
        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = users_find(c, login, &id);
        if (code != CTL_OK)
                return code;
        (void) snprintf(path, sizeof(path), "/accounts/%" PRIu64, id);
        code = connection_request(c, PEER_GRADING, "PATCH", path, body, &json);
        return code == CTL_OK ? print_account(ctl, json, disabled ? "is disabled, and signed out everywhere" : "is enabled") : code;
}

int ctl_user_disable(Ctl *ctl, char *arguments[]) {
        return set_disabled(ctl, arguments[0], true);
}

int ctl_user_enable(Ctl *ctl, char *arguments[]) {
        return set_disabled(ctl, arguments[0], false);
}

int ctl_user_list(Ctl *ctl, char *arguments[]) {
        _cleanup_(table_deinit) Table t = TABLE(">ID", "LOGIN", "NAME", "ROLE", ">STUDENT", "STATE");
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(json_unrefp) json_object *items = NULL;
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = users_fetch_all(c, "/accounts", &items);
        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return output_json(items);
        for (size_t i = 0; i < json_object_array_length(items); i++) {
                json_object *o = json_object_array_get_idx(items, i), *disabled = NULL;
                uint64_t student = users_id(o, "Student");
                bool off, none = !*users_text(o, "PasswordSet");

                (void) json_object_object_get_ex(o, "Disabled", &disabled);
                off = json_object_get_boolean(disabled);
                table_add(&t, STYLE_PLAIN, "%" PRIu64, users_id(o, "ID"));
                table_add(&t, STYLE_PLAIN, "%s", users_text(o, "Login"));
                table_add(&t, STYLE_PLAIN, "%s", users_text(o, "Name"));
                table_add(&t, STYLE_PLAIN, "%s", users_text(o, "Role"));
                if (student > 0)
                        table_add(&t, STYLE_PLAIN, "%" PRIu64, student);
                else
                        table_add(&t, STYLE_PLAIN, "-");
                table_add(&t, off ? STYLE_BAD : none ? STYLE_WARNING : STYLE_GOOD, "%s", off ? "disabled" : none ? "no password" : "enabled");
        }
        return table_print(&t, ctl->colour) < 0 ? no_memory() : CTL_OK;
}
