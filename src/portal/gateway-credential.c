/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/gateway-credential.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define BEARER "Bearer "
#define PREFIX_SIZE 4
#define SESSION "gbs_"
#define API_TOKEN "gbt_"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* size bytes of text. */
static bool take(const char *text, size_t size, char ret[static GATEWAY_CREDENTIAL_SIZE]) {
        if (size != GATEWAY_CREDENTIAL_SIZE - 1 || (memcmp(text, SESSION, PREFIX_SIZE) != 0 && memcmp(text, API_TOKEN, PREFIX_SIZE) != 0) ||
            strspn(text + PREFIX_SIZE, LETTERS) < size - PREFIX_SIZE)
                return false;
        memcpy(ret, text, size);
        ret[size] = 0;
        return true;
}

static bool take_bearer(const char *text, char ret[static GATEWAY_CREDENTIAL_SIZE]) {
        if (!text || strncasecmp(text, BEARER, strlen(BEARER)) != 0)
                return false;
        text += strlen(BEARER);
        text += strspn(text, " ");
        return take(text, strlen(text), ret);
}

/* One of "a=b; c=d" (RFC 6265, section 4.2); only a session is ever in a cookie. */
static bool take_cookie(const char *cookies, const char *name, char ret[static GATEWAY_CREDENTIAL_SIZE]) {
        size_t n = strlen(name);

        while (cookies && *cookies) {
                cookies += strspn(cookies, "; ");
                size_t size = strcspn(cookies, ";");

                if (size > n && cookies[n] == '=' && memcmp(cookies, name, n) == 0)
                        return strncmp(cookies + n + 1, SESSION, PREFIX_SIZE) == 0 && take(cookies + n + 1, size - n - 1, ret);
                cookies += size;
        }
        return false;
}

GatewayBy gateway_credential(const char *authorization, const char *cookies, char ret[static GATEWAY_CREDENTIAL_SIZE]) {
        if (take_bearer(authorization, ret))
                return GATEWAY_BY_BEARER;
        if (take_cookie(cookies, "__Host-gradebook", ret) || take_cookie(cookies, "gradebook", ret))
                return GATEWAY_BY_COOKIE;
        return GATEWAY_BY_NOTHING;
}

bool gateway_is_same_origin(const char *sec_fetch_site, const char *origin, const char *host) {
        const char *authority;

        if (sec_fetch_site)
                return strcmp(sec_fetch_site, "same-origin") == 0;
        authority = origin ? strstr(origin, "://") : NULL;
        if (!authority || !host || !*host)
                return false;
        if (strncasecmp(origin, "http://", 7) != 0 && strncasecmp(origin, "https://", 8) != 0)
                return false;
        return strcasecmp(authority + 3, host) == 0;
}
