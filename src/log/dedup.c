/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/dedup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* Out of memory is an answer here, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) (failed = true)
#include <uthash.h>

typedef struct Numbers {
        uint64_t highest;               /* 0: none yet */
        size_t n_gaps;
        DedupGap gaps[DEDUP_GAPS_MAX];  /* open, disjoint, upwards, at most up to highest */
} Numbers;

typedef struct Source {
        char name[SOURCE_SIZE];
        Numbers now;
        Numbers committed;              /* while dirty: what a rollback restores; highest 0: it was not known */
        bool dirty;
        struct Source *next_dirty;
        UT_hash_handle hh;              /* in the order of their last record */
} Source;

struct Dedup {
        Source *sources;
        size_t sources_max;
        size_t n_gaps;
        Source *dirty;                  /* what was noted and is not committed */
        Source *last;                   /* the one that was looked for last: a batch is of one source */
};

static Source *find(Dedup *d, const char *name) {
        Source *s = d->last;

        if (s && memcmp(s->name, name, SOURCE_SIZE) == 0)
                return s;
        HASH_FIND(hh, d->sources, name, SOURCE_SIZE - 1, s);
        return d->last = s;
}

static void forget(Dedup *d, Source *s) {
        if (d->last == s)
                d->last = NULL;
        d->n_gaps -= s->now.n_gaps;
        HASH_DEL(d->sources, s);
        free(s);
}

static int append(Dedup *d, Source *s) {
        bool failed = false;

        HASH_ADD(hh, d->sources, name, SOURCE_SIZE - 1, s);
        return failed ? -ENOMEM : 0;
}

static int add_source(Dedup *d, const char *name, Source **ret) {
        Source *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        memcpy(s->name, name, SOURCE_SIZE);
        r = append(d, s);
        if (r < 0) {
                free(s);
                return r;
        }
        *ret = d->last = s;
        return 0;
}

/* To the end of the order. Deleting and adding again takes memory only where the table itself goes, with its last element. */
static int touch(Dedup *d, Source *s) {
        int r;

        if (!s->hh.next)
                return 0;
        HASH_DEL(d->sources, s);
        r = append(d, s);
        if (r < 0) {
                d->last = NULL;
                d->n_gaps -= s->now.n_gaps;
                free(s);
        }
        return r;
}

/* Before its first change since the last commit. */
static int mark(Dedup *d, Source *s) {
        int r;

        if (s->dirty)
                return 0;
        r = touch(d, s);
        if (r < 0)
                return r;
        s->committed = s->now;
        s->dirty = true;
        s->next_dirty = d->dirty;
        d->dirty = s;
        return 0;
}

/* ---- the numbers of one source; they return by how many its gaps became more ---- */

static int remove_gap(Numbers *n, size_t i) {
        n->n_gaps--;
        memmove(n->gaps + i, n->gaps + i + 1, (n->n_gaps - i) * sizeof(*n->gaps));
        return -1;
}

static int open_gap(Numbers *n, DedupGap gap) {
        int more = n->n_gaps == DEDUP_GAPS_MAX ? remove_gap(n, 0) : 0;

        n->gaps[n->n_gaps++] = gap;
        return more + 1;
}

static int split_gap(Numbers *n, size_t i, uint64_t sequence) {
        DedupGap upper = { sequence + 1, n->gaps[i].last };
        int more = 1;

        n->gaps[i].last = sequence - 1;
        if (n->n_gaps == DEDUP_GAPS_MAX) {
                more += remove_gap(n, 0);
                if (i == 0) {
                        memmove(n->gaps + 1, n->gaps, n->n_gaps * sizeof(*n->gaps));
                        n->gaps[0] = upper;
                        n->n_gaps++;
                        return more;
                }
                i--;
        }
        memmove(n->gaps + i + 2, n->gaps + i + 1, (n->n_gaps - i - 1) * sizeof(*n->gaps));
        n->gaps[i + 1] = upper;
        n->n_gaps++;
        return more;
}

