/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/config-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void closedirp(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

void config_files_deinit(ConfigFiles *f) {
        for (size_t i = 0; i < f->n_paths; i++)
                free(f->paths[i]);
        free(f->paths);
        *f = (ConfigFiles) {};
}

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* Takes path, also on failure. */
static int files_add(ConfigFiles *f, char *path) {
        char **more;

        if (!path)
                return -ENOMEM;
        more = reallocarray(f->paths, f->n_paths + 1, sizeof(*more));
        if (!more) {
                free(path);
                return -ENOMEM;
        }
        f->paths = more;
        f->paths[f->n_paths++] = path;
        return 0;
}

static char *join(const char *directory, const char *name, const char *suffix) {
        char *path;

        return asprintf(&path, "%s/%s%s", directory, name, suffix) < 0 ? NULL : path;
}

static bool has_base_name(const ConfigFiles *f, size_t first, const char *name) {
        for (size_t i = first; i < f->n_paths; i++)
                if (strcmp(base_name(f->paths[i]), name) == 0)
                        return true;
        return false;
}

static int add_drop_ins(ConfigFiles *f, size_t first, const char *directory) {
        _cleanup_(closedirp) DIR *d = opendir(directory);
        const struct dirent *entry;

        if (!d)
                return errno == ENOENT ? 0 : -errno;
        while ((errno = 0, entry = readdir(d))) {
                size_t length = strlen(entry->d_name);
                int r;

                if (entry->d_name[0] == '.' || length <= 5 || strcmp(entry->d_name + length - 5, ".conf") != 0)
                        continue;
                if (has_base_name(f, first, entry->d_name))
                        continue;
                r = files_add(f, join(directory, entry->d_name, ""));
                if (r < 0)
                        return r;
        }
        return -errno;
}

static int compare_base_names(const void *a, const void *b) {
        return strcmp(base_name(*(char *const *) a), base_name(*(char *const *) b));
}

static int list(const char *name, const char *const directories[2], ConfigFiles *f, char **ret_path) {
        size_t first;

        for (size_t i = 0; i < 2; i++) {
                char *path = join(directories[i], name, ".conf");

                if (!path)
                        return -ENOMEM;
                /* Whatever is there is tried: a file nobody may read, or a link to nowhere, is an error and not the default. */
                if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT) {
                        int r = files_add(f, path);

                        if (r < 0)
                                return r;
                        break;
                }
                free(path);
        }

        first = f->n_paths;
        for (size_t i = 0; i < 2; i++) {
                _cleanup_(freep) char *directory = join(directories[i], name, ".conf.d");
                int r;

                if (!directory)
                        return -ENOMEM;
                r = add_drop_ins(f, first, directory);
                if (r < 0) {
                        *ret_path = TAKE_PTR(directory);
                        return r;
                }
        }
        if (f->n_paths > first)
                qsort(f->paths + first, f->n_paths - first, sizeof(*f->paths), compare_base_names);
        return 0;
}

int config_files_list(const char *name, const char *config_dir, const char *vendor_dir, ConfigFiles *ret, char **ret_path) {
        ConfigFiles f = {};
        int r;

        *ret_path = NULL;
        r = list(name, (const char *const[2]) { config_dir, vendor_dir }, &f, ret_path);
        if (r < 0) {
                config_files_deinit(&f);
                return r;
        }
        *ret = f;
        return 0;
}
