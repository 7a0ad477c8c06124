/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/accounts.h"
#include "grading/admin.h"
#include "grading/classes.h"
#include "grading/exports.h"
#include "grading/grading.h"
#include "grading/imports.h"
#include "grading/ledger.h"

/* A grade with the longest title and reason, each character escaped as a surrogate pair, and room for members that we
 * do not know. */
#define BODY_MAX (64 * 1024)

/* Two passwords, escaped likewise, with a login and a name; open to whoever reaches the port. */
#define SECRET_BODY_MAX (16 * 1024)

/* Public to the HTTP server: who asks may carry a session instead of the cluster's token, and access_begin(), which every handler
 * calls first, tells them apart. */
const Route grading_routes[] = {
        /* Students, and grades in the fixed form */
        { "GET", "/students", get_students, 0, ROUTE_PUBLIC },
        { "POST", "/students", post_student, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/students/{id}", get_student, 0, ROUTE_PUBLIC },
        { "PATCH", "/students/{id}", patch_student, BODY_MAX, ROUTE_PUBLIC },
        { "DELETE", "/students/{id}", delete_student, 0, ROUTE_PUBLIC },
        { "GET", "/students/{id}/grades", get_grades_of_student, 0, ROUTE_PUBLIC },
        { "POST", "/students/{id}/grades", post_grade, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/students/{id}/grades/{grade}", get_grade_of_student, 0, ROUTE_PUBLIC },

        /* Terms, classes, and what is in them */
        { "GET", "/terms", get_terms, 0, ROUTE_PUBLIC },
        { "POST", "/terms", post_term, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/terms/{id}", get_term, 0, ROUTE_PUBLIC },
        { "PATCH", "/terms/{id}", patch_term, BODY_MAX, ROUTE_PUBLIC },
        { "DELETE", "/terms/{id}", delete_term, 0, ROUTE_PUBLIC },
        { "GET", "/classes", get_classes, 0, ROUTE_PUBLIC },
        { "POST", "/classes", post_class, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/classes/{id}", get_class, 0, ROUTE_PUBLIC },
        { "PATCH", "/classes/{id}", patch_class, BODY_MAX, ROUTE_PUBLIC },
        { "DELETE", "/classes/{id}", delete_class, 0, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/assessments", get_assessments_of_class, 0, ROUTE_PUBLIC },
        { "POST", "/classes/{id}/assessments", post_assessment, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/assessments/{id}", get_assessment, 0, ROUTE_PUBLIC },
        { "PATCH", "/assessments/{id}", patch_assessment, BODY_MAX, ROUTE_PUBLIC },
        { "DELETE", "/assessments/{id}", delete_assessment, 0, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/enrolments", get_enrolments_of_class, 0, ROUTE_PUBLIC },
        { "POST", "/classes/{id}/enrolments", post_enrolment, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/enrolments/{id}", get_enrolment, 0, ROUTE_PUBLIC },
        { "DELETE", "/enrolments/{id}", delete_enrolment, 0, ROUTE_PUBLIC },
        { "GET", "/students/{id}/enrolments", get_enrolments_of_student, 0, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/teachings", get_teachings_of_class, 0, ROUTE_PUBLIC },
        { "POST", "/classes/{id}/teachings", post_teaching, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/teachings/{id}", get_teaching, 0, ROUTE_PUBLIC },
        { "DELETE", "/teachings/{id}", delete_teaching, 0, ROUTE_PUBLIC },

        /* Grades, and what is computed of them */
        { "GET", "/grades/{id}", get_grade, 0, ROUTE_PUBLIC },
        { "PATCH", "/grades/{id}", patch_grade, BODY_MAX, ROUTE_PUBLIC },
        { "DELETE", "/grades/{id}", delete_grade, 0, ROUTE_PUBLIC },
        { "GET", "/assessments/{id}/grades/{student}", get_cell, 0, ROUTE_PUBLIC },
        { "PUT", "/assessments/{id}/grades/{student}", put_cell, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/grid", get_grid, 0, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/averages", get_averages_of_class, 0, ROUTE_PUBLIC },
        { "GET", "/students/{id}/averages", get_averages_of_student, 0, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/statistics", get_statistics_of_class, 0, ROUTE_PUBLIC },
        { "GET", "/assessments/{id}/statistics", get_statistics_of_assessment, 0, ROUTE_PUBLIC },

        /* The ledger: ledger.h */
        { "GET", "/ledger", get_ledger, 0, ROUTE_PUBLIC },
        { "GET", "/ledger/head", get_ledger_head, 0, ROUTE_PUBLIC },
        { "POST", "/ledger/check", check_ledger, 0, ROUTE_PUBLIC },
        { "POST", "/ledger/{sequence}/undo", undo_entry, BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/ledger/sets/{set}/undo", undo_set, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/grades/{id}/history", get_grade_history, 0, ROUTE_PUBLIC },
        { "GET", "/students/{id}/history", get_student_history, 0, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/history", get_class_history, 0, ROUTE_PUBLIC },

        /* Tables: imports.h, exports.h */
        { "POST", "/imports", post_import, IMPORT_BODY_MAX, ROUTE_PUBLIC | ROUTE_ADMIT },
        { "GET", "/imports", get_imports, 0, ROUTE_PUBLIC },
        { "GET", "/imports/{id}", get_import, 0, ROUTE_PUBLIC },
        { "POST", "/imports/{id}/undo", undo_import, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/export", get_export, 0, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/export", get_class_export, 0, ROUTE_PUBLIC },
        { "GET", "/students/{id}/export", get_student_export, 0, ROUTE_PUBLIC },

        /* Who may do what: accounts.h */
        { "POST", "/sessions", post_session, SECRET_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/sessions", get_sessions, 0, ROUTE_PUBLIC },
        { "DELETE", "/sessions", delete_sessions, 0, ROUTE_PUBLIC },
        { "GET", "/sessions/current", get_session, 0, ROUTE_PUBLIC },
        { "DELETE", "/sessions/current", delete_session, 0, ROUTE_PUBLIC },
        { "POST", "/sessions/current/rotate", rotate_session, SECRET_BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/setup", post_setup, SECRET_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/accounts", get_accounts, 0, ROUTE_PUBLIC },
        { "POST", "/accounts", post_account, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/accounts/{id}", get_account, 0, ROUTE_PUBLIC },
        { "PATCH", "/accounts/{id}", patch_account, BODY_MAX, ROUTE_PUBLIC },
        { "DELETE", "/accounts/{id}", delete_account, 0, ROUTE_PUBLIC },
        { "PUT", "/accounts/{id}/password", put_password, SECRET_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/tokens", get_tokens, 0, ROUTE_PUBLIC },
        { "POST", "/tokens", post_token, SECRET_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/tokens/{id}", get_token, 0, ROUTE_PUBLIC },
        { "DELETE", "/tokens/{id}", delete_token, 0, ROUTE_PUBLIC },

        /* The store as a whole: admin.h */
        { "GET", "/backup", get_backup, 0, ROUTE_PUBLIC },
        { "POST", "/restore", post_restore, BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/vacuum", post_vacuum, BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/fsck", post_fsck, BODY_MAX, ROUTE_PUBLIC },

        /* What all of this is: openapi/ */
        { "GET", "/openapi.json", get_openapi, 0, ROUTE_PUBLIC },
        ROUTE_END,
};
