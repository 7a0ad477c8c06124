/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/log-queue.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <utlist.h>

#define PRIORITIES 8

/* Invariant: an item stands either in waiting and in the list of its priority, or in in_flight alone. */
struct LogQueue {
        LogQueueItem *waiting;
        LogQueueItem *peers[PRIORITIES];
        LogQueueItem *in_flight;
        size_t max_bytes;
        size_t bytes;           /* of waiting */
        size_t size;
        size_t restored;
        uint64_t dropped;
};

static size_t text_bytes(const char *s) {
        return s ? strlen(s) + 1 : 0;
}

/* What the record takes in memory, roughly: the fields' names, values and json-c's nodes around them count as well. */
static size_t record_bytes(const LogRecord *r) {
        size_t bytes = sizeof(LogQueueItem) + sizeof(LogRecord);

        bytes += text_bytes(r->service) + text_bytes(r->instance) + text_bytes(r->host) + text_bytes(r->request_id) + text_bytes(r->message_id) +
                 text_bytes(r->message) + text_bytes(r->source);
        if (r->fields) {
                json_object_object_foreach(r->fields, name, value)
                        bytes += 128 + strlen(name) + (size_t) json_object_get_string_len(value);
        }
        return bytes;
}

static size_t rank(const LogRecord *r) {
        return r->priority < 0 ? 0 : r->priority >= PRIORITIES ? PRIORITIES - 1 : (size_t) r->priority;
}

static void item_free(LogQueue *q, LogQueueItem *item) {
        q->size--;
        q->restored -= item->restored;
        (void) log_record_free(item->record);
        free(item);
}

static void unlink_waiting(LogQueue *q, LogQueueItem *item) {
        DL_DELETE(q->waiting, item);
        DL_DELETE2(q->peers[rank(item->record)], item, prev_peer, next_peer);
        q->bytes -= item->bytes;
}

/* false: nothing waits that is not more important than a line of this rank. */
static bool drop_least_important(LogQueue *q, size_t above) {
        for (size_t i = PRIORITIES; i-- > above;) {
                LogQueueItem *item = q->peers[i];

                if (!item)
                        continue;
                unlink_waiting(q, item);
                item_free(q, item);
                q->dropped++;
                return true;
        }
        return false;
}

static int item_new(LogRecord *record, bool restored, LogQueueItem **ret) {
        LogQueueItem *item = calloc(1, sizeof(*item));

        if (!item) {
                (void) log_record_free(record);
                return -ENOMEM;
        }
        *item = (LogQueueItem) { .record = record, .restored = restored, .bytes = record_bytes(record) };
        *ret = item;
        return 0;
}

int log_queue_push(LogQueue *q, LogRecord *record, bool restored) {
        LogQueueItem *item;
        size_t r = rank(record);

        if (item_new(record, restored, &item) < 0) {
                q->dropped++;
                return -ENOMEM;
        }
        q->size++;
        q->restored += restored;
        while (q->bytes + item->bytes > q->max_bytes)
                /* A line that would not even fit alone must not drive the others out. */
                if (item->bytes > q->max_bytes || !drop_least_important(q, r)) {
                        item_free(q, item);
                        q->dropped++;
                        return 0;
                }
        DL_APPEND(q->waiting, item);
        DL_APPEND2(q->peers[r], item, prev_peer, next_peer);
        q->bytes += item->bytes;
        return 0;
}

int log_queue_push_front(LogQueue *q, LogRecord *record) {
        LogQueueItem *item;
        int r = item_new(record, false, &item);

        if (r < 0)
                return r;
        DL_PREPEND(q->waiting, item);
        DL_PREPEND2(q->peers[rank(record)], item, prev_peer, next_peer);
        q->bytes += item->bytes;
        q->size++;
        return 0;
}

void log_queue_set_max(LogQueue *q, size_t max_bytes) {
        q->max_bytes = max_bytes;
}

size_t log_queue_take(LogQueue *q, size_t max_bytes, size_t max_records) {
        size_t bytes = 0, n = 0;

        if (q->in_flight)
                return 0;
        while (q->waiting && n < max_records) {
                LogQueueItem *item = q->waiting;

                if (n > 0 && bytes + item->bytes > max_bytes)
                        break;
                unlink_waiting(q, item);
                DL_APPEND(q->in_flight, item);
                bytes += item->bytes;
                n++;
        }
        return n;
}

LogQueueItem *log_queue_in_flight(LogQueue *q) {
        return q->in_flight;
}

LogQueueItem *log_queue_waiting(LogQueue *q) {
        return q->waiting;
}

void log_queue_acknowledge_first(LogQueue *q) {
        LogQueueItem *item = q->in_flight;

        if (!item)
                return;
        DL_DELETE(q->in_flight, item);
        item_free(q, item);
}

void log_queue_acknowledge(LogQueue *q) {
        while (q->in_flight)
                log_queue_acknowledge_first(q);
}

size_t log_queue_size(const LogQueue *q) {
        return q->size;
}

size_t log_queue_waiting_bytes(const LogQueue *q) {
        return q->bytes;
}

size_t log_queue_restored(const LogQueue *q) {
        return q->restored;
}

uint64_t log_queue_dropped(const LogQueue *q) {
        return q->dropped;
}

int log_queue_new(LogQueue **ret, size_t max_bytes) {
        LogQueue *q = calloc(1, sizeof(*q));

        if (!q)
                return -ENOMEM;
        q->max_bytes = max_bytes;
        *ret = q;
        return 0;
}

LogQueue *log_queue_free(LogQueue *q) {
        if (!q)
                return NULL;
        log_queue_acknowledge(q);
        while (q->waiting) {
                LogQueueItem *item = q->waiting;

                unlink_waiting(q, item);
                item_free(q, item);
        }
        free(q);
        return NULL;
}
