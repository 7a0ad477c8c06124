/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "log/service.h"

/* A request that waits until what it brought is on disk. */
typedef struct Post {
        LogAppend append;
        LogService *service;
        Request *request;
        char client[64];        /* its address without the port */
        char *inflated;         /* the body, if it came compressed */
        const char *body;
        size_t size;
        LogRecord **records;
        size_t n_records, allocated;
        bool text;              /* the fixed form: answered without a body */
} Post;

#define POST_RECORD_BYTES 512   /* about what a record takes beside its text */

/* What may come, by content type: fills the append. 0, or the request is answered (negative). */
int post_take_text(Post *p, const LogService *l);
int post_take_batch(Post *p, const LogService *l);
int post_take_record(Post *p, const LogService *l);
