/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "base/macros.h"

/* A thread for what may block. Jobs go to it when the loop has finished what it is at, and those that arrive while a batch runs form
 * the next batch, so that one fsync serves many (group commit). Completions run on the loop, in the order of submission. */
typedef struct Worker Worker;
typedef struct Job Job;

/* Embedded at the start of, or inside, the caller's own structure; valid until done. */
struct Job {
        int result;                     /* set by run: 0 or a negative errno */
        void (*done)(Job *job);         /* on the loop's thread */
        Job *next;                      /* the worker's */
};

/* Runs on the thread with 1 to batch_max jobs linked by next; sets each job's result. */
typedef void (*WorkerRun)(Job *batch, void *userdata);

/* name: at most 15 bytes, shown by ps -L. */
int worker_new(Worker **ret, sd_event *event, const char *name, size_t queue_max, size_t batch_max, WorkerRun run, void *userdata);
int worker_submit(Worker *w, Job *job); /* -EBUSY: queue_max jobs are not completed yet, or worker_free() runs. From the loop's thread */

/* For a thread whose every batch costs the same, whatever its size: it gets no job as long as each turn of the loop brings more of them, and after
 * a batch of several jobs it waits for as many to come again, at most the time that the last one took. Neither waits for more than 2 ms. */
void worker_set_gathers(Worker *w);

/* What a batch leaves to be done: rest runs on the thread when the batch is on its way to be completed, and before the next one. When it has
 * returned true, tell is called on the loop. Both get the userdata of run. Before the first job. */
void worker_set_rest(Worker *w, bool (*rest)(void *userdata), void (*tell)(void *userdata));

size_t worker_pending(const Worker *w); /* submitted and not completed */
Worker *worker_free(Worker *w);         /* runs what was submitted to the end, completes it, joins the thread. Blocks */
DEFINE_CLEANUP(Worker, worker_free);
