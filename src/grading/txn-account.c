/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "grading/txn-internal.h"
#include "grading/txn-session.h"

static bool is_enabled_admin(const AccountRow *a) {
        return a && a->role == ROLE_ADMIN && !a->disabled;
}

/* Somebody must be left who can make others. */
static int check_last_admin(Txn *t, const AccountRow *old, const AccountRow *new) {
        uint64_t others;
        int r;

        if (!is_enabled_admin(old) || is_enabled_admin(new))
                return 0;
        r = txn_count_admins(t, old->row.id, &others);
        if (r < 0 || others > 0)
                return r;
        return problem_set(&t->job->problem, 409, "This is the last enabled administrator, and stays one: make another first");
}

static int check_login(Txn *t, const AccountRow *old, const AccountRow *new) {
        Row *known;
        bool other;
        int r;

        if (old && strcmp(old->login, new->login) == 0)
                return 0;
        if (strchr(new->login, ' '))
                return problem_set(&t->job->problem, 400, "Member 'Login' must not have spaces");
        r = txn_find_account(t, new->login, &known);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        other = !old || known->id != old->row.id;
        row_free(KIND_ACCOUNT, known);
        return other ? problem_set(&t->job->problem, 409, "Member 'Login': there is an account with this one already") : 0;
}

static int check_student(Txn *t, const AccountRow *new) {
        Row *student;
        int r;

        if (new->role != ROLE_STUDENT)
                return new->student_id == 0 ? 0 : problem_set(&t->job->problem, 400, "Member 'Student' must be null where 'Role' is %s",
                                                              role_name((Role) new->role));
        if (new->student_id == 0)
                return problem_set(&t->job->problem, 400, "Member 'Student' is missing: which student's account is it?");
        r = txn_get(t, KIND_STUDENT, new->student_id, &student);
        if (r == -ENOENT)
                return problem_set(&t->job->problem, 400, "Member 'Student': there is no student with this ID");
        if (r >= 0)
                row_free(KIND_STUDENT, student);
        return r;
}

int account_check(Txn *t, const AccountRow *old, const AccountRow *new) {
        int r = check_last_admin(t, old, new);

        if (r >= 0 && new)
                r = check_login(t, old, new);
        if (r >= 0 && new)
                r = check_student(t, new);
        return r;
}

int account_end_sessions(Txn *t, const AccountRow *old, const AccountRow *new) {
        if (new && !account_ends_sessions(old, new))
                return 0;
        return txn_session_remove_of(t, old->row.id, NULL);
}
