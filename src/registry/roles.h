/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "registry/registry.h"

/* Over TLS with certificates on both sides, what a client may do here follows from the roles in its certificate (runtime/tls-peer.h); without them
 * whoever has the cluster's token may do all of it. False: the request has been answered with 403. */

/* To say that there is, or is no longer, an instance of a service: the service itself. "GradingService" is gradebook-grading, and so on for gradebook's
 * own; "Attendance" is gradebook-attendance. or_ctl: gradebookctl may as well. */
bool role_may_speak_for(Request *r, const char *service_name, bool or_ctl);

/* To look after the registry as a whole: gradebookctl. */
bool role_may_administer(Request *r);
