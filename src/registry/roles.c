/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/roles.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "runtime/tls-peer.h"

#define ROLE_CTL "gradebookctl"

/* Those whose names on the wire are older than their units' names. */
static const struct {
        const char *service_name;
        const char *role;
} roles[] = {
        { "LogService", "gradebook-log" },
        { "GradingService", "gradebook-grading" },
        { "Portald", "gradebook-portal" },
};

/* A name that is too long for a role makes one that no certificate has. */
static void role_of(const char *service_name, char ret[static TLS_ROLE_SIZE + 1]) {
        for (size_t i = 0; i < ELEMENTSOF(roles); i++)
                if (strcmp(roles[i].service_name, service_name) == 0) {
                        (void) snprintf(ret, TLS_ROLE_SIZE + 1, "%s", roles[i].role);
                        return;
                }
        (void) snprintf(ret, TLS_ROLE_SIZE + 1, "gradebook-%s", service_name);
        for (char *p = ret; *p; p++)
                *p = (char) tolower((unsigned char) *p);
}

bool role_may_speak_for(Request *r, const char *service_name, bool or_ctl) {
        char role[TLS_ROLE_SIZE + 1];

        role_of(service_name, role);
        if (request_is_from(r, role) || (or_ctl && request_is_from(r, ROLE_CTL)))
                return true;
        request_fail(r, 403, "Only %s itself%s may do this: the client's certificate has not the DNS name %s.", service_name,
                     or_ctl ? " and gradebookctl" : "", role);
        return false;
}

bool role_may_administer(Request *r) {
        if (request_is_from(r, ROLE_CTL))
                return true;
        request_fail(r, 403, "Only an administrator may do this: the client's certificate has not the DNS name " ROLE_CTL ".");
        return false;
}
