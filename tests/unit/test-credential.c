/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "base/macros.h"
#include "grading/credential.h"

static void test_generates(void **state) {
        static const char *const prefixes[] = { [CREDENTIAL_SESSION] = "gbs_", [CREDENTIAL_API_TOKEN] = "gbt_" };

        for (CredentialKind kind = 0; kind < _CREDENTIAL_KIND_MAX; kind++) {
                uint8_t hash[CREDENTIAL_HASH_SIZE], again[CREDENTIAL_HASH_SIZE], other[CREDENTIAL_HASH_SIZE];
                char text[CREDENTIAL_TEXT_SIZE], second[CREDENTIAL_TEXT_SIZE];
                CredentialKind parsed = _CREDENTIAL_KIND_MAX;

                credential_generate(kind, text, hash);
                assert_int_equal(strlen(text), 47);
                assert_memory_equal(text, prefixes[kind], 4);
                assert_int_equal(strspn(text + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
                assert_int_equal(credential_parse(text, &parsed, again), 0);
                assert_int_equal(parsed, kind);
                assert_true(credential_hash_is_equal(hash, again));

                credential_generate(kind, second, other);
                assert_string_not_equal(text, second);
                assert_false(credential_hash_is_equal(hash, other));
        }
}

/* All 256 bits are drawn: over many, each is sometimes set and sometimes not. */
static void test_every_bit_is_random(void **state) {
        uint8_t ever[32] = {}, always[32];

        memset(always, 0xff, sizeof(always));
        for (int i = 0; i < 200; i++) {
                uint8_t hash[CREDENTIAL_HASH_SIZE], bits[32];
                char text[CREDENTIAL_TEXT_SIZE];

                credential_generate(CREDENTIAL_SESSION, text, hash);
                assert_int_equal(sodium_base642bin(bits, sizeof(bits), text + 4, 43, NULL, NULL, NULL,
                                                   sodium_base64_VARIANT_URLSAFE_NO_PADDING), 0);
                for (size_t k = 0; k < sizeof(bits); k++) {
                        ever[k] |= bits[k];
                        always[k] &= bits[k];
                }
        }
        for (size_t k = 0; k < sizeof(ever); k++) {
                assert_int_equal(ever[k], 0xff);
                assert_int_equal(always[k], 0);
        }
}

#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* Computed with sha256sum(1). */
static void test_hash(void **state) {
        static const char expected[] = "ebdcf6fc893445a2c50b02684d2c7fbc85d696d1abb16fec436d4fe9252d9da4";
        uint8_t hash[CREDENTIAL_HASH_SIZE], other[CREDENTIAL_HASH_SIZE];
        char hex[2 * CREDENTIAL_HASH_SIZE + 1];
        CredentialKind kind;

        assert_int_equal(credential_parse("gbs_" ZEROS "A", &kind, hash), 0);
        assert_string_equal(sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash)), expected);
        assert_int_equal(credential_parse("gbt_" ZEROS "A", &kind, other), 0);
        assert_false(credential_hash_is_equal(hash, other));
        for (size_t i = 0; i < sizeof(hash); i++) {
                memcpy(other, hash, sizeof(other));
                other[i] ^= 0x80;
                assert_false(credential_hash_is_equal(hash, other));
        }
}

static void test_refuses(void **state) {
        static const char *const texts[] = {
                "", "gbs_", "gbs_" ZEROS, "gbs_" ZEROS "AA", "gbx_" ZEROS "A", "GBS_" ZEROS "A", "gbs-" ZEROS "A", ZEROS "Agbs_",
                "gbs_" ZEROS "B",       /* the same 256 bits, spelt another way */
                "gbs_" ZEROS "=", "gbs_" ZEROS "+", "gbs_" ZEROS "/", "gbs_" ZEROS " ", "gbs_" ZEROS "\n", " gbs_" ZEROS,
                "gbs_A" ZEROS "\xff",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                uint8_t hash[CREDENTIAL_HASH_SIZE] = {}, untouched[CREDENTIAL_HASH_SIZE] = {};
                CredentialKind kind = _CREDENTIAL_KIND_MAX;

                if (credential_parse(texts[i], &kind, hash) != -EINVAL)
                        fail_msg("\"%s\" was taken", texts[i]);
                assert_int_equal(kind, _CREDENTIAL_KIND_MAX);
                assert_memory_equal(hash, untouched, sizeof(hash));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_generates),
                cmocka_unit_test(test_every_bit_is_random),
                cmocka_unit_test(test_hash),
                cmocka_unit_test(test_refuses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
