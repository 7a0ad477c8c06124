/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "grading/admin-internal.h"
#include "wire/json.h"

#define JOBS_MAX 4              /* a task has one at a time */
#define REASON_MAX 500          /* code points */

static const char *const file_names[_ADMIN_FILE_MAX] = {
        [ADMIN_COPY] = "copy.tmp",
        [ADMIN_COMPACT] = "vacuum.tmp",
        [ADMIN_INCOMING] = ADMIN_RESTORE_NAME,
        [ADMIN_RESTORE] = "restore.tmp",
        [ADMIN_REPLACED] = "replaced.tmp",
        [ADMIN_KEPT] = ADMIN_KEPT_NAME,
        [ADMIN_STAMP] = "last-backup",
};

/* With what SQLite may have left beside it. 0, or why something is still there. On any thread, so that it logs nothing. */
static int remove_file(const char *path) {
        static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_(freep) char *name = NULL;

                if (asprintf(&name, "%s%s", path, suffixes[i]) < 0) {
                        name = NULL;
                        r = -ENOMEM;
                } else if (unlink(name) < 0 && errno != ENOENT) {
                        r = -errno;
                }
        }
        return r;
}

/* What is at work holds all grades: it goes when nobody works on it any more. */
static int remove_work(const Admin *a) {
        static const AdminFile files[] = { ADMIN_COPY, ADMIN_COMPACT, ADMIN_RESTORE, ADMIN_REPLACED };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                int k = remove_file(a->paths[files[i]]);

                r = k < 0 ? k : r;
        }
        return r;
}

static void tell_left(int r) {
        if (r < 0)
                log_warning("What administration left in the state directory cannot be removed: %s", strerror(-r));
}

/* ---- its thread ---- */

static void run_batch(Job *batch, void *userdata) {
        for (Job *job = batch; job; job = job->next) {
                AdminTask *t = CONTAINER_OF(job, AdminTask, job);

                job->result = t->work(t);
        }
}

int admin_new(Admin **ret, Grading *g) {
        _cleanup_(admin_freep) Admin *a = calloc(1, sizeof(*a));
        struct stat st;
        int r;

        if (!a)
                return -ENOMEM;
        a->grading = g;
        for (size_t i = 0; i < _ADMIN_FILE_MAX; i++)
                if (asprintf(&a->paths[i], "%s/%s", g->runtime->state_directory, file_names[i]) < 0) {
                        a->paths[i] = NULL;
                        return -ENOMEM;
                }
        tell_left(remove_work(a));
        tell_left(remove_file(a->paths[ADMIN_INCOMING]));
        if (stat(a->paths[ADMIN_STAMP], &st) >= 0)
                a->last_backup_usec = (uint64_t) st.st_mtim.tv_sec * USEC_PER_SEC;
        r = worker_new(&a->worker, g->runtime->event, "admin", JOBS_MAX, 1, run_batch, NULL);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(a);
        return 0;
}

void admin_stop(Admin *a) {
        a->stopping = true;
        if (a->task)
                atomic_store(&a->task->cancel, true);
}

Admin *admin_free(Admin *a) {
        if (!a)
                return NULL;
        worker_free(a->worker);
        for (size_t i = 0; i < _ADMIN_FILE_MAX; i++)
                free(a->paths[i]);
        free(a);
        return NULL;
}

uint64_t admin_last_backup_usec(const Admin *a) {
        return a->last_backup_usec;
}

uint64_t admin_last_check_usec(const Admin *a) {
        return a->last_check_usec;
}

uint64_t admin_faults(const Admin *a) {
        return a->faults;
}

const char *admin_path(const AdminTask *t, AdminFile file) {
        return t->admin->paths[file];
}

/* ---- a task ---- */

AdminTask *admin_task_free(AdminTask *t) {
        if (!t)
                return NULL;
        verify_report_deinit(&t->report);
        json_object_put(t->body);
        free(t->client);
        free(t->request_id);
        free(t);
        return NULL;
}
DEFINE_CLEANUP(AdminTask, admin_task_free);

static void on_gone(Request *r, void *userdata) {
        AdminTask *t = userdata;

        atomic_store(&t->cancel, true);
}

static bool is_free(Admin *a, Request *r) {
        if (a->stopping) {
                request_fail(r, 503, "The service is stopping");
                return false;
        }
        if (!a->task)
                return true;
        request_fail(r, 503, "There is a %s under way: one thing at a time", a->task->name);
        return false;
}

