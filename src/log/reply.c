/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/reply.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"

#define N_DEFAULT 100
#define N_DEFAULT_EVENTS 10
#define PIECE_BYTES (64u * 1024)
#define BUFFERED_MAX (8u << 20)         /* of one reader; a piece is smaller, a single line may be longer */
#define ACTIVE_MAX 64                   /* pages that are made at one time; more wait, in order */

/* Whoever waits longest. */
static void start_waiting(LogService *l) {
        LogReply *p;

        DL_FOREACH(l->replies, p)
                if (p->phase == REPLY_WAITING) {
                        reply_start(p);
                        return;
                }
}

LogReply *reply_free(LogReply *p) {
        LogService *l = p->service;
        bool active = !p->follow && p->phase > REPLY_WAITING;

        DL_DELETE(l->replies, p);
        if (p->follow)
                follow_removed(p);
        l->n_active -= active;
        (void) sd_event_source_disable_unref(p->stall);
        log_read_deinit(&p->read);
        question_deinit(&p->question);
        free(p->client);
        free(p);
        if (active && !l->ending)
                start_waiting(l);
        return NULL;
}

/* ---- how it ends ---- */

void reply_fail(LogReply *p, unsigned status, const char *detail) {
        if (status == 503)
                request_set_header(p->request, "Retry-After", "1");
        request_fail(TAKE_PTR(p->request), status, "%s", detail);
        reply_free(p);
}

/* Breaks the connection, so that the reader can tell this from a log that has no more. */
void reply_cut(LogReply *p, const char *why) {
        if (p->follow)
                p->service->followers_cut++;
        log_notice("The reader %s of the log was cut off: %s", p->client, why);
        p->ended = true;
        http_stream_abort(p->stream);
}

static void failed(LogReply *p, int error) {
        const char *pattern = "Parameter 'grep' is a regular expression that takes too long on a line of the log",
                   *deleted = "it was so far behind that what it had to read next was deleted";

        if (p->stream)
                reply_cut(p, error == -ELOOP ? pattern : error == -ENOENT ? deleted : strerror(-error));
        else if (error == -ELOOP)
                reply_fail(p, 400, pattern);
        else if (error == -ENOTCONN)
                reply_fail(p, 503, "The log cannot be read now: its database is away");
        else if (error == -ENOENT)
                reply_fail(p, 410, "The place that the cursor names was deleted meanwhile: begin with the oldest line there is");
        else {
                request_fail_errno(TAKE_PTR(p->request), error, "Reading the log");
                reply_free(p);
        }
}

/* ---- turns ---- */

static void read_on(LogReply *p) {
        if (readers_submit(p->service->readers, &p->read) >= 0) {
                p->reading = true;
                return;
        }
        p->service->n_follow_turns -= p->counted;
        p->counted = false;
        if (p->stream)
                reply_cut(p, "too many read at once");
        else
                reply_fail(p, 503, "The log cannot be read now: too many read at once");
}

static int on_stall(sd_event_source *source, uint64_t usec, void *userdata) {
        LogReply *p = userdata;

        if (p->stream && !p->ended)
                reply_cut(p, "it does not take what is there for it");
        return 0;
}

static int arm_stall(LogReply *p) {
        uint64_t usec = p->service->config->stall_usec;
        int r;

        if (!p->stall)
                return sd_event_add_time_relative(p->service->rt->event, &p->stall, CLOCK_MONOTONIC, usec, 0, on_stall, p);
        r = sd_event_source_set_time_relative(p->stall, usec);
        return r < 0 ? r : sd_event_source_set_enabled(p->stall, SD_EVENT_ONESHOT);
}

void reply_go_on(LogReply *p) {
        Scan *s = log_read_scan(&p->read);

        if (p->ended)
                return;
        if (p->complete || (p->service->stopping && p->follow)) {
                p->ended = true;
                http_stream_end(p->stream);
                return;
        }
        if (p->follow) {
                s->bound = archive_end(store_archive(p->service->store));
                s->text_max = follow_text_max(p->service);
                if (s->at >= s->bound || !follow_may_read(p))
                        return;
        }
        read_on(p);
}

static void on_stream(HttpStream *stream, HttpStreamEvent event, void *userdata) {
        LogReply *p = userdata;

        if (event == HTTP_STREAM_CLOSED) {
                p->stream = NULL;
                p->ended = true;
                if (!p->reading)
                        reply_free(p);
        } else if (p->sending) {
                p->sending = false;
                (void) sd_event_source_set_enabled(p->stall, SD_EVENT_OFF);
                reply_go_on(p);
        }
}

