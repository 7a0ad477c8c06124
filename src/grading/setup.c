/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "grading/accounts.h"
#include "grading/forwarded.h"
#include "grading/secret-change.h"
#include "wire/json.h"

/* The way in for the first administrator: whoever can read this machine's journal, or its cluster token, is one already. */

#define CODE_GROUPS 7
#define GROUP_SIZE 4                    /* 28 characters of 5 bits: 140 random bits */
#define CODE_TEXT_SIZE (CODE_GROUPS * (GROUP_SIZE + 1))
#define CODE_MEMBER_MAX 100
/* No login can be this one. */
#define THROTTLE_LOGIN "\nsetup"

static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";      /* none that looks like another */

_Static_assert(sizeof(alphabet) == 32 + 1, "5 bits each");

static bool has_admin(const Book *b) {
        const AccountRow *a;

        for (uint64_t after = 0; (a = (const AccountRow *) book_next(b, KIND_ACCOUNT, after)); after = a->row.id)
                if (a->role == ROLE_ADMIN && !a->disabled)
                        return true;
        return false;
}

/* Asked at every request of the portal for somebody who has not signed in; the accounts are looked through after a change only. */
bool setup_is_needed(Grading *g) {
        uint64_t looked = book_revision(g->book) + 1;

        if (g->setup_looked != looked) {
                g->setup_needed = !has_admin(g->book);
                g->setup_looked = looked;
        }
        return g->setup_needed;
}

void get_setup(Request *r, void *service) {
        const char *text = setup_is_needed(service) ? "{\"Needed\":true}" : "{\"Needed\":false}";

        request_set_header(r, "Cache-Control", "no-store");
        request_reply(r, 200, "application/json", text, strlen(text));
}

/* Of the letters and digits alone, so that it may be typed with other marks and in capitals. */
static void digest_code(const char *code, uint8_t ret[static crypto_hash_sha256_BYTES]) {
        char plain[CODE_MEMBER_MAX * 4 + 1];
        size_t n = 0;

        for (; *code && n < sizeof(plain) - 1; code++) {
                char c = *code >= 'A' && *code <= 'Z' ? (char) (*code + ('a' - 'A')) : *code;

                if (c != '-' && c != ' ')
                        plain[n++] = c;
        }
        (void) crypto_hash_sha256(ret, (const unsigned char *) plain, n);
        sodium_memzero(plain, sizeof(plain));
}

static void make_code(char ret[static CODE_TEXT_SIZE]) {
        size_t n = 0;

        for (size_t i = 0; i < (size_t) CODE_GROUPS * GROUP_SIZE; i++) {
                if (i > 0 && i % GROUP_SIZE == 0)
                        ret[n++] = '-';
                ret[n++] = alphabet[randombytes_uniform(sizeof(alphabet) - 1)];
        }
        ret[n] = '\0';
}

void setup_begin(Grading *g) {
        char code[CODE_TEXT_SIZE];

        if (has_admin(g->book))
                return;
        make_code(code);
        digest_code(code, g->setup_digest);
        g->setup_open = true;
        log_event_local(LOG_NOTICE, EVENT_SETUP_NEEDED, NULL, 0, "There is no administrator yet. The code to make one with, good until the next start: %s", code);
        sodium_memzero(code, sizeof(code));
}

typedef struct Setup {
        SecretChange secret;
        AccountRow *row;
} Setup;

static void setup_deinit(Change *c) {
        row_free(KIND_ACCOUNT, (Row *) ((Setup *) c)->row);
}

static int refuse_done(Problem *problem) {
        return problem_set(problem, 409, "There is an administrator already: sign in, or ask that one");
}

static int run_setup(StoreJob *job, Txn *t) {
        Setup *s = CONTAINER_OF(job, Setup, secret.change.job);
        AccountRow *row = s->row;
        uint64_t admins;
        int k = txn_count_admins(t, 0, &admins);

        if (k >= 0 && admins > 0)
                return refuse_done(&job->problem);
        row->password_usec = job->time_usec;
        if (k >= 0)
                k = text_replace(&row->password, s->secret.hash.text);
        if (k >= 0)
                k = txn_create(t, KIND_ACCOUNT, &row->row, NULL);
        if (k < 0)
                return k;
        s->row = NULL;
        return change_reply_row(&s->secret.change, 201, KIND_ACCOUNT, &row->row);
}

static void setup_done(Change *c) {
        c->grading->setup_open = false;
        sodium_memzero(c->grading->setup_digest, sizeof(c->grading->setup_digest));
        change_log_applied(c);
}

static int check_code(Setup *s, Problem *problem) {
        Change *c = &s->secret.change;
        Grading *g = c->grading;
        uint8_t digest[crypto_hash_sha256_BYTES];
        char source[SESSION_CLIENT_SIZE];
        const char *code = NULL;
        ThrottleKey key;
        int k;

        if (!c->body)
                return problem_set(problem, 400, "The body is empty where JSON is expected");
        k = json_get_text(c->body, "Code", 1, CODE_MEMBER_MAX, &code, problem);
        if (k < 0)
                return k;
        forwarded_source(c->request, g->runtime->token, source);
        key = throttle_key(g->throttle, THROTTLE_LOGIN, source);
        k = secret_try(g, c->request, key, problem);
        if (k < 0)
                return k;
        digest_code(code, digest);
        if (!credential_hash_is_equal(digest, g->setup_digest))
                return problem_set(problem, 403, "Member 'Code' is not the one in the journal: journalctl -u gradebook-grading shows it");
        throttle_succeeded(g->throttle, key, clock_monotonic_usec());
        return 0;
}

static int parse_setup(Setup *s, const char **ret_password, Problem *problem) {
        json_object *body = s->secret.change.body;
        int k;

        s->row = (AccountRow *) row_new(KIND_ACCOUNT);
        if (!s->row || json_add_text(body, "Role", role_name(ROLE_ADMIN)) < 0)
                return -ENOMEM;
        json_object_object_del(body, "Student");
        json_object_object_del(body, "Disabled");
        k = row_read(KIND_ACCOUNT, &s->row->row, body, ROW_CREATE, problem);
        if (k >= 0)
                k = secret_get(body, "Password", ret_password, problem);
        return k < 0 ? k : password_check(*ret_password, s->row->login, NULL, problem);
}

void post_setup(Request *r, void *service) {
        static const Access nobody = { .actor = "setup" };
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Grading *g = service;
        Setup *s = change_begin_as(g, r, sizeof(*s), &nobody);
        const char *password = NULL;
        int k;

        if (!s)
                return;
        s->secret.change.deinit = setup_deinit;
        s->secret.change.job.run = run_setup;
        s->secret.change.log = setup_done;
        change_keep_secret(&s->secret.change);
        k = g->setup_open && setup_is_needed(g) ? 0 : refuse_done(&problem);
        if (k >= 0)
                k = check_code(s, &problem);
        if (k >= 0)
                k = parse_setup(s, &password, &problem);
        if (k < 0)
                change_submit(&s->secret.change, k, &problem);
        else
                secret_change_submit(&s->secret, password);
}
