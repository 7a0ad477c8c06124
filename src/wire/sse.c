/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/sse.h"

#include <string.h>

#include "base/text.h"

static int dispatch(Sse *s, int (*take)(const SseEvent *event, void *userdata), void *userdata) {
        SseEvent e = { s->name ? s->name : "", s->id ? s->id : "", buffer_text(&s->data), s->data.size };
        int r = s->has_data || s->has_id || s->name ? take(&e, userdata) : 0;

        buffer_clear(&s->data);
        s->has_data = s->has_id = false;
        (void) text_replace(&s->name, NULL);
        return r;
}

static int take_field(Sse *s, const char *line) {
        const char *value = strchr(line, ':');
        size_t n = value ? (size_t) (value - line) : strlen(line);

        value = value ? value + 1 : line + n;
        value += *value == ' ';
        if (n == 2 && memcmp(line, "id", n) == 0) {
                s->has_id = true;
                return text_replace(&s->id, value);
        }
        if (n == 5 && memcmp(line, "event", n) == 0)
                return text_replace(&s->name, value);
        if (n != 4 || memcmp(line, "data", n) != 0)
                return 0;
        if (s->has_data)
                (void) buffer_append(&s->data, "\n", 1);
        s->has_data = true;
        return buffer_puts(&s->data, value);
}

int sse_feed(Sse *s, const void *data, size_t size, int (*take)(const SseEvent *event, void *userdata), void *userdata) {
        size_t start = 0;
        char *end;
        int r;

        s->line.max = s->data.max = SSE_EVENT_MAX;
        r = buffer_append(&s->line, data, size);
        while (r >= 0 && (end = memchr(s->line.data + start, '\n', s->line.size - start))) {
                char *line = s->line.data + start;

                *end = 0;
                if (end > line && end[-1] == '\r')
                        end[-1] = 0;
                start = (size_t) (end - s->line.data) + 1;
                r = *line ? take_field(s, line) : dispatch(s, take, userdata);
        }
        buffer_consume(&s->line, start);
        return r;
}

void sse_clear(Sse *s) {
        buffer_deinit(&s->line);
        buffer_deinit(&s->data);
        s->has_data = s->has_id = false;
        (void) text_replace(&s->name, NULL);
}

void sse_deinit(Sse *s) {
        sse_clear(s);
        free(s->id);
        s->id = NULL;
}

int sse_write(Buffer *out, const char *name, const char *id, const char *text) {
        const char *end;

        if (id)
                (void) buffer_printf(out, "id: %s\n", id);
        (void) buffer_printf(out, "event: %s\n", name);
        for (; *text; text = *end ? end + 1 : end) {
                end = strchrnul(text, '\n');
                (void) buffer_puts(out, "data: ");
                (void) buffer_append(out, text, (size_t) (end - text));
                (void) buffer_puts(out, "\n");
        }
        return buffer_puts(out, "\n");
}
