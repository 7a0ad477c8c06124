/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "log/blocks.h"
#include "log/pattern.h"
#include "log/view.h"

#define FILTER_SERVICES_MAX 16

/* What a reader asked for. Texts are kept as they stand in a line, with JSON's escapes and without quotes; NULL lets everything pass.
 * Does not change while it is in use; references are counted on the loop's thread. */
typedef struct LineFilter {
        unsigned references;
        uint64_t number;                        /* for Scan.shared; the owner's to give */
        uint64_t serial;                        /* the owner's too: no other filter has it, and 0 is none's that is asked of a database */
        char *services[FILTER_SERVICES_MAX];    /* any of these */
        size_t n_services;
        char *instance, *host, *request_id, *message_id;
        int priority;                           /* this or more important */
        char since[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];    /* of Time, both included; "": open */
        Pattern *pattern;

        /* What filter_finish() makes of these. */
        Finder finder;                          /* stands in every line that can match; needle NULL: look at every line */
        uint64_t tokens[5], any_tokens[FILTER_SERVICES_MAX];
        BlockWanted wanted;                     /* points to these */
} LineFilter;

int filter_new(LineFilter **ret);       /* everything passes; filter_finish() is due. -ENOMEM */
LineFilter *filter_ref(LineFilter *f);
LineFilter *filter_unref(LineFilter *f);
DEFINE_CLEANUP(LineFilter, filter_unref);

int filter_set_text(char **member, const char *text);                   /* escapes; -ENOMEM */
void filter_set_time(char member[static CLOCK_TEXT_SIZE], uint64_t realtime_usec);
int filter_finish(LineFilter *f, uint64_t since_usec, uint64_t until_usec);     /* 0: open; -ENOMEM */

/* Two that let the same pass. */
bool filter_equal(const LineFilter *a, const LineFilter *b);

/* The next line in the block, at or behind *at, that can match; *at moves behind it. Lines are whole. */
bool filter_next(const LineFilter *f, const char *data, size_t size, size_t *at, Span *ret);

/* 1: it passes; 0: it does not; what pattern_match() says. scratch is for the message without escapes. */
int filter_match(const LineFilter *f, Matcher *m, Buffer *scratch, const LineView *v);
