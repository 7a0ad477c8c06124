/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/macros.h"

/* Finding people by what somebody types of their names: every word of it is in the name, in any order, in any case, with or without the
 * marks of Latin letters; or all of it, without its spaces, is in the name as it is written together, either name first. Pure. */
typedef struct Search Search;

int search_new(Search **ret, const char *typed);        /* valid UTF-8; blank finds everybody. -ENOMEM */
Search *search_free(Search *s);
DEFINE_CLEANUP(Search, search_free);

/* 1 if it does, 0 if not; -ENOMEM. */
int search_matches(Search *s, const char *first_name, const char *last_name);

/* A text by which names stand in the order of their letters: the caller's. -ENOMEM. */
int search_fold_name(const char *first_name, const char *last_name, char **ret);
