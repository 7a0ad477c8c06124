/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/views.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "wire/json.h"

/* Whether a text ends or begins (from its last or first character on) with one of the CJK ideographs, U+3400 to U+9FFF or above the
 * basic plane: in UTF-8, bytes from E3 90 80 to E9 BF BF, or F0 A0 and up. */
static bool is_ideograph(const char *s) {
        unsigned char a = (unsigned char) s[0], b = a ? (unsigned char) s[1] : 0;

        return (a == 0xe3 && b >= 0x90) || (a >= 0xe4 && a <= 0xe9) || (a == 0xf0 && b >= 0xa0);
}

static const char *last_character(const char *s) {
        const char *end = s + strlen(s);

        while (end > s && ((unsigned char) *--end & 0xc0) == 0x80)
                ;
        return end;
}

int name_format(Language language, const char *first_name, const char *last_name, char **ret) {
        bool close = is_ideograph(last_character(last_name)) && is_ideograph(first_name);
        int n = language == LANGUAGE_ZH ? asprintf(ret, "%s%s%s", last_name, close ? "" : " ", first_name) : asprintf(ret, "%s %s", first_name, last_name);

        if (n < 0)
                *ret = NULL;
        return n < 0 ? -ENOMEM : 0;
}

/* What both pages show of a student. */
static int add_student(json_object *view, const Student *s, Language language) {
        _cleanup_(freep) char *name = NULL;
        char average[AVERAGE_TEXT_SIZE];

        if (name_format(language, s->first_name, s->last_name, &name) < 0)
                return -ENOMEM;
        average_format(s->grades, s->n_grades, average);
        if (json_add_uint64(view, "ID", s->id) < 0 ||
            json_add_text(view, "Name", name) < 0 ||
            json_add_text(view, "Average", average) < 0 ||
            json_add_uint64(view, "NGrades", s->n_grades) < 0 ||
            json_add(view, "HasGrades", json_object_new_boolean(s->n_grades > 0)) < 0)
                return -ENOMEM;
        return 0;
}

int students_view(const char *body, size_t size, Language language, json_object **ret, Problem *problem) {
        _cleanup_(json_unrefp) json_object *answer = NULL, *view = json_object_new_object();
        json_object *list = json_object_new_array();
        size_t n;
        int r;

        if (!view) {
                json_object_put(list);
                return -ENOMEM;
        }
        r = json_add(view, "Students", list);
        if (r >= 0)
                r = json_parse(body, size, &answer, problem);
        if (r < 0)
                return r;
        if (!json_object_is_type(answer, json_type_array))
                return problem_set(problem, 502, "The list of students is not an array");
        n = json_object_array_length(answer);
        for (size_t i = 0; i < n; i++) {
                _cleanup_(student_freep) Student *s = NULL;
                json_object *row;

                r = student_from_json(json_object_array_get_idx(answer, i), &s, problem);
                if (r >= 0)
                        r = json_append_object(list, &row);
                if (r >= 0)
                        r = add_student(row, s, language);
                if (r < 0)
                        return r;
        }
        r = json_add_uint64(view, "N", n);
        if (r >= 0)
                r = json_add(view, "IsOne", json_object_new_boolean(n == 1));
        if (r >= 0)
                r = json_add(view, "HasStudents", json_object_new_boolean(n > 0));
        if (r >= 0)
                *ret = TAKE_PTR(view);
        return r;
}

void grade_mark(const Grade *g, char ret[static GRADE_MARK_SIZE]) {
        unsigned char hash[16];
        const uint32_t numbers[] = { g->type, g->score_hundredths };
        crypto_generichash_state state;

        (void) crypto_generichash_init(&state, NULL, 0, sizeof(hash));
        (void) crypto_generichash_update(&state, (const unsigned char *) numbers, sizeof(numbers));
        (void) crypto_generichash_update(&state, (const unsigned char *) g->title, strlen(g->title));
        (void) crypto_generichash_final(&state, hash, sizeof(hash));
        (void) sodium_bin2hex(ret, GRADE_MARK_SIZE, hash, (GRADE_MARK_SIZE - 1) / 2);
}

/* The last grade with that mark; n_grades when there is none. */
static size_t find_marked(const Student *s, const char *added) {
        char mark[GRADE_MARK_SIZE];

        for (size_t i = added ? s->n_grades : 0; i > 0; i--) {
                grade_mark(&s->grades[i - 1], mark);
                if (strcmp(mark, added) == 0)
                        return i - 1;
        }
        return s->n_grades;
}

static int add_grades(json_object *view, const Student *s, Language language, const char *added) {
        json_object *list = json_object_new_array(), *row;
        size_t marked = find_marked(s, added);
        char score[SCORE_TEXT_SIZE];

        if (json_add(view, "Grades", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_grades; i++) {
                const Grade *g = &s->grades[i];

                score_format(g->score_hundredths, score);
                if (json_append_object(list, &row) < 0 ||
                    json_add_uint64(row, "N", i + 1) < 0 ||
                    json_add_text(row, "Title", g->title) < 0 ||
                    json_add_text(row, "Type", language_text(language, grade_type_key(g->type))) < 0 ||
                    json_add_text(row, "Score", score) < 0)
                        return -ENOMEM;
                if (i == marked &&
                    (json_add(row, "New", json_object_new_boolean(true)) < 0 ||
                     json_add(view, "Added", json_object_get(row)) < 0))
                        return -ENOMEM;
        }
        return 0;
}

int student_view(const char *body, size_t size, const StudentViewOptions *options, json_object **ret, Problem *problem) {
        _cleanup_(json_unrefp) json_object *answer = NULL, *view = json_object_new_object();
        _cleanup_(student_freep) Student *s = NULL;
        int r = view ? json_parse_object(body, size, &answer, problem) : -ENOMEM;

        if (r >= 0)
                r = student_from_json(answer, &s, problem);
        if (r >= 0)
                r = add_student(view, s, options->language);
        if (r >= 0)
                r = add_grades(view, s, options->language, options->added);
        if (r >= 0)
                r = json_add(view, "IsOwn", json_object_new_boolean(options->is_own));
        if (r >= 0 && !options->is_own)
                r = grade_form_to_view(options->form ? options->form : &(GradeForm) { .student_id = s->id }, options->language, view);
        if (r >= 0 && options->form && !options->form->kept)
                r = json_add(view, "Failed", json_object_new_boolean(true));
        if (r >= 0)
                *ret = TAKE_PTR(view);
        return r;
}
