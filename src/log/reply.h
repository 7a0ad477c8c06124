/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "log/question.h"
#include "log/reader.h"
#include "log/service.h"

/* One answer to GET /log, shared by get.c (the question and its beginning), reply.c (from turn to turn) and follow.c (what followers have
 * in common). It is freed when nothing is read for it any more and its request is answered or its stream closed. */

typedef enum ReplyPhase {
        REPLY_ASKING,           /* what there is */
        REPLY_WAITING,          /* for others to end */
        REPLY_LOCATING,         /* the last lines that match */
        REPLY_SHOWING,          /* and what comes behind them, when it follows */
} ReplyPhase;

struct LogReply {
        LogService *service;
        Request *request;               /* until it is answered */
        HttpStream *stream;             /* NULL: not yet, or the client is gone */
        char *client;
        Question question;              /* its filter is shared by the followers who ask the same: a thousand may have one pattern */
        LogFormat format;
        ArchiveRefresh refresh;
        LogRead read;
        ReplyPhase phase;
        bool follow;
        bool relists;                   /* to be told that it has to list anew */
        bool reading;                   /* a turn is under way */
        bool sending;                   /* what was written has not gone out yet */
        bool complete;                  /* all is written */
        bool ended;
        bool watched;                   /* its client is watched until there is a stream */
        bool gone;                      /* the client went before there was a stream */
        bool has_next;
        uint64_t next_page;             /* position */
        sd_event_source *stall;
        bool counted;                   /* this turn is one of those that followers may have at one time */
        bool queued;                    /* there is more for it, and it waits until fewer followers read */
        LogReply *prev, *next;
        LogReply *queue_prev, *queue_next;
};

/* reply.c */
LogReply *reply_free(LogReply *p);
void reply_start(LogReply *p);          /* its places are known to be good, or it waits */
void reply_go_on(LogReply *p);          /* when nothing is being read or sent */
void reply_fail(LogReply *p, unsigned status, const char *detail);      /* before there is a stream; frees it */
void reply_cut(LogReply *p, const char *why);

/* follow.c */
#define RECONNECT_MSEC 1000

size_t follow_text_max(const LogService *l);
void follow_relist(LogReply *p, Buffer *out);   /* appends the event, and goes on from the oldest line */
void follow_begin(LogReply *p, Buffer *out);    /* what an event stream begins with */
void follow_added(LogService *l);               /* one more follows */
bool follow_may_read(LogReply *p);              /* else it waits in the queue */
void follow_has_read(LogService *l);
void follow_removed(LogReply *p);
void follow_waits(LogService *l);
int follow_init(LogService *l);
void follow_deinit(LogService *l);
