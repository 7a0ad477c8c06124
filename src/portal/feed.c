/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/feed.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/text.h"
#include "portal/asking.h"
#include "portal/cookies.h"

#define ENTRIES_MAX 4096        /* each with its key and a page; over it the oldest without a fetch goes */
#define WAITERS_MAX 65536
#define ANSWER_MAX (64u << 20)
#define DIGEST_SIZE 32
#define LANGUAGE_SIZE 16

typedef struct Waiter Waiter;
struct Waiter {
        Request *request;
        FeedDone done;
        void *userdata;
        uint64_t basis;
        Waiter *next;
};

typedef struct Entry {
        Feed *feed;
        char *key;              /* digest of the session, language, path */
        const char *path;       /* in key */
        char session[SESSION_TEXT_SIZE];
        ServiceCall *call;      /* NULL: nothing is on its way */
        Waiter *waiting;        /* for call */
        Waiter *next;           /* for the one after it */
        char *body;             /* of the last 200 */
        size_t size;
        char *etag;             /* of body; NULL: none came */
        char *account;          /* as page shows it; NULL: nobody */
        bool setup_needed;      /* likewise */
        uint64_t revision;      /* of what is above */
        HttpBody *page;         /* made of it */
        uint64_t page_basis;    /* and of this */
        size_t page_size;
        uint64_t used;          /* when it was asked for, in the feed's count of requests */
        UT_hash_handle hh;
} Entry;

