/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "ctl/ctl.h"

#define PROGRAM "gradebook-grading"

/* The daemon's own program does it, which alone knows what is in its database, and what has to follow from the ledger. Where both lie in one directory, as
 * before they are installed, it is that one. */
int ctl_database_copy(Ctl *ctl, char *arguments[]) {
        char path[PATH_MAX], *slash;
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(PROGRAM));
        char *const arguments_out[] = { (char *) PROGRAM, (char *) "copy", arguments[0], arguments[1], NULL };

        /* What begins with a dash would be an option there. */
        if (*arguments[0] == '-' || *arguments[1] == '-')
                return ctl_fail(CTL_USAGE, "A database is sqlite:PATH or postgresql://host/name");
        (void) fflush(NULL);
        if (n > 0) {
                path[n] = '\0';
                slash = strrchr(path, '/');
                if (slash) {
                        memcpy(slash + 1, PROGRAM, sizeof(PROGRAM));   /* there is room: see readlink() */
                        (void) execv(path, arguments_out);
                }
        }
        (void) execv(GRADEBOOK_SBINDIR "/" PROGRAM, arguments_out);
        return ctl_fail(CTL_FAILURE, "%s/%s cannot be run: %s", GRADEBOOK_SBINDIR, PROGRAM, strerror(errno));
}
