/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "portal/results.h"
#include "portal/row.h"
#include "portal/views.h"
#include "wire/json.h"

/* How an average was computed, step by step, as the numbers of grading's explanation have it; its own words are English. Each step of the view has one
 * member that says which sentence it is, and those that the sentence is made with. */

static bool is_step(json_object *step, const char *name) {
        const char *s = row_text(step, "Step");

        return s && strcmp(s, name) == 0;
}

/* Four decimals are as many as there are at most: what has them may have been cut. */
static int add_percent(json_object *step, json_object *view) {
        const char *percent = row_text(step, "Percent"), *point = percent ? strchr(percent, '.') : NULL;
        char text[64];

        if (!percent)
                return 0;
        (void) snprintf(text, sizeof(text), "%s%s%%", point && strlen(point + 1) >= 4 ? "≈ " : "", percent);
        return json_add_text(view, "Percent", text);
}

static int add_number(json_object *step, const char *member, json_object *view) {
        char number[SCORE_TEXT_SIZE];

        return result_number(step, member, number, sizeof(number)) ? json_add_text(view, member, number) : 0;
}

static int add_type(Language l, json_object *step, json_object *view) {
        const char *type = row_text(step, "Type");
        int t = type ? grade_type_from_name(type) : -EINVAL;

        return t >= 0 ? json_add_text(view, "Type", language_text(l, grade_type_key((GradeType) t))) : 0;
}

/* Why a result does not count. */
static const char *reason_key(const char *reason) {
        static const struct {
                const char *reason, *key;
        } reasons[] = {
                { "Excused", "WhyExcused" }, { "Blank", "WhyBlank" }, { "WeightZero", "WhyWeight" }, { "TypeWeightZero", "WhyTypeWeight" },
                { "ExtraCreditAlone", "WhyExtraAlone" },
        };

        for (size_t i = 0; reason && i < ELEMENTSOF(reasons); i++)
                if (strcmp(reasons[i].reason, reason) == 0)
                        return reasons[i].key;
        return NULL;
}

/* A result: whether it counts, and with what. */
static int add_result(Language l, json_object *step, bool is_weighted, json_object *view) {
        const char *reason = reason_key(row_text(step, "Reason")), *state = row_text(step, "State");
        char weight[SCORE_TEXT_SIZE];
        bool has_weight = is_weighted && result_number(step, "Weight", weight, sizeof(weight)) && strcmp(weight, "1") != 0;

        if (json_add_text(view, "Title", row_text(step, "Title")) < 0 || add_number(step, "Score", view) < 0 || add_number(step, "Maximum", view) < 0 ||
            json_add_text(view, "Weight", has_weight ? weight : NULL) < 0 || json_add_text(view, "Why", reason ? language_text(l, reason) : NULL) < 0 ||
            json_add(view, "IsMissing", json_object_new_boolean(state && strcmp(state, "missing") == 0)) < 0 ||
            json_add(view, "IsAbsent", json_object_new_boolean(state && strcmp(state, "absent") == 0)) < 0 ||
            json_add(view, "IsBlank", json_object_new_boolean(state && strcmp(state, "blank") == 0)) < 0 ||
            json_add(view, "IsDropped", json_object_new_boolean(is_step(step, "Dropped"))) < 0)
                return -ENOMEM;
        return json_add(view, "IsExtra", json_object_new_boolean(row_is(step, "ExtraCredit")));
}

static int add_step(Language l, json_object *step, bool is_weighted, json_object *list) {
        static const struct {
                const char *step, *flag;
        } sentences[] = {
                { "Counted", "IsResult" }, { "Dropped", "IsResult" }, { "Ignored", "IsIgnored" }, { "Sum", "IsSum" }, { "Division", "IsDivision" },
                { "TypeSum", "IsTypeSum" }, { "TypeDivision", "IsTypeDivision" }, { "Rounding", "IsRounding" }, { "Letter", "IsLetter" },
                { "Nothing", "IsNothing" },
        };
        json_object *view;

        if (json_append_object(list, &view) < 0 || add_percent(step, view) < 0 || add_type(l, step, view) < 0 || add_number(step, "By", view) < 0 ||
            add_number(step, "Average", view) < 0 || json_add_text(view, "Letter", row_text(step, "Letter")) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(sentences); i++)
                if (is_step(step, sentences[i].step) && json_add(view, sentences[i].flag, json_object_new_boolean(true)) < 0)
                        return -ENOMEM;
        return add_result(l, step, is_weighted, view);
}

int explanation_to_view(Language l, json_object *explanation, json_object *view) {
        json_object *steps = NULL, *list = json_object_new_array();
        const char *method;

        if (json_add(view, "Steps", list) < 0)
                return -ENOMEM;
        if (!json_object_is_type(explanation, json_type_object) || !json_object_object_get_ex(explanation, "Steps", &steps) ||
            !json_object_is_type(steps, json_type_array))
                return 0;
        method = row_text(explanation, "Method");
        for (size_t i = 0; i < json_object_array_length(steps); i++)
                if (add_step(l, json_object_array_get_idx(steps, i), method && strcmp(method, "mean") != 0, list) < 0)
                        return -ENOMEM;
        return 0;
}
