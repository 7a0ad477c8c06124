/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/store-etcd.h"

#define ID_MODE 0640
#define FIRST_TIMEOUT_USEC (2500 * USEC_PER_MSEC)
#define LEAVE_TIMEOUT_USEC (500 * USEC_PER_MSEC)

/* What has to be asked while the daemon's loop does not run yet, or no more: on a loop of its own. */
typedef struct Question {
        sd_event *event;
        HttpClient *client;
        Etcd *etcd;
        bool ended;
        int result;
        json_object *answer;
} Question;

static void on_answer(int result, json_object *answer, void *userdata) {
        Question *q = userdata;

        q->ended = true;
        q->result = result;
        q->answer = answer ? json_object_get(answer) : NULL;
}

static int ask(Question *q, const HttpClient *client, const EtcdOptions *options, const char *path, json_object *body, uint64_t timeout_usec) {
        int r = sd_event_new(&q->event);

        if (r >= 0)
                r = http_client_new(&q->client, q->event, timeout_usec);
        if (r >= 0)
                r = http_client_share_tls(q->client, client);
        if (r >= 0)
                r = etcd_new(&q->etcd, q->event, q->client, options);
        if (r < 0) {
                json_object_put(body);
                return r;
        }
        r = etcd_call(q->etcd, path, body, timeout_usec, on_answer, q);
        while (r >= 0 && !q->ended)
                r = sd_event_run(q->event, UINT64_MAX);
        return r < 0 ? r : q->result;
}

static void question_deinit(Question *q) {
        if (q->client)
                http_client_stop(q->client);
        etcd_free(q->etcd);
        http_client_free(q->client);
        sd_event_unref(q->event);
        json_object_put(q->answer);
}

void etcd_store_list_first(EtcdStore *s) {
        EtcdOptions options = { .endpoints = s->first.endpoints, .user = s->first.user, .password = s->first.password };
        Question q = {};
        json_object *o = NULL;

        int r = etcd_range_message(s->prefix, &o);
        if (r >= 0)
                r = ask(&q, s->client, &options, "/kv/range", o, FIRST_TIMEOUT_USEC);
        if (r >= 0)
                s->list = TAKE_PTR(q.answer);
        else if (text_replace(&s->why, q.etcd && *etcd_error(q.etcd) ? etcd_error(q.etcd) : strerror(-r)) < 0)
                log_warning("Out of memory.");
        question_deinit(&q);
}

void etcd_store_leave(EtcdStore *s, const char *endpoints, const char *user, const char *password) {
        EtcdOptions options = { .endpoints = endpoints, .user = user, .password = password };
        Question q = {};
        json_object *o = NULL;

        if (members_lease(s->members) == 0 || s->why)
                return;
        int r = etcd_lease_message(members_lease(s->members), 0, &o);
        if (r >= 0)
                r = ask(&q, s->client, &options, "/lease/revoke", o, LEAVE_TIMEOUT_USEC);
        if (r < 0)
                log_info("The other registries wait for this one for a moment: %s", strerror(-r));
        question_deinit(&q);
}

static bool is_id(const char *text) {
        return strlen(text) == REGISTRY_ID_SIZE - 1 && strspn(text, "0123456789abcdef") == REGISTRY_ID_SIZE - 1;
}

/* The same after a restart: so what it owned stays its own. */
int etcd_store_read_id(EtcdStore *s, const char *path) {
        _cleanup_(freep) char *text = NULL;
        char line[REGISTRY_ID_SIZE + 1];
        uint64_t id;

        int r = file_read(path, 64, &text, NULL);
        if (r >= 0)
                text[strcspn(text, "\n")] = 0;
        if (r >= 0 && is_id(text)) {
                memcpy(s->id, text, REGISTRY_ID_SIZE);
                return 0;
        }
        if (r < 0 && r != -ENOENT)
                return r;
        if (getrandom(&id, sizeof(id), 0) != sizeof(id))
                return -EIO;

        (void) snprintf(s->id, sizeof(s->id), "%016" PRIx64, id);
        (void) snprintf(line, sizeof(line), "%s\n", s->id);
        return file_replace(path, line, strlen(line), ID_MODE);
}
