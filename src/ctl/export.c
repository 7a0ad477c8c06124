/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "ctl/connection.h"
#include "ctl/progress.h"

#define EXPORT_USEC (UINT64_C(3600) * 1000000)
#define PATH_SIZE 64

const CtlOption ctl_export_options[] = {
        { "output", 'o', "FILE", "Write to FILE, when all has come, instead of the standard output" },
        { "long", 0, NULL, "A class with one grade in each line, and its comment, instead of a grid" },
        { .name = NULL },
};

typedef struct Output {
        int fd;
        Progress progress;
        int error;                      /* of writing */
} Output;

static int take(const void *data, size_t size, void *userdata) {
        Output *o = userdata;

        o->error = fd_write_all(o->fd, data, size);
        if (o->error >= 0)
                progress_advance(&o->progress, size);
        return o->error;
}

/* "class 5", "student 1", "all" */
static int parse_what(const Ctl *ctl, char *arguments[], char path[static PATH_SIZE]) {
        bool is_class = strcmp(arguments[0], "class") == 0, is_student = strcmp(arguments[0], "student") == 0;
        uint64_t id;

        if (!is_class && !is_student && strcmp(arguments[0], "all") != 0)
                return ctl_fail(CTL_USAGE, "export: \"%s\" is none of class, student and all", arguments[0]);
        if (ctl_option(ctl, "long") && !is_class)
                return ctl_fail(CTL_USAGE, "export: --long is for a class");
        if (!is_class && !is_student) {
                if (arguments[1])
                        return ctl_fail(CTL_USAGE, "export: all takes no ID");
                (void) snprintf(path, PATH_SIZE, "/export");
                return CTL_OK;
        }
        if (!arguments[1])
                return ctl_fail(CTL_USAGE, "export: the ID of the %s is missing", arguments[0]);
        if (parse_uint64(arguments[1], &id) < 0)
                return ctl_fail(CTL_USAGE, "export: \"%s\" is no ID", arguments[1]);
        (void) snprintf(path, PATH_SIZE, "/%s/%" PRIu64 "/export%s", is_class ? "classes" : "students", id, ctl_option(ctl, "long") ? "?layout=long" : "");
        return CTL_OK;
}

static int fetch(const Ctl *ctl, const char *path, Output *o) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(call_deinit) Call call = { .take = take, .userdata = o };
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = connection_prepare(c, PEER_GRADING, path, &call);
        if (code != CTL_OK)
                return code;
        call.timeout_usec = EXPORT_USEC;
        progress_begin_open(&o->progress, "export", ctl->json || isatty(o->fd));
        code = connection_run(c, &call, 1);
        progress_end(&o->progress);
        if (code == CTL_OK && o->error < 0)
                return ctl_fail(CTL_FAILURE, "writing: %s", strerror(-o->error));
        return code == CTL_OK ? connection_check(PEER_GRADING, &call) : code;
}

/* The name is given to what is whole and on disk. */
static int write_file(const Ctl *ctl, const char *path, const char *file) {
        _cleanup_(freep) char *part = NULL;
        Output o = {};
        int code;

        if (asprintf(&part, "%s.part", file) < 0) {
                part = NULL;
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        }
        o.fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (o.fd < 0)
                return ctl_fail(CTL_FAILURE, "%s: %m", part);
        code = fetch(ctl, path, &o);
        if (code == CTL_OK && (fsync(o.fd) < 0 || rename(part, file) < 0))
                code = ctl_fail(CTL_FAILURE, "%s: %m", file);
        (void) fd_close(o.fd);
        if (code != CTL_OK)
                (void) unlink(part);
        return code;
}

int ctl_export(Ctl *ctl, char *arguments[]) {
        const char *file = ctl_option(ctl, "output");
        Output o = { .fd = STDOUT_FILENO };
        char path[PATH_SIZE];
        int code = parse_what(ctl, arguments, path);

        if (code != CTL_OK)
                return code;
        return file && strcmp(file, "-") != 0 ? write_file(ctl, path, file) : fetch(ctl, path, &o);
}
