/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "grading/grading.h"
#include "runtime/events.h"
#include "wire/problem.h"

/* A change from the request to its answer, with the disk in between: what the handlers of changes share. */
typedef struct Change {
        StoreWrite write;
        Grading *grading;
        Request *request;
        json_object *body;              /* holds the texts that write borrows */
        Grade grade;
} Change;

/* Reads the body. -EBADMSG with the problem filled, -ENOMEM: for change_refuse(). */
int change_new(Change **ret, Grading *g, Request *r, Problem *problem);
Change *change_free(Change *c);
DEFINE_CLEANUP(Change, change_free);

/* The one place where a change that did not happen is answered: by the problem if there is one, else by the error. */
void change_refuse(Grading *g, Request *r, int error, Problem *problem);

/* The disk has the change and memory could not take it: answers, and ends the daemon, since only reading it all again
 * makes them equal. */
void change_lost_in_memory(Change *c, int error);

/* The event that says what was done, with who did it. */
void change_log(const Change *c, Event event, const char *text);
