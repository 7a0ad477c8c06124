/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/grading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "grading/accounts.h"
#include "grading/admin.h"
#include "runtime/events.h"
#include "runtime/postgres.h"

#define FILE_NAME "grades.db"

static void grading_freep(Grading **g) {
        grading_free(*g);
}

static const char *plural(size_t n) {
        return n == 1 ? "" : "s";
}

static int open_store(Grading *g, const char *path, char **ret_error) {
        const char *database = grading_limits(g)->database;
        _cleanup_(freep) char *password = NULL, *why = NULL;
        int r;

        *ret_error = NULL;
        if (strcmp(database, "sqlite:") == 0)
                return store_open(&g->store, g->runtime->event, path, g->book, ret_error);
        r = postgres_check_url(database, &why);
        if (r < 0 && asprintf(ret_error, "[Grading] Database= %s", why ? why : strerror(-r)) < 0)
                *ret_error = NULL;
        if (r >= 0)
                r = postgres_read_password(&password);
        if (r == -EBADMSG)
                *ret_error = strdup("the credential postgresql-password must be one line");
        if (r >= 0)
                r = store_open_shared(&g->store, g->runtime->event, &(StoreOptions) { database, password }, g->book, ret_error);
        if (password)
                explicit_bzero(password, strlen(password));
        return r;
}

static int grading_open(Grading *g, const char *path) {
        _cleanup_(freep) char *error = NULL;
        const char *where = strcmp(grading_limits(g)->database, "sqlite:") == 0 ? path : grading_limits(g)->database;
        uint64_t started = clock_monotonic_usec();
        char span[CLOCK_SPAN_SIZE];
        size_t students, grades;
        int r;

        r = open_store(g, path, &error);
        if (r < 0) {
                LogField fields[] = { { "PATH", where == path ? path : NULL } };

                log_event(LOG_ERR, EVENT_STORE_FAILED, fields, ELEMENTSOF(fields), "The grades cannot be opened: %s",
                          error ? error : strerror(-r));
                return r;
        }
        students = book_count(g->book, KIND_STUDENT);
        grades = book_count(g->book, KIND_GRADE);
        clock_format_span(clock_monotonic_usec() - started, span);
        log_info("Read %zu student%s and %zu grade%s from %s in %s", students, plural(students), grades, plural(grades), where, span);
        return 0;
}

static int grading_open_accounts(Grading *g) {
        int r;

        r = hasher_new(&g->hasher, g->runtime->event, HASHER_QUEUE_MAX);
        if (r >= 0)
                r = throttle_new(&g->throttle);
        if (r >= 0)
                r = sessions_new(&g->sessions, g);
        if (r < 0)
                log_error("The accounts cannot be served: %s", strerror(-r));
        else
                setup_begin(g);
        return r;
}

