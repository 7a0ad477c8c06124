/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl/ctl.h"

/* The cluster token, for a request. Returns an exit code and has said what is wrong unless quiet. *ret is the
 * caller's. */
int token_read(const Ctl *ctl, bool quiet, char **ret);
