/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macros.h"

/* The log sink of every daemon: lines with their fields to journald, or as plain text to stderr where stderr is not
 * connected to the journal (see JOURNAL_STREAM in systemd.exec(5)), so that somebody who runs a daemon by hand sees them. */
typedef struct JournalSink JournalSink;

/* Installs itself with log_add_sink(). service is the identifier, "gradebook-grading". -ENOMEM. */
int journal_sink_new(JournalSink **ret, const char *service);

/* GRADEBOOK_INSTANCE= of the lines to come; copied, NULL for none. -ENOMEM leaves it as it was. */
int journal_sink_set_instance(JournalSink *j, const char *instance);

/* From now on entries less important than errors go to journald when the loop has done what it is at: that costs several
 * microseconds each, which are not the request's that logs. In order; bounded; what a kill leaves behind is in the log
 * spool (runtime/log-spool.h). What sd-event says. */
int journal_sink_set_event(JournalSink *j, sd_event *event);

JournalSink *journal_sink_free(JournalSink *j);
DEFINE_CLEANUP(JournalSink, journal_sink_free);
