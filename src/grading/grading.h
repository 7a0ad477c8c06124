/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/book.h"
#include "grading/class-view.h"
#include "grading/conf.h"
#include "grading/ledger-anchor.h"
#include "grading/hasher.h"
#include "grading/sessions.h"
#include "grading/simple-view.h"
#include "grading/store.h"
#include "grading/throttle.h"
#include "runtime/service.h"

/* How a request for a change ended. */
typedef enum ChangeOutcome {
        CHANGE_STORED,                  /* on disk */
        CHANGE_REFUSED,                 /* 4xx */
        CHANGE_FAILED,                  /* 5xx */
        _CHANGE_OUTCOME_MAX,
} ChangeOutcome;

typedef struct Admin Admin;

/* How a try to sign in ended. */
typedef enum SignInOutcome {
        SIGN_IN_DONE,
        SIGN_IN_REFUSED,                /* login or password is wrong */
        SIGN_IN_THROTTLED,
        SIGN_IN_FAILED,                 /* too busy, no memory */
        _SIGN_IN_OUTCOME_MAX,
} SignInOutcome;

/* The service's object. */
typedef struct Grading {
        Runtime *runtime;
        Book *book;
        SimpleView *simple_view;
        ClassView *class_view;
        Store *store;
        Admin *admin;
        LedgerAnchor *anchor;
        bool ledger_check;              /* one is under way */
        Hasher *hasher;
        Throttle *throttle;
        Sessions *sessions;
        bool setup_open;                /* there was no administrator at the start; setup_digest is that of the code in the journal */
        uint8_t setup_digest[32];
        uint64_t setup_looked;          /* the book's revision, plus 1, that setup_needed was found in; 0: none yet */
        bool setup_needed;
        uint64_t sign_ins[_SIGN_IN_OUTCOME_MAX];
        size_t students_underway;       /* on their way to the disk */
        size_t exports_underway;        /* written or sent */
        uint64_t changes[_CHANGE_OUTCOME_MAX];
        int store_error;                /* of the last change: 0, or why the disk did not take it */
} Grading;

/* The hooks of runtime/service.h */
int grading_new(Runtime *rt, void **ret);
int grading_reload(void *service, const void *old);
void grading_drained(void *service);
bool grading_defer(Request *r, void *service);          /* until the book is as new as the database */
void grading_status(void *service, Buffer *out);
void grading_stop(void *service);
void *grading_free(void *service);

extern const Route grading_routes[];
extern const MetricItem grading_metrics[];

static inline const GradingConfig *grading_limits(const Grading *g) {
        return g->runtime->config;
}

/* Whom a try to sign in counts for; letters A to Z of a login count as small ones. source: an address, with or without its port. */
ThrottleKey grading_throttle_key(const Grading *g, const char *login, const char *source);

/* Notes how the disk took a change, and says so once when that changes. */
void grading_note_store(Grading *g, int result);

/* The handlers, in the files of their nouns. */
void get_students(Request *r, void *service);
void post_student(Request *r, void *service);
void get_student(Request *r, void *service);
void patch_student(Request *r, void *service);
void delete_student(Request *r, void *service);
void post_grade(Request *r, void *service);
void get_grade_of_student(Request *r, void *service);
void get_openapi(Request *r, void *service);
