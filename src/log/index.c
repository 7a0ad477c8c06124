/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/index.h"

#include <endian.h>
#include <errno.h>
#include <libdeflate.h>
#include <string.h>

#define MAGIC "GBLOGIDX"
#define FORMAT 1u
#define FLAG_COMPRESSED 1u
#define BLOOM_BITS 10u
#define BLOOM_HASHES 4u

typedef struct DiskHeader {
        char magic[8];
        uint32_t version, flags;
        uint64_t position;
        uint32_t store;
        uint32_t crc;           /* of what stands before */
} DiskHeader;

/* Then the Bloom filter, and a DiskEnd. */
typedef struct DiskEntry {
        uint32_t size;          /* of all, a multiple of 8 */
        uint32_t crc;           /* of what follows, to the end of all */
        uint64_t offset;
        uint32_t stored, raw;
        uint64_t position;
        uint32_t records, damaged;
        uint64_t min_time, max_time, min_received, max_received;
        uint32_t priorities;
        uint32_t bloom_size;    /* a multiple of 8 */
} DiskEntry;

typedef struct DiskEnd {
        uint32_t zero;
        uint32_t size;
} DiskEnd;

_Static_assert(sizeof(DiskHeader) == INDEX_HEADER_SIZE, "the header has no padding");
_Static_assert(sizeof(DiskEntry) + sizeof(DiskEnd) == INDEX_ENTRY_MIN, "an entry has no padding");

/* FNV-1a and a finish that spreads it over all bits. */
uint64_t block_token(char type, const char *text, size_t size) {
        uint64_t h = UINT64_C(0xcbf29ce484222325);

        h = (h ^ (unsigned char) type) * UINT64_C(0x100000001b3);
        for (size_t i = 0; i < size; i++)
                h = (h ^ (unsigned char) text[i]) * UINT64_C(0x100000001b3);
        h ^= h >> 32;
        h *= UINT64_C(0xd6e8feb86659fd93);
        h ^= h >> 32;
        return h ? h : 1; /* 0 is no token: an empty place */
}

void index_header_write(const IndexHeader *h, unsigned char ret[static INDEX_HEADER_SIZE]) {
        DiskHeader d = {
                .version = htole32(FORMAT), .flags = htole32(h->compressed ? FLAG_COMPRESSED : 0), .position = htole64(h->position),
                .store = htole32(h->store),
        };

        memcpy(d.magic, MAGIC, sizeof(d.magic));
        d.crc = htole32(libdeflate_crc32(0, &d, offsetof(DiskHeader, crc)));
        memcpy(ret, &d, sizeof(d));
}

int index_header_read(const void *data, size_t size, IndexHeader *ret) {
        DiskHeader d;

        if (size < sizeof(d))
                return -EBADMSG;
        memcpy(&d, data, sizeof(d));
        if (memcmp(d.magic, MAGIC, sizeof(d.magic)) != 0 || le32toh(d.version) != FORMAT ||
            le32toh(d.crc) != libdeflate_crc32(0, data, offsetof(DiskHeader, crc)))
                return -EBADMSG;
        *ret = (IndexHeader) { .store = le32toh(d.store), .compressed = le32toh(d.flags) & FLAG_COMPRESSED, .position = le64toh(d.position) };
        return 0;
}

size_t index_entry_size(const IndexEntry *e) {
        return sizeof(DiskEntry) + e->bloom_size + sizeof(DiskEnd);
}

int index_entry_write(Buffer *out, const IndexEntry *e) {
        size_t size = index_entry_size(e);
        DiskEntry d = {
                .size = htole32((uint32_t) size), .offset = htole64(e->offset), .stored = htole32(e->stored), .raw = htole32(e->raw),
                .position = htole64(e->position), .records = htole32(e->records), .damaged = htole32(e->damaged),
                .min_time = htole64(e->min_time), .max_time = htole64(e->max_time),
                .min_received = htole64(e->min_received), .max_received = htole64(e->max_received),
                .priorities = htole32(e->priorities), .bloom_size = htole32(e->bloom_size),
        };
        DiskEnd end = { .size = d.size };
        char *at;

        if (buffer_reserve(out, size) < 0)
                return out->error;
        at = out->data + out->size;
        (void) buffer_append(out, &d, sizeof(d));
        (void) buffer_append(out, e->bloom, e->bloom_size);
        (void) buffer_append(out, &end, sizeof(end));
        d.crc = htole32(libdeflate_crc32(0, at + offsetof(DiskEntry, offset), size - offsetof(DiskEntry, offset)));
        memcpy(at, &d, sizeof(d));
        return 0;
}

