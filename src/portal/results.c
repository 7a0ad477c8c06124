/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/results.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portal/row.h"
#include "portal/views.h"
#include "wire/json.h"

static bool hundredths_of(json_object *o, const char *member, uint32_t *ret) {
        json_object *number = NULL;

        return json_object_object_get_ex(o, member, &number) && number && json_to_hundredths(number, ret) >= 0;
}

static json_object *object_of(json_object *o, const char *member) {
        json_object *value = NULL;

        return json_object_object_get_ex(o, member, &value) && json_object_is_type(value, json_type_object) ? value : NULL;
}

bool result_number(json_object *o, const char *member, char *ret, size_t size) {
        char text[SCORE_TEXT_SIZE];
        uint32_t hundredths;

        if (!hundredths_of(o, member, &hundredths))
                return false;
        score_format(hundredths, text);
        (void) snprintf(ret, size, "%s", text);
        return true;
}

/* Keys of the states' texts; NULL: the score says all. */
static const char *state_key(const char *state) {
        static const struct {
                const char *state, *key;
        } states[] = {
                { "late", "ResultLate" }, { "missing", "ResultMissing" }, { "excused", "ResultExcused" }, { "absent", "ResultAbsent" }, { "blank", "ResultBlank" },
        };

        for (size_t i = 0; state && i < ELEMENTSOF(states); i++)
                if (strcmp(states[i].state, state) == 0)
                        return states[i].key;
        return NULL;
}

int result_to_view(Language l, json_object *grade, json_object *view) {
        const char *key = state_key(row_text(grade, "State"));
        char score[SCORE_TEXT_SIZE], maximum[SCORE_TEXT_SIZE];
        bool has_score = result_number(grade, "Score", score, sizeof(score));
        bool has_maximum = has_score && result_number(grade, "Maximum", maximum, sizeof(maximum)) && strcmp(maximum, "100") != 0;

        if (json_add_text(view, "Score", has_score ? score : NULL) < 0 || json_add_text(view, "Maximum", has_maximum ? maximum : NULL) < 0 ||
            json_add_text(view, "State", key ? language_text(l, key) : NULL) < 0 || json_add_text(view, "Comment", row_text(grade, "Comment")) < 0)
                return -ENOMEM;
        return 0;
}

/* The one that was just added: in the fixed form, so that its mark is that of what was typed. */
static bool has_mark(json_object *grade, const char *added) {
        const char *title = row_text(grade, "Title"), *type = row_text(grade, "Type");
        uint32_t score, maximum;
        char mark[GRADE_MARK_SIZE];
        int t = type ? grade_type_from_name(type) : -EINVAL;

        if (!added || !title || t < 0 || !hundredths_of(grade, "Score", &score) || !hundredths_of(grade, "Maximum", &maximum) ||
            maximum != SCORE_MAX_HUNDREDTHS)
                return false;
        grade_mark(&(Grade) { .title = (char *) title, .type = (GradeType) t, .score_hundredths = score }, mark);
        return strcmp(mark, added) == 0;
}

static int add_grade(const ResultsOptions *o, json_object *grade, json_object *rows, json_object **ret) {
        const char *title = row_text(grade, "Title"), *type = row_text(grade, "Type");
        int t = type ? grade_type_from_name(type) : -EINVAL;
        json_object *row;

        if (json_append_object(rows, &row) < 0 || json_add_uint64(row, "GradeID", row_uint64(grade, "ID")) < 0 ||
            json_add_uint64(row, "AssessmentID", row_uint64(grade, "Assessment")) < 0 || json_add_text(row, "Title", title) < 0 ||
            json_add_text(row, "Type", t >= 0 ? language_text(o->language, grade_type_key((GradeType) t)) : type) < 0 ||
            json_add_uint64(row, "StudentID", o->student_id) < 0 || json_add(row, "MayChange", json_object_new_boolean(o->may_change)) < 0)
                return -ENOMEM;
        *ret = row;
        return result_to_view(o->language, grade, row);
}

/* The average of one kind: "67.05%" and the letter, where there are. */
static int add_average(json_object *of_class, const char *member, json_object *section) {
        char number[SCORE_TEXT_SIZE], text[SCORE_TEXT_SIZE + 1];
        json_object *average = object_of(of_class, member), *view = json_object_new_object();

        if (json_add(section, member, view) < 0)
                return -ENOMEM;
        if (!average || !result_number(average, "Average", number, sizeof(number)))
                return json_add_text(view, "Percent", "\u2013");
        (void) snprintf(text, sizeof(text), "%s%%", number);
        return json_add_text(view, "Percent", text) < 0 ? -ENOMEM : json_add_text(view, "Letter", row_text(average, "Letter"));
}

