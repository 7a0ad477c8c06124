/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "runtime/spool-file.h"

/* The file of a spool: mapped, so that a line is in the kernel's hands as soon as it is stored; allocated as a whole before
 * that, since a page without a block behind it is a SIGBUS. (So is one of a file that somebody else cuts: who may write to
 * a daemon's state directory can end it in simpler ways.) The kernel writes it when it likes: a kill loses nothing, a power loss what
 * it had not written yet.
 *
 * One process at a time has it, by flock(2). Where there is no file to be had the spool is in memory alone. */
typedef struct LogSpool {
        SpoolFile file;
        char *path;             /* NULL: in memory */
        int fd;
        size_t mapped;
        size_t touched;         /* up to here the pages are there to be written */
} LogSpool;

/* path: of the file, which is made if it is missing; NULL: in memory. size: of a new one; one that is there keeps its own.
 * It has a source afterwards, a new one if the machine was booted since. 0, also in memory instead of a file: then *ret_reason says why, a
 * negative errno (-EWOULDBLOCK: another process has it); else 0. -ENOMEM: not even that. Blocks. */
int log_spool_open(LogSpool **ret, const char *path, size_t size, int *ret_reason);
LogSpool *log_spool_free(LogSpool *s);
DEFINE_CLEANUP(LogSpool, log_spool_free);

/* Writing to a page for the first time takes longer than all the rest of a line: so many bytes behind what is there are
 * made ready, for somebody who has the time. false: they are. */
#define LOG_SPOOL_READY_BYTES (32u << 10)
static inline bool log_spool_wants_touch(const LogSpool *s) {
        return s->file.tail + LOG_SPOOL_READY_BYTES > s->touched && s->touched < s->mapped;
}
void log_spool_touch(LogSpool *s);

/* Another size: what waits is copied into a new file, which then takes the old one's place. Nothing may be in flight. Blocks. On
 * failure all is as it was. */
int log_spool_resize(LogSpool *s, size_t size);

/* Takes over the file in which version 0.1.0 kept what they could not send, and removes it. *ret_lost: lines
 * that cannot be read or do not fit. 0 also when there is none; else what open(2), read(2) and unlink(2) say, -EFBIG, -ENOMEM. */
int log_spool_take_over(LogSpool *s, const char *old_path, size_t *ret_lost);

/* Removes the file, which goes on as memory until it is freed. */
void log_spool_remove(LogSpool *s);
