/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/conf.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "wire/student.h"

const ConfigItem grading_config[] = {
        {
                .section = "Grading",
                .key = "Database",
                .type = CONFIG_TEXT,
                .offset = offsetof(GradingConfig, database),
                .fallback = "sqlite:",
                .help = "sqlite: is a file in the state directory; postgresql://… a database that several instances share",
        },
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
        {
                .section = "Sessions",
                .key = "SessionIdleSec",
                .type = CONFIG_SPAN,
                .offset = offsetof(GradingConfig, session_idle_usec),
                .fallback = "30min",
                .min = USEC_PER_SEC,
                .max = 30 * 24 * 3600 * USEC_PER_SEC,
                .help = "A session ends when it was not used for so long",
        },
        {
                .section = "Sessions",
                .key = "SessionMaxSec",
                .type = CONFIG_SPAN,
                .offset = offsetof(GradingConfig, session_max_usec),
                .fallback = "12h",
                .min = USEC_PER_SEC,
                .max = 90 * 24 * 3600 * USEC_PER_SEC,
                .help = "A session ends so long after it began, used or not",
        },
        {
                .section = "Sessions",
                .key = "MaxSessions",
                .type = CONFIG_UINT,
                .offset = offsetof(GradingConfig, sessions_max),
                .fallback = "20000",
                .min = 1,
                .max = 1000000,
                .help = "How many sessions there may be; past it the one whose use is longest ago ends",
        },
        {
                .section = "Sessions",
                .key = "MaxSessionsPerAccount",
                .type = CONFIG_UINT,
                .offset = offsetof(GradingConfig, sessions_per_account_max),
                .fallback = "20",
                .min = 1,
                .max = 1000,
                .help = "How many sessions one account may have; past it the one that began first ends",
        },
        CONFIG_END,
};

const char *grading_keeps_apart(const void *config) {
        const GradingConfig *c = config;

        if (strcmp(c->database, "sqlite:") != 0)
                return NULL;
        return "grades are kept in a file of its own, so that there would be two truths; use gradebook-grading.service alone, or Database="
               " of grading.conf with PostgreSQL";
}
