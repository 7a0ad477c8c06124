/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "grading/txn-session.h"
#include "runtime/request.h"

/* From where a request comes, through whoever passed it on: RFC 7239. */

/* The node of "for=" in the last element, which is the one that the last proxy has written: "192.0.2.60", "[2001:db8::1]:4711", without quotes. False:
 * there is none, or it does not fit. Pure. */
bool forwarded_last_for(const char *header, char *ret, size_t size);

/* The source that counts for throttling and stands in a session: what a peer with the cluster's token says, else the peer's own address. */
void forwarded_source(const Request *r, bool has_token, char ret[static SESSION_CLIENT_SIZE]);
