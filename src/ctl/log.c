/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "ctl/connection.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "wire/json.h"
#include "wire/log-record.h"

#define LINES_DEFAULT 100
#define LINES_MAX 10000

const CtlOption ctl_log_options[] = {
        { "follow", 'f', NULL, "Go on with new lines as they come" },
        { "lines", 'n', "N", "Show the last N lines (otherwise 100)" },
        { .name = NULL },
};

/* What has come and not been shown: less than a line. */
typedef struct LogView {
        const Ctl *ctl;
        Buffer pending;
} LogView;

static void format_local(uint64_t realtime_usec, char *ret, size_t size) {
        time_t seconds = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(ret, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                (void) snprintf(ret, size, "?");
}

static void show_record(const Ctl *ctl, const LogRecord *r) {
        _cleanup_(freep) char *message = output_clean(r->message ? r->message : "", NULL);
        _cleanup_(freep) char *service = output_clean(r->service ? r->service : "-", NULL);
        Style style = r->priority <= LOG_ERR ? STYLE_BAD : r->priority == LOG_WARNING ? STYLE_WARNING :
                      r->priority == LOG_NOTICE ? STYLE_STRONG : r->priority == LOG_DEBUG ? STYLE_FAINT : STYLE_PLAIN;
        char when[32];

        format_local(r->time_usec, when, sizeof(when));
        (void) printf("%s %s: ", when, service ? service : "-");
        output_styled(stdout, ctl->colour, style, message ? message : strerror(ENOMEM));
        (void) putchar('\n');
}

static void show_line(const Ctl *ctl, const char *line, size_t size) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(log_record_freep) LogRecord *r = NULL;
        _cleanup_(freep) char *raw = NULL, *clean = NULL;

        if (ctl->json) {
                (void) printf("%.*s\n", (int) size, line);
                return;
        }
        if (json_parse_object(line, size, &o, NULL) >= 0 && log_record_from_json(o, &r, NULL) >= 0) {
                show_record(ctl, r);
                return;
        }
        /* Nothing is left out because it is not as expected. */
        raw = strndup(line, size);
        clean = raw ? output_clean(raw, NULL) : NULL;
        (void) puts(clean ? clean : strerror(ENOMEM));
}

static int take_data(const void *data, size_t size, void *userdata) {
        LogView *v = userdata;
        const char *start, *end;
        int r;

        r = buffer_append(&v->pending, data, size);
        if (r < 0)
                return r;
        start = v->pending.data;
        while ((end = memchr(start, '\n', v->pending.size - (size_t) (start - v->pending.data)))) {
                if (end > start)
                        show_line(v->ctl, start, (size_t) (end - start));
                start = end + 1;
        }
        buffer_consume(&v->pending, (size_t) (start - v->pending.data));
        return fflush(stdout) == 0 ? 0 : -EIO;
}

static int parse_lines(const Ctl *ctl, uint64_t *ret) {
        const char *text = ctl_option(ctl, "lines");

        *ret = LINES_DEFAULT;
        if (text && (parse_uint64(text, ret) < 0 || *ret > LINES_MAX))
                return ctl_fail(CTL_USAGE, "--lines=%s: a whole number from 0 to %d is needed", text, LINES_MAX);
        return CTL_OK;
}

static int show(Connection *c, LogView *view, uint64_t lines, bool follow) {
        _cleanup_(call_deinit) Call call = { .accept = "application/x-ndjson" };
        char path[64];
        int code;

        (void) snprintf(path, sizeof(path), "/log?n=%" PRIu64 "%s", lines, follow ? "&follow=1" : "");
        if (follow) {
                call.take = take_data;
                call.userdata = view;
        }
        code = connection_prepare(c, PEER_LOG, path, &call);
        if (code == CTL_OK)
                code = connection_run(c, &call, 1);
        if (code == CTL_OK)
                code = connection_check(PEER_LOG, &call);
        if (code != CTL_OK)
                return code;
        if (follow)
                return ctl_fail(CTL_UNREACHABLE, "LogService has ended the log: it stops or starts anew");
        if (call.answer_size > 0 && take_data(call.answer, call.answer_size, view) < 0)
                return ctl_fail(CTL_FAILURE, "the log could not be shown: %m");
        return CTL_OK;
}

int ctl_log(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        LogView view = { .ctl = ctl, .pending = {} };
        uint64_t lines;
        int code;

        code = parse_lines(ctl, &lines);
        if (code == CTL_OK)
                code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = show(c, &view, lines, ctl_option(ctl, "follow"));
        /* A last line that was cut off is better than none. */
        if (view.pending.size > 0)
                show_line(ctl, view.pending.data, view.pending.size);
        buffer_deinit(&view.pending);
        return code;
}
