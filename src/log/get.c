/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "log/reply.h"

/* ---- the question ---- */

/* The filter of another follower who asks the same. */
static void share_filter(LogReply *p) {
        LineFilter *mine = p->question.filter;
        LogReply *other;

        DL_FOREACH(p->service->replies, other) {
                LineFilter *theirs = other->question.filter;

                if (other != p && other->follow && filter_equal(mine, theirs)) {
                        p->question.filter = filter_ref(theirs);
                        filter_unref(mine);
                        return;
                }
        }
        mine->number = ++p->service->filters;
}

/* place: where one reads on. */
static int check_place(LogReply *p, const char *name, Cursor c, uint64_t place, Problem *problem) {
        Archive *archive = store_archive(p->service->store);

        if (c.store != archive_store(archive))
                return problem_set(problem, 400, "Parameter '%s' is a cursor of another log", name);
        if (place > archive_end(archive))
                return problem_set(problem, 400, "Parameter '%s' must be a cursor that this log has given: this one is behind its end", name);
        if (place < archive_begin(archive))
                return problem_set(problem, 410, "Parameter '%s' names a place that was deleted: begin with the oldest line there is", name);
        return 0;
}

/* A browser that comes back asks for the same URL with this header: it is the newer place, and were it refused it would never come again. */
static void take_last_event(LogReply *p, const char *id) {
        Question *q = &p->question;

        q->has_after = true;
        q->order = ORDER_LAST;
        if (cursor_parse(id, &q->after) >= 0 && check_place(p, "", q->after, q->after.position + 1, NULL) >= 0)
                return;
        q->after = (Cursor) {};
        p->relists = true;
}

static int check_places(LogReply *p, Request *request, Problem *problem) {
        const char *last = p->format == FORMAT_EVENTS ? request_header(request, "Last-Event-ID") : NULL;
        const Question *q = &p->question;
        int r = 0;

        if (last) {
                take_last_event(p, last);
                return 0;
        }
        if (q->has_before)
                r = check_place(p, "before", q->before, q->before.position, problem);
        if (r >= 0 && q->has_after)
                r = check_place(p, "after", q->after, q->after.position + 1, problem);
        if (r < 0 && p->format == FORMAT_EVENTS && problem->status == 410) {
                problem_deinit(problem);
                p->relists = true;
                return 0;
        }
        return r;
}

/* Of the request alone. */
static int ask(LogReply *p, Request *request, Problem *problem) {
        int r;

        p->format = format_from_accept(request_header(request, "Accept"));
        r = question_parse(&p->question, request_query_string(request), p->format == FORMAT_EVENTS, clock_realtime_usec(), problem);
        if (r < 0)
                return r;
        p->follow = p->question.follow;
        if (p->follow && p->format == FORMAT_JSON)
                return problem_set(problem, 400, "Parameter 'follow' needs 'Accept: application/x-ndjson', 'text/event-stream' or 'text/plain'");
        if (p->follow && p->service->n_followers >= p->service->config->followers_max)
                return problem_set(problem, 503, "MaxFollowers= readers follow the log already");
        return 0;
}

/* What there is is known, or it cannot be. */
static void begin(LogReply *p) {
        LogService *l = p->service;
        Problem problem = PROBLEM_NULL;
        int r = check_places(p, p->request, &problem);

        if (r == -EBADMSG) {
                request_reply_problem(TAKE_PTR(p->request), &problem);
                reply_free(p);
        } else if (r < 0) {
                reply_fail(p, 500, "Out of memory");
        } else {
                if (p->follow)
                        follow_added(l);
                reply_start(p);
        }
}

static void refreshed(ArchiveRefresh *refresh) {
        LogReply *p = CONTAINER_OF(refresh, LogReply, refresh);

        if (p->service->ending || (p->service->stopping && p->follow))
                reply_fail(p, 503, "The service is stopping");
        else if (refresh->job.result < 0)
                reply_fail(p, 503, "The log cannot be read now: its database is away");
        else
                begin(p);
}

static void refuse(LogReply *p, Request *request, int error, Problem *problem) {
        if (error == -EBADMSG)
                request_reply_problem(request, problem);
        else
                request_fail(request, 500, "Out of memory");
        question_deinit(&p->question);
        free(p->client);
        free(p);
}

void get_log(Request *request, void *service) {
        LogService *l = service;
        LogReply *p = calloc(1, sizeof(*p));
        Problem problem = PROBLEM_NULL;
        int r;

        if (!p) {
                request_fail(request, 500, "Out of memory");
                return;
        }
        p->service = l;
        p->client = strdup(request_client(request));
        r = p->client ? ask(p, request, &problem) : -ENOMEM;
        if (r < 0) {
                refuse(p, request, r, &problem);
                return;
        }
        p->request = request;
        p->question.filter->serial = ++l->filters;
        l->searches++;
        p->phase = REPLY_ASKING;
        if (p->follow) {
                share_filter(p);
                l->n_followers++;
        }
        DL_APPEND(l->replies, p);
        p->refresh.done = refreshed;
        r = archive_refresh(store_archive(l->store), &p->refresh);
        if (r == 0)
                begin(p);
        else if (r < 0)
                reply_fail(p, 503, "The log cannot be read now: too many read at once");
}

/* ---- the service's beginning and end ---- */

void get_stop(LogService *l) {
        LogReply *p, *next;

        DL_FOREACH_SAFE(l->replies, p, next)
                if (p->follow && p->stream && !p->reading && !p->sending)
                        reply_go_on(p);
}

int get_init(LogService *l) {
        int r = follow_init(l);

        return r < 0 ? r : readers_new(&l->readers, l->rt->event, store_archive(l->store));
}

void get_deinit(LogService *l) {
        LogReply *p, *next;

        l->ending = true;
        if (l->store)
                archive_end_reading(store_archive(l->store));
        l->readers = readers_free(l->readers);
        follow_deinit(l);
        DL_FOREACH_SAFE(l->replies, p, next)
                if (p->request)
                        reply_fail(p, 503, "The service is stopping");
}
