/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/pages.h"
#include "portal/person.h"

/* Who comes to a page that is not made of what grading keeps: the cluster, the log. Who that is, grading says (GET /sessions/current), at each
 * request; what an administrator alone may see is then shown to nobody else, as with the gateway: neither while there is no administrator,
 * nor where grading, of another make, knows no accounts. With Authentication=none, where whoever reaches a daemon is the cluster, it is. */

typedef struct Visitor {
        PageFrame frame;                /* its account is the one below */
        char *account;
} Visitor;

Visitor *visitor_free(Visitor *v);
DEFINE_CLEANUP(Visitor, visitor_free);

/* One for each page; static. */
typedef struct VisitorPlan {
        const char *section, *script;   /* as in PageFrame */
        bool wide;
        bool is_for_all;                /* whoever is signed in, or need not be */
        bool is_stream;                 /* a script asks: refusals are problem+json, and nobody is sent to sign in */
        /* Comes once if the visitor may go on; visitor is the callee's to free, and the reply is due. Otherwise that was given. */
        void (*done)(Request *r, Portal *p, Visitor *visitor);
} VisitorPlan;

void visitor_admit(Request *r, Portal *p, const VisitorPlan *plan);
