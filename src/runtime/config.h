/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* Configuration from a table. Files of one name, later ones win by key (as in systemd): /usr/lib/gradebook/NAME.conf or,
 * instead of it, /etc/gradebook/NAME.conf, then all NAME.conf.d/(any).conf of both directories in the order of their
 * base names. */

typedef enum ConfigType {
        CONFIG_TEXT,            /* char *: owned */
        CONFIG_BOOL,            /* bool */
        CONFIG_UINT,            /* uint64_t, min to max */
        CONFIG_SPAN,            /* uint64_t, microseconds, min to max */
        CONFIG_SIZE,            /* uint64_t, bytes, min to max */
        CONFIG_CHOICE,          /* int: index into choices */
        CONFIG_URL,             /* char *: owned; http or https, see wire/url.h */
        CONFIG_URLS,            /* char *: owned; one or more of these, see wire/url-list.h */
} ConfigType;

typedef struct ConfigItem {
        const char *section;
        const char *key;
        ConfigType type;
        size_t offset;                  /* into the structure that is filled */
        const char *fallback;           /* the default, as it would stand in the file; "" for no text */
        uint64_t min, max;
        const char *const *choices;     /* NULL-terminated */
        const char *help;               /* one line for the man page's reader and --help */
} ConfigItem;

#define CONFIG_END { .section = NULL }

/* Fills the zeroed structure at target with the defaults and then from the files. Logs unknown keys as warnings and
 * bad values as errors, each with file and line: -EINVAL then, or if a file cannot be read; target is freed by the
 * caller with config_free_items() in every case. config_dir NULL: /etc/gradebook. */
int config_load(const ConfigItem *items, const char *name, const char *config_dir, void *target);
void config_free_items(const ConfigItem *items, void *target);
