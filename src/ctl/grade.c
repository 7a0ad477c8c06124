/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/connection.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/students.h"
#include "wire/json.h"

#define PATH_SIZE 64

static void grade_cleanup(Grade *g) {
        grade_deinit(g);
}

int ctl_grade_add(Ctl *ctl, char *arguments[]) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *body = NULL, *json = NULL;
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(grade_cleanup) Grade grade = {};
        _cleanup_(freep) char *title = NULL;
        char path[PATH_SIZE], score[SCORE_TEXT_SIZE];
        uint64_t id;
        int code;

        code = students_parse_id(arguments[0], &id);
        if (code != CTL_OK)
                return code;
        if (grade_from_text(arguments[1], arguments[2], arguments[3], &grade, &problem) < 0)
                return ctl_fail(CTL_USAGE, "%s", problem.detail ? students_plain_detail(problem.detail) : strerror(ENOMEM));
        if (grade_to_json(&grade, &body) < 0)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));

        code = connection_open(ctl, &c);
        if (code != CTL_OK)
                return code;
        (void) snprintf(path, sizeof(path), "/students/%" PRIu64 "/grades", id);
        code = connection_request(c, PEER_GRADING, "POST", path, body, &json);
        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return output_json(json);

        title = output_clean(grade.title, NULL);
        if (!title)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        score_format(grade.score_hundredths, score);
        (void) printf("Student %" PRIu64 " has %s in \"%s\" (%s) now.\n", id, score, title, grade_type_name(grade.type));
        return CTL_OK;
}
