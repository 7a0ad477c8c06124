/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "grading/admin-internal.h"
#include "grading/restore-file.h"
#include "wire/json.h"

/* POST /restore: the file that lies in the state directory is verified and read on the thread, beside those who work; the present state is copied in
 * slices; then, alone on the store's thread, the copy is completed and kept, and the content replaced in one transaction. Readers
 * see the old book until the new one is there. */

#define SEQUENCE_TEXT_SIZE 24

typedef struct Restore {
        AdminTask task;
        Replacement replacement;
        LedgerTip before;
        int sync_result;
        char *why;                      /* the file is refused */
} Restore;

static void free_restore(Restore *r) {
        free(r->why);
        admin_task_free(&r->task);
}

static int take_file(AdminTask *t) {
        Restore *r = CONTAINER_OF(t, Restore, task);
        const char *path = admin_path(t, ADMIN_RESTORE);

        /* Whoever writes it may go on writing: the name is ours from here, and gradebookctl asks when it is done. */
        if (rename(admin_path(t, ADMIN_INCOMING), path) < 0)
                return -errno;
        return restore_file_open(path, &t->cancel, &r->replacement, &t->report, &r->why);
}

/* All but the last pages are on disk before writers have to wait. */
static int sync_copy(AdminTask *t) {
        _cleanup_(fd_closep) int fd = open(admin_path(t, ADMIN_REPLACED), O_RDONLY | O_CLOEXEC);

        if (fd < 0 || fdatasync(fd) < 0)
                return -errno;
        return 0;
}

static int sync_directory(const char *path) {
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Under its name before anything is replaced, so that no moment has neither. */
static int keep_replaced(AdminTask *t) {
        int r;

        r = snapshot_finish(t->snapshot);
        t->snapshot = snapshot_free(t->snapshot);
        if (r >= 0)
                r = sync_copy(t);
        if (r >= 0 && rename(admin_path(t, ADMIN_REPLACED), admin_path(t, ADMIN_KEPT)) < 0)
                r = -errno;
        return r < 0 ? r : sync_directory(t->admin->grading->runtime->state_directory);
}

static int replace_content(AdminTask *t) {
        Restore *r = CONTAINER_OF(t, Restore, task);
        int k = atomic_load(&t->cancel) ? -ECANCELED : r->sync_result < 0 ? r->sync_result : keep_replaced(t);

        /* In every case, and here: it is the store's thread that may. */
        t->snapshot = snapshot_free(t->snapshot);
        return k < 0 ? k : store_replace(t->alone.store, &r->replacement);
}

static void clean_restore(AdminTask *t) {
        Restore *r = CONTAINER_OF(t, Restore, task);

        replacement_deinit(&r->replacement);
}

/* ---- on the loop ---- */

static void answer_refused(Restore *r) {
        AdminTask *t = &r->task;
        Problem problem = PROBLEM_NULL;

        (void) problem_set(&problem, 422, "The file cannot be restored: %s. Nothing was changed", r->why ? r->why : "out of memory");
        if (t->report.n_faults > 0)
                problem_add(&problem, "Faults", admin_faults_json(&t->report));
        request_reply_problem(TAKE_PTR(t->request), &problem);
}

static void answer_restore(AdminTask *t) {
        Restore *r = CONTAINER_OF(t, Restore, task);
        _cleanup_(json_unrefp) json_object *o = NULL;

        if (t->result == -ENOENT) {
                request_fail(TAKE_PTR(t->request), 409, "There is no file %s in the state directory: gradebookctl grading restore puts one there",
                             ADMIN_RESTORE_NAME);
        } else if (t->result == -EBADMSG && r->why) {
                answer_refused(r);
        } else if (t->result < 0) {
                admin_refuse(t, "Restoring");
        } else {
                o = json_object_new_object();
                if (!o || json_add(o, "Before", admin_tip_json(&r->before)) < 0 || json_add(o, "Head", admin_tip_json(&t->report.tip)) < 0 ||
                    json_add(o, "Rows", admin_rows_json(&t->report)) < 0 || json_add_text(o, "Kept", ADMIN_KEPT_NAME) < 0)
                        request_fail_errno(TAKE_PTR(t->request), -ENOMEM, "answering");
                else
                        request_reply_json(TAKE_PTR(t->request), 200, TAKE_PTR(o));
        }
        free_restore(r);
}

static void log_restored(const Restore *r) {
        char before[2 * LEDGER_HASH_SIZE + 1], after[sizeof(before)], sequence[SEQUENCE_TEXT_SIZE], sequence_before[SEQUENCE_TEXT_SIZE];
        const AdminTask *t = &r->task;
        LogField fields[] = {
                { "ACTOR", t->access.actor },
                { "CLIENT", t->client },
                { "REQUEST_ID", t->request_id },
                { "LEDGER_SEQUENCE", sequence },
                { "LEDGER_HASH", after },
                { "LEDGER_SEQUENCE_BEFORE", sequence_before },
                { "LEDGER_HASH_BEFORE", before },
                { "REASON", t->reason },
        };

        (void) sodium_bin2hex(before, sizeof(before), r->before.hash, LEDGER_HASH_SIZE);
        (void) sodium_bin2hex(after, sizeof(after), t->report.tip.hash, LEDGER_HASH_SIZE);
        (void) snprintf(sequence, sizeof(sequence), "%" PRIu64, t->report.tip.sequence);
        (void) snprintf(sequence_before, sizeof(sequence_before), "%" PRIu64, r->before.sequence);
        log_event(LOG_NOTICE, EVENT_GRADES_RESTORED, fields, ELEMENTSOF(fields),
                  "The grades were replaced by those of a backup: the ledger ended with entry %s (%s), and ends with entry %s (%s)%s%s",
                  sequence_before, before, sequence, after, t->reason ? "; why: " : "", t->reason ? t->reason : "");
}

static void replaced(AdminTask *t, int result) {
        Restore *r = CONTAINER_OF(t, Restore, task);

        /* Changes that were on their way are done or refused, so this is where the old ledger ended. */
        r->before = store_tip(t->admin->grading->store);
        grading_note_store(t->admin->grading, result);
        if (result >= 0) {
                store_replaced(t->admin->grading->store, &r->replacement);
                sessions_forget(t->admin->grading->sessions);
                log_restored(r);
                ledger_anchor_tell(t->admin->grading->anchor);
        }
        admin_end(t, result);
}

static void synced(AdminTask *t, int result) {
        CONTAINER_OF(t, Restore, task)->sync_result = result;
        admin_on_store(t, replace_content, replaced);
}

static void copied(AdminTask *t, int result) {
        if (result < 0)
                admin_end(t, result);
        else
                admin_on_thread(t, sync_copy, synced);
}

static void taken(AdminTask *t, int result) {
        if (result < 0)
                admin_end(t, result);
        else
                admin_copy(t, ADMIN_REPLACED, false, copied);
}

void post_restore(Request *request, void *service) {
        Restore *r = admin_begin(service, request, "restore", sizeof(*r));

        if (!r)
                return;
        r->task.clean = clean_restore;
        r->task.answer = answer_restore;
        admin_on_thread(&r->task, take_file, taken);
}
