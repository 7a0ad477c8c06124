/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/text.h"
#include "ctl/grading-admin.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "wire/json.h"

/* The file is there whole or not at all: it is written beside its name, held against the digest, and renamed when it is on disk. */

#define SILENCE_USEC (UINT64_C(600) * 1000000)  /* the service verifies before it sends anything */

typedef struct Backup {
        const Ctl *ctl;
        const char *path;
        char *temporary;
        int fd;
        int error;                      /* of writing: negative errno */
        uint64_t size;                  /* that the answer has announced */
        uint64_t written;
        char *digest;                   /* Repr-Digest */
        char *head;                     /* of the ledger */
        Progress progress;
        crypto_hash_sha256_state state;
} Backup;

static void backup_deinit(Backup *b) {
        b->fd = fd_close(b->fd);
        if (b->temporary)
                (void) unlink(b->temporary);
        free(b->temporary);
        free(b->digest);
        free(b->head);
}

static void on_head(const HttpAnswer *head, void *userdata) {
        Backup *b = userdata;
        const char *size = http_answer_header(head, "Gradebook-Size");

        if (head->status != 200)
                return;
        if (!size || parse_uint64(size, &b->size) < 0)
                b->error = -EPROTO;
        if (text_replace(&b->digest, http_answer_header(head, "Repr-Digest")) < 0 ||
            text_replace(&b->head, http_answer_header(head, "Gradebook-Ledger-Head")) < 0)
                b->error = -ENOMEM;
        progress_begin(&b->progress, "KiB", b->size / 1024, b->ctl->json);
}

static int on_data(const void *data, size_t size, void *userdata) {
        Backup *b = userdata;

        if (b->error >= 0)
                b->error = fd_write_all(b->fd, data, size);
        if (b->error < 0)
                return b->error;
        (void) crypto_hash_sha256_update(&b->state, data, size);
        progress_advance(&b->progress, (b->written + size) / 1024 - b->written / 1024);
        b->written += size;
        return 0;
}

/* Whether what came is what was sent. */
static int check_digest(Backup *b) {
        unsigned char hash[crypto_hash_sha256_BYTES];
        char encoded[64], expected[96];

        (void) crypto_hash_sha256_final(&b->state, hash);
        (void) sodium_bin2base64(encoded, sizeof(encoded), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
        (void) snprintf(expected, sizeof(expected), "sha-256=:%s:", encoded);
        if (b->written != b->size)
                return ctl_fail(CTL_FAILURE, "%" PRIu64 " of %" PRIu64 " bytes came: nothing was saved", b->written, b->size);
        if (!b->digest || strcmp(b->digest, expected) != 0)
                return ctl_fail(CTL_FAILURE, "what came is not what was sent (its digest is another): nothing was saved");
        return CTL_OK;
}

static int sync_directory(const char *path) {
        _cleanup_(freep) char *copy = strdup(path);
        _cleanup_(fd_closep) int fd = -1;

        if (!copy)
                return -ENOMEM;
        fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int fail_file(const char *path, int r) {
        return ctl_fail(CTL_FAILURE, "%s: %s", path, strerror(-r));
}

static int begin_file(Backup *b) {
        if (asprintf(&b->temporary, "%s.tmp", b->path) < 0) {
                b->temporary = NULL;
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        }
        if (unlink(b->temporary) < 0 && errno != ENOENT)
                return fail_file(b->temporary, -errno);
        b->fd = open(b->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        return b->fd < 0 ? fail_file(b->temporary, -errno) : CTL_OK;
}

static int end_file(Backup *b) {
        int r;

        if (fsync(b->fd) < 0)
                return fail_file(b->temporary, -errno);
        b->fd = fd_close(b->fd);
        if (rename(b->temporary, b->path) < 0)
                return fail_file(b->path, -errno);
        free(TAKE_PTR(b->temporary));
        r = sync_directory(b->path);
        return r < 0 ? fail_file(b->path, r) : CTL_OK;
}

static int report(const Backup *b) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(freep) char *head = output_clean(b->head ? b->head : "", NULL);

        if (!b->ctl->json) {
                (void) printf("%" PRIu64 " bytes saved to %s; the ledger's head: %s\n", b->written, b->path, head ? head : "");
                return CTL_OK;
        }
        o = json_object_new_object();
        if (json_add_text(o, "File", b->path) < 0 || json_add_uint64(o, "Bytes", b->written) < 0 || json_add_text(o, "LedgerHead", head) < 0)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        return output_json(o);
}

static int fetch(Backup *b) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(call_deinit) Call call = {
                .timeout_usec = GRADING_ADMIN_USEC, .idle_usec = SILENCE_USEC, .take = on_data, .head = on_head, .userdata = b,
        };
        int code;

        code = connection_open(b->ctl, &c);
        if (code == CTL_OK)
                code = connection_prepare(c, PEER_GRADING, "/backup", &call);
        if (code == CTL_OK)
                code = begin_file(b);
        if (code == CTL_OK)
                code = connection_run(c, &call, 1);
        if (b->size > 0)
                progress_end(&b->progress);
        if (code == CTL_OK && b->error < 0)
                code = b->error == -EPROTO ? ctl_fail(CTL_FAILURE, "GradingService answers what is no backup") : fail_file(b->temporary, b->error);
        if (code == CTL_OK && call.error < 0 && b->size > 0)
                code = ctl_fail(CTL_FAILURE, "the backup broke off after %" PRIu64 " of %" PRIu64 " bytes (%s): nothing was saved", b->written,
                                b->size, call.error_text);
        return code == CTL_OK ? connection_check(PEER_GRADING, &call) : code;
}

int ctl_grading_backup(Ctl *ctl, char *arguments[]) {
        _cleanup_(backup_deinit) Backup b = { .ctl = ctl, .path = arguments[0], .fd = -1 };
        int code;

        (void) crypto_hash_sha256_init(&b.state);
        code = fetch(&b);
        if (code == CTL_OK)
                code = check_digest(&b);
        if (code == CTL_OK)
                code = end_file(&b);
        return code == CTL_OK ? report(&b) : code;
}
