/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/worker.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"

#define JOBS 64
#define TURN_USEC 50 /* of the loop: mostly time enough for the thread to take what it was given */
#define COLLECT_USEC (2 * USEC_PER_MSEC) /* as worker.h says */

typedef struct Number {
        Job job;
        struct Fixture *fixture;
        int value;
} Number;

typedef struct Fixture {
        sd_event *event;
        Worker *worker;
        Number numbers[JOBS];
        int completed[JOBS];
        size_t n_completed;
        size_t n_submitted;
        size_t expected;
        uint64_t begin_usec, end_usec;  /* of all that submit_one() does */

        pthread_mutex_t gate;           /* held: the first batch waits */
        size_t batches;
        size_t largest;
        char name[16];
        bool signals_blocked;
        pthread_t thread;

        size_t rests, told;             /* rests: with the gate */
        size_t rests_wanted;            /* after so many there is something to tell */
        size_t completed_when_told;
        bool is_completed;              /* atomic: one is */
        bool in_time;
} Fixture;

static void number_done(Job *job) {
        Number *n = CONTAINER_OF(job, Number, job);
        Fixture *f = n->fixture;

        f->completed[f->n_completed++] = n->value;
        __atomic_store_n(&f->is_completed, true, __ATOMIC_RELEASE);
        if (f->n_completed == f->expected)
                (void) sd_event_exit(f->event, 0);
}

static void run(Job *batch, void *userdata) {
        Fixture *f = userdata;
        size_t size = 0;
        sigset_t mask;

        (void) pthread_mutex_lock(&f->gate);
        f->batches++;
        f->thread = pthread_self();
        (void) pthread_getname_np(pthread_self(), f->name, sizeof(f->name));
        (void) pthread_sigmask(SIG_SETMASK, NULL, &mask);
        f->signals_blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGHUP) == 1;
        for (Job *job = batch; job; job = job->next, size++)
                job->result = -CONTAINER_OF(job, Number, job)->value;
        if (size > f->largest)
                f->largest = size;
        (void) pthread_mutex_unlock(&f->gate);
}

static void fixture_start(Fixture *f, size_t queue_max, size_t batch_max) {
        memset(f, 0, sizeof(*f));
        assert_int_equal(pthread_mutex_init(&f->gate, NULL), 0);
        assert_return_code(sd_event_new(&f->event), 0);
        assert_int_equal(worker_new(&f->worker, f->event, "test-worker", queue_max, batch_max, run, f), 0);
        for (int i = 0; i < JOBS; i++)
                f->numbers[i] = (Number) { .job.done = number_done, .fixture = f, .value = i + 1 };
}

static void fixture_end(Fixture *f) {
        worker_free(f->worker);
        sd_event_unref(f->event);
        (void) pthread_mutex_destroy(&f->gate);
}

static void assert_in_order(const Fixture *f, size_t n) {
        assert_int_equal(f->n_completed, n);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(f->completed[i], i + 1);
                assert_int_equal(f->numbers[i].job.result, -(int) (i + 1));
        }
}

static void test_batches_what_waits(void **state) {
        Fixture f;

        fixture_start(&f, JOBS, JOBS);
        (void) pthread_mutex_lock(&f.gate);
        for (size_t i = 0; i < JOBS; i++)
                assert_int_equal(worker_submit(f.worker, &f.numbers[i].job), 0);
        assert_int_equal(worker_pending(f.worker), JOBS);
        (void) pthread_mutex_unlock(&f.gate);

        f.expected = JOBS;
        assert_int_equal(sd_event_loop(f.event), 0);
        assert_in_order(&f, JOBS);
        assert_int_equal(worker_pending(f.worker), 0);
        assert_int_equal(f.batches, 1);
        fixture_end(&f);
}

