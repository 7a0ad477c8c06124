/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "grading/txn-internal.h"

/* What has to be found by something else than its id. */

static const char *const statements[_STATEMENT_MAX] = {
        [STATEMENT_TIP] = "SELECT sequence, hash, time_usec FROM ledger ORDER BY sequence DESC LIMIT 1",
        [STATEMENT_ENTRY] = "INSERT INTO ledger (sequence, time_usec, set_sequence, actor, client, request_id, action, kind, row_id, student_id,"
                            " class_id, version, old, new, reason, hash)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        [STATEMENT_LOCKED_CLASS] = "SELECT c.locked, coalesce(t.locked, 0) FROM classes c LEFT JOIN terms t ON t.id = c.term_id WHERE c.id = ?1",
        [STATEMENT_LOCKED_TERM] = "SELECT locked FROM terms WHERE id = ?1",
        [STATEMENT_FIND_GRADE] = "SELECT id FROM grades WHERE student_id = ?1 AND assessment_id = ?2",
        [STATEMENT_FIND_ENROLMENT] = "SELECT id FROM enrolments WHERE class_id = ?1 AND student_id = ?2",
        [STATEMENT_FIND_TEACHING] = "SELECT id FROM teachings WHERE class_id = ?1 AND account_id = ?2",
        [STATEMENT_FIND_ACCOUNT] = "SELECT id FROM accounts WHERE login = ?1",
        [STATEMENT_FIND_ASSESSMENT] = "SELECT a.id FROM assessments a WHERE a.class_id = ?1 AND a.title = ?2 AND a.type = ?3 AND CAST(?5 AS BIGINT) IN (0, a.maximum_hundredths) AND NOT EXISTS"
                                      " (SELECT 1 FROM grades g WHERE g.assessment_id = a.id AND g.student_id = ?4) ORDER BY a.id LIMIT 1",
        [STATEMENT_COUNT_GRADES] = "SELECT count(*) FROM grades WHERE student_id = ?1",
        [STATEMENT_TOP_SCORE] = "SELECT max(score_hundredths) FROM grades WHERE assessment_id = ?1",
        [STATEMENT_LAST_STUDENT] = "SELECT max(id) FROM students",
        [STATEMENT_ENTRY_TIME] = "SELECT time_usec FROM ledger WHERE sequence = ?1",
        [STATEMENT_LAST_ENTRY] = "SELECT sequence, version FROM ledger WHERE kind = ?1 AND row_id = ?2 ORDER BY sequence DESC LIMIT 1",
        [STATEMENT_AS_OF] = "SELECT sequence, new FROM ledger WHERE kind = ?1 AND row_id = ?2 AND sequence <= ?3 ORDER BY sequence DESC LIMIT 1",
        [STATEMENT_OTHER_ADMINS] = "SELECT count(*) FROM accounts WHERE role = ?1 AND disabled = 0 AND id <> ?2",
        [STATEMENT_TOKEN_OF] = "SELECT id FROM tokens WHERE account_id = ?1 ORDER BY id LIMIT 1",
        [STATEMENT_TEACHING_OF] = "SELECT id FROM teachings WHERE account_id = ?1 ORDER BY id LIMIT 1",
        [STATEMENT_COUNT_TOKENS] = "SELECT count(*) FROM tokens WHERE account_id = ?1",
        [STATEMENT_SESSION_PUT] = "INSERT INTO sessions (digest, account_id, began_usec, used_usec, expires_usec, client)"
                                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        [STATEMENT_SESSION_REMOVE] = "DELETE FROM sessions WHERE digest = ?1",
        [STATEMENT_SESSION_REMOVE_OF] = "DELETE FROM sessions WHERE account_id = ?1 AND digest IS DISTINCT FROM ?2 RETURNING digest",
        [STATEMENT_SESSION_TOUCH] = "UPDATE sessions SET used_usec = ?2 WHERE digest = ?1",
        [STATEMENT_SESSION_EXPIRE] = "DELETE FROM sessions WHERE expires_usec <= ?1",
        [STATEMENT_KEY_FIND] = "SELECT fingerprint, status, body, location, etag FROM idempotency WHERE actor = ?1 AND key = ?2",
        [STATEMENT_KEY_PUT] = "INSERT INTO idempotency (actor, key, time_usec, fingerprint, status, body, location, etag)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        [STATEMENT_KEY_EXPIRE] = "DELETE FROM idempotency WHERE time_usec < ?1 OR rowid <= (SELECT max(rowid) FROM idempotency) - ?2",
};

