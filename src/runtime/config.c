/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libeconf.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/nearest.h"
#include "runtime/config-files.h"
#include "runtime/config-syntax.h"
#include "runtime/config-value.h"
#include "runtime/events.h"

/* One file while it is read. */
typedef struct Reading {
        const ConfigItem *items;
        const char *path;
        void *target;
        bool bad;
} Reading;

static void econf_filep(econf_file **f) {
        if (*f)
                econf_freeFile(*f);
}

/* line 0: the file as a whole. */
static void say(int priority, Reading *reading, unsigned line, const char *what) {
        char number[16] = "";

        if (line > 0)
                (void) snprintf(number, sizeof(number), "%u", line);
        log_event(priority, EVENT_CONFIG_INVALID,
                  ((LogField[]) { { "CONFIG_FILE", reading->path }, { "CONFIG_LINE", line > 0 ? number : NULL } }), 2,
                  "%s%s%s: %s", reading->path, line > 0 ? ":" : "", number, what);
        if (priority <= LOG_ERR)
                reading->bad = true;
}

static void say_syntax(unsigned line, const char *what, void *userdata) {
        say(LOG_ERR, userdata, line, what);
}

static const ConfigItem *find_item(const ConfigItem *items, const char *section, const char *key) {
        for (const ConfigItem *i = items; i->section; i++)
                if (strcmp(i->section, section) == 0 && (!key || strcmp(i->key, key) == 0))
                        return i;
        return NULL;
}

static void warn_unknown(Reading *reading, const ConfigLine *line) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        Nearest nearest = NEAREST(line->key ? line->key : line->section);
        const ConfigItem *elsewhere = NULL;

        for (const ConfigItem *i = reading->items; i->section; i++) {
                if (!line->key)
                        nearest_offer(&nearest, i->section);
                else if (strcmp(i->section, line->section) == 0)
                        nearest_offer(&nearest, i->key);
                else if (strcmp(i->key, line->key) == 0)
                        elsewhere = i;
        }
        if (line->key)
                (void) buffer_printf(&text, "unknown key %s= in section [%s], ignored", line->key, line->section);
        else
                (void) buffer_printf(&text, "unknown section [%s], ignored", line->section);
        if (elsewhere)
                (void) buffer_printf(&text, " (it belongs into section [%s])", elsewhere->section);
        else if (nearest.text)
                (void) buffer_printf(&text, line->key ? " (did you mean %s=?)" : " (did you mean [%s]?)", nearest.text);
        say(LOG_WARNING, reading, line->number, buffer_text(&text));
}

static int take_value(Reading *reading, econf_file *file, const ConfigItem *item, const ConfigLine *line) {
        _cleanup_(buffer_deinit) Buffer needed = BUFFER_NULL, text = BUFFER_NULL;
        _cleanup_(freep) char *value = NULL;
        econf_err e;
        int r;

        e = econf_getStringValue(file, line->section, line->key, &value);
        if (e == ECONF_NOMEM)
                return -ENOMEM;
        if (e != ECONF_SUCCESS) {
                say(LOG_ERR, reading, line->number, econf_errString(e));
                return 0;
        }
        /* As in systemd, an empty value takes back what was said before. */
        r = config_value_set(item, value && *value ? value : item->fallback, reading->target, &needed);
        if (r == -EINVAL) {
                (void) buffer_printf(&text, "%s=%s: %s", item->key, value, buffer_text(&needed));
                say(LOG_ERR, reading, line->number, buffer_text(&text));
                return 0;
        }
        return r;
}

static int take_lines(Reading *reading, econf_file *file, const ConfigLines *lines) {
        for (size_t i = 0; i < lines->n_lines; i++) {
                const ConfigLine *line = lines->lines + i;
                const ConfigItem *item = find_item(reading->items, line->section, line->key);
                int r;

                if (!item) {
                        /* The keys of an unknown section are covered by the one warning for it. */
                        if (!line->key || find_item(reading->items, line->section, NULL))
                                warn_unknown(reading, line);
                        continue;
                }
                if (!line->key)
                        continue;
                r = take_value(reading, file, item, line);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Reads what can be read at once: a pipe would wait for its writer. /dev/null reads as empty, which masks a file. */
static int read_text(const char *path, char **ret, size_t *ret_size) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
                return -EINVAL;
        return file_read(path, CONFIG_FILE_MAX, ret, ret_size);
}

static int load_file(Reading *reading) {
        _cleanup_(config_lines_deinit) ConfigLines lines = {};
        _cleanup_(econf_filep) econf_file *file = NULL;
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;
        econf_err e;
        int r;

        r = read_text(reading->path, &text, &size);
        if (r < 0) {
                say(LOG_ERR, reading, 0, r == -EINVAL ? "not a regular file" : r == -EFBIG ? "larger than 64K" : strerror(-r));
                return r == -ENOMEM ? r : 0;
        }
        r = config_syntax_check(text, size, say_syntax, reading, &lines);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        if (lines.n_lines == 0)
                return 0;

        e = econf_readFile(&file, reading->path, "=", "#;");
        if (e != ECONF_SUCCESS) {
                say(LOG_ERR, reading, 0, econf_errString(e));
                return e == ECONF_NOMEM ? -ENOMEM : 0;
        }
        return take_lines(reading, file, &lines);
}

static int set_defaults(const ConfigItem *items, void *target) {
        for (const ConfigItem *i = items; i->section; i++) {
                _cleanup_(buffer_deinit) Buffer needed = BUFFER_NULL;
                int r = config_value_set(i, i->fallback, target, &needed);

                if (r < 0) {
                        log_error("[%s] %s=%s, the default: %s", i->section, i->key, i->fallback,
                                  r == -ENOMEM ? strerror(ENOMEM) : buffer_text(&needed));
                        return r;
                }
        }
        return 0;
}

int config_load(const ConfigItem *items, const char *name, const char *config_dir, void *target) {
        _cleanup_(config_files_deinit) ConfigFiles files = {};
        _cleanup_(freep) char *directory = NULL;
        bool bad = false;
        int r;

        r = set_defaults(items, target);
        if (r < 0)
                return r;

        /* A directory that somebody named must be there; the usual one may be missing. */
        if (config_dir && access(config_dir, R_OK | X_OK) < 0) {
                log_error("%s: %s", config_dir, strerror(errno));
                return -EINVAL;
        }
        r = config_files_list(name, config_dir ? config_dir : GRADEBOOK_CONFDIR, GRADEBOOK_VENDOR_CONFDIR, &files, &directory);
        if (r < 0) {
                log_error("%s: %s", directory ? directory : name, strerror(-r));
                return r == -ENOMEM ? r : -EINVAL;
        }

        for (size_t i = 0; i < files.n_paths; i++) {
                Reading reading = { .items = items, .path = files.paths[i], .target = target };

                r = load_file(&reading);
                if (r < 0) {
                        log_error("%s: %s", reading.path, strerror(-r));
                        return r;
                }
                bad = bad || reading.bad;
        }
        return bad ? -EINVAL : 0;
}

void config_free_items(const ConfigItem *items, void *target) {
        for (const ConfigItem *i = items; i->section; i++)
                config_value_free(i, target);
}
