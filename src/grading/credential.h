/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What its bearer is taken for somebody by: 256 random bits, as text with a prefix that says what it is for (and that scanners for
 * leaked secrets can look for). The text is given out once and never kept or logged; what is kept is its SHA-256. A slow hash as for a
 * password adds nothing: nobody guesses 256 bits. Pure but for the system's random numbers. */

typedef enum CredentialKind {
        CREDENTIAL_SESSION,     /* "gbs_…": a browser's cookie */
        CREDENTIAL_API_TOKEN,   /* "gbt_…": a program's */
        _CREDENTIAL_KIND_MAX,
} CredentialKind;

#define CREDENTIAL_TEXT_SIZE 48         /* prefix, 43 characters of base64url without padding (RFC 4648, section 5), NUL */
#define CREDENTIAL_HASH_SIZE 32

/* The caller wipes the text with sodium_memzero() when it has been sent. */
void credential_generate(CredentialKind kind, char ret_text[static CREDENTIAL_TEXT_SIZE], uint8_t ret_hash[static CREDENTIAL_HASH_SIZE]);

/* The hash to look for: of the whole text, so that one kind never is the other. -EINVAL: it is no such text, in its one spelling. */
int credential_parse(const char *text, CredentialKind *ret_kind, uint8_t ret_hash[static CREDENTIAL_HASH_SIZE]);

/* In constant time. */
bool credential_hash_is_equal(const uint8_t a[static CREDENTIAL_HASH_SIZE], const uint8_t b[static CREDENTIAL_HASH_SIZE]);
