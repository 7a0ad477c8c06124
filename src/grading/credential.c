/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/credential.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/macros.h"

#define PREFIX_SIZE 4
#define RANDOM_SIZE 32
#define ENCODING sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(PREFIX_SIZE + sodium_base64_ENCODED_LEN(RANDOM_SIZE, ENCODING) == CREDENTIAL_TEXT_SIZE, "43 characters and a NUL");
_Static_assert(CREDENTIAL_HASH_SIZE == crypto_hash_sha256_BYTES, "SHA-256");

static const char prefixes[_CREDENTIAL_KIND_MAX][PREFIX_SIZE + 1] = {
        [CREDENTIAL_SESSION] = "gbs_",
        [CREDENTIAL_API_TOKEN] = "gbt_",
};

static void hash_text(const char *text, uint8_t ret[static CREDENTIAL_HASH_SIZE]) {
        (void) crypto_hash_sha256(ret, (const unsigned char *) text, CREDENTIAL_TEXT_SIZE - 1);
}

void credential_generate(CredentialKind kind, char ret_text[static CREDENTIAL_TEXT_SIZE], uint8_t ret_hash[static CREDENTIAL_HASH_SIZE]) {
        uint8_t bits[RANDOM_SIZE];

        randombytes_buf(bits, sizeof(bits));
        memcpy(ret_text, prefixes[kind], PREFIX_SIZE);
        (void) sodium_bin2base64(ret_text + PREFIX_SIZE, CREDENTIAL_TEXT_SIZE - PREFIX_SIZE, bits, sizeof(bits), ENCODING);
        sodium_memzero(bits, sizeof(bits));
        hash_text(ret_text, ret_hash);
}

int credential_parse(const char *text, CredentialKind *ret_kind, uint8_t ret_hash[static CREDENTIAL_HASH_SIZE]) {
        uint8_t bits[RANDOM_SIZE];
        size_t kind, size;
        int r;

        if (strnlen(text, CREDENTIAL_TEXT_SIZE) != CREDENTIAL_TEXT_SIZE - 1)
                return -EINVAL;
        for (kind = 0; kind < _CREDENTIAL_KIND_MAX; kind++)
                if (memcmp(text, prefixes[kind], PREFIX_SIZE) == 0)
                        break;
        if (kind == _CREDENTIAL_KIND_MAX)
                return -EINVAL;
        /* It also refuses a last character with bits that belong to nothing. */
        r = sodium_base642bin(bits, sizeof(bits), text + PREFIX_SIZE, CREDENTIAL_TEXT_SIZE - 1 - PREFIX_SIZE, NULL, &size, NULL, ENCODING);
        sodium_memzero(bits, sizeof(bits));
        if (r < 0 || size != sizeof(bits))
                return -EINVAL;
        hash_text(text, ret_hash);
        *ret_kind = (CredentialKind) kind;
        return 0;
}

bool credential_hash_is_equal(const uint8_t a[static CREDENTIAL_HASH_SIZE], const uint8_t b[static CREDENTIAL_HASH_SIZE]) {
        return sodium_memcmp(a, b, CREDENTIAL_HASH_SIZE) == 0;
}
