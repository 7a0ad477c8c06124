/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/tidy.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "runtime/worker.h"

#define NICE 10

struct Tidy {
        Segments *segments;
        Worker *worker;
        bool compress;          /* the loop's */
        bool busy, again;
        TidyCounters counters;

        Job job;                /* the thread's while busy */
        bool job_compress;
        bool found;
        SegmentTask task;

        bool cancel;            /* atomic */
};

static void run(Job *job, void *userdata) {
        Tidy *t = userdata;

        /* The commits and the readers go first. Where the unit is another one, its filter may forbid this. */
        (void) setpriority(PRIO_PROCESS, (id_t) gettid(), NICE);
        t->found = segments_next_task(t->segments, t->job_compress, &t->task);
        job->result = t->found ? tidy_file(t->segments, &t->task, &t->cancel) : 0;
}

static void start(Tidy *t) {
        t->job_compress = t->compress;
        t->again = false;
        t->busy = worker_submit(t->worker, &t->job) >= 0;
}

static void tell(Tidy *t) {
        char name[SEGMENT_NAME_SIZE];
        bool told = t->counters.error == t->job.result;

        segment_name(t->task.stem, t->task.compressed ? SEGMENT_COMPRESSED : SEGMENT_RAW, name);
        t->counters.failures++;
        t->counters.error = t->job.result;
        if (!told)
                log_warning("The central log's file %s cannot be %s: %s", name, t->task.compress ? "compressed" : "given a new index",
                            strerror(-t->job.result));
}

static void done(Job *job) {
        Tidy *t = CONTAINER_OF(job, Tidy, job);

        t->busy = false;
        if (job->result == -ECANCELED)
                return;
        if (t->found && job->result == -ENOENT) {
                t->again = true; /* deleted meanwhile */
        } else if (t->found && job->result < 0) {
                tell(t);
                t->again = job->result != -ENOSPC && job->result != -EDQUOT; /* else with the next file that is full */
        } else if (t->found) {
                t->counters.compressed += t->task.compress;
                t->counters.indexed += !t->task.compress;
                t->counters.error = 0;
                t->again = true;
        }
        if (t->again)
                start(t);
}

void tidy_wake(Tidy *t) {
        if (t->busy)
                t->again = true;
        else
                start(t);
}

void tidy_set_compress(Tidy *t, bool compress) {
        t->compress = compress;
        tidy_wake(t);
}

TidyCounters tidy_counters(const Tidy *t) {
        return t->counters;
}

int tidy_new(Tidy **ret, sd_event *event, Segments *segments, bool compress) {
        _cleanup_(tidy_freep) Tidy *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        t->segments = segments;
        t->job.done = done;
        r = worker_new(&t->worker, event, "log-tidy", 1, 1, run, t);
        if (r < 0)
                return r;
        tidy_set_compress(t, compress);
        *ret = TAKE_PTR(t);
        return 0;
}

Tidy *tidy_free(Tidy *t) {
        if (!t)
                return NULL;
        __atomic_store_n(&t->cancel, true, __ATOMIC_RELAXED);
        t->worker = worker_free(t->worker);
        free(t);
        return NULL;
}
