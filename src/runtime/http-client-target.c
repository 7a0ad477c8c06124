/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#include "runtime/http-client-internal.h"

/* libcurl reads a URL anew for each call, and writes it anew from what it read: a seventh of all that a small request costs. */

/* As libcurl itself reads CURLOPT_URL, with CURLOPT_PATH_AS_IS. */
#define READ_FLAGS (CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS)

/* libcurl's copy of what was read lacks the zone of fe80::1%25eth0 (7.88): such a URL is read at each call. */
static bool has_zone(CURLU *parsed) {
        char *zone = NULL;
        bool has = curl_url_get(parsed, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK;

        curl_free(zone);
        return has;
}

static const char *part_of(CURLU *parsed, CURLUPart part, unsigned flags, char **text) {
        return curl_url_get(parsed, part, text, flags) == CURLUE_OK ? *text : NULL;
}

static void curl_freep(char **text) {
        curl_free(*text);
}

/* False: a name. */
static bool read_address(const char *host, uint16_t port, TargetAddress *ret) {
        char bare[INET6_ADDRSTRLEN];
        size_t n = strlen(host);

        *ret = (TargetAddress) {};
        if (host[0] == '[' && n - 2 < sizeof(bare) && host[n - 1] == ']') {
                memcpy(bare, host + 1, n - 2);
                bare[n - 2] = 0;
                ret->v6 = (struct sockaddr_in6) { .sin6_family = AF_INET6, .sin6_port = htons(port) };
                return inet_pton(AF_INET6, bare, &ret->v6.sin6_addr) == 1;
        }
        ret->v4 = (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = htons(port) };
        return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1;
}

static int write_head(HttpTarget *t, const char *host, const char *port, const char *path, const char *query) {
        bool usual = strcmp(port, "80") == 0;
        int n = asprintf(&t->head, " %s%s%s HTTP/1.1\r\nHost: %s%s%s\r\n", path, query ? "?" : "", query ? query : "",
                         host, usual ? "" : ":", usual ? "" : port);

        if (n < 0) {
                t->head = NULL;
                return -ENOMEM;
        }
        t->head_size = (size_t) n;
        return 0;
}

/* What follows from being plain HTTP at a numeric address, without a user: that needs no libcurl. */
static int look_for_address(HttpTarget *t) {
        _cleanup_(curl_freep) char *scheme = NULL, *user = NULL, *zone = NULL, *host = NULL, *port = NULL, *path = NULL, *query = NULL;
        TargetAddress address;
        uint64_t number;

        if (!part_of(t->parsed, CURLUPART_SCHEME, 0, &scheme) || strcmp(scheme, "http") != 0 ||
            part_of(t->parsed, CURLUPART_USER, 0, &user) || part_of(t->parsed, CURLUPART_ZONEID, 0, &zone) ||
            !part_of(t->parsed, CURLUPART_HOST, 0, &host) || !part_of(t->parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT, &port) ||
            !part_of(t->parsed, CURLUPART_PATH, 0, &path) || parse_uint64(port, &number) < 0 || number > UINT16_MAX ||
            !read_address(host, (uint16_t) number, &address))
                return 0;

        int r = write_head(t, host, port, path, part_of(t->parsed, CURLUPART_QUERY, 0, &query));
        if (r >= 0)
                t->address = address;
        return r;
}

bool http_target_is_direct(const HttpTarget *t) {
        return t && t->address.any.sa_family != AF_UNSPEC;
}

int http_target_new(HttpTarget **ret, const char *url) {
        _cleanup_(http_target_unrefp) HttpTarget *t = calloc(1, sizeof(HttpTarget));

        if (!t)
                return -ENOMEM;
        t->n_refs = 1;
        t->url = strdup(url);
        t->parsed = curl_url();
        if (!t->url || !t->parsed)
                return -ENOMEM;

        CURLUcode code = curl_url_set(t->parsed, CURLUPART_URL, url, READ_FLAGS);
        if (code == CURLUE_OUT_OF_MEMORY)
                return -ENOMEM;
        if (code != CURLUE_OK)
                return -EINVAL;
        int r = look_for_address(t);
        if (r < 0)
                return r;
        if (http_target_is_direct(t) || has_zone(t->parsed)) {
                curl_url_cleanup(t->parsed);
                t->parsed = NULL;
        }
        *ret = TAKE_PTR(t);
        return 0;
}

HttpTarget *http_target_ref(HttpTarget *t) {
        if (t)
                t->n_refs++;
        return t;
}

HttpTarget *http_target_unref(HttpTarget *t) {
        if (!t || --t->n_refs > 0)
                return NULL;
        curl_url_cleanup(t->parsed);
        free(t->url);
        free(t->head);
        free(t);
        return NULL;
}

const char *http_target_url(const HttpTarget *t) {
        return t->url;
}
