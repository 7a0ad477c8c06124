/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "grading/roster.h"
#include "runtime/database.h"
#include "wire/student.h"

/* The truth on disk. Every operation but opening is asynchronous: asked for on the loop, done on the loop, and in
 * between on the disk. */
typedef struct Store Store;
typedef struct StoreWrite StoreWrite;

typedef enum StoreAction {
        STORE_ADD_STUDENT,
        STORE_ADD_GRADE,
} StoreAction;

/* Who, and why: a row in the table of changes goes with every change, in the same transaction. */
typedef struct StoreOrigin {
        const char *actor;              /* "cluster": carried the cluster's token; "anonymous" */
        const char *client;             /* "127.0.0.1:4711" */
        const char *request_id;
        const char *reason;             /* NULL: none was given */
} StoreOrigin;

/* Embedded in the caller's own structure; it and all texts are borrowed until done. */
struct StoreWrite {
        StoreAction action;
        uint64_t student_id;
        const char *first_name;         /* STORE_ADD_STUDENT */
        const char *last_name;
        const Grade *grade;             /* STORE_ADD_GRADE */
        uint64_t grade_id;              /* filled on success */
        StoreOrigin origin;

        /* result: 0 is on disk; -EEXIST (the student's id is taken), -ENOENT (no such student), -ENOSPC, -EIO, … */
        void (*done)(StoreWrite *w, int result);

        DatabaseJob job;                /* the store's */
        Store *store;
        uint64_t time_usec;
};

/* Opens the file and fills the roster from it. Blocks. Errors as database_open(). */
int store_open(Store **ret, sd_event *event, const char *path, Roster *roster, char **ret_error);
Store *store_free(Store *s);            /* completes what was submitted. Blocks */
DEFINE_CLEANUP(Store, store_free);

int store_submit(Store *s, StoreWrite *w);              /* -EBUSY: too many wait; done will not come */
size_t store_pending(const Store *s);
uint64_t store_commits(const Store *s);
uint64_t store_size_bytes(const Store *s);              /* the file and its write-ahead log */
