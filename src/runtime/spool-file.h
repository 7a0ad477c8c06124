/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* The spool of lines for the central log, in a region of memory that somebody else mapped. Pure: no I/O, no clock, no
 * logging, no allocation but into the caller's buffers.
 *
 * The region survives the process at any instruction: whatever was appended is found again, whatever was acknowledged or
 * dropped is not, and nothing is found that was never whole. A kill leaves the stores in the order of the program; after a
 * power loss the region may hold anything, and what is valid in it is taken.
 *
 * How: lines stand one behind the other, each with a checksum, and the mark that makes it one is stored last. What is
 * acknowledged and dropped is a small state with a checksum in two places that are written in turn. Room is made by
 * moving what is left to the front, in order; a line that would overlap itself goes by way of a place at the region's end,
 * so that at every moment one copy of it is whole. A second copy is known by its number. The mark contains control
 * characters, which never stand in a line: no text can look like one.
 *
 * Lines are numbered 1, 2, 3 … for the region's whole life, over restarts and changes of the source, so that one number
 * says what is acknowledged. */

#define SPOOL_SOURCE_SIZE 33            /* 32 hex digits and a NUL */
#define SPOOL_SIZE_MIN 8192             /* bytes of a region */
#define SPOOL_SIZE_MAX (UINT64_C(1) << 30)
#define SPOOL_PRIORITIES 8
#define SPOOL_SEQUENCE_MAX (UINT64_C(1) << 53)

typedef struct SpoolState {
        uint64_t generation;            /* which of the two copies is the newer */
        uint64_t acknowledged;          /* all up to this number are done with */
        uint64_t next;                  /* the next number is at least this */
        uint64_t dropped;               /* lines dropped, ever */
        uint64_t told;                  /* and how many of them the central log was told of */
        uint64_t notices;               /* how many notices told it */
        uint64_t announcing;            /* lines in the notice under way; 0: none */
        uint32_t pass;                  /* of dropping: lines marked by a later one are not dropped */
        uint32_t crc;
} SpoolState;

typedef struct SpoolFile {
        unsigned char *base;            /* borrowed */
        size_t size;
        size_t end;                     /* of the lines' room; behind it is the place for moves */
        size_t line_max;                /* bytes that one line may take */
        size_t head, taken, tail;       /* offsets: first line not acknowledged; first behind the batch in flight; behind the last */
        uint64_t next;                  /* the number of the next line */
        size_t n_records, n_taken;      /* lines not acknowledged; of these in flight */
        size_t waiting[SPOOL_PRIORITIES]; /* bytes behind taken: what may be dropped */
        SpoolState state;
        char source[SPOOL_SOURCE_SIZE]; /* of new lines; "": none was found */
        unsigned char boot[16];         /* in which the source began */
        uint32_t source_hash;
} SpoolFile;

/* A line as it stands in the region; text is valid until the next call that changes anything. */
typedef struct SpoolLine {
        const char *text;
        size_t size;
        uint64_t sequence;
        uint32_t source_hash;           /* 0: brought along with a number of its own, see spool_file_import() */
        int priority;
        size_t next;                    /* offset of the line behind it */
} SpoolLine;

/* Takes a region over, whatever is in it, and puts it in order. size: at least SPOOL_SIZE_MIN, at most SPOOL_SIZE_MAX. source is "" if there was
 * none or its place is damaged: then spool_file_set_source() has to follow. */
void spool_file_open(SpoolFile *s, void *base, size_t size);

/* A new source for the lines to come; what is there keeps its own. Notices begin anew. */
void spool_file_set_source(SpoolFile *s, const char *source, const unsigned char boot[static 16]);

/* The source of notices about dropped lines: they go ahead of the lines and cannot be numbered among them. */
void spool_file_notice_source(const SpoolFile *s, char ret[static SPOOL_SOURCE_SIZE]);

/* ---- appending ---- */

/* Room for the line that gets the number s->next: *ret is a buffer that writes straight into the region and fails with -EFBIG
 * where a line would be too long. Drops less important lines if it must. -ENOBUFS: there are none; call spool_file_skip(). */
int spool_file_begin(SpoolFile *s, int priority, Buffer *ret);
void spool_file_commit(SpoolFile *s, int priority, const Buffer *text);
void spool_file_skip(SpoolFile *s);     /* the line with the number s->next is dropped */

/* A line that has its source and number in its text. -EFBIG: too long; -ENOBUFS as above. */
int spool_file_import(SpoolFile *s, int priority, const char *text, size_t size);

/* Copies what is not acknowledged with its numbers, and the state, into a region that was just opened. Drops in `from` what does not fit
 * (the least important). Nothing may be in flight. */
void spool_file_copy(SpoolFile *to, SpoolFile *from);

/* ---- sending ---- */

/* The first line that is not acknowledged, or the one at an offset; false: no more. */
bool spool_file_first(const SpoolFile *s, SpoolLine *ret);
bool spool_file_at(const SpoolFile *s, size_t offset, SpoolLine *ret);

/* Makes lines the batch in flight: at least one, of one source, then as long as they fit. Appends their texts, each with a
 * line feed. They are safe from being dropped until they are acknowledged. Returns their number; 0: nothing waits, or out
 * is failed. Nothing may be in flight. */
size_t spool_file_take(SpoolFile *s, size_t max_bytes, size_t max_lines, Buffer *out);
void spool_file_acknowledge(SpoolFile *s);              /* the batch in flight */
void spool_file_acknowledge_first(SpoolFile *s);        /* its first line */

/* The batch in flight and the notice under way have reached nobody: all is as before they were taken. */
void spool_file_give_back(SpoolFile *s);

/* The notice about dropped lines: begin fixes how many it tells (0: nothing is to tell), also over a restart, until it is done. */
uint64_t spool_file_notice_begin(SpoolFile *s);
void spool_file_notice_done(SpoolFile *s);
