/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define GATHER_JOBS_MIN 4       /* fewer are not worth waiting for */
#define GATHER_MAX_USEC (2 * USEC_PER_MSEC)
#define SLICE_USEC 150          /* of completions in one turn of the loop: others, who only read, wait no longer for a large batch */
#define NAME_MAX_BYTES 15 /* pthread_setname_np(3) */

typedef struct JobQueue {
        Job *first;
        Job **tail;
} JobQueue;

struct Worker {
        WorkerRun run;
        bool (*rest)(void *userdata);   /* NULL: none */
        void (*tell)(void *userdata);
        void *userdata;
        size_t queue_max;
        size_t batch_max;
        sd_event_source *source;
        sd_event_source *handover;      /* armed while there is something in submitted */
        JobQueue submitted;             /* the loop's alone, as are these four */
        size_t n_submitted;
        size_t n_seen;                  /* of them, at the loop's last turn */
        uint64_t collect_until_usec;    /* monotonic */
        JobQueue done;                  /* completed by the thread, and not yet here */
        size_t pending;
        int event_fd;
        pthread_t thread;
        bool has_mutex, has_wakeup, has_thread;

        pthread_mutex_t mutex;          /* guards what follows */
        pthread_cond_t wakeup;
        JobQueue waiting;
        size_t n_waiting;
        size_t wanted;                  /* the thread waits for wakeup, until so many jobs wait; 0: it does not */
        bool gathers;                   /* the loop's to change */
        JobQueue completed;
        bool told;                      /* by rest: the loop is to call tell */
        bool stopping;
};

static void queue_init(JobQueue *q) {
        q->first = NULL;
        q->tail = &q->first;
}

static void queue_append(JobQueue *q, Job *first, Job *last) {
        *q->tail = first;
        q->tail = &last->next;
}

static Job *queue_take_all(JobQueue *q) {
        Job *first = q->first;

        queue_init(q);
        return first;
}

/* Cuts the next batch off the queue, which is not empty; *ret_last is the batch's last job, *ret_n its size. */
static Job *worker_take_batch(Worker *w, Job **ret_last, size_t *ret_n) {
        Job *first = w->waiting.first, *last = first;
        size_t n = 1;

        for (; last->next && n < w->batch_max; n++)
                last = last->next;
        w->n_waiting -= n;
        *ret_n = n;
        w->waiting.first = TAKE_PTR(last->next);
        if (!w->waiting.first)
                queue_init(&w->waiting);
        *ret_last = last;
        return first;
}

typedef struct Gathering {
        size_t expected;                /* jobs: those of the last batch, and those that came while it ran */
        uint64_t run_usec;              /* how long it took */
} Gathering;

/* Whoever got an answer from the last batch comes back soon, while the others wait already: without a moment's patience the two would take turns, and each
 * wait for two batches. Ends as soon as all of them are there again. */
static void worker_gather(Worker *w, const Gathering *g) {
        uint64_t span = g->run_usec < GATHER_MAX_USEC ? g->run_usec : GATHER_MAX_USEC, until;
        struct timespec deadline;

        if (g->expected < GATHER_JOBS_MIN)
                return;
        until = clock_monotonic_usec() + span;
        deadline = (struct timespec) { (time_t) (until / USEC_PER_SEC), (long) (until % USEC_PER_SEC * 1000) };
        w->wanted = g->expected < w->batch_max ? g->expected : w->batch_max;
        while (w->n_waiting < w->wanted && !w->stopping)
                if (pthread_cond_clockwait(&w->wakeup, &w->mutex, CLOCK_MONOTONIC, &deadline) != 0)
                        break;
        w->wanted = 0;
}

/* With the lock, which it gives away meanwhile. */
static void worker_run_rest(Worker *w) {
        bool told;

        (void) pthread_mutex_unlock(&w->mutex);
        told = w->rest(w->userdata);
        (void) pthread_mutex_lock(&w->mutex);
        w->told |= told;
        if (told)
                (void) eventfd_write(w->event_fd, 1);
}

static void *worker_thread(void *userdata) {
        Worker *w = userdata;
        Gathering g = {};

        (void) pthread_mutex_lock(&w->mutex);
        for (;;) {
                Job *batch, *last;
                uint64_t begin;
                size_t n;

                while (!w->waiting.first && !w->stopping) {
                        w->wanted = 1;
                        (void) pthread_cond_wait(&w->wakeup, &w->mutex);
                }
                w->wanted = 0;
                if (!w->waiting.first)
                        break;
                if (w->gathers)
                        worker_gather(w, &g);
                batch = worker_take_batch(w, &last, &n);
                (void) pthread_mutex_unlock(&w->mutex);

                begin = clock_monotonic_usec();
                w->run(batch, w->userdata);
                g.run_usec = clock_monotonic_usec() - begin;

                (void) pthread_mutex_lock(&w->mutex);
                g.expected = n + w->n_waiting;
                queue_append(&w->completed, batch, last);
                /* Fails only when the counter is full, and then the loop is about to look anyway. */
                (void) eventfd_write(w->event_fd, 1);
                if (w->rest)
                        worker_run_rest(w);
        }
        (void) pthread_mutex_unlock(&w->mutex);
        return NULL;
}

/* Completes what is done, in its order, but for what does not fit into the time (0: there is no end to it). True if something is left. */
static bool worker_complete(Worker *w, uint64_t until_usec) {
        bool told;

        (void) pthread_mutex_lock(&w->mutex);
        told = w->told;
        w->told = false;
        if (w->completed.first) {
                *w->done.tail = w->completed.first;
                w->done.tail = w->completed.tail;
                queue_init(&w->completed);
        }
        (void) pthread_mutex_unlock(&w->mutex);

        while (w->done.first) {
                Job *job = w->done.first;       /* done may free it, and may submit others */

                w->done.first = job->next;
                if (!w->done.first)
                        queue_init(&w->done);
                w->pending--;
                job->next = NULL;
                job->done(job);
                if (until_usec > 0 && clock_monotonic_usec() >= until_usec)
                        break;
        }
        if (told)
                w->tell(w->userdata);
        return w->done.first;
}

