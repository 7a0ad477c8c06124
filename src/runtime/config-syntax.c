/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/config-syntax.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

typedef struct Span {
        const char *start;
        size_t size;
} Span;

static Span trim(Span s) {
        while (s.size > 0 && isspace((unsigned char) s.start[0])) {
                s.start++;
                s.size--;
        }
        while (s.size > 0 && isspace((unsigned char) s.start[s.size - 1]))
                s.size--;
        return s;
}

static bool is_name(Span s) {
        for (size_t i = 0; i < s.size; i++)
                if (!isalnum((unsigned char) s.start[i]) && s.start[i] != '-' && s.start[i] != '_')
                        return false;
        return s.size > 0;
}

void config_lines_deinit(ConfigLines *l) {
        for (size_t i = 0; i < l->n_lines; i++) {
                free(l->lines[i].section);
                free(l->lines[i].key);
        }
        free(l->lines);
        *l = (ConfigLines) {};
}

static int lines_add(ConfigLines *l, unsigned number, Span section, Span key) {
        _cleanup_(freep) char *section_copy = strndup(section.start, section.size);
        _cleanup_(freep) char *key_copy = key.start ? strndup(key.start, key.size) : NULL;
        ConfigLine *more;

        if (!section_copy || (key.start && !key_copy))
                return -ENOMEM;
        /* Grows by doubling: the count is a power of two just when the space is used up. */
        if ((l->n_lines & (l->n_lines - 1)) == 0) {
                more = reallocarray(l->lines, l->n_lines ? l->n_lines * 2 : 1, sizeof(*more));
                if (!more)
                        return -ENOMEM;
                l->lines = more;
        }
        l->lines[l->n_lines++] = (ConfigLine) {
                .number = number,
                .section = TAKE_PTR(section_copy),
                .key = TAKE_PTR(key_copy),
        };
        return 0;
}

static bool is_repeated(const ConfigLines *l, Span section, Span key) {
        for (size_t i = 0; i < l->n_lines; i++) {
                const ConfigLine *line = l->lines + i;

                if (line->key && strlen(line->key) == key.size && memcmp(line->key, key.start, key.size) == 0 &&
                    strlen(line->section) == section.size && memcmp(line->section, section.start, section.size) == 0)
                        return true;
        }
        return false;
}

/* NULL when the value is one that libeconf hands on as it stands. */
static const char *value_fault(Span value) {
        bool quoted = value.size > 0 && value.start[0] == '"';

        for (size_t i = 0; i < value.size; i++)
                if (value.start[i] == '#' || value.start[i] == ';')
                        return "a value cannot contain '#' or ';': a comment needs a line of its own";
        if (quoted && (value.size < 2 || value.start[value.size - 1] != '"'))
                return "the closing quotation mark is missing";
        return NULL;
}

/* One line, trimmed and not empty. Returns what is wrong with it, or NULL; *ret_r is 0 or -ENOMEM. */
static const char *take_line(Span line, unsigned number, Span *section, ConfigLines *lines, int *ret_r) {
        const char *equals;
        Span key;

        if (!text_is_utf8(line.start, line.size))
                return "the text is not valid UTF-8";
        for (size_t i = 0; i < line.size; i++)
                if ((unsigned char) line.start[i] < 0x20 && line.start[i] != '\t')
                        return "the line contains a control character";
        if (line.start[0] == '#' || line.start[0] == ';')
                return NULL;

        if (line.start[0] == '[') {
                Span name = { line.start + 1, line.size - 2 };

                if (line.size < 3 || line.start[line.size - 1] != ']' || !is_name(name))
                        return "a section is opened by its name in brackets, alone on its line: [Name]";
                *section = name;
                *ret_r = lines_add(lines, number, name, (Span) {});
                return NULL;
        }

        equals = memchr(line.start, '=', line.size);
        if (!equals)
                return "'=' is missing: a line is [Section], Key=value or a # comment";
        key = trim((Span) { line.start, (size_t) (equals - line.start) });
        if (!is_name(key))
                return "the name before '=' is not one: letters, digits, '-' and '_' are allowed";
        if (!section->start)
                return "this key stands before the first [Section]";
        if (is_repeated(lines, *section, key))
                return "this key was given before, in the same section of this file";
        *ret_r = lines_add(lines, number, *section, key);
        return value_fault(trim((Span) { equals + 1, line.size - (size_t) (equals + 1 - line.start) }));
}

int config_syntax_check(const char *data, size_t size, ConfigComplaint complain, void *userdata, ConfigLines *ret) {
        Span section = {};
        unsigned number = 0;
        bool bad = false;

        *ret = (ConfigLines) {};
        if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
                complain(1, "the file starts with a byte order mark: save it as UTF-8 without one", userdata);
                bad = true;
                data += 3;
                size -= 3;
        }
        while (size > 0) {
                const char *end = memchr(data, '\n', size);
                size_t length = end ? (size_t) (end - data) : size;
                Span line = trim((Span) { data, length });
                const char *fault = NULL;
                int r = 0;

                number++;
                if (length > CONFIG_LINE_MAX)
                        fault = "the line is longer than 4096 bytes";
                else if (line.size > 0)
                        fault = take_line(line, number, &section, ret, &r);
                if (r < 0)
                        return r;
                if (fault) {
                        complain(number, fault, userdata);
                        bad = true;
                }
                data += end ? length + 1 : length;
                size -= end ? length + 1 : length;
        }
        return bad ? -EINVAL : 0;
}
