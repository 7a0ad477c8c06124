/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/connection.h"
#include "ctl/ctl.h"
#include "ctl/units.h"

/* "gradebookctl rollout": this machine's running units of one service are restarted one after the other. rollout.c is the
 * command, rollout-plan.c finds the units, rollout-unit.c restarts one, rollout-registry.c asks and tells the registry.
 * Functions that return int return an exit code, and have said what is wrong unless it is CTL_OK. */

typedef struct RolloutUnit {
        char *name;             /* "gradebook-portal@5006.service" */
        char *url;              /* where it serves, as it says itself */
        char *service_name;     /* on the wire; NULL: it does not register */
        size_t n_others;        /* instances of this name, on any machine, that get requests meanwhile */
        bool was_drained;       /* by an administrator, before: it stays so */
        bool is_drained;        /* by us, and has to be taken back */
        const char *result;     /* "planned", "restarted", "failed", "interrupted"; for programs */
} RolloutUnit;

typedef struct Rollout {
        const Ctl *ctl;
        Connection *connection;
        sd_bus *bus;
        const char *prefix;     /* "gradebook-portal" */
        uint64_t timeout_usec;  /* for each to come back */
        RolloutUnit *units;
        size_t n_units;
} Rollout;

void rollout_deinit(Rollout *r);

/* What somebody calls a service, "portal", "gradebook-portal" or "Portald", as its units are called; the caller's. */
int rollout_prefix(const char *called, char **ret);

/* Fills units: which run, where they serve, and what the registry knows of them. CTL_NOT_FOUND: none runs. */
int rollout_plan(Rollout *r);

/* What a unit says of where it serves, "Serving http://127.0.0.1:5006; …": the caller's. *ret is NULL where it does not say; -ENOMEM. */
int rollout_read_url(const UnitState *s, char **ret);

/* Brings one over: out of the dependants' lists where others are left, restarted, back in service, and in the lists again. Says so as
 * it goes, on one line. Whatever happens, it is not left drained by us. */
int rollout_unit(Rollout *r, RolloutUnit *u);

/* How an instance is, as the registry says. */
typedef struct RolloutHealth {
        bool is_known;
        bool gets_requests;     /* dependants have it in their lists */
        bool is_drained;
        bool is_critical;
        char *service_name;
        char *checked;          /* when it last answered its heartbeat; NULL: it has not, or has failed since */
        size_t n_others;        /* of its name that get requests */
        bool dependants_know;   /* no patch is on its way to who requires it */
} RolloutHealth;

void rollout_health_deinit(RolloutHealth *h);

/* CTL_UNREACHABLE and the like as connection_check(); quiet: says nothing of it. */
int rollout_health(Connection *c, const char *url, bool quiet, RolloutHealth *ret);

/* Pure: what the registry's list says of the instance at this URL. -ENOMEM. */
int rollout_health_read(json_object *services, const char *url, RolloutHealth *ret);

int rollout_drain(Connection *c, const char *url);

/* As rollout_drain(), on a connection of its own, so that it works also after Ctrl-C; tries for a while. */
int rollout_undrain(const Ctl *ctl, const char *url);

/* Whether GET /healthz of a URL says that it serves; *ret_why, the caller's, says what is in the way otherwise. */
bool rollout_serves(Connection *c, const char *url, char **ret_why);
