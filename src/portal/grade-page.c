/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portal/change.h"
#include "portal/people.h"
#include "portal/results.h"
#include "portal/row.h"
#include "portal/students.h"
#include "portal/when.h"
#include "wire/json.h"
#include "wire/student-summary.h"

/* One grade: what it is, what may be made of it, and what became of it; also of one that was deleted, so that it can be brought back. */

enum {
        PART_HISTORY,                   /* the first: students get a 403, and a grade that nobody ever had a 404 */
        PART_GRADE,                     /* a 404 where it was deleted */
        PART_STUDENT,
        PART_GRADES,                    /* of the student: here each says of what it is */
        _PARTS,
};

#define HISTORY_MAX 100
#define REASON_MAX 500
#define COMMENT_MAX 2000

static int make(const PageContext *c, json_object *view, Problem *problem);
static int finish_edit(Request *r, Language language, json_object *typed, json_object *body, json_object *errors);

static const PagePlan page = { .template = "grade-page", .section = "Students", .not_found = "NoSuchGrade", .has_form = true, .make = make };

static const FieldChoice states[] = {
        { "graded", "ResultGraded" }, { "late", "ResultLate" }, { "missing", "ResultMissing" }, { "excused", "ResultExcused" },
        { "absent", "ResultAbsent" }, { "blank", "ResultBlank" }, {},
};

static const FormField edit_fields[] = {
        { .name = "Score", .label = "Score", .kind = FIELD_NUMBER, .is_narrow = true },
        { .name = "State", .label = "GradeState", .kind = FIELD_CHOICE, .required = true, .choices = states, .is_narrow = true },
        { .name = "Comment", .label = "GradeComment", .hint = "GradeCommentHint", .kind = FIELD_AREA, .max = COMMENT_MAX },
        { .name = "Reason", .label = "GradeReason", .hint = "GradeReasonHint", .kind = FIELD_TEXT, .max = REASON_MAX, .left_out = true },
        {},
};

static const FormField undo_fields[] = {
        { .name = "Reason", .label = "GradeReason", .hint = "GradeReasonHint", .kind = FIELD_TEXT, .max = REASON_MAX, .left_out = true },
        {},
};

static const ChangePlan edit_plan = {
        .name = "edit", .fields = edit_fields, .method = "PATCH", .title = "EditGrade", .submit = "SaveGrade", .done = "DoneGradeSaved",
        .finish = finish_edit, .page = &page,
};
static const ChangePlan undo_plan = {
        .name = "undo", .fields = undo_fields, .method = "POST", .title = "UndoChange", .submit = "UndoChange", .done = "DoneUndone", .page = &page,
};
static const ChangePlan delete_plan = {
        .name = "delete", .method = "DELETE", .title = "DeleteGrade", .submit = "DeleteGrade", .done = "DoneGradeDeleted", .page = &page,
};

static bool has_score(const char *state) {
        return strcmp(state, "graded") == 0 || strcmp(state, "late") == 0;
}

/* A score for what had none yet makes it graded; what is missing, excused or absent has none, whatever stood there before. */
static int finish_edit(Request *r, Language language, json_object *typed, json_object *body, json_object *errors) {
        const char *state = row_text(body, "State"), *score = row_text(body, "Score");

        (void) r;
        (void) typed;
        if (!state)
                return 0;
        if (strcmp(state, "blank") == 0 && score)
                return json_add_text(body, "State", "graded");
        if (!has_score(state))
                return json_add_text(body, "Score", NULL);
        return score || row_text(errors, "Score") ? 0 : json_add_text(errors, "Score", language_text(language, "ScoreMissing"));
}

/* Who it was: the account's name, or what else changes grades. */
static const char *actor_text(Language l, json_object *entry) {
        const char *name = row_text(entry, "ActorName"), *actor = row_text(entry, "Actor");

        if (name)
                return name;
        return language_text(l, actor && strncmp(actor, "account:", strlen("account:")) == 0 ? "ActorGone" : "ActorService");
}

/* What it was before or is since: the score, the state, the comment. */
static int add_side(Language l, json_object *entry, const char *member, const char *as, json_object *view) {
        json_object *row = NULL, *side;

        if (!json_object_object_get_ex(entry, member, &row) || !json_object_is_type(row, json_type_object))
                return 0;
        side = json_object_new_object();
        return json_add(view, as, side) < 0 ? -ENOMEM : result_to_view(l, row, side);
}

