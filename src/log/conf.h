/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/config.h"

/* log.conf */
typedef struct LogConfig {
        char *store;                    /* [Log] Store=: "files", or a URL for runtime/postgres.h */
        uint64_t partition_usec;        /* [Store] PartitionSec= */
        uint64_t max_use_bytes;         /* [Store] MaxUse= */
        uint64_t keep_free_bytes;       /* [Store] KeepFree= */
        uint64_t max_age_usec;          /* [Store] MaxRetentionSec= */
        uint64_t max_file_bytes;        /* [Store] MaxFileSize= */
        uint64_t max_file_usec;         /* [Store] MaxFileSec= */
        bool compress;                  /* [Store] Compress= */
        bool separate;                  /* [Store] SeparateFiles= */
        uint64_t line_max_bytes;        /* [Store] LineMax= */
        uint64_t limit_interval_usec;   /* [Limits] RateLimitIntervalSec=; 0: there are none */
        uint64_t limit_burst;           /* [Limits] RateLimitBurst=; 0: likewise */
        uint64_t followers_max;         /* [Read] MaxFollowers= */
        uint64_t stall_usec;            /* [Read] FollowerTimeoutSec= */
} LogConfig;

extern const ConfigItem log_config_items[];

/* For Service.keeps_apart: NULL where the store is one that instances share, or may be one of several by SeparateFiles=. */
const char *log_keeps_apart(const void *config);

bool log_config_has_database(const LogConfig *c);       /* else files */

/* What no single key can tell. Logs what is wrong: -EINVAL. */
int log_config_check(const LogConfig *c);