struct Feed {
        Runtime *rt;
        const char *service_name;
        size_t max_bytes;
        size_t n_waiters;
        uint64_t revisions;     /* given so far */
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

static void entry_free_parts(Entry *e) {
        sodium_memzero(e->session, sizeof(e->session));
        free(e->account);
        free(e->key);
        free(e);
}

static void entry_free(Entry *e) {
        entry_drop_body(e);
        e->feed->counters.entries--;
        HASH_DEL(e->feed->entries, e);
        entry_free_parts(e);
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

/* The session's text is in no key: what is compared to find an entry takes as long as the bytes are equal. */
static char *make_key(const FeedQuestion *q, size_t *ret_path) {
        char hex[2 * DIGEST_SIZE + 1] = "";
        uint8_t digest[DIGEST_SIZE];
        char *key;
        int n;

        if (*q->session) {
                (void) crypto_generichash(digest, sizeof(digest), (const unsigned char *) q->session, strlen(q->session), NULL, 0);
                (void) sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
        }
        n = asprintf(&key, "%s %u %s", hex, q->language, q->path);
        if (n < 0)
                return NULL;
        *ret_path = (size_t) n - strlen(q->path);
        return key;
}

static Entry *entry_new(Feed *f, const FeedQuestion *q, char *key, size_t path) {
        Entry *e = calloc(1, sizeof(*e));

        if (!e) {
                free(key);
                return NULL;
        }
        e->feed = f;
        e->key = key;
        e->path = key + path;
        (void) snprintf(e->session, sizeof(e->session), "%s", q->session);
        HASH_ADD_KEYPTR(hh, f->entries, e->key, strlen(e->key), e);
        if (!e->hh.tbl) {
                entry_free_parts(e);
                return NULL;
        }
        f->counters.entries++;
        return e;
}

static Entry *entry_get(Feed *f, const FeedQuestion *q) {
        size_t path;
        char *key = make_key(q, &path);
        Entry *e;

        if (!key)
                return NULL;
        HASH_FIND_STR(f->entries, key, e);
        if (e)
                free(key);
        else
                e = entry_new(f, q, key, path);
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

static Waiter *waiter_answer(Feed *f, Waiter *w, const FeedAnswer *answer) {
        Waiter *next = w->next;

        f->n_waiters--;
        w->done(answer, w->request, w->userdata);
        free(w);
        return next;
}

static void waiters_answer(Feed *f, Waiter *w, const FeedAnswer *answer) {
        while (w)
                w = waiter_answer(f, w, answer);
}

/* Of a 200: each with the page that the ones before it made, if it is made of the same. */
static void waiters_answer_page(Entry *e, Waiter *w, FeedAnswer *answer) {
        while (w) {
                HttpBody *unkept = NULL;
                uint64_t basis = w->basis;

                if (e->page && e->page_basis != basis)
                        entry_drop_page(e);
                answer->page = e->body ? &e->page : &unkept;
                w = waiter_answer(e->feed, w, answer);
                http_body_unref(unkept);
                if (e->page && e->page_size == 0) {
                        e->page_basis = basis;
                        e->page_size = http_body_size(e->page);
                        e->feed->counters.bytes += e->page_size;
                }
        }
}

static void entry_answer_error(Entry *e, int error) {
        const FeedAnswer answer = { .error = error, .body = "" };

        waiters_answer(e->feed, waiters_reverse(TAKE_PTR(e->waiting)), &answer);
}

static int entry_call(Entry *e) {
        Feed *f = e->feed;
        _cleanup_(freep) char *condition = NULL;
        char session[ASKING_HEADER_SIZE];
        const char *headers[3] = { asking_for(e->session, session) };
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
                headers[1] = condition;
        }
        f->counters.fetches++;
        return service_call(f->rt, f->service_name, &options, on_answer, e, &e->call);
}

/* Fetches for those who came while the last fetch was on its way. */
static int entry_start(Entry *e) {
        int r;

        e->waiting = TAKE_PTR(e->next);
        r = entry_call(e);
        if (r < 0)
                entry_answer_error(e, r);
        return r;
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
        e->revision = ++e->feed->revisions;
        e->feed->counters.bytes += e->size;
        if (etag && *etag)
                e->etag = strdup(etag);
}

/* Who it is, and whether there is an administrator, stands on the page, and not in the body that it is made of. */
static int entry_note_people(Entry *e, const char *account, bool setup_needed) {
        bool same = e->setup_needed == setup_needed && (account && e->account ? strcmp(account, e->account) == 0 : account == e->account);

        if (same)
                return 0;
        entry_drop_page(e);
        e->revision = ++e->feed->revisions;
        e->setup_needed = setup_needed;
        return text_replace(&e->account, account);
}

static void entry_answer(Entry *e, const HttpAnswer *answer) {
        Feed *f = e->feed;
        FeedAnswer a = { .error = answer->error, .status = answer->status, .body = answer->body, .size = answer->size };
        _cleanup_(freep) char *account = NULL;

        a.session_needed = asking_session_needed(answer);
        a.setup_needed = answer->error == 0 && http_answer_header(answer, "Gradebook-Setup");
        if (answer->error == 0 && asking_account(answer, &account) < 0)
                a = (FeedAnswer) { .error = -ENOMEM, .body = "" };
        a.account = account;
        if (a.error == 0 && (a.status == 200 || a.status == 304) && entry_note_people(e, account, a.setup_needed) < 0)
                a = (FeedAnswer) { .error = -ENOMEM, .body = "" };
        if (a.session_needed)
                entry_drop_body(e); /* it is nobody's now */

        if (a.error == 0 && (answer->status == 200 || answer->status == 304)) {
                if (entry_is_unchanged(e, answer))
                        f->counters.unchanged++;
                else if (answer->status == 200)
                        entry_store(e, answer);
                if (e->body) {
                        a.status = 200;
                        a.body = e->body;
                        a.size = e->size;
                        a.revision = e->revision;
                }
        }
        if (a.error == 0 && a.status == 200)
                waiters_answer_page(e, waiters_reverse(TAKE_PTR(e->waiting)), &a);
        else
                waiters_answer(f, waiters_reverse(TAKE_PTR(e->waiting)), &a);
}

static void on_answer(const HttpAnswer *answer, void *userdata) {
        Entry *e = userdata;
        Feed *f = e->feed;

        /* e->call stays set while the callbacks run, so that who asks from within one waits for the next. */
        entry_answer(e, answer);
        e->call = NULL;
        if (e->next)
                (void) entry_start(e);
        if (entry_is_idle(e) && !e->body)
                entry_free(e);
        feed_evict(f);
}

void feed_get(Feed *f, const FeedQuestion *question, Request *r, FeedDone done, void *userdata) {
        Waiter *w = f->n_waiters < WAITERS_MAX ? malloc(sizeof(*w)) : NULL;
        Entry *e = w ? entry_get(f, question) : NULL;

        f->counters.requests++;
        if (!e) {
                const FeedAnswer answer = { .error = f->n_waiters < WAITERS_MAX ? -ENOMEM : -EBUSY, .body = "" };

                free(w);
                done(&answer, r, userdata);
                return;
        }
        *w = (Waiter) { .request = r, .done = done, .userdata = userdata, .basis = question->basis, .next = e->next };
        e->next = w;
        f->n_waiters++;
        /* Where nothing can be asked nothing is remembered either: what is asked for is anybody's to make up. */
        if (!e->call && !e->waiting && entry_start(e) < 0 && entry_is_idle(e) && !e->body)
                entry_free(e);
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
