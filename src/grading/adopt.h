/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/store.h"

/* Brings a file's content to what this program takes for granted, in one transaction: students, grades and changes of an earlier version
 * become rows and entries of the ledger, each with its own time and actor, and there is a default class. Blocks; for store_open(). */
int adopt(Store *s);

/* The same of a database that never had an earlier version, in a transaction of the caller's. */
int adopt_nothing(Store *s);

#define DEFAULT_CLASS_ID 1              /* of students that have no other */