static void test_batch_max(void **state) {
        Fixture f;

        fixture_start(&f, JOBS, 4);
        (void) pthread_mutex_lock(&f.gate);
        for (size_t i = 0; i < 20; i++)
                assert_int_equal(worker_submit(f.worker, &f.numbers[i].job), 0);
        (void) pthread_mutex_unlock(&f.gate);
        f.expected = 20;
        assert_int_equal(sd_event_loop(f.event), 0);
        assert_in_order(&f, 20);
        assert_int_equal(f.largest, 4);
        fixture_end(&f);
}

static void test_queue_is_bounded(void **state) {
        Fixture f;
        size_t taken = 0;

        fixture_start(&f, 8, 1);
        (void) pthread_mutex_lock(&f.gate);
        while (worker_submit(f.worker, &f.numbers[taken].job) == 0)
                taken++;
        assert_int_equal(taken, 8);
        assert_int_equal(worker_submit(f.worker, &f.numbers[taken].job), -EBUSY);
        assert_int_equal(worker_pending(f.worker), taken);
        (void) pthread_mutex_unlock(&f.gate);

        f.expected = taken;
        assert_int_equal(sd_event_loop(f.event), 0);
        assert_in_order(&f, taken);
        fixture_end(&f);
}

static void test_free_completes(void **state) {
        Fixture f;

        fixture_start(&f, JOBS, 3);
        for (size_t i = 0; i < JOBS; i++)
                assert_int_equal(worker_submit(f.worker, &f.numbers[i].job), 0);
        f.worker = worker_free(f.worker);
        assert_in_order(&f, JOBS);
        fixture_end(&f);
}

/* It waits for as many as there were, and never for those that don't come. */
static void test_gathers(void **state) {
        Fixture f;

        fixture_start(&f, JOBS, JOBS);
        worker_set_gathers(f.worker);
        for (size_t i = 0; i < 8; i++)
                assert_int_equal(worker_submit(f.worker, &f.numbers[i].job), 0);
        f.expected = 8;
        assert_int_equal(sd_event_loop(f.event), 0);
        assert_in_order(&f, 8);
        /* Fewer than last time, and then the end: both complete. */
        for (size_t i = 8; i < 13; i++)
                assert_int_equal(worker_submit(f.worker, &f.numbers[i].job), 0);
        f.worker = worker_free(f.worker);
        assert_in_order(&f, 13);
        fixture_end(&f);
}

static bool rest(void *userdata) {
        Fixture *f = userdata;
        bool tells;

        (void) pthread_mutex_lock(&f->gate);
        tells = ++f->rests == f->rests_wanted;
        (void) pthread_mutex_unlock(&f->gate);
        return tells;
}

static void tell(void *userdata) {
        Fixture *f = userdata;

        assert_false(pthread_equal(f->thread, pthread_self()));
        f->told++;
        f->completed_when_told = f->n_completed;
        (void) sd_event_exit(f->event, 0);
}

/* Until the batch is completed; that it is must not depend on the end of this. */
static bool rest_until_completed(void *userdata) {
        Fixture *f = userdata;
        uint64_t begin = clock_monotonic_usec();

        while (!f->in_time && clock_monotonic_usec() < begin + 10 * USEC_PER_SEC)
                f->in_time = __atomic_load_n(&f->is_completed, __ATOMIC_ACQUIRE);
        return rest(f);
}

/* Jobs are completed while what their batch left is still to be done, and what that has to tell is told, on the loop. */
static void test_rest_holds_nobody_up(void **state) {
        Fixture f;

        fixture_start(&f, JOBS, JOBS);
        worker_set_rest(f.worker, rest_until_completed, tell);
        f.rests_wanted = 1;
        assert_int_equal(worker_submit(f.worker, &f.numbers[0].job), 0);
        assert_int_equal(sd_event_loop(f.event), 0);
        assert_true(f.in_time);
        assert_int_equal(f.rests, 1);
        assert_int_equal(f.told, 1);
        assert_in_order(&f, 1);
        fixture_end(&f);
}

