/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/etcd-watch.h"

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/text.h"
#include "wire/json.h"

#define LIST_TIMEOUT_USEC (5 * USEC_PER_SEC)
#define RETRY_MIN_USEC (50 * USEC_PER_MSEC)
#define RETRY_MAX_USEC USEC_PER_SEC
#define LOOK_USEC (500 * USEC_PER_MSEC)         /* how often is looked whether the endpoint is still the one in use */
#define MESSAGE_MAX_BYTES (64u << 20)

struct EtcdWatch {
        sd_event *event;
        Etcd *etcd;
        char *prefix;
        EtcdWatchEvents events;
        void *userdata;
        uint64_t revision;              /* all up to it has come; 0: nothing is known */
        uint64_t n_lists;
        bool up;
        bool listing;
        bool must_list;
        bool failed;                    /* from within the stream, which ends at the next chance */
        unsigned move;                  /* of the endpoint that the stream goes to */
        uint64_t retry_usec;
        HttpCall *stream;
        Buffer line;                    /* what came of the next message */
        sd_event_source *timer;         /* the next attempt, or the next look */
};

static void arm(EtcdWatch *w, uint64_t usec) {
        (void) sd_event_source_set_time_relative(w->timer, usec);
        (void) sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static void retry(EtcdWatch *w, int error) {
        w->up = false;
        w->stream = http_call_cancel(w->stream);
        arm(w, w->retry_usec);
        w->retry_usec = w->retry_usec * 2 < RETRY_MAX_USEC ? w->retry_usec * 2 : RETRY_MAX_USEC;
        w->events.away(error, w->userdata);
}

/* ---- the list ---- */

static void on_list(int result, json_object *answer, void *userdata) {
        EtcdKvs kvs = {};
        EtcdWatch *w = userdata;

        w->listing = false;
        if (result == -ECANCELED)
                return;
        if (result >= 0)
                result = etcd_read_kvs(answer, &kvs);
        if (result < 0) {
                retry(w, result);
                return;
        }
        w->revision = etcd_revision(answer);
        w->must_list = false;
        w->n_lists++;
        w->events.list(w->revision, &kvs, w->userdata);
        etcd_kvs_deinit(&kvs);
        arm(w, 0);
}

static void list(EtcdWatch *w) {
        json_object *o = NULL;

        int r = etcd_range_message(w->prefix, &o);
        if (r >= 0)
                r = etcd_call(w->etcd, "/kv/range", o, LIST_TIMEOUT_USEC, on_list, w);
        if (r < 0)
                retry(w, r);
        else
                w->listing = true;
}

/* ---- the stream: one message a line, {"result":{…}} ---- */

static int take_message(EtcdWatch *w, const char *text, size_t size) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *result, *canceled;
        EtcdKvs kvs = {};

        if (size == 0)
                return 0;
        if (json_parse_object(text, size, &o, NULL) < 0 || !json_object_object_get_ex(o, "result", &result))
                return -EPROTO;
        if (json_object_object_get_ex(result, "canceled", &canceled) && json_object_get_boolean(canceled)) {
                /* What comes next is compacted, or there is no leader any more. */
                w->must_list = w->must_list || etcd_number(result, "compact_revision") > 0;
                return -ECONNRESET;
        }

        uint64_t revision = etcd_revision(result);
        int r = etcd_read_events(result, &kvs);
        if (r < 0)
                return r;
        w->up = true;
        w->retry_usec = RETRY_MIN_USEC;
        /* That it was created has the revision of now, while what was before may still have to come. */
        for (size_t i = 0; i < kvs.n; i++)
                w->revision = kvs.items[i].revision > w->revision ? kvs.items[i].revision : w->revision;
        if (kvs.n == 0 && revision > w->revision && !json_object_object_get_ex(result, "created", NULL))
                w->revision = revision;
        w->events.changes(w->revision, &kvs, w->userdata);
        etcd_kvs_deinit(&kvs);
        return 0;
}

