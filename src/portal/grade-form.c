/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/grade-form.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "wire/json.h"

/* The rules are those of the wire; here each field is judged beside two that are right. */
static int judge(const char *title, const char *type, const char *score, const char *key, const char **ret_error) {
        Grade grade = {};
        int r = grade_from_text(title, type, score, &grade, NULL);

        grade_deinit(&grade);
        if (r == -EBADMSG)
                *ret_error = key;
        return r == -EBADMSG ? 0 : r;
}

int grade_form_read(Request *r, uint64_t student_id, GradeForm *form, Grade *ret) {
        int k;

        *form = (GradeForm) {
                .student_id = student_id,
                .title = request_form(r, "Title"),
                .type = request_form(r, "Type"),
                .score = request_form(r, "Score"),
        };
        k = judge(form->title, "Quiz", "0",
                  text_is_empty(form->title) ? "TitleMissing" : "TitleWrong",
                  &form->title_error);
        if (k >= 0)
                k = judge("x", form->type, "0", "TypeWrong", &form->type_error);
        if (k >= 0)
                k = judge("x", "Quiz", form->score,
                          text_is_empty(form->score) ? "ScoreMissing" : "ScoreWrong",
                          &form->score_error);
        if (k < 0)
                return k;
        if (form->title_error || form->type_error || form->score_error)
                return -EBADMSG;
        return grade_from_text(form->title, form->type, form->score, ret, NULL);
}

static const char *typed_text(json_object *typed, const char *name) {
        json_object *text;

        return json_object_object_get_ex(typed, name, &text) ? json_object_get_string(text) : NULL;
}

GradeForm grade_form_from_typed(json_object *typed, uint64_t student_id) {
        return (GradeForm) {
                .student_id = student_id,
                .title = typed_text(typed, "Title"),
                .type = typed_text(typed, "Type"),
                .score = typed_text(typed, "Score"),
                .kept = true,
        };
}

int grade_form_to_typed(const GradeForm *form, json_object **ret) {
        _cleanup_(json_unrefp) json_object *typed = json_object_new_object();

        if (!typed || json_add_text(typed, "Title", form->title) < 0 || json_add_text(typed, "Type", form->type) < 0 ||
            json_add_text(typed, "Score", form->score) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(typed);
        return 0;
}

const char *grade_type_key(GradeType type) {
        static const char *const keys[_GRADE_TYPE_MAX] = {
                [GRADE_QUIZ] = "TypeQuiz",
                [GRADE_TEST] = "TypeTest",
                [GRADE_EXAM] = "TypeExam",
                [GRADE_HOMEWORK] = "TypeHomework",
        };

        return keys[type];
}

/* A type is sent by its name on the wire, which is its English one. */
static int add_type(json_object *types, GradeType t, Language language, const char *chosen) {
        const char *name = grade_type_name(t), *shown = language_text(language, grade_type_key(t));
        json_object *type = json_object_new_object();

        if (!type || json_object_array_add(types, type) < 0) {
                json_object_put(type);
                return -ENOMEM;
        }
        if (json_add_text(type, "Name", shown) < 0 ||
            (strcmp(name, shown) != 0 && json_add_text(type, "Value", name) < 0) ||
            json_add(type, "Selected", json_object_new_boolean(chosen && strcmp(chosen, name) == 0)) < 0)
                return -ENOMEM;
        return 0;
}

static int add_types(json_object *form_view, Language language, const char *chosen) {
        json_object *types = json_object_new_array();

        if (json_add(form_view, "Types", types) < 0)
                return -ENOMEM;
        for (int i = 0; i < _GRADE_TYPE_MAX; i++)
                if (add_type(types, (GradeType) i, language, chosen) < 0)
                        return -ENOMEM;
        return 0;
}

static const char *text_of(Language language, const char *key) {
        return key ? language_text(language, key) : NULL;
}

int grade_form_to_view(const GradeForm *form, Language language, json_object *view) {
        json_object *o = json_object_new_object();
        char action[64];

        (void) snprintf(action, sizeof(action), "/students/%llu/grades", (unsigned long long) form->student_id);
        if (json_add(view, "Form", o) < 0 ||
            json_add_text(o, "Action", action) < 0 ||
            json_add_text(o, "Title", form->title) < 0 ||
            json_add_text(o, "Score", form->score) < 0 ||
            json_add_text(o, "TitleError", text_of(language, form->title_error)) < 0 ||
            json_add_text(o, "TypeError", text_of(language, form->type_error)) < 0 ||
            json_add_text(o, "ScoreError", text_of(language, form->score_error)) < 0 ||
            json_add_text(o, "Error", form->error_key ? language_text(language, form->error_key) : form->error) < 0 ||
            json_add(o, "Kept", json_object_new_boolean(form->kept)) < 0)
                return -ENOMEM;
        return add_types(o, language, form->type ? form->type : grade_type_name(GRADE_QUIZ));
}
