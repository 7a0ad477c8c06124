/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/store-admin.h"
#include "grading/verify.h"

/* A file that somebody says is a backup: whether it is one, and what is in it. */

/* On any thread. -EBADMSG: it is none that can be restored, and *ret_why says what is wrong (owned by the caller; NULL without memory), with all of
 * it in the report if it was verified. Of an earlier version it is brought up to date, in place. Otherwise -ENOENT, -ECANCELED, -ENOSPC … */
int restore_file_open(const char *path, const atomic_bool *cancel, Replacement *ret, VerifyReport *report, char **ret_why);
