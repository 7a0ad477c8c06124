/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "log/line.h"
#include "log/store-internal.h"
#include "log/tail.h"
#include "wire/json.h"

#define CHECKPOINT_BYTES_MAX (4u << 20)   /* of SOURCES_MAX sources with all their open gaps */

/* {"File":inode,"Offset":bytes,"Records":n,"Sources":{…}} (see dedup_write()): what the live file of that inode had told when
 * it was so long, and all files before it. */

int store_write_checkpoint(LogStore *s) {
        Buffer text = BUFFER_NULL;
        uint64_t records;
        struct stat st;
        int r;

        if (fstat(segments_live_fd(s->segments), &st) < 0)
                return -errno;
        (void) pthread_mutex_lock(&s->mutex);
        records = s->records;
        (void) pthread_mutex_unlock(&s->mutex);
        (void) buffer_printf(&text, "{\"File\":%" PRIu64 ",\"Offset\":%" PRIu64 ",\"Records\":%" PRIu64 ",\"Sources\":",
                             (uint64_t) st.st_ino, segments_live_size(s->segments), records);
        (void) dedup_write(s->dedup, &text);
        (void) buffer_puts(&text, "}\n");
        r = text.error < 0 ? text.error : file_replace(s->checkpoint_path, text.data, text.size, 0640);
        buffer_deinit(&text);
        /* Also after a failure: the next attempt comes with the next bytes, not with every commit. */
        s->checkpoint_size = segments_live_size(s->segments);
        return r;
}

static int note_source(LogStore *s, const char *source, uint64_t sequence) {
        DedupGap gap;   /* told already, in the commit that revealed it */
        int r = dedup_note(s->dedup, source, sequence, 0, &gap);

        dedup_commit(s->dedup);
        return r == -ENOMEM ? r : 0;
}

/* *ret_file, *ret_offset: from where the files have to be read; 0 without a checkpoint, -EBADMSG with a damaged one. */
static int read_checkpoint(LogStore *s, uint64_t *ret_file, uint64_t *ret_offset) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(freep) char *data = NULL;
        uint64_t file, offset, records;
        json_object *sources = NULL;
        size_t size;
        int r;

        r = file_read(s->checkpoint_path, CHECKPOINT_BYTES_MAX, &data, &size);
        if (r < 0)
                return r;
        r = json_parse_object(data, size, &o, NULL);
        if (r < 0)
                return r;
        if (json_get_uint64(o, "File", 0, INT64_MAX, &file, NULL) < 0 || json_get_uint64(o, "Offset", 0, INT64_MAX, &offset, NULL) < 0 ||
            json_get_uint64(o, "Records", 0, INT64_MAX, &records, NULL) < 0 || !json_object_object_get_ex(o, "Sources", &sources))
                return -EBADMSG;
        r = dedup_read(s->dedup, sources);
        if (r < 0)
                return r;
        s->records = records;
        *ret_file = file;
        *ret_offset = offset;
        return 0;
}

static int recover_line(const char *line, size_t size, uint64_t offset, void *userdata) {
        LogStore *s = userdata;
        char source[SOURCE_SIZE];
        const char *value;
        uint64_t sequence;
        size_t n;

        if (!line_is_whole(line, size))
                return 0;
        s->records++;
        value = line_member(line, size, "Source", &n);
        sequence = line_sequence(line, size);
        if (!value || n != SOURCE_SIZE - 1 || sequence == 0)
                return 0;
        memcpy(source, value, n);
        source[n] = 0;
        return note_source(s, source, sequence);
}

static int read_file(LogStore *s, uint64_t id, uint64_t start) {
        _cleanup_(fd_closep) int fd = -1;
        uint64_t size, end;
        int r;

        r = segments_open_one(s->segments, id, &fd, &size);
        if (r < 0)
                return r;
        if (start >= size)
                return 0;
        return tail_read_forwards(fd, start, size, SIZE_MAX, recover_line, s, &end);
}

int store_recover(LogStore *s) {
        uint64_t live = segments_live_id(s->segments), file = 0, offset = 0;
        struct stat st;
        int r;

        if (fstat(segments_live_fd(s->segments), &st) < 0)
                return -errno;
        r = read_checkpoint(s, &file, &offset);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -ENOENT)
                log_warning("The log's checkpoint %s is damaged (%s): its files are read again", s->checkpoint_path, strerror(-r));
        if (r < 0) {
                /* Whoever may send again was acknowledged lately: that is in the last two files. */
                r = read_file(s, live - 1, 0);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        r = read_file(s, live, file == (uint64_t) st.st_ino ? offset : 0);
        if (r < 0)
                return r;
        s->checkpoint_size = file == (uint64_t) st.st_ino && offset <= segments_live_size(s->segments) ? offset : 0;
        s->sources = dedup_count(s->dedup);
        return 0;
}
