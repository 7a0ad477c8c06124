/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/events.h"
#include "runtime/log-shipper-internal.h"
#include "wire/json.h"

#define TIMEOUT_USEC (10 * USEC_PER_SEC)
#define BACKOFF_MIN_USEC (100 * USEC_PER_MSEC)
#define BACKOFF_MAX_USEC (5 * USEC_PER_SEC)
#define OUTAGE_QUIET_USEC (3 * USEC_PER_SEC)    /* a log service that only restarts is not worth a line */
#define TELL_SOON_USEC USEC_PER_SEC              /* from the first line that was refused to the event that tells it */
#define TELL_USEC (60 * USEC_PER_SEC)           /* between two of these */
#define PLAIN_USEC (60 * USEC_PER_SEC)          /* how long a peer that refused a form gets a plainer one */

void shipper_arm(LogShipper *s, uint64_t delay_usec) {
        if (sd_event_source_set_time_relative(s->timer, delay_usec) >= 0 && sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT) >= 0)
                s->armed = true;
}

void shipper_kick(LogShipper *s) {
        const SpoolFile *f = &s->spool->file;

        if (!s->timer || s->call || s->keeping || s->backoff_usec > 0 || (s->keep_lines && !s->keeper) || f->n_records == 0)
                return;
        if (s->flushed || f->tail - f->head >= SHIPPER_BATCH_BYTES)
                shipper_arm(s, 0);
        else if (!s->armed)
                shipper_arm(s, SHIPPER_LINGER_USEC);
}

void shipper_finish_flush(LogShipper *s) {
        void (*flushed)(void *) = TAKE_PTR(s->flushed);

        (void) sd_event_source_set_enabled(s->flush_timer, SD_EVENT_OFF);
        if (flushed)
                flushed(s->flush_userdata);
}

void shipper_resize(LogShipper *s) {
        int r;

        if (s->spool_wanted_bytes == 0 || s->n_batch > 0)
                return;
        r = log_spool_resize(s->spool, s->spool_wanted_bytes);
        s->spool_wanted_bytes = 0;
        if (r < 0)
                log_warning("The log spool keeps its size: %s", strerror(-r));
}

/* ---- what becomes of the log service ---- */

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

/* What nobody can have got is taken anew, when there may be more to tell and less of it left. */
static void give_back(LogShipper *s) {
        if (s->offered)
                return;
        spool_file_give_back(&s->spool->file);
        s->n_batch = 0;
        shipper_resize(s);
}

uint64_t shipper_back_off(LogShipper *s) {
        s->backoff_usec = s->backoff_usec * 2;
        if (s->backoff_usec < BACKOFF_MIN_USEC)
                s->backoff_usec = BACKOFF_MIN_USEC;
        if (s->backoff_usec > BACKOFF_MAX_USEC)
                s->backoff_usec = BACKOFF_MAX_USEC;
        /* Half of it is by chance, so that daemons which lost the log together do not come back together. */
        return s->backoff_usec / 2 + clock_monotonic_usec() % (s->backoff_usec / 2);
}

static void send_failed(LogShipper *s, int error, const char *reason) {
        uint64_t delay = shipper_back_off(s);

        give_back(s);
        tell_outage(s, reason);
        /* Nobody is there: whoever waits for the end of this daemon gets it at once, and the lines stay in the spool. */
        if (s->flushed && (error == -ENOENT || error == -ECONNREFUSED)) {
                shipper_finish_flush(s);
                return;
        }
        shipper_arm(s, delay);
}

/* ---- a batch ---- */

#define NOTICE "%" PRIu64 " log lines were dropped before they reached the central log: its spool was full"

/* The notice goes ahead of lines that have their numbers already, so it has a source of its own. */
static bool take_notice(LogShipper *s) {
        SpoolFile *f = &s->spool->file;
        char count[24], message[128];
        uint64_t n;

        /* Then it is that of a former process, of which nobody knows whom it has reached. */
        s->offered = f->state.announcing > 0;
        n = spool_file_notice_begin(f);
        if (n == 0)
                return false;
        spool_file_notice_source(f, s->notice_source);
        (void) snprintf(count, sizeof(count), "%" PRIu64, n);
        (void) snprintf(message, sizeof(message), NOTICE, n);
        (void) shipper_write_line(s, &s->batch, &(LogLine) {
                .priority = LOG_WARNING,
                .time_usec = clock_realtime_usec(),
                .message_id = event_id(EVENT_LOG_LINES_DROPPED),
                .message = message,
                .fields = (LogField[]) { { "DROPPED", count } },
                .n_fields = 1,
                .source = s->notice_source,
                .sequence = f->state.notices + 1,
        });
        (void) buffer_append(&s->batch, "\n", 1);
        s->known = f->state.notices;
        s->notice = true;
        return true;
}

