/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/csrf.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#define LABEL "gradebook form 1"        /* what the hash is for: it never is one of another use of the secret */
#define HASH_SIZE 32
#define ENCODING sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(sodium_base64_ENCODED_LEN(HASH_SIZE, ENCODING) == CSRF_TEXT_SIZE, "43 characters and a NUL");

/* BLAKE2b of the secret, keyed by the label: who sees a page learns nothing of the session from it. */
void csrf_make(const char *secret, char ret[static CSRF_TEXT_SIZE]) {
        unsigned char hash[HASH_SIZE];

        (void) crypto_generichash(hash, sizeof(hash), (const unsigned char *) secret, strlen(secret), (const unsigned char *) LABEL, strlen(LABEL));
        (void) sodium_bin2base64(ret, CSRF_TEXT_SIZE, hash, sizeof(hash), ENCODING);
}

bool csrf_is_valid(Request *r, const char *secret) {
        return csrf_is_token(request_form(r, CSRF_FIELD), secret);
}

bool csrf_is_token(const char *given, const char *secret) {
        char expected[CSRF_TEXT_SIZE];

        if (!*secret || !given || strlen(given) != CSRF_TEXT_SIZE - 1)
                return false;
        csrf_make(secret, expected);
        return sodium_memcmp(given, expected, CSRF_TEXT_SIZE) == 0;
}

bool origin_is_of_host(const char *origin, const char *host) {
        static const char *const schemes[] = { "https://", "http://" };

        if (!origin)
                return true;
        for (size_t i = 0; host && i < ELEMENTSOF(schemes); i++)
                if (strncasecmp(origin, schemes[i], strlen(schemes[i])) == 0)
                        return strcasecmp(origin + strlen(schemes[i]), host) == 0;
        return false;
}

bool csrf_is_from_here(const Request *r) {
        const char *site = request_header(r, "Sec-Fetch-Site");

        /* "none" and others come with a typed address or an old page; they have an Origin where it matters. */
        return (site && strcmp(site, "same-origin") == 0) || origin_is_of_host(request_header(r, "Origin"), request_header(r, "Host"));
}
