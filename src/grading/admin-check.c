/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "grading/admin-internal.h"
#include "wire/json.h"

/* POST /fsck looks at a copy, so that nobody waits. POST /vacuum makes the file compact, and writers wait for that. */

#define ROOM_PARTS 16           /* asked for beyond what is needed by calculation: one part in so many */

int admin_verify_copy(AdminTask *t) {
        sqlite3 *db = NULL;
        int r;

        r = database_errno(sqlite3_open_v2(admin_path(t, ADMIN_COPY), &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL));
        if (r >= 0)
                r = database_errno(sqlite3_exec(db, "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA locking_mode=EXCLUSIVE",
                                                NULL, NULL, NULL));
        if (r >= 0)
                r = verify(db, &t->cancel, &t->report);
        (void) sqlite3_close(db);
        return r;
}

void admin_note_check(AdminTask *t) {
        Admin *a = t->admin;
        uint64_t n = t->report.n_faults;

        a->last_check_usec = clock_realtime_usec();
        a->faults = n;
        for (size_t i = 0; i < VERIFY_FAULTS_KEPT && i < n; i++)
                log_error("%s", t->report.faults[i] ? t->report.faults[i] : "Out of memory for a fault");
        if (n > 0)
                admin_log(t, LOG_ERR, EVENT_GRADES_DAMAGED, "The grades are damaged in %" PRIu64 " place%s, the first: %s", n, n == 1 ? "" : "s",
                          t->report.faults[0] ? t->report.faults[0] : "out of memory");
}

/* ---- fsck ---- */

/* PostgreSQL sees to the others itself. */
static json_object *checked_json(bool shared) {
        static const char *const names[] = { "structure", "references", "schema", "ledger", "rows" };
        _cleanup_(json_unrefp) json_object *array = json_object_new_array();

        for (size_t i = shared ? 3 : 0; i < ELEMENTSOF(names); i++)
                if (!array || json_object_array_add(array, json_object_new_string(names[i])) < 0)
                        return NULL;
        return TAKE_PTR(array);
}

static void answer_check(AdminTask *t) {
        _cleanup_(json_unrefp) json_object *o = NULL;

        if (t->result < 0) {
                admin_refuse(t, "Checking");
                admin_task_free(t);
                return;
        }
        o = json_object_new_object();
        if (!o || json_add(o, "OK", json_object_new_boolean(t->report.n_faults == 0)) < 0 || json_add(o, "Checked", checked_json(store_is_shared(t->admin->grading->store))) < 0 ||
            json_add_uint64(o, "Entries", t->report.entries) < 0 || json_add(o, "Head", admin_tip_json(&t->report.tip)) < 0 ||
            json_add(o, "Rows", admin_rows_json(&t->report)) < 0 || json_add_uint64(o, "FaultCount", t->report.n_faults) < 0 ||
            json_add(o, "Faults", admin_faults_json(&t->report)) < 0 ||
            json_add_uint64(o, "Milliseconds", (clock_monotonic_usec() - t->begin_usec) / USEC_PER_MSEC) < 0)
                request_fail_errno(TAKE_PTR(t->request), -ENOMEM, "answering");
        else
                request_reply_json(TAKE_PTR(t->request), 200, TAKE_PTR(o));
        admin_task_free(t);
}

static void check_verified(AdminTask *t, int result) {
        if (result >= 0)
                admin_note_check(t);
        admin_end(t, result);
}

static int verify_shared(AdminTask *t) {
        return store_verify(t->admin->grading->store, &t->cancel, &t->report);
}

static void check_copied(AdminTask *t, int result) {
        if (result < 0)
                admin_end(t, result);
        else
                admin_on_thread(t, admin_verify_copy, check_verified);
}

void post_fsck(Request *r, void *service) {
        AdminTask *t = admin_begin(service, r, "fsck", sizeof(*t));

        if (!t)
                return;
        t->answer = answer_check;
        if (store_is_shared(((Grading *) service)->store))
                admin_on_thread(t, verify_shared, check_verified);
        else
                admin_copy(t, ADMIN_COPY, true, check_copied);
}

/* ---- vacuum ---- */

typedef struct Vacuum {
        AdminTask task;
        uint64_t before, after, needed, available;
} Vacuum;

static void answer_vacuum(AdminTask *t) {
        Vacuum *v = CONTAINER_OF(t, Vacuum, task);
        _cleanup_(json_unrefp) json_object *o = NULL;

        if (t->result == -ENOSPC && v->needed > v->available) {
                request_fail(TAKE_PTR(t->request), 507, "Making the file compact needs %" PRIu64 " bytes of the disk, and %" PRIu64
                             " are free: nothing was changed", v->needed, v->available);
        } else if (t->result < 0) {
                admin_refuse(t, "Making the file compact");
        } else {
                o = json_object_new_object();
                if (!o || json_add_uint64(o, "Before", v->before) < 0 || json_add_uint64(o, "After", v->after) < 0)
                        request_fail_errno(TAKE_PTR(t->request), -ENOMEM, "answering");
                else
                        request_reply_json(TAKE_PTR(t->request), 200, TAKE_PTR(o));
        }
        admin_task_free(t);
}

static void vacuum_done(AdminTask *t, int result) {
        Vacuum *v = CONTAINER_OF(t, Vacuum, task);

        if (result >= 0)
                admin_log(t, LOG_NOTICE, EVENT_ADMINISTERED, "Made the grades' file compact: %" PRIu64 " bytes, %" PRIu64 " before",
                          v->after, v->before);
        admin_end(t, result);
}

static int make_compact(AdminTask *t) {
        Vacuum *v = CONTAINER_OF(t, Vacuum, task);

        return atomic_load(&t->cancel) ? -ECANCELED : store_vacuum(t->alone.store, admin_path(t, ADMIN_COMPACT), &v->before, &v->after);
}

static void room_found(AdminTask *t, int result) {
        if (result < 0)
                admin_end(t, result);
        else
                admin_on_store(t, make_compact, vacuum_done);
}

/* There is a copy of the file, and once more in the write-ahead log. Asked for before, since writers wait while it is tried. */
static int find_room(AdminTask *t) {
        Vacuum *v = CONTAINER_OF(t, Vacuum, task);
        struct statvfs fs;

        if (statvfs(t->admin->grading->runtime->state_directory, &fs) < 0)
                return -errno;
        v->available = (uint64_t) fs.f_bavail * fs.f_frsize;
        v->needed = 2 * store_size_bytes(t->admin->grading->store);
        v->needed += v->needed / ROOM_PARTS;
        return v->needed > v->available ? -ENOSPC : 0;
}

void post_vacuum(Request *r, void *service) {
        Vacuum *v = admin_begin(service, r, "vacuum", sizeof(*v));

        if (!v)
                return;
        v->task.answer = answer_vacuum;
        admin_on_thread(&v->task, find_room, room_found);
}
