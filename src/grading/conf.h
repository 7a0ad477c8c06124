/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "runtime/config.h"

/* grading.conf */
typedef struct GradingConfig {
        uint64_t students_max;          /* [Grading] MaxStudents= */
        uint64_t grades_max;            /* [Grading] MaxGradesPerStudent= */
} GradingConfig;

extern const ConfigItem grading_config[];
