/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/log-compare.h"

#include <errno.h>
#include <string.h>
#include <uthash.h>

typedef struct Key {
        char source[COMPARE_SOURCE_MAX];
        uint64_t sequence;
} Key;

/* A line that came of one copy, or of both: it is kept then until it is too old to come a second time. */
typedef struct Waiting {
        Key key;
        uint64_t time_usec;             /* of the first that came */
        LogCopy first;
        bool both, important;
        char *service, *message;
        UT_hash_handle hh;
} Waiting;

struct Compare {
        Waiting *lines;         /* in the order in which they came */
        size_t max;
        CompareTell tell;
        void *userdata;
};

int compare_new(Compare **ret, size_t max_lines, CompareTell tell, void *userdata) {
        Compare *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->max = max_lines;
        c->tell = tell;
        c->userdata = userdata;
        *ret = c;
        return 0;
}

static void drop(Compare *c, Waiting *w) {
        HASH_DEL(c->lines, w);
        free(w->service);
        free(w->message);
        free(w);
}

Compare *compare_free(Compare *c) {
        Waiting *w, *next;

        if (!c)
                return NULL;
        HASH_ITER(hh, c->lines, w, next)
                drop(c, w);
        free(c);
        return NULL;
}

static int tell(const Compare *c, Difference d, const Waiting *w, const char *other) {
        ComparedLine line = { w->key.source, w->key.sequence, w->time_usec, w->service, w->message, w->important };

        return c->tell(d, &line, other, c->userdata);
}

static int keep(Compare *c, LogCopy copy, const Key *key, const ComparedLine *line) {
        Waiting *w;

        if (HASH_COUNT(c->lines) >= c->max)
                return -ENOBUFS;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->key = *key;
        w->time_usec = line->time_usec;
        w->first = copy;
        w->important = line->important;
        w->service = strdup(line->service);
        w->message = strdup(line->message);
        if (!w->service || !w->message) {
                free(w->service);
                free(w->message);
                free(w);
                return -ENOMEM;
        }
        HASH_ADD(hh, c->lines, key, sizeof(w->key), w);
        return 0;
}

static int meet(Compare *c, Waiting *w, LogCopy copy, const ComparedLine *line) {
        const char *journal = copy == COPY_JOURNAL ? line->message : w->message;
        const char *central = copy == COPY_JOURNAL ? w->message : line->message;
        bool alike = strcmp(journal, central) == 0;
        ComparedLine told = *line;

        w->both = true;
        told.message = journal;
        return c->tell(alike ? DIFFERENCE_NONE : DIFFERENCE_TEXT, &told, alike ? NULL : central, c->userdata);
}

int compare_add(Compare *c, LogCopy copy, const ComparedLine *line) {
        /* Compared bytewise: what is behind the text has to be alike. */
        Key key = { .sequence = line->sequence };
        size_t n = strlen(line->source);
        Waiting *w;

        if (n == 0 || n >= sizeof(key.source))
                return -EINVAL;
        memcpy(key.source, line->source, n);
        HASH_FIND(hh, c->lines, &key, sizeof(key), w);
        if (!w)
                return keep(c, copy, &key, line);
        if (!w->both && w->first != copy)
                return meet(c, w, copy, line);
        /* journald itself may have been asked twice, and that is nobody's loss. */
        return copy == COPY_CENTRAL ? tell(c, DIFFERENCE_TWICE, w, NULL) : 0;
}

int compare_expire(Compare *c, uint64_t before_usec) {
        Waiting *w, *next;

        HASH_ITER(hh, c->lines, w, next) {
                int r = 0;

                if (w->time_usec >= before_usec)
                        continue;
                if (!w->both)
                        r = tell(c, w->first == COPY_JOURNAL ? DIFFERENCE_NOT_CENTRAL : DIFFERENCE_NOT_JOURNAL, w, NULL);
                drop(c, w);
                if (r < 0)
                        return r;
        }
        return 0;
}

size_t compare_waiting(const Compare *c) {
        return HASH_COUNT(c->lines);
}
