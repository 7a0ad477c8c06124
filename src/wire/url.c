/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"
#include "base/parse.h"

#define HOST_MAX (URL_HOST_SIZE - 1) /* bytes of a name in DNS, RFC 1035 */

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* The host of an absolute http or https URL; NULL when it is none. *ret_size is up to the port or the path. */
static const char *find_authority(const char *url, size_t *ret_size) {
        const char *authority;

        if (strncasecmp(url, "http://", 7) == 0)
                authority = url + 7;
        else if (strncasecmp(url, "https://", 8) == 0)
                authority = url + 8;
        else
                return NULL;
        *ret_size = strcspn(authority, "/?#");
        return authority;
}

/* Copies the host without the brackets of an IPv6 address and moves *rest to the ':' of the port or the end. */
static bool take_host(const char *authority, size_t size, char host[static HOST_MAX + 1], bool *ret_v6, const char **rest) {
        const char *end;

        *ret_v6 = size > 0 && authority[0] == '[';
        if (*ret_v6) {
                authority++;
                size--;
        }
        end = memchr(authority, *ret_v6 ? ']' : ':', size);
        if (!end) {
                if (*ret_v6)
                        return false;
                end = authority + size;
        }
        if (end == authority || end - authority > HOST_MAX)
                return false;
        memcpy(host, authority, (size_t) (end - authority));
        host[end - authority] = 0;
        *rest = end + *ret_v6;
        return true;
}

/* Names as the DNS and hosts(5) have them. RFC 3986 allows more characters, none of which a resolver knows. A name whose
 * last label is a number is an address in one of inet_aton(3)'s many spellings: only the plain one passes, so that no two
 * readers of a URL can differ about where it leads. */
static bool host_is_valid(const char *host, bool v6) {
        unsigned char address[16];
        const char *label = host;
        size_t length;

        if (v6)
                return inet_pton(AF_INET6, host, address) == 1;
        for (;;) {
                length = strspn(label, LETTERS DIGITS "-_");
                if (length == 0 || length > 63)
                        return false;
                if (label[length] == 0 || (label[length] == '.' && label[length + 1] == 0))
                        break;
                if (label[length] != '.')
                        return false;
                label += length + 1;
        }
        if (strspn(label, DIGITS) == length || strncasecmp(label, "0x", 2) == 0)
                return inet_pton(AF_INET, host, address) == 1;
        return true;
}

static bool port_is_valid(const char *text, size_t size) {
        char port[6];
        uint64_t value;

        if (size == 0 || size >= sizeof(port))
                return false;
        memcpy(port, text, size);
        port[size] = 0;
        return parse_uint64(port, &value) == 0 && value >= 1 && value <= 65535;
}

/* path-abempty of RFC 3986, section 3.3. */
static bool path_is_valid(const char *p) {
        for (; *p; p++) {
                if (*p == '%') {
                        if (!isxdigit((unsigned char) p[1]) || !isxdigit((unsigned char) p[2]))
                                return false;
                        p += 2;
                } else if (!strchr(LETTERS DIGITS "-._~!$&'()*+,;=:@/", *p)) {
                        return false;
                }
        }
        return true;
}

int url_check(const char *url, const char *member, Problem *problem) {
        const char *authority, *rest;
        char host[HOST_MAX + 1];
        size_t size;
        bool v6;

        if (strlen(url) > URL_MAX)
                return problem_set(problem, 400, "Member '%s' must be a URL of at most %d bytes", member, URL_MAX);
        authority = find_authority(url, &size);
        if (!authority)
                return problem_set(problem, 400, "Member '%s' must be an absolute URL that starts with http:// or https://",
                                   member);
        if (memchr(authority, '@', size))
                return problem_set(problem, 400, "Member '%s' must be a URL without credentials", member);
        if (!take_host(authority, size, host, &v6, &rest) || !host_is_valid(host, v6))
                return problem_set(problem, 400, "Member '%s' must be a URL with a valid host", member);
        if (rest != authority + size && (*rest != ':' || !port_is_valid(rest + 1, (size_t) (authority + size - rest - 1))))
                return problem_set(problem, 400, "Member '%s' must be a URL with a port from 1 to 65535, or none", member);
        if (strchr(authority, '#'))
                return problem_set(problem, 400, "Member '%s' must be a URL without a fragment", member);
        if (strchr(authority, '?'))
                return problem_set(problem, 400, "Member '%s' must be a URL without a query", member);
        if (!path_is_valid(authority + size))
                return problem_set(problem, 400, "Member '%s' must be a URL whose path is made of letters, digits and "
                                   "-._~!$&'()*+,;=:@/ or %%XX", member);
        return 0;
}

int url_host(const char *url, char ret[static URL_HOST_SIZE]) {
        const char *authority, *rest;
        size_t size;
        bool v6;

        authority = find_authority(url, &size);
        return authority && take_host(authority, size, ret, &v6, &rest) ? 0 : -EINVAL;
}

bool url_is_loopback(const char *url) {
        unsigned char address[16];
        const char *authority, *rest;
        char host[HOST_MAX + 1];
        size_t size;
        bool v6;

        authority = find_authority(url, &size);
        if (!authority || !take_host(authority, size, host, &v6, &rest))
                return false;
        if (v6)
                return inet_pton(AF_INET6, host, address) == 1 && memcmp(address, &in6addr_loopback, sizeof(address)) == 0;
        if (inet_pton(AF_INET, host, address) == 1)
                return address[0] == 127;
        return strcasecmp(host, "localhost") == 0;
}

int url_make(const char *scheme, const char *host, const char *port, char **ret) {
        bool bare_v6 = strchr(host, ':') && *host != '[';

        if (asprintf(ret, bare_v6 ? "%s://[%s]:%s" : "%s://%s:%s", scheme, host, port) >= 0)
                return 0;
        *ret = NULL;
        return -ENOMEM;
}
