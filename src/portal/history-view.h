/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/language.h"

/* Entries of the ledger in words, as grading's histories tell them. */

typedef struct HistoryNames {
        json_object *grid;              /* of the class: who its students are, and what its assessments; NULL: numbers stand for them */
        json_object *terms, *accounts;  /* rows; NULL likewise */
} HistoryNames;

/* Adds to entry: When, Who, What, Subject, Changes (Label, Old, New; both NULL: that it changed is all that is said), Why. -ENOMEM. */
int history_entry_to_view(Language l, const HistoryNames *names, json_object *item, json_object *entry);
