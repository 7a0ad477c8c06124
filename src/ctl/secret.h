/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl/ctl.h"

/* A password as people give one: typed twice on the terminal, unseen, or one line of the standard input; never an argument, which everybody on
 * the machine could read. */

#define SECRET_SIZE 1024

/* Exit code; what is wrong has been said. The caller wipes it. */
int secret_read(bool from_stdin, const char *prompt, char ret[static SECRET_SIZE]);
