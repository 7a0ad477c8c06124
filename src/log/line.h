/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The lines of the log's files, as wire/log-line.h writes them. The first members stand in a known order, and a quote inside a
 * text is always escaped, so a member is found by looking for its name between raw quotes. Pure. */

/* It begins and ends as a record does, and its checksum is right: what was torn or damaged is not whole. A line without a checksum was
 * written by an older version and is taken as it is. Without its line feed. */
bool line_is_whole(const char *line, size_t size);

/* The size without ,"CRC32":"…"} at the end: what a reader gets is this, and "}". Without a checksum all but the "}". Of a line
 * that is whole. */
size_t line_size_without_crc(const char *line, size_t size);

/* The raw text of a member, without quotes, escapes as they are; NULL if it is not there. Not for members of "Fields". */
const char *line_member(const char *line, size_t size, const char *name, size_t *ret_size);

/* 0 to 7; LOG_INFO where there is none. */
int line_priority(const char *line, size_t size);

/* 0: none, or damaged. */
uint64_t line_sequence(const char *line, size_t size);
