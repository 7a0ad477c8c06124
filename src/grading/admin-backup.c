/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "grading/admin-internal.h"
#include "wire/json.h"

/* GET /backup: a copy is made while writers go on, verified as a whole, and only then handed out, from a file without a name, which
 * no end of the process leaves behind. */

#define CHUNK_BYTES (256 * 1024)        /* at a time, read on the thread */
#define STALL_USEC (60 * USEC_PER_SEC)  /* a client that takes nothing for so long is let go: others wait for their turn */
#define DIGEST_SIZE 80
#define HEAD_SIZE (2 * LEDGER_HASH_SIZE + 32)

typedef struct Backup {
        AdminTask task;
        int fd;
        uint64_t size, sent;
        uint8_t digest[crypto_hash_sha256_BYTES];
        uint8_t *chunk;
        size_t n;
        HttpStream *stream;             /* NULL: none, or it is closed */
        sd_event_source *timer;
        bool reading;
        bool ended;                     /* the task is over; the stream's last call frees it */
} Backup;

static void free_backup(Backup *b) {
        sd_event_source_disable_unref(b->timer);
        free(b->chunk);
        admin_task_free(&b->task);
}

/* ---- on the thread ---- */

/* -ENODATA: the file ends before. */
static int read_chunk(Backup *b, uint64_t at, size_t *ret) {
        ssize_t n = pread(b->fd, b->chunk, CHUNK_BYTES, (off_t) at);

        if (n < 0)
                return -errno;
        *ret = (size_t) n;
        return n == 0 ? -ENODATA : 0;
}

static int digest_copy(Backup *b) {
        crypto_hash_sha256_state state;
        int r = 0;

        (void) crypto_hash_sha256_init(&state);
        for (uint64_t at = 0; r >= 0 && at < b->size; at += b->n) {
                r = atomic_load(&b->task.cancel) ? -ECANCELED : read_chunk(b, at, &b->n);
                if (r >= 0)
                        (void) crypto_hash_sha256_update(&state, b->chunk, b->n);
        }
        (void) crypto_hash_sha256_final(&state, b->digest);
        return r;
}

static int verify_and_digest(AdminTask *t) {
        Backup *b = CONTAINER_OF(t, Backup, task);
        struct stat st;
        int r;

        r = admin_verify_copy(t);
        if (r < 0 || t->report.n_faults > 0)
                return r;
        b->chunk = malloc(CHUNK_BYTES);
        if (!b->chunk)
                return -ENOMEM;
        b->fd = open(admin_path(t, ADMIN_COPY), O_RDONLY | O_CLOEXEC);
        if (b->fd < 0 || fstat(b->fd, &st) < 0 || unlink(admin_path(t, ADMIN_COPY)) < 0)
                return -errno;
        b->size = (uint64_t) st.st_size;
        return digest_copy(b);
}

static int read_next(AdminTask *t) {
        Backup *b = CONTAINER_OF(t, Backup, task);

        return read_chunk(b, b->sent, &b->n);
}

