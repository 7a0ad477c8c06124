/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "log/pg.h"

/* The parameter's number. */
static size_t add(PgQuery *q, PostgresValue value) {
        q->values[q->n_values++] = value;
        return q->n_values;
}

static void add_equal(PgQuery *q, const char *column, const char *type, const char *value) {
        if (value)
                (void) buffer_printf(&q->sql, " AND %s = $%zu::%s", column, add(q, POSTGRES_TEXT(value)), type);
}

static void add_services(PgQuery *q, const LineFilter *f) {
        for (size_t i = 0; i < f->n_services; i++)
                (void) buffer_printf(&q->sql, "%s$%zu::text", i == 0 ? " AND service IN (" : ", ", add(q, POSTGRES_TEXT(f->services[i])));
        if (f->n_services > 0)
                (void) buffer_puts(&q->sql, ")");
}

/* What stands in every line that can match. Its letters are folded as log/finder.h does it, which is what lower() does in the collation C. A regular
 * expression of SQL means something else than one of PCRE: that is for the filter. */
static void add_needle(PgQuery *q, const LineFilter *f) {
        const Finder *raw = f->pattern ? pattern_raw_finder(f->pattern) : NULL;

        if (raw && raw->needle)
                (void) buffer_printf(&q->sql, " AND strpos(%s, $%zu::text) > 0", raw->ignore_case ? "lower(line COLLATE \"C\")" : "line",
                                     add(q, POSTGRES_BYTES(raw->needle, raw->size)));
}

static void add_conditions(PgQuery *q, const LineFilter *f) {
        if (f->priority < LOG_DEBUG) {
                (void) snprintf(q->priority, sizeof(q->priority), "%d", f->priority & 7);
                (void) buffer_printf(&q->sql, " AND priority <= $%zu::smallint", add(q, POSTGRES_TEXT(q->priority)));
        }
        add_services(q, f);
        add_equal(q, "instance", "text", f->instance);
        add_equal(q, "host", "text", f->host);
        add_equal(q, "request_id", "uuid", f->request_id);
        add_equal(q, "message_id", "uuid", f->message_id);
        if (*f->since)
                (void) buffer_printf(&q->sql, " AND time >= $%zu::timestamptz", add(q, POSTGRES_TEXT(f->since)));
        if (*f->until)
                (void) buffer_printf(&q->sql, " AND time <= $%zu::timestamptz", add(q, POSTGRES_TEXT(f->until)));
        add_needle(q, f);
}

int pg_query_make(PgQuery *q, const LineFilter *f, const char *table, bool backwards, unsigned limit) {
        *q = (PgQuery) {};
        pg_query_set_range(q, 0, 0);
        (void) add(q, POSTGRES_TEXT(q->from));
        (void) add(q, POSTGRES_TEXT(q->to));
        q->indexed = f && f->request_id;
        /* A few rows by their index, whatever the statistics of a table that is new say of it. */
        (void) buffer_printf(&q->sql, q->indexed ? "SELECT position, line FROM (SELECT position, line FROM %s WHERE true" : "SELECT position, line FROM %s WHERE true",
                             table);
        if (f)
                add_conditions(q, f);
        q->filters = q->n_values > 2;
        (void) buffer_printf(&q->sql, "%s position >= $1::bigint AND position < $2::bigint ORDER BY position%s",
                             q->indexed ? " OFFSET 0) AS r WHERE" : " AND", backwards ? " DESC" : "");
        if (q->filters)
                (void) buffer_printf(&q->sql, " LIMIT %u", limit);
        return q->sql.error;
}

int pg_query_make_floor(PgQuery *q, const char *table, uint64_t position) {
        *q = (PgQuery) {};
        pg_query_set_range(q, position, 0);
        (void) add(q, POSTGRES_TEXT(q->from));
        (void) buffer_printf(&q->sql, "SELECT position FROM %s WHERE position <= $1::bigint ORDER BY position DESC LIMIT 1", table);
        return q->sql.error;
}

void pg_query_set_range(PgQuery *q, uint64_t from, uint64_t to) {
        (void) snprintf(q->from, sizeof(q->from), "%" PRIu64, from);
        (void) snprintf(q->to, sizeof(q->to), "%" PRIu64, to);
}

void pg_query_deinit(PgQuery *q) {
        buffer_deinit(&q->sql);
}
