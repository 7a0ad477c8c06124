/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "base/parse.h"
#include "grading/accounts.h"
#include "grading/resource.h"
#include "wire/json.h"

#define TOKENS_PER_ACCOUNT_MAX 50
#define TOKEN_SPAN_USEC (366 * UINT64_C(24) * 3600 * USEC_PER_SEC)     /* a year, whichever one */

static bool is_of_account(const Row *row, void *account_id) {
        return ((const TokenRow *) row)->account_id == *(const uint64_t *) account_id;
}

void get_tokens(Request *r, void *service) {
        const char *account = request_query(r, "account");
        uint64_t account_id = 0;
        Access access;

        if (!access_begin(service, r, &access))
                return;
        if (account && (parse_uint64(account, &account_id) < 0 || account_id < 1 || account_id > ROW_ID_MAX))
                request_fail(r, 400, "Parameter 'account' must be an account's ID");
        else
                resource_list_for(service, r, &access,
                                  &(ResourceList) { .kind = KIND_TOKEN, .matches = account ? is_of_account : NULL, .userdata = &account_id });
}

void get_token(Request *r, void *service) {
        resource_get(service, r, KIND_TOKEN);
}

void delete_token(Request *r, void *service) {
        resource_delete(service, r, KIND_TOKEN);
}

typedef struct AddToken {
        Change change;
        TokenRow *row;                  /* until the book has it */
        char token[CREDENTIAL_TEXT_SIZE];
} AddToken;

static void add_token_deinit(Change *c) {
        AddToken *a = (AddToken *) c;

        row_free(KIND_TOKEN, (Row *) a->row);
        sodium_memzero(a->token, sizeof(a->token));
}

static int run_add_token(StoreJob *job, Txn *t) {
        AddToken *a = CONTAINER_OF(job, AddToken, change.job);
        TokenRow *row = a->row;
        uint64_t n;
        int k = txn_count_tokens(t, row->account_id, &n);

        if (k >= 0 && n >= TOKENS_PER_ACCOUNT_MAX)
                return problem_set(&job->problem, 409, "The account has %d API tokens already, the most there may be: end one first", TOKENS_PER_ACCOUNT_MAX);
        if (k >= 0)
                k = txn_create(t, KIND_TOKEN, &row->row, NULL);
        if (k < 0)
                return k;
        a->row = NULL;
        return change_reply_row(&a->change, 201, KIND_TOKEN, &row->row);
}

/* The reply of the transaction has the row alone: the token goes into this one answer, and nowhere else. */
static void answer_add_token(Change *c) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        StoreReply *reply = &c->job.reply;
        AddToken *a = (AddToken *) c;

        request_set_header(c->request, "Location", reply->location);
        request_set_header(c->request, "ETag", reply->etag);
        request_set_header(c->request, "Cache-Control", "no-store");
        (void) buffer_append(&text, reply->body.data, reply->body.size - 1);
        (void) buffer_printf(&text, ",\"Token\":\"%s\"}", a->token);
        if (text.error < 0)
                request_fail_errno(c->request, text.error, "making an API token");
        else
                request_reply(c->request, 201, "application/json", text.data, text.size);
        if (text.data)
                sodium_memzero(text.data, text.size);
}

/* For whom: oneself, or, from the command line on this machine, for anybody. Who administers can end others' and not make them: nobody
 * acts under another's name. */
static int check_owner(const AddToken *a, Problem *problem) {
        const Change *c = &a->change;

        if (c->access.by == ACCESS_BY_TOKEN)
                return problem_set(problem, 403, "An API token makes no other: sign in for that");
        if (c->access.cluster || a->row->account_id == c->access.account_id)
                return book_account(c->grading->book, a->row->account_id) ? 0 :
                       problem_set(problem, 400, "Member 'Account': there is no account with this ID");
        return problem_set(problem, 403, "Member 'Account': API tokens are made for oneself");
}

static int parse_token(AddToken *a, Problem *problem) {
        Change *c = &a->change;
        uint64_t now = clock_realtime_usec();
        char hex[2 * CREDENTIAL_HASH_SIZE + 1];
        uint8_t digest[CREDENTIAL_HASH_SIZE];
        int k;

        if (!c->body)
                return problem_set(problem, 400, "The body is empty where JSON is expected");
        if (!json_object_object_get_ex(c->body, "Account", NULL) && c->access.account_id > 0 &&
            json_add_uint64(c->body, "Account", c->access.account_id) < 0)
                return -ENOMEM;
        a->row = (TokenRow *) row_new(KIND_TOKEN);
        if (!a->row)
                return -ENOMEM;
        k = row_read(KIND_TOKEN, &a->row->row, c->body, ROW_CREATE, problem);
        if (k >= 0)
                k = check_owner(a, problem);
        if (k >= 0 && (a->row->expires_usec <= now || a->row->expires_usec > now + TOKEN_SPAN_USEC))
                k = problem_set(problem, 400, "Member 'Expires' must be a time to come, within a year");
        if (k < 0)
                return k;
        credential_generate(CREDENTIAL_API_TOKEN, a->token, digest);
        a->row->digest = strdup(sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest)));
        return a->row->digest ? 0 : -ENOMEM;
}

void post_token(Request *r, void *service) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        AddToken *a = change_begin(service, r, sizeof(*a));

        if (!a)
                return;
        a->change.deinit = add_token_deinit;
        a->change.answer = answer_add_token;
        a->change.job.run = run_add_token;
        change_keep_secret(&a->change);
        change_submit(&a->change, parse_token(a, &problem), &problem);
}
