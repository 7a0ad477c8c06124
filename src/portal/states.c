/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/states.h"

#include <string.h>

#include "base/macros.h"

const char *state_text(Language l, const char *name) {
        static const struct {
                const char *name, *key;
        } states[] = {
                { "graded", "GradeStateGraded" }, { "blank", "GradeStateBlank" }, { "missing", "GradeStateMissing" },
                { "excused", "GradeStateExcused" }, { "late", "GradeStateLate" }, { "absent", "GradeStateAbsent" },
        };

        for (size_t i = 0; name && i < ELEMENTSOF(states); i++)
                if (strcmp(states[i].name, name) == 0)
                        return language_text(l, states[i].key);
        return name;
}
