/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/history-view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "portal/account-name.h"
#include "portal/grade-form.h"
#include "portal/row.h"
#include "portal/states.h"
#include "portal/views.h"
#include "portal/when.h"
#include "wire/json.h"
#include "wire/student.h"

#define UNDO_PREFIX "Undo of entry "

/* What each kind of row is about, and the words for what became of it. */
static const struct {
        const char *kind, *create, *update, *delete;
} kinds[] = {
        { "class", "HistoryClassCreate", "HistoryClassUpdate", "HistoryClassDelete" },
        { "assessment", "HistoryAssessmentCreate", "HistoryAssessmentUpdate", "HistoryAssessmentDelete" },
        { "grade", "HistoryGradeCreate", "HistoryGradeUpdate", "HistoryGradeDelete" },
        { "enrolment", "HistoryEnrolmentCreate", "HistoryOther", "HistoryEnrolmentDelete" },
        { "teaching", "HistoryTeachingCreate", "HistoryOther", "HistoryTeachingDelete" },
        { "student", "HistoryStudentCreate", "HistoryStudentUpdate", "HistoryStudentDelete" },
};

/* The members that are shown, in their order. What a row refers to for good stands in its subject. */
static const struct {
        const char *member, *label;
} members[] = {
        { "Name", "Name" },
        { "Title", "Title" },
        { "Type", "Type" },
        { "State", "State" },
        { "Score", "Score" },
        { "Comment", "Comment" },
        { "Maximum", "AssessmentMaximum" },
        { "Weight", "AssessmentWeight" },
        { "Due", "AssessmentDue" },
        { "Released", "HistoryReleased" },
        { "ExtraCredit", "ExtraCredit" },
        { "Term", "Term" },
        { "Policy", "PolicyHeading" },
        { "Locked", "Locked" },
        { "Archived", "Archived" },
        { "FirstName", "FirstName" },
        { "LastName", "LastName" },
};

static const char *what_key(const char *kind, const char *action) {
        for (size_t i = 0; kind && action && i < ELEMENTSOF(kinds); i++)
                if (strcmp(kinds[i].kind, kind) == 0)
                        return strcmp(action, "create") == 0 ? kinds[i].create : strcmp(action, "delete") == 0 ? kinds[i].delete : kinds[i].update;
        return "HistoryOther";
}

/* One member as people read it, the caller's; NULL: it is not there. -ENOMEM. */
static int value_text(Language l, const HistoryNames *names, json_object *row, const char *member, char **ret) {
        json_object *value = NULL;
        const char *text = row_text(row, member);
        char when[WHEN_TEXT_SIZE];

        *ret = NULL;
        if (!text || !json_object_object_get_ex(row, member, &value))
                return 0;
        if (json_object_is_type(value, json_type_boolean))
                text = language_text(l, json_object_get_boolean(value) ? "Yes" : "No");
        else if (strcmp(member, "State") == 0)
                text = state_text(l, text);
        else if (strcmp(member, "Type") == 0 && grade_type_from_name(text) >= 0)
                text = language_text(l, grade_type_key((GradeType) grade_type_from_name(text)));
        else if (strcmp(member, "Due") == 0 && when_format_date(l, text, when) >= 0)
                text = when;
        else if (strcmp(member, "Term") == 0 && row_find(names->terms, row_uint64(row, member)))
                text = row_text(row_find(names->terms, row_uint64(row, member)), "Name");
        *ret = strdup(text ? text : "");
        return *ret ? 0 : -ENOMEM;
}

static bool is_same(json_object *a, json_object *b, const char *member) {
        json_object *x = NULL, *y = NULL;

        (void) (a && json_object_object_get_ex(a, member, &x));
        (void) (b && json_object_object_get_ex(b, member, &y));
        return json_object_equal(x, y);
}

/* Of a grade that is new its score says it. */
static bool is_graded(json_object *row, const char *member) {
        const char *state = strcmp(member, "State") == 0 ? row_text(row, member) : NULL;

        return state && strcmp(state, "graded") == 0;
}

