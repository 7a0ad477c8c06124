/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/pages.h"

/* A form that may hold a table, as a file or as text: its body is too long to be kept for just anybody, so it is taken bit by bit, from
 * UPLOADS_MAX requests at a time. A route with ROUTE_STREAMED. */

#define UPLOAD_TABLE_MAX (4u << 20)     /* bytes */
#define UPLOAD_BODY_MAX (6u << 20)      /* of the form: a table in base64 (RFC 4648), and what stands beside it */
#define UPLOADS_MAX 16
#define UPLOAD_TEXT_MAX 2000            /* bytes of every other field */

typedef struct Upload Upload;

/* The form is there; u is the callee's. */
typedef void (*UploadDone)(Upload *u, Request *r, Portal *p);

/* Answers r itself where there is no form of ours to be had: 403, 413, 415, 503. */
void upload_begin(Request *r, Portal *p, UploadDone done);
Upload *upload_free(Upload *u);
DEFINE_CLEANUP(Upload, upload_free);

/* A field as text; NULL: it is not there, is longer than UPLOAD_TEXT_MAX, or is no text without control characters. */
const char *upload_text(const Upload *u, const char *name);
/* A field's bytes; NULL: it is not there. ret_file_name may be NULL. */
const char *upload_bytes(const Upload *u, const char *name, size_t *ret_size, const char **ret_file_name);