/* Where the two engines have no words in common. */
static const char *const postgres_statements[_STATEMENT_MAX] = {
        [STATEMENT_FIND_ACCOUNT] = "SELECT id FROM accounts WHERE lower(login COLLATE \"C\") = lower(CAST(?1 AS TEXT) COLLATE \"C\")",
        [STATEMENT_KEY_EXPIRE] = "DELETE FROM idempotency WHERE time_usec < ?1 OR number <= (SELECT max(number) FROM idempotency) - ?2",
};

const char *statement_sql(Statement which, SqlDialect dialect) {
        return dialect == SQL_POSTGRES && postgres_statements[which] ? postgres_statements[which] : statements[which];
}

/* One number that two others ask for; NULL is 0. */
static int find_id(Txn *t, Statement which, uint64_t first, uint64_t second, uint64_t *ret) {
        SqlStatement *s = t->store->statements[which];
        int r;

        bind_uint(s, 1, first);
        bind_uint(s, 2, second);
        r = rows_step(s);
        if (r >= 0)
                *ret = sql_uint64(s, 0);
        rows_done(s);
        return r;
}

static int find_row(Txn *t, Kind kind, Statement which, uint64_t first, uint64_t second, Row **ret) {
        uint64_t id;
        int r = find_id(t, which, first, second, &id);

        return r < 0 ? r : txn_get(t, kind, id, ret);
}

int txn_find_grade(Txn *t, uint64_t student_id, uint64_t assessment_id, Row **ret) {
        return find_row(t, KIND_GRADE, STATEMENT_FIND_GRADE, student_id, assessment_id, ret);
}

int txn_find_enrolment(Txn *t, uint64_t class_id, uint64_t student_id, Row **ret) {
        return find_row(t, KIND_ENROLMENT, STATEMENT_FIND_ENROLMENT, class_id, student_id, ret);
}

int txn_find_teaching(Txn *t, uint64_t class_id, uint64_t account_id, Row **ret) {
        return find_row(t, KIND_TEACHING, STATEMENT_FIND_TEACHING, class_id, account_id, ret);
}

int txn_find_account(Txn *t, const char *login, Row **ret) {
        SqlStatement *s = t->store->statements[STATEMENT_FIND_ACCOUNT];
        uint64_t id = 0;
        int r;

        bind_text(s, 1, login);
        r = rows_step(s);
        if (r >= 0)
                id = sql_uint64(s, 0);
        rows_done(s);
        return r < 0 ? r : txn_get(t, KIND_ACCOUNT, id, ret);
}

int txn_find_assessment(Txn *t, uint64_t class_id, const char *title, int type, uint32_t maximum_hundredths, uint64_t without_student_id,
                        uint64_t *ret_id) {
        SqlStatement *s = t->store->statements[STATEMENT_FIND_ASSESSMENT];
        int r;

        bind_uint(s, 1, class_id);
        bind_text(s, 2, title);
        bind_uint(s, 3, (uint64_t) type);
        bind_uint(s, 4, without_student_id);
        bind_uint(s, 5, maximum_hundredths);
        r = rows_step(s);
        if (r >= 0)
                *ret_id = sql_uint64(s, 0);
        rows_done(s);
        return r;
}

int txn_count_grades(Txn *t, uint64_t student_id, uint64_t *ret) {
        return find_id(t, STATEMENT_COUNT_GRADES, student_id, 0, ret);
}

int txn_find_token_of(Txn *t, uint64_t account_id, Row **ret) {
        return find_row(t, KIND_TOKEN, STATEMENT_TOKEN_OF, account_id, 0, ret);
}

int txn_find_teaching_of(Txn *t, uint64_t account_id, Row **ret) {
        return find_row(t, KIND_TEACHING, STATEMENT_TEACHING_OF, account_id, 0, ret);
}

int txn_count_tokens(Txn *t, uint64_t account_id, uint64_t *ret) {
        return find_id(t, STATEMENT_COUNT_TOKENS, account_id, 0, ret);
}

int txn_count_admins(Txn *t, uint64_t except_id, uint64_t *ret) {
        return find_id(t, STATEMENT_OTHER_ADMINS, ROLE_ADMIN, except_id, ret);
}

int txn_last_student_id(Txn *t, uint64_t *ret) {
        SqlStatement *s = t->store->statements[STATEMENT_LAST_STUDENT];
        int r = rows_step(s);

        if (r >= 0)
                *ret = sql_uint64(s, 0);
        rows_done(s);
        return r;
}