static int add_change(Language l, const HistoryNames *names, json_object *old, json_object *new, const char *member, const char *label, json_object *list) {
        _cleanup_(freep) char *before = NULL, *after = NULL;
        bool is_policy = strcmp(member, "Policy") == 0;
        json_object *o;

        if (is_same(old, new, member) || (!old && is_graded(new, member)))
                return 0;
        if (!is_policy && (value_text(l, names, old, member, &before) < 0 || value_text(l, names, new, member, &after) < 0))
                return -ENOMEM;
        if (json_append_object(list, &o) < 0 || json_add_text(o, "Label", language_text(l, label)) < 0 || json_add_text(o, "Old", before) < 0 ||
            json_add_text(o, "New", after) < 0)
                return -ENOMEM;
        /* A policy is many numbers: that it changed is said, and what it is now stands in the settings. */
        return json_add(o, "HasValues", json_object_new_boolean(!is_policy && (old || after)));
}

static int add_changes(Language l, const HistoryNames *names, json_object *old, json_object *new, json_object *entry) {
        json_object *list = json_object_new_array();
        int r = json_add(entry, "Changes", list);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(members); i++)
                r = add_change(l, names, old, new, members[i].member, members[i].label, list);
        return r < 0 ? r : json_add(entry, "HasChanges", json_object_new_boolean(row_count(list) > 0));
}

static json_object *find_in_grid(const HistoryNames *names, const char *list, uint64_t id) {
        json_object *rows = NULL;

        (void) (names->grid && json_object_object_get_ex(names->grid, list, &rows));
        return row_find(rows, id);
}

static int student_name(Language l, const HistoryNames *names, uint64_t id, char **ret) {
        json_object *row = find_in_grid(names, "Students", id);
        const char *first = row_text(row, "FirstName"), *last = row_text(row, "LastName");
        char number[24];

        (void) snprintf(number, sizeof(number), "%llu", (unsigned long long) id);
        return row ? name_format(l, first ? first : "", last ? last : "", ret) : language_format(l, "HistoryStudentN", "Value", number, ret);
}

/* Of what the entry is: a grade's student and assessment, who teaches, or another row's own title. */
static int add_subject(Language l, const HistoryNames *names, json_object *row, json_object *entry) {
        uint64_t student = row_uint64(row, "Student"), assessment = row_uint64(row, "Assessment"), account = row_uint64(row, "Account");
        const char *title = assessment > 0 ? row_text(find_in_grid(names, "Assessments", assessment), "Title") : row_text(row, "Title");
        _cleanup_(freep) char *name = NULL, *teacher = NULL;

        if (account > 0 && account_name(l, row_find(names->accounts, account), account, &teacher) < 0)
                return -ENOMEM;
        if (student > 0 && student_name(l, names, student, &name) < 0)
                return -ENOMEM;
        if (json_add_text(entry, "StudentName", name) < 0 || (student > 0 && json_add_uint64(entry, "StudentID", student) < 0))
                return -ENOMEM;
        return json_add_text(entry, "SubjectTitle", teacher ? teacher : title);
}

int history_entry_to_view(Language l, const HistoryNames *names, json_object *item, json_object *entry) {
        const char *who = row_text(item, "ActorName"), *actor = row_text(item, "Actor"), *reason = row_text(item, "Reason");
        json_object *old = NULL, *new = NULL;

        (void) json_object_object_get_ex(item, "Old", &old);
        (void) json_object_object_get_ex(item, "New", &new);
        if (!who && actor && strcmp(actor, "cluster") == 0)
                who = language_text(l, "HistoryByCluster");
        if (json_add_uint64(entry, "Sequence", row_uint64(item, "Sequence")) < 0 || when_add(entry, "When", l, row_text(item, "Time")) < 0 ||
            json_add_text(entry, "Time", row_text(item, "Time")) < 0 || json_add_text(entry, "Who", who ? who : actor) < 0 ||
            json_add_text(entry, "What", language_text(l, what_key(row_text(item, "Kind"), row_text(item, "Action")))) < 0 ||
            json_add_text(entry, "Why", reason) < 0 ||
            json_add(entry, "IsUndo", json_object_new_boolean(reason && strncmp(reason, UNDO_PREFIX, strlen(UNDO_PREFIX)) == 0)) < 0)
                return -ENOMEM;
        if (add_subject(l, names, new ? new : old, entry) < 0)
                return -ENOMEM;
        return add_changes(l, names, old, new, entry);
}
