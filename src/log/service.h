/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "log/conf.h"
#include "log/store.h"
#include "runtime/service.h"

typedef struct LogReply LogReply;
typedef struct Readers Readers;
typedef struct Suppressed Suppressed;

/* The central log: what new() makes and all handlers get. */
typedef struct LogService {
        Runtime *rt;
        const LogConfig *config;        /* borrowed from rt, replaced on reload */
        LogStore *store;
        LogAppend own;                  /* of the lines that this daemon logs itself */
        const LogKeep *own_keep;        /* whose they are */
        LimitsReport own_reports[16];   /* at the end of the process: what was suppressed */
        Suppressed *suppressed;
        HttpBody *empty;                /* the answer to text */
        Readers *readers;
        LogReply *replies;              /* readers under way, followers among them */
        LogReply *queue;                /* followers for which there is more */
        size_t n_followers, n_active;   /* n_active: pages that are made now */
        size_t n_follow_turns;          /* under way */
        uint64_t followers_cut, relists;
        uint64_t searches, scanned_bytes;
        uint64_t filters;               /* number of the last one */
        sd_event_source *grown_timer;   /* followers look for more when it fires */
        bool grown_armed;
        uint64_t looked_usec;           /* when they did, monotonic */
        sd_event_source *alive_timer;   /* event streams are told that they are alive */
        bool stopping;                  /* followers end */
        bool ending;                    /* so do all who read: the time to answer is over */
} LogService;

extern const Route log_routes[];
extern const MetricItem log_metrics[];

/* service.c: the hooks of the service table. */
int log_service_new(Runtime *rt, void **ret);
int log_service_reload(void *service, const void *old);
void log_service_stop(void *service);
void log_service_status(void *service, Buffer *out);
void *log_service_free(void *service);

/* post.c, get.c: the handlers. */
void post_log(Request *request, void *service);
void get_log(Request *request, void *service);

/* get.c: the readers' part of the service. */
int get_init(LogService *l);
void get_stop(LogService *l);           /* followers end; pages that were asked for are made */
void get_deinit(LogService *l);         /* frees the reading threads first */

/* follow.c: there is more to read. */
void get_grown(void *service);

/* query.c: every parameter in the query is among the known ones, which end with NULL. */
bool query_is_known(const Request *r, const char *const *known);

/* suppressed.c: tells in a line of the log's own what its rate limits suppressed, when the interval has ended. */
int suppressed_new(Suppressed **ret, sd_event *event, LogStore *store);
void suppressed_begun(Suppressed *s);   /* something was */
void suppressed_tell(const LimitsReport *reports, size_t n);
void suppressed_finish(Suppressed *s);  /* the store is about to be freed: what own.c has not asked for is told now, here by the next start */
Suppressed *suppressed_free(Suppressed *s);     /* after the store */

/* own.c: the lines that this daemon logs itself go into its own store, a batch at a time; they are in the shipper's spool until they
 * are on disk here. While the store cannot write they come again by themselves: that is also how a full disk's end is noticed. */
int log_service_keep_lines(const LogKeep *keep, void *service);
