/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/upload.h"

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "portal/csrf.h"

#define FIELDS_MAX 16
#define READ_BYTES (32u << 10)
#define FILE_NAME_MAX 200

typedef struct UploadField {
        char *name, *file_name;
        Buffer value;
} UploadField;

struct Upload {
        Portal *portal;
        UploadDone done;
        Buffer body;
        UploadField fields[FIELDS_MAX];
        size_t n_fields;
};

Upload *upload_free(Upload *u) {
        if (!u)
                return NULL;
        for (size_t i = 0; i < u->n_fields; i++) {
                free(u->fields[i].name);
                free(u->fields[i].file_name);
                buffer_deinit(&u->fields[i].value);
        }
        buffer_deinit(&u->body);
        u->portal->uploads--;
        free(u);
        return NULL;
}

const char *upload_bytes(const Upload *u, const char *name, size_t *ret_size, const char **ret_file_name) {
        for (size_t i = 0; i < u->n_fields; i++)
                if (strcmp(u->fields[i].name, name) == 0) {
                        *ret_size = u->fields[i].value.size;
                        if (ret_file_name)
                                *ret_file_name = u->fields[i].file_name;
                        return buffer_text(&u->fields[i].value);
                }
        return NULL;
}

const char *upload_text(const Upload *u, const char *name) {
        size_t size;
        const char *s = upload_bytes(u, name, &size, NULL);

        return s && size <= UPLOAD_TEXT_MAX && text_is_plain(s, size) ? s : NULL;
}

/* The last part of a path, which some browsers send; what is no text has no name. -ENOMEM. */
static int copy_file_name(const char *given, char **ret) {
        const char *slash = strrchr(given, '/'), *backslash = strrchr(given, '\\');
        const char *s = backslash > slash ? backslash + 1 : slash ? slash + 1 : given;

        *ret = strdup(text_is_plain(s, strlen(s)) && text_length(s) <= FILE_NAME_MAX ? s : "");
        return *ret ? 0 : -ENOMEM;
}

static int on_part(const char *name, const char *file_name, const char *data, size_t size, uint64_t offset, void *userdata) {
        Upload *u = userdata;
        UploadField *f;

        if (offset == 0) {
                if (u->n_fields == FIELDS_MAX)
                        return -EINVAL;
                f = u->fields + u->n_fields;
                f->name = strdup(name);
                if (!f->name)
                        return -ENOMEM;
                u->n_fields++;
                if (file_name && copy_file_name(file_name, &f->file_name) < 0)
                        return -ENOMEM;
        }
        return u->n_fields > 0 ? buffer_append(&u->fields[u->n_fields - 1].value, data, size) : -EINVAL;
}

static void finish(Upload *u, Request *r) {
        int k = request_read_form(r, buffer_text(&u->body), u->body.size, on_part, u);
        Portal *p = u->portal;

        buffer_deinit(&u->body);
        if (k >= 0) {
                u->done(u, r, p);
                return;
        }
        upload_free(u);
        if (k == -ENOMEM)
                page_fail(r, p, 500, "NoMemory", NULL);
        else
                page_fail(r, p, 400, "UploadBroken", NULL);
}

static void on_body(Request *r, RequestBodyEvent event, void *userdata) {
        Upload *u = userdata;
        char piece[READ_BYTES];
        Portal *p = u->portal;
        ssize_t n;

        if (event == REQUEST_BODY_GONE) {
                upload_free(u);
                return;
        }
        while ((n = request_take_body(r, piece, sizeof(piece))) > 0)
                if (buffer_append(&u->body, piece, (size_t) n) < 0) {
                        n = -ENOMEM;
                        break;
                }
        if (n == -EAGAIN)
                return;
        request_close_body(r);
        if (n == 0) {
                finish(u, r);
                return;
        }
        /* At once, as nobody is told any more that the client goes. */
        upload_free(u);
        if (n == -EFBIG)
                page_fail(r, p, 413, "UploadTooLong", NULL);
        else
                page_fail(r, p, 500, "NoMemory", NULL);
}

void upload_begin(Request *r, Portal *p, UploadDone done) {
        uint64_t size;
        Upload *u;

        (void) request_has_body(r, &size);
        if (!csrf_is_from_here(r)) {
                page_fail(r, p, 403, "OtherSite", NULL);
                return;
        }
        if (size != UINT64_MAX && size > UPLOAD_BODY_MAX) {
                page_fail(r, p, 413, "UploadTooLong", NULL);
                return;
        }
        if (p->uploads >= UPLOADS_MAX) {
                request_set_header(r, "Retry-After", "5");
                page_fail(r, p, 503, "UploadsTooMany", NULL);
                return;
        }
        u = calloc(1, sizeof(*u));
        if (!u) {
                page_fail(r, p, 500, "NoMemory", NULL);
                return;
        }
        u->portal = p;
        u->done = done;
        p->uploads++;
        request_open_body(r, UPLOAD_BODY_MAX, on_body, u);
}