static int fill_gap(Numbers *n, size_t i, uint64_t sequence) {
        DedupGap *gap = &n->gaps[i];

        if (gap->first == gap->last)
                return remove_gap(n, i);
        if (sequence == gap->first)
                gap->first++;
        else if (sequence == gap->last)
                gap->last--;
        else
                return split_gap(n, i, sequence);
        return 0;
}

/* The gap that it is in, or n_gaps. */
static size_t find_gap(const Numbers *n, uint64_t sequence) {
        size_t i = 0;

        while (i < n->n_gaps && (sequence < n->gaps[i].first || sequence > n->gaps[i].last))
                i++;
        return i;
}

static int advance(Numbers *n, uint64_t sequence, uint64_t acknowledged, DedupGap *ret_gap) {
        uint64_t known = acknowledged > n->highest ? acknowledged : n->highest;
        int more = 0;

        if (known < sequence - 1) {
                *ret_gap = (DedupGap) { known + 1, sequence - 1 };
                more = open_gap(n, *ret_gap);
        }
        n->highest = sequence;
        return more;
}

/* ---- noting ---- */

static int find_or_add(Dedup *d, const char *source, Source **ret) {
        *ret = find(d, source);
        return *ret ? 0 : add_source(d, source, ret);
}

int dedup_miss(Dedup *d, const char *source, DedupGap gap) {
        Source *s;
        int r;

        if (!source || strlen(source) != SOURCE_SIZE - 1 || gap.first == 0 || gap.last < gap.first)
                return -EINVAL;
        r = find_or_add(d, source, &s);
        if (r < 0 || gap.last <= s->now.highest)
                return r;
        r = mark(d, s);
        if (r < 0)
                return r;
        if (gap.first <= s->now.highest)
                gap.first = s->now.highest + 1;
        d->n_gaps += (size_t) open_gap(&s->now, gap);
        s->now.highest = gap.last;
        return 0;
}

int dedup_note(Dedup *d, const char *source, uint64_t sequence, uint64_t acknowledged, DedupGap *ret_gap) {
        Source *s;
        size_t gap = 0;
        int r;

        *ret_gap = (DedupGap) {};
        if (!source || strlen(source) != SOURCE_SIZE - 1 || sequence == 0)
                return -EINVAL;
        r = find_or_add(d, source, &s);
        if (r < 0)
                return r;
        if (sequence <= s->now.highest) {
                gap = find_gap(&s->now, sequence);
                if (gap == s->now.n_gaps)
                        return 1;
        }
        r = mark(d, s);
        if (r < 0)
                return r;
        if (sequence > s->now.highest)
                r = advance(&s->now, sequence, acknowledged, ret_gap);
        else
                r = fill_gap(&s->now, gap, sequence);
        d->n_gaps += (size_t) r;
        return 0;
}

void dedup_commit(Dedup *d) {
        for (Source *s = TAKE_PTR(d->dirty), *next; s; s = next) {
                next = TAKE_PTR(s->next_dirty);
                s->dirty = false;
        }
        while (HASH_COUNT(d->sources) > d->sources_max)
                forget(d, d->sources);
}

void dedup_rollback(Dedup *d) {
        for (Source *s = TAKE_PTR(d->dirty), *next; s; s = next) {
                next = TAKE_PTR(s->next_dirty);
                s->dirty = false;
                if (s->committed.highest == 0) {
                        forget(d, s);
                        continue;
                }
                d->n_gaps += s->committed.n_gaps - s->now.n_gaps;
                s->now = s->committed;
        }
}

int dedup_put(Dedup *d, const char *source, uint64_t highest, const DedupGap *gaps, size_t n_gaps) {
        Source *s;
        int r;

        if (strlen(source) != SOURCE_SIZE - 1 || n_gaps > DEDUP_GAPS_MAX)
                return -EINVAL;
        s = find(d, source);
        if (highest == 0) {
                if (s)
                        forget(d, s);
                return 0;
        }
        r = s ? touch(d, s) : add_source(d, source, &s);
        if (r < 0)
                return r;
        d->n_gaps += n_gaps - s->now.n_gaps;
        s->now.highest = highest;
        s->now.n_gaps = n_gaps;
        if (n_gaps > 0)
                memcpy(s->now.gaps, gaps, n_gaps * sizeof(*gaps));
        return 0;
}