static int add_entry(Language l, json_object *entry, json_object *list) {
        const char *action = row_text(entry, "Action");
        json_object *view;

        if (json_append_object(list, &view) < 0 || when_add(view, "When", l, row_text(entry, "Time")) < 0 ||
            json_add_text(view, "Who", actor_text(l, entry)) < 0 || json_add_text(view, "Why", row_text(entry, "Reason")) < 0 ||
            json_add(view, "IsMade", json_object_new_boolean(action && strcmp(action, "create") == 0)) < 0 ||
            json_add(view, "IsDeleted", json_object_new_boolean(action && strcmp(action, "delete") == 0)) < 0 ||
            add_side(l, entry, "Old", "Before", view) < 0 || add_side(l, entry, "New", "Since", view) < 0)
                return -ENOMEM;
        return 0;
}

/* Whether the path's student is whose grade it is. */
static bool is_of(json_object *entry, uint64_t student_id) {
        json_object *row = NULL;

        if (!json_object_object_get_ex(entry, "New", &row) || !row)
                (void) json_object_object_get_ex(entry, "Old", &row);
        return row && row_uint64(row, "Student") == student_id;
}

static int add_history(const PageContext *c, uint64_t student_id, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *history = NULL;
        json_object *items = NULL, *list = json_object_new_array();
        int r = json_add(view, "History", list);

        if (r >= 0)
                r = page_part_json(&c->parts[PART_HISTORY], &history, problem);
        if (r >= 0)
                r = row_list(history, &items, problem);
        if (r >= 0 && (row_count(items) == 0 || !is_of(json_object_array_get_idx(items, 0), student_id)))
                r = -ENOENT;
        for (size_t i = 0; r >= 0 && i < row_count(items); i++)
                r = add_entry(c->language, json_object_array_get_idx(items, i), list);
        return r < 0 ? r : json_add_uint64(view, "Sequence", row_uint64(json_object_array_get_idx(items, 0), "Sequence"));
}

static int add_student(const PageContext *c, uint64_t id, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *student = NULL;
        _cleanup_(freep) char *name = NULL;
        StudentSummary s = {};
        int r = page_part_json(&c->parts[PART_STUDENT], &student, problem);

        if (r >= 0)
                r = student ? student_summary_from_json(student, &s, problem) : -ENOENT;
        if (r >= 0)
                r = name_format(c->language, s.first_name, s.last_name, &name);
        if (r >= 0)
                r = json_add_uint64(view, "StudentID", id);
        return r < 0 ? r : json_add_text(view, "Name", name);
}

/* What the grade is of; grades: all of the student. */
static int add_title(const PageContext *c, uint64_t grade_id, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *grades = NULL;
        json_object *items = NULL, *grade;
        int r = page_part_json(&c->parts[PART_GRADES], &grades, problem);
        const char *type;
        int t;

        if (r >= 0)
                r = row_list(grades, &items, problem);
        if (r < 0)
                return r;
        grade = row_find(items, grade_id);
        type = row_text(grade, "Type");
        t = type ? grade_type_from_name(type) : -EINVAL;
        if (json_add_text(view, "Title", row_text(grade, "Title")) < 0 ||
            json_add_text(view, "Type", t >= 0 ? language_text(c->language, grade_type_key((GradeType) t)) : NULL) < 0 ||
            json_add_uint64(view, "AssessmentID", row_uint64(grade, "Assessment")) < 0 || json_add_text(view, "OutOf", row_text(grade, "Maximum")) < 0)
                return -ENOMEM;
        return 0;
}

static bool read_ids(const Request *r, uint64_t *ret_student, uint64_t *ret_grade) {
        return request_param_uint64(r, "id", ret_student) >= 0 && request_param_uint64(r, "grade", ret_grade) >= 0 && *ret_student > 0 && *ret_grade > 0 &&
                *ret_student <= STUDENT_ID_MAX && *ret_grade <= STUDENT_ID_MAX;
}

static int add_form(const PageContext *c, const ChangePlan *plan, const char *tail, json_object *row, json_object *view, const char *member) {
        _cleanup_(json_unrefp) json_object *values = NULL;
        char action[PAGE_PATH_SIZE];
        uint64_t student_id = 0, grade_id = 0;

        (void) read_ids(c->request, &student_id, &grade_id);
        (void) snprintf(action, sizeof(action), "/students/%" PRIu64 "/grades/%" PRIu64 "%s", student_id, grade_id, tail);
        if (row && plan->fields && form_from_row(plan->fields, row, &values) < 0)
                return -ENOMEM;
        return change_form_to_view(c, plan, action, values, row, NULL, view, member);
}

