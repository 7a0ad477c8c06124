/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/ledger-access.h"

#include <errno.h>
#include <stdlib.h>

#include "grading/txn.h"

int ledger_access_init(LedgerAccess *l, const Access *access, const Book *book) {
        const AccountRow *account = access->account_id > 0 ? book_account(book, access->account_id) : NULL;

        *l = (LedgerAccess) { .access = *access };
        if (access_is_unlimited(access) || access->role != ROLE_TEACHER || !account || account->teachings.n == 0)
                return 0;
        l->classes = calloc(account->teachings.n, sizeof(*l->classes));
        if (!l->classes)
                return -ENOMEM;
        for (size_t i = 0; i < account->teachings.n; i++)
                l->classes[l->n_classes++] = ((const TeachingRow *) account->teachings.rows[i])->class_id;
        return 0;
}

void ledger_access_deinit(LedgerAccess *l) {
        free(l->classes);
        *l = (LedgerAccess) {};
}

static bool teaches(const LedgerAccess *l, uint64_t class_id) {
        for (size_t i = 0; class_id > 0 && i < l->n_classes; i++)
                if (l->classes[i] == class_id)
                        return true;
        return false;
}

bool ledger_access_may_read(const LedgerAccess *l, const LedgerEntry *e) {
        int kind = kind_from_name(e->kind);

        if (access_is_unlimited(&l->access))
                return true;
        if (l->access.role != ROLE_TEACHER)
                return false;
        switch (kind) {
        case KIND_CLASS:
        case KIND_TEACHING:
        case KIND_ENROLMENT:
        case KIND_ASSESSMENT:
        case KIND_GRADE:
                return teaches(l, e->class_id);
        case KIND_STUDENT:
                /* Whose history it is was looked at already: it is a student of one of the classes. */
                return l->n_classes > 0;
        default:
                return false;
        }
}

/* Of a class a teacher changes what access_may_replace() leaves to it. */
static int check_class(const LedgerAccess *l, const LedgerEntry *e) {
        Row *old = NULL, *new = NULL;
        int r = -EACCES;

        if (e->old && e->new)
                r = row_from_ledger(KIND_CLASS, e->old, &old);
        if (r >= 0)
                r = row_from_ledger(KIND_CLASS, e->new, &new);
        if (r >= 0 && !access_may_replace(&l->access, KIND_CLASS, new, old))
                r = -EACCES;
        row_free(KIND_CLASS, old);
        row_free(KIND_CLASS, new);
        return r;
}

int ledger_access_check_undo(const LedgerAccess *l, const LedgerEntry *e) {
        int kind = kind_from_name(e->kind);

        if (access_is_unlimited(&l->access))
                return 0;
        if (l->access.role != ROLE_TEACHER || !teaches(l, e->class_id))
                return -ENOENT;
        if (kind == KIND_CLASS)
                return check_class(l, e);
        return kind == KIND_ASSESSMENT || kind == KIND_GRADE ? 0 : -EACCES;
}
