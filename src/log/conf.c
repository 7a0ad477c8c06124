/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/conf.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/postgres.h"
#include "wire/log-record.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)
#define YEAR (UINT64_C(365) * 86400 * USEC_PER_SEC)

const ConfigItem log_config_items[] = {
        { "Log", "Store", CONFIG_TEXT, offsetof(LogConfig, store), "files",
          .help = "Where the log is kept: files, or the URL of a PostgreSQL database" },
        { "Store", "PartitionSec", CONFIG_SPAN, offsetof(LogConfig, partition_usec), "1d", 60 * USEC_PER_SEC, 100 * YEAR,
          .help = "Time after which a new partition is begun, in PostgreSQL" },
        { "Store", "MaxUse", CONFIG_SIZE, offsetof(LogConfig, max_use_bytes), "1G", 2 * MIB, 1024 * TIB,
          .help = "Bytes that all files of the log may take together; the oldest are deleted beyond that" },
        { "Store", "KeepFree", CONFIG_SIZE, offsetof(LogConfig, keep_free_bytes), "0", 0, 1024 * TIB,
          .help = "Bytes that stay free on the file system; the oldest files are deleted for that. 0: none are" },
        { "Store", "MaxRetentionSec", CONFIG_SPAN, offsetof(LogConfig, max_age_usec), "0", 0, 100 * YEAR,
          .help = "Time after which a full file is deleted; 0: age does not matter" },
        { "Store", "MaxFileSize", CONFIG_SIZE, offsetof(LogConfig, max_file_bytes), "64M", 1 * MIB, 2 * GIB,
          .help = "Bytes after which a new file is begun; at most half of MaxUse=" },
        { "Store", "MaxFileSec", CONFIG_SPAN, offsetof(LogConfig, max_file_usec), "30d", 0, 100 * YEAR,
          .help = "Time after which a new file is begun; 0: age does not matter" },
        { "Store", "Compress", CONFIG_BOOL, offsetof(LogConfig, compress), "yes",
          .help = "Compress full files with zstd" },
        { "Store", "SeparateFiles", CONFIG_BOOL, offsetof(LogConfig, separate), "no",
          .help = "Whether each of several instances may keep files of its own, with the lines that came to it" },
        { "Store", "LineMax", CONFIG_SIZE, offsetof(LogConfig, line_max_bytes), "64K", 80, LOG_MESSAGE_MAX,
          .help = "Bytes of one line of text; a longer one is refused" },
        { "Limits", "RateLimitIntervalSec", CONFIG_SPAN, offsetof(LogConfig, limit_interval_usec), "30s", 0, 3600 * USEC_PER_SEC,
          .help = "Span in which one sender may send RateLimitBurst= records; 0: as many as it likes" },
        { "Limits", "RateLimitBurst", CONFIG_UINT, offsetof(LogConfig, limit_burst), "300000", 0, 1000000000,
          .help = "Records of one sender in RateLimitIntervalSec=; 0: as many as it likes" },
        { "Read", "MaxFollowers", CONFIG_UINT, offsetof(LogConfig, followers_max), "1000", 0, 10000,
          .help = "Readers that may follow the log at one time; one more is refused" },
        { "Read", "FollowerTimeoutSec", CONFIG_SPAN, offsetof(LogConfig, stall_usec), "1min", USEC_PER_SEC, 86400 * USEC_PER_SEC,
          .help = "Time after which a follower that takes nothing of what is there for it is cut off" },
        CONFIG_END,
};

bool log_config_has_database(const LogConfig *c) {
        return strcmp(c->store, "files") != 0;
}

int log_config_check(const LogConfig *c) {
        _cleanup_(freep) char *error = NULL;

        if (log_config_has_database(c) && postgres_check_url(c->store, &error) < 0) {
                log_error("log.conf: Store= is neither \"files\" nor the URL of a database: it %s", error ? error : "cannot be read");
                return -EINVAL;
        }
        if (c->max_file_bytes <= c->max_use_bytes / 2)
                return 0;
        log_error("log.conf: MaxFileSize= must be at most half of MaxUse=, as only whole files are deleted");
        return -EINVAL;
}

const char *log_keeps_apart(const void *config) {
        const LogConfig *c = config;

        if (c->separate || log_config_has_database(c))
                return NULL;
        return "lines are kept in files of its own, so that each would have a part of the log; use gradebook-log.service "
               "alone, keep them in a database (Store= in [Log]), or set SeparateFiles=yes in [Store] of log.conf if that is what you want";
}
