/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/import-report.h"
#include "grading/txn.h"

/* A table becomes changes of rows, on the store's thread and in one job: all or nothing is the job's. A dry run is the same, taken back. */

typedef struct ImportOptions {
        uint64_t class_id;
        bool may_enrol;                 /* whoever asks may add students, and bring them into the class */
        bool keep;                      /* what is there stays: a row that would change it is an error */
        bool released;                  /* a new assessment is, where the table does not say; else it is a draft */
        uint64_t students_max;          /* of all */
        uint64_t grades_max;            /* of a student */
} ImportOptions;

/* Reads all rows and does what they say; what is wrong with them is in the report, which the caller has cleared. The
 * data is copied. 0; -EBADMSG: the report has errors, or the job's problem says why it cannot be; else what the store says. After
 * any error the job must fail. */
int import_run(Txn *t, const char *data, size_t size, const ImportOptions *options, ImportReport *report);
