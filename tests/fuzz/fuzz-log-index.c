/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes are an index, walked in both directions, and then a compressed segment, whose index is made again. Their checksums are put right
 * first, if the first byte says so: what lies behind them must hold as well. */
#include <libdeflate.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/frames.h"
#include "log/index-cursor.h"

#define STORE 1u
#define BASE UINT64_C(4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Entry after entry, as far as their sizes lead. */
static void put_right(uint8_t *data, size_t size, size_t at, size_t prefix) {
        while (at + prefix + INDEX_ENTRY_MIN <= size) {
                uint32_t whole, crc, stored;

                at += prefix;
                memcpy(&whole, data + at, sizeof(whole));
                if (whole < INDEX_ENTRY_MIN || whole > size - at)
                        return;
                crc = libdeflate_crc32(0, data + at + 8, whole - 8);
                memcpy(data + at + 4, &crc, sizeof(crc));
                memcpy(&stored, data + at + 16, sizeof(stored));
                at += whole;
                if (prefix > 0)
                        at += stored < size - at ? stored : size - at;
        }
}

static void look(IndexCursor *c, uint64_t position) {
        int r = index_cursor_find(c, position);

        if (r == 1) {
                const uint64_t token = block_token('s', "test", 4);
                const BlockWanted wanted = { .tokens = &token, .n_tokens = 1 };

                if (position < c->entry.position || position >= c->entry.position + c->entry.raw)
                        abort();
                (void) index_entry_may_match(&c->entry, &wanted);
        }
}

static void walk(IndexCursor *c) {
        uint64_t size, position;

        for (uint64_t p = BASE; p < BASE + (4u << 20); p += 65536 + 7)
                look(c, p);
        for (uint64_t p = BASE + (4u << 20); p > BASE; p -= 65536 + 7)
                look(c, p);
        (void) index_cursor_last(c);
        if (index_cursor_check(c, &size, &position) == 0 && (size > c->end || position < BASE))
                abort();
}

static int file_of(const uint8_t *data, size_t size) {
        int fd = memfd_create("index", MFD_CLOEXEC);

        if (fd >= 0 && fd_write_all(fd, data, size) < 0)
                fd = fd_close(fd);
        return fd;
}

static void as_index(uint8_t *data, size_t size, bool repair) {
        _cleanup_(fd_closep) int fd = -1;
        IndexCursor c = INDEX_CURSOR_NULL;

        if (repair && size >= INDEX_HEADER_SIZE) {
                index_header_write(&(IndexHeader) { .store = STORE, .position = BASE }, data);
                put_right(data, size, INDEX_HEADER_SIZE, 0);
        }
        fd = file_of(data, size);
        if (fd >= 0 && index_cursor_open(&c, fd, size, STORE, BASE, false) >= 0)
                walk(&c);
        index_cursor_close(&c);
}

static void as_segment(uint8_t *data, size_t size, bool repair) {
        _cleanup_(fd_closep) int fd = -1;
        IndexCursor c = INDEX_CURSOR_NULL;
        Buffer index = BUFFER_NULL;
        uint64_t bytes, position;

        if (repair)
                put_right(data, size, 0, 8);
        fd = file_of(data, size);
        if (fd < 0)
                return;
        /* What is made is whole, to the end. */
        if (frames_index(fd, STORE, BASE, BASE + (1u << 20), size % 2, NULL, &index) == 0) {
                if (index_cursor_take(&c, &index, STORE, BASE, true) < 0 || index_cursor_check(&c, &bytes, &position) < 0 ||
                    position != BASE + (1u << 20) || bytes != c.end)
                        abort();
                walk(&c);
        }
        index_cursor_close(&c);
        buffer_deinit(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t *copy;
        bool repair;

        if (size < 1)
                return 0;
        repair = *data++ & 1;
        size--;
        copy = malloc(size ? size : 1);
        if (!copy)
                return 0;
        memcpy(copy, data, size);
        as_index(copy, size, repair);
        memcpy(copy, data, size);
        as_segment(copy, size, repair);
        free(copy);
        return 0;
}
