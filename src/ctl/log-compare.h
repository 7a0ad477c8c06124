/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* Two copies of the same lines, the journal's and the central log's, compared while both are read. A line is known by its source
 * and its number within that; the copies come in about the same order of time. What came of one waits for its counterpart
 * until the caller says that this cannot come any more, so that memory is bounded by how far they are apart. */

typedef enum LogCopy {
        COPY_JOURNAL,
        COPY_CENTRAL,
} LogCopy;

typedef struct ComparedLine {
        const char *source;             /* at most COMPARE_SOURCE_MAX bytes */
        uint64_t sequence;
        uint64_t time_usec;
        const char *service;
        const char *message;
        bool important;                 /* an event or an error: never held back by a rate limit */
} ComparedLine;

#define COMPARE_SOURCE_MAX 64

typedef enum Difference {
        DIFFERENCE_NONE,                /* it is in both, alike */
        DIFFERENCE_NOT_CENTRAL,         /* it is in the journal only */
        DIFFERENCE_NOT_JOURNAL,         /* … in the central log only */
        DIFFERENCE_TEXT,                /* the messages differ; other is the central log's */
        DIFFERENCE_TWICE,               /* it is more than once in the central log */
        _DIFFERENCE_MAX,
} Difference;

/* line and other live for the call. 0, or a negative errno, which ends the comparison. */
typedef int (*CompareTell)(Difference d, const ComparedLine *line, const char *other, void *userdata);

typedef struct Compare Compare;

int compare_new(Compare **ret, size_t max_lines, CompareTell tell, void *userdata);
Compare *compare_free(Compare *c);
DEFINE_CLEANUP(Compare, compare_free);

/* 0; -ENOBUFS if more than max_lines wait; -ENOMEM; what tell returned. Lines with a source that is too long are -EINVAL. */
int compare_add(Compare *c, LogCopy copy, const ComparedLine *line);

/* Nothing older than this will come: lines older that are still alone are told. */
int compare_expire(Compare *c, uint64_t before_usec);

size_t compare_waiting(const Compare *c);