int grading_new(Runtime *rt, void **ret) {
        _cleanup_(grading_freep) Grading *g = calloc(1, sizeof(*g));
        _cleanup_(freep) char *path = NULL;
        int r;

        if (g)
                g->runtime = rt;
        if (!g || asprintf(&path, "%s/" FILE_NAME, rt->state_directory) < 0 || book_new(&g->book) < 0 ||
            simple_view_new(&g->simple_view, g->book) < 0 || class_view_new(&g->class_view, g->book) < 0) {
                log_error("Out of memory");
                return -ENOMEM;
        }
        r = grading_open(g, path);
        if (r < 0)
                return r;
        r = admin_new(&g->admin, g);
        if (r < 0) {
                log_error("The thread of administration cannot be started: %s", strerror(-r));
                return r;
        }
        r = ledger_anchor_new(&g->anchor, rt->event, g->store);
        if (r < 0) {
                log_error("The timer of the ledger's anchors cannot be made: %s", strerror(-r));
                return r;
        }
        r = grading_open_accounts(g);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

int grading_reload(void *service, const void *old) {
        Grading *g = service;

        if (strcmp(((const GradingConfig *) old)->database, grading_limits(g)->database) != 0)
                log_warning("Database= is another now: that takes a restart");
        return 0; /* the limits are looked up for each change; what is over a new one stays */
}

/* A request that waits until the book is as new as the database. */
typedef struct Deferred {
        StoreWait wait;
        Grading *grading;
        Request *request;
} Deferred;

static void on_fresh(StoreWait *wait, int result) {
        Deferred *d = CONTAINER_OF(wait, Deferred, wait);
        const char *trouble = store_trouble(d->grading->store);
        Request *r = d->request;

        free(d);
        if (result >= 0)
                request_dispatch(r);
        else
                request_fail(r, 503, "PostgreSQL, which has the grades, cannot be asked%s%s", trouble ? ": " : "", trouble ? trouble : "");
}

bool grading_defer(Request *r, void *service) {
        Grading *g = service;
        Deferred *d;

        if (!store_is_shared(g->store))
                return false;
        d = malloc(sizeof(*d));
        if (!d) {
                request_fail_errno(r, -ENOMEM, "waiting for PostgreSQL");
                return true;
        }
        *d = (Deferred) { .wait.ready = on_fresh, .grading = g, .request = r };
        store_refresh(g->store, &d->wait);
        return true;
}

void grading_stop(void *service) {
        admin_stop(((Grading *) service)->admin);
}

/* Nothing more comes: this is where the ledger ends. */
void grading_drained(void *service) {
        ledger_anchor_tell(((Grading *) service)->anchor);
}

void *grading_free(void *service) {
        Grading *g = service;

        if (!g)
                return NULL;
        if (g->admin)
                admin_stop(g->admin);
        hasher_free(g->hasher); /* its last completions go on to the store */
        sessions_flush(g->sessions);
        if (g->store) {
                store_finish(g->store); /* its last completions still use what follows */
                if (g->anchor)
                        ledger_anchor_tell(g->anchor);
        }
        ledger_anchor_free(g->anchor);
        admin_free(g->admin);
        store_free(g->store);
        sessions_free(g->sessions);
        throttle_free(g->throttle);
        simple_view_free(g->simple_view);
        class_view_free(g->class_view);
        book_free(g->book);
        free(g);
        return NULL;
}

void grading_status(void *service, Buffer *out) {
        const Grading *g = service;
        size_t students = book_count(g->book, KIND_STUDENT), grades = book_count(g->book, KIND_GRADE);

        (void) buffer_printf(out, "%zu student%s, %zu grade%s", students, plural(students), grades, plural(grades));
        if (store_trouble(g->store))
                (void) buffer_printf(out, ", PostgreSQL cannot be asked (%s): answering nothing", store_trouble(g->store));
        if (g->store_error < 0)
                (void) buffer_printf(out, ", the last change could not be stored: %s", strerror(-g->store_error));
}

void grading_note_store(Grading *g, int result) {
        /* These say something of the change, not of the disk. */
        switch (result) {
        case -EBADMSG:
        case -EEXIST:
        case -ENOENT:
        case -EACCES:
        case -E2BIG:
        case -ENOTEMPTY:
        case -ECANCELED:
        case -ENOMEM:
                return;
        default:
                break;
        }
        if (result < 0 && g->store_error == 0)
                log_event(LOG_ERR, EVENT_STORE_FAILED, NULL, 0, "The %s takes no changes (%s): refusing them%s", store_is_shared(g->store) ? "database" : "disk",
                          strerror(-result), store_is_shared(g->store) ? "" : ", and still answering what is asked");
        else if (result == 0 && g->store_error < 0)
                log_event(LOG_NOTICE, EVENT_STORE_RECOVERED, NULL, 0, "The %s takes changes again", store_is_shared(g->store) ? "database" : "disk");
        g->store_error = result;
}

static void read_rows(MetricWriter *w, void *userdata) {
        const Grading *g = userdata;

        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                metric_write_label(w, "kind", kind_name(kind), book_count(g->book, kind));
}

static void read_entries(MetricWriter *w, void *userdata) {
        metric_write(w, store_tip(((Grading *) userdata)->store).sequence);
}

static void read_keys(MetricWriter *w, void *userdata) {
        metric_write(w, store_keys(((Grading *) userdata)->store));
}

static void read_commit_spans(MetricWriter *w, void *userdata) {
        MetricHistogram spans;

        store_commit_spans(((Grading *) userdata)->store, &spans);
        metric_write_histogram(w, &spans);
}

static void read_last_backup(MetricWriter *w, void *userdata) {
        metric_write(w, admin_last_backup_usec(((Grading *) userdata)->admin) / USEC_PER_SEC);
}

static void read_last_check(MetricWriter *w, void *userdata) {
        metric_write(w, admin_last_check_usec(((Grading *) userdata)->admin) / USEC_PER_SEC);
}

static void read_faults(MetricWriter *w, void *userdata) {
        metric_write(w, admin_faults(((Grading *) userdata)->admin));
}

static void read_students(MetricWriter *w, void *userdata) {
        metric_write(w, book_count(((Grading *) userdata)->book, KIND_STUDENT));
}

static void read_grades(MetricWriter *w, void *userdata) {
        metric_write(w, book_count(((Grading *) userdata)->book, KIND_GRADE));
}

static void read_changes(MetricWriter *w, void *userdata) {
        static const char *const names[_CHANGE_OUTCOME_MAX] = {
                [CHANGE_STORED] = "stored",
                [CHANGE_REFUSED] = "refused",
                [CHANGE_FAILED] = "failed",
        };
        const Grading *g = userdata;

        for (size_t i = 0; i < _CHANGE_OUTCOME_MAX; i++)
                metric_write_label(w, "outcome", names[i], g->changes[i]);
}

static void read_sign_ins(MetricWriter *w, void *userdata) {
        static const char *const names[_SIGN_IN_OUTCOME_MAX] = {
                [SIGN_IN_DONE] = "done",
                [SIGN_IN_REFUSED] = "refused",
                [SIGN_IN_THROTTLED] = "throttled",
                [SIGN_IN_FAILED] = "failed",
        };
        const Grading *g = userdata;

        for (size_t i = 0; i < _SIGN_IN_OUTCOME_MAX; i++)
                metric_write_label(w, "outcome", names[i], g->sign_ins[i]);
}

static void read_sessions(MetricWriter *w, void *userdata) {
        metric_write(w, sessions_size(((Grading *) userdata)->sessions));
}

static void read_hashes(MetricWriter *w, void *userdata) {
        metric_write(w, hasher_pending(((Grading *) userdata)->hasher));
}

static void read_pending(MetricWriter *w, void *userdata) {
        metric_write(w, store_pending(((Grading *) userdata)->store));
}

static void read_commits(MetricWriter *w, void *userdata) {
        metric_write(w, store_commits(((Grading *) userdata)->store));
}

static void read_looks(MetricWriter *w, void *userdata) {
        metric_write(w, store_looks(((Grading *) userdata)->store));
}

static void read_reachable(MetricWriter *w, void *userdata) {
        metric_write(w, !store_trouble(((Grading *) userdata)->store));
}

static void read_size(MetricWriter *w, void *userdata) {
        metric_write(w, store_size_bytes(((Grading *) userdata)->store));
}

const MetricItem grading_metrics[] = {
        { "gradebook_grading_students", METRIC_GAUGE, "Students", read_students },
        { "gradebook_grading_grades", METRIC_GAUGE, "Grades of all students", read_grades },
        { "gradebook_grading_rows", METRIC_GAUGE, "Rows by kind", read_rows },
        { "gradebook_grading_ledger_entries", METRIC_GAUGE, "Entries of the ledger", read_entries },
        { "gradebook_grading_idempotency_keys", METRIC_GAUGE, "Idempotency keys that are known", read_keys },
        { "gradebook_grading_changes_total", METRIC_COUNTER, "Requests for a change, by how they ended", read_changes },
        { "gradebook_grading_changes_pending", METRIC_GAUGE, "Changes on their way to the disk", read_pending },
        { "gradebook_grading_commits_total", METRIC_COUNTER, "Transactions on disk; one may hold many changes", read_commits },
        { "gradebook_grading_commit_seconds", METRIC_HISTOGRAM, "How long a transaction took, until it was on disk", read_commit_spans },
        { "gradebook_grading_last_backup_timestamp_seconds", METRIC_GAUGE, "When the last backup was made; 0: none is known", read_last_backup },
        { "gradebook_grading_last_check_timestamp_seconds", METRIC_GAUGE, "When the grades were verified last, since the start", read_last_check },
        { "gradebook_grading_faults", METRIC_GAUGE, "Faults that this verification found", read_faults },
        { "gradebook_grading_database_bytes", METRIC_GAUGE, "Size of the file and its write-ahead log; 0 with PostgreSQL", read_size },
        { "gradebook_grading_looks_total", METRIC_COUNTER, "Questions to PostgreSQL for what other instances have changed", read_looks },
        { "gradebook_grading_postgres_reachable", METRIC_GAUGE, "1 while PostgreSQL answers, and with a file; else 0", read_reachable },
        { "gradebook_grading_sign_ins_total", METRIC_COUNTER, "Tries to sign in, by how they ended", read_sign_ins },
        { "gradebook_grading_sessions", METRIC_GAUGE, "Sessions that go on, or have ended by their time since the last sign-in", read_sessions },
        { "gradebook_grading_passwords_pending", METRIC_GAUGE, "Passwords that are being hashed or wait for it", read_hashes },
        METRIC_END,
};
