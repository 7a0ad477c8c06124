/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/segment-name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "wire/timestamp.h"

#define PREFIX "log-"
#define TIME_FORM "dddd-dd-ddTdddddd.ddddddZ"  /* CLOCK_TEXT_SIZE without its colons */
#define TIME_SIZE (sizeof(TIME_FORM) - 1)
#define POSITION_DIGITS 16

static bool parse_time(const char *text, uint64_t *ret) {
        char time[CLOCK_TEXT_SIZE];

        for (size_t i = 0; i < TIME_SIZE; i++)
                if (TIME_FORM[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != TIME_FORM[i])
                        return false;
        (void) snprintf(time, sizeof(time), "%.13s:%.2s:%.10s", text, text + 13, text + 15);
        return timestamp_parse(time, ret) >= 0;
}

static bool parse_position(const char *text, uint64_t *ret) {
        uint64_t position = 0;

        for (size_t i = 0; i < POSITION_DIGITS; i++) {
                char c = text[i];

                if (c >= '0' && c <= '9')
                        position = position << 4 | (uint64_t) (c - '0');
                else if (c >= 'a' && c <= 'f')
                        position = position << 4 | (uint64_t) (c - 'a' + 10);
                else
                        return false;
        }
        *ret = position;
        return true;
}

static bool parse_suffix(const char *suffix, bool has_position, SegmentFile *ret) {
        size_t n = strlen(suffix), temporary = strlen(SUFFIX_TEMPORARY);

        if (strcmp(suffix, SUFFIX_RAW) == 0)
                *ret = SEGMENT_RAW;
        else if (!has_position)
                return false;
        else if (strcmp(suffix, SUFFIX_COMPRESSED) == 0)
                *ret = SEGMENT_COMPRESSED;
        else if (strcmp(suffix, SUFFIX_INDEX) == 0)
                *ret = SEGMENT_INDEX;
        else if (n > temporary && strcmp(suffix + n - temporary, SUFFIX_TEMPORARY) == 0)
                *ret = SEGMENT_TEMPORARY;
        else
                return false;
        return true;
}

bool segment_name_parse(const char *name, SegmentName *ret) {
        SegmentName n = {};
        const char *p = name;

        if (strncmp(p, PREFIX, strlen(PREFIX)) != 0 || !parse_time(p + strlen(PREFIX), &n.full_usec))
                return false;
        p += strlen(PREFIX) + TIME_SIZE;
        if (*p == '-') {
                if (!parse_position(p + 1, &n.position))
                        return false;
                p += 1 + POSITION_DIGITS;
                n.has_position = true;
        }
        if (!parse_suffix(p, n.has_position, &n.file))
                return false;
        memcpy(n.stem, name, (size_t) (p - name));
        *ret = n;
        return true;
}

void segment_stem(uint64_t full_usec, uint64_t position, char ret[static SEGMENT_STEM_SIZE]) {
        char time[CLOCK_TEXT_SIZE], *to = time;

        clock_format_utc(full_usec, time);
        for (const char *p = time; *p; p++)
                if (*p != ':')
                        *to++ = *p;
        *to = 0;
        (void) snprintf(ret, SEGMENT_STEM_SIZE, PREFIX "%.25s-%016" PRIx64, time, position);
}

void segment_name(const char *stem, SegmentFile file, char ret[static SEGMENT_NAME_SIZE]) {
        static const char *const suffixes[] = { [SEGMENT_RAW] = SUFFIX_RAW, [SEGMENT_COMPRESSED] = SUFFIX_COMPRESSED, [SEGMENT_INDEX] = SUFFIX_INDEX };

        (void) snprintf(ret, SEGMENT_NAME_SIZE, "%.55s%s", stem, suffixes[file]);
}
