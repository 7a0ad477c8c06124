/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <utlist.h>

#include "base/clock.h"
#include "log/reply.h"

#define GROWN_USEC (20 * USEC_PER_MSEC)         /* at least between two looks, so that followers of a busy log read pieces, not lines */
#define GROWN_EACH_USEC UINT64_C(100)           /* and so much more for each */
#define ALIVE_USEC (15 * USEC_PER_SEC)          /* https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes */
#define AWAY_USEC (500 * USEC_PER_MSEC)         /* between two tries, while the store is away */
#define TEXT_ALL_BYTES (4u << 20)               /* what is written and not sent yet, of all of them about */
#define TURNS_MAX 32
#define TEXT_MIN_BYTES (4u << 10)
#define TEXT_MAX_BYTES (64u << 10)

size_t follow_text_max(const LogService *l) {
        size_t each = TEXT_ALL_BYTES / (l->n_followers + 1);

        return each < TEXT_MIN_BYTES ? TEXT_MIN_BYTES : each > TEXT_MAX_BYTES ? TEXT_MAX_BYTES : each;
}

/* ---- event streams ---- */

/* Whoever comes back with it goes on at position, which is where a line begins or will begin: the cursor of the byte before. */
static void append_id(LogReply *p, Buffer *out, uint64_t position) {
        char text[CURSOR_SIZE];

        _Static_assert(CURSOR_BEGIN == (uint64_t) -1, "it comes before 0");
        cursor_format((Cursor) { log_read_scan(&p->read)->store, position - 1 }, text);
        (void) buffer_printf(out, "id: %s\n", text);
}

void follow_relist(LogReply *p, Buffer *out) {
        Scan *s = log_read_scan(&p->read);

        s->at = archive_begin(store_archive(p->service->store));
        p->relists = false;
        p->service->relists++;
        (void) buffer_puts(out, "event: relist\n");
        append_id(p, out, s->at);
        (void) buffer_puts(out, "data: {}\n\n");
}

void follow_begin(LogReply *p, Buffer *out) {
        (void) buffer_printf(out, "retry: %d\n", RECONNECT_MSEC);
        if (p->relists) {
                follow_relist(p, out);
                return;
        }
        append_id(p, out, log_read_scan(&p->read)->at);
        (void) buffer_puts(out, "\n");
}

/* The place goes along, so that one that follows a quiet service does not fall behind. */
static void tell_alive(LogReply *p) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        (void) buffer_puts(&text, ": alive\n");
        append_id(p, &text, log_read_scan(&p->read)->at);
        (void) buffer_puts(&text, "\n");
        if (text.error == 0)
                (void) http_stream_write(p->stream, text.data, text.size);
}

static int on_alive(sd_event_source *source, uint64_t usec, void *userdata) {
        LogService *l = userdata;
        LogReply *p;

        DL_FOREACH(l->replies, p)
                if (p->follow && p->format == FORMAT_EVENTS && p->stream && !p->ended && !p->reading && !p->sending && http_stream_buffered(p->stream) == 0)
                        tell_alive(p);
        if (l->n_followers > 0 && sd_event_source_set_time_relative(source, ALIVE_USEC) >= 0)
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

void follow_added(LogService *l) {
        int enabled;

        archive_watch(store_archive(l->store), true);
        if (sd_event_source_get_enabled(l->alive_timer, &enabled) >= 0 && enabled == SD_EVENT_OFF &&
            sd_event_source_set_time_relative(l->alive_timer, ALIVE_USEC) >= 0)
                (void) sd_event_source_set_enabled(l->alive_timer, SD_EVENT_ONESHOT);
}

/* ---- whose turn it is ---- */

/* What is read and not yet handed over is in memory: not for all at once. */
bool follow_may_read(LogReply *p) {
        LogService *l = p->service;

        if (p->queued)
                return false;
        if (l->n_follow_turns >= TURNS_MAX) {
                DL_APPEND2(l->queue, p, queue_prev, queue_next);
                p->queued = true;
                return false;
        }
        l->n_follow_turns++;
        p->counted = true;
        return true;
}

static void leave_queue(LogReply *p) {
        if (p->queued)
                DL_DELETE2(p->service->queue, p, queue_prev, queue_next);
        p->queued = false;
}

void follow_has_read(LogService *l) {
        l->n_follow_turns--;
        while (l->queue && l->n_follow_turns < TURNS_MAX) {
                LogReply *p = l->queue;

                leave_queue(p);
                if (p->stream && !p->reading && !p->sending)
                        reply_go_on(p);
        }
}

void follow_removed(LogReply *p) {
        leave_queue(p);
        if (--p->service->n_followers == 0)
                archive_watch(store_archive(p->service->store), false);
}

/* The store is away: who follows goes on where it is when it is back. */
void follow_waits(LogService *l) {
        if (!l->grown_armed && sd_event_source_set_time_relative(l->grown_timer, AWAY_USEC) >= 0 &&
            sd_event_source_set_enabled(l->grown_timer, SD_EVENT_ONESHOT) >= 0)
                l->grown_armed = true;
}

/* ---- there is more ---- */

static void look_again(LogService *l) {
        LogReply *p, *next;

        DL_FOREACH_SAFE(l->replies, p, next)
                if (p->follow && p->stream && !p->reading && !p->sending)
                        reply_go_on(p);
}

static int on_grown(sd_event_source *source, uint64_t usec, void *userdata) {
        LogService *l = userdata;

        l->grown_armed = false;
        l->looked_usec = clock_monotonic_usec();
        look_again(l);
        return 0;
}

/* At once in a quiet log; when there is more all the time, a moment after the last look. */
void get_grown(void *service) {
        LogService *l = service;
        uint64_t pause = GROWN_USEC + l->n_followers * GROWN_EACH_USEC, since;

        if (l->n_followers == 0 || l->grown_armed)
                return;
        since = clock_monotonic_usec() - l->looked_usec;
        if (sd_event_source_set_time_relative(l->grown_timer, since < pause ? pause - since : 0) >= 0 &&
            sd_event_source_set_enabled(l->grown_timer, SD_EVENT_ONESHOT) >= 0)
                l->grown_armed = true;
}

static int add_timer(LogService *l, sd_event_source **ret, sd_event_time_handler_t handler) {
        int r = sd_event_add_time_relative(l->rt->event, ret, CLOCK_MONOTONIC, 0, 1, handler, l);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int follow_init(LogService *l) {
        int r = add_timer(l, &l->grown_timer, on_grown);

        return r < 0 ? r : add_timer(l, &l->alive_timer, on_alive);
}

void follow_deinit(LogService *l) {
        l->grown_timer = sd_event_source_disable_unref(l->grown_timer);
        l->alive_timer = sd_event_source_disable_unref(l->alive_timer);
}
