/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/line.h"

#include <libdeflate.h>
#include <string.h>
#include <syslog.h>

#define BEGINNING "{\"Time\":\""

/* ,"CRC32":"89abcdef"} at a line's end; digits are anything here. */
#define CRC_MEMBER ",\"CRC32\":\"????????\"}"
#define CRC_SIZE (sizeof(CRC_MEMBER) - 1)
#define CRC_DIGITS_AT 10
#define CRC_DIGITS 8
#define CRC_ALIKE 8     /* so many of its 12 fixed bytes, and it is one that was damaged: no older line ends so */

static size_t crc_likeness(const char *end) {
        size_t n = 0;

        for (size_t i = 0; i < CRC_SIZE; i++)
                n += CRC_MEMBER[i] != '?' && end[i] == CRC_MEMBER[i];
        return n;
}

/* -1: these are not hex digits as they are written here. */
static int64_t crc_value(const char *digits) {
        uint32_t value = 0;

        for (size_t i = 0; i < CRC_DIGITS; i++) {
                char c = digits[i];

                if (c >= '0' && c <= '9')
                        value = value << 4 | (uint32_t) (c - '0');
                else if (c >= 'a' && c <= 'f')
                        value = value << 4 | (uint32_t) (c - 'a' + 10);
                else
                        return -1;
        }
        return value;
}

static bool has_crc(const char *line, size_t size) {
        const char *end = line + size - CRC_SIZE;

        return size > CRC_SIZE && memcmp(end, CRC_MEMBER, CRC_DIGITS_AT) == 0 &&
               memcmp(end + CRC_DIGITS_AT + CRC_DIGITS, "\"}", 2) == 0;
}

/* The one object ends with the line's last byte. For lines without a checksum: one may be torn behind an inner brace. */
static bool is_one_object(const char *line, size_t size) {
        bool text = false;
        size_t depth = 0;

        for (size_t i = 0; i < size; i++) {
                if (line[i] == 0)
                        return false;
                if (text && line[i] == '\\')
                        i++;
                else if (line[i] == '"')
                        text = !text;
                else if (!text && line[i] == '{')
                        depth++;
                else if (!text && line[i] == '}' && --depth == 0)
                        return i + 1 == size;
        }
        return false;
}

bool line_is_whole(const char *line, size_t size) {
        if (size <= strlen(BEGINNING) + CRC_SIZE || memcmp(line, BEGINNING, strlen(BEGINNING)) != 0 || line[size - 1] != '}')
                return false;
        if (has_crc(line, size))
                return crc_value(line + size - CRC_SIZE + CRC_DIGITS_AT) == (int64_t) libdeflate_crc32(0, line, size - CRC_SIZE);
        return crc_likeness(line + size - CRC_SIZE) < CRC_ALIKE && is_one_object(line, size);
}

size_t line_size_without_crc(const char *line, size_t size) {
        return has_crc(line, size) ? size - CRC_SIZE : size - 1;
}

static const char *find_value(const char *line, size_t size, const char *name) {
        char key[32];
        size_t n = strlen(name);
        const char *p;

        if (n + 4 > sizeof(key))
                return NULL;
        key[0] = '"';
        memcpy(key + 1, name, n);
        key[n + 1] = '"';
        key[n + 2] = ':';
        p = memmem(line, size, key, n + 3);
        return p ? p + n + 3 : NULL;
}

const char *line_member(const char *line, size_t size, const char *name, size_t *ret_size) {
        const char *value = find_value(line, size, name), *end = line + size;

        if (!value || value >= end || *value++ != '"')
                return NULL;
        for (const char *p = value; p < end; p++) {
                if (*p == '"') {
                        *ret_size = (size_t) (p - value);
                        return value;
                }
                if (*p == '\\')
                        p++;
        }
        return NULL;
}

int line_priority(const char *line, size_t size) {
        const char *value = find_value(line, size, "Priority");

        return value && value < line + size && *value >= '0' && *value <= '7' ? *value - '0' : LOG_INFO;
}

uint64_t line_sequence(const char *line, size_t size) {
        const char *value = find_value(line, size, "Sequence");
        uint64_t n = 0;

        for (; value && value < line + size && *value >= '0' && *value <= '9'; value++)
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t) (*value - '0'), &n))
                        return 0;
        return n;
}
