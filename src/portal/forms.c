/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/forms.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "portal/csrf.h"
#include "wire/json.h"

#define SECRET_BYTES 32
#define SECRET_ENCODING sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define SECRET_SIZE sodium_base64_ENCODED_LEN(SECRET_BYTES, SECRET_ENCODING)
#define SECONDS_MAX 90                  /* what is longer is said in minutes */

static bool is_form(const Request *r) {
        static const char type[] = "application/x-www-form-urlencoded";
        const char *given = request_header(r, "Content-Type");

        return given && strncasecmp(given, type, strlen(type)) == 0 && strchr("; ", given[strlen(type)]);
}

bool form_begin(Request *r, Portal *p) {
        if (!csrf_is_from_here(r))
                page_fail(r, p, 403, "OtherSite", NULL);
        else if (!is_form(r))
                page_fail(r, p, 415, "NotAForm", NULL);
        else
                return true;
        return false;
}

static bool get_secret(const Request *r, const Portal *p, char ret[static SECRET_SIZE]) {
        return cookie_get(r, portal_is_https(p), COOKIE_FORM, ret, SECRET_SIZE) && strlen(ret) == SECRET_SIZE - 1;
}

int form_add_token(Request *r, Portal *p, json_object *view) {
        char secret[SECRET_SIZE], token[CSRF_TEXT_SIZE];
        uint8_t bits[SECRET_BYTES];

        /* One that is there stays: the browser may have the form open twice. */
        if (!get_secret(r, p, secret)) {
                randombytes_buf(bits, sizeof(bits));
                (void) sodium_bin2base64(secret, sizeof(secret), bits, sizeof(bits), SECRET_ENCODING);
                cookie_set(r, portal_is_https(p), COOKIE_FORM, secret);
        }
        csrf_make(secret, token);
        return json_add_text(view, "FormToken", token);
}

bool form_has_token(Request *r, Portal *p) {
        char secret[SECRET_SIZE];

        return get_secret(r, p, secret) && csrf_is_valid(r, secret);
}

int form_add_text(json_object *view, const char *member, Language language, const char *key) {
        return key ? json_add_text(view, member, language_text(language, key)) : 0;
}

int form_wait_text(Language language, const HttpAnswer *answer, char **ret) {
        const char *after = http_answer_header(answer, "Retry-After");
        uint64_t seconds = 60;
        char number[24];

        if (after && parse_uint64(after, &seconds) < 0)
                seconds = 60;
        seconds = seconds < 2 ? 2 : seconds;
        (void) snprintf(number, sizeof(number), "%" PRIu64, seconds <= SECONDS_MAX ? seconds : (seconds + 59) / 60);
        return language_format(language, seconds <= SECONDS_MAX ? "WaitSeconds" : "WaitMinutes", "Value", number, ret);
}

const char *form_problem_detail(const HttpAnswer *answer, json_object **ret) {
        json_object *detail;

        if (json_parse_object(answer->body, answer->size, ret, NULL) >= 0 && json_object_object_get_ex(*ret, "detail", &detail) &&
            json_object_is_type(detail, json_type_string))
                return json_object_get_string(detail);
        return NULL;
}
