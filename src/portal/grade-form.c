/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/grade-form.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "wire/json.h"

/* The rules are those of the wire; here each field is judged beside two that are right. */
static int judge(const char *title, const char *type, const char *score, const char *message, const char **ret_error) {
        Grade grade = {};
        int r = grade_from_text(title, type, score, &grade, NULL);

        grade_deinit(&grade);
        if (r == -EBADMSG)
                *ret_error = message;
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
                  text_is_empty(form->title) ? "Give the grade a title." : "A title has 1 to 200 characters, and not only spaces.",
                  &form->title_error);
        if (k >= 0)
                k = judge("x", form->type, "0", "Choose one of the types.", &form->type_error);
        if (k >= 0)
                k = judge("x", "Quiz", form->score,
                          text_is_empty(form->score) ? "Enter the score." : "A score is a number from 0 to 100, such as 85 or 92.5.",
                          &form->score_error);
        if (k < 0)
                return k;
        if (form->title_error || form->type_error || form->score_error)
                return -EBADMSG;
        return grade_from_text(form->title, form->type, form->score, ret, NULL);
}

static int add_types(json_object *form_view, const char *chosen) {
        json_object *types = json_object_new_array();

        if (json_add(form_view, "Types", types) < 0)
                return -ENOMEM;
        for (int i = 0; i < _GRADE_TYPE_MAX; i++) {
                json_object *type = json_object_new_object();

                if (!type || json_object_array_add(types, type) < 0) {
                        json_object_put(type);
                        return -ENOMEM;
                }
                if (json_add_text(type, "Name", grade_type_name((GradeType) i)) < 0 ||
                    json_add(type, "Selected", json_object_new_boolean(chosen && strcmp(chosen, grade_type_name((GradeType) i)) == 0)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int grade_form_to_view(const GradeForm *form, json_object *view) {
        json_object *o = json_object_new_object();
        char action[64];

        (void) snprintf(action, sizeof(action), "/students/%llu/grades", (unsigned long long) form->student_id);
        if (json_add(view, "Form", o) < 0 ||
            json_add_text(o, "Action", action) < 0 ||
            json_add_text(o, "Title", form->title) < 0 ||
            json_add_text(o, "Score", form->score) < 0 ||
            json_add_text(o, "TitleError", form->title_error) < 0 ||
            json_add_text(o, "TypeError", form->type_error) < 0 ||
            json_add_text(o, "ScoreError", form->score_error) < 0 ||
            json_add_text(o, "Error", form->error) < 0)
                return -ENOMEM;
        return add_types(o, form->type ? form->type : grade_type_name(GRADE_QUIZ));
}
