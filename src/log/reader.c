/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/reader.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define QUEUE_MAX 16384
#define TURN_USEC (8 * USEC_PER_MSEC)
#define ALONE_USEC (60 * USEC_PER_MSEC) /* while nobody else waits: each change of threads takes its time on a busy machine */
#define CHUNK_MIN (UINT64_C(4) << 20)  /* a block at its end is read by both */
#define CHUNK_FIRST (UINT64_C(16) << 20)
#define CHUNK_MAX (UINT64_C(1) << 40)   /* where the index passes over nearly all of it */
#define IDLE_USEC USEC_PER_SEC

typedef struct ReadThread {
        Worker *worker;
        ScanThread *scan;
        Job rest;
        bool resting;
} ReadThread;

struct Readers {
        ReadThread threads[READ_THREADS];
        atomic_size_t waiting;          /* turns submitted and not begun */
        sd_event_source *idle;          /* when it fires and nobody reads, files are closed */
        bool ending;
};

/* ---- on the threads ---- */

static void rest_done(Job *job) {
        CONTAINER_OF(job, ReadThread, rest)->resting = false;
}

static void run(Job *batch, void *userdata) {
        ReadThread *t = userdata;

        for (Job *j = batch; j; j = j->next) {
                ReadPart *part = CONTAINER_OF(j, ReadPart, job);

                if (j == &t->rest) {
                        scan_thread_rest(t->scan);
                } else {
                        atomic_fetch_sub(&part->read->readers->waiting, 1);
                        j->result = scan_turn(t->scan, &part->scan);
                }
        }
}

/* ---- one search on two threads ---- */

static uint64_t distance(const Scan *s) {
        return s->mode == SCAN_FORWARDS ? s->bound - s->at : s->at - s->bound;
}

static void split(LogRead *r) {
        Scan *a = &r->parts[0].scan, *b = &r->parts[1].scan;
        bool forwards = a->mode == SCAN_FORWARDS;
        Buffer text = b->text;
        uint64_t *positions = b->positions;
        size_t allocated = b->allocated;

        a->part = forwards ? a->at + r->chunk : a->at - r->chunk;
        *b = *a;
        b->at = a->part;
        b->part = distance(b) <= r->chunk ? b->bound : forwards ? b->at + r->chunk : b->at - r->chunk;
        b->answered = true;
        b->text = text;
        b->positions = positions;
        b->allocated = allocated;
        b->n_positions = 0;
        a->alone_usec = b->alone_usec = ALONE_USEC;
}

