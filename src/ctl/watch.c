/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "ctl/services.h"
#include "wire/sse.h"
#include "wire/json.h"
#include "wire/timestamp.h"

#define RETRY_FIRST_USEC (200 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (5 * USEC_PER_SEC)

/* Follows the registry's events (gradebook-registry(8), "Events"), over its restarts: it goes on behind the last event that
 * came, and where the registry cannot tell what was missed, the list is compared with what is known here. */
typedef struct Follow {
        const Ctl *ctl;
        const char *called;     /* NULL: all */
        json_object *known;     /* ServiceURL to what the list or the last event said of it */
        Sse events;
        char *last_id;
        bool relist;            /* the list has to be got anew */
        bool came;              /* something came since the last attempt */
} Follow;

static Style style_of(const char *state) {
        return strcmp(state, "passing") == 0 || strcmp(state, "added") == 0 ? STYLE_GOOD :
               strcmp(state, "critical") == 0 || strcmp(state, "forgotten") == 0 ? STYLE_BAD :
               strcmp(state, "registered") == 0 ? STYLE_STRONG : STYLE_WARNING;
}

static void format_time(const char *stamp, char *ret, size_t size) {
        uint64_t usec = clock_realtime_usec();
        struct tm tm;

        (void) timestamp_parse(stamp, &usec);
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        if (!localtime_r(&seconds, &tm) || strftime(ret, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                (void) snprintf(ret, size, "?");
}

static void print_change(const Follow *f, const char *event, json_object *o) {
        _cleanup_(freep) char *name = output_clean(services_text(o, "ServiceName"), NULL);
        _cleanup_(freep) char *url = output_clean(services_text(o, "ServiceURL"), NULL);
        _cleanup_(freep) char *reason = output_clean(services_text(o, "Reason"), NULL);
        const char *old = services_text(o, "OldState");
        char when[32];

        if (f->ctl->json) {
                if (json_add_text(o, "Event", event) >= 0)
                        (void) printf("%s\n", json_text(o, NULL));
                return;
        }
        format_time(services_text(o, "Time"), when, sizeof(when));
        (void) printf("%s %s at %s: %s%s", when, name ? name : "", url ? url : "", old, *old ? " → " : "");
        output_styled(stdout, f->ctl->colour, style_of(event), event);
        (void) printf("%s%s\n", reason && *reason ? ": " : "", reason ? reason : "");
}

static bool is_wanted(const Follow *f, json_object *o) {
        return !f->called || services_is_called(o, f->called);
}

/* ---- the list, and how it differs from what is known ---- */

static int compare(Follow *f, json_object *services, bool first) {
        _cleanup_(json_unrefp) json_object *now = json_object_new_object();

        for (size_t i = 0; services && i < json_object_array_length(services); i++) {
                json_object *o = json_object_array_get_idx(services, i), *before = NULL;
                const char *url = services_text(o, "ServiceURL"), *state = services_text(o, "State");

                if (!is_wanted(f, o))
                        continue;
                if (json_add(now, url, json_object_get(o)) < 0)
                        return ctl_fail(CTL_FAILURE, "out of memory");
                if (first) {
                        print_change(f, state, o);
                        continue;
                }
                if (!json_object_object_get_ex(f->known, url, &before))
                        print_change(f, "registered", o);
                else if (strcmp(services_text(before, "State"), state) != 0)
                        print_change(f, state, o);
        }
        if (!first) {
                json_object_object_foreach(f->known, url, o) {
                        /* Of why it became what it was last nothing is said again. */
                        json_object_object_del(o, "OldState");
                        json_object_object_del(o, "Reason");
                        json_object_object_del(o, "Time");
                        if (!json_object_object_get_ex(now, url, NULL))
                                print_change(f, "deregistered", o);
                }
        }
        json_object_put(f->known);
        f->known = TAKE_PTR(now);
        return fflush(stdout) == 0 ? CTL_OK : ctl_fail(CTL_FAILURE, "what was asked for could not be written: %m");
}

/* What comes next is what happens after this list. */
static int list(Follow *f, Connection *c, bool first) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *services, *index;
        char id[32];
        int code;

        code = services_fetch(c, &o, &services);
        if (code != CTL_OK)
                return code;
        if (!json_object_object_get_ex(o, "Index", &index))
                return ctl_fail(CTL_FAILURE, "the registry is of a make that cannot be watched");
        (void) snprintf(id, sizeof(id), "%" PRIu64, json_object_get_uint64(index));
        if (text_replace(&f->last_id, id) < 0)
                return ctl_fail(CTL_FAILURE, "out of memory");
        f->relist = false;
        return compare(f, services, first);
}

/* ---- the events ---- */

static void note(Follow *f, const char *event, json_object *o) {
        const char *url = services_text(o, "ServiceURL");

        if (strcmp(event, "deregistered") == 0 || strcmp(event, "forgotten") == 0)
                json_object_object_del(f->known, url);
        else if (*services_text(o, "State"))
                (void) json_add(f->known, url, json_object_get(o));
}

static int take_event(const SseEvent *e, void *userdata) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        Follow *f = userdata;

        if (strcmp(e->name, "relist") == 0) {
                f->relist = true;
                return -ECANCELED;
        }
        if (*e->name && json_parse_object(e->data, e->size, &o, NULL) >= 0 && is_wanted(f, o)) {
                note(f, e->name, o);
                print_change(f, e->name, o);
        }
        if (*e->id && text_replace(&f->last_id, e->id) < 0)
                return -ENOMEM;
        return fflush(stdout) == 0 ? 0 : -EIO;
}

