/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/accounts.h"

#include <errno.h>
#include <strings.h>

#include "base/text.h"
#include "grading/resource.h"
#include "grading/secret-change.h"

static bool has_login(const Row *row, void *login) {
        return strcasecmp(((const AccountRow *) row)->login, login) == 0;
}

void get_accounts(Request *r, void *service) {
        const char *login = request_query(r, "login");

        resource_list(service, r, KIND_ACCOUNT, login ? has_login : NULL, (void *) login);
}

void get_account(Request *r, void *service) {
        resource_get(service, r, KIND_ACCOUNT);
}

void patch_account(Request *r, void *service) {
        resource_patch(service, r, KIND_ACCOUNT);
}

/* ---- a new one ---- */

typedef struct AddAccount {
        SecretChange secret;
        AccountRow *row;                /* until the book has it */
} AddAccount;

static void add_account_deinit(Change *c) {
        row_free(KIND_ACCOUNT, (Row *) ((AddAccount *) c)->row);
}

static int run_add_account(StoreJob *job, Txn *t) {
        AddAccount *a = CONTAINER_OF(job, AddAccount, secret.change.job);
        AccountRow *row = a->row;
        int k = 0;

        if (*a->secret.hash.text) {
                row->password_usec = job->time_usec;
                k = text_replace(&row->password, a->secret.hash.text);
        }
        if (k >= 0)
                k = txn_create(t, KIND_ACCOUNT, &row->row, NULL);
        if (k < 0)
                return k;
        a->row = NULL;
        return change_reply_row(&a->secret.change, 201, KIND_ACCOUNT, &row->row);
}

static int parse_account(AddAccount *a, const char **ret_password, Problem *problem) {
        Change *c = &a->secret.change;
        json_object *password;
        int k;

        if (!c->body)
                return problem_set(problem, 400, "The body is empty where JSON is expected");
        a->row = (AccountRow *) row_new(KIND_ACCOUNT);
        if (!a->row)
                return -ENOMEM;
        k = row_read(KIND_ACCOUNT, &a->row->row, c->body, ROW_CREATE, problem);
        if (k >= 0 && json_object_object_get_ex(c->body, "Password", &password) && password) {
                change_keep_secret(c);
                k = secret_get(c->body, "Password", ret_password, problem);
                if (k >= 0)
                        k = password_check(*ret_password, a->row->login, NULL, problem);
        }
        return k;
}

void post_account(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        AddAccount *a = change_begin(g, r, sizeof(*a));
        const char *password = NULL;
        int k;

        if (!a)
                return;
        a->secret.change.deinit = add_account_deinit;
        a->secret.change.job.run = run_add_account;
        k = parse_account(a, &password, &problem);
        if (k >= 0)
                k = access_check(&a->secret.change.access, g->book, ACCESS_CREATE, KIND_ACCOUNT, &a->row->row);
        if (k >= 0 && password)
                secret_change_submit(&a->secret, password);
        else
                change_submit(&a->secret.change, k, &problem);
}

/* ---- the end of one ---- */

typedef struct DeleteAccount {
        Change change;
        uint64_t id;
} DeleteAccount;

static int delete_all(Txn *t, Kind kind, uint64_t account_id, int (*find)(Txn *t, uint64_t account_id, Row **ret)) {
        Row *row;
        int k;

        while ((k = find(t, account_id, &row)) >= 0) {
                k = txn_delete(t, kind, row);
                row_free(kind, row);
                if (k < 0)
                        return k;
        }
        return k == -ENOENT ? 0 : k;
}

static int run_delete_account(StoreJob *job, Txn *t) {
        DeleteAccount *d = CONTAINER_OF(job, DeleteAccount, change.job);
        Row *old;
        int k = txn_get(t, KIND_ACCOUNT, d->id, &old);

        if (k < 0)
                return k;
        k = change_expect(&d->change, t, KIND_ACCOUNT, old);
        if (k >= 0)
                k = delete_all(t, KIND_TOKEN, d->id, txn_find_token_of);
        if (k >= 0)
                k = delete_all(t, KIND_TEACHING, d->id, txn_find_teaching_of);
        if (k >= 0)
                k = txn_delete(t, KIND_ACCOUNT, old);
        row_free(KIND_ACCOUNT, old);
        job->reply.status = 204;
        return k;
}

void delete_account(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        DeleteAccount *d = change_begin(g, r, sizeof(*d));
        const Row *row = NULL;

        if (!d)
                return;
        d->change.job.run = run_delete_account;
        if (request_param_uint64(r, "id", &d->id) == 0)
                row = book_find(g->book, KIND_ACCOUNT, d->id);
        change_submit(&d->change, row ? access_check(&d->change.access, g->book, ACCESS_CHANGE, KIND_ACCOUNT, row) : -ENOENT, &problem);
}