static bool size_is_possible(uint32_t size) {
        return size >= INDEX_ENTRY_MIN && size <= INDEX_ENTRY_MAX && size % 8 == 0;
}

static int need(size_t bytes, size_t *ret_need) {
        if (ret_need)
                *ret_need = bytes;
        return -ENODATA;
}

/* All of its size is there. */
static int read_whole(const unsigned char *data, size_t size, IndexEntry *ret) {
        IndexEntry e;
        DiskEntry d;
        DiskEnd end;

        memcpy(&d, data, sizeof(d));
        memcpy(&end, data + size - sizeof(end), sizeof(end));
        if (le32toh(d.size) != size || le32toh(end.size) != size || le32toh(d.bloom_size) != size - INDEX_ENTRY_MIN ||
            le32toh(d.crc) != libdeflate_crc32(0, data + offsetof(DiskEntry, offset), size - offsetof(DiskEntry, offset)))
                return -EBADMSG;
        e = (IndexEntry) {
                .offset = le64toh(d.offset), .stored = le32toh(d.stored), .raw = le32toh(d.raw), .position = le64toh(d.position),
                .records = le32toh(d.records), .damaged = le32toh(d.damaged), .min_time = le64toh(d.min_time), .max_time = le64toh(d.max_time),
                .min_received = le64toh(d.min_received), .max_received = le64toh(d.max_received),
                .priorities = (uint8_t) le32toh(d.priorities), .bloom_size = le32toh(d.bloom_size), .bloom = data + sizeof(d),
        };
        if (e.raw == 0 || e.stored == 0 || e.position + e.raw < e.position || e.offset + e.stored < e.offset)
                return -EBADMSG;
        *ret = e;
        return (int) size;
}

int index_entry_read(const void *data, size_t size, IndexEntry *ret, size_t *ret_need) {
        uint32_t whole;

        if (size < INDEX_ENTRY_MIN)
                return need(INDEX_ENTRY_MIN, ret_need);
        memcpy(&whole, data, sizeof(whole));
        whole = le32toh(whole);
        if (!size_is_possible(whole))
                return -EBADMSG;
        return whole > size ? need(whole, ret_need) : read_whole(data, whole, ret);
}

int index_entry_read_last(const void *data, size_t size, IndexEntry *ret, size_t *ret_need) {
        uint32_t whole;

        if (size < INDEX_ENTRY_MIN)
                return need(INDEX_ENTRY_MIN, ret_need);
        memcpy(&whole, (const char *) data + size - sizeof(whole), sizeof(whole));
        whole = le32toh(whole);
        if (!size_is_possible(whole))
                return -EBADMSG;
        return whole > size ? need(whole, ret_need) : read_whole((const unsigned char *) data + size - whole, whole, ret);
}

/* ---- the filter ---- */

size_t bloom_size_for(size_t tokens) {
        return tokens == 0 ? 0 : (tokens * BLOOM_BITS + 63) / 64 * 8;
}

/* Two independent halves make as many hashes as one likes (Kirsch and Mitzenmacher, 2006). */
static size_t bloom_bit(uint64_t token, size_t size, uint32_t i) {
        uint32_t first = (uint32_t) token, step = (uint32_t) (token >> 32) | 1;

        return (size_t) (first + i * step) % (size * 8);
}

void bloom_add(unsigned char *bloom, size_t size, uint64_t token) {
        for (uint32_t i = 0; i < BLOOM_HASHES; i++) {
                size_t bit = bloom_bit(token, size, i);

                bloom[bit / 8] = (unsigned char) (bloom[bit / 8] | 1u << bit % 8);
        }
}

bool bloom_has(const unsigned char *bloom, size_t size, uint64_t token) {
        for (uint32_t i = 0; i < BLOOM_HASHES; i++) {
                size_t bit = bloom_bit(token, size, i);

                if (!(bloom[bit / 8] & 1u << bit % 8))
                        return false;
        }
        return true;
}

static bool has_any(const IndexEntry *e, const BlockWanted *w) {
        for (size_t i = 0; i < w->n_any; i++)
                if (bloom_has(e->bloom, e->bloom_size, w->any_tokens[i]))
                        return true;
        return w->n_any == 0;
}

bool index_entry_may_match(const IndexEntry *e, const BlockWanted *w) {
        if (e->max_time < w->since_usec || (w->until_usec > 0 && e->min_time > w->until_usec))
                return false;
        if (w->priorities != 0 && !(w->priorities & e->priorities))
                return false;
        if (e->bloom_size == 0)
                return true;
        for (size_t i = 0; i < w->n_tokens; i++)
                if (!bloom_has(e->bloom, e->bloom_size, w->tokens[i]))
                        return false;
        return has_any(e, w);
}
