/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "wire/json.h"

#define REASON_MAX 500 /* code points */
#define ID_TEXT_SIZE 24

Change *change_free(Change *c) {
        if (!c)
                return NULL;
        grade_deinit(&c->grade);
        json_object_put(c->body);
        free(c);
        return NULL;
}

void change_refuse(Grading *g, Request *r, int error, Problem *problem) {
        g->changes[problem->status > 0 ? CHANGE_REFUSED : CHANGE_FAILED]++;
        if (problem->status > 0)
                request_reply_problem(r, problem);
        else if (error == -ENOSPC || error == -EBUSY || error == -ENOMEM)
                request_fail(r, problem_status_from_errno(error), "The change was not stored: %s", strerror(-error));
        else
                request_fail(r, 500, "The change was not stored: %s", strerror(-error));
}

int change_new(Change **ret, Grading *g, Request *r, Problem *problem) {
        _cleanup_(change_freep) Change *c = calloc(1, sizeof(*c));
        const char *body;
        size_t size;
        int k;

        if (!c)
                return -ENOMEM;
        c->grading = g;
        c->request = r;
        body = request_body(r, &size);
        k = json_parse_object(body, size, &c->body, problem);
        if (k < 0)
                return k;
        k = json_get_text(c->body, "Reason", 0, REASON_MAX, &c->write.origin.reason, problem);
        if (k < 0)
                return k;
        c->write.origin.actor = g->runtime->token && request_is_authorized(r) ? "cluster" : "anonymous";
        c->write.origin.client = request_client(r);
        c->write.origin.request_id = request_trace(r)->id;
        *ret = TAKE_PTR(c);
        return 0;
}

void change_log(const Change *c, Event event, const char *text) {
        char student_id[ID_TEXT_SIZE], grade_id[ID_TEXT_SIZE];
        LogField fields[] = {
                { "REQUEST_ID", c->write.origin.request_id },
                { "STUDENT_ID", student_id },
                { "GRADE_ID", event == EVENT_GRADE_ADDED ? grade_id : NULL },
                { "ACTOR", c->write.origin.actor },
                { "CLIENT", c->write.origin.client },
        };

        (void) snprintf(student_id, sizeof(student_id), "%" PRIu64, c->write.student_id);
        (void) snprintf(grade_id, sizeof(grade_id), "%" PRIu64, c->write.grade_id);
        log_event(LOG_INFO, event, fields, ELEMENTSOF(fields), "%s", text);
}

void change_lost_in_memory(Change *c, int error) {
        log_error("Out of memory for a change that is on disk: ending, to read everything again at the next start");
        c->grading->changes[CHANGE_FAILED]++;
        request_fail_errno(c->request, error, "keeping the change in memory");
        (void) sd_event_exit(c->grading->runtime->event, error);
}
