/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/traceparent.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

#define HEX "0123456789abcdef"

/* One system call for many ids. Ids have to be unique, not secret, so that keeping unused ones in memory is harmless. */
typedef struct RandomPool {
        unsigned char bytes[256];       /* what getrandom(2) gives whole or not at all */
        size_t left;
} RandomPool;

static _Thread_local RandomPool pool;

static void refill(RandomPool *p) {
        ssize_t n;

        do
                n = getrandom(p->bytes, sizeof(p->bytes), 0);
        while (n < 0 && errno == EINTR);
        if (n != (ssize_t) sizeof(p->bytes)) {
                /* Only a sandbox that forbids the call gets here. A request must not fail for want of a name: the clock
                 * through splitmix64 makes ids that still differ from each other. */
                uint64_t seed = clock_realtime_usec() ^ (clock_monotonic_usec() << 20) ^ (uint64_t) (uintptr_t) p;

                for (size_t i = 0; i < sizeof(p->bytes); i += sizeof(seed)) {
                        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

                        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
                        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
                        z ^= z >> 31;
                        memcpy(p->bytes + i, &z, sizeof(z));
                }
        }
        p->left = sizeof(p->bytes);
}

/* Writes n random bytes as hex digits, not all zero: that is the id for "none". */
static void random_hex(size_t n, char *ret) {
        unsigned char any = 0;

        do {
                if (pool.left < n)
                        refill(&pool);
                for (size_t i = 0; i < n; i++) {
                        unsigned char byte = pool.bytes[--pool.left];

                        any |= byte;
                        ret[2 * i] = HEX[byte >> 4];
                        ret[2 * i + 1] = HEX[byte & 15];
                }
        } while (!any);
        ret[2 * n] = 0;
}

/* n lower-case hex digits, as the specification demands, that are not all zero. */
static bool id_is_valid(const char *s, size_t n) {
        return strspn(s, HEX) >= n && strspn(s, "0") < n;
}

/* Section 3.2: of a version that we do not know, the known part counts, and anything may follow behind a '-'. Each test
 * before guards the next against reading past the end. */
static bool traceparent_is_valid(const char *s) {
        return strspn(s, HEX) == 2 && strncmp(s, "ff", 2) != 0 &&
               s[2] == '-' && id_is_valid(s + 3, 32) &&
               s[35] == '-' && id_is_valid(s + 36, 16) &&
               s[52] == '-' && strspn(s + 53, HEX) == 2 &&
               (s[55] == 0 || (s[55] == '-' && strncmp(s, "00", 2) != 0));
}

void trace_begin(Trace *t, const char *traceparent) {
        if (traceparent && traceparent_is_valid(traceparent)) {
                memcpy(t->id, traceparent + 3, TRACE_ID_SIZE - 1);
                t->id[TRACE_ID_SIZE - 1] = 0;
                t->sampled = strchr("13579bdf", traceparent[54]) != NULL;
                return;
        }
        random_hex((TRACE_ID_SIZE - 1) / 2, t->id);
        t->sampled = true;      /* the journal and the central log record every request */
}

void trace_format(const Trace *t, char ret[static TRACEPARENT_SIZE]) {
        char span[17];

        random_hex(8, span);
        (void) snprintf(ret, TRACEPARENT_SIZE, "00-%.32s-%s-%s", t->id, span, t->sampled ? "01" : "00");
}
