/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "log/blocks.h"
#include "log/gap.h"
#include "log/line.h"
#include "log/store-internal.h"
#include "wire/json.h"

#define CHECKPOINT_BYTES_MAX (4u << 20)   /* of SOURCES_MAX sources with all their open gaps */

/* {"Store":"hex","Position":bytes,"Live":bytes,"Records":n,"Sources":{…} (see dedup_write())}: the log's id, what all its bytes up
 * to Position have told, and where the live file began then. An older version wrote, instead of the first three, File and Offset: the
 * inode of the live file, and the bytes in it. */

int store_write_checkpoint(LogStore *s) {
        Buffer text = BUFFER_NULL;
        uint64_t records, position = segments_end(s->segments);
        int r;

        (void) pthread_mutex_lock(&s->mutex);
        records = s->records;
        (void) pthread_mutex_unlock(&s->mutex);
        (void) buffer_printf(&text, "{\"Store\":\"%08" PRIx32 "\",\"Position\":%" PRIu64 ",\"Live\":%" PRIu64 ",\"Records\":%" PRIu64 ",\"Sources\":",
                             segments_store(s->segments), position, segments_live_position(s->segments), records);
        (void) dedup_write(s->dedup, &text);
        (void) buffer_puts(&text, "}\n");
        r = text.error < 0 ? text.error : file_replace(s->checkpoint_path, text.data, text.size, 0640);
        buffer_deinit(&text);
        /* Also after a failure: the next attempt comes with the next bytes, not with every commit. */
        s->checkpoint_position = position;
        return r;
}

static int read_store(json_object *o, uint32_t *ret) {
        const char *text;
        char *end;

        if (json_get_text(o, "Store", 8, 8, &text, NULL) < 0 || !text || strspn(text, "0123456789abcdef") != 8)
                return -EBADMSG;
        *ret = (uint32_t) strtoul(text, &end, 16);
        return *ret == 0 ? -EBADMSG : 0;
}

static int read_place(json_object *o, SegmentsKnown *k) {
        if (json_object_object_get_ex(o, "File", NULL))
                return json_get_uint64(o, "File", 0, INT64_MAX, &k->file, NULL) < 0 || json_get_uint64(o, "Offset", 0, INT64_MAX, &k->offset, NULL) < 0 ?
                               -EBADMSG : 0;
        return read_store(o, &k->store) < 0 || json_get_uint64(o, "Position", 0, INT64_MAX, &k->position, NULL) < 0 ||
                               json_get_uint64(o, "Live", 0, INT64_MAX, &k->live, NULL) < 0 ? -EBADMSG : 0;
}

static int read_checkpoint(LogStore *s, SegmentsKnown *ret) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(freep) char *data = NULL;
        json_object *sources = NULL;
        SegmentsKnown known = {};
        uint64_t records;
        size_t size;
        int r;

        r = file_read(s->checkpoint_path, CHECKPOINT_BYTES_MAX, &data, &size);
        if (r < 0)
                return r;
        r = json_parse_object(data, size, &o, NULL);
        if (r < 0)
                return r;
        if (read_place(o, &known) < 0 || json_get_uint64(o, "Records", 0, INT64_MAX, &records, NULL) < 0 ||
            !json_object_object_get_ex(o, "Sources", &sources))
                return -EBADMSG;
        r = dedup_read(s->dedup, sources);
        if (r < 0)
                return r;
        s->records = records;
        *ret = known;
        return 0;
}

int store_read_checkpoint(LogStore *s, SegmentsKnown *ret) {
        int r;

        *ret = (SegmentsKnown) {};
        r = read_checkpoint(s, ret);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -ENOENT)
                log_warning("The log's checkpoint %s is damaged (%s): its last files are read again", s->checkpoint_path, strerror(-r));
        return 0;
}

typedef struct Recovery {
        LogStore *store;
        bool damaged;                   /* there was a line that cannot be read */
} Recovery;

/* Only what was told to be missing in front of it was: other numbers that are not here may be in another log, or in a file that is
 * deleted. But behind a damaged line they may be what a crash tore, of which nobody was told that it is stored: whoever sends it again
 * must find it missing. */
static int note_source(Recovery *v, const char *source, uint64_t sequence) {
        DedupGap gap;
        int r = dedup_note(v->store->dedup, source, sequence, v->damaged ? 0 : sequence - 1, &gap);

        dedup_commit(v->store->dedup);
        return r == -ENOMEM ? r : 0;
}

/* Also when the record that revealed it is torn: it is sent again, and what is told must not be told twice. Damage goes for what was in
 * front of it as above. */
static int note_gap(Recovery *v, const char *source, DedupGap gap) {
        int r;

        if (v->damaged)
                gap.first = 1;
        r = dedup_miss(v->store->dedup, source, gap);
        dedup_commit(v->store->dedup);
        return r == -ENOMEM ? r : 0;
}

static int recover_line(Recovery *v, const char *line, size_t size) {
        char source[SOURCE_SIZE];
        const char *value;
        uint64_t sequence;
        DedupGap gap;
        size_t n;

        v->store->records++;
        if (gap_read(line, size, source, &gap))
                return note_gap(v, source, gap);
        value = line_member(line, size, "Source", &n);
        sequence = line_sequence(line, size);
        if (!value || n != SOURCE_SIZE - 1 || sequence == 0)
                return 0;
        memcpy(source, value, n);
        source[n] = 0;
        return note_source(v, source, sequence);
}

static int recover_block(Recovery *v, const LogBlock *b) {
        const char *p = b->data, *end = p + b->size;
        int r = 0;

        while (p < end && r >= 0) {
                const char *newline = memchr(p, '\n', (size_t) (end - p));
                size_t size = (size_t) (newline - p);

                if (line_is_whole(p, size)) {
                        r = recover_line(v, p, size);
                } else {
                        v->damaged = true;
                        segments_note_damage(v->store->segments, b->position + (uint64_t) (p - b->data));
                }
                p = newline + 1;
        }
        return r;
}

int store_recover(LogStore *s, uint64_t position) {
        _cleanup_(block_reader_freep) BlockReader *reader = NULL;
        Recovery v = { .store = s };
        LogBlock b;
        int r;

        s->checkpoint_position = position;
        r = block_reader_new(&reader, s->segments);
        while (r >= 0) {
                r = block_reader_next(reader, &(BlockWanted) {}, &position, UINT64_MAX, false, &b);
                if (r == 0)
                        break;
                if (r == 1)
                        r = recover_block(&v, &b);
                else if (r == -EAGAIN)
                        r = 0;
        }
        s->sources = dedup_count(s->dedup);
        return r;
}
