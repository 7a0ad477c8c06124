/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/log-shipper.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/text.h"
#include "runtime/events.h"
#include "runtime/log-queue.h"
#include "runtime/log-spool.h"
#include "runtime/service.h"
#include "wire/log-line.h"

#define EARLY_BYTES (1u << 20)                  /* the queue before the configuration is known */
#define LINGER_USEC (20 * USEC_PER_MSEC)        /* so that lines which belong together share a request */
#define BATCH_BYTES (64 * 1024)
#define TIMEOUT_USEC (10 * USEC_PER_SEC)
#define BACKOFF_MIN_USEC (100 * USEC_PER_MSEC)
#define BACKOFF_MAX_USEC (5 * USEC_PER_SEC)
#define OUTAGE_QUIET_USEC (3 * USEC_PER_SEC)    /* a log service that only restarts is not worth a line */
#define PLAIN_USEC (60 * USEC_PER_SEC)          /* how long a peer that refused NDJSON gets plain lines */

struct LogShipper {
        Runtime *rt;
        char *service;
        char *instance;
        char *spool_path;
        bool spooled;                   /* the file holds lines that were read and not all acknowledged */
        void (*keep_line)(const LogRecord *record, void *userdata);
        void *keeper;

        LogQueue *queue;
        char source[SD_ID128_STRING_MAX];
        uint64_t sequence;              /* of the last record that was given one */
        uint64_t told_dropped;          /* how many of the queue's dropped lines have been told */
        uint64_t announcing;            /* lines dropped: the line at hand tells of them */
        bool calling;                   /* inside service_call() */

        sd_event_source *timer;
        bool armed;
        ServiceCall *call;
        Buffer body;                    /* of the batch in flight */
        bool plain;                     /* the body is the first record alone, as text */
        uint64_t plain_until_usec;

        uint64_t backoff_usec;          /* 0: all is well */
        uint64_t outage_since_usec;
        bool outage_told;
        uint64_t shipped, refused;

        sd_event_source *flush_timer;
        void (*flushed)(void *userdata);
        void *flush_userdata;
};

static void arm(LogShipper *s, uint64_t delay_usec) {
        if (sd_event_source_set_time_relative(s->timer, delay_usec) >= 0 && sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT) >= 0)
                s->armed = true;
}

/* Sends soon, unless something is under way or the last attempt's backoff still runs. */
static void kick(LogShipper *s) {
        bool full = s->flushed || log_queue_waiting_bytes(s->queue) >= BATCH_BYTES;

        if (!s->timer || s->call || s->backoff_usec > 0 || (s->keep_line && !s->keeper) || log_queue_size(s->queue) == 0)
                return;
        if (full)
                arm(s, 0);
        else if (!s->armed)
                arm(s, LINGER_USEC);
}

static void finish_flush(LogShipper *s) {
        void (*flushed)(void *) = TAKE_PTR(s->flushed);

        (void) sd_event_source_set_enabled(s->flush_timer, SD_EVENT_OFF);
        if (flushed)
                flushed(s->flush_userdata);
}

/* ---- taking ---- */

/* Given when a record is first sent, so that dropped lines leave their gap where they are told. */
static int number(LogShipper *s, LogRecord *r) {
        if (r->source)
                return 0;
        r->source = strdup(s->source);
        if (!r->source)
                return -ENOMEM;
        r->sequence = ++s->sequence;
        return 0;
}

static void shipper_sink(const LogLine *line, void *userdata) {
        LogShipper *s = userdata;
        LogRecord *r = NULL;

        /* What the client says while it carries our lines would make it carry more of them, without end. */
        if (s->calling && line->priority >= LOG_DEBUG)
                return;
        /* Without memory the line is in the journal alone. */
        if (log_record_from_line(line, s->service, s->instance, &r) < 0)
                return;
        if (s->announcing > 0) {
                if (number(s, r) >= 0)
                        s->sequence += s->announcing;
                (void) log_queue_push_front(s->queue, r);
        } else if (s->keep_line && s->keeper && log_queue_size(s->queue) == 0) {
                if (number(s, r) >= 0)
                        s->keep_line(r, s->keeper);
                s->shipped++;
                (void) log_record_free(r);
        } else {
                (void) log_queue_push(s->queue, r, false);
                kick(s);
        }
}