int dedup_tell_noted(const Dedup *d, DedupTell tell, void *userdata) {
        int r = 0;

        for (const Source *s = d->dirty; s && r == 0; s = s->next_dirty)
                r = tell(s->name, s->now.highest, s->now.gaps, s->now.n_gaps, userdata);
        return r;
}

size_t dedup_count(const Dedup *d) {
        return HASH_COUNT(d->sources);
}

size_t dedup_open_gaps(const Dedup *d) {
        return d->n_gaps;
}

/* ---- the checkpoint ---- */

static void write_numbers(const Numbers *n, Buffer *out) {
        if (n->n_gaps == 0) {
                (void) buffer_printf(out, "%" PRIu64, n->highest);
                return;
        }
        (void) buffer_printf(out, "[%" PRIu64, n->highest);
        for (size_t i = 0; i < n->n_gaps; i++)
                (void) buffer_printf(out, ",%" PRIu64 ",%" PRIu64, n->gaps[i].first, n->gaps[i].last);
        (void) buffer_puts(out, "]");
}

int dedup_write(const Dedup *d, Buffer *out) {
        const char *comma = "{";

        if (!d->sources)
                (void) buffer_puts(out, comma);
        for (const Source *s = d->sources; s; s = s->hh.next) {
                (void) buffer_printf(out, "%s\"%s\":", comma, s->name);
                write_numbers(&s->now, out);
                comma = ",";
        }
        (void) buffer_puts(out, "}");
        return out->error;
}

static int read_number(json_object *o, uint64_t *ret) {
        if (!json_object_is_type(o, json_type_int) || json_object_get_int64(o) <= 0)
                return -EBADMSG;
        *ret = json_object_get_uint64(o);
        return 0;
}

static int read_numbers(json_object *o, Numbers *n) {
        uint64_t below = 0;
        size_t length;
        int r;

        if (!json_object_is_type(o, json_type_array))
                return read_number(o, &n->highest);
        length = json_object_array_length(o);
        if (length % 2 == 0 || length > 1 + 2 * DEDUP_GAPS_MAX || read_number(json_object_array_get_idx(o, 0), &n->highest) < 0)
                return -EBADMSG;
        for (size_t i = 1; i < length; i += 2) {
                DedupGap *gap = &n->gaps[n->n_gaps++];

                r = read_number(json_object_array_get_idx(o, i), &gap->first);
                if (r >= 0)
                        r = read_number(json_object_array_get_idx(o, i + 1), &gap->last);
                if (r < 0 || gap->first <= below || gap->last < gap->first || gap->last > n->highest)
                        return -EBADMSG;
                below = gap->last;
        }
        return 0;
}

int dedup_read(Dedup *d, json_object *sources) {
        if (!json_object_is_type(sources, json_type_object))
                return -EBADMSG;
        json_object_object_foreach(sources, name, value) {
                Numbers numbers = {};
                Source *s;
                int r;

                if (strlen(name) != SOURCE_SIZE - 1)
                        return -EBADMSG;
                r = read_numbers(value, &numbers);
                if (r >= 0)
                        r = add_source(d, name, &s);
                if (r < 0)
                        return r;
                s->now = numbers;
                d->n_gaps += numbers.n_gaps;
        }
        dedup_commit(d);
        return 0;
}

/* ---- beginning and end ---- */

int dedup_new(Dedup **ret, size_t sources_max) {
        Dedup *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->sources_max = sources_max;
        *ret = d;
        return 0;
}

Dedup *dedup_free(Dedup *d) {
        if (!d)
                return NULL;
        while (d->sources)
                forget(d, d->sources);
        free(d);
        return NULL;
}
