/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/feed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define ENTRIES_MAX 4096        /* each with its key and a page; over it the oldest without a fetch goes */
#define WAITERS_MAX 65536
#define ANSWER_MAX (64u << 20)

typedef struct Waiter Waiter;
struct Waiter {
        Request *request;
        FeedDone done;
        void *userdata;
        Waiter *next;
};

typedef struct Entry {
        Feed *feed;
        char *path;
        ServiceCall *call;      /* NULL: nothing is on its way */
        Waiter *waiting;        /* for call */
        Waiter *next;           /* for the one after it */
        char *body;             /* of the last 200 */
        size_t size;
        char *etag;             /* of body; NULL: none came */
        HttpBody *page;         /* made of body */
        size_t page_size;
        uint64_t used;          /* when it was asked for, in the feed's count of requests */
        UT_hash_handle hh;
} Entry;

struct Feed {
        Runtime *rt;
        const char *service_name;
        size_t max_bytes;
        size_t n_waiters;
        Entry *entries;
        FeedCounters counters;
};

static void on_answer(const HttpAnswer *answer, void *userdata);

static void entry_drop_page(Entry *e) {
        e->page = http_body_unref(e->page);
        e->feed->counters.bytes -= e->page_size;
        e->page_size = 0;
}

static void entry_drop_body(Entry *e) {
        entry_drop_page(e);
        e->feed->counters.bytes -= e->size;
        free(e->body);
        free(e->etag);
        e->body = e->etag = NULL;
        e->size = 0;
}

static void entry_free(Entry *e) {
        entry_drop_body(e);
        e->feed->counters.entries--;
        HASH_DEL(e->feed->entries, e);
        free(e->path);
        free(e);
}

static bool feed_is_full(const Feed *f) {
        return f->counters.entries > ENTRIES_MAX || f->counters.bytes > f->max_bytes;
}

static bool entry_is_idle(const Entry *e) {
        return !e->call && !e->waiting && !e->next;
}

static void feed_evict(Feed *f) {
        while (feed_is_full(f)) {
                Entry *oldest = NULL;

                for (Entry *e = f->entries; e; e = e->hh.next)
                        if (entry_is_idle(e) && (!oldest || e->used < oldest->used))
                                oldest = e;
                if (!oldest)
                        return;
                entry_free(oldest);
        }
}

static Entry *entry_new(Feed *f, const char *path) {
        Entry *e = calloc(1, sizeof(*e));

        if (!e)
                return NULL;
        e->feed = f;
        e->path = strdup(path);
        if (e->path)
                HASH_ADD_KEYPTR(hh, f->entries, e->path, strlen(e->path), e);
        if (!e->path || !e->hh.tbl) {
                free(e->path);
                free(e);
                return NULL;
        }
        f->counters.entries++;
        return e;
}

static Entry *entry_get(Feed *f, const char *path) {
        Entry *e;

        HASH_FIND_STR(f->entries, path, e);
        if (!e)
                e = entry_new(f, path);
        if (e)
                e->used = f->counters.requests;
        return e;
}

/* A waiter list is built newest first; turned round it is the order of arrival. */
static Waiter *waiters_reverse(Waiter *w) {
        Waiter *reversed = NULL;

        while (w) {
                Waiter *next = w->next;

                w->next = reversed;
                reversed = w;
                w = next;
        }
        return reversed;
}

static void waiters_answer(Feed *f, Waiter *w, const FeedAnswer *answer) {
        while (w) {
                Waiter *next = w->next;

                f->n_waiters--;
                w->done(answer, w->request, w->userdata);
                free(w);
                w = next;
        }
}

static void entry_answer_error(Entry *e, int error) {
        const FeedAnswer answer = { .error = error, .body = "" };

        waiters_answer(e->feed, waiters_reverse(TAKE_PTR(e->waiting)), &answer);
}

static int entry_call(Entry *e) {
        Feed *f = e->feed;
        _cleanup_(freep) char *condition = NULL;
        const char *headers[2] = {};
        const HttpCallOptions options = {
                .url = e->path,
                .headers = headers,
                .trace = request_trace(e->waiting->request),
                .answer_max = ANSWER_MAX,
        };

        if (e->etag) {
                if (asprintf(&condition, "If-None-Match: %s", e->etag) < 0) {
                        condition = NULL;
                        return -ENOMEM;
                }
                headers[0] = condition;
        }
        f->counters.fetches++;
        return service_call(f->rt, f->service_name, &options, on_answer, e, &e->call);
}

