/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/conf.h"

#include <stddef.h>

#include "wire/student.h"

const ConfigItem grading_config[] = {
        {
                .section = "Grading",
                .key = "MaxStudents",
                .type = CONFIG_UINT,
                .offset = offsetof(GradingConfig, students_max),
                .fallback = "100000",
                .min = 1,
                .max = 10000000,
                .help = "How many students may be added; all are kept in memory",
        },
        {
                .section = "Grading",
                .key = "MaxGradesPerStudent",
                .type = CONFIG_UINT,
                .offset = offsetof(GradingConfig, grades_max),
                .fallback = "1000",
                .min = 1,
                .max = GRADES_MAX,
                .help = "How many grades one student may have",
        },
        CONFIG_END,
};
