/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "ctl/log-compare.h"

/* The lines of gradebook's daemons in this machine's journal, those that have a source and a number (GRADEBOOK_SOURCE=,
 * GRADEBOOK_SEQUENCE=, see gradebook(7)). */
typedef struct LogJournal LogJournal;

/* An exit code; has said what is wrong, such as that one may not read it. */
int log_journal_open(LogJournal **ret);
LogJournal *log_journal_free(LogJournal *j);
DEFINE_CLEANUP(LogJournal, log_journal_free);

/* Goes to the first line not older than this. */
int log_journal_seek(LogJournal *j, uint64_t since_usec);

/* The next line: 1, with ret's texts living until the next call; 0: no more; else a negative errno. */
int log_journal_next(LogJournal *j, ComparedLine *ret);

/* Entries that could not be read, so far. */
uint64_t log_journal_damaged(const LogJournal *j);
