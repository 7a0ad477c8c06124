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

#define OUTPUT_OPTION { "output", 'o', "FILE", "Write to FILE, when all has come, instead of the standard output" }

const CtlOption ctl_export_options[] = {
        OUTPUT_OPTION,
        { .name = NULL },
};

const CtlOption ctl_export_class_options[] = {
        OUTPUT_OPTION,
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

static int export(Ctl *ctl, const char *path) {
        const char *file = ctl_option(ctl, "output");
        Output o = { .fd = STDOUT_FILENO };

        return file && strcmp(file, "-") != 0 ? write_file(ctl, path, file) : fetch(ctl, path, &o);
}

static int export_one(Ctl *ctl, const char *collection, const char *text) {
        char path[PATH_SIZE];
        uint64_t id;

        if (parse_uint64(text, &id) < 0)
                return ctl_fail(CTL_USAGE, "\"%s\" is no ID", text);
        (void) snprintf(path, sizeof(path), "/%s/%" PRIu64 "/export%s", collection, id, ctl_option(ctl, "long") ? "?layout=long" : "");
        return export(ctl, path);
}

int ctl_export_class(Ctl *ctl, char *arguments[]) {
        return export_one(ctl, "classes", arguments[0]);
}

int ctl_export_student(Ctl *ctl, char *arguments[]) {
        return export_one(ctl, "students", arguments[0]);
}

int ctl_export_all(Ctl *ctl, char *arguments[]) {
        return export(ctl, "/export");
}
