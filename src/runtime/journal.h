/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"

/* The log sink of every daemon: lines with their fields to journald, or as plain text to stderr where stderr is not
 * connected to the journal (see JOURNAL_STREAM in systemd.exec(5)), so that somebody who runs a daemon by hand sees them. */
typedef struct JournalSink JournalSink;

/* Installs itself with log_add_sink(). service is the identifier, "gradebook-grading". -ENOMEM. */
int journal_sink_new(JournalSink **ret, const char *service);

/* GRADEBOOK_INSTANCE= of the lines to come; copied, NULL for none. -ENOMEM leaves it as it was. */
int journal_sink_set_instance(JournalSink *j, const char *instance);

JournalSink *journal_sink_free(JournalSink *j);
DEFINE_CLEANUP(JournalSink, journal_sink_free);
