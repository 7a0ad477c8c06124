/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/log-view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define OUTPUT_BYTES 65536

void log_view_begin(LogView *v, const LogOptions *options) {
        *v = (LogView) { .options = options, .pager = PAGER_NULL };
        (void) signal(SIGPIPE, SIG_IGN);
        (void) setvbuf(stdout, NULL, _IOFBF, OUTPUT_BYTES);
}

/* Nobody reads what is still in the buffer, and that is no fault. */
static void forget_output(void) {
        int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

        if (fd >= 0)
                (void) dup2(fd, STDOUT_FILENO);
        fd_close(fd);
        clearerr(stdout);
        (void) fflush(stdout);
}

int log_view_flush(LogView *v) {
        if (fflush(stdout) == 0 && !ferror(stdout))
                return CTL_OK;
        if (errno != EPIPE)
                return ctl_fail(CTL_FAILURE, "what was asked for could not be written: %m");
        forget_output();
        v->gone = true;
        return LOG_STOP;
}

int log_view_take(json_object *record, const char *line, size_t size, void *userdata) {
        LogView *v = userdata;
        const LogOptions *o = v->options;

        if (record)
                log_take_cursor(record, v->seen);
        if (log_options_choose(o) && !log_options_match(o, record))
                return CTL_OK;
        if (v->shown == 0 && !o->follow && !o->no_pager)
                pager_open(&v->pager);
        v->shown++;
        memcpy(v->last, v->seen, sizeof(v->last));
        log_format_print(stdout, o->format, o->ctl->colour, record, line, size);
        return ferror(stdout) ? log_view_flush(v) : CTL_OK;
}

void log_view_end(LogView *v) {
        const LogOptions *o = v->options;

        if (v->shown == 0 && !o->quiet && !o->follow && o->format != LOG_FORMAT_JSON)
                (void) puts("-- No entries --");
        if (o->show_cursor && *v->last)
                (void) printf("-- cursor: %s\n", v->last);
        (void) log_view_flush(v);
        pager_close(&v->pager);
}