/* Now the journal gets it as well, with the same number. */
static void notice_done(LogShipper *s) {
        char count[24];

        (void) snprintf(count, sizeof(count), "%" PRIu64, s->spool->file.state.announcing);
        s->announcing = true;
        log_event(LOG_WARNING, EVENT_LOG_LINES_DROPPED, ((LogField[]) { { "DROPPED", count } }), 1, NOTICE,
                  s->spool->file.state.announcing);
        s->announcing = false;
        spool_file_notice_done(&s->spool->file);
}

static int take_batch(LogShipper *s) {
        SpoolLine first;

        buffer_clear(&s->batch);
        s->again = s->notice = false;
        s->known = 0;
        if (take_notice(s)) {
                s->n_batch = s->batch.error == 0;
        } else if (spool_file_first(&s->spool->file, &first)) {
                s->known = first.source_hash != 0 ? s->spool->file.state.acknowledged : 0;
                s->n_batch = spool_file_take(&s->spool->file, s->keep_lines ? SHIPPER_KEEP_BYTES : SHIPPER_BATCH_BYTES, LOG_BATCH_RECORDS_MAX, &s->batch);
        }
        return s->batch.error;
}

static size_t first_line(const LogShipper *s) {
        const char *newline = memchr(buffer_text(&s->batch), '\n', s->batch.size);

        return newline ? (size_t) (newline - s->batch.data) : s->batch.size;
}

int shipper_parse_line(const char *line, size_t size, LogRecord **ret) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        int r = json_parse_object(line, size, &o, NULL);

        return r < 0 ? r : log_record_from_json(o, ret, NULL);
}

/* The first line, for a peer that takes nothing else. */
static int write_plain(LogShipper *s, Buffer *out) {
        _cleanup_(log_record_freep) LogRecord *record = NULL;
        int r = shipper_parse_line(s->batch.data, first_line(s), &record);

        if (r == -ENOMEM)
                return r;
        if (r < 0) /* damaged by whoever: let the peer judge it */
                return buffer_append(out, s->batch.data, first_line(s));
        return buffer_printf(out, "%s: %s: %s", record->service, log_priority_name(record->priority), record->message);
}

/* What is behind the first line is still in flight where that was sent alone. */
void shipper_acknowledge(LogShipper *s) {
        size_t n = s->plain ? 1 : s->n_batch;

        if (s->notice)
                notice_done(s);
        else if (s->plain)
                spool_file_acknowledge_first(&s->spool->file);
        else
                spool_file_acknowledge(&s->spool->file);
        if (s->plain)
                buffer_consume(&s->batch, first_line(s) + 1);
        s->n_batch -= n;
        s->again = false;
        if (s->n_batch == 0)
                buffer_clear(&s->batch);
}

static void send_batch(LogShipper *s);

void shipper_send_next(LogShipper *s) {
        if (s->n_batch > 0) {
                send_batch(s);
                return;
        }
        shipper_resize(s);
        if (s->spool->file.n_records == 0)
                shipper_finish_flush(s);
        shipper_kick(s);
}

void shipper_tell_refused(LogShipper *s) {
        uint64_t n = s->to_tell;
        char count[24];

        if (n == 0)
                return;
        s->to_tell = 0;
        s->told_usec = clock_monotonic_usec();
        (void) snprintf(count, sizeof(count), "%" PRIu64, n);
        log_event(LOG_WARNING, EVENT_LOG_LINES_REFUSED, ((LogField[]) { { "REFUSED", count } }), 1,
                  "The central log took %" PRIu64 " log line%s in no form: only this machine's journal has what was refused", n, n == 1 ? "" : "s");
}

int shipper_on_tell_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        LogShipper *s = userdata;

        s->tells = false;
        shipper_tell_refused(s);
        return 0;
}

/* Together with those that follow, and not too often. Of a refused one that tells just this nothing is said: where nothing is taken it would go
 * on without end. */