/* One for each batch, also for the last before the end. */
static void test_rest_behind_each_batch(void **state) {
        Fixture f;

        fixture_start(&f, JOBS, 4);
        worker_set_rest(f.worker, rest, tell);
        f.rests_wanted = 5;
        for (size_t i = 0; i < 20; i++)
                assert_int_equal(worker_submit(f.worker, &f.numbers[i].job), 0);
        f.worker = worker_free(f.worker);
        assert_in_order(&f, 20);
        assert_int_equal(f.rests, 5);
        assert_int_equal(f.told, 1);
        assert_int_equal(f.completed_when_told, 20);
        fixture_end(&f);
}

static int submit_one(sd_event_source *source, void *userdata) {
        Fixture *f = userdata;
        uint64_t begin = clock_monotonic_usec();

        if (f->n_submitted == 0)
                f->begin_usec = begin;
        assert_int_equal(worker_submit(f->worker, &f->numbers[f->n_submitted++].job), 0);
        while (clock_monotonic_usec() < begin + TURN_USEC)
                ;
        f->end_usec = clock_monotonic_usec();
        /* Only what is armed anew goes behind what else is to be done. */
        return f->n_submitted < f->expected ? sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) : 0;
}

/* Jobs of which each turn of the loop brings one go together, up to a batch. A round in which the machine was busy for so long that they
 * had to go before does not count. */
static void test_collects(void **state) {
        int counted = 0;

        for (int round = 0; round < 1000 && counted < 20; round++) {
                sd_event_source *source = NULL;
                Fixture f;

                fixture_start(&f, JOBS, 8);
                worker_set_gathers(f.worker);
                f.expected = 8;
                assert_return_code(sd_event_add_defer(f.event, &source, submit_one, &f), 0);
                assert_int_equal(sd_event_loop(f.event), 0);
                assert_in_order(&f, 8);
                if (f.end_usec - f.begin_usec < COLLECT_USEC) {
                        assert_int_equal(f.batches, 1);
                        counted++;
                }
                sd_event_source_unref(source);
                fixture_end(&f);
        }
        assert_int_equal(counted, 20);
}

static void test_thread_is_named_and_deaf(void **state) {
        Fixture f;
        sigset_t mask;

        fixture_start(&f, 1, 1);
        f.expected = 1;
        assert_int_equal(worker_submit(f.worker, &f.numbers[0].job), 0);
        assert_int_equal(sd_event_loop(f.event), 0);
        assert_string_equal(f.name, "test-worker");
        assert_true(f.signals_blocked);
        assert_false(pthread_equal(f.thread, pthread_self()));
        (void) pthread_sigmask(SIG_SETMASK, NULL, &mask);
        assert_int_equal(sigismember(&mask, SIGTERM), 0);
        fixture_end(&f);
}

static void test_refuses_nonsense(void **state) {
        Fixture f;
        Worker *w = NULL;

        fixture_start(&f, 1, 1);
        assert_int_equal(worker_new(&w, f.event, "sixteen-bytes-ab", 1, 1, run, &f), -EINVAL);
        assert_int_equal(worker_new(&w, f.event, "none", 0, 1, run, &f), -EINVAL);
        assert_int_equal(worker_new(&w, f.event, "none", 1, 0, run, &f), -EINVAL);
        assert_null(w);
        assert_null(worker_free(NULL));
        fixture_end(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_batches_what_waits),
                cmocka_unit_test(test_batch_max),
                cmocka_unit_test(test_queue_is_bounded),
                cmocka_unit_test(test_free_completes),
                cmocka_unit_test(test_gathers),
                cmocka_unit_test(test_rest_holds_nobody_up),
                cmocka_unit_test(test_rest_behind_each_batch),
                cmocka_unit_test(test_collects),
                cmocka_unit_test(test_thread_is_named_and_deaf),
                cmocka_unit_test(test_refuses_nonsense),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
