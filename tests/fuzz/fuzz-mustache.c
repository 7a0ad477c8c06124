/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "runtime/mustache.h"

/* The input is a template, a NUL, and JSON to render it with. */

#define OUTPUT_MAX_BYTES (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every partial is the template itself, for recursion. */
static const Mustache *find_itself(const char *name, void *userdata) {
        return userdata;
}

static json_object *parse_json(const char *text, size_t size) {
        json_tokener *tokener = json_tokener_new();
        json_object *value;

        if (!tokener)
                abort();
        value = json_tokener_parse_ex(tokener, text, (int) size);
        json_tokener_free(tokener);
        return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_MAX(OUTPUT_MAX_BYTES);
        _cleanup_(mustache_freep) Mustache *m = NULL;
        _cleanup_(freep) char *error = NULL;
        const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
        size_t template_size = nul ? (size_t) (nul - data) : size;
        json_object *value;
        int r;

        r = mustache_new(&m, "fuzz", (const char *) data, template_size, &error);
        if (r < 0) {
                if (r == -EINVAL && !error)
                        abort();
                return 0;
        }

        value = nul ? parse_json((const char *) nul + 1, size - template_size - 1) : NULL;
        r = mustache_render(m, value, find_itself, m, &out);
        if (r < 0 && r != -ELOOP && r != -EFBIG)
                abort();
        json_object_put(value);
        return 0;
}
