/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "portal/log.h"
#include "portal/moment.h"
#include "portal/visitor.h"
#include "wire/json.h"

#define ANSWER_MAX (128u << 20)         /* LOG_REQUEST_ROWS of the longest lines, escaped */

typedef struct Reading {
        Portal *portal;
        Request *request;
        Visitor *visitor;
        LogQuestion question;
} Reading;

/* The page; status and what_key say what is amiss with the log itself (NULL: nothing). */
static void reply(Request *r, Portal *p, const PageFrame *frame, const LogQuestion *q, unsigned status, const char *what_key, json_object *view) {
        char zone[MOMENT_TEXT_SIZE];

        moment_zone(clock_realtime_usec(), zone);
        if (log_question_view(q, frame->language, view) < 0 || json_add_text(view, "Zone", zone) < 0 ||
            json_add_text(view, "TraceID", *q->request_id ? q->request_id : NULL) < 0 ||
            (what_key && json_add_text(view, "What", language_text(frame->language, what_key)) < 0)) {
                json_object_put(view);
                view = NULL;
        }
        page_reply(r, p, frame, view ? status : 500, "log", view);
}

/* It comes back by itself: the page asks again. */
static void reply_away(Request *r, Portal *p, const PageFrame *frame, const LogQuestion *q, json_object *view) {
        char seconds[24];

        (void) snprintf(seconds, sizeof(seconds), "%" PRIu64, (portal_conf(p)->retry_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        request_set_header(r, "Retry-After", seconds);
        request_set_header(r, "Refresh", seconds);
        reply(r, p, frame, q, 503, "LogAway", view);
}

/* The key of what is amiss; NULL: nothing is. Of what it may well say no copy goes to a page. */
static const char *what_is_amiss(const HttpAnswer *answer, unsigned *ret_status) {
        *ret_status = 200;
        switch (answer->error < 0 ? 503 : answer->status) {
        case 200:
                return NULL;
        case 404:
        case 405:
                return "LogCannotSearch";
        case 410:
                return "LogDeleted";
        case 400:
                *ret_status = 400;
                return "LogNotUnderstood";
        default:
                *ret_status = 503;
                return "LogAway";
        }
}

static void on_lines(const HttpAnswer *answer, void *userdata) {
        _cleanup_(freep) Reading *reading = userdata;
        _cleanup_(visitor_freep) Visitor *visitor = reading->visitor;
        _cleanup_(json_unrefp) json_object *o = NULL;
        const PageFrame *frame = &visitor->frame;
        json_object *view = json_object_new_object();
        Request *r = reading->request;
        Portal *p = reading->portal;
        unsigned status;
        const char *what;

        if (!view) {
                page_fail(r, p, 500, "NoMemory", NULL);
                return;
        }
        what = what_is_amiss(answer, &status);
        if (status == 503) {
                reply_away(r, p, frame, &reading->question, view);
                return;
        }
        if (!what) {
                int k = json_parse_object(answer->body, answer->size, &o, NULL);

                if (k >= 0)
                        k = log_rows_view(&reading->question, o, frame->language, view);
                if (k == -EBADMSG)
                        what = "LogCannotSearch";
                else if (k < 0)
                        what = "NoMemory";
        }
        reply(r, p, frame, &reading->question, status, what, view);
}

static int ask(Reading *reading) {
        static const char *const headers[] = { "Accept: application/json", NULL };
        _cleanup_(buffer_deinit) Buffer path = BUFFER_NULL;
        HttpCallOptions options = { .headers = headers, .trace = request_trace(reading->request), .answer_max = ANSWER_MAX };

        log_question_write(&reading->question, false, &path);
        if (path.error < 0)
                return path.error;
        options.url = buffer_text(&path);
        return service_call(reading->portal->rt, LOG_SERVICE, &options, on_lines, reading, NULL);
}

static void show_log(Request *r, Portal *p, Visitor *visitor) {
        Reading *reading = calloc(1, sizeof(*reading));
        json_object *view = json_object_new_object();

        if (!reading || !view) {
                free(reading);
                json_object_put(view);
                visitor_free(visitor);
                page_fail(r, p, 500, "NoMemory", NULL);
                return;
        }
        *reading = (Reading) { .portal = p, .request = r, .visitor = visitor };
        log_question_read(r, &reading->question);
        if (!reading->question.is_wrong && ask(reading) >= 0) {
                json_object_put(view);
                return;
        }
        if (reading->question.is_wrong)
                reply(r, p, &visitor->frame, &reading->question, 422, NULL, view);
        else
                reply_away(r, p, &visitor->frame, &reading->question, view);
        visitor_free(visitor);
        free(reading);
}

static const VisitorPlan log_plan = { .section = "Log", .script = "log.js", .wide = true, .done = show_log };

void get_log(Request *r, void *service) {
        visitor_admit(r, service, &log_plan);
}
