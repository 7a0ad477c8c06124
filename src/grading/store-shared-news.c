/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "grading/store-shared-internal.h"
#include "runtime/events.h"

/* The book, on the loop: what this instance did, and what others did, in the order in which it was committed. Who asks waits for the next look at the
 * database that begins after that, so that no answer is older than the question. All that wait share one. */

#define LOOK_USEC USEC_PER_SEC          /* of an instance that nobody asks anything */
#define RETRY_USEC (200 * USEC_PER_MSEC)
#define HELD_USEC (5 * USEC_PER_SEC)    /* that what is committed waits for its answer, if nobody can say what was before it */

static void start_look(Shared *h);

static StoreJob *job_of(Job *job) {
        return CONTAINER_OF(job, StoreJob, job.job);
}

/* The book cannot follow: only reading it all again makes it what the database is. */
static void give_up(Shared *h, int error) {
        if (error == -ESTALE)
                log_error("The database is not the one that it was, or this instance was away for longer than changes are told: ending, to read everything "
                          "again at the next start");
        else
                log_error("What another instance changed does not fit into memory (%s): ending, to read everything again at the next start", strerror(-error));
        (void) sd_event_exit(h->event, error);
}

/* ---- what this instance did ---- */

static void complete(Shared *h, StoreJob *job, bool in_order) {
        int r = job->job.job.result;

        if (r >= 0) {
                if (job->idempotency_key && !job->repeated)
                        h->store->keys += 1;
                h->store->keys -= job->n_keys_expired < h->store->keys ? job->n_keys_expired : h->store->keys;
                if (job->last_change > 0 && (!in_order || job->last_change <= h->applied)) {
                        job->superseded = true;
                } else {
                        r = store_fill_book(h->store->book, job);
                        if (r < 0)
                                r = -ENOTRECOVERABLE;
                        if (job->last_change > 0)
                                h->applied = job->last_change;
                        if (job->last_entry > 0)
                                h->store->tip = job->tip;
                }
        }
        job->done(job, r);
}

/* Those that come next, or that the book has already. */
static void complete_held(Shared *h, bool all) {
        while (h->held && (all || job_of(h->held)->first_change <= h->applied + 1)) {
                StoreJob *job = job_of(h->held);
                bool in_order = job->first_change <= h->applied + 1;

                h->held = h->held->next;
                if (!h->held)
                        h->last_held = NULL;
                complete(h, job, in_order);
        }
}

void shared_job_done(Job *job) {
        StoreJob *j = job_of(job);
        Shared *h = j->store->shared;

        if (job->result < 0 || j->last_change == 0 || h->stopping || (!h->held && j->first_change <= h->applied + 1)) {
                complete(h, j, j->first_change <= h->applied + 1);
                return;
        }
        if (!h->held)
                h->held_usec = clock_monotonic_usec();
        job->next = NULL;
        if (h->last_held)
                h->last_held->next = job;
        else
                h->held = job;
        h->last_held = job;
        start_look(h);
}

/* ---- what others did ---- */

static int apply_rows(Shared *h, News *n) {
        Book *book = h->store->book;

        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                for (size_t at = 0; at < n->rows[kind].size; at += sizeof(NewsRow)) {
                        NewsRow *row = (NewsRow *) (void *) (n->rows[kind].data + at);
                        int r = row->row ? book_put(book, kind, row->row) : 0;

                        if (r < 0)
                                return r;
                        if (row->row)
                                *row = (NewsRow) {};
                }
        /* What refers to others goes before them. */
        for (Kind kind = _KIND_MAX; kind-- > 0;)
                for (size_t at = 0; at < n->rows[kind].size; at += sizeof(NewsRow)) {
                        const NewsRow *row = (const NewsRow *) (const void *) (n->rows[kind].data + at);

                        if (row->id > 0)
                                (void) book_remove(book, kind, row->id);
                }
        return 0;
}

