/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/sql-postgres.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "runtime/sql-internal.h"

#define PARAMETERS_MAX 24
#define NUMBER_SIZE 24
#define BLOB_MAX 64             /* bytes: of a hash */
#define LATER_MAX 64            /* statements that nobody has waited for yet */
#define FETCH_ROWS "500"        /* of a walk, at a time */

/* One that is sent with the next. */
typedef struct Later {
        PostgresStatement statement;
        const PostgresStatement *kept;  /* in its place; NULL: none */
        PostgresValue values[PARAMETERS_MAX];
        size_t n_values;
        char *texts;                    /* what the values point to */
} Later;

typedef struct PostgresSql {
        Sql sql;
        Postgres *p;
        Later later[LATER_MAX];
        size_t n_later;
        unsigned n_statements;
        int failed;                     /* what nobody waited for has: why; 0: it has not */
} PostgresSql;

typedef struct PostgresSqlStatement {
        SqlStatement statement;
        PostgresStatement postgres;
        char *text;
        char name[16];
        unsigned number;
        bool walk;                      /* it declares a cursor */
        bool began;                     /* since it was reset */
        uint8_t place[PARAMETERS_MAX + 1];      /* of each parameter among those that there are, from 1; 0: it is not there */
        uint8_t n_values;
        PostgresValue values[PARAMETERS_MAX];
        char numbers[PARAMETERS_MAX][NUMBER_SIZE];
        PostgresResult *result;
        size_t row;
        bool has_blob;
        int blob_column;
        uint8_t blob[BLOB_MAX];
        size_t blob_size;
} PostgresSqlStatement;

static PostgresSql *sql_of(Sql *db) {
        return CONTAINER_OF(db, PostgresSql, sql);
}

static PostgresSqlStatement *statement_of(SqlStatement *s) {
        return CONTAINER_OF(s, PostgresSqlStatement, statement);
}

/* What sql.h calls them. */
static int translate_error(int r) {
        return r == -ENOTEMPTY ? -ENOENT : r == -ENOENT || r == -EINVAL ? -EPROTO : r;
}

static const char *message(Sql *db) {
        return postgres_message(sql_of(db)->p);
}

/* ---- together with what was not waited for ---- */

static void forget_later(PostgresSql *s) {
        for (size_t i = 0; i < s->n_later; i++)
                free(s->later[i].texts);
        s->n_later = 0;
}

static int run_all(PostgresSql *s, const PostgresCall *calls, size_t n_calls) {
        PostgresCall all[LATER_MAX + 2];
        size_t n = 0, failed;
        int r;

        if (s->failed < 0)
                return s->failed;
        for (; n < s->n_later; n++) {
                Later *l = s->later + n;

                all[n] = (PostgresCall) { .statement = l->kept ? l->kept : &l->statement, .values = l->values, .n_values = l->n_values };
        }
        for (size_t i = 0; i < n_calls; i++)
                all[n++] = calls[i];
        if (n == 0)
                return 0;
        r = translate_error(postgres_run_all(s->p, all, n, &failed));
        if (r < 0 && (failed < s->n_later || n_calls == 0))
                s->failed = r;
        forget_later(s);
        return r;
}

int sql_postgres_settle(Sql *db) {
        return run_all(sql_of(db), NULL, 0);
}

int sql_postgres_commit(Sql *db) {
        const PostgresCall commit = { .statement = &postgres_commit_statement };

        return run_all(sql_of(db), &commit, 1);
}

void sql_postgres_rollback(Sql *db) {
        PostgresSql *s = sql_of(db);

        forget_later(s);
        s->failed = 0;
        postgres_rollback(s->p);
}

static int add_later(PostgresSql *s, Later **ret) {
        int r = s->failed;

        if (r >= 0 && s->n_later == LATER_MAX)
                r = run_all(s, NULL, 0);
        if (r < 0)
                return r;
        *ret = s->later + s->n_later++;
        **ret = (Later) {};
        return 0;
}

int sql_postgres_later(Sql *db, const char *text) {
        Later *l;
        int r = add_later(sql_of(db), &l);

        if (r >= 0)
                l->statement.sql = text;
        return r;
}

