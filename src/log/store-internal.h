/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "log/dedup.h"
#include "log/limits.h"
#include "log/segments.h"
#include "log/store.h"
#include "log/tidy.h"
#include "wire/log-line.h"

#define SOURCES_MAX 4096
#define SENDERS_MAX 4096

/* What the worker thread leaves for the loop to tell. */
typedef struct StoreNotes {
        char rotated[SEGMENT_NAME_SIZE];        /* the file that is full; "": none */
        int expired;                            /* files deleted */
        int error;                              /* why a file could not be rotated or deleted, or the checkpoint written */
} StoreNotes;

#define STORE_PLACE_SIZE SEGMENT_NAME_SIZE

/* What differs between the stores. */
typedef struct StoreEngine {
        int (*open)(LogStore *s, sd_event *event, const char *directory, const LogConfig *config);      /* logs its errors; makes s->archive */
        int (*start)(LogStore *s, sd_event *event, const LogConfig *config);    /* when there is a worker */
        void (*stop)(LogStore *s);      /* before it ends; also if there was no start */
        void (*free)(LogStore *s);      /* also if open has failed */
        void (*set_limits)(LogStore *s, const LogConfig *config);       /* also before open */
        void (*look_after)(LogStore *s);        /* now and then */
        void (*name_at)(LogStore *s, uint64_t position, char ret[static STORE_PLACE_SIZE]);     /* of the file or table with that byte; "": none */
        void (*count)(LogStore *s, LogStoreCounters *c);        /* fills in what it counts itself */
        WorkerRun run;
        bool (*settle)(void *store);
        void (*tell_notes)(void *store);
} StoreEngine;

extern const StoreEngine store_files_engine;    /* store-files.c */
struct PgStore;                                 /* pg-store.h */

struct LogStore {
        const StoreEngine *engine;
        Archive *archive;
        Segments *segments;             /* of the files */
        struct PgStore *pg;             /* or of the database */
        Worker *worker;
        bool worker_ended;              /* there was one */
        void (*grown)(void *userdata);
        void *userdata;

        /* the worker thread's (before there is one: the loop's) */
        char *checkpoint_path;
        Dedup *dedup;
        Limits *limits;
        char host[LOG_HOST_MAX + 1];    /* this machine */
        uint64_t now_usec;              /* CLOCK_MONOTONIC, of the batch at hand */
        Buffer text;                    /* of the commit at hand, until it is settled */
        bool upkeep_due;                /* when it is settled */
        LogTextHead head;               /* of the text at hand: the next one is mostly of the same sender */
        uint64_t checkpoint_position;   /* up to which the checkpoint tells */
        uint64_t room_position;         /* up to which it was looked whether KeepFree= is kept */
        size_t ahead;                   /* bytes of the text that are in the live file already, behind its end */
        bool not_ahead;                 /* that failed once: the commit writes all of it */
        bool untrimmed;                 /* a failed commit may still stand behind the live file's end */
        bool rotate_failed;             /* told already */

        /* the loop's */
        size_t waiting_bytes;
        uint64_t failed_since_usec, failures;
        int error;
        size_t failed_bytes;            /* of the largest append that failed: what the next success must at least have */
        sd_event_source *probe_timer;   /* while the disk is full */
        LogAppend probe;
        bool probing;
        sd_event_source *upkeep_timer;
        LogAppend upkeep;
        bool upkeeping;
        Damage *damage;                 /* the engine's */
        sd_event_source *damage_source; /* something damaged was found */
        sd_event_source *damage_timer;  /* when it may be told again */
        bool damage_waits;              /* until then */
        Tidy *tidy;

        pthread_mutex_t mutex;          /* guards what follows */
        Retention retention;
        uint64_t max_file_bytes, max_file_usec, partition_usec;
        char why[STORE_WHY_SIZE];       /* what the database said last when something failed */
        StoreNotes notes;
        uint64_t limit_interval_usec, limit_burst;
        uint64_t records, stored, duplicates, suppressed, limited, gaps, missing, bytes, commits, sources, open_gaps, expired;
};

/* store-commit.c: the worker's batch, and what it leaves to be done when who waits for it is answered (index, rotation, checkpoint): true if there is something
 * to tell of that. */
void store_commit_batch(Job *batch, void *userdata);
bool store_settle(void *userdata);
void store_count(LogStore *s, const Job *first, const Job *end);        /* what was committed, of both stores */

/* store-write.c, for the files. A commit's bytes go to the disk from time to time while it is rendered, so that its end waits for the rest alone;
 * until store_write_durably() has returned 0 they are behind the live file's end and can be taken back. */
void store_write_ahead(LogStore *s);            /* does nothing for a database */
int store_write_durably(LogStore *s);           /* s->text, whole */
void store_take_back(LogStore *s);
int store_probe(LogStore *s, size_t bytes);     /* for room behind the file's end, given back at once. A file system that cannot tell is believed to have it */

/* store-render.c: appends what of it is new to s->text. */
int store_render(LogStore *s, LogAppend *a);

/* store-outcome.c: tells of failures, recoveries and what the worker noted; notices by itself when there is room again. */
int store_outcome_init(LogStore *s, sd_event *event);
void store_outcome_tell(LogStore *s, const LogAppend *a);
void store_outcome_tell_notes(void *userdata);

/* store-upkeep.c: what is to be done now and then, whether or not anything is appended; tells what was found damaged. */
int store_upkeep_init(LogStore *s, sd_event *event);
void store_upkeep_stop(LogStore *s);
int store_damage_init(LogStore *s, sd_event *event, Damage *damage);

/* store-recovery.c: what is known of each source is written now and then, so that a start reads only what was appended
 * after that. All block. The first fills what is known of the files as well; the second reads from there on. */
int store_read_checkpoint(LogStore *s, SegmentsKnown *ret);
int store_recover(LogStore *s, uint64_t position);
int store_write_checkpoint(LogStore *s);