/* ---- sending ---- */

static void announce_dropped(LogShipper *s) {
        uint64_t dropped = log_queue_dropped(s->queue), n = dropped - s->told_dropped;
        char text[24];

        if (n == 0)
                return;
        (void) snprintf(text, sizeof(text), "%" PRIu64, n);
        s->told_dropped = dropped;
        s->announcing = n;
        log_event(LOG_WARNING, EVENT_LOG_LINES_DROPPED, ((LogField[]) { { "DROPPED", text } }), 1,
                  "%s log lines were dropped before they reached the central log: its queue was full", text);
        s->announcing = 0;
}

static void tell_outage(LogShipper *s, const char *reason) {
        uint64_t now = clock_monotonic_usec();

        if (s->outage_since_usec == 0)
                s->outage_since_usec = now;
        if (s->outage_told || now - s->outage_since_usec < OUTAGE_QUIET_USEC)
                return;
        s->outage_told = true;
        log_warning("The central log cannot be reached (%s): its lines wait here", reason);
}

static void tell_recovery(LogShipper *s) {
        char span[CLOCK_SPAN_SIZE];

        if (s->outage_told) {
                clock_format_span(clock_monotonic_usec() - s->outage_since_usec, span);
                log_notice("The central log is reached again, after %s", span);
        }
        s->outage_told = false;
        s->outage_since_usec = 0;
        s->backoff_usec = 0;
}

static void send_failed(LogShipper *s, int error, const char *reason) {
        s->backoff_usec = s->backoff_usec * 2;
        if (s->backoff_usec < BACKOFF_MIN_USEC)
                s->backoff_usec = BACKOFF_MIN_USEC;
        if (s->backoff_usec > BACKOFF_MAX_USEC)
                s->backoff_usec = BACKOFF_MAX_USEC;
        tell_outage(s, reason);
        /* Nobody is there: whoever waits for the end of this daemon gets it at once, and the lines go to the spool. */
        if (s->flushed && (error == -ENOENT || error == -ECONNREFUSED)) {
                finish_flush(s);
                return;
        }
        /* Half of it is by chance, so that daemons which lost the log together do not come back together. */
        arm(s, s->backoff_usec / 2 + clock_monotonic_usec() % (s->backoff_usec / 2));
}

static void send_batch(LogShipper *s);

static void remove_spool_if_done(LogShipper *s) {
        int r;

        if (!s->spooled || log_queue_restored(s->queue) > 0)
                return;
        s->spooled = false;
        r = log_spool_remove(s->spool_path);
        if (r < 0)
                log_warning("The log spool %s cannot be removed: %s", s->spool_path, strerror(-r));
}

static void continue_sending(LogShipper *s) {
        if (log_queue_in_flight(s->queue)) {
                send_batch(s);
                return;
        }
        remove_spool_if_done(s);
        if (log_queue_size(s->queue) == 0)
                finish_flush(s);
        kick(s);
}

static void send_done(const HttpAnswer *answer, void *userdata) {
        LogShipper *s = userdata;
        bool format_refused = answer->status == 400 || answer->status == 413 || answer->status == 415 || answer->status == 422;
        char reason[32];

        s->call = NULL;
        if (answer->error == 0 && answer->status / 100 == 2) {
                for (LogQueueItem *i = log_queue_in_flight(s->queue); i; i = s->plain ? NULL : i->next)
                        s->shipped++;
                if (s->plain)
                        log_queue_acknowledge_first(s->queue);
                else
                        log_queue_acknowledge(s->queue);
                tell_recovery(s);
                continue_sending(s);
        } else if (answer->error == 0 && format_refused && !s->plain) {
                s->plain_until_usec = clock_monotonic_usec() + PLAIN_USEC;
                send_batch(s);
        } else if (answer->error == 0 && format_refused) {
                /* Not even as text: it would stand in the way of all others for ever. */
                s->refused++;
                log_queue_acknowledge_first(s->queue);
                continue_sending(s);
        } else {
                (void) snprintf(reason, sizeof(reason), "it answers %u", answer->status);
                send_failed(s, answer->error, answer->error < 0 ? answer->error_text : reason);
        }
}

