/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "grading/adopt.h"
#include "grading/policy.h"
#include "grading/txn-internal.h"
#include "wire/json.h"

/* What must be true of every change, whoever asks for it and however: looked at in the transaction, so that nothing can come in
 * between. */

int txn_assessment(Txn *t, uint64_t id, const AssessmentRow **ret) {
        Row *row;
        int r;

        if (!t->assessment || t->assessment->row.id != id) {
                r = txn_get(t, KIND_ASSESSMENT, id, &row);
                if (r < 0)
                        return r;
                row_free(KIND_ASSESSMENT, (Row *) t->assessment);
                t->assessment = (AssessmentRow *) row;
        }
        *ret = t->assessment;
        return 0;
}

void txn_remember_assessment(Txn *t, const AssessmentRow *a) {
        Row *copy = NULL;

        if (row_copy(KIND_ASSESSMENT, &a->row, &copy) < 0)
                return;
        row_free(KIND_ASSESSMENT, (Row *) t->assessment);
        t->assessment = (AssessmentRow *) copy;
}

int txn_row_class(Txn *t, Kind kind, const Row *row, uint64_t *ret_class_id) {
        const AssessmentRow *a;
        int r;

        switch (kind) {
        case KIND_CLASS:
                *ret_class_id = row->id;
                return 0;
        case KIND_TEACHING:
                *ret_class_id = ((const TeachingRow *) row)->class_id;
                return 0;
        case KIND_ENROLMENT:
                *ret_class_id = ((const EnrolmentRow *) row)->class_id;
                return 0;
        case KIND_ASSESSMENT:
                *ret_class_id = ((const AssessmentRow *) row)->class_id;
                return 0;
        case KIND_GRADE:
                r = txn_assessment(t, ((const GradeRow *) row)->assessment_id, &a);
                if (r >= 0)
                        *ret_class_id = a->class_id;
                return r;
        default:
                *ret_class_id = 0;
                return 0;
        }
}

static int is_locked(Txn *t, Statement which, uint64_t id, bool *ret, bool *ret_term) {
        SqlStatement *s = t->store->statements[which];
        int r;

        bind_uint(s, 1, id);
        r = rows_step(s);
        if (r >= 0) {
                *ret = sql_int64(s, 0) != 0;
                if (ret_term)
                        *ret_term = sql_int64(s, 1) != 0;
        }
        rows_done(s);
        return r;
}

/* The same by way of the rows, which may be known already. */
static int is_class_locked(Txn *t, uint64_t class_id, bool *ret, bool *ret_term) {
        Row *row, *term;
        uint64_t term_id;
        int r = txn_get(t, KIND_CLASS, class_id, &row);

        if (r < 0)
                return r;
        *ret = ((const ClassRow *) row)->locked;
        term_id = ((const ClassRow *) row)->term_id;
        row_free(KIND_CLASS, row);
        if (term_id == 0)
                return 0;
        r = txn_get(t, KIND_TERM, term_id, &term);
        if (r < 0)
                return r;
        *ret_term = ((const TermRow *) term)->locked;
        row_free(KIND_TERM, term);
        return 0;
}

static int refuse_locked(Txn *t, const char *what) {
        return problem_set(&t->job->problem, 409, "The %s is locked: nothing in it can be changed until an administrator unlocks it", what);
}

static int check_class_open(Txn *t, uint64_t class_id) {
        bool class_locked = false, term_locked = false;
        int r;

        if (t->class_id == class_id)
                return 0;
        if (t->store->cache)
                r = is_class_locked(t, class_id, &class_locked, &term_locked);
        else
                r = is_locked(t, STATEMENT_LOCKED_CLASS, class_id, &class_locked, &term_locked);
        if (r == -ENOENT)
                return problem_set(&t->job->problem, 400, "Member 'Class': there is no such class");
        if (r < 0)
                return r;
        if (class_locked || term_locked)
                return refuse_locked(t, class_locked ? "class" : "term");
        t->class_id = class_id;
        return 0;
}

static int check_term_open(Txn *t, uint64_t term_id) {
        bool locked = false;
        int r = term_id > 0 ? is_locked(t, STATEMENT_LOCKED_TERM, term_id, &locked, NULL) : 0;

        if (r == -ENOENT)
                return problem_set(&t->job->problem, 400, "Member 'Term': there is no such term");
        return r < 0 ? r : locked ? refuse_locked(t, "term") : 0;
}

static int check_policy(Txn *t, const char *text) {
        _cleanup_(policy_deinit) Policy policy = POLICY_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        int r;

        if (!text)
                return 0;
        o = json_tokener_parse(text);
        if (!o)
                return -ENOMEM;
        r = policy_from_json(o, &policy, &t->job->problem);
        return r;
}

