/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/export-spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

#define BLOCK_BYTES (64u << 10)         /* read and handed on at a time */
#define STREAM_BYTES (4 * BLOCK_BYTES)

static int open_file(Spool *s) {
        s->fd = open(s->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        return s->fd < 0 ? -errno : 0;
}

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        data += n;
                        size -= (size_t) n;
                }
        }
        return 0;
}

static int flush(Spool *s) {
        int r = s->fd < 0 ? open_file(s) : 0;

        if (r >= 0)
                r = write_all(s->fd, s->buffer.data, s->buffer.size);
        buffer_clear(&s->buffer);
        return r;
}

int spool_yield(Spool *s) {
        if (s->buffer.error < 0)
                return s->buffer.error;
        return s->buffer.size > EXPORT_MEMORY_MAX ? flush(s) : 0;
}

static Export *export_free(Export *e) {
        if (!e)
                return NULL;
        e->grading->exports_underway--;
        store_job_deinit(&e->job);
        buffer_deinit(&e->spool.buffer);
        fd_close(e->spool.fd);
        free(e);
        return NULL;
}

static int run_export(StoreJob *job, Txn *t) {
        Export *e = CONTAINER_OF(job, Export, job);
        int r = txn_ledger_at(t, INT64_MAX, &e->sequence);

        if (r >= 0)
                r = e->write(e, t, &e->spool);
        if (r >= 0)
                r = e->spool.buffer.error;
        if (r >= 0 && e->spool.fd >= 0) {
                r = flush(&e->spool);
                if (r >= 0 && lseek(e->spool.fd, 0, SEEK_SET) < 0)
                        r = -errno;
        }
        return r;
}

/* The file is ours and just written: reading a block of it does not wait. */
static void go_on(Export *e) {
        _cleanup_(freep) char *block = malloc(BLOCK_BYTES);

        if (!block) {
                http_stream_abort(e->stream);
                return;
        }
        while (http_stream_buffered(e->stream) + BLOCK_BYTES <= STREAM_BYTES) {
                ssize_t n = read(e->spool.fd, block, BLOCK_BYTES);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n == 0) {
                        http_stream_end(e->stream);
                        return;
                }
                /* One that is cut must be seen to be. */
                if (n < 0 || http_stream_write(e->stream, block, (size_t) n) < 0) {
                        http_stream_abort(e->stream);
                        return;
                }
        }
}

static void on_stream(HttpStream *stream, HttpStreamEvent event, void *userdata) {
        Export *e = userdata;

        if (event == HTTP_STREAM_CLOSED)
                export_free(e);
        else
                go_on(e);
}

/* true: it is on its way, and frees itself. */
static bool answer(Export *e) {
        char sequence[24], disposition[96];

        (void) snprintf(sequence, sizeof(sequence), "%" PRIu64, e->sequence);
        (void) snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", e->file_name);
        request_set_header(e->request, "Ledger-Sequence", sequence);
        request_set_header(e->request, "Content-Disposition", disposition);
        request_set_header(e->request, "Cache-Control", "no-store");
        if (e->spool.fd < 0) {
                request_reply(e->request, 200, e->content_type, buffer_text(&e->spool.buffer), e->spool.buffer.size);
                return false;
        }
        e->stream = request_stream(e->request, 200, e->content_type, STREAM_BYTES, on_stream, e);
        if (e->stream)
                go_on(e);
        return e->stream;
}

static void export_done(StoreJob *job, int result) {
        Export *e = CONTAINER_OF(job, Export, job);

        if (result >= 0) {
                if (answer(e))
                        return;
        } else if (job->problem.status > 0) {
                request_reply_problem(e->request, &job->problem);
        } else {
                request_fail_errno(e->request, result, "exporting");
        }
        export_free(e);
}

void export_begin(const Export *template) {
        Request *r = template->request;
        Export *e;
        int k;

        if (template->grading->exports_underway >= EXPORTS_MAX) {
                request_set_header(r, "Retry-After", "5");
                request_fail(r, 503, "%d exports are under way, the most there may be at a time", EXPORTS_MAX);
                return;
        }
        e = malloc(sizeof(*e));
        if (!e) {
                request_fail_errno(r, -ENOMEM, "exporting");
                return;
        }
        *e = *template;
        e->spool = (Spool) { .fd = -1, .directory = e->grading->runtime->state_directory };
        e->job.run = run_export;
        e->job.done = export_done;
        e->grading->exports_underway++;
        k = store_submit(e->grading->store, &e->job);
        if (k >= 0)
                return;
        export_free(e);
        request_fail_errno(r, k, "exporting");
}