static int step_later(SqlStatement *statement) {
        PostgresSqlStatement *s = statement_of(statement);
        size_t size = 0, at = 0;
        Later *l;
        int r = add_later(sql_of(statement->db), &l);

        if (r < 0)
                return r;
        for (size_t i = 0; i < s->n_values; i++)
                size += s->values[i].data ? (s->values[i].binary ? (size_t) s->values[i].size : strlen(s->values[i].data) + 1) : 0;
        l->texts = malloc(size + 1);
        if (!l->texts) {
                sql_of(statement->db)->n_later--;
                return -ENOMEM;
        }
        for (size_t i = 0; i < s->n_values; i++) {
                size_t n = s->values[i].binary ? (size_t) s->values[i].size : s->values[i].data ? strlen(s->values[i].data) + 1 : 0;

                l->values[i] = s->values[i];
                if (s->values[i].data)
                        l->values[i].data = memcpy(l->texts + at, s->values[i].data, n);
                at += n;
        }
        l->n_values = s->n_values;
        l->kept = &s->postgres;         /* a kept one: it is there as long as the connection */
        return 0;
}

static int exec(Sql *db, const char *text) {
        PostgresSql *s = sql_of(db);
        int r = run_all(s, NULL, 0);

        return r < 0 ? r : translate_error(postgres_execute(s->p, text));
}

/* ---- statements ---- */

/* ?5 becomes $1 if it is the first that the text has: PostgreSQL takes no numbers that are not used. */
static int translate(PostgresSqlStatement *s, const char *text) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        if (s->walk)
                (void) buffer_printf(&out, "DECLARE c%u NO SCROLL CURSOR FOR ", s->number);
        while (*text) {
                size_t n = strcspn(text, "?");
                unsigned long index;
                char *end;

                (void) buffer_append(&out, text, n);
                text += n;
                if (!*text)
                        break;
                index = strtoul(text + 1, &end, 10);
                if (index == 0 || index > PARAMETERS_MAX)
                        return -EPROTO;
                if (s->place[index] == 0)
                        s->place[index] = ++s->n_values;
                (void) buffer_printf(&out, "$%u", s->place[index]);
                text = end;
        }
        return out.error < 0 ? out.error : text_replace(&s->text, buffer_text(&out));
}

static int prepare(Sql *db, const char *text, SqlUse use, SqlStatement **ret) {
        PostgresSqlStatement *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->number = ++sql_of(db)->n_statements;
        s->walk = use == SQL_WALK;
        r = translate(s, text);
        if (r < 0) {
                free(s);
                return r;
        }
        s->postgres.sql = s->text;
        if (use == SQL_KEPT) {
                (void) snprintf(s->name, sizeof(s->name), "s%u", s->number);
                s->postgres.name = s->name;
        }
        *ret = &s->statement;
        return 0;
}

static PostgresValue *value_at(SqlStatement *statement, int index) {
        PostgresSqlStatement *s = statement_of(statement);
        unsigned place = index > 0 && index <= PARAMETERS_MAX ? s->place[index] : 0;

        return place > 0 ? s->values + place - 1 : NULL;
}

static void bind_text(SqlStatement *statement, int index, const char *text) {
        PostgresValue *value = value_at(statement, index);

        if (value)
                *value = POSTGRES_TEXT(text);
}

/* As text: the server then takes it for whatever type the place has. */
static void bind_int64(SqlStatement *statement, int index, int64_t number) {
        PostgresSqlStatement *s = statement_of(statement);
        PostgresValue *value = value_at(statement, index);
        char *text;

        if (!value)
                return;
        text = s->numbers[value - s->values];
        (void) snprintf(text, NUMBER_SIZE, "%" PRId64, number);
        *value = POSTGRES_TEXT(text);
}

static void bind_blob(SqlStatement *statement, int index, const void *data, size_t size) {
        PostgresValue *value = value_at(statement, index);

        if (value)
                *value = POSTGRES_BYTES(data, size);
}

static void forget_result(PostgresSqlStatement *s) {
        s->result = postgres_result_free(s->result);
        s->row = 0;
        s->has_blob = false;
}

