/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by log-shipper.c (taking lines, beginning and end), log-shipper-send.c and log-shipper-keep.c. Nobody else includes it. */

#include <stdbool.h>

#include "base/buffer.h"
#include "runtime/log-shipper.h"
#include "runtime/log-spool.h"
#include "runtime/service.h"
#include "wire/log-line.h"

#define SHIPPER_BATCH_BYTES (128 * 1024)
#define SHIPPER_KEEP_BYTES (32 * 1024)                  /* likewise, of the log service's own lines: they are parsed */
#define SHIPPER_LINGER_USEC (20 * USEC_PER_MSEC)        /* so that lines which belong together share a request */

struct LogShipper {
        Runtime *rt;
        char *service;
        char *instance;
        char *host;
        LogSpool *spool;
        int spool_reason;               /* why it is in memory; 0: it is not, or nobody wanted anything else */
        size_t spool_wanted_bytes;      /* a new size; 0: as it is */
        uint64_t n_taken;               /* lines that this process logged into it */
        int (*keep_lines)(const LogKeep *keep, void *userdata);
        void *keeper;
        LogKeep keep;                   /* the batch in flight, while keeping */
        LogRecord **records;            /* of it */
        bool keeping;

        bool calling;                   /* inside service_call() */
        bool announcing;                /* the line at hand is the notice about dropped lines, which has gone through */
        char notice_source[SPOOL_SOURCE_SIZE];

        sd_event_source *touch;         /* makes the spool's next pages ready */
        sd_event_source *timer;
        bool armed;
        ServiceCall *call;
        Buffer batch;                   /* in flight: lines with their line feeds, as they are sent until acknowledged */
        size_t n_batch;                 /* how many; 0: nothing is in flight */
        bool notice;                    /* the batch is the notice; its line is not in the spool */
        uint64_t known;                 /* the number of its source up to which all was acknowledged; 0: none, or it is not known */
        bool again;                     /* it was sent before */
        bool offered;                   /* and may have reached somebody */
        bool numbered;                  /* it is being sent with what is known */
        bool plain;                     /* its first line alone is being sent, as text */
        uint64_t bare_until_usec;       /* the peer refused a request with what is known, */
        uint64_t plain_until_usec;      /* and one without */

        uint64_t backoff_usec;          /* 0: all is well */
        uint64_t outage_since_usec;
        bool outage_told;
        uint64_t shipped, resent, refused;
        uint64_t to_tell;               /* lines that were refused, and nobody was told of it */
        sd_event_source *tell_timer;
        bool tells;                     /* it runs */
        uint64_t told_usec;             /* when this was told last, monotonic; 0: never */

        sd_event_source *flush_timer;
        void (*flushed)(void *userdata);
        void *flush_userdata;
};

int shipper_write_line(LogShipper *s, Buffer *out, const LogLine *line);
void shipper_arm(LogShipper *s, uint64_t delay_usec);
void shipper_kick(LogShipper *s);               /* sends soon, unless something is under way or the last attempt's backoff still runs */
int shipper_on_timer(sd_event_source *source, uint64_t usec, void *userdata);
void shipper_finish_flush(LogShipper *s);
void shipper_acknowledge(LogShipper *s);        /* what was in flight is done with */
void shipper_send_next(LogShipper *s);
uint64_t shipper_back_off(LogShipper *s);       /* longer each time; until when to wait */
int shipper_parse_line(const char *line, size_t size, LogRecord **ret);         /* -EBADMSG, -ENOMEM */
void shipper_refused(LogShipper *s, uint64_t n);         /* lines that nobody takes, whatever is done: counts them, and tells it soon */
int shipper_on_tell_timer(sd_event_source *source, uint64_t usec, void *userdata);
void shipper_tell_refused(LogShipper *s);
void shipper_keep_batch(LogShipper *s);         /* hands the batch in flight to the keeper */
void shipper_keep_nothing(LogShipper *s);       /* which is gone, as is its store */
void shipper_resize(LogShipper *s);             /* if another size is wanted and nothing is in flight */