static int render(LogShipper *s) {
        LogQueueItem *first = log_queue_in_flight(s->queue);

        buffer_clear(&s->body);
        for (LogQueueItem *i = first; i; i = i->next)
                if (number(s, i->record) < 0)
                        return -ENOMEM;
        s->plain = clock_monotonic_usec() < s->plain_until_usec;
        if (s->plain)
                return buffer_printf(&s->body, "%s: %s: %s", first->record->service, log_priority_name(first->record->priority),
                                     first->record->message);
        for (LogQueueItem *i = first; i; i = i->next)
                (void) log_line_write(&s->body, i->record, 0);
        return s->body.error;
}

static void send_batch(LogShipper *s) {
        HttpCallOptions options = { .method = "POST", .url = "/log", .timeout_usec = TIMEOUT_USEC, .answer_max = 65536 };
        int r;

        r = render(s);
        if (r >= 0) {
                options.content_type = s->plain ? "text/plain; charset=utf-8" : "application/x-ndjson";
                options.body = s->body.data;
                options.body_size = s->body.size;
                s->calling = true;
                r = service_call(s->rt, "LogService", &options, send_done, s, &s->call);
                s->calling = false;
        }
        if (r < 0)
                send_failed(s, r, r == -ENOENT ? "no provider of LogService is known" : strerror(-r));
}

static void keep_waiting(LogShipper *s) {
        while (log_queue_take(s->queue, BATCH_BYTES, LOG_BATCH_RECORDS_MAX) > 0) {
                for (LogQueueItem *i = log_queue_in_flight(s->queue); i; i = i->next) {
                        if (number(s, i->record) >= 0)
                                s->keep_line(i->record, s->keeper);
                        s->shipped++;
                }
                log_queue_acknowledge(s->queue);
        }
        remove_spool_if_done(s);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        LogShipper *s = userdata;

        s->armed = false;
        if (s->call)
                return 0;
        if (s->keep_line) {
                if (s->keeper)
                        keep_waiting(s);
                finish_flush(s);
                return 0;
        }
        if (!log_queue_in_flight(s->queue)) {
                if (log_queue_size(s->queue) > 0)
                        announce_dropped(s);
                if (log_queue_take(s->queue, BATCH_BYTES, LOG_BATCH_RECORDS_MAX) == 0) {
                        finish_flush(s);
                        return 0;
                }
        }
        send_batch(s);
        return 0;
}

static int on_flush_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        finish_flush(userdata);
        return 0;
}

void log_shipper_flush(LogShipper *s, uint64_t deadline_usec, void (*done)(void *userdata), void *userdata) {
        if (!s) {
                done(userdata);
                return;
        }
        s->flushed = done;
        s->flush_userdata = userdata;
        if (sd_event_source_set_time_relative(s->flush_timer, deadline_usec) < 0 ||
            sd_event_source_set_enabled(s->flush_timer, SD_EVENT_ONESHOT) < 0) {
                finish_flush(s);
                return;
        }
        if (!s->call)
                arm(s, 0);
}

/* ---- beginning and end ---- */

static void read_spool(LogShipper *s) {
        size_t damaged = 0;
        int r = log_spool_read(s->spool_path, s->queue, &damaged);

        if (r < 0)
                log_warning("The log spool %s cannot be read: %s", s->spool_path, strerror(-r));
        else if (damaged > 0)
                log_warning("The log spool %s is damaged: %zu of its lines are lost", s->spool_path, damaged);
        s->spooled = r >= 0 && (damaged > 0 || log_queue_restored(s->queue) > 0);
}

