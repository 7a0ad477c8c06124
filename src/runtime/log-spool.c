/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/log-spool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "wire/json.h"
#include "wire/log-line.h"

#define SPOOL_BYTES_MAX (256u << 20)

static int parse_line(const char *line, size_t size, LogRecord **ret) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        int r = json_parse_object(line, size, &o, NULL);

        return r < 0 ? r : log_record_from_json(o, ret, NULL);
}

int log_spool_read(const char *path, LogQueue *q, size_t *ret_damaged) {
        _cleanup_(freep) char *data = NULL;
        size_t size, damaged = 0;
        int r;

        r = file_read(path, SPOOL_BYTES_MAX, &data, &size);
        if (r == -ENOENT) {
                *ret_damaged = 0;
                return 0;
        }
        if (r < 0)
                return r;
        for (const char *p = data, *end = data + size; p < end;) {
                const char *newline = memchr(p, '\n', (size_t) (end - p));
                size_t length = (size_t) ((newline ? newline : end) - p);
                LogRecord *record = NULL;

                r = parse_line(p, length, &record);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        damaged++;
                else
                        (void) log_queue_push(q, record, true); /* what does not fit is counted there */
                p += length + 1;
        }
        *ret_damaged = damaged;
        return 0;
}

int log_spool_write(const char *path, LogQueue *q) {
        Buffer text = BUFFER_NULL;
        int r;

        for (LogQueueItem *i = log_queue_in_flight(q); i; i = i->next)
                (void) log_line_write(&text, i->record, 0);
        for (LogQueueItem *i = log_queue_waiting(q); i; i = i->next)
                (void) log_line_write(&text, i->record, 0);
        r = text.error < 0 ? text.error : file_replace(path, buffer_text(&text), text.size, 0600);
        buffer_deinit(&text);
        return r;
}

int log_spool_remove(const char *path) {
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}
