/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "grading/store-shared-internal.h"

/* What other instances have done, read on the reader's thread. */

#define HEAD_COLUMNS "change, sequence, hash, time_usec"

#define CHANGES_AFTER(parameter) CHANGES_BETWEEN(parameter, "(SELECT change FROM head)")

/* One clock for all instances. */
#define SERVER_USEC "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"

/* Of students those that went, as in store_load_last_ids(). */
#define IS_GIVEN "(kind <> 'student' OR NOT EXISTS (SELECT 1 FROM students s WHERE s.id = c.id))"

int head_prepare(Sql *sql, HeadStatements *ret) {
        const struct {
                SqlStatement **statement;
                const char *text;
        } table[] = {
                { &ret->look, "SELECT " HEAD_COLUMNS " FROM head" },
                { &ret->lock, "SELECT " HEAD_COLUMNS " FROM head WHERE one = 1 FOR UPDATE" },
                { &ret->move, "UPDATE head SET change = ?1, sequence = ?2, hash = ?3, time_usec = ?4 WHERE one = 1" },
                { &ret->put, "INSERT INTO changes (change, time_usec, mark, kind, id, digest)"
                             " SELECT CAST(?1 AS BIGINT) + n, " SERVER_USEC ", CAST(?2 AS BYTEA), kind, id, decode(digest, 'hex')"
                             " FROM unnest(CAST(?3 AS TEXT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS TEXT[])) WITH ORDINALITY AS u (kind, id, digest, n)" },
                { &ret->happened, "SELECT 1 FROM changes WHERE change = ?1 AND mark = ?2" },
                /* Those before the first that is to be kept, and none behind it: who has seen the one before a gap would not know that there is one. */
                { &ret->trim, "DELETE FROM changes WHERE change < (SELECT min(change) FROM changes WHERE time_usec >= " SERVER_USEC " - CAST(?1 AS BIGINT))" },
                { &ret->changed, "SELECT kind, id, " IS_GIVEN " FROM (SELECT kind, id FROM " CHANGES_AFTER("?1") " AND id IS NOT NULL) c"
                                 " UNION ALL SELECT 'first', min(change), false FROM changes" },
                { &ret->ids, "SELECT kind, max(id) FROM (SELECT kind, id FROM " CHANGES_AFTER("?1") " AND id IS NOT NULL) c"
                             " WHERE " IS_GIVEN " GROUP BY kind"
                             " UNION ALL SELECT 'first', min(change) FROM changes" },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(table); i++)
                r = sql_prepare_kept(sql, table[i].text, table[i].statement);
        return r;
}

int shared_connect(Postgres *p) {
        bool known = postgres_is_connected(p);
        int r = postgres_connect(p);

        if (r < 0 || known)
                return r;
        r = postgres_execute(p, "SET search_path TO gradebook_grading");
        if (r < 0)
                postgres_disconnect(p);
        return r;
}

int head_read(SqlStatement *s, Head *ret) {
        if (sql_bytes(s, 2) != LEDGER_HASH_SIZE)
                return -EBADMSG;
        *ret = (Head) { .change = sql_uint64(s, 0), .tip.sequence = sql_uint64(s, 1), .time_usec = sql_uint64(s, 3) };
        memcpy(ret->tip.hash, sql_blob(s, 2), LEDGER_HASH_SIZE);
        return 0;
}

void news_deinit(News *n) {
        for (Kind kind = 0; kind < _KIND_MAX; kind++) {
                for (size_t at = 0; at < n->rows[kind].size; at += sizeof(NewsRow))
                        row_free(kind, ((NewsRow *) (void *) (n->rows[kind].data + at))->row);
                buffer_deinit(&n->rows[kind]);
        }
        buffer_deinit(&n->sessions);
        *n = (News) {};
}

/* ---- of one snapshot ---- */

typedef struct Taken {
        Kind kind;
        Buffer *rows;
} Taken;

static int take_row(uint64_t id, Row *row, void *userdata) {
        Taken *t = userdata;
        NewsRow news = { id, row };
        int r = buffer_append(t->rows, &news, sizeof(news));

        if (r < 0)
                row_free(t->kind, row);
        return r;
}

