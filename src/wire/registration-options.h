/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/registration.h"

/* registration.c's part for the members that are additions of ours, all optional: Tags, Metadata, Weight, HeartbeatSec,
 * HeartbeatTimeoutSec, ForgetSec, FailureThreshold. Peers that send none of them see none of them. */
int registration_options_from_json(json_object *o, Registration *r, Problem *problem); /* -EBADMSG, -ENOMEM */
int registration_options_to_json(const Registration *r, json_object *o);               /* -ENOMEM */
bool registration_options_equal(const Registration *a, const Registration *b);
void registration_options_deinit(Registration *r);