static int take_data(const void *data, size_t size, void *userdata) {
        Follow *f = userdata;

        f->came = true;
        return sse_feed(&f->events, data, size, take_event, f);
}

static int follow_once(Follow *f, Connection *c, Call *call) {
        _cleanup_(freep) char *header = NULL;
        int code;

        if (asprintf(&header, "Last-Event-ID: %s", f->last_id) < 0) {
                header = NULL;
                return ctl_fail(CTL_FAILURE, "out of memory");
        }
        *call = (Call) { .accept = "text/event-stream", .header = header, .take = take_data, .userdata = f };
        f->came = false;
        sse_clear(&f->events);
        code = connection_prepare(c, PEER_REGISTRY, "/events", call);
        if (code == CTL_OK)
                code = connection_run(c, call, 1);
        call->header = NULL;
        return code;
}

static void wait_for_registry(Follow *f, uint64_t *delay_usec, bool *told) {
        if (!*told)
                (void) fprintf(stderr, "gradebookctl: the registry does not answer; going on when it does\n");
        *told = true;
        (void) nanosleep(&(struct timespec) { .tv_sec = (time_t) (*delay_usec / USEC_PER_SEC),
                                              .tv_nsec = (long) (*delay_usec % USEC_PER_SEC * 1000) }, NULL);
        *delay_usec = *delay_usec * 2 < RETRY_MAX_USEC ? *delay_usec * 2 : RETRY_MAX_USEC;
        f->came = false;
}

/* Ends with what does not pass by waiting. */
static int follow(Follow *f, Connection *c) {
        uint64_t delay = RETRY_FIRST_USEC;
        bool told = false;
        int code;

        for (;;) {
                _cleanup_(call_deinit) Call call = {};

                code = follow_once(f, c, &call);
                if (code != CTL_OK)
                        return code;
                if (call.status >= 400 && call.status != 503)
                        return connection_check(PEER_REGISTRY, &call);
                if (ferror(stdout))
                        return ctl_fail(CTL_FAILURE, "what was asked for could not be written: %m");
                if (f->came) {
                        delay = RETRY_FIRST_USEC;
                        told = false;
                }
                if (!f->relist && !f->came)
                        code = connection_choose_registry(c);
                if (code != CTL_OK)
                        return code;
                if (f->relist) {
                        code = list(f, c, false);
                        if (code != CTL_OK)
                                return code;
                } else {
                        wait_for_registry(f, &delay, &told);
                }
        }
}

int ctl_watch(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        Follow f = { .ctl = ctl, .called = arguments[0] };
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = list(&f, c, true);
        if (code == CTL_OK)
                code = follow(&f, c);
        json_object_put(f.known);
        sse_deinit(&f.events);
        free(f.last_id);
        return code;
}
