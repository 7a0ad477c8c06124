/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "runtime/http-server-internal.h"

/* A request that waits for its reply is suspended, which costs libmicrohttpd three system calls for each: it takes the socket out of its
 * epoll set, puts it in again, and asks it once in vain for more. One whose reply is due soon is held instead: its handler
 * returns without a response, and libmicrohttpd asks again whenever it runs. That must not be for long, and not many. */
#define HELD_USEC (8 * USEC_PER_MSEC)
#define HELD_MAX 256            /* of a listener */

void request_hold(Request *r) {
        r->holdable = true;
}

/* Once for each run. */
void http_request_note_progress(Request *r) {
        Listener *l = r->connection->listener;

        if (r->run != l->run)
                l->progress++;
        r->run = l->run;
}

/* It waits: whatever was noted in this run is no reason for another. */
static void take_back_progress(Request *r) {
        if (r->run == r->connection->listener->run)
                r->connection->listener->progress--;
        r->run = r->connection->listener->run - 1;
}

void http_request_unhold(Request *r) {
        r->connection->listener->n_held -= r->held;
        r->held = false;
}

static bool request_try_hold(Request *r) {
        Listener *l = r->connection->listener;
        uint64_t now;

        if (!r->holdable || sd_event_now(r->server->event, CLOCK_MONOTONIC, &now) < 0)
                return false;
        if (r->held)
                return now < r->held_until_usec;
        if (l->n_held >= HELD_MAX)
                return false;
        r->held = true;
        r->held_until_usec = now + HELD_USEC;
        l->n_held++;
        return true;
}

enum MHD_Result http_request_wait(Request *r) {
        take_back_progress(r);
        if (request_try_hold(r))
                return MHD_YES;
        http_request_unhold(r);
        r->suspended = true;
        MHD_suspend_connection(r->mhd);
        return MHD_YES;
}

void http_request_detach(Request *r) {
        http_request_unhold(r);
        r->connection->in_request = r->connection->in_handler = false;
        r->connection = NULL;
        r->mhd = NULL;
        r->method = r->match.route->method;     /* the other one was libmicrohttpd's */
}
