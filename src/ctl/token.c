/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/token.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "ctl/output.h"
#include "wire/json.h"

#define TOKEN_BYTES 32
#define TOKEN_TEXT_MAX 4096

static void random_hex(size_t n_bytes, char *ret) {
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < n_bytes; i++) {
                uint8_t byte;

                /* Waits for the kernel's pool at boot, and gives a byte whole then: random(7). */
                while (getrandom(&byte, 1, 0) != 1)
                        ;
                ret[2 * i] = digits[byte >> 4];
                ret[2 * i + 1] = digits[byte & 15];
        }
        ret[2 * n_bytes] = 0;
}

static int write_new(const char *path, const char *text) {
        _cleanup_(fd_closep) int fd = -1;
        int r;

        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, text, strlen(text));
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(path);
        return r;
}

static int sync_directory(const char *path) {
        _cleanup_(freep) char *copy = strdup(path);
        _cleanup_(fd_closep) int fd = -1;

        if (!copy)
                return -ENOMEM;
        fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The file appears whole, or not at all, and never in the place of another: link(2) does not overwrite. */
static int create(const char *path) {
        _cleanup_(freep) char *temporary = NULL;
        char token[2 * TOKEN_BYTES + 2], suffix[17];
        int r;

        random_hex(8, suffix);
        random_hex(TOKEN_BYTES, token);
        token[2 * TOKEN_BYTES] = '\n';
        token[2 * TOKEN_BYTES + 1] = 0;
        if (asprintf(&temporary, "%s.%s", path, suffix) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }
        r = write_new(temporary, token);
        explicit_bzero(token, sizeof(token));
        if (r < 0)
                return r;
        r = link(temporary, path) < 0 ? -errno : 0;
        (void) unlink(temporary);
        return r < 0 ? r : sync_directory(path);
}

int ctl_cluster_token_create(Ctl *ctl, char *arguments[]) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        int r = create(arguments[0]);

        if (r == -EEXIST)
                return ctl_fail(CTL_FAILURE,
                                "%s exists and is left as it is: remove it first to make a new token, and restart all daemons then",
                                arguments[0]);
        if (r < 0)
                return ctl_fail(r == -EACCES || r == -EPERM ? CTL_REFUSED : CTL_FAILURE, "cannot create %s: %s", arguments[0], strerror(-r));
        if (!ctl->json) {
                (void) printf("A new cluster token is in %s.\n", arguments[0]);
                return CTL_OK;
        }
        o = json_object_new_object();
        if (!o || json_add_text(o, "File", arguments[0]) < 0)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        return output_json(o);
}

int token_read(const Ctl *ctl, bool quiet, char **ret) {
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;
        int r;

        r = file_read(ctl->token_file, TOKEN_TEXT_MAX, &text, &size);
        if (r >= 0) {
                while (size > 0 && strchr("\r\n\t ", text[size - 1]))
                        text[--size] = 0;
                /* What may stand behind "Bearer": RFC 6750, section 2.1. */
                if (size == 0 || strlen(text) != size ||
                    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") != size)
                        r = -EBADMSG;
        }
        if (r >= 0) {
                *ret = TAKE_PTR(text);
                return CTL_OK;
        }
        if (quiet)
                return CTL_FAILURE;
        if (r == -EACCES || r == -EPERM)
                return ctl_fail(CTL_REFUSED, "no permission to read the cluster token %s: run it with sudo, or give --token-file=FILE",
                                ctl->token_file);
        if (r == -ENOENT)
                return ctl_fail(CTL_FAILURE,
                                "there is no cluster token %s: \"systemctl start gradebook-cluster-token\" makes it, "
                                "or give --token-file=FILE",
                                ctl->token_file);
        return ctl_fail(CTL_FAILURE, "no cluster token can be read from %s: %s", ctl->token_file,
                        r == -EBADMSG ? "what it contains is not one" : strerror(-r));
}