static int run(PostgresSqlStatement *s) {
        char fetch_sql[48];
        const PostgresStatement fetch = { .sql = fetch_sql };
        PostgresCall calls[2];
        size_t n = 0;
        int r;

        forget_result(s);
        if (!s->walk || !s->began)
                calls[n++] = (PostgresCall) { .statement = &s->postgres, .values = s->values, .n_values = s->n_values };
        if (s->walk) {
                (void) snprintf(fetch_sql, sizeof(fetch_sql), "FETCH " FETCH_ROWS " FROM c%u", s->number);
                calls[n++] = (PostgresCall) { .statement = &fetch };
        }
        calls[n - 1].ret = &s->result;
        r = run_all(sql_of(s->statement.db), calls, n);
        if (r < 0)
                forget_result(s);
        s->began = true;
        return r;
}

static int step(SqlStatement *statement) {
        PostgresSqlStatement *s = statement_of(statement);
        int r;

        s->has_blob = false;
        if (s->began) {
                if (!s->result || postgres_rows(s->result) == 0)
                        return 0;
                if (++s->row < postgres_rows(s->result))
                        return 1;
                if (!s->walk)
                        return 0;
        }
        r = run(s);
        return r < 0 ? r : postgres_rows(s->result) > 0;
}

static bool is_there(const PostgresSqlStatement *s, int column) {
        return s->result && s->row < postgres_rows(s->result) && !postgres_is_null(s->result, s->row, (size_t) column);
}

static const char *column_text(SqlStatement *statement, int column) {
        PostgresSqlStatement *s = statement_of(statement);

        return is_there(s, column) ? postgres_text(s->result, s->row, (size_t) column) : NULL;
}

/* A comparison is a boolean: t or f. */
static int64_t column_int64(SqlStatement *statement, int column) {
        const char *text = column_text(statement, column);

        return !text ? 0 : *text == 't' ? 1 : strtoll(text, NULL, 10);
}

static int nibble(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* It comes as \x and hexadecimal digits. One that is longer than any of ours is damaged, and has no bytes. */
static void read_blob(PostgresSqlStatement *s, int column) {
        const char *text;

        if (s->has_blob && s->blob_column == column)
                return;
        s->has_blob = true;
        s->blob_column = column;
        s->blob_size = 0;
        text = column_text(&s->statement, column);
        if (!text || strncmp(text, "\\x", 2) != 0)
                return;
        for (text += 2; *text && s->blob_size < sizeof(s->blob); text += 2) {
                int high = nibble(text[0]), low = text[1] ? nibble(text[1]) : -1;

                if (high < 0 || low < 0)
                        break;
                s->blob[s->blob_size++] = (uint8_t) (high << 4 | low);
        }
        if (*text)
                s->blob_size = 0;
}

static const void *column_blob(SqlStatement *statement, int column) {
        PostgresSqlStatement *s = statement_of(statement);

        read_blob(s, column);
        return s->blob_size > 0 ? s->blob : NULL;
}

static size_t column_bytes(SqlStatement *statement, int column) {
        PostgresSqlStatement *s = statement_of(statement);

        read_blob(s, column);
        return s->blob_size;
}

static bool column_is_null(SqlStatement *statement, int column) {
        return !is_there(statement_of(statement), column);
}

static uint64_t changes(SqlStatement *statement) {
        PostgresSqlStatement *s = statement_of(statement);

        return s->result ? postgres_affected(s->result) : 0;
}

static void reset(SqlStatement *statement) {
        PostgresSqlStatement *s = statement_of(statement);

        forget_result(s);
        s->began = false;
        memset(s->values, 0, sizeof(s->values));
}

/* A cursor ends with its transaction, and each has a name of its own. */
static void finalize(SqlStatement *statement) {
        PostgresSqlStatement *s = statement_of(statement);

        forget_result(s);
        free(s->text);
}

static void close_all(Sql *db) {
        for (SqlStatement *s = db->statements; s; s = s->next)
                finalize(s);
        forget_later(sql_of(db));
}

static const SqlEngine engine = {
        .dialect = SQL_POSTGRES,
        .message = message,
        .exec = exec,
        .prepare = prepare,
        .bind_int64 = bind_int64,
        .bind_text = bind_text,
        .bind_blob = bind_blob,
        .step = step,
        .step_later = step_later,
        .int64 = column_int64,
        .text = column_text,
        .blob = column_blob,
        .bytes = column_bytes,
        .is_null = column_is_null,
        .changes = changes,
        .reset = reset,
        .finalize = finalize,
        .close = close_all,
};

int sql_new_postgres(Sql **ret, Postgres *p) {
        PostgresSql *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->sql.engine = &engine;
        s->p = p;
        *ret = &s->sql;
        return 0;
}