/* How both were computed; once, where they are the same. */
static int add_explanations(Language l, json_object *of_class, json_object *section) {
        json_object *both = object_of(of_class, "Explanation"), *so_far = both ? object_of(both, "SoFar") : NULL;
        json_object *zero = both ? object_of(both, "BlanksAsZero") : NULL, *view;
        uint32_t a = UINT32_MAX, b = UINT32_MAX;

        if (!so_far || !zero)
                return 0;
        view = json_object_new_object();
        if (json_add(section, "HowSoFar", view) < 0 || explanation_to_view(l, so_far, view) < 0)
                return -ENOMEM;
        (void) hundredths_of(so_far, "Average", &a);
        (void) hundredths_of(zero, "Average", &b);
        if (a == b)
                return 0;
        view = json_object_new_object();
        return json_add(section, "HowZero", view) < 0 ? -ENOMEM : explanation_to_view(l, zero, view);
}

/* class_id 0: of classes that the student has left. */
static int add_section(json_object *sections, uint64_t class_id, const char *name, const ResultsOptions *o, json_object **ret) {
        json_object *section;

        if (json_append_object(sections, &section) < 0 || json_add_uint64(section, "ClassID", class_id) < 0 || json_add_text(section, "ClassName", name) < 0 ||
            json_add(section, "IsClass", json_object_new_boolean(class_id > 0)) < 0 ||
            json_add(section, "LinksClass", json_object_new_boolean(class_id > 0 && o->may_change)) < 0 ||
            json_add(section, "Grades", json_object_new_array()) < 0)
                return -ENOMEM;
        *ret = section;
        return 0;
}

static int add_class(json_object *sections, json_object *of_class, const ResultsOptions *o) {
        json_object *section;

        if (add_section(sections, row_uint64(of_class, "Class"), row_text(of_class, "Name"), o, &section) < 0 || add_average(of_class, "SoFar", section) < 0 ||
            add_average(of_class, "BlanksAsZero", section) < 0)
                return -ENOMEM;
        return add_explanations(o->language, of_class, section);
}

static int find_section(json_object *sections, uint64_t class_id, const ResultsOptions *o, json_object **ret) {
        size_t n = json_object_array_length(sections);

        for (size_t i = 0; i < n; i++) {
                *ret = json_object_array_get_idx(sections, i);
                if (row_uint64(*ret, "ClassID") == class_id)
                        return 0;
        }
        if (class_id > 0)
                return find_section(sections, 0, o, ret);
        return add_section(sections, 0, language_text(o->language, "ClassesLeft"), o, ret);
}

static int add_grades(const ResultsOptions *o, json_object *items, json_object *sections, json_object *view) {
        json_object *added = NULL;

        for (size_t i = 0; i < row_count(items); i++) {
                json_object *grade = json_object_array_get_idx(items, i), *section, *row;

                if (find_section(sections, row_uint64(grade, "Class"), o, &section) < 0 ||
                    add_grade(o, grade, json_object_object_get(section, "Grades"), &row) < 0)
                        return -ENOMEM;
                if (has_mark(grade, o->added))
                        added = row;
        }
        if (added && (json_add(added, "New", json_object_new_boolean(true)) < 0 || json_add(view, "Added", json_object_get(added)) < 0))
                return -ENOMEM;
        return 0;
}

int results_to_view(const ResultsOptions *o, json_object *grades, json_object *averages, json_object *view, Problem *problem) {
        json_object *of_grades, *of_classes, *sections = json_object_new_array();
        int r = json_add(view, "Classes", sections);

        if (r >= 0)
                r = row_list(grades, &of_grades, problem);
        if (r >= 0)
                r = row_list(averages, &of_classes, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < row_count(of_classes); i++)
                r = add_class(sections, json_object_array_get_idx(of_classes, i), o);
        if (r >= 0)
                r = add_grades(o, of_grades, sections, view);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(sections); i++) {
                json_object *section = json_object_array_get_idx(sections, i);

                r = json_add(section, "HasGrades", json_object_new_boolean(json_object_array_length(json_object_object_get(section, "Grades")) > 0));
        }
        return r;
}