/* false: it failed, and the reply is freed. */
static bool open_stream(LogReply *p) {
        Request *request = TAKE_PTR(p->request);

        request_set_header(request, "Cache-Control", "no-store");
        p->stream = request_stream(request, 200, format_content_type(p->format), BUFFERED_MAX, on_stream, p);
        if (!p->stream)
                reply_free(p);
        return p->stream;
}

/* ---- what was read ---- */

/* What stands around the records. */
static void frame(LogReply *p, Buffer *text, bool begins, bool ends) {
        Buffer whole = BUFFER_NULL;
        char cursor[CURSOR_SIZE];

        if (p->format != FORMAT_JSON)
                return;
        if (begins) {
                (void) buffer_puts(&whole, "{\"Records\":[");
                (void) buffer_append(&whole, text->data, text->size);
                buffer_deinit(text);
                *text = whole;
        }
        if (ends && p->has_next) {
                cursor_format((Cursor) { log_read_scan(&p->read)->store, p->next_page }, cursor);
                (void) buffer_printf(text, "],\"Next\":\"%s\"}\n", cursor);
        } else if (ends) {
                (void) buffer_puts(text, "]}\n");
        }
}

static void send_text(LogReply *p, Buffer *text) {
        int r = text->error;

        p->sending = true;
        if (r >= 0)
                r = arm_stall(p);
        if (r >= 0)
                r = http_stream_write(p->stream, buffer_text(text), text->size);
        if (r < 0 && r != -EPIPE)
                reply_cut(p, strerror(-r));
}

static void reply_whole(LogReply *p, const Buffer *text) {
        if (text->error < 0) {
                failed(p, text->error);
                return;
        }
        request_set_header(p->request, "Cache-Control", "no-store");
        request_reply(TAKE_PTR(p->request), 200, format_content_type(p->format), buffer_text(text), text->size);
        reply_free(p);
}

static void show(LogReply *p) {
        Scan *s = log_read_scan(&p->read);
        bool begins = p->request;

        p->complete = !p->follow && s->done;
        if (p->phase == REPLY_SHOWING && s->mode != SCAN_LISTED && s->more) {
                p->has_next = true;
                p->next_page = s->last_shown;
        }
        if (s->text.size == 0 && !p->complete) {
                reply_go_on(p);
                return;
        }
        frame(p, &s->text, begins, p->complete);
        if (begins && p->complete) {
                reply_whole(p, &s->text);
                return;
        }
        if (begins && !open_stream(p))
                return;
        if (s->text.size > 0)
                send_text(p, &s->text);
        else
                reply_go_on(p);
        /* A follower waits long as a rule, and there are many. */
        if (p->follow)
                buffer_deinit(&s->text);
        else
                buffer_clear(&s->text);
}

static void begin_following(LogReply *p) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        p->phase = REPLY_SHOWING;
        if (!open_stream(p))
                return;
        if (p->format == FORMAT_EVENTS)
                follow_begin(p, &text);
        if (text.size > 0 || text.error < 0)
                send_text(p, &text);
        else
                reply_go_on(p);
}

/* The lines that were kept, in the order of time. */
static void turn_over(Scan *s) {
        Buffer out = BUFFER_NULL;
        size_t end = s->text.size;

        while (end > 0) {
                const char *feed = memrchr(s->text.data, '\n', end - 1);
                size_t begin = feed ? (size_t) (feed + 1 - s->text.data) : 0;

                if (s->format == FORMAT_JSON && out.size > 0)
                        (void) buffer_append(&out, ",\n", 2);
                (void) buffer_append(&out, s->text.data + begin, end - begin - (s->format == FORMAT_JSON));
                end = begin;
        }
        if (s->text.error < 0)
                out.error = s->text.error;
        buffer_deinit(&s->text);
        s->text = out;
}

/* Where the last lines are is known: those of a page are read again one by one, a follower reads on from the first of them. */
static void located(LogReply *p) {
        Scan *s = log_read_scan(&p->read);

        if (!s->done) {
                read_on(p);
                return;
        }
        p->phase = REPLY_SHOWING;
        if (s->keeps) {
                turn_over(s);
                show(p);
                return;
        }
        if (!p->follow) {
                p->has_next = s->more;
                p->next_page = s->n_positions > 0 ? s->positions[s->n_positions - 1] : 0;
                s->mode = SCAN_LISTED;
                s->bound = s->part = archive_end(store_archive(p->service->store));
                read_on(p);
                return;
        }
        s->at = s->n_positions > 0 ? s->positions[s->n_positions - 1] : p->next_page;
        s->mode = SCAN_FORWARDS;
        s->left = UINT64_MAX;
        s->shared = p->question.filter->number;
        log_read_deinit(&p->read);
        begin_following(p);
}

