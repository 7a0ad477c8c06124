/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/grading-admin.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "wire/json.h"

/* The service reads the backup from its own directory: it is copied there, as the service's own, and gone when the service has answered. */

#define STATE_DIRECTORY "/var/lib/gradebook/grading"
#define NAME "restore.db"               /* src/grading/admin.h */
#define CHUNK_BYTES (256 * 1024)

const CtlOption ctl_grading_restore_options[] = {
        { "reason", 0, "TEXT", "Why, for the journal" },
        { "state-directory", 0, "DIR", "Where the service keeps its file (otherwise " STATE_DIRECTORY ")" },
        { .name = NULL },
};

typedef struct Upload {
        const char *directory;
        int directory_fd;
        bool placed;
} Upload;

static void upload_deinit(Upload *u) {
        if (u->placed)
                (void) unlinkat(u->directory_fd, NAME, 0);
        u->directory_fd = fd_close(u->directory_fd);
}

static int copy(const Ctl *ctl, const char *file, int from, int to, uint64_t size) {
        _cleanup_(freep) char *chunk = malloc(CHUNK_BYTES);
        Progress progress;
        uint64_t done = 0;
        ssize_t n = 1;
        int r = 0;

        if (!chunk)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        progress_begin(&progress, "KiB", size / 1024, ctl->json);
        while (r >= 0 && (n = read(from, chunk, CHUNK_BYTES)) > 0) {
                r = fd_write_all(to, chunk, (size_t) n);
                progress_advance(&progress, (done + (uint64_t) n) / 1024 - done / 1024);
                done += (uint64_t) n;
        }
        progress_end(&progress);
        if (n < 0)
                return ctl_fail(CTL_FAILURE, "%s: %s", file, strerror(errno));
        return r < 0 ? ctl_fail(CTL_FAILURE, "the state directory: %s", strerror(-r)) : CTL_OK;
}

/* The directory is the service's, and this may be root's: nothing that has the name already is followed or written to. */
static int place(const Ctl *ctl, const char *file, Upload *u) {
        _cleanup_(fd_closep) int from = -1, to = -1;
        struct stat owner, st;
        int code;

        from = open(file, O_RDONLY | O_CLOEXEC);
        if (from < 0 || fstat(from, &st) < 0)
                return ctl_fail(errno == ENOENT ? CTL_NOT_FOUND : CTL_FAILURE, "%s: %s", file, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return ctl_fail(CTL_FAILURE, "%s: it is no regular file", file);
        u->directory_fd = open(u->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (u->directory_fd < 0 || fstat(u->directory_fd, &owner) < 0)
                return ctl_fail(errno == EACCES ? CTL_REFUSED : CTL_FAILURE, "%s: %s; this needs root, on the machine of the grading service",
                                u->directory, strerror(errno));
        (void) unlinkat(u->directory_fd, NAME, 0);
        to = openat(u->directory_fd, NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (to < 0)
                return ctl_fail(errno == EACCES ? CTL_REFUSED : CTL_FAILURE, "%s/%s: %s", u->directory, NAME, strerror(errno));
        u->placed = true;
        code = copy(ctl, file, from, to, (uint64_t) st.st_size);
        if (code == CTL_OK && fchown(to, owner.st_uid, owner.st_gid) < 0)
                code = ctl_fail(CTL_FAILURE, "%s/%s: %s", u->directory, NAME, strerror(errno));
        return code;
}

static int report(const Ctl *ctl, json_object *o) {
        json_object *before = NULL, *head = NULL;
        _cleanup_(freep) char *kept = output_clean(grading_text(o, "Kept"), NULL);

        if (ctl->json)
                return output_json(o);
        (void) json_object_object_get_ex(o, "Before", &before);
        (void) json_object_object_get_ex(o, "Head", &head);
        (void) printf("Restored: the ledger ends with entry %" PRIu64 " (it was %" PRIu64 "). What was there before is kept as %s.\n",
                      grading_number(head, "Sequence"), grading_number(before, "Sequence"), kept ? kept : "");
        return CTL_OK;
}

int ctl_grading_restore(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(json_unrefp) json_object *body = json_object_new_object(), *o = NULL;
        const char *reason = ctl_option(ctl, "reason"), *directory = ctl_option(ctl, "state-directory");
        _cleanup_(upload_deinit) Upload upload = { .directory = directory ? directory : STATE_DIRECTORY, .directory_fd = -1 };
        int code;

        if (!body || (reason && json_add_text(body, "Reason", reason) < 0))
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = place(ctl, arguments[0], &upload);
        if (code == CTL_OK)
                code = grading_post(c, "/restore", body, &o);
        return code == CTL_OK ? report(ctl, o) : code;
}
