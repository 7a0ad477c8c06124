/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/request.h"

/* What a change has to say on the page that follows it: a cookie holds the key of a text for half a minute, and ends when it was shown. The
 * address of the page stays its own, and a reload or a bookmark shows it as it always is. */

/* In the reply to come. key begins with "Done", as all do that may be told. */
void told_set(Request *r, const char *key);

/* NULL: there is nothing to say. What is told ends in the reply to come. */
const char *told_take(Request *r);
