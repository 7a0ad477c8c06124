/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/cookies.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PREFIX "__Host-"
#define NAME_SIZE 64
#define SESSION_PREFIX "gbs_"
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

bool cookie_find(const char *header, const char *name, char *ret, size_t size) {
        size_t name_size = strlen(name);

        for (const char *s = header ? header : ""; *s;) {
                const char *at = s + strspn(s, " \t");
                size_t n = strcspn(at, ";");

                if (n > name_size && strncmp(at, name, name_size) == 0 && at[name_size] == '=') {
                        n -= name_size + 1;
                        at += name_size + 1;
                        while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t'))
                                n--;
                        if (n >= size)
                                return false;
                        memcpy(ret, at, n);
                        ret[n] = '\0';
                        return true;
                }
                s = at + n;
                s += *s == ';';
        }
        return false;
}

bool host_is_local(const char *host) {
        static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

        for (size_t i = 0; host && i < ELEMENTSOF(names); i++) {
                size_t n = strlen(names[i]);

                if (strncasecmp(host, names[i], n) == 0 && (host[n] == '\0' || (host[n] == ':' && strspn(host + n + 1, "0123456789") == strlen(host + n + 1))))
                        return true;
        }
        return false;
}

bool cookie_is_secure(const Request *r, bool over_tls) {
        return over_tls || host_is_local(request_header(r, "Host"));
}

static const char *full_name(const Request *r, bool over_tls, const char *name, char ret[static NAME_SIZE]) {
        (void) snprintf(ret, NAME_SIZE, "%s%s", cookie_is_secure(r, over_tls) ? PREFIX : "", name);
        return ret;
}

bool cookie_get(const Request *r, bool over_tls, const char *name, char *ret, size_t size) {
        char full[NAME_SIZE];

        return cookie_find(request_header(r, "Cookie"), full_name(r, over_tls, name, full), ret, size);
}

void cookie_set(Request *r, bool over_tls, const char *name, const char *value) {
        char full[NAME_SIZE], text[256];
        int n = snprintf(text, sizeof(text), "%s=%s; Path=/; HttpOnly; SameSite=Lax%s%s", full_name(r, over_tls, name, full), value ? value : "",
                         cookie_is_secure(r, over_tls) ? "; Secure" : "", value ? "" : "; Max-Age=0");

        if (n > 0 && (size_t) n < sizeof(text))
                request_set_header(r, "Set-Cookie", text);
}

void cookie_get_session(const Request *r, bool over_tls, char ret[static SESSION_TEXT_SIZE]) {
        size_t n = strlen(SESSION_PREFIX);

        if (!cookie_get(r, over_tls, COOKIE_SESSION, ret, SESSION_TEXT_SIZE) || strlen(ret) != SESSION_TEXT_SIZE - 1 ||
            strncmp(ret, SESSION_PREFIX, n) != 0 || strspn(ret + n, BASE64URL) != SESSION_TEXT_SIZE - 1 - n)
                ret[0] = '\0';
}