/* A lock is taken off alone: whoever does it has said so, and nothing else went along. still_locked is what it would become, but for the lock. */
static int check_unlock(Txn *t, Kind kind, const Row *old, const Row *still_locked) {
        if (row_equal(kind, old, still_locked))
                return 0;
        return problem_set(&t->job->problem, 409, "Member 'Locked': a lock is taken off alone, and what else there is to change is changed after that");
}

static int check_class(Txn *t, const ClassRow *old, const ClassRow *new) {
        int r = 0;

        t->class_id = 0;
        if (old)
                r = check_term_open(t, old->term_id);
        if (r >= 0 && new && (!old || old->term_id != new->term_id))
                r = check_term_open(t, new->term_id);
        if (r >= 0 && old && old->locked) {
                ClassRow still_locked = new ? *new : (ClassRow) {};

                if (!new || new->locked)
                        return refuse_locked(t, "class");
                still_locked.locked = true;
                r = check_unlock(t, KIND_CLASS, &old->row, &still_locked.row);
        }
        if (r >= 0 && new)
                r = check_policy(t, new->policy);
        /* Its ID is never given again, and whoever sends students in the fixed form knows of no other. */
        if (r >= 0 && !new && old->row.id == DEFAULT_CLASS_ID)
                r = problem_set(&t->job->problem, 409, "This is the class of those who are added without one: it cannot be deleted");
        return r;
}

static int check_term(Txn *t, const TermRow *old, const TermRow *new) {
        t->class_id = 0;
        if (old && old->locked) {
                TermRow still_locked = new ? *new : (TermRow) {};

                if (!new || new->locked)
                        return refuse_locked(t, "term");
                still_locked.locked = true;
                return check_unlock(t, KIND_TERM, &old->row, &still_locked.row);
        }
        if (new && new->begins && new->ends && strcmp(new->begins, new->ends) > 0)
                return problem_set(&t->job->problem, 400, "Member 'Ends' must not be before 'Begins'");
        return 0;
}

static int check_assessment(Txn *t, const AssessmentRow *old, const AssessmentRow *new) {
        SqlStatement *s = t->store->statements[STATEMENT_TOP_SCORE];
        char score[SCORE_TEXT_SIZE];
        uint32_t top = 0;
        int r;

        /* The one asked for last may be this one. */
        t->assessment = (AssessmentRow *) row_free(KIND_ASSESSMENT, (Row *) t->assessment);
        if (!old || !new || new->maximum_hundredths >= old->maximum_hundredths)
                return 0;
        bind_uint(s, 1, old->row.id);
        r = rows_step(s);
        if (r >= 0)
                top = (uint32_t) sql_int64(s, 0);
        rows_done(s);
        if (r < 0)
                return r;
        if (top <= new->maximum_hundredths)
                return 0;
        score_format(top, score);
        return problem_set(&t->job->problem, 409, "Member 'Maximum' is less than the score of %s that somebody has", score);
}

static int check_grade(Txn *t, const GradeRow *new) {
        char most[SCORE_TEXT_SIZE];
        const AssessmentRow *a;
        int r;

        if (!new)
                return 0;
        r = txn_assessment(t, new->assessment_id, &a);
        if (r == -ENOENT)
                return problem_set(&t->job->problem, 400, "Member 'Assessment': there is no such assessment");
        if (r < 0 || new->score_hundredths <= a->maximum_hundredths)
                return r;
        score_format(a->maximum_hundredths, most);
        return problem_set(&t->job->problem, 400, "Member 'Score' must be a number from 0 to %s with at most two decimals", most);
}

int txn_check(Txn *t, Kind kind, const Row *old, const Row *new) {
        uint64_t class_id;
        int r = 0;

        switch (kind) {
        case KIND_TERM:
                return check_term(t, (const TermRow *) old, (const TermRow *) new);
        case KIND_CLASS:
                return check_class(t, (const ClassRow *) old, (const ClassRow *) new);
        case KIND_ACCOUNT:
                return account_check(t, (const AccountRow *) old, (const AccountRow *) new);
        case KIND_ASSESSMENT:
                r = check_assessment(t, (const AssessmentRow *) old, (const AssessmentRow *) new);
                break;
        case KIND_GRADE:
                r = check_grade(t, (const GradeRow *) new);
                break;
        default:
                break;
        }
        if (r >= 0)
                r = txn_row_class(t, kind, new ? new : old, &class_id);
        return r < 0 || class_id == 0 ? r : check_class_open(t, class_id);
}
