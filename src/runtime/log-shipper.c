/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "runtime/log-shipper-internal.h"

/* ---- taking ---- */

static void number_line(LogLine *line, void *userdata) {
        LogShipper *s = userdata;
        const SpoolFile *f = &s->spool->file;

        /* What the client says while it carries our lines would make it carry more of them, without end. */
        if (s->calling && line->priority >= LOG_DEBUG)
                return;
        line->source = s->announcing ? s->notice_source : f->source;
        line->sequence = s->announcing ? f->state.notices + 1 : f->next;
}

int shipper_write_line(LogShipper *s, Buffer *out, const LogLine *line) {
        return log_line_write_line(out, line, &(LogOrigin) { .service = s->service, .instance = s->instance, .host = s->host });
}

/* Of a line that is too long the message goes, which is bounded, without the fields. */
static int write_cut(LogShipper *s, Buffer *out, const LogLine *line) {
        LogLine cut = *line;

        cut.fields = (LogField[]) { { "TRUNCATED", "1" } };
        cut.n_fields = 1;
        return shipper_write_line(s, out, &cut);
}

static int append(LogShipper *s, const LogLine *line) {
        SpoolFile *f = &s->spool->file;
        Buffer text;
        int r = spool_file_begin(f, line->priority, &text);

        if (r >= 0)
                r = shipper_write_line(s, &text, line);
        if (r == -EFBIG) {
                r = spool_file_begin(f, line->priority, &text);
                if (r >= 0)
                        r = write_cut(s, &text, line);
        }
        if (r < 0)
                return r;
        spool_file_commit(f, line->priority, &text);
        return 0;
}

/* Nothing is logged here: that line would come here too. */
static void shipper_sink(const LogLine *line, void *userdata) {
        LogShipper *s = userdata;

        if (line->local || !line->source || s->announcing)
                return;
        s->n_taken++;
        if (append(s, line) < 0)
                spool_file_skip(&s->spool->file);
        if (s->touch && log_spool_wants_touch(s->spool))
                (void) sd_event_source_set_enabled(s->touch, SD_EVENT_ONESHOT);
        shipper_kick(s);
}

/* ---- beginning and end ---- */

static int find_host(LogShipper *s) {
        char name[HOST_NAME_MAX + 1];

        /* Without a name that can be told lines go without one. */
        if (gethostname(name, sizeof(name)) < 0)
                return 0;
        name[sizeof(name) - 1] = 0;
        return log_host_is_valid(name) ? text_replace(&s->host, name) : 0;
}

int log_shipper_new(LogShipper **ret, const char *service, const char *spool_path) {
        _cleanup_(log_shipper_freep) LogShipper *s = calloc(1, sizeof(*s));
        int r;

        if (!s || text_replace(&s->service, service) < 0 || find_host(s) < 0)
                return -ENOMEM;
        r = log_spool_open(&s->spool, spool_path, LOG_SPOOL_BYTES, &s->spool_reason);
        if (r < 0)
                return r;
        log_set_numbering(number_line, s);
        log_add_sink(shipper_sink, s);
        *ret = TAKE_PTR(s);
        return 0;
}

int log_shipper_set_instance(LogShipper *s, const char *instance) {
        return s ? text_replace(&s->instance, instance) : 0;
}

static void tell_spool(const LogShipper *s) {
        if (s->spool_reason == -EWOULDBLOCK)
                log_warning("Another process has the log spool in the state directory: lines for the central log wait in memory, "
                            "and are lost if this one is killed");
        else if (s->spool_reason < 0)
                log_warning("There is no log spool in the state directory (%s): lines for the central log wait in memory, "
                            "and are lost if this process is killed", strerror(-s->spool_reason));
}

static void take_over(LogShipper *s, const char *path) {
        size_t lost = 0;
        int r = log_spool_take_over(s->spool, path, &lost);

        if (r < 0)
                log_warning("The log spool of an older version, %s, cannot be taken over: %s", path, strerror(-r));
        if (lost > 0)
                log_warning("The log spool of an older version, %s, is damaged: %zu of its lines are lost", path, lost);
}

static int add_timer(LogShipper *s, sd_event_time_handler_t handler, sd_event_source **ret) {
        int r = sd_event_add_time_relative(s->rt->event, ret, CLOCK_MONOTONIC, 0, 1, handler, s);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int on_touch(sd_event_source *source, void *userdata) {
        const LogShipper *s = userdata;

        log_spool_touch(s->spool);
        return 0;
}

static int on_flush_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        shipper_finish_flush(userdata);
        return 0;
}

int log_shipper_start(LogShipper *s, const LogShipperOptions *o) {
        int r;

        s->rt = o->rt;
        s->keep_lines = o->keep_lines;
        s->keeper = o->userdata;
        r = add_timer(s, on_flush_timer, &s->flush_timer);
        if (r >= 0)
                r = add_timer(s, shipper_on_timer, &s->timer);
        if (r >= 0)
                r = add_timer(s, shipper_on_tell_timer, &s->tell_timer);
        if (r >= 0)
                r = sd_event_add_defer(s->rt->event, &s->touch, on_touch, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->touch, SD_EVENT_OFF);
        if (r < 0)
                return r;
        tell_spool(s);
        log_shipper_set_spool_max(s, o->spool_max_bytes);
        if (o->old_spool_path && s->spool->path)
                take_over(s, o->old_spool_path);
        shipper_kick(s);
        return 0;
}

LogShipper *log_shipper_renounce(LogShipper *s) {
        if (s->spool->file.n_records <= s->n_taken)
                log_spool_remove(s->spool);
        return log_shipper_free(s);
}

LogShipper *log_shipper_free(LogShipper *s) {
        if (!s)
                return NULL;
        s->call = service_call_cancel(s->call);
        shipper_keep_nothing(s);
        shipper_tell_refused(s);
        if (s->rt && !s->spool->path && s->spool->file.n_records > 0)
                log_warning("%zu log lines have not reached the central log and are lost for it", s->spool->file.n_records);
        log_remove_sink(shipper_sink, s);
        log_set_numbering(NULL, NULL);
        (void) sd_event_source_disable_unref(s->timer);
        (void) sd_event_source_disable_unref(s->tell_timer);
        (void) sd_event_source_disable_unref(s->touch);
        (void) sd_event_source_disable_unref(s->flush_timer);
        (void) log_spool_free(s->spool);
        buffer_deinit(&s->batch);
        free(s->service);
        free(s->instance);
        free(s->host);
        free(s);
        return NULL;
}

void log_shipper_set_keeper(LogShipper *s, void *userdata) {
        if (!s)
                return;
        s->keeper = userdata;
        shipper_kick(s);
}

void log_shipper_set_spool_max(LogShipper *s, size_t max_bytes) {
        if (!s)
                return;
        s->spool_wanted_bytes = max_bytes;
        shipper_resize(s);
}

LogShipperCounters log_shipper_counters(const LogShipper *s) {
        const SpoolFile *f = s ? &s->spool->file : NULL;

        return !f ? (LogShipperCounters) {} : (LogShipperCounters) {
                .pending = f->n_records,
                .spool_bytes = f->tail - f->head,
                .shipped = s->shipped,
                .resent = s->resent,
                .dropped = f->state.dropped + s->refused,
        };
}