static int read_body(AdminTask *t, Request *r) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        size_t size;
        int k;

        (void) request_body(r, &size);
        if (size == 0)
                return 0;
        k = request_json(r, &t->body);
        if (k < 0)
                return k;
        k = json_get_text(t->body, "Reason", 0, REASON_MAX, &t->reason, &problem);
        if (k < 0)
                request_reply_problem(r, &problem);
        return k;
}

void *admin_begin(Grading *g, Request *r, const char *name, size_t size) {
        _cleanup_(admin_task_freep) AdminTask *t = NULL;
        Access access;

        if (!access_begin(g, r, &access))
                return NULL;
        if (!access_is_unlimited(&access)) {
                request_fail(r, 403, "This is for administrators");
                return NULL;
        }
        if (store_is_shared(g->store) && strcmp(name, "fsck") != 0) {
                request_fail(r, 501, "The grades are in PostgreSQL, which has its own ways to do this: pg_dump or pg_basebackup for a backup, pg_restore "
                             "for the way back, VACUUM for room");
                return NULL;
        }
        if (!is_free(g->admin, r))
                return NULL;
        t = calloc(1, size);
        if (!t || text_replace(&t->client, request_client(r)) < 0 || text_replace(&t->request_id, request_trace(r)->id) < 0) {
                request_fail_errno(r, -ENOMEM, "beginning");
                return NULL;
        }
        if (read_body(t, r) < 0)
                return NULL;
        t->admin = g->admin;
        t->request = r;
        t->access = access;
        t->name = name;
        t->begin_usec = clock_monotonic_usec();
        atomic_init(&t->cancel, false);
        /* One whose client has gone is given up; where that cannot be seen it goes on to its end. */
        (void) request_watch(r, on_gone, t);
        g->admin->task = t;
        return TAKE_PTR(t);
}

static void job_done(Job *job) {
        AdminTask *t = CONTAINER_OF(job, AdminTask, job);

        t->next(t, job->result);
}

void admin_on_thread(AdminTask *t, int (*work)(AdminTask *t), void (*next)(AdminTask *t, int result)) {
        t->work = work;
        t->next = next;
        t->job.done = job_done;
        /* Refused only while the thread has ended. */
        if (worker_submit(t->admin->worker, &t->job) < 0)
                next(t, work(t));
}

static int alone_work(StoreAlone *a) {
        AdminTask *t = CONTAINER_OF(a, AdminTask, alone);

        return t->work(t);
}

static void alone_done(StoreAlone *a, int result) {
        AdminTask *t = CONTAINER_OF(a, AdminTask, alone);

        t->next(t, result);
}

void admin_on_store(AdminTask *t, int (*work)(AdminTask *t), void (*next)(AdminTask *t, int result)) {
        t->work = work;
        t->next = next;
        t->alone.work = alone_work;
        t->alone.done = alone_done;
        store_alone(t->admin->grading->store, &t->alone);
}

/* One slice. 1: there is more. */
static int copy_slice(AdminTask *t) {
        int r = 0;

        if (atomic_load(&t->cancel))
                r = -ECANCELED;
        else if (!t->snapshot)
                r = snapshot_new(&t->snapshot, t->alone.store, admin_path(t, t->file));
        if (r >= 0)
                r = snapshot_slice(t->snapshot);
        if (r == 0 && t->whole)
                r = snapshot_finish(t->snapshot);
        if (r < 0 || (r == 0 && t->whole))
                t->snapshot = snapshot_free(t->snapshot);
        return r;
}

/* The next one waits its turn behind whoever came meanwhile. */
static void slice_done(StoreAlone *a, int result) {
        AdminTask *t = CONTAINER_OF(a, AdminTask, alone);

        if (result == 1)
                store_alone(t->admin->grading->store, a);
        else
                t->next(t, result);
}

void admin_copy(AdminTask *t, AdminFile file, bool whole, void (*next)(AdminTask *t, int result)) {
        t->file = file;
        t->whole = whole;
        t->work = copy_slice;
        t->next = next;
        t->alone.work = alone_work;
        t->alone.done = slice_done;
        store_alone(t->admin->grading->store, &t->alone);
}

static int clean_up(AdminTask *t) {
        if (t->clean)
                t->clean(t);
        return remove_work(t->admin);
}

static void cleaned_up(AdminTask *t, int result) {
        tell_left(result);
        t->admin->task = NULL;
        t->answer(t);
}

void admin_end(AdminTask *t, int result) {
        t->result = result;
        admin_on_thread(t, clean_up, cleaned_up);
}
