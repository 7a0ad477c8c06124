/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "runtime/http-server-internal.h"

/* libmicrohttpd's own reader of forms, over a body that the handler has collected. */

#define PART_BYTES (16u << 10)  /* the head of a part must fit; a long value comes in pieces of it */
#define BOUNDARY_MIN 2          /* as libmicrohttpd has it */
#define BOUNDARY_MAX 70         /* RFC 2046, section 5.1.1 */
#define BOUNDARY_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'()+_,-./:=?"

typedef struct FormReading {
        RequestFormPart part;
        void *userdata;
        int error;
} FormReading;

static enum MHD_Result on_part(void *userdata, enum MHD_ValueKind kind, const char *name, const char *file_name, const char *content_type,
                               const char *encoding, const char *data, uint64_t offset, size_t size) {
        FormReading *f = userdata;

        f->error = f->part(name ? name : "", file_name, data, size, offset, f->userdata);
        return f->error < 0 ? MHD_NO : MHD_YES;
}

static bool is_type(const char *given, const char *type) {
        size_t n = strlen(type);

        return strncasecmp(given, type, n) == 0 && (given[n] == '\0' || given[n] == ';' || given[n] == ' ');
}

/* An empty boundary makes libmicrohttpd before 0.9.76 read beyond it (CVE-2023-27371): only what browsers send is let through. */
static bool has_boundary(const char *given) {
        const char *s = strcasestr(given, "boundary=");
        size_t n;

        if (!s)
                return false;
        s += strlen("boundary=");
        s += *s == '"';
        n = strspn(s, BOUNDARY_CHARACTERS);
        return n >= BOUNDARY_MIN && n <= BOUNDARY_MAX && (s[n] == '\0' || s[n] == '"' || s[n] == ';');
}

int request_read_form(Request *r, const char *data, size_t size, RequestFormPart part, void *userdata) {
        const char *type = request_header(r, "Content-Type");
        FormReading reading = { .part = part, .userdata = userdata };
        struct MHD_PostProcessor *processor;
        bool is_read;

        if (!type || !(is_type(type, MHD_HTTP_POST_ENCODING_FORM_URLENCODED) || (is_type(type, MHD_HTTP_POST_ENCODING_MULTIPART_FORMDATA) && has_boundary(type))))
                return -EINVAL;
        processor = MHD_create_post_processor(r->mhd, PART_BYTES, on_part, &reading);
        if (!processor)
                return -ENOMEM;
        is_read = MHD_post_process(processor, data, size) == MHD_YES;
        /* The end is where a body that was cut is found out. */
        is_read = MHD_destroy_post_processor(processor) == MHD_YES && is_read;
        return reading.error < 0 ? reading.error : is_read ? 0 : -EINVAL;
}
