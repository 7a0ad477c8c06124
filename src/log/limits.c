/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Out of memory is an answer here, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) (failed = true)
#include <uthash.h>

typedef struct Counts {
        uint64_t began_usec;
        uint64_t taken;                 /* in this interval */
        uint64_t suppressed;            /* and not reported */
        uint64_t due_usec;              /* when they are to be */
        char service[65];
} Counts;

typedef struct Sender {
        char name[LIMITS_NAME_SIZE];
        Counts now, committed;          /* the latter while dirty */
        bool dirty;
        struct Sender *next_dirty;
        UT_hash_handle hh;              /* in the order in which they came first */
} Sender;

struct Limits {
        Sender *senders;
        size_t senders_max;
        uint64_t interval_usec, burst;
        Sender *last;                   /* the one that was looked for last: a batch is of one sender */
        Sender *dirty;
        uint64_t forgotten;             /* suppressed ones of senders that are not known any more */
        uint64_t forgotten_due_usec;
};

static Sender *find(Limits *l, const char *name) {
        size_t size = strnlen(name, LIMITS_NAME_SIZE - 1);
        Sender *s = l->last;

        if (s && strncmp(s->name, name, size) == 0 && s->name[size] == 0)
                return s;
        HASH_FIND(hh, l->senders, name, size, s);
        return l->last = s;
}

static Sender *add(Limits *l, const char *name, uint64_t now_usec) {
        Sender *s = calloc(1, sizeof(*s));
        bool failed = false;

        if (!s)
                return NULL;
        (void) snprintf(s->name, sizeof(s->name), "%s", name);
        s->now.began_usec = now_usec;
        HASH_ADD_STR(l->senders, name, s);
        if (failed) {
                free(s);
                s = NULL;
        }
        return l->last = s;
}

static void forget(Limits *l, Sender *s) {
        if (l->last == s)
                l->last = NULL;
        if (s->now.suppressed > 0 && l->forgotten == 0)
                l->forgotten_due_usec = s->now.due_usec;
        l->forgotten += s->now.suppressed;
        HASH_DEL(l->senders, s);
        free(s);
}

static void mark(Limits *l, Sender *s) {
        if (s->dirty)
                return;
        s->committed = s->now;
        s->dirty = true;
        s->next_dirty = l->dirty;
        l->dirty = s;
}

void limits_set(Limits *l, uint64_t interval_usec, uint64_t burst) {
        l->interval_usec = interval_usec;
        l->burst = burst;
}

uint64_t limits_take(Limits *l, const char *name, uint64_t now_usec, uint64_t n) {
        Sender *s;

        if (l->interval_usec == 0 || l->burst == 0)
                return 0;
        s = find(l, name);
        if (!s)
                s = add(l, name, now_usec);
        if (!s)
                return 0;
        mark(l, s);
        if (now_usec - s->now.began_usec >= l->interval_usec) {
                s->now.began_usec = now_usec;
                s->now.taken = 0;
        }
        if (n > l->burst || s->now.taken > l->burst - n)
                return s->now.began_usec + l->interval_usec - now_usec;
        s->now.taken += n;
        return 0;
}

void limits_suppress(Limits *l, const char *name, const char *service) {
        Sender *s = find(l, name);

        if (!s)
                return;
        mark(l, s);
        if (s->now.suppressed++ > 0)
                return;
        s->now.due_usec = s->now.began_usec + l->interval_usec;
        (void) snprintf(s->now.service, sizeof(s->now.service), "%s", service);
}

void limits_commit(Limits *l) {
        for (Sender *s = TAKE_PTR(l->dirty), *next; s; s = next) {
                next = TAKE_PTR(s->next_dirty);
                s->dirty = false;
        }
        while (HASH_COUNT(l->senders) > l->senders_max)
                forget(l, l->senders);
}

void limits_rollback(Limits *l) {
        for (Sender *s = l->dirty; s; s = s->next_dirty)
                s->now = s->committed;
        limits_commit(l);
}

bool limits_report(Limits *l, uint64_t now_usec, bool everything, LimitsReport *ret) {
        if (l->forgotten > 0 && (everything || now_usec >= l->forgotten_due_usec)) {
                *ret = (LimitsReport) { .suppressed = l->forgotten };
                l->forgotten = 0;
                return true;
        }
        for (Sender *s = l->senders; s; s = s->hh.next) {
                if (s->now.suppressed == 0 || s->dirty || (!everything && now_usec < s->now.due_usec))
                        continue;
                *ret = (LimitsReport) { .suppressed = s->now.suppressed };
                memcpy(ret->sender, s->name, sizeof(ret->sender));
                memcpy(ret->service, s->now.service, sizeof(ret->service));
                s->now.suppressed = 0;
                return true;
        }
        return false;
}

uint64_t limits_next_report(const Limits *l) {
        uint64_t next = l->forgotten > 0 ? l->forgotten_due_usec : 0;

        for (const Sender *s = l->senders; s; s = s->hh.next)
                if (s->now.suppressed > 0 && (next == 0 || s->now.due_usec < next))
                        next = s->now.due_usec;
        return next;
}

int limits_new(Limits **ret, size_t senders_max) {
        Limits *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        l->senders_max = senders_max;
        *ret = l;
        return 0;
}

Limits *limits_free(Limits *l) {
        if (!l)
                return NULL;
        while (l->senders)
                forget(l, l->senders);
        free(l);
        return NULL;
}
