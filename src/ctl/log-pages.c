/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/log-pages.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/log-format.h"
#include "ctl/log-options.h"
#include "wire/json.h"

#define PAGE_LINES 2000
#define SEARCH_USEC (600 * USEC_PER_SEC) /* that a page may take: the whole log may have to be searched for its first line */
#define PAGE_BYTES (4u << 20)           /* more is left for the next page */
#define LINE_BYTES_MAX (2u << 20)       /* and so a page is never empty for its size */

typedef struct Page {
        Buffer text;
        bool full;              /* of bytes: it was cut off */
} Page;

void log_take_cursor(json_object *record, char ret[static LOG_CURSOR_MAX]) {
        const char *cursor = log_format_text(record, "Cursor");

        if (*cursor && strlen(cursor) < LOG_CURSOR_MAX)
                (void) snprintf(ret, LOG_CURSOR_MAX, "%s", cursor);
}

static int take_data(const void *data, size_t size, void *userdata) {
        Page *p = userdata;
        int r;

        r = buffer_append(&p->text, data, size);
        if (r == -EFBIG || (r >= 0 && p->text.size >= PAGE_BYTES)) {
                p->full = true;
                return -ECANCELED;
        }
        return r;
}

static int write_path(const LogWalk *w, LogOrder order, const char *cursor, uint64_t lines, char **ret) {
        _cleanup_(buffer_deinit) Buffer path = BUFFER_NULL;

        (void) buffer_printf(&path, "/log?n=%" PRIu64 "%s", lines, order == LOG_OLDEST ? "&order=oldest" : order == LOG_NEWEST ? "&order=newest" : "");
        if (w->filters)
                (void) buffer_puts(&path, w->filters);
        if (*cursor)
                log_query_add(&path, order == LOG_NEWEST ? "before" : "after", cursor);
        *ret = buffer_take(&path, NULL);
        return *ret ? CTL_OK : ctl_fail(CTL_FAILURE, "out of memory");
}

/* Sends the question for one page. *ret_deleted: where it should begin is deleted already. */
static int fetch(Connection *c, const char *path, Page *p, Call *call, bool *ret_deleted) {
        int code;

        *call = (Call) { .accept = "application/x-ndjson", .take = take_data, .userdata = p, .timeout_usec = SEARCH_USEC };
        code = connection_prepare(c, PEER_LOG, path, call);
        if (code == CTL_OK)
                code = connection_run(c, call, 1);
        if (code != CTL_OK || connection_interrupted(c))
                return code;
        *ret_deleted = call->status == 410;
        if (*ret_deleted)
                return CTL_OK;
        /* What came whole before a connection broke is good, and the next page begins behind it. */
        if (call->error < 0 && memchr(buffer_text(&p->text), '\n', p->text.size))
                return CTL_OK;
        return connection_check(PEER_LOG, call);
}

/* Hands the page's whole lines on. *n: how many of them. */
static int take_lines(const LogWalk *w, const Page *p, bool ended, uint64_t *n, char cursor[static LOG_CURSOR_MAX]) {
        const char *start = buffer_text(&p->text), *stop = start + p->text.size;

        while (start < stop) {
                _cleanup_(json_unrefp) json_object *record = NULL;
                const char *end = memchr(start, '\n', (size_t) (stop - start));
                int code;

                if (!end && !ended)
                        break;
                end = end ? end : stop;
                (*n)++;
                if (json_parse_object(start, (size_t) (end - start), &record, NULL) >= 0)
                        log_take_cursor(record, cursor);
                code = w->take(record, start, (size_t) (end - start), w->userdata);
                if (code != CTL_OK)
                        return code;
                start = end + 1;
        }
        return CTL_OK;
}

/* Where it goes on when the place it was at is deleted. */
static void skip_deleted(const LogWalk *w, LogOrder *order, char cursor[static LOG_CURSOR_MAX], bool *done) {
        if (*order == LOG_NEWEST) {
                *done = true;
                return;
        }
        (void) fflush(stdout);
        (void) fputs("gradebookctl: lines were deleted before they could be read; going on with the oldest there is\n", stderr);
        *order = LOG_OLDEST;
        cursor[0] = 0;
}

int log_walk(Connection *c, const LogWalk *w) {
        Page page = { .text = BUFFER_MAX(PAGE_BYTES + LINE_BYTES_MAX) };
        char cursor[LOG_CURSOR_MAX] = "";
        uint64_t left = w->limit;
        LogOrder order = w->order;
        int code = CTL_OK;
        bool done = left == 0;

        if (w->cursor && strlen(w->cursor) >= sizeof(cursor))
                return ctl_fail(CTL_USAGE, "this is no cursor: %s", w->cursor);
        (void) snprintf(cursor, sizeof(cursor), "%s", w->cursor ? w->cursor : "");
        while (code == CTL_OK && !done && !connection_interrupted(c)) {
                uint64_t max = order == LOG_TAIL ? LOG_TAIL_MAX : PAGE_LINES, wanted = left < max ? left : max, n = 0;
                _cleanup_(freep) char *path = NULL;
                _cleanup_(call_deinit) Call call = {};
                bool deleted = false, ended;

                buffer_clear(&page.text);
                page.full = false;
                code = write_path(w, order, cursor, wanted, &path);
                if (code == CTL_OK)
                        code = fetch(c, path, &page, &call, &deleted);
                if (code != CTL_OK || connection_interrupted(c))
                        break;
                if (deleted) {
                        skip_deleted(w, &order, cursor, &done);
                        continue;
                }
                ended = call.error >= 0 && !page.full;
                code = take_lines(w, &page, ended, &n, cursor);
                left = left == UINT64_MAX ? left : left - (n < left ? n : left);
                /* The rest of a tail lies behind what came of it. */
                order = order == LOG_TAIL ? LOG_OLDEST : order;
                done = left == 0 || (ended && n < wanted) || (ended && w->order == LOG_TAIL);
                if (code == CTL_OK && n == 0 && page.full)
                        code = ctl_fail(CTL_FAILURE, "LogService answers with a line of more than %u bytes", PAGE_BYTES);
                if (code == CTL_OK && !done && !*cursor)
                        code = ctl_fail(CTL_FAILURE, "LogService is of a make that gives no cursors: only its last %d lines can be shown", LOG_TAIL_MAX);
        }
        buffer_deinit(&page.text);
        return code == LOG_STOP ? CTL_OK : code;
}

static int take_first(json_object *record, const char *line, size_t size, void *userdata) {
        log_take_cursor(record, userdata);
        return LOG_STOP;
}

int log_next_cursor(Connection *c, LogOrder order, const char *cursor, char ret[static LOG_CURSOR_MAX]) {
        LogWalk w = { .order = order, .cursor = cursor, .limit = 1, .take = take_first, .userdata = ret };

        ret[0] = 0;
        return log_walk(c, &w);
}
