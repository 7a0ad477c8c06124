/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "log/archive-files.h"
#include "log/store-internal.h"
#include "runtime/events.h"

/* The store in files: log/segments.h. */

static void tell_opened(LogStore *s, const SegmentsOpened *o) {
        char position[24];

        (void) snprintf(position, sizeof(position), "%" PRIu64, segments_end(s->segments));
        if (o->cut > 0)
                log_event(LOG_WARNING, EVENT_LOG_DAMAGED, ((LogField[]) { { "FILE", LIVE_NAME }, { "POSITION", position } }), 2,
                          "The central log's last line was torn, as after a crash: %" PRIu64 " bytes were cut, no acknowledged record is lost", o->cut);
        if (o->adopted > 0)
                log_notice("Files of the central log from an older version: %zu got their position into their name", o->adopted);
        if (o->ignored > 0)
                log_warning("Files that do not fit in with the central log's others are left alone: %zu, %s among them", o->ignored, o->ignored_name);
        if (*o->rotated)
                log_notice("The central log's last file had no index and is now %s; it gets one in the background", o->rotated);
}

static int open_segments(LogStore *s, const char *directory) {
        SegmentsOpened opened = {};
        SegmentsKnown known;
        int r;

        r = store_read_checkpoint(s, &known);
        if (r >= 0)
                r = segments_open(&s->segments, directory, &known, &opened);
        if (r == -EBUSY) {
                log_error("Another process writes the log in %s already", directory);
                return r;
        }
        if (r >= 0)
                tell_opened(s, &opened);
        if (r >= 0)
                r = store_recover(s, opened.position);
        if (r >= 0)
                r = segments_expire(s->segments, &s->retention, clock_realtime_usec());
        if (r < 0)
                log_error("The log's files in %s cannot be opened: %s", directory, strerror(-r));
        return r;
}

static int files_open(LogStore *s, sd_event *event, const char *directory, const LogConfig *config) {
        int r;

        if (asprintf(&s->checkpoint_path, "%s/" CHECKPOINT_NAME, directory) < 0) {
                s->checkpoint_path = NULL;
                return -ENOMEM;
        }
        r = open_segments(s, directory);
        return r < 0 ? r : archive_files_new(&s->archive, s->segments);
}

static int files_start(LogStore *s, sd_event *event, const LogConfig *config) {
        int r = tidy_new(&s->tidy, event, s->segments, config->compress);

        return r < 0 ? r : store_damage_init(s, event, segments_damage(s->segments));
}

static void files_stop(LogStore *s) {
        s->tidy = tidy_free(s->tidy);
}

static void files_free(LogStore *s) {
        int r;

        if (s->worker_ended) {
                /* Only so that the next start has less to read. */
                r = store_write_checkpoint(s);
                if (r < 0)
                        log_warning("The log's checkpoint %s cannot be written: %s", s->checkpoint_path, strerror(-r));
        }
        s->archive = archive_files_free(s->archive);
        s->segments = segments_free(s->segments);
        free(s->checkpoint_path);
}

static void files_set_limits(LogStore *s, const LogConfig *config) {
        if (s->tidy)
                tidy_set_compress(s->tidy, config->compress);
}

/* On a full disk it tries again with the next file that is full. */
static void files_look_after(LogStore *s) {
        if (tidy_counters(s->tidy).error == 0)
                tidy_wake(s->tidy);
}

static void files_name_at(LogStore *s, uint64_t position, char ret[static STORE_PLACE_SIZE]) {
        segments_name_at(s->segments, position, ret);
}

static void files_count(LogStore *s, LogStoreCounters *c) {
        if (s->tidy)
                c->tidy = tidy_counters(s->tidy);
}

const StoreEngine store_files_engine = {
        .open = files_open, .start = files_start, .stop = files_stop, .free = files_free, .set_limits = files_set_limits, .look_after = files_look_after,
        .name_at = files_name_at, .count = files_count, .run = store_commit_batch, .settle = store_settle, .tell_notes = store_outcome_tell_notes,
};
