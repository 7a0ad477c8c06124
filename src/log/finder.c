/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/finder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

/* GCC's vectors: the compiler makes of them what the machine has. */
typedef unsigned char Sixteen __attribute__((vector_size(16)));
typedef uint64_t TwoWords __attribute__((vector_size(16)));

#define STEP sizeof(Sixteen)
#define CASE_BIT 0x20

/* Bytes by how often they stand in lines of the log, the most frequent first; the others are rarer. */
static const char frequent[] = "e\" 0taos:c2rid1n,6.3h7b45fg89-ulmRTpSvy/IkqwCPZHDMB{}\\E()A`_LOx;N=|GjUWF'*X[]#zK?QV+YJ<@&$>!%^~";

static size_t rank(unsigned char c) {
        const char *p = c ? strchr(frequent, c) : NULL;

        return p ? (size_t) (p - frequent) : sizeof(frequent);
}

static unsigned char fold(unsigned char c) {
        return c >= 'A' && c <= 'Z' ? c | CASE_BIT : c;
}

/* Both spellings count when case is ignored: the more frequent one decides. */
static size_t rank_at(const Finder *f, size_t i) {
        unsigned char c = (unsigned char) f->needle[i];
        size_t lower = rank(c);

        if (!f->ignore_case || c < 'a' || c > 'z')
                return lower;
        return lower < rank(c & ~CASE_BIT) ? lower : rank(c & ~CASE_BIT);
}

int finder_init(Finder *f, const char *needle, size_t size, bool ignore_case) {
        if (size == 0)
                return -EINVAL;
        *f = (Finder) { .needle = malloc(size), .size = size, .ignore_case = ignore_case };
        if (!f->needle)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++)
                f->needle[i] = (char) (ignore_case ? fold((unsigned char) needle[i]) : (unsigned char) needle[i]);
        for (size_t i = 1; i < size; i++)
                if (rank_at(f, i) > rank_at(f, f->rare[0]))
                        f->rare[0] = i;
        f->rare[1] = f->rare[0] == 0 && size > 1 ? 1 : 0;
        for (size_t i = 0; i < size; i++)
                if (i != f->rare[0] && rank_at(f, i) > rank_at(f, f->rare[1]))
                        f->rare[1] = i;
        return 0;
}

void finder_deinit(Finder *f) {
        free(f->needle);
        *f = (Finder) {};
}

static bool is_here(const Finder *f, const char *p) {
        if (!f->ignore_case)
                return memcmp(p, f->needle, f->size) == 0;
        for (size_t i = 0; i < f->size; i++)
                if (fold((unsigned char) p[i]) != (unsigned char) f->needle[i])
                        return false;
        return true;
}

static Sixteen load(const char *p) {
        Sixteen v;

        memcpy(&v, p, sizeof(v));
        return v;
}

static bool any(Sixteen v) {
        TwoWords w = (TwoWords) v;

        return (w[0] | w[1]) != 0;
}

/* What is compared with one of the two rare bytes. */
typedef struct Probe {
        Sixteen wanted, bits;   /* bits are set before the comparison: the case bit of a letter */
        size_t offset;
} Probe;

static Probe probe(const Finder *f, size_t which) {
        unsigned char c = (unsigned char) f->needle[f->rare[which]];
        bool folds = f->ignore_case && c >= 'a' && c <= 'z';

        return (Probe) { .wanted = (Sixteen) {} + c, .bits = (Sixteen) {} + (unsigned char) (folds ? CASE_BIT : 0), .offset = f->rare[which] };
}

static Sixteen compare(const Probe *a, const Probe *b, const char *p) {
        return (Sixteen) ((load(p + a->offset) | a->bits) == a->wanted) & (Sixteen) ((load(p + b->offset) | b->bits) == b->wanted);
}

static const char *first_of(const Finder *f, const char *p, Sixteen hits) {
        for (size_t i = 0; i < STEP; i++)
                if (hits[i] && is_here(f, p + i))
                        return p + i;
        return NULL;
}

const char *finder_find(const Finder *f, const char *data, size_t size) {
        Probe a = probe(f, 0), b = probe(f, 1);
        const char *p = data, *last;

        if (size < f->size)
                return NULL;
        last = data + (size - f->size);         /* the last place where it may begin */
        for (; last - p >= (ptrdiff_t) (4 * STEP); p += 4 * STEP) {
                Sixteen h[4];

                for (size_t i = 0; i < ELEMENTSOF(h); i++)
                        h[i] = compare(&a, &b, p + i * STEP);
                if (!any(h[0] | h[1] | h[2] | h[3]))
                        continue;
                for (size_t i = 0; i < ELEMENTSOF(h); i++) {
                        const char *found = any(h[i]) ? first_of(f, p + i * STEP, h[i]) : NULL;

                        if (found)
                                return found;
                }
        }
        for (; p <= last; p++)
                if (is_here(f, p))
                        return p;
        return NULL;
}
