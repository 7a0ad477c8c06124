/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "wire/log-record.h"

typedef struct Runtime Runtime;

/* The log sink that brings lines to the central log (POST /log of LogService). Each line is numbered and at once in a spool
 * that survives the process (runtime/log-spool.h), before any later sink gets it. From there they are sent in order, in
 * batches, one at a time, and again and again as they were until they are acknowledged, by whichever provider. Source and Sequence of
 * a record let the central log drop what comes twice and see what is missing. When the spool is full the least important lines are
 * dropped, and the first line that goes through again says how many. Never blocks but for moving memory. */
typedef struct LogShipper LogShipper;

/* The central log's own lines on their way into its store. The shipper's, until done. */
typedef struct LogKeep {
        LogRecord *const *records;
        size_t n_records;
        size_t bytes;                   /* as text */
        bool flushing;                  /* the process ends when these (maybe none) are kept, and what is logged until done */
        uint64_t acknowledged;          /* numbers up to this one of their source were on disk, or given up, before */
        void (*done)(int result, void *userdata);       /* once, on the loop, later. 0: they are on disk; negative errno: none is, and they come again */
        void *userdata;
} LogKeep;

typedef struct LogShipperOptions {
        Runtime *rt;                    /* borrowed: event, and providers and client through service_call() */
        size_t spool_max_bytes;
        const char *old_spool_path;     /* see log_spool_take_over(); NULL: there is none */

        /* The central log's own: lines go here instead of over the network, one batch at a time, and stay in the spool until done. A
         * negative errno: not now; they come again, and done is not called. As long as userdata is NULL (its object is not made yet)
         * they wait, see log_shipper_set_keeper(). Must not log for each batch: that would be the next one. */
        int (*keep_lines)(const LogKeep *keep, void *userdata);
        void *userdata;
} LogShipperOptions;

typedef struct LogShipperCounters {
        size_t pending;                 /* lines not yet acknowledged */
        size_t spool_bytes;             /* what they take in the spool */
        uint64_t shipped;               /* lines acknowledged, ever */
        uint64_t resent;                /* lines sent again, ever */
        uint64_t dropped;               /* lines, in the spool's life; those that were refused in every form among them */
} LogShipperCounters;

#define LOG_SPOOL_BYTES (8u << 20)      /* until the configuration is known */

/* Installs itself in base/log.h and collects, so that what a daemon says before it has its configuration arrives as well, at the
 * next start if this one fails. To be called before the other sinks are added. service: "gradebook-grading"; copied. spool_path: NULL keeps lines in
 * memory. -ENOMEM. */
int log_shipper_new(LogShipper **ret, const char *service, const char *spool_path);

/* Instance of the lines to come: the ServiceURL; copied. -ENOMEM. */
int log_shipper_set_instance(LogShipper *s, const char *instance);

/* Begins to send. Once. -ENOMEM or what sd-event says. */
int log_shipper_start(LogShipper *s, const LogShipperOptions *o);

/* Instead, where nothing shall be sent: a spool that holds nothing but this process's lines is removed; else all wait in
 * it for a time when they shall. Frees it. */
LogShipper *log_shipper_renounce(LogShipper *s);

/* Removes itself from base/log.h and abandons what is in flight: it is in the spool, for the next start. rt->client must still be
 * there. Takes NULL, as do all that follow: a daemon with Ship=no has none. */
LogShipper *log_shipper_free(LogShipper *s);
DEFINE_CLEANUP(LogShipper, log_shipper_free);

void log_shipper_set_keeper(LogShipper *s, void *userdata);             /* NULL: they wait again */

/* Sends without lingering and calls done, on the loop, when nothing is left or deadline_usec (relative) is over. Lines
 * logged later are still sent, or wait in the spool. Once. */
void log_shipper_flush(LogShipper *s, uint64_t deadline_usec, void (*done)(void *userdata), void *userdata);

void log_shipper_set_spool_max(LogShipper *s, size_t max_bytes);        /* soon: once nothing is in flight */
LogShipperCounters log_shipper_counters(const LogShipper *s);
