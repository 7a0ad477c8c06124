/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "wire/log-record.h"

typedef struct Runtime Runtime;

/* The log sink that brings lines to the central log (POST /log of LogService): never blocks, keeps at most
 * queue_max_bytes, sends in batches and again and again until they are acknowledged. Source and Sequence of a record
 * let the central log drop what comes twice. When the queue is full the least important lines are dropped, and the first
 * line that goes through again says how many. */
typedef struct LogShipper LogShipper;

typedef struct LogShipperOptions {
        Runtime *rt;                    /* borrowed: event, and providers and client through service_call() */
        const char *instance;           /* the ServiceURL; copied; may be NULL */
        size_t queue_max_bytes;
        const char *spool_path;         /* what could not be sent before the end waits here; copied; NULL: is lost */

        /* The central log's own: lines go here at once instead of over the network. As long as userdata is NULL (its
         * object is not made yet) they wait, see log_shipper_set_keeper(). */
        void (*keep_line)(const LogRecord *record, void *userdata);
        void *userdata;
} LogShipperOptions;

/* Installs itself with log_add_sink() and collects, so that what a daemon says before it has its configuration arrives as
 * well. service: "gradebook-grading"; copied. -ENOMEM. */
int log_shipper_new(LogShipper **ret, const char *service);

/* Reads the spool back and begins to send. Once. -ENOMEM or what sd-event says. */
int log_shipper_start(LogShipper *s, const LogShipperOptions *o);

/* Instead, for a daemon whose start fails before that: what it has said is added to the spool when the shipper is freed,
 * and the next start sends it. */
void log_shipper_leave(LogShipper *s, const char *spool_path);

/* Removes itself from the sinks, abandons what is in flight, and writes what was not acknowledged to the spool. Blocks
 * for that. rt->client must still be there. Takes NULL, as do all that follow: a daemon with Ship=no has none. */
LogShipper *log_shipper_free(LogShipper *s);
DEFINE_CLEANUP(LogShipper, log_shipper_free);

void log_shipper_set_keeper(LogShipper *s, void *userdata);             /* NULL: they wait again */

/* Sends without lingering and calls done, on the loop, when nothing is left or deadline_usec (relative) is over. Lines
 * logged later are still sent, or spooled. Once. */
void log_shipper_flush(LogShipper *s, uint64_t deadline_usec, void (*done)(void *userdata), void *userdata);

void log_shipper_set_queue_max(LogShipper *s, size_t max_bytes);         /* for the lines to come */
size_t log_shipper_pending(const LogShipper *s);        /* lines not yet acknowledged */
uint64_t log_shipper_shipped(const LogShipper *s);      /* lines acknowledged, ever */
uint64_t log_shipper_dropped(const LogShipper *s);      /* lines, ever */