static void take_result(LogReply *p, const LogRead *read) {
        /* A page that was asked for is made to its end. A follower that has not begun is better off with whoever serves next. */
        if (p->request && (p->gone || p->service->ending || (p->service->stopping && p->follow))) {
                reply_fail(p, 503, "The service is stopping");
        } else if (!p->request && !p->stream) {
                reply_free(p);
        } else if (p->ended) {
                return;
        } else if (read->result == -ENOENT && p->follow && p->format == FORMAT_EVENTS) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

                follow_relist(p, &text);
                send_text(p, &text);
        } else if (read->result == -ENOTCONN && p->follow && p->stream) {
                follow_waits(p->service);
        } else if (read->result < 0) {
                failed(p, read->result);
        } else if (p->phase == REPLY_LOCATING) {
                located(p);
        } else {
                show(p);
        }
}

static void on_read(LogRead *read) {
        LogReply *p = CONTAINER_OF(read, LogReply, read);
        LogService *l = p->service;
        bool counted = p->counted;

        p->reading = p->counted = false;
        l->scanned_bytes += read->bytes;
        take_result(p, read);
        if (counted)
                follow_has_read(l);
}

/* ---- its beginning ---- */

static void on_gone(Request *request, void *userdata) {
        LogReply *p = userdata;

        p->gone = true;
        if (p->phase == REPLY_WAITING)
                reply_fail(p, 503, "The client is gone");
}

static void begin_scan(LogReply *p) {
        const Question *q = &p->question;
        Archive *archive = store_archive(p->service->store);
        uint64_t begin = archive_begin(archive), end = archive_end(archive), behind = q->has_after ? q->after.position + 1 : begin;
        Scan *s = log_read_scan(&p->read);

        if (q->has_before)
                end = q->before.position;
        p->phase = REPLY_SHOWING;
        s->filter = q->filter;
        s->format = p->format;
        s->store = archive_store(archive);
        s->left = q->n != QUESTION_N_DEFAULT ? q->n : p->format == FORMAT_EVENTS ? N_DEFAULT_EVENTS : N_DEFAULT;
        s->wants_next = p->format == FORMAT_JSON && s->left > 0;
        s->text_max = PIECE_BYTES;
        if (q->order == ORDER_OLDEST || (p->follow && q->has_after)) {
                s->mode = SCAN_FORWARDS;
                s->at = behind;
                s->bound = end;
        } else {
                s->mode = q->order == ORDER_NEWEST ? SCAN_BACKWARDS : SCAN_LOCATE;
                s->at = end;
                s->bound = behind > begin ? behind - 1 : begin;         /* where a line begins */
                s->lowest = behind;
                s->keeps = s->mode == SCAN_LOCATE && !p->follow;
                if (s->mode == SCAN_LOCATE)
                        p->phase = REPLY_LOCATING;
        }
        /* A cursor in front of another one. */
        if (s->mode == SCAN_FORWARDS ? s->at > s->bound : s->at < s->bound)
                s->at = s->bound;
        p->next_page = end;
}

void reply_start(LogReply *p) {
        LogService *l = p->service;
        Scan *s = log_read_scan(&p->read);

        if (!p->follow && l->n_active >= ACTIVE_MAX) {
                p->phase = REPLY_WAITING;
        } else {
                l->n_active += !p->follow;
                p->read.done = on_read;
                begin_scan(p);
                if (p->relists)
                        s->at = archive_begin(store_archive(l->store));
        }
        if (!p->watched && request_watch(p->request, on_gone, p) < 0) {
                reply_fail(p, 500, "Out of memory");
                return;
        }
        p->watched = true;
        if (p->phase == REPLY_WAITING)
                return;
        if (p->follow && s->mode == SCAN_FORWARDS) {
                s->left = UINT64_MAX;
                s->shared = p->question.filter->number;
                begin_following(p);
        } else if (s->left == 0) {
                s->done = true;
                if (p->phase == REPLY_LOCATING)
                        located(p);
                else
                        show(p);
        } else {
                read_on(p);
        }
}