static void on_head(const HttpAnswer *head, void *userdata) {
        EtcdWatch *w = userdata;

        w->failed = head->status != 200;
}

static int on_data(const void *data, size_t size, void *userdata) {
        EtcdWatch *w = userdata;
        char *end;

        if (w->failed)
                return -EPROTO;
        int r = buffer_append(&w->line, data, size);
        while (r >= 0 && w->line.size > 0 && (end = memchr(w->line.data, '\n', w->line.size))) {
                size_t n = (size_t) (end - w->line.data);

                r = take_message(w, w->line.data, n);
                /* Whoever was told may have stopped it. */
                buffer_consume(&w->line, n + 1 < w->line.size ? n + 1 : w->line.size);
        }
        return r;
}

static void on_end(const HttpAnswer *answer, void *userdata) {
        EtcdWatch *w = userdata;

        w->stream = NULL;
        if (answer->error == -ECANCELED)
                return;
        if (!w->must_list && w->move == etcd_moves(w->etcd))
                etcd_move(w->etcd);
        retry(w, answer->error < 0 ? answer->error : -ECONNRESET);
}

static void follow(EtcdWatch *w) {
        static const HttpCallStream stream = { .head = on_head, .data = on_data };
        json_object *o = NULL;

        buffer_deinit(&w->line);
        w->line = BUFFER_MAX(MESSAGE_MAX_BYTES);
        w->failed = false;
        w->move = etcd_moves(w->etcd);
        int r = etcd_watch_message(w->prefix, w->revision + 1, &o);
        if (r >= 0)
                r = etcd_stream(w->etcd, "/watch", o, &stream, on_end, w, &w->stream);
        if (r == -EAGAIN)
                w->must_list = true;    /* which gets a token */
        if (r < 0)
                retry(w, r);
        else
                arm(w, LOOK_USEC);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        EtcdWatch *w = userdata;

        /* Requests found the endpoint silent: a stream from there would be silent for ever. */
        if (w->stream && w->move != etcd_moves(w->etcd))
                w->stream = http_call_cancel(w->stream);
        if (w->must_list && w->stream)
                w->stream = http_call_cancel(w->stream);
        if (w->listing)
                return 0;
        if (w->stream)
                arm(w, LOOK_USEC);
        else if (w->revision == 0 || w->must_list)
                list(w);
        else
                follow(w);
        return 0;
}

/* ---- its life ---- */

uint64_t etcd_watch_revision(const EtcdWatch *w) {
        return w->revision;
}

bool etcd_watch_is_up(const EtcdWatch *w) {
        return w->up;
}

uint64_t etcd_watch_relists(const EtcdWatch *w) {
        return w->n_lists;
}

void etcd_watch_start(EtcdWatch *w, uint64_t revision) {
        w->revision = revision;
        arm(w, 0);
}

void etcd_watch_list_anew(EtcdWatch *w) {
        w->must_list = true;
        arm(w, 0);
}

void etcd_watch_stop(EtcdWatch *w) {
        w->stream = http_call_cancel(w->stream);
        w->up = false;
        (void) sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
}

int etcd_watch_new(EtcdWatch **ret, sd_event *event, Etcd *etcd, const char *prefix, const EtcdWatchEvents *events, void *userdata) {
        _cleanup_(etcd_watch_freep) EtcdWatch *w = calloc(1, sizeof(EtcdWatch));

        if (!w)
                return -ENOMEM;

        *w = (EtcdWatch) { .event = sd_event_ref(event), .etcd = etcd, .events = *events, .userdata = userdata, .retry_usec = RETRY_MIN_USEC };
        int r = text_replace(&w->prefix, prefix);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &w->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_timer, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(w);
        return 0;
}

EtcdWatch *etcd_watch_free(EtcdWatch *w) {
        if (!w)
                return NULL;

        http_call_cancel(w->stream);
        sd_event_source_disable_unref(w->timer);
        sd_event_unref(w->event);
        buffer_deinit(&w->line);
        free(w->prefix);
        free(w);
        return NULL;
}