static void write_spool(LogShipper *s) {
        int r = 0;

        for (LogQueueItem *i = log_queue_waiting(s->queue); i && r >= 0; i = i->next)
                r = number(s, i->record);
        if (r >= 0 && log_queue_size(s->queue) > 0)
                r = log_spool_write(s->spool_path, s->queue);
        else if (r >= 0 && s->spooled)
                r = log_spool_remove(s->spool_path);
        if (r < 0)
                log_error("%zu log lines for the central log are lost, the spool %s cannot be written: %s",
                          log_queue_size(s->queue), s->spool_path, strerror(-r));
}

int log_shipper_new(LogShipper **ret, const char *service) {
        _cleanup_(log_shipper_freep) LogShipper *s = calloc(1, sizeof(*s));
        sd_id128_t id;
        int r;

        if (!s || text_replace(&s->service, service) < 0)
                return -ENOMEM;
        r = sd_id128_randomize(&id);
        if (r < 0)
                return r;
        (void) sd_id128_to_string(id, s->source);
        r = log_queue_new(&s->queue, EARLY_BYTES);
        if (r < 0)
                return r;
        log_add_sink(shipper_sink, s);
        *ret = TAKE_PTR(s);
        return 0;
}

static int add_timer(LogShipper *s, sd_event_time_handler_t handler, sd_event_source **ret) {
        int r = sd_event_add_time_relative(s->rt->event, ret, CLOCK_MONOTONIC, 0, 1, handler, s);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int log_shipper_start(LogShipper *s, const LogShipperOptions *o) {
        int r;

        s->rt = o->rt;
        s->keep_line = o->keep_line;
        s->keeper = o->userdata;
        if (text_replace(&s->instance, o->instance) < 0 || text_replace(&s->spool_path, o->spool_path) < 0)
                return -ENOMEM;
        for (LogQueueItem *i = log_queue_waiting(s->queue); i; i = i->next)
                if (text_replace(&i->record->instance, o->instance) < 0)
                        return -ENOMEM;
        log_queue_set_max(s->queue, o->queue_max_bytes);
        r = add_timer(s, on_flush_timer, &s->flush_timer);
        if (r >= 0)
                r = add_timer(s, on_timer, &s->timer);
        if (r < 0)
                return r;
        if (s->spool_path)
                read_spool(s);
        kick(s);
        return 0;
}

void log_shipper_leave(LogShipper *s, const char *spool_path) {
        if (text_replace(&s->spool_path, spool_path) >= 0)
                read_spool(s);
}

LogShipper *log_shipper_free(LogShipper *s) {
        if (!s)
                return NULL;
        s->call = service_call_cancel(s->call);
        if (s->queue && log_queue_size(s->queue) > 0)
                announce_dropped(s);
        log_remove_sink(shipper_sink, s);
        if (s->queue && s->spool_path)
                write_spool(s);
        (void) sd_event_source_disable_unref(s->timer);
        (void) sd_event_source_disable_unref(s->flush_timer);
        (void) log_queue_free(s->queue);
        buffer_deinit(&s->body);
        free(s->service);
        free(s->instance);
        free(s->spool_path);
        free(s);
        return NULL;
}

void log_shipper_set_keeper(LogShipper *s, void *userdata) {
        if (!s)
                return;
        s->keeper = userdata;
        kick(s);
}

void log_shipper_set_queue_max(LogShipper *s, size_t max_bytes) {
        if (s)
                log_queue_set_max(s->queue, max_bytes);
}

size_t log_shipper_pending(const LogShipper *s) {
        return s ? log_queue_size(s->queue) : 0;
}

uint64_t log_shipper_shipped(const LogShipper *s) {
        return s ? s->shipped : 0;
}

uint64_t log_shipper_dropped(const LogShipper *s) {
        return s ? log_queue_dropped(s->queue) + s->refused : 0;
}