/* What the second one found follows what the first one did, unless that has not come to where the second began, or the two are too much. */
static int append_part(Scan *a, const Scan *b, bool nothing_before) {
        size_t comma = a->format == FORMAT_JSON && a->mode != SCAN_LOCATE && nothing_before ? 2 : 0;

        if (b->n_positions > 0) {
                size_t n = a->n_positions + b->n_positions;
                uint64_t *more = n <= a->allocated ? a->positions : reallocarray(a->positions, n, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                memcpy(more + a->n_positions, b->positions, b->n_positions * sizeof(*more));
                a->positions = more;
                a->n_positions = n;
                a->allocated = n <= a->allocated ? a->allocated : n;
        }
        if (a->keeps && (!b->keeps || a->text.size + b->text.size >= a->text_max)) {
                a->keeps = false;
                buffer_deinit(&a->text);
        }
        if (a->mode == SCAN_LOCATE && !a->keeps)
                comma = b->text.size;
        if (b->text.size > comma && buffer_append(&a->text, b->text.data + comma, b->text.size - comma) < 0)
                return a->text.error;
        if (b->found > 0) {
                a->answered = a->mode != SCAN_LOCATE;
                a->last_shown = b->last_shown;
        }
        a->left -= b->found;
        a->found += b->found;
        a->at = b->at;
        return 0;
}

static void adapt(LogRead *r, bool reached) {
        const Scan *a = &r->parts[0].scan;

        if (!reached && r->chunk > CHUNK_MIN)
                r->chunk /= 2;
        else if (reached && a->usec < ALONE_USEC / 3 && r->chunk < CHUNK_MAX)
                r->chunk *= 2;
}

static int merge(LogRead *r) {
        Scan *a = &r->parts[0].scan, *b = &r->parts[1].scan;
        int result = r->parts[0].job.result, k = 0;
        bool reached = result >= 0 && !a->more && a->at == a->part;

        adapt(r, reached || a->left == 0 || a->text.size >= a->text_max);
        if (reached && r->parts[1].job.result >= 0 && b->text.error == 0 && b->found <= a->left && !b->more)
                k = append_part(a, b, !a->answered);
        buffer_clear(&b->text);
        a->part = a->bound;
        a->done = a->more || a->at == a->bound || (a->left == 0 && !a->wants_next);
        return result < 0 ? result : k;
}

/* ---- on the loop ---- */

static void part_done(Job *job) {
        ReadPart *part = CONTAINER_OF(job, ReadPart, job);
        LogRead *r = part->read;
        Scan *a = log_read_scan(r);
        bool both = a->part != a->bound;

        r->bytes += part->scan.bytes;
        if (--r->n_running > 0)
                return;
        if (!r->readers->ending) {
                /* If this fails files are closed a little later. */
                (void) sd_event_source_set_time_relative(r->readers->idle, IDLE_USEC);
                (void) sd_event_source_set_enabled(r->readers->idle, SD_EVENT_ONESHOT);
        }
        r->result = both ? merge(r) : r->parts[0].job.result;
        r->long_search = r->result >= 0 && !a->done && a->text.size < a->text_max;
        r->done(r);
}

static int submit_part(Readers *readers, LogRead *read, size_t part, size_t thread) {
        ReadPart *p = &read->parts[part];
        int r;

        p->read = read;
        p->job.done = part_done;
        atomic_fetch_add(&readers->waiting, 1);
        r = worker_submit(readers->threads[thread].worker, &p->job);
        if (r >= 0)
                read->n_running++;
        else
                atomic_fetch_sub(&readers->waiting, 1);
        return r;
}

/* Followers stay on one thread, which then has in memory what the one before has just read. */
static size_t choose_thread(const Readers *r, const Scan *s) {
        return s->shared == 0 && worker_pending(r->threads[1].worker) < worker_pending(r->threads[0].worker);
}

int readers_submit(Readers *readers, LogRead *read) {
        Scan *a = log_read_scan(read);
        int r;

        read->readers = readers;
        read->bytes = 0;
        read->chunk = read->chunk ? read->chunk : CHUNK_FIRST;
        a->part = a->bound;
        a->turn_usec = a->alone_usec = TURN_USEC;
        a->others = &readers->waiting;
        if (!read->long_search || a->mode == SCAN_LISTED || distance(a) <= read->chunk)
                return submit_part(readers, read, 0, choose_thread(readers, a));
        split(read);
        r = submit_part(readers, read, 0, 0);
        if (r < 0)
                return r;
        if (submit_part(readers, read, 1, 1) < 0) {
                /* It gets nothing done then. */
                read->parts[1].job.result = -EBUSY;
        }
        return 0;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        Readers *r = userdata;

        for (size_t i = 0; i < READ_THREADS; i++) {
                ReadThread *t = &r->threads[i];

                if (t->resting || worker_pending(t->worker) > 0)
                        continue;
                t->rest.done = rest_done;
                t->resting = worker_submit(t->worker, &t->rest) >= 0;
        }
        return 0;
}

int readers_new(Readers **ret, sd_event *event, Archive *archive) {
        static const char *const names[READ_THREADS] = { "log-read", "log-read-2" };
        _cleanup_(readers_freep) Readers *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return -ENOMEM;
        k = sd_event_add_time_relative(event, &r->idle, CLOCK_MONOTONIC, IDLE_USEC, 0, on_idle, r);
        for (size_t i = 0; k >= 0 && i < READ_THREADS; i++) {
                k = scan_thread_new(&r->threads[i].scan, archive);
                if (k >= 0)
                        k = worker_new(&r->threads[i].worker, event, names[i], QUEUE_MAX, 1, run, &r->threads[i]);
        }
        if (k < 0)
                return k;
        *ret = TAKE_PTR(r);
        return 0;
}

Readers *readers_free(Readers *r) {
        if (!r)
                return NULL;
        r->ending = true;
        r->idle = sd_event_source_disable_unref(r->idle);
        for (size_t i = 0; i < READ_THREADS; i++)
                r->threads[i].worker = worker_free(r->threads[i].worker);
        for (size_t i = 0; i < READ_THREADS; i++)
                scan_thread_free(r->threads[i].scan);
        free(r);
        return NULL;
}

void log_read_deinit(LogRead *r) {
        for (size_t i = 0; i < READ_THREADS; i++)
                scan_deinit(&r->parts[i].scan);
}
