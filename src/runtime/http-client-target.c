/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

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
        if (has_zone(t->parsed)) {
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
        free(t);
        return NULL;
}

const char *http_target_url(const HttpTarget *t) {
        return t->url;
}
