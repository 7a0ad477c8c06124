/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/students.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "ctl/output.h"
#include "wire/json.h"

#define PATH_SIZE 64

const CtlOption ctl_students_add_options[] = {
        { "id", 0, "ID", "The student's ID (otherwise the next free one)" },
        { .name = NULL },
};

void student_list_deinit(StudentList *l) {
        for (size_t i = 0; i < l->n_students; i++)
                student_free(l->students[i]);
        free(l->students);
        *l = (StudentList) {};
}

int students_parse_id(const char *text, uint64_t *ret) {
        if (parse_uint64(text, ret) < 0 || *ret < 1 || *ret > STUDENT_ID_MAX)
                return ctl_fail(CTL_USAGE, "\"%s\" is not a student's ID: a whole number from 1 to %" PRIu64 " is needed", text, STUDENT_ID_MAX);
        return CTL_OK;
}

static int bad_answer(const Problem *problem) {
        return ctl_fail(CTL_FAILURE, "GradingService answers what is no student: %s", problem->detail ? problem->detail : strerror(ENOMEM));
}

int students_fetch(Connection *c, StudentList *ret, json_object **ret_json) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(student_list_deinit) StudentList list = {};
        _cleanup_(json_unrefp) json_object *array = NULL;
        size_t n;
        int code;

        code = connection_request(c, PEER_GRADING, NULL, "/students", NULL, &array);
        if (code != CTL_OK)
                return code;
        if (!json_object_is_type(array, json_type_array)) {
                (void) problem_set(&problem, 400, "a list is needed");
                return bad_answer(&problem);
        }
        n = json_object_array_length(array);
        list.students = calloc(n + 1, sizeof(*list.students));
        if (!list.students)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        for (; list.n_students < n; list.n_students++)
                if (student_from_json(json_object_array_get_idx(array, list.n_students), list.students + list.n_students, &problem) < 0)
                        return bad_answer(&problem);
        *ret = list;
        list = (StudentList) {};
        if (ret_json)
                *ret_json = TAKE_PTR(array);
        return CTL_OK;
}

static int print_table(Table *t, const Ctl *ctl) {
        int r = table_print(t, ctl->colour);

        return r < 0 ? ctl_fail(CTL_FAILURE, "%s", strerror(-r)) : CTL_OK;
}

int ctl_students_list(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(student_list_deinit) StudentList list = {};
        _cleanup_(json_unrefp) json_object *json = NULL;
        _cleanup_(table_deinit) Table t = TABLE(">ID", "NAME", ">GRADES", ">AVERAGE");
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = students_fetch(c, &list, &json);
        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return output_json(json);
        if (list.n_students == 0) {
                (void) puts("There are no students yet: \"gradebookctl students import FILE.csv\" adds some.");
                return CTL_OK;
        }
        for (size_t i = 0; i < list.n_students; i++) {
                const Student *s = list.students[i];
                char average[AVERAGE_TEXT_SIZE];

                average_format(s->grades, s->n_grades, average);
                table_add(&t, STYLE_PLAIN, "%" PRIu64, s->id);
                table_add(&t, STYLE_PLAIN, "%s %s", s->first_name, s->last_name);
                table_add(&t, STYLE_PLAIN, "%zu", s->n_grades);
                table_add(&t, STYLE_PLAIN, "%s", average);
        }
        return print_table(&t, ctl);
}

static int print_student(const Ctl *ctl, const Student *s) {
        _cleanup_(freep) char *first = output_clean(s->first_name, NULL), *last = output_clean(s->last_name, NULL);
        _cleanup_(table_deinit) Table t = TABLE("TITLE", "TYPE", ">SCORE");
        char average[AVERAGE_TEXT_SIZE];

        if (!first || !last)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        average_format(s->grades, s->n_grades, average);
        (void) printf("%s %s (ID %" PRIu64 "), average %s\n", first, last, s->id, average);
        if (s->n_grades == 0)
                return CTL_OK;
        (void) putchar('\n');
        for (size_t i = 0; i < s->n_grades; i++) {
                const Grade *g = s->grades + i;
                char score[SCORE_TEXT_SIZE];

                score_format(g->score_hundredths, score);
                table_add(&t, STYLE_PLAIN, "%s", g->title);
                table_add(&t, STYLE_PLAIN, "%s", grade_type_name(g->type));
                table_add(&t, STYLE_PLAIN, "%s", score);
        }
        return print_table(&t, ctl);
}

int ctl_students_show(Ctl *ctl, char *arguments[]) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(student_freep) Student *student = NULL;
        _cleanup_(json_unrefp) json_object *json = NULL;
        char path[PATH_SIZE];
        uint64_t id;
        int code;

        code = students_parse_id(arguments[0], &id);
        if (code == CTL_OK)
                code = connection_open(ctl, &c);
        if (code != CTL_OK)
                return code;
        (void) snprintf(path, sizeof(path), "/students/%" PRIu64, id);
        code = connection_request(c, PEER_GRADING, NULL, path, NULL, &json);
        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return output_json(json);
        if (student_from_json(json, &student, &problem) < 0)
                return bad_answer(&problem);
        return print_student(ctl, student);
}

int ctl_students_add(Ctl *ctl, char *arguments[]) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *body = json_object_new_object(), *json = NULL;
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(student_freep) Student *student = NULL;
        const char *id_text = ctl_option(ctl, "id");
        uint64_t id = 0;
        int code;

        if (id_text) {
                code = students_parse_id(id_text, &id);
                if (code != CTL_OK)
                        return code;
        }
        if (!body || (id > 0 && json_add_uint64(body, "ID", id) < 0) || json_add_text(body, "FirstName", arguments[0]) < 0 ||
            json_add_text(body, "LastName", arguments[1]) < 0)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = connection_request(c, PEER_GRADING, "POST", "/students", body, &json);
        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return output_json(json);
        if (student_from_json(json, &student, &problem) < 0)
                return bad_answer(&problem);
        return print_student(ctl, student);
}