static int worker_on_completed(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Worker *w = userdata;
        eventfd_t n;

        (void) eventfd_read(fd, &n);
        if (worker_complete(w, clock_monotonic_usec() + SLICE_USEC))
                (void) eventfd_write(fd, 1);
        return 0;
}

/* All that was submitted, with one wake-up. */
static void worker_hand_over(Worker *w) {
        Job **tail = w->submitted.tail, *first = queue_take_all(&w->submitted);
        bool wake;

        if (!first)
                return;
        (void) pthread_mutex_lock(&w->mutex);
        *w->waiting.tail = first;
        w->waiting.tail = tail;
        w->n_waiting += w->n_submitted;
        w->n_submitted = 0;
        wake = w->wanted > 0 && w->n_waiting >= w->wanted;
        (void) pthread_mutex_unlock(&w->mutex);
        if (wake)
                (void) pthread_cond_signal(&w->wakeup);
}

/* As long as each turn of the loop brings more, they go together: the first of many that come at once must not have a batch of its own,
 * for which all others wait. */
static int worker_on_handover(sd_event_source *source, void *userdata) {
        Worker *w = userdata;

        if (w->gathers && w->n_submitted > w->n_seen && w->n_submitted < w->batch_max && clock_monotonic_usec() < w->collect_until_usec &&
            sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) >= 0)
                w->n_seen = w->n_submitted;
        else
                worker_hand_over(w);
        return 0;
}

static int worker_start_thread(Worker *w, const char *name) {
        sigset_t all, before;
        int r;

        r = pthread_mutex_init(&w->mutex, NULL);
        if (r != 0)
                return -r;
        w->has_mutex = true;
        r = pthread_cond_init(&w->wakeup, NULL);
        if (r != 0)
                return -r;
        w->has_wakeup = true;

        /* Signals belong to the loop: the thread inherits a mask that blocks them all. */
        (void) sigfillset(&all);
        r = pthread_sigmask(SIG_SETMASK, &all, &before);
        if (r != 0)
                return -r;
        r = pthread_create(&w->thread, NULL, worker_thread, w);
        w->has_thread = r == 0;
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;
        return -pthread_setname_np(w->thread, name);
}

int worker_new(Worker **ret, sd_event *event, const char *name, size_t queue_max, size_t batch_max, WorkerRun run, void *userdata) {
        _cleanup_(worker_freep) Worker *w = NULL;
        int r;

        if (strlen(name) > NAME_MAX_BYTES || queue_max == 0 || batch_max == 0)
                return -EINVAL;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->event_fd = -1;
        w->run = run;
        w->userdata = userdata;
        w->queue_max = queue_max;
        w->batch_max = batch_max;
        queue_init(&w->submitted);
        queue_init(&w->waiting);
        queue_init(&w->completed);
        queue_init(&w->done);

        w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (w->event_fd < 0)
                return -errno;
        r = sd_event_add_io(event, &w->source, w->event_fd, EPOLLIN, worker_on_completed, w);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(w->source, name);
        r = sd_event_add_defer(event, &w->handover, worker_on_handover, w);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(w->handover, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = worker_start_thread(w, name);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

int worker_submit(Worker *w, Job *job) {
        bool first = !w->submitted.first;

        if (w->pending >= w->queue_max)
                return -EBUSY;
        job->next = NULL;
        job->result = 0;
        if (first) {
                w->n_seen = 0;
                w->collect_until_usec = clock_monotonic_usec() + GATHER_MAX_USEC;
        }
        queue_append(&w->submitted, job, job);
        w->n_submitted++;
        w->pending++;
        /* The loop first finishes what it is at: requests that came together go together. */
        if (first && sd_event_source_set_enabled(w->handover, SD_EVENT_ONESHOT) < 0)
                worker_hand_over(w);
        return 0;
}

void worker_set_gathers(Worker *w) {
        (void) pthread_mutex_lock(&w->mutex);
        w->gathers = true;
        (void) pthread_mutex_unlock(&w->mutex);
}

void worker_set_rest(Worker *w, bool (*rest)(void *userdata), void (*tell)(void *userdata)) {
        (void) pthread_mutex_lock(&w->mutex);
        w->rest = rest;
        w->tell = tell;
        (void) pthread_mutex_unlock(&w->mutex);
}

size_t worker_pending(const Worker *w) {
        return w->pending;
}

Worker *worker_free(Worker *w) {
        if (!w)
                return NULL;
        if (w->has_thread) {
                w->queue_max = 0;       /* whoever submits from a completion is told so */
                worker_hand_over(w);
                (void) pthread_mutex_lock(&w->mutex);
                w->stopping = true;
                (void) pthread_cond_signal(&w->wakeup);
                (void) pthread_mutex_unlock(&w->mutex);
                (void) pthread_join(w->thread, NULL);
                (void) worker_complete(w, 0);
        }
        if (w->has_wakeup)
                (void) pthread_cond_destroy(&w->wakeup);
        if (w->has_mutex)
                (void) pthread_mutex_destroy(&w->mutex);
        (void) sd_event_source_disable_unref(w->source);
        (void) sd_event_source_disable_unref(w->handover);
        w->event_fd = fd_close(w->event_fd);
        free(w);
        return NULL;
}
