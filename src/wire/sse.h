/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Server-sent events as they come in pieces: https://html.spec.whatwg.org/multipage/server-sent-events.html, "Parsing an
 * event stream". A zeroed one is ready. */
typedef struct Sse {
        Buffer line;            /* what came of the line that is not whole yet */
        Buffer data;            /* of the event that is not whole yet */
        char *name, *id;
        bool has_data, has_id;
} Sse;

typedef struct SseEvent {
        const char *name;       /* "" for none */
        const char *id;         /* the last that came; "" for none */
        const char *data;       /* NUL-terminated; borrowed, like the others, for the call */
        size_t size;
} SseEvent;

#define SSE_EVENT_MAX (4u << 20) /* bytes */

/* Calls take for every event that is whole, also for one without data that has a name or says where the stream is (id); its error ends it. 0, that error, -ENOMEM, -EFBIG. */
int sse_feed(Sse *s, const void *data, size_t size, int (*take)(const SseEvent *event, void *userdata), void *userdata);
void sse_clear(Sse *s);         /* for a new stream; the id is kept */
void sse_deinit(Sse *s);

/* Appends an event with this text, whose lines may be several; id may be NULL. Errors as Buffer's. */
int sse_write(Buffer *out, const char *name, const char *id, const char *text);
