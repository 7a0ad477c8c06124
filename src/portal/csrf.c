/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/csrf.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#define LABEL "gradebook form 1"        /* what the hash is for: it never is one of another use of the secret */
#define HASH_SIZE 32
#define ENCODING sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(sodium_base64_ENCODED_LEN(2 * HASH_SIZE, ENCODING) == CSRF_TEXT_SIZE, "86 characters and a NUL");

/* BLAKE2b of the secret, keyed by the label: who sees a page learns nothing of the session from it. */
static void hash_secret(const char *secret, unsigned char ret[static HASH_SIZE]) {
        (void) crypto_generichash(ret, HASH_SIZE, (const unsigned char *) secret, strlen(secret), (const unsigned char *) LABEL, strlen(LABEL));
}

/* A pad behind which the hash is hidden is in front of it. */
void csrf_make(const char *secret, char ret[static CSRF_TEXT_SIZE]) {
        unsigned char bytes[2 * HASH_SIZE];

        hash_secret(secret, bytes + HASH_SIZE);
        randombytes_buf(bytes, HASH_SIZE);
        for (size_t i = 0; i < HASH_SIZE; i++)
                bytes[HASH_SIZE + i] ^= bytes[i];
        (void) sodium_bin2base64(ret, CSRF_TEXT_SIZE, bytes, sizeof(bytes), ENCODING);
}

bool csrf_is_token(const char *text, const char *secret) {
        unsigned char bytes[2 * HASH_SIZE], expected[HASH_SIZE];
        size_t size;

        if (!*secret || !text || strlen(text) != CSRF_TEXT_SIZE - 1 ||
            sodium_base642bin(bytes, sizeof(bytes), text, CSRF_TEXT_SIZE - 1, NULL, &size, NULL, ENCODING) < 0 || size != sizeof(bytes))
                return false;
        for (size_t i = 0; i < HASH_SIZE; i++)
                bytes[i] ^= bytes[HASH_SIZE + i];
        hash_secret(secret, expected);
        return sodium_memcmp(bytes, expected, HASH_SIZE) == 0;
}

bool csrf_is_valid(Request *r, const char *secret) {
        return csrf_is_token(request_form(r, CSRF_FIELD), secret);
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
