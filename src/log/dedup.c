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

typedef struct Source {
        char name[SOURCE_SIZE];
        uint64_t sequence;
        UT_hash_handle hh;      /* in the order of their last record */
} Source;

typedef struct Undo {
        char name[SOURCE_SIZE];
        uint64_t sequence;      /* before; 0: it was not known */
} Undo;

struct Dedup {
        Source *sources;
        size_t sources_max;
        Undo *undo;             /* what was noted and is not committed */
        size_t n_undo, allocated;
};

static Source *find(Dedup *d, const char *name) {
        Source *s;

        HASH_FIND(hh, d->sources, name, SOURCE_SIZE - 1, s);
        return s;
}

static void forget(Dedup *d, Source *s) {
        HASH_DEL(d->sources, s);
        free(s);
}

static int append(Dedup *d, Source *s) {
        bool failed = false;

        HASH_ADD(hh, d->sources, name, SOURCE_SIZE - 1, s);
        return failed ? -ENOMEM : 0;
}

static int remember_undo(Dedup *d, const char *name, uint64_t sequence) {
        if (d->n_undo == d->allocated) {
                size_t n = d->allocated ? d->allocated * 2 : 64;
                Undo *more = reallocarray(d->undo, n, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                d->undo = more;
                d->allocated = n;
        }
        memcpy(d->undo[d->n_undo].name, name, SOURCE_SIZE);
        d->undo[d->n_undo++].sequence = sequence;
        return 0;
}

static int add_source(Dedup *d, const char *name, uint64_t sequence) {
        Source *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        memcpy(s->name, name, SOURCE_SIZE);
        s->sequence = sequence;
        r = append(d, s);
        if (r < 0) {
                free(s);
                return r;
        }
        if (HASH_COUNT(d->sources) > d->sources_max)
                forget(d, d->sources);
        return 0;
}

int dedup_note(Dedup *d, const char *source, uint64_t sequence) {
        Source *s;
        int r;

        if (!source || strlen(source) != SOURCE_SIZE - 1)
                return -EINVAL;
        s = find(d, source);
        if (s && sequence <= s->sequence)
                return 1;
        r = remember_undo(d, source, s ? s->sequence : 0);
        if (r < 0)
                return r;
        if (!s) {
                r = add_source(d, source, sequence);
                if (r < 0)
                        d->n_undo--;
                return r;
        }
        s->sequence = sequence;
        if (s->hh.next) {
                HASH_DEL(d->sources, s);
                r = append(d, s);
                if (r < 0)
                        free(s);
        }
        return r;
}

void dedup_commit(Dedup *d) {
        d->n_undo = 0;
}

void dedup_rollback(Dedup *d) {
        while (d->n_undo > 0) {
                const Undo *u = &d->undo[--d->n_undo];
                Source *s = find(d, u->name);

                if (s && u->sequence > 0)
                        s->sequence = u->sequence;
                else if (s)
                        forget(d, s);
        }
}

size_t dedup_count(const Dedup *d) {
        return HASH_COUNT(d->sources);
}

int dedup_write(const Dedup *d, Buffer *out) {
        const char *comma = "{";

        if (!d->sources)
                (void) buffer_puts(out, comma);
        for (const Source *s = d->sources; s; s = s->hh.next) {
                (void) buffer_printf(out, "%s\"%s\":%" PRIu64, comma, s->name, s->sequence);
                comma = ",";
        }
        (void) buffer_puts(out, "}");
        return out->error;
}

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
        free(d->undo);
        free(d);
        return NULL;
}