static int read_sessions(Sql *sql, uint64_t after, Buffer *ret) {
        SqlStatement *s = NULL;
        int k = 0, r;

        r = sql_prepare_walk(sql, "SELECT c.digest, s.account_id, s.began_usec, s.used_usec, s.expires_usec, s.client"
                             " FROM (SELECT DISTINCT digest FROM " CHANGES_AFTER("?1") " AND digest IS NOT NULL) c"
                             " LEFT JOIN sessions s ON s.digest = c.digest", &s);
        if (r >= 0)
                bind_uint(s, 1, after);
        while (r >= 0 && (k = sql_step(s)) > 0) {
                NewsSession n = { .gone = sql_is_null(s, 1) };

                r = session_read(s, &n.record);
                if (r >= 0)
                        r = buffer_append(ret, &n, sizeof(n));
        }
        sql_finalize(s);
        return r < 0 ? r : k;
}

/* Most looks find changes of one kind or two: only these are asked for. */
typedef struct Changed {
        bool kinds[_KIND_MAX];
        bool sessions;
} Changed;

static Changed changed_read(const char *names) {
        Changed changed = {};
        char name[32];
        int n;

        for (; names && sscanf(names, "%31s%n", name, &n) == 1; names += n) {
                int kind = kind_from_name(name);

                if (kind >= 0)
                        changed.kinds[kind] = true;
                else
                        changed.sessions = true;
        }
        return changed;
}

/* -ESTALE: some of it is not told any more. */
static int read_head(Sql *sql, uint64_t after, News *ret, Changed *ret_changed) {
        SqlStatement *s = NULL;
        Head head;
        int r;

        r = sql_prepare(sql, "SELECT " HEAD_COLUMNS ", (SELECT min(change) FROM changes), (SELECT string_agg(DISTINCT kind, ' ') FROM " CHANGES_AFTER("?1") ")"
                        " FROM head", &s);
        if (r >= 0) {
                bind_uint(s, 1, after);
                r = rows_step(s);
        }
        if (r >= 0)
                r = head_read(s, &head);
        if (r >= 0) {
                ret->until = head.change;
                ret->tip = head.tip;
                *ret_changed = changed_read(sql_text(s, 5));
                if (head.change > after && (sql_is_null(s, 4) || sql_uint64(s, 4) > after + 1))
                        r = -ESTALE;
        }
        sql_finalize(s);
        return r;
}

/* Whether the ledger still has what the book follows from. */
static int check_tip(Sql *sql, const LedgerTip *tip) {
        SqlStatement *s = NULL;
        int r;

        r = sql_prepare(sql, "SELECT hash FROM ledger WHERE sequence = ?1", &s);
        if (r >= 0) {
                bind_uint(s, 1, tip->sequence);
                r = rows_step(s);
        }
        if (r == -ENOENT || (r >= 0 && (sql_bytes(s, 0) != LEDGER_HASH_SIZE || memcmp(sql_blob(s, 0), tip->hash, LEDGER_HASH_SIZE) != 0)))
                r = -ESTALE;
        sql_finalize(s);
        return r;
}

static int read_news(Sql *sql, Look *l) {
        uint64_t after = l->after;
        News *ret = &l->news;
        Changed changed = {};
        int r = sql_postgres_later(sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");

        if (r >= 0)
                r = read_head(sql, after, ret, &changed);
        if (r >= 0)
                r = check_tip(sql, &l->tip);
        for (Kind kind = 0; r >= 0 && kind < _KIND_MAX; kind++)
                if (changed.kinds[kind])
                        r = rows_load_changed(sql, kind, after, ret->until, take_row, &(Taken) { kind, &ret->rows[kind] });
        if (r >= 0 && changed.sessions)
                r = read_sessions(sql, after, &ret->sessions);
        sql_postgres_rollback(sql);
        return r;
}

static int look(Shared *h, Look *l) {
        SqlStatement *s = h->reader_statements.look;
        Head head;
        int r = shared_connect(h->reader);

        if (r < 0)
                return r;
        r = rows_step(s);
        if (r >= 0)
                r = head_read(s, &head);
        rows_done(s);
        if (r < 0)
                return r;
        l->news.until = head.change;
        if (head.change > l->after)
                return read_news(h->reader_sql, l);
        /* A standby that had not all of it has become the server. */
        return head.change == l->after && memcmp(head.tip.hash, l->tip.hash, LEDGER_HASH_SIZE) == 0 ? 0 : -ESTALE;
}

void shared_look_batch(Job *batch, void *userdata) {
        Shared *h = userdata;

        for (Job *job = batch; job; job = job->next) {
                Look *l = CONTAINER_OF(job, Look, job);

                job->result = look(h, l);
                /* The server was restarted, or is the standby now, since it was asked last: once more, on a new connection. */
                if (job->result == -ENOTCONN) {
                        news_deinit(&l->news);
                        job->result = look(h, l);
                }
                if (job->result < 0) {
                        shared_note_message(h, h->reader);
                        sql_postgres_rollback(h->reader_sql);
                }
        }
}
