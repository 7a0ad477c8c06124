/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "base/macros.h"

/* What stands on which line of a configuration file. libeconf reads the values; but it drops or changes without a word
 * what it does not expect (a line without '=', the first of two equal keys, what follows a '#' in a value, a NUL, a
 * line over 8 KiB), so every line is held against this grammar first:
 *
 *      # comment       ; comment       [Section]       Key=value       Key="value"
 */

#define CONFIG_LINE_MAX 4096            /* bytes */
#define CONFIG_FILE_MAX (64u << 10)     /* bytes */

typedef struct ConfigLine {
        unsigned number;
        char *section;
        char *key;              /* NULL: the line opens the section */
} ConfigLine;

typedef struct ConfigLines {
        ConfigLine *lines;
        size_t n_lines;
} ConfigLines;

/* One line that is wrong; what says why. */
typedef void (*ConfigComplaint)(unsigned line, const char *what, void *userdata);

/* Goes through all of the text, complaining about each bad line. 0, -EINVAL if there was one, -ENOMEM. *ret holds the
 * good ones in every case. */
int config_syntax_check(const char *data, size_t size, ConfigComplaint complain, void *userdata, ConfigLines *ret);
void config_lines_deinit(ConfigLines *l);
