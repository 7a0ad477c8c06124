/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/fields.h"

#include <errno.h>
#include <string.h>

static const char *const type_choices[] = { "Quiz", "Test", "Exam", "Homework", NULL };
static const char *const state_choices[] = { "graded", "blank", "missing", "excused", "late", "absent", NULL };
static const char *const role_choices[] = { "student", "teacher", "admin", NULL };

#define REFERENCE(type_, member_, name, kind_, flags_) \
        { .member = member_, .column = #name, .type = FIELD_REFERENCE, .offset = offsetof(type_, name), .refers = kind_, .flags = flags_, .max = ROW_ID_MAX }
#define TEXT(type_, member_, name, max_, flags_) \
        { .member = member_, .column = #name, .type = FIELD_TEXT, .offset = offsetof(type_, name), \
          .min = (flags_) & FIELD_REQUIRED ? 1 : 0, .max = max_, .flags = flags_ }
#define FLAG(type_, member_, name) \
        { .member = member_, .column = #name, .type = FIELD_BOOL, .offset = offsetof(type_, name) }
#define DATE(type_, member_, name) \
        { .member = member_, .column = #name, .type = FIELD_DATE, .offset = offsetof(type_, name) }
#define TIME(type_, member_, name, flags_) \
        { .member = member_, .column = #name, .type = FIELD_TIME, .offset = offsetof(type_, name), .flags = flags_ }
#define CHOICE(type_, member_, name, choices_, fallback_, flags_) \
        { .member = member_, .column = #name, .type = FIELD_CHOICE, .offset = offsetof(type_, name), .choices = choices_, \
          .fallback = fallback_, .flags = flags_ }
#define HUNDREDTHS(type_, member_, name, min_, fallback_) \
        { .member = member_, .column = #name, .type = FIELD_HUNDREDTHS, .offset = offsetof(type_, name), .min = min_, \
          .max = POINTS_MAX_HUNDREDTHS, .fallback = fallback_ }

static const Field term_fields[] = {
        TEXT(TermRow, "Name", name, NAME_MAX_CHARACTERS, FIELD_REQUIRED),
        DATE(TermRow, "Begins", begins),
        DATE(TermRow, "Ends", ends),
        FLAG(TermRow, "Locked", locked),
        FLAG(TermRow, "Archived", archived),
};

static const Field class_fields[] = {
        REFERENCE(ClassRow, "Term", term_id, KIND_TERM, 0),
        TEXT(ClassRow, "Name", name, NAME_MAX_CHARACTERS, FIELD_REQUIRED),
        { .member = "Policy", .column = "policy", .type = FIELD_JSON, .offset = offsetof(ClassRow, policy) },
        FLAG(ClassRow, "Locked", locked),
        FLAG(ClassRow, "Archived", archived),
};

static const Field student_fields[] = {
        TEXT(StudentRow, "FirstName", first_name, PERSON_NAME_MAX, FIELD_REQUIRED),
        TEXT(StudentRow, "LastName", last_name, PERSON_NAME_MAX, FIELD_REQUIRED),
        REFERENCE(StudentRow, "DefaultClass", default_class_id, KIND_CLASS, 0),
};

static const Field account_fields[] = {
        TEXT(AccountRow, "Login", login, LOGIN_MAX, FIELD_REQUIRED),
        TEXT(AccountRow, "Name", name, NAME_MAX_CHARACTERS, 0),
        CHOICE(AccountRow, "Role", role, role_choices, ROLE_STUDENT, FIELD_REQUIRED),
        REFERENCE(AccountRow, "Student", student_id, KIND_STUDENT, 0),
        FLAG(AccountRow, "Disabled", disabled),
        TIME(AccountRow, "PasswordSet", password_usec, FIELD_OURS),
        TEXT(AccountRow, "Password", password, 0, FIELD_SECRET | FIELD_OURS),
};

static const Field token_fields[] = {
        REFERENCE(TokenRow, "Account", account_id, KIND_ACCOUNT, FIELD_REQUIRED | FIELD_FIXED),
        TEXT(TokenRow, "Name", name, NAME_MAX_CHARACTERS, FIELD_REQUIRED),
        TIME(TokenRow, "Expires", expires_usec, FIELD_REQUIRED),
        TEXT(TokenRow, "Digest", digest, 0, FIELD_SECRET | FIELD_OURS),
};

static const Field teaching_fields[] = {
        REFERENCE(TeachingRow, "Class", class_id, KIND_CLASS, FIELD_REQUIRED | FIELD_FIXED),
        REFERENCE(TeachingRow, "Account", account_id, KIND_ACCOUNT, FIELD_REQUIRED | FIELD_FIXED),
};

static const Field enrolment_fields[] = {
        REFERENCE(EnrolmentRow, "Class", class_id, KIND_CLASS, FIELD_REQUIRED | FIELD_FIXED),
        REFERENCE(EnrolmentRow, "Student", student_id, KIND_STUDENT, FIELD_REQUIRED | FIELD_FIXED),
};

static const Field assessment_fields[] = {
        REFERENCE(AssessmentRow, "Class", class_id, KIND_CLASS, FIELD_REQUIRED | FIELD_FIXED),
        TEXT(AssessmentRow, "Title", title, TITLE_MAX, FIELD_REQUIRED),
        CHOICE(AssessmentRow, "Type", type, type_choices, GRADE_QUIZ, FIELD_REQUIRED),
        HUNDREDTHS(AssessmentRow, "Maximum", maximum_hundredths, 1, SCORE_MAX_HUNDREDTHS),
        HUNDREDTHS(AssessmentRow, "Weight", weight_hundredths, 0, 100),
        DATE(AssessmentRow, "Due", due),
        FLAG(AssessmentRow, "Released", released),
        FLAG(AssessmentRow, "ExtraCredit", extra_credit),
};

static const Field grade_fields[] = {
        REFERENCE(GradeRow, "Student", student_id, KIND_STUDENT, FIELD_REQUIRED | FIELD_FIXED),
        REFERENCE(GradeRow, "Assessment", assessment_id, KIND_ASSESSMENT, FIELD_REQUIRED | FIELD_FIXED),
        CHOICE(GradeRow, "State", state, state_choices, GRADE_GRADED, 0),
        HUNDREDTHS(GradeRow, "Score", score_hundredths, 0, 0),
        { .member = "Comment", .column = "comment", .type = FIELD_LINES, .offset = offsetof(GradeRow, comment), .max = COMMENT_MAX },
};

#define KIND(name_, table_, type_, fields_) \
        { .name = name_, .table = table_, .size = sizeof(type_), .fields = fields_, .n_fields = ELEMENTSOF(fields_) }

const KindInfo kinds[_KIND_MAX] = {
        [KIND_TERM] = KIND("term", "terms", TermRow, term_fields),
        [KIND_CLASS] = KIND("class", "classes", ClassRow, class_fields),
        [KIND_STUDENT] = KIND("student", "students", StudentRow, student_fields),
        [KIND_ACCOUNT] = KIND("account", "accounts", AccountRow, account_fields),
        [KIND_TOKEN] = KIND("token", "tokens", TokenRow, token_fields),
        [KIND_TEACHING] = KIND("teaching", "teachings", TeachingRow, teaching_fields),
        [KIND_ENROLMENT] = KIND("enrolment", "enrolments", EnrolmentRow, enrolment_fields),
        [KIND_ASSESSMENT] = KIND("assessment", "assessments", AssessmentRow, assessment_fields),
        [KIND_GRADE] = KIND("grade", "grades", GradeRow, grade_fields),
};

_Static_assert(_GRADE_TYPE_MAX == 4 && ELEMENTSOF(type_choices) == _GRADE_TYPE_MAX + 1, "in the order of GradeType");
_Static_assert(ELEMENTSOF(state_choices) == _GRADE_STATE_MAX + 1, "in the order of GradeState");
_Static_assert(ELEMENTSOF(role_choices) == _ROLE_MAX + 1, "in the order of Role");

const char *grade_state_name(GradeState state) {
        return state_choices[state];
}

const char *role_name(Role role) {
        return role_choices[role];
}

const char *kind_name(Kind kind) {
        return kinds[kind].name;
}

int kind_from_name(const char *name) {
        for (int i = 0; i < _KIND_MAX; i++)
                if (strcmp(kinds[i].name, name) == 0)
                        return i;
        return -EINVAL;
}