/* Fetches for those who came while the last fetch was on its way. */
static void entry_start(Entry *e) {
        int r;

        e->waiting = TAKE_PTR(e->next);
        r = entry_call(e);
        if (r < 0)
                entry_answer_error(e, r);
}

static bool entry_is_unchanged(const Entry *e, const HttpAnswer *answer) {
        if (!e->body)
                return false;
        return answer->status == 304 || (e->size == answer->size && memcmp(e->body, answer->body, e->size) == 0);
}

/* Keeps the body of a 200; without memory nothing is kept, and the answer is good all the same. */
static void entry_store(Entry *e, const HttpAnswer *answer) {
        const char *etag = http_answer_header(answer, "ETag");

        entry_drop_body(e);
        e->body = malloc(answer->size + 1);
        if (!e->body)
                return;
        memcpy(e->body, answer->body, answer->size + 1);
        e->size = answer->size;
        e->feed->counters.bytes += e->size;
        if (etag && *etag)
                e->etag = strdup(etag);
}

static void entry_answer(Entry *e, const HttpAnswer *answer) {
        Feed *f = e->feed;
        FeedAnswer a = { .error = answer->error, .status = answer->status, .body = answer->body, .size = answer->size };
        HttpBody *unkept = NULL;

        if (answer->error == 0 && (answer->status == 200 || answer->status == 304)) {
                if (entry_is_unchanged(e, answer))
                        f->counters.unchanged++;
                else if (answer->status == 200)
                        entry_store(e, answer);
                if (e->body) {
                        a.status = 200;
                        a.body = e->body;
                        a.size = e->size;
                }
                if (a.status == 200)
                        a.page = e->body ? &e->page : &unkept;
        }
        waiters_answer(f, waiters_reverse(TAKE_PTR(e->waiting)), &a);
        http_body_unref(unkept);
        if (e->page && e->page_size == 0) {
                e->page_size = http_body_size(e->page);
                f->counters.bytes += e->page_size;
        }
}

static void on_answer(const HttpAnswer *answer, void *userdata) {
        Entry *e = userdata;
        Feed *f = e->feed;

        /* e->call stays set while the callbacks run, so that who asks from within one waits for the next. */
        entry_answer(e, answer);
        e->call = NULL;
        if (e->next)
                entry_start(e);
        if (entry_is_idle(e) && !e->body)
                entry_free(e);
        feed_evict(f);
}

void feed_get(Feed *f, const char *path, Request *r, FeedDone done, void *userdata) {
        Waiter *w = f->n_waiters < WAITERS_MAX ? malloc(sizeof(*w)) : NULL;
        Entry *e = w ? entry_get(f, path) : NULL;

        f->counters.requests++;
        if (!e) {
                const FeedAnswer answer = { .error = f->n_waiters < WAITERS_MAX ? -ENOMEM : -EBUSY, .body = "" };

                free(w);
                done(&answer, r, userdata);
                return;
        }
        *w = (Waiter) { .request = r, .done = done, .userdata = userdata, .next = e->next };
        e->next = w;
        f->n_waiters++;
        if (!e->call && !e->waiting)
                entry_start(e);
}

int feed_new(Feed **ret, Runtime *rt, const char *service_name, size_t max_bytes) {
        Feed *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        f->rt = rt;
        f->service_name = service_name;
        f->max_bytes = max_bytes;
        *ret = f;
        return 0;
}

Feed *feed_free(Feed *f) {
        if (!f)
                return NULL;
        while (f->entries) {
                Entry *e = f->entries;

                e->call = service_call_cancel(e->call);
                while (e->waiting || e->next) {
                        entry_answer_error(e, -ECANCELED);
                        e->waiting = TAKE_PTR(e->next);
                }
                entry_free(e);
        }
        free(f);
        return NULL;
}

void feed_forget_pages(Feed *f) {
        for (Entry *e = f->entries; e; e = e->hh.next)
                entry_drop_page(e);
}

void feed_set_max(Feed *f, size_t max_bytes) {
        f->max_bytes = max_bytes;
        feed_evict(f);
}

const FeedCounters *feed_counters(const Feed *f) {
        return &f->counters;
}
