/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/txn.h"

/* The imports: sets of the ledger that came from a table. A list for people, written in the import's transaction; what was changed says the
 * ledger alone. */

typedef struct ImportRecord {
        uint64_t id;                    /* the set's sequence */
        uint64_t class_id;
        const char *name;               /* of the file; NULL */
        uint64_t n_rows, n_added, n_changed, n_unchanged;
        uint64_t undone_by;             /* the set that took it back; 0: it stands */

        /* Of the ledger, not stored again. */
        const char *actor, *client, *reason;    /* client and reason may be NULL */
        uint64_t time_usec;
} ImportRecord;

int txn_import_put(Txn *t, const ImportRecord *record);

/* The newest first: those before the given id (0: all), at most limit; texts are valid in the call only. < 0 from the callback ends it and is
 * returned. */
int txn_imports(Txn *t, uint64_t before, size_t limit, int (*each)(const ImportRecord *record, void *userdata), void *userdata);

int txn_import_find(Txn *t, uint64_t id);               /* -ENOENT: that set was none */

/* Notes that the set was undone by another: if it was an import, it does not stand any more; if it undid one, that one does again. */
int txn_import_undone(Txn *t, uint64_t set, uint64_t undone_by);
