/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by status*.c: the daemons of this machine, those of the plain units and of their instances. */

#include "ctl/connection.h"
#include "ctl/ctl.h"
#include "ctl/units.h"

typedef struct Daemon {
        PeerId peer;
        char *name;             /* of its unit: "gradebook-grading@6001" */
        char *url;              /* where it is asked */
        UnitState unit;         /* if systemd was asked */
        bool probed;
        Call call;
        char *health;           /* "ok", "degraded", …, or why there is no answer */
        char *detail;           /* "without LogService"; may be NULL */
        bool good;
} Daemon;

typedef struct Status {
        Daemon *daemons;
        size_t n;
        bool has_units;         /* systemd was asked, and knows some */
} Status;

/* status-show.c */
int status_print(const Ctl *ctl, const Status *s, const char *note);    /* note: may be NULL */
int status_print_json(const Status *s);
