/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/buffer.h"
#include "base/macros.h"
#include "grading/change.h"
#include "grading/txn.h"

/* An export is written on the store's thread, in one transaction: it is what is on disk as of one entry of the ledger, whatever changes
 * while it is sent. Until it is sent it waits in memory, and from EXPORT_MEMORY_MAX on in a file without a name in the state directory, which
 * goes with its descriptor. Changes wait while one is written. */

#define EXPORT_MEMORY_MAX (1u << 20)    /* bytes */
#define EXPORTS_MAX 8                   /* at a time; beyond them 503 */

typedef struct Spool {
        Buffer buffer;                  /* what is written goes here; spool_yield() behind each line */
        int fd;                         /* -1: all is in the buffer */
        const char *directory;          /* borrowed */
} Spool;

/* To the file when there is much. -ENOSPC, …; the buffer's error. */
int spool_yield(Spool *s);

typedef struct Export Export;
struct Export {
        StoreJob job;
        /* On the store's thread: 0 or an error, -EBADMSG with the job's problem filled. */
        int (*write)(Export *e, Txn *t, Spool *out);
        Spool spool;
        Grading *grading;
        Request *request;
        HttpStream *stream;
        const char *content_type;
        uint64_t id;                    /* of what is exported */
        bool own;                       /* a student's own data: what is released */
        bool is_long;
        uint64_t sequence;              /* the ledger's last entry that it holds */
        char file_name[64];             /* for who saves it */
};

/* Answers the request with a copy of it, whose write, request and id are filled. */
void export_begin(const Export *template);
