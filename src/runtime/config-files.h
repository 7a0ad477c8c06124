/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "base/macros.h"

/* Which files make up a configuration, in the order in which they are read: config_dir/NAME.conf or, when there is none,
 * vendor_dir/NAME.conf; then NAME.conf.d/(any).conf of both directories by base name, where a file in config_dir takes the
 * place of one of the same name in vendor_dir (a link to /dev/null masks it). */
typedef struct ConfigFiles {
        char **paths;
        size_t n_paths;
} ConfigFiles;

/* 0, -ENOMEM, or what opendir(3) says, with *ret_path (owned by the caller) naming the directory. Directories that do
 * not exist are empty. */
int config_files_list(const char *name, const char *config_dir, const char *vendor_dir, ConfigFiles *ret, char **ret_path);
void config_files_deinit(ConfigFiles *f);
