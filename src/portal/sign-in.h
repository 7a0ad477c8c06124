/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/portal.h"

/* Tries to sign the sender of r in, and answers: with the cookie of a new session and a redirect, or with the form and what was wrong.
 * The session that the request may have carried ends. The texts live as long as r. An error, as of service_call(): r was not answered. */
int sign_in_begin(Request *r, Portal *p, const char *login, const char *password, const char *next);
