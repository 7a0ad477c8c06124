/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/access.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "grading/grading.h"

#define BEARER "Bearer "
#define DIGEST_HEX_SIZE (2 * CREDENTIAL_HASH_SIZE + 1)

static bool refuse(Request *r, const char *detail) {
        request_set_header(r, "WWW-Authenticate", "Bearer realm=\"gradebook\"");
        request_fail(r, 401, "%s", detail);
        return false;
}

static uint64_t account_of_token(const Grading *g, const uint8_t digest[static CREDENTIAL_HASH_SIZE]) {
        char hex[DIGEST_HEX_SIZE];
        const TokenRow *token = book_token_by_digest(g->book, sodium_bin2hex(hex, sizeof(hex), digest, CREDENTIAL_HASH_SIZE));

        return token && clock_realtime_usec() < token->expires_usec ? token->account_id : 0;
}

static uint64_t account_of_session(const Grading *g, const uint8_t digest[static CREDENTIAL_HASH_SIZE]) {
        const SessionRecord *session = sessions_find(g->sessions, digest);

        return session ? session->account_id : 0;
}

/* Sessions, tokens and accounts are looked up by digests and numbers: how long that takes says nothing about the text. */
static bool take_credential(Grading *g, const char *text, Access *ret) {
        const AccountRow *account;
        CredentialKind kind;
        Access a = {};

        if (credential_parse(text, &kind, a.digest) < 0)
                return false;
        a.by = kind == CREDENTIAL_SESSION ? ACCESS_BY_SESSION : ACCESS_BY_TOKEN;
        a.account_id = kind == CREDENTIAL_SESSION ? account_of_session(g, a.digest) : account_of_token(g, a.digest);
        account = book_account(g->book, a.account_id);
        if (!account || account->disabled)
                return false;
        a.role = (Role) account->role;
        a.student_id = a.role == ROLE_STUDENT ? account->student_id : 0;
        (void) snprintf(a.actor, sizeof(a.actor), "account:%" PRIu64, a.account_id);
        *ret = a;
        return true;
}

/* What stands behind "Bearer", if it is one of ours; NULL: it is not. */
static const char *bearer_credential(const Request *r) {
        const char *text = request_header(r, "Authorization");

        if (!text || strncasecmp(text, BEARER, strlen(BEARER)) != 0)
                return NULL;
        text += strlen(BEARER);
        text += strspn(text, " ");
        return strncmp(text, "gbs_", 4) == 0 || strncmp(text, "gbt_", 4) == 0 ? text : NULL;
}

bool access_admits(const Request *r, void *service) {
        const char *credential = bearer_credential(r);
        Access access;

        return request_is_authorized(r) || (credential && take_credential(service, credential, &access));
}

bool access_begin(Grading *g, Request *r, Access *ret) {
        bool peer = request_is_authorized(r);
        const char *credential = peer ? request_header(r, "Gradebook-Session") : NULL;

        if (!credential && !(peer && g->runtime->token))
                credential = bearer_credential(r);
        if (credential)
                return take_credential(g, credential, ret) || refuse(r, "The session or API token is not valid, or has ended: sign in again");
        if (!peer)
                return refuse(r, "A session, an API token or the cluster token is needed (Authorization: Bearer …)");
        *ret = (Access) { .cluster = true };
        (void) snprintf(ret->actor, sizeof(ret->actor), "%s", g->runtime->token ? "cluster" : "anonymous");
        return true;
}

static bool teaches(const Access *a, const Book *b, uint64_t class_id) {
        const AccountRow *account = book_account(b, a->account_id);

        return account && book_teaches(b, account, class_id);
}

static bool teaches_student(const Access *a, const Book *b, uint64_t student_id) {
        const StudentRow *s = book_student(b, student_id);

        for (size_t i = 0; s && i < s->enrolments.n; i++)
                if (teaches(a, b, ((const EnrolmentRow *) s->enrolments.rows[i])->class_id))
                        return true;
        return false;
}

static bool is_enrolled(const Access *a, const Book *b, uint64_t class_id) {
        const ClassRow *c = book_class(b, class_id);

        return a->student_id > 0 && c && book_enrolment_of(b, c, a->student_id);
}

static uint64_t class_of_grade(const Book *b, const GradeRow *g) {
        const AssessmentRow *a = book_assessment(b, g->assessment_id);

        return a ? a->class_id : 0;
}

static bool teacher_may(const Access *a, const Book *b, AccessRight right, Kind kind, const Row *row) {
        switch (kind) {
        case KIND_TERM:
                return right == ACCESS_READ;
        case KIND_CLASS:
                return right != ACCESS_CREATE && teaches(a, b, row->id);
        case KIND_STUDENT:
                return right == ACCESS_READ && teaches_student(a, b, row->id);
        case KIND_TEACHING:
                return right == ACCESS_READ && teaches(a, b, ((const TeachingRow *) row)->class_id);
        case KIND_ENROLMENT:
                return right == ACCESS_READ && teaches(a, b, ((const EnrolmentRow *) row)->class_id);
        case KIND_ASSESSMENT:
                return teaches(a, b, ((const AssessmentRow *) row)->class_id);
        case KIND_GRADE:
                return teaches(a, b, class_of_grade(b, (const GradeRow *) row));
        default:
                return false;
        }
}

static bool student_may(const Access *a, const Book *b, AccessRight right, Kind kind, const Row *row) {
        const AssessmentRow *assessment;

        if (right != ACCESS_READ)
                return false;
        switch (kind) {
        case KIND_TERM:
                return true;
        case KIND_CLASS:
                return is_enrolled(a, b, row->id);
        case KIND_STUDENT:
                return a->student_id == row->id;
        case KIND_ENROLMENT:
                return a->student_id > 0 && ((const EnrolmentRow *) row)->student_id == a->student_id;
        case KIND_ASSESSMENT:
                return ((const AssessmentRow *) row)->released && is_enrolled(a, b, ((const AssessmentRow *) row)->class_id);
        case KIND_GRADE:
                assessment = book_assessment(b, ((const GradeRow *) row)->assessment_id);
                return a->student_id > 0 && ((const GradeRow *) row)->student_id == a->student_id && assessment && assessment->released;
        default:
                return false;
        }
}

/* Everybody may see the account that they sign in with, and make and end tokens for it. */
static bool owner_may(const Access *a, AccessRight right, Kind kind, const Row *row) {
        if (kind == KIND_ACCOUNT)
                return right == ACCESS_READ && row->id == a->account_id;
        return kind == KIND_TOKEN && ((const TokenRow *) row)->account_id == a->account_id;
}

bool access_may(const Access *a, const Book *b, AccessRight right, Kind kind, const Row *row) {
        if (access_is_unlimited(a))
                return true;
        if (a->account_id > 0 && owner_may(a, right, kind, row))
                return true;
        return a->role == ROLE_TEACHER ? teacher_may(a, b, right, kind, row) : student_may(a, b, right, kind, row);
}

int access_check(const Access *a, const Book *b, AccessRight right, Kind kind, const Row *row) {
        if (access_may(a, b, right, kind, row))
                return 0;
        return right != ACCESS_READ && access_may(a, b, ACCESS_READ, kind, row) ? -EACCES : -ENOENT;
}

bool access_may_replace(const Access *a, Kind kind, const Row *old, const Row *new) {
        const ClassRow *c = (const ClassRow *) old, *d = (const ClassRow *) new;

        if (access_is_unlimited(a) || kind != KIND_CLASS)
                return true;
        return c->term_id == d->term_id && c->locked == d->locked && c->archived == d->archived;
}
