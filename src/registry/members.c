/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/members.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/etcd-message.h"
#include "registry/rendezvous.h"
#include "wire/json.h"

#define MEMBERS_MAX 64          /* more registries than anybody needs */
#define FILE_MAX_BYTES (256u << 10)
#define FILE_MODE 0640
#define RETRY_USEC (500 * USEC_PER_MSEC)
#define LONG_KEEP_USEC (60 * USEC_PER_SEC)

typedef struct Member {
        char *id;
        char *url;
        bool seen;
} Member;

struct Members {
        MembersOptions options;
        char *id, *key, *url, *path;
        Member others[MEMBERS_MAX];
        size_t n_others;
        bool changed;
        bool returned;
        bool stopping;
        int64_t lease;
        bool is_listed;         /* our key is there, under that lease */
        uint64_t kept_usec;     /* monotonic: when the long lease was kept alive last; 0: it has to be made */
        size_t n_open;          /* calls */
        sd_event_source *timer;
};

static void next_step(Members *m);
static void arm(Members *m, uint64_t usec);

/* ---- who is there ---- */

static Member *find(const Members *m, const char *id) {
        for (size_t i = 0; i < m->n_others; i++)
                if (strcmp(m->others[i].id, id) == 0)
                        return (Member *) &m->others[i];
        return NULL;
}

static void drop(Members *m, Member *member) {
        log_info("The registry %s (%s) is gone.", member->url, member->id);
        free(member->id);
        free(member->url);
        *member = m->others[--m->n_others];
        m->changed = true;
}

/* Whoever starts without etcd would take all for its own otherwise. */
static void save(const Members *m) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        for (size_t i = 0; i < m->n_others; i++)
                (void) buffer_printf(&b, "%s %s\n", m->others[i].id, m->others[i].url);
        int r = b.error < 0 ? b.error : file_replace(m->path, buffer_text(&b), b.size, FILE_MODE);
        if (r < 0)
                log_warning("Cannot keep which registries there are in %s: %s", m->path, strerror(-r));
}

static void tell(Members *m) {
        bool returned = m->returned;

        if (!m->changed && !returned)
                return;
        if (m->changed)
                save(m);
        m->changed = m->returned = false;
        m->options.changed(returned, m->options.userdata);
}

void members_begin(Members *m) {
        for (size_t i = 0; i < m->n_others; i++)
                m->others[i].seen = false;
        m->is_listed = false;
}

void members_end(Members *m) {
        for (size_t i = m->n_others; i > 0; i--)
                if (!m->others[i - 1].seen)
                        drop(m, &m->others[i - 1]);
        if (!m->is_listed) {
                m->lease = 0;
                m->returned = m->n_others > 0;
        }
        tell(m);
}

void members_settle(Members *m) {
        tell(m);
}

/* -ENOBUFS: one too many, which then owns nothing here. */
static int add(Members *m, const char *id, const char *url) {
        Member member = { .seen = true };

        if (m->n_others >= MEMBERS_MAX)
                return -ENOBUFS;
        if (text_replace(&member.id, id) < 0 || text_replace(&member.url, url) < 0) {
                free(member.id);
                return -ENOMEM;
        }
        m->others[m->n_others++] = member;
        m->changed = true;
        log_info("The registry %s (%s) is there.", url, id);
        return 0;
}

void members_put(Members *m, const char *id, const char *url) {
        if (strcmp(id, m->id) == 0) {
                m->is_listed = true;
                return;
        }
        Member *known = find(m, id);
        int r = known ? 0 : add(m, id, url);
        if (known)
                known->seen = true;
        if (r < 0)
                log_warning("The registry %s is not counted: %s", url, strerror(-r));
}

void members_remove(Members *m, const char *id) {
        Member *known = find(m, id);

        if (known)
                drop(m, known);
        /* We were not heard for too long: others have taken over, and give back when we are there again. */
        if (strcmp(id, m->id) == 0 && !m->stopping) {
                m->lease = 0;
                m->is_listed = false;
                m->returned = m->n_others > 0;
                arm(m, 0);
        }
        tell(m);
}

const char *members_owner(const Members *m, const char *key) {
        const char *ids[MEMBERS_MAX + 1] = { m->id };

        for (size_t i = 0; i < m->n_others; i++)
                ids[i + 1] = m->others[i].id;
        return ids[rendezvous_owner(key, ids, m->n_others + 1)];
}

bool members_has(const Members *m, const char *id) {
        return strcmp(id, m->id) == 0 || find(m, id);
}

size_t members_count(const Members *m) {
        return m->n_others + 1;
}

/* ---- our own leases ---- */

int64_t members_lease(const Members *m) {
        return m->lease;
}

int64_t members_long_lease(const Members *m) {
        int64_t id = (int64_t) (strtoull(m->id, NULL, 16) & INT64_MAX);

        return id > 0 ? id : 1;
}

static void arm(Members *m, uint64_t usec) {
        if (m->stopping)
                return;
        (void) sd_event_source_set_time_relative(m->timer, usec);
        (void) sd_event_source_set_enabled(m->timer, SD_EVENT_ONESHOT);
}

/* Whether what comes next may follow at once; else it is tried again. */
static bool note(Members *m, int result) {
        m->n_open--;
        if (result == -ECANCELED || m->stopping)
                return false;
        m->options.answered(result, m->options.userdata);
        if (result < 0)
                arm(m, RETRY_USEC);
        return result >= 0;
}

