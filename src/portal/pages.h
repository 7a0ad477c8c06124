/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "portal/grade-form.h"
#include "portal/portal.h"

/* From a view to a reply: every page has the same frame and the same headers. */

/* Renders a template with view (borrowed; the members of the frame are added to it). */
int page_new(Portal *p, const char *template, json_object *view, HttpBody **ret);

/* Replies with a page made for this request only. view is taken; NULL: no memory (500). */
void page_reply(Request *r, Portal *p, unsigned status, const char *template, json_object *view);

/* Replies with the page of an error. */
void page_fail(Request *r, Portal *p, unsigned status, const char *format, ...) _printf_(4, 5);

/* The service's error_page hook: problem+json where the client is a program. Takes the detail. */
void page_reply_problem(Request *r, Problem *problem, void *service);

/* Says in plain words that grading did not do its part: error and status as in FeedAnswer. form: what was typed and
 * shall stay; NULL: nothing was, and the page asks again by itself. */
void page_reply_upstream(Request *r, Portal *p, int error, unsigned status, const GradeForm *form);