static void apply_sessions(Shared *h, const News *n) {
        const Store *s = h->store;

        for (size_t at = 0; s->session_changed && at < n->sessions.size; at += sizeof(NewsSession)) {
                NewsSession session;

                memcpy(&session, n->sessions.data + at, sizeof(session));
                s->session_changed(session.record.digest, session.gone ? NULL : &session.record, s->session_userdata);
        }
}

static int apply(Shared *h, News *n) {
        int r;

        if (n->until <= h->applied)
                return 0;
        r = apply_rows(h, n);
        if (r < 0)
                return r;
        apply_sessions(h, n);
        h->applied = n->until;
        h->store->tip = n->tip;
        return 0;
}

/* ---- looks ---- */

static void release(StoreWait *first, int result) {
        while (first) {
                StoreWait *next = first->next;

                first->ready(first, result);
                first = next;
        }
}

static void note_trouble(Shared *h, int result) {
        if (result < 0) {
                (void) pthread_mutex_lock(&h->mutex);
                (void) snprintf(h->trouble_text, sizeof(h->trouble_text), "%s", h->message);
                (void) pthread_mutex_unlock(&h->mutex);
        }
        if (result < 0 && h->trouble == 0)
                log_event(LOG_ERR, EVENT_STORE_FAILED, NULL, 0, "PostgreSQL cannot be asked (%s): answering nothing until it can", h->trouble_text);
        else if (result >= 0 && h->trouble < 0)
                log_event(LOG_NOTICE, EVENT_STORE_RECOVERED, NULL, 0, "PostgreSQL can be asked again");
        h->trouble = result < 0 ? result : 0;
}

static void look_done(Job *job) {
        Shared *h = CONTAINER_OF(job, Look, job)->shared;
        StoreWait *asked = TAKE_PTR(h->asked);
        int r = job->result;

        h->looking = false;
        h->looks++;
        if (r >= 0)
                r = apply(h, &h->look.news);
        news_deinit(&h->look.news);
        if (r == -ESTALE || (r < 0 && job->result >= 0))
                give_up(h, r);
        else
                note_trouble(h, r);
        complete_held(h, h->held && r < 0 && clock_monotonic_usec() >= h->held_usec + HELD_USEC);
        release(asked, r < 0 ? -EAGAIN : 0);
        if (h->waiting || (h->held && r >= 0))
                start_look(h);
        else if (h->timer)
                (void) sd_event_source_set_time_relative(h->timer, h->held ? RETRY_USEC : LOOK_USEC);
}

static void start_look(Shared *h) {
        if (h->looking || h->stopping)
                return;
        h->look = (Look) { .job.done = look_done, .shared = h, .after = h->applied, .tip = h->store->tip };
        if (worker_submit(h->look_worker, &h->look.job) < 0)
                return;
        h->looking = true;
        h->asked = TAKE_PTR(h->waiting);
        h->last_waiting = NULL;
}

void shared_refresh(Shared *h, StoreWait *wait) {
        wait->next = NULL;
        if (h->stopping) {
                wait->ready(wait, -EAGAIN);
                return;
        }
        if (h->last_waiting)
                h->last_waiting->next = wait;
        else
                h->waiting = wait;
        h->last_waiting = wait;
        start_look(h);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        Shared *h = userdata;

        start_look(h);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) < 0 ? 0 : sd_event_source_set_time_relative(source, LOOK_USEC);
}

int shared_start_watching(Shared *h) {
        int r = sd_event_add_time_relative(h->event, &h->timer, CLOCK_MONOTONIC, LOOK_USEC, USEC_PER_MSEC, on_time, h);

        return r < 0 ? r : sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT);
}

void shared_release_all(Shared *h) {
        StoreWait *waiting = TAKE_PTR(h->waiting), *asked = TAKE_PTR(h->asked);

        h->last_waiting = NULL;
        complete_held(h, true);
        release(asked, -EAGAIN);
        release(waiting, -EAGAIN);
}
