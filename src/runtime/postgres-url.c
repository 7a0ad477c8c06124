/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/text.h"
#include "runtime/postgres-internal.h"

#define PASSWORD_MAX 1024       /* bytes, with the end of its line */
#define DEFAULT_PORT "5432"

static int say(char **ret_error, const char *format, ...) _printf_(2, 3);
static int say(char **ret_error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vasprintf(ret_error, format, ap) < 0)
                *ret_error = NULL;
        va_end(ap);
        return -EINVAL;
}

static bool is_url(const char *url) {
        return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

static void free_options(PQconninfoOption **options) {
        PQconninfoFree(*options);
}

static const char *find(const PQconninfoOption *options, const char *keyword) {
        for (const PQconninfoOption *o = options; o->keyword; o++)
                if (strcmp(o->keyword, keyword) == 0)
                        return text_is_empty(o->val) ? NULL : o->val;
        return NULL;
}

/* What would be kept in a file that everybody may read, or lead around what is decided here. */
static const struct {
        const char *keyword, *why;
} refused[] = {
        { "password", "must not hold a password, since everybody may read this file: give it as the credential \"postgresql-password\"" },
        { "sslpassword", "must not hold the password of a key, since everybody may read this file" },
        { "service", "must not name a service: it would change what stands here" },
        { "replication", "must not ask for replication" },
};

int postgres_check_url(const char *url, char **ret_error) {
        _cleanup_(free_options) PQconninfoOption *options = NULL;
        char *message = NULL;
        PostgresHost hosts[POSTGRES_HOSTS_MAX] = {};
        size_t n;
        int r;

        *ret_error = NULL;
        if (!is_url(url))
                return say(ret_error, "must begin with postgresql://");
        options = PQconninfoParse(url, &message);
        if (!options) {
                /* libpq quotes the URL, which may hold what nobody shall read. */
                PQfreemem(message);
                return say(ret_error, "is no URL that libpq understands: postgresql://user@host:port/database");
        }
        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                if (find(options, refused[i].keyword))
                        return say(ret_error, "%s", refused[i].why);
        if (!find(options, "dbname"))
                return say(ret_error, "must name a database: postgresql://user@host:port/database");
        r = postgres_split_hosts(url, hosts, &n);
        postgres_free_hosts(hosts);
        if (r == -ENOMEM)
                return r;
        return r < 0 ? say(ret_error, "must name at most %d hosts, none of them empty, with one port for all or one for each", POSTGRES_HOSTS_MAX) : 0;
}

/* ---- hosts ---- */

static size_t count_parts(const char *list) {
        size_t n = 1;

        for (const char *p = list; p && *p; p++)
                n += *p == ',';
        return n;
}

/* The part of that index of a list with commas; fallback for an empty one, which may be NULL, and then it must not be empty. Nothing for no list. */
static int copy_part(const char *list, size_t index, const char *fallback, char **ret) {
        size_t n;

        if (!list)
                return 0;
        for (; index > 0; index--)
                list = strchr(list, ',') + 1;
        n = strcspn(list, ",");
        if (n == 0 && !fallback)
                return -EINVAL;
        *ret = n > 0 ? strndup(list, n) : strdup(fallback);
        return *ret ? 0 : -ENOMEM;
}

int postgres_split_hosts(const char *url, PostgresHost hosts[static POSTGRES_HOSTS_MAX], size_t *ret_n) {
        _cleanup_(free_options) PQconninfoOption *options = PQconninfoParse(url, NULL);
        const char *names, *addresses, *ports;
        size_t n, n_ports;
        int r = 0;

        if (!options)
                return -EINVAL;
        names = find(options, "host");
        addresses = find(options, "hostaddr");
        ports = find(options, "port");
        n = count_parts(names ? names : addresses);
        n_ports = count_parts(ports);
        if (n > POSTGRES_HOSTS_MAX || (n_ports != 1 && n_ports != n) || (names && addresses && count_parts(addresses) != n))
                return -EINVAL;
        for (size_t i = 0; i < n && r >= 0; i++) {
                r = copy_part(names, i, NULL, &hosts[i].name);
                if (r >= 0)
                        r = copy_part(addresses, i, NULL, &hosts[i].address);
                if (r >= 0)
                        r = copy_part(ports, n_ports == 1 ? 0 : i, DEFAULT_PORT, &hosts[i].port);
        }
        *ret_n = n;
        return r;
}

void postgres_free_hosts(PostgresHost hosts[static POSTGRES_HOSTS_MAX]) {
        for (size_t i = 0; i < POSTGRES_HOSTS_MAX; i++) {
                free(hosts[i].name);
                free(hosts[i].address);
                free(hosts[i].port);
                hosts[i] = (PostgresHost) {};
        }
}

static bool is_local(const char *host) {
        return text_is_empty(host) || *host == '/' || *host == '@' || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

bool postgres_url_is_remote(const char *url) {
        PostgresHost hosts[POSTGRES_HOSTS_MAX] = {};
        size_t n = 0;
        bool remote = postgres_split_hosts(url, hosts, &n) < 0;

        for (size_t i = 0; i < n; i++)
                remote |= !is_local(hosts[i].address ? hosts[i].address : hosts[i].name);
        postgres_free_hosts(hosts);
        return remote;
}

bool postgres_url_is_guarded(const char *url) {
        _cleanup_(free_options) PQconninfoOption *options = PQconninfoParse(url, NULL);
        const char *mode;

        if (!postgres_url_is_remote(url))
                return true;
        if (!options)
                return false;
        mode = find(options, "sslmode");
        return !mode || strcmp(mode, "verify-full") == 0;
}

/* ---- the password ---- */

int postgres_read_password(char **ret) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(freep) char *path = NULL, *password = NULL;
        size_t size;
        int r;

        *ret = NULL;
        if (!directory)
                return 0;
        if (asprintf(&path, "%s/postgresql-password", directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = file_read(path, PASSWORD_MAX, &password, &size);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        if (size > 0 && password[size - 1] == '\n')
                password[--size] = 0;
        if (size == 0 || strlen(password) != size || strpbrk(password, "\r\n"))
                return -EBADMSG;
        *ret = TAKE_PTR(password);
        return 0;
}