/* Its time says when the last backup was made, to the next process as well. */
static void clean_backup(AdminTask *t) {
        Backup *b = CONTAINER_OF(t, Backup, task);
        _cleanup_(fd_closep) int stamp = -1;

        b->fd = fd_close(b->fd);
        if (b->size == 0 || b->sent < b->size)
                return;
        stamp = open(admin_path(t, ADMIN_STAMP), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (stamp >= 0)
                (void) futimens(stamp, NULL);
}

/* ---- on the loop ---- */

static void chunk_read(AdminTask *t, int result);

static void backup_end(Backup *b, int result) {
        b->reading = true; /* nothing more is asked for */
        admin_end(&b->task, result);
}

static int on_stalled(sd_event_source *source, uint64_t usec, void *userdata) {
        Backup *b = userdata;

        if (b->stream)
                http_stream_abort(b->stream);
        return 0;
}

static void on_stream(HttpStream *s, HttpStreamEvent event, void *userdata) {
        Backup *b = userdata;

        if (event == HTTP_STREAM_CLOSED) {
                b->stream = NULL;
                if (b->ended)
                        free_backup(b);
                else if (!b->reading)
                        backup_end(b, -EPIPE);
                return;
        }
        if (b->reading)
                return;
        if (b->sent == b->size) {
                backup_end(b, 0);
                return;
        }
        b->reading = true;
        (void) sd_event_source_set_time_relative(b->timer, STALL_USEC);
        admin_on_thread(&b->task, read_next, chunk_read);
}

static void chunk_read(AdminTask *t, int result) {
        Backup *b = CONTAINER_OF(t, Backup, task);

        b->reading = false;
        if (!b->stream || result < 0) {
                backup_end(b, b->stream ? result : -EPIPE);
                return;
        }
        b->sent += b->n;
        if (http_stream_write(b->stream, b->chunk, b->n) < 0)
                backup_end(b, -EPIPE);
}

static void answer_backup(AdminTask *t) {
        Backup *b = CONTAINER_OF(t, Backup, task);
        uint64_t n = t->report.n_faults;

        if (t->result >= 0 && n == 0) {
                t->admin->last_backup_usec = clock_realtime_usec();
                admin_log(t, LOG_NOTICE, EVENT_ADMINISTERED, "Made a backup of the grades: %" PRIu64 " bytes, up to entry %" PRIu64 " of the ledger",
                          b->size, t->report.tip.sequence);
        }
        if (t->request && n > 0) {
                Problem problem = PROBLEM_NULL;

                (void) problem_set(&problem, 500, "The grades are damaged in %" PRIu64 " place%s: of these no backup is handed out. The first: %s", n,
                                   n == 1 ? "" : "s", t->report.faults[0] ? t->report.faults[0] : "out of memory");
                problem_add(&problem, "Faults", admin_faults_json(&t->report));
                request_reply_problem(TAKE_PTR(t->request), &problem);
        } else if (t->request) {
                admin_refuse(t, "Making a backup");
        }
        if (!b->stream) {
                free_backup(b);
                return;
        }
        b->ended = true;
        if (t->result >= 0)
                http_stream_end(b->stream);
        else
                http_stream_abort(b->stream);
}

static void set_headers(Backup *b) {
        char encoded[DIGEST_SIZE], digest[DIGEST_SIZE + 16], head[HEAD_SIZE], hash[2 * LEDGER_HASH_SIZE + 1], size[24];
        const LedgerTip *tip = &b->task.report.tip;
        Request *r = b->task.request;

        (void) sodium_bin2base64(encoded, sizeof(encoded), b->digest, sizeof(b->digest), sodium_base64_VARIANT_ORIGINAL);
        (void) snprintf(digest, sizeof(digest), "sha-256=:%s:", encoded);
        (void) sodium_bin2hex(hash, sizeof(hash), tip->hash, LEDGER_HASH_SIZE);
        (void) snprintf(head, sizeof(head), "%" PRIu64 " %s", tip->sequence, hash);
        (void) snprintf(size, sizeof(size), "%" PRIu64, b->size);
        request_set_header(r, "Repr-Digest", digest);
        request_set_header(r, "Gradebook-Ledger-Head", head);
        request_set_header(r, "Gradebook-Size", size);
        request_set_header(r, "Cache-Control", "no-store");
}

static void backup_verified(AdminTask *t, int result) {
        Backup *b = CONTAINER_OF(t, Backup, task);

        if (result >= 0)
                admin_note_check(t);
        if (result >= 0 && t->report.n_faults == 0) {
                result = sd_event_add_time_relative(t->admin->grading->runtime->event, &b->timer, CLOCK_MONOTONIC, STALL_USEC, USEC_PER_SEC,
                                                    on_stalled, b);
                if (result >= 0) {
                        set_headers(b);
                        b->stream = request_stream(TAKE_PTR(t->request), 200, "application/vnd.sqlite3", CHUNK_BYTES, on_stream, b);
                        if (b->stream)
                                return;
                        result = -EPIPE;
                }
        }
        admin_end(t, result);
}

static void backup_copied(AdminTask *t, int result) {
        if (result < 0)
                admin_end(t, result);
        else
                admin_on_thread(t, verify_and_digest, backup_verified);
}

void get_backup(Request *r, void *service) {
        Backup *b = admin_begin(service, r, "backup", sizeof(*b));

        if (!b)
                return;
        b->fd = -1;
        b->task.clean = clean_backup;
        b->task.answer = answer_backup;
        admin_copy(&b->task, ADMIN_COPY, true, backup_copied);
}
