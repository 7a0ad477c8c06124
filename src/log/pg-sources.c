/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log/pg-store.h"

/* The database is who knows what is stored of each source: another daemon may have written of it since. Before a commit, with the log's end locked, what it knows takes
 * the place of what this process does; so a record that two daemons get is stored once. */

/* Each source that the jobs have; the same one several times in a row counts once. */
static int each_source(const Job *first, const Job *end, int (*f)(const char *source, void *userdata), void *userdata) {
        const char *last = NULL;

        for (const Job *j = first; j != end; j = j->next) {
                const LogAppend *a = CONTAINER_OF(j, LogAppend, job);

                for (size_t i = 0; i < a->n_records; i++) {
                        const LogRecord *r = a->records[i];
                        int k;

                        if (r->sequence == 0 || !r->source || (last && strcmp(last, r->source) == 0))
                                continue;
                        last = r->source;
                        k = f(last, userdata);
                        if (k < 0)
                                return k;
                }
        }
        return 0;
}

static int list_one(const char *source, void *userdata) {
        Buffer *out = userdata;

        return buffer_printf(out, "%s%s", out->size > 0 ? "," : "{", source);
}

int pg_sources_list(const Job *first, const Job *end, Buffer *out) {
        int r = each_source(first, end, list_one, out);

        if (r >= 0 && out->size == 0)
                r = buffer_puts(out, "{");
        return r < 0 ? r : buffer_puts(out, "}");
}

static int forget_one(const char *source, void *userdata) {
        return dedup_put(userdata, source, 0, NULL, 0);
}

/* "12,13,40,41": first, last, … */
static int parse_gaps(const char *text, DedupGap gaps[static DEDUP_GAPS_MAX], size_t *ret_n) {
        size_t n = 0;

        while (*text) {
                char *end;

                if (n == DEDUP_GAPS_MAX)
                        return -EBADMSG;
                gaps[n].first = strtoull(text, &end, 10);
                if (*end != ',')
                        return -EBADMSG;
                gaps[n++].last = strtoull(end + 1, &end, 10);
                text = *end == ',' ? end + 1 : end;
                if (*end && *end != ',')
                        return -EBADMSG;
        }
        *ret_n = n;
        return 0;
}

int pg_sources_take(LogStore *s, const Job *first, const Job *end, const PostgresResult *known) {
        int r = each_source(first, end, forget_one, s->dedup);

        for (size_t i = 0; i < postgres_rows(known) && r >= 0; i++) {
                DedupGap gaps[DEDUP_GAPS_MAX];
                size_t n;

                r = parse_gaps(postgres_text(known, i, 2), gaps, &n);
                if (r >= 0)
                        r = dedup_put(s->dedup, postgres_text(known, i, 0), (uint64_t) postgres_int64(known, i, 1), gaps, n);
        }
        return r;
}

static int tell_one(const char *source, uint64_t highest, const DedupGap *gaps, size_t n_gaps, void *userdata) {
        PgSources *p = userdata;
        const char *comma = p->n++ > 0 ? "," : "{";

        (void) buffer_printf(&p->sources, "%s%s", comma, source);
        (void) buffer_printf(&p->highest, "%s%" PRIu64, comma, highest);
        (void) buffer_printf(&p->gaps, "%s\"{", comma);
        for (size_t i = 0; i < n_gaps; i++)
                (void) buffer_printf(&p->gaps, "%s%" PRIu64 ",%" PRIu64, i > 0 ? "," : "", gaps[i].first, gaps[i].last);
        (void) buffer_puts(&p->gaps, "}\"");
        return 0;
}

int pg_sources_tell(const LogStore *s, PgSources *ret) {
        Buffer *arrays[] = { &ret->sources, &ret->highest, &ret->gaps };
        int r = dedup_tell_noted(s->dedup, tell_one, ret);

        for (size_t i = 0; i < ELEMENTSOF(arrays) && r >= 0; i++)
                r = buffer_puts(arrays[i], ret->n == 0 ? "{}" : "}");
        return r;
}

void pg_sources_deinit(PgSources *p) {
        buffer_deinit(&p->sources);
        buffer_deinit(&p->highest);
        buffer_deinit(&p->gaps);
}
