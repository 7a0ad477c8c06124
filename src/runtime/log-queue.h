/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "wire/log-record.h"

/* The lines that wait for the central log: first in, first out, bounded in bytes. When it is full the least important
 * line goes (the highest priority number, among equals the oldest), which may be the one that just came. Pure: no I/O,
 * no clock, no logging. */
typedef struct LogQueue LogQueue;

int log_queue_new(LogQueue **ret, size_t max_bytes);
LogQueue *log_queue_free(LogQueue *q);
DEFINE_CLEANUP(LogQueue, log_queue_free);

void log_queue_set_max(LogQueue *q, size_t max_bytes);  /* of what is pushed later */

/* A line in the queue; borrowed. Each list ends with next being NULL. */
typedef struct LogQueueItem {
        LogRecord *record;
        struct LogQueueItem *next, *prev;               /* by age */
        struct LogQueueItem *next_peer, *prev_peer;     /* by age, of one priority */
        size_t bytes;
        bool restored;                                  /* read back from the spool */
} LogQueueItem;

/* Takes the record in every case. -ENOMEM: dropped and counted. */
int log_queue_push(LogQueue *q, LogRecord *record, bool restored);

/* Puts the record where it is the next to go, whatever the bound says. Takes it in every case; -ENOMEM. */
int log_queue_push_front(LogQueue *q, LogRecord *record);

/* Takes lines out as the batch in flight, at least one and then as long as they fit. They stay in it, in order and
 * safe from being dropped, until they are acknowledged; nothing is taken before that. Returns their number. */
size_t log_queue_take(LogQueue *q, size_t max_bytes, size_t max_records);

LogQueueItem *log_queue_in_flight(LogQueue *q);         /* the first; NULL: none */
LogQueueItem *log_queue_waiting(LogQueue *q);           /* the first; NULL: none */

void log_queue_acknowledge_first(LogQueue *q);  /* the first in flight has arrived */
void log_queue_acknowledge(LogQueue *q);        /* all in flight have arrived */

size_t log_queue_size(const LogQueue *q);                /* records, waiting and in flight */
size_t log_queue_waiting_bytes(const LogQueue *q);
size_t log_queue_restored(const LogQueue *q);            /* records from the spool, waiting and in flight */
uint64_t log_queue_dropped(const LogQueue *q);           /* records, ever */
