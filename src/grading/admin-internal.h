/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by admin.c (the task that runs), admin-report.c, admin-backup.c, admin-restore.c and admin-check.c. */

#include "grading/admin.h"
#include "grading/store-admin.h"
#include "grading/verify.h"
#include "runtime/events.h"
#include "runtime/worker.h"

typedef enum AdminFile {
        ADMIN_COPY,             /* of a backup or a check */
        ADMIN_COMPACT,          /* of vacuum */
        ADMIN_INCOMING,         /* ADMIN_RESTORE_NAME */
        ADMIN_RESTORE,          /* that file, taken */
        ADMIN_REPLACED,         /* on its way to ADMIN_KEPT */
        ADMIN_KEPT,
        ADMIN_STAMP,            /* its time is that of the last backup */
        _ADMIN_FILE_MAX,
} AdminFile;

typedef struct AdminTask AdminTask;

struct Admin {
        Grading *grading;
        Worker *worker;
        char *paths[_ADMIN_FILE_MAX];
        AdminTask *task;        /* NULL: none runs */
        bool stopping;
        uint64_t last_backup_usec, last_check_usec, faults;
};

/* Embedded at the start of the task's own structure. Steps follow each other; each ends in the callback next, on the loop. */
struct AdminTask {
        Admin *admin;
        Request *request;       /* NULL: it was answered */
        Access access;
        const char *name;       /* "backup" */
        char *client, *request_id;      /* of the request, which may be answered before the end */
        json_object *body;
        const char *reason;     /* borrowed from it */
        atomic_bool cancel;
        uint64_t begin_usec;
        int result;
        VerifyReport report;

        Job job;
        StoreAlone alone;
        Snapshot *snapshot;     /* the store's thread alone touches it */
        AdminFile file;         /* that it writes */
        bool whole;
        int (*work)(AdminTask *t);
        void (*next)(AdminTask *t, int result);
        void (*clean)(AdminTask *t);    /* on the thread, behind all else; may be NULL */
        void (*answer)(AdminTask *t);   /* on the loop: takes the task */
};

/* NULL: it was answered, with 401, 403, 400 or, while another runs, 503. */
void *admin_begin(Grading *g, Request *r, const char *name, size_t size);
void admin_on_thread(AdminTask *t, int (*work)(AdminTask *t), void (*next)(AdminTask *t, int result));
void admin_on_store(AdminTask *t, int (*work)(AdminTask *t), void (*next)(AdminTask *t, int result));
/* Copies the store. whole: to the end; else what fits one slice is left, and the snapshot is open. < 0: there is none. */
void admin_copy(AdminTask *t, AdminFile file, bool whole, void (*next)(AdminTask *t, int result));

/* No further step: cleans up, lets the next one begin, and answers. */
void admin_end(AdminTask *t, int result);
AdminTask *admin_task_free(AdminTask *t);

/* Answers what failed with result < 0. */
void admin_refuse(AdminTask *t, const char *what);
const char *admin_path(const AdminTask *t, AdminFile file);
int admin_verify_copy(AdminTask *t);            /* of ADMIN_COPY, on the thread */
void admin_note_check(AdminTask *t);            /* what the verification found, for metrics and the journal */
void admin_log(const AdminTask *t, int priority, Event event, const char *format, ...) _printf_(4, 5);

/* {"Sequence":…,"Hash":…} and {"term":…} ; NULL: no memory. */
json_object *admin_tip_json(const LedgerTip *tip);
json_object *admin_rows_json(const VerifyReport *report);
json_object *admin_faults_json(const VerifyReport *report);
