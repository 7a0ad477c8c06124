/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "runtime/log-queue.h"

/* The file where lines for the central log wait while the daemon does not run: NDJSON, each with its Source and
 * Sequence, so that what had arrived after all is recognized as a repeat. */

/* Adds the file's records to the queue, marked as restored. *ret_damaged: lines that could not be read. 0 also when there
 * is no file; else what open(2) and read(2) say, -EFBIG, -ENOMEM. */
int log_spool_read(const char *path, LogQueue *q, size_t *ret_damaged);

/* Writes all that is in flight or waiting. Their source and sequence must be set. As file_replace(). */
int log_spool_write(const char *path, LogQueue *q);

/* 0 also when there is none. */
int log_spool_remove(const char *path);
