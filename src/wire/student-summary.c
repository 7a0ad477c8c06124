/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/student-summary.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "wire/json.h"
#include "wire/log-line.h"

static int read_counts(json_object *o, StudentSummary *s, Problem *problem) {
        json_object *average = NULL;
        uint32_t hundredths;
        int r;

        r = json_get_uint64(o, "GradeCount", 0, UINT32_MAX, &s->n_grades, problem);
        if (r < 0)
                return r;
        s->average_tenths = -1;
        if (!json_object_object_get_ex(o, "Average", &average) || !average)
                return 0;
        r = json_to_hundredths(average, &hundredths);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || hundredths % 10 != 0 || hundredths > SCORE_MAX_HUNDREDTHS)
                return problem_set(problem, 400, "Member 'Average' must be a number from 0 to 100 with one decimal, or null");
        s->average_tenths = (int32_t) hundredths / 10;
        return 0;
}

static int count_grades(json_object *o, StudentSummary *s, Problem *problem) {
        _cleanup_(student_freep) Student *student = NULL;
        int r = student_from_json(o, &student, problem);

        if (r < 0)
                return r;
        s->n_grades = student->n_grades;
        s->average_tenths = average_of_grades(student->grades, student->n_grades);
        return 0;
}

int student_summary_from_json(json_object *o, StudentSummary *ret, Problem *problem) {
        StudentSummary s = {};
        json_object *count = NULL;
        int r = json_expect_object(o, "A student", problem);

        if (r >= 0)
                r = json_get_uint64(o, "ID", 1, STUDENT_ID_MAX, &s.id, problem);
        if (r >= 0)
                r = json_get_text(o, "FirstName", 1, PERSON_NAME_MAX, &s.first_name, problem);
        if (r >= 0)
                r = json_get_text(o, "LastName", 1, PERSON_NAME_MAX, &s.last_name, problem);
        if (r >= 0)
                r = json_object_object_get_ex(o, "GradeCount", &count) ? read_counts(o, &s, problem) : count_grades(o, &s, problem);
        if (r >= 0)
                *ret = s;
        return r;
}

static void write_text(Buffer *out, const char *s) {
        log_line_write_text(out, s, strlen(s));
}

int student_summary_write(const StudentSummary *s, Buffer *out) {
        (void) buffer_printf(out, "{\"ID\":%" PRIu64 ",\"FirstName\":", s->id);
        write_text(out, s->first_name);
        (void) buffer_puts(out, ",\"LastName\":");
        write_text(out, s->last_name);
        (void) buffer_printf(out, ",\"GradeCount\":%" PRIu64 ",\"Average\":", s->n_grades);
        if (s->average_tenths < 0)
                return buffer_puts(out, "null}");
        return buffer_printf(out, "%" PRId32 ".%" PRId32 "}", s->average_tenths / 10, s->average_tenths % 10);
}
