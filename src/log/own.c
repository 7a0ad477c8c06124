/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "log/service.h"
#include "wire/log-line.h"

#define WAITING_BYTES_MAX (256u * 1024)
#define RETRY_USEC USEC_PER_SEC

struct OwnLines {
        LogStore *store;
        sd_event_source *retry;
        LogAppend append, last;
        bool under_way;
        bool finished;
        Buffer sent;            /* what the append borrows */
        size_t n_sent;
        Buffer waiting;         /* what came meanwhile */
        size_t n_waiting;
        uint64_t dropped;
};

static void submit(OwnLines *o);

static void arm_retry(OwnLines *o) {
        /* If this fails the next line of our own tries again. */
        (void) sd_event_source_set_time_relative(o->retry, RETRY_USEC);
        (void) sd_event_source_set_enabled(o->retry, SD_EVENT_ONESHOT);
}

static void append_done(LogAppend *a) {
        OwnLines *o = CONTAINER_OF(a, OwnLines, append);

        o->under_way = false;
        if (a->job.result < 0) {
                arm_retry(o);
                return;
        }
        buffer_clear(&o->sent);
        o->n_sent = 0;
        submit(o);
}

static void submit(OwnLines *o) {
        if (o->under_way || o->finished)
                return;
        if (o->sent.size == 0) {
                Buffer empty = o->sent;

                if (o->waiting.size == 0)
                        return;
                o->sent = o->waiting;
                o->n_sent = o->n_waiting;
                o->waiting = empty;
                o->n_waiting = 0;
        }
        o->append = (LogAppend) {
                .received_usec = clock_realtime_usec(), /* for a gap that these lines reveal */
                .lines = o->sent.data, .lines_size = o->sent.size, .n_lines = o->n_sent, .bytes = o->sent.size, .done = append_done,
        };
        if (store_append(o->store, &o->append) < 0)
                arm_retry(o);
        else
                o->under_way = true;
}

static void last_done(LogAppend *a) {
        /* The process ends: whether it went well or not, the journal has these lines. */
}

void own_finish(OwnLines *o) {
        submit(o);
        if (o->waiting.size == 0)
                return;
        o->last = (LogAppend) {
                .received_usec = clock_realtime_usec(),
                .lines = o->waiting.data, .lines_size = o->waiting.size, .n_lines = o->n_waiting, .bytes = o->waiting.size, .done = last_done,
        };
        (void) store_append(o->store, &o->last);
        o->finished = true;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        submit(userdata);
        return 0;
}

/* A line is whole in the buffer or not at all. */
static int add_line(OwnLines *o, const LogRecord *record) {
        size_t before = o->waiting.size;
        int r = log_line_write(&o->waiting, record, clock_realtime_usec());

        if (r < 0) {
                o->waiting.error = 0;
                o->waiting.size = before;
                o->dropped++;
        }
        return r;
}

/* Nothing is logged here: that line would come here too. */
void own_add(OwnLines *o, const LogRecord *record) {
        if (o->finished || add_line(o, record) < 0)
                return;
        o->n_waiting++;
        if (o->sent.size == 0)
                submit(o);
}

uint64_t own_dropped(const OwnLines *o) {
        return o->dropped;
}

int own_new(OwnLines **ret, sd_event *event, LogStore *store) {
        OwnLines *o = calloc(1, sizeof(*o));
        int r;

        if (!o)
                return -ENOMEM;
        o->store = store;
        o->sent = o->waiting = BUFFER_MAX(WAITING_BYTES_MAX);
        r = sd_event_add_time_relative(event, &o->retry, CLOCK_MONOTONIC, 0, 0, on_retry, o);
        if (r >= 0)
                r = sd_event_source_set_enabled(o->retry, SD_EVENT_OFF);
        if (r < 0) {
                own_free(o);
                return r;
        }
        *ret = o;
        return 0;
}

OwnLines *own_free(OwnLines *o) {
        if (!o)
                return NULL;
        (void) sd_event_source_disable_unref(o->retry);
        buffer_deinit(&o->sent);
        buffer_deinit(&o->waiting);
        free(o);
        return NULL;
}