static void call(Members *m, const char *path, int made, json_object *body, EtcdDone done) {
        int r = made < 0 ? made : etcd_call(m->options.etcd, path, body, m->options.ttl_usec, done, m);

        if (r < 0) {
                log_warning("Cannot keep this registry's place among the others: %s", strerror(-r));
                arm(m, RETRY_USEC);
                return;
        }
        m->n_open++;
}

static void on_put(int result, json_object *answer, void *userdata) {
        Members *m = userdata;

        if (result == -ENOENT)
                m->lease = 0;
        if (!note(m, result))
                return;
        m->is_listed = true;
        arm(m, m->options.ttl_usec / 3);
}

static void put_key(Members *m) {
        _cleanup_(json_unrefp) json_object *value = json_object_new_object();
        json_object *txn = NULL;

        int r = value ? json_add_text(value, "URL", m->url) : -ENOMEM;
        if (r >= 0)
                r = etcd_txn_message(&txn);
        if (r >= 0)
                r = etcd_txn_put(txn, m->key, json_text(value, NULL), m->lease);
        call(m, "/kv/txn", r, txn, on_put);
}

static void on_granted(int result, json_object *answer, void *userdata) {
        Members *m = userdata;

        if (!note(m, result))
                return;
        m->lease = (int64_t) etcd_number(answer, "ID");
        next_step(m);
}

static void on_kept(int result, json_object *answer, void *userdata) {
        json_object *inner = NULL;
        Members *m = userdata;

        if (!note(m, result))
                return;
        if (!json_object_object_get_ex(answer, "result", &inner) || etcd_number(inner, "TTL") == 0) {
                m->lease = 0;
                next_step(m);
                return;
        }
        arm(m, m->options.ttl_usec / 3);
}

static void on_long_granted(int result, json_object *answer, void *userdata) {
        Members *m = userdata;

        if (note(m, result == -EEXIST ? 0 : result)) {
                m->kept_usec = clock_monotonic_usec();
                next_step(m);
        }
}

static void on_long_kept(int result, json_object *answer, void *userdata) {
        json_object *inner = NULL;
        Members *m = userdata;

        if (!note(m, result))
                return;
        bool kept = json_object_object_get_ex(answer, "result", &inner) && etcd_number(inner, "TTL") > 0;
        m->kept_usec = kept ? clock_monotonic_usec() : 0;
        next_step(m);
}

static uint64_t long_period(const Members *m) {
        uint64_t third = m->options.long_ttl_sec * USEC_PER_SEC / 3;

        return third < LONG_KEEP_USEC ? third : LONG_KEEP_USEC;
}

/* One call after the other: first the lease that others wait for. */
static void next_step(Members *m) {
        json_object *o = NULL;
        int r;

        if (m->stopping || m->n_open > 0)
                return;
        if (m->kept_usec == 0) {
                r = etcd_lease_message(members_long_lease(m), m->options.long_ttl_sec, &o);
                call(m, "/lease/grant", r, o, on_long_granted);
        } else if (m->lease == 0) {
                m->is_listed = false;
                r = etcd_lease_message(0, (m->options.ttl_usec + USEC_PER_SEC - 1) / USEC_PER_SEC, &o);
                call(m, "/lease/grant", r, o, on_granted);
        } else if (!m->is_listed) {
                put_key(m);
        } else if (clock_monotonic_usec() > m->kept_usec + long_period(m)) {
                r = etcd_lease_message(members_long_lease(m), 0, &o);
                call(m, "/lease/keepalive", r, o, on_long_kept);
        } else {
                r = etcd_lease_message(m->lease, 0, &o);
                call(m, "/lease/keepalive", r, o, on_kept);
        }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        next_step(userdata);
        return 0;
}

/* ---- its life ---- */

bool members_has_long_lease(const Members *m) {
        return m->kept_usec > 0;
}

void members_lose_long_lease(Members *m) {
        m->kept_usec = 0;
        arm(m, 0);
}

void members_start(Members *m) {
        arm(m, 0);
}

void members_stop(Members *m) {
        m->stopping = true;
        (void) sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
}

static int load(Members *m) {
        _cleanup_(freep) char *text = NULL;
        char *rest, *line;

        int r = file_read(m->path, FILE_MAX_BYTES, &text, NULL);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        rest = text;
        while ((line = strsep(&rest, "\n"))) {
                char *url = strchr(line, ' ');

                if (!url)
                        continue;
                *url++ = 0;
                r = add(m, line, url);
                if (r == -ENOMEM)
                        return r;
        }
        m->changed = false;
        return 0;
}

int members_new(Members **ret, const MembersOptions *options) {
        _cleanup_(members_freep) Members *m = calloc(1, sizeof(Members));

        if (!m)
                return -ENOMEM;

        m->options = *options;
        if (text_replace(&m->id, options->id) < 0 || text_replace(&m->key, options->key) < 0 || text_replace(&m->url, options->url) < 0 ||
            text_replace(&m->path, options->path) < 0)
                return -ENOMEM;
        int r = load(m);
        if (r >= 0)
                r = sd_event_add_time_relative(options->event, &m->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_timer, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

Members *members_free(Members *m) {
        if (!m)
                return NULL;

        sd_event_source_disable_unref(m->timer);
        for (size_t i = 0; i < m->n_others; i++) {
                free(m->others[i].id);
                free(m->others[i].url);
        }
        free(m->id);
        free(m->key);
        free(m->url);
        free(m->path);
        free(m);
        return NULL;
}