void shipper_refused(LogShipper *s, uint64_t n) {
        uint64_t now = clock_monotonic_usec(), at = now + TELL_SOON_USEC;
        bool told = memmem(buffer_text(&s->batch), first_line(s), event_id(EVENT_LOG_LINES_REFUSED), strlen(event_id(EVENT_LOG_LINES_REFUSED)));

        s->refused += n;
        if (told)
                return;
        s->to_tell += n;
        if (s->told_usec > 0 && s->told_usec + TELL_USEC > at)
                at = s->told_usec + TELL_USEC;
        if (!s->tells && sd_event_source_set_time_relative(s->tell_timer, at - now) >= 0 &&
            sd_event_source_set_enabled(s->tell_timer, SD_EVENT_ONESHOT) >= 0)
                s->tells = true;
}

static void send_done(const HttpAnswer *answer, void *userdata) {
        LogShipper *s = userdata;
        bool format_refused = answer->status == 400 || answer->status == 413 || answer->status == 415 || answer->status == 422;
        char reason[32];

        s->call = NULL;
        if (answer->error == 0 && answer->status / 100 == 2) {
                s->shipped += s->plain ? 1 : s->n_batch;
                shipper_acknowledge(s);
                tell_recovery(s);
                shipper_send_next(s);
        } else if (answer->error == 0 && format_refused && s->numbered) {
                s->bare_until_usec = clock_monotonic_usec() + PLAIN_USEC;
                s->again = false;
                send_batch(s);
        } else if (answer->error == 0 && format_refused && !s->plain) {
                s->plain_until_usec = clock_monotonic_usec() + PLAIN_USEC;
                s->again = false;
                send_batch(s);
        } else if (answer->error == 0 && format_refused) {
                /* Not even as text: it would stand in the way of all others for ever. */
                shipper_refused(s, 1);
                shipper_acknowledge(s);
                tell_recovery(s);       /* it answers; else the lines to come would wait for the end of a pause that nobody ends */
                shipper_send_next(s);
        } else {
                s->offered = s->offered || (answer->error != -ENOENT && answer->error != -ECONNREFUSED);
                (void) snprintf(reason, sizeof(reason), "it answers %u", answer->status);
                send_failed(s, answer->error, answer->error < 0 ? answer->error_text : reason);
        }
}

static void send_batch(LogShipper *s) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        HttpCallOptions options = { .method = "POST", .url = "/log", .timeout_usec = TIMEOUT_USEC, .answer_max = 65536 };
        uint64_t now = clock_monotonic_usec();
        char url[64];
        int r = 0;

        s->plain = now < s->plain_until_usec;
        s->numbered = !s->plain && s->known > 0 && now >= s->bare_until_usec;
        if (s->plain)
                r = write_plain(s, &text);
        if (s->numbered) {
                (void) snprintf(url, sizeof(url), "/log?acknowledged=%" PRIu64, s->known);
                options.url = url;
        }
        options.content_type = s->plain ? "text/plain; charset=utf-8" : "application/x-ndjson";
        options.body = s->plain ? text.data : s->batch.data;
        options.body_size = s->plain ? text.size : s->batch.size;
        if (s->again)
                s->resent += s->plain ? 1 : s->n_batch;
        s->again = true;
        if (r >= 0) {
                s->calling = true;
                r = service_call(s->rt, "LogService", &options, send_done, s, &s->call);
                s->calling = false;
        }
        if (r < 0)
                send_failed(s, r, r == -ENOENT ? "no provider of LogService is known" : strerror(-r));
}

int shipper_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        LogShipper *s = userdata;

        s->armed = false;
        if (s->call || s->keeping)
                return 0;
        if (s->keep_lines && !s->keeper) {
                shipper_finish_flush(s);
                return 0;
        }
        if (s->n_batch == 0) {
                shipper_resize(s);
                if (take_batch(s) < 0) {
                        send_failed(s, -ENOMEM, strerror(ENOMEM));
                        return 0;
                }
                if (s->n_batch == 0 && !(s->keep_lines && s->flushed)) {
                        shipper_finish_flush(s);
                        return 0;
                }
        }
        if (s->keep_lines)
                shipper_keep_batch(s);
        else
                send_batch(s);
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
                shipper_finish_flush(s);
                return;
        }
        if (!s->call && !s->keeping)
                shipper_arm(s, 0);
}
