/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/asking.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire/json.h"

#define CLIENT_SIZE 128

const char *asking_for(const char *session, char ret[static ASKING_HEADER_SIZE]) {
        (void) snprintf(ret, ASKING_HEADER_SIZE, "Gradebook-Session: %s", *session ? session : "none");
        return ret;
}

bool asking_session_needed(const HttpAnswer *answer) {
        return answer->error == 0 && answer->status == 401 && http_answer_header(answer, "Gradebook-Session");
}

int asking_account(const HttpAnswer *answer, char **ret) {
        const char *account = http_answer_header(answer, "Gradebook-Account");

        *ret = account ? strdup(account) : NULL;
        return account && !*ret ? -ENOMEM : 0;
}

/* RFC 7239: the address without the port, which says nothing of who it is; quoted, as an IPv6 address must be. */
static void write_forwarded(const Request *r, char ret[static CLIENT_SIZE]) {
        const char *client = request_client(r), *colon = strrchr(client, ':');
        int n = colon ? (int) (colon - client) : (int) strlen(client);

        (void) snprintf(ret, CLIENT_SIZE, "Forwarded: for=\"%.*s\"", n, client);
}

int asking_begin(Portal *p, Request *r, const Asking *asking, HttpCallDone done, void *userdata) {
        char session[ASKING_HEADER_SIZE], forwarded[CLIENT_SIZE], version[ASKING_HEADER_SIZE], key[ASKING_HEADER_SIZE];
        const char *headers[5] = {};
        HttpCallOptions options = {
                .method = asking->method,
                .url = asking->path,
                .headers = headers,
                .trace = request_trace(r),
                .timeout_usec = asking->timeout_usec,
                .fresh = strcmp(asking->method, "GET") != 0,
        };
        size_t n = 0;

        if (asking->session)
                headers[n++] = asking_for(asking->session, session);
        if (asking->says_client) {
                write_forwarded(r, forwarded);
                headers[n++] = forwarded;
        }
        if (asking->version) {
                (void) snprintf(version, sizeof(version), "If-Match: %s", asking->version);
                headers[n++] = version;
        }
        if (asking->only_new && !asking->version)
                headers[n++] = "If-None-Match: *";
        if (asking->key) {
                (void) snprintf(key, sizeof(key), "Idempotency-Key: %s", asking->key);
                headers[n++] = key;
        }
        if (asking->body) {
                options.content_type = "application/json";
                options.body = json_text(asking->body, &options.body_size);
                if (!options.body)
                        return -ENOMEM;
        }
        if (asking->table) {
                options.content_type = "text/csv; charset=utf-8";
                options.body = asking->table;
                options.body_size = asking->table_size;
        }
        return service_call(p->rt, GRADING_SERVICE, &options, done, userdata, NULL);
}
