/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/assets.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/log.h"
#include "portal/pages.h"
#include "portal/portal.h"

#define PREFIX "/assets/"
#define ASSET_MAX (1u << 20)
#define PARTS_MAX 16
#define HASH_BYTES 16   /* crypto_generichash()'s least; half of it is shown */
#define HASH_TEXT_SIZE (HASH_BYTES + 1)
#define KEEP_FOR_GOOD "public, max-age=31536000, immutable"

/* What is long is written in parts, and sent as one. Where two rules are as good, the later one holds. */
static const struct {
        const char *stem, *extension, *content_type;
        const char *parts[PARTS_MAX];           /* files of the directory named after stem; none: the one file */
} files[] = {
        { "style", ".css", "text/css; charset=utf-8", { "base", "tables", "forms", "classes", "people", "grid", "cluster", "import", "small", "print" } },
        { "grid", ".js", "text/javascript; charset=utf-8", { "cells", "say", "keep", "conflicts", "save", "refresh", "edit", "fill", "keys", "start" } },
        { "cluster", ".js", "text/javascript; charset=utf-8", {} },
        { "log", ".js", "text/javascript; charset=utf-8", {} },
        { "import", ".js", "text/javascript; charset=utf-8", {} },
        { "tokens", ".js", "text/javascript; charset=utf-8", {} },
        { "icon", ".svg", "image/svg+xml", {} },
};

typedef struct Asset {
        char *url;
        HttpBody *body;
} Asset;

struct Assets {
        Asset all[ELEMENTSOF(files)];
};

Assets *assets_free(Assets *a) {
        if (!a)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(a->all); i++) {
                free(a->all[i].url);
                http_body_unref(a->all[i].body);
        }
        free(a);
        return NULL;
}

static int make_url(size_t i, const char *data, size_t size, char **ret) {
        unsigned char hash[HASH_BYTES];
        char text[HASH_TEXT_SIZE];

        (void) crypto_generichash(hash, sizeof(hash), (const unsigned char *) data, size, NULL, 0);
        (void) sodium_bin2hex(text, sizeof(text), hash, sizeof(hash) / 2);
        if (asprintf(ret, PREFIX "%s-%s%s", files[i].stem, text, files[i].extension) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int make_body(size_t i, const char *data, size_t size, HttpBody **ret) {
        _cleanup_(http_body_unrefp) HttpBody *b = NULL;
        int r = http_body_new(&b, files[i].content_type, data, size);

        if (r >= 0)
                r = http_body_add_header(b, "Cache-Control", KEEP_FOR_GOOD);
        if (r >= 0)
                r = http_body_add_header(b, "X-Content-Type-Options", "nosniff");
        if (r >= 0)
                r = http_body_add_header(b, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
        if (r >= 0)
                r = http_body_pack(b, Z_BEST_COMPRESSION);
        if (r >= 0)
                *ret = TAKE_PTR(b);
        return r;
}

/* name is NULL or one of the parts. */
static int append_file(const char *directory, size_t i, const char *name, Buffer *out) {
        _cleanup_(freep) char *path = NULL, *data = NULL;
        size_t size;
        int r = asprintf(&path, "%s/%s%s%s%s", directory, files[i].stem, name ? "/" : "", name ? name : "", files[i].extension);

        if (r < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = file_read(path, ASSET_MAX, &data, &size);
        if (r >= 0)
                r = buffer_append(out, data, size);
        if (r < 0)
                log_error("Cannot use %s: %s", path, strerror(-r));
        return r;
}

static int read_parts(const char *directory, size_t i, Buffer *out) {
        int r = files[i].parts[0] ? 0 : append_file(directory, i, NULL, out);

        for (size_t k = 0; r >= 0 && k < PARTS_MAX && files[i].parts[k]; k++)
                r = append_file(directory, i, files[i].parts[k], out);
        return r;
}

static int load_one(Asset *a, size_t i, const char *directory) {
        _cleanup_(buffer_deinit) Buffer data = BUFFER_MAX(ASSET_MAX);
        int r = read_parts(directory, i, &data);

        if (r >= 0)
                r = make_url(i, buffer_text(&data), data.size, &a->url);
        if (r >= 0)
                r = make_body(i, buffer_text(&data), data.size, &a->body);
        return r;
}

int assets_load(Assets **ret, const char *directory) {
        _cleanup_(assets_freep) Assets *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                int r = load_one(&a->all[i], i, directory);

                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(a);
        return 0;
}

const char *assets_url(const Assets *a, const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                size_t stem = strlen(files[i].stem);

                if (strncmp(name, files[i].stem, stem) == 0 && strcmp(name + stem, files[i].extension) == 0)
                        return a->all[i].url;
        }
        return NULL;
}

void get_asset(Request *r, void *service) {
        Portal *p = service;
        const char *name = request_param(r, "name");

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                const Asset *a = &p->assets->all[i];

                if (strcmp(a->url + strlen(PREFIX), name) == 0) {
                        request_reply_body(r, 200, a->body);
                        return;
                }
        }
        page_fail(r, p, 404, "NoSuchFile", NULL);
}