static int add_forms(const PageContext *c, json_object *grade, json_object *view) {
        char undo[32];

        (void) snprintf(undo, sizeof(undo), "/undo/%" PRIu64, row_uint64(view, "Sequence"));
        if (grade && (add_form(c, &edit_plan, "", grade, view, "EditForm") < 0 || add_form(c, &delete_plan, "/delete", grade, view, "DeleteForm") < 0))
                return -ENOMEM;
        return add_form(c, &undo_plan, undo, NULL, view, "UndoForm");
}

static int make(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *grade = NULL;
        uint64_t student_id = 0, grade_id = 0;
        int r;

        (void) read_ids(c->request, &student_id, &grade_id);
        r = page_part_json(&c->parts[PART_GRADE], &grade, problem);
        if (r >= 0)
                r = add_history(c, student_id, view, problem);
        if (r >= 0)
                r = add_student(c, student_id, view, problem);
        if (r >= 0)
                r = add_title(c, grade_id, view, problem);
        if (r >= 0)
                r = json_add(view, "IsGone", json_object_new_boolean(!grade));
        if (r >= 0)
                r = json_add(view, "UndoFailed", json_object_new_boolean(c->errors && change_form_is_typed(c, &undo_plan)));
        if (r >= 0 && grade)
                r = result_to_view(c->language, grade, view);
        return r < 0 ? r : add_forms(c, grade, view);
}

/* False: it can be nobody's, and the request has been answered. */
static bool find_paths(Request *r, Portal *p, uint64_t *ret_student, uint64_t *ret_grade, PagePaths *paths) {
        if (!read_ids(r, ret_student, ret_grade)) {
                page_fail(r, p, 404, "NoSuchGrade", NULL);
                return false;
        }
        page_paths_add(paths, "/grades/%" PRIu64 "/history?limit=%d", *ret_grade, HISTORY_MAX);
        page_paths_add(paths, "/grades/%" PRIu64, *ret_grade);
        page_paths_add(paths, "/students/%" PRIu64, *ret_student);
        page_paths_add(paths, "/students/%" PRIu64 "/grades?limit=%d", *ret_student, GRADES_MAX);
        return true;
}

void get_grade_page(Request *r, void *service) {
        uint64_t student_id, grade_id;
        PagePaths paths = {};

        if (find_paths(r, service, &student_id, &grade_id, &paths))
                page_show(r, service, &page, paths.list, paths.n);
}

/* entry 0: it is the grade itself that is changed, and not one that is taken back. */
static void change(Request *r, Portal *p, const ChangePlan *plan, uint64_t entry, bool goes_back) {
        char path[PAGE_PATH_SIZE], form[PAGE_PATH_SIZE], student[PAGE_PATH_SIZE];
        ChangePaths changed = { .change = path, .form = form };
        uint64_t student_id, grade_id;
        PagePaths paths = {};

        if (!find_paths(r, p, &student_id, &grade_id, &paths))
                return;
        if (entry > 0)
                (void) snprintf(path, sizeof(path), "/ledger/%" PRIu64 "/undo", entry);
        else
                (void) snprintf(path, sizeof(path), "/grades/%" PRIu64, grade_id);
        (void) snprintf(student, sizeof(student), "/students/%" PRIu64, student_id);
        (void) snprintf(form, sizeof(form), "/students/%" PRIu64 "/grades/%" PRIu64, student_id, grade_id);
        changed.page = paths.list;
        changed.n_page = paths.n;
        changed.next = goes_back ? student : NULL;
        change_begin(r, p, plan, &changed);
}

void post_grade_edit(Request *r, void *service) {
        change(r, service, &edit_plan, 0, true);
}

/* To where it can be brought back. */
void post_grade_delete(Request *r, void *service) {
        change(r, service, &delete_plan, 0, false);
}

void post_grade_undo(Request *r, void *service) {
        uint64_t entry;

        if (request_param_uint64(r, "sequence", &entry) < 0 || entry == 0)
                page_fail(r, service, 404, "DetailNoPage", NULL);
        else
                change(r, service, &undo_plan, entry, false);
}
