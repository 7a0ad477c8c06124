/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "log/finder.h"
#include "wire/problem.h"

/* What a message is searched for: a regular expression as journalctl --grep= has it, see pcre2pattern(3). One without a
 * special character is found by log/finder.h instead. A compiled pattern does not change any more and is used by several threads. */
typedef struct Pattern Pattern;

/* What one thread needs to match: bounded memory, whatever the pattern. */
typedef struct Matcher Matcher;

#define PATTERN_MAX 512         /* bytes of its text */

typedef enum PatternCase {
        PATTERN_SMART,          /* case counts if the pattern has a capital letter */
        PATTERN_SENSITIVE,
        PATTERN_IGNORE,
} PatternCase;

/* -EBADMSG (the problem names the parameter grep), -ENOMEM. */
int pattern_new(Pattern **ret, const char *text, PatternCase how, Problem *problem);
Pattern *pattern_free(Pattern *p);
DEFINE_CLEANUP(Pattern, pattern_free);

bool pattern_equal(const Pattern *a, const Pattern *b); /* both may be NULL */

/* The finder for lines that can match, as they stand in the file with JSON's escapes; NULL if any line can. */
const Finder *pattern_raw_finder(const Pattern *p);

int matcher_new(Matcher **ret);         /* -ENOMEM */
Matcher *matcher_free(Matcher *m);
DEFINE_CLEANUP(Matcher, matcher_free);

/* 1: the text has it, 0: it does not; -ELOOP: it takes too long to tell, -ENOMEM. */
int pattern_match(const Pattern *p, Matcher *m, const char *text, size_t size);
