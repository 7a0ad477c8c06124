/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "runtime/config.h"

/* grading.conf */
typedef struct GradingConfig {
        char *database;                 /* [Grading] Database=: sqlite:, or the URL of PostgreSQL */
        uint64_t students_max;          /* [Grading] MaxStudents= */
        uint64_t grades_max;            /* [Grading] MaxGradesPerStudent= */
        uint64_t sessions_max;          /* [Sessions] MaxSessions= */
        uint64_t sessions_per_account_max;      /* [Sessions] MaxSessionsPerAccount= */
        uint64_t session_idle_usec;     /* [Sessions] SessionIdleSec= */
        uint64_t session_max_usec;      /* [Sessions] SessionMaxSec= */
} GradingConfig;

extern const ConfigItem grading_config[];

/* For Service.keeps_apart: NULL where the store is one that instances share. */
const char *grading_keeps_apart(const void *config);
