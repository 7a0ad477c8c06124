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
 * calls first, tells them apart. Where other instances share the database, each waits until the book is what that is: grading_defer(). */
const Route grading_routes[] = {
        /* Students, and grades in the fixed form */
        { "GET", "/students", get_students, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "POST", "/students", post_student, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/students/{id}", get_student, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "PATCH", "/students/{id}", patch_student, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "DELETE", "/students/{id}", delete_student, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/students/{id}/grades", get_grades_of_student, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "POST", "/students/{id}/grades", post_grade, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/students/{id}/grades/{grade}", get_grade_of_student, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },

        /* Terms, classes, and what is in them */
        { "GET", "/terms", get_terms, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "POST", "/terms", post_term, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/terms/{id}", get_term, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "PATCH", "/terms/{id}", patch_term, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "DELETE", "/terms/{id}", delete_term, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/classes", get_classes, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "POST", "/classes", post_class, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/classes/{id}", get_class, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "PATCH", "/classes/{id}", patch_class, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "DELETE", "/classes/{id}", delete_class, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/classes/{id}/assessments", get_assessments_of_class, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "POST", "/classes/{id}/assessments", post_assessment, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/assessments/{id}", get_assessment, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "PATCH", "/assessments/{id}", patch_assessment, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "DELETE", "/assessments/{id}", delete_assessment, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/classes/{id}/enrolments", get_enrolments_of_class, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "POST", "/classes/{id}/enrolments", post_enrolment, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/enrolments/{id}", get_enrolment, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "DELETE", "/enrolments/{id}", delete_enrolment, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/students/{id}/enrolments", get_enrolments_of_student, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "GET", "/classes/{id}/teachings", get_teachings_of_class, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/classes/{id}/teachings", post_teaching, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/teachings/{id}", get_teaching, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "DELETE", "/teachings/{id}", delete_teaching, 0, ROUTE_PUBLIC | ROUTE_DEFER },

        /* Grades, and what is computed of them */
        { "GET", "/grades/{id}", get_grade, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "PATCH", "/grades/{id}", patch_grade, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "DELETE", "/grades/{id}", delete_grade, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/assessments/{id}/grades/{student}", get_cell, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "PUT", "/assessments/{id}/grades/{student}", put_cell, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/classes/{id}/grid", get_grid, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "GET", "/classes/{id}/averages", get_averages_of_class, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "GET", "/students/{id}/averages", get_averages_of_student, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "GET", "/classes/{id}/statistics", get_statistics_of_class, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },
        { "GET", "/assessments/{id}/statistics", get_statistics_of_assessment, 0, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_AT_ONCE },

        /* The ledger: ledger.h */
        { "GET", "/ledger", get_ledger, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/ledger/head", get_ledger_head, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/ledger/check", check_ledger, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/ledger/{sequence}/undo", undo_entry, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/ledger/sets/{set}/undo", undo_set, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/grades/{id}/history", get_grade_history, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/students/{id}/history", get_student_history, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/classes/{id}/history", get_class_history, 0, ROUTE_PUBLIC | ROUTE_DEFER },

        /* Tables: imports.h, exports.h */
        { "POST", "/imports", post_import, IMPORT_BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER | ROUTE_ADMIT },
        { "GET", "/imports", get_imports, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/imports/{id}", get_import, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/imports/{id}/undo", undo_import, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/export", get_export, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/classes/{id}/export", get_class_export, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/students/{id}/export", get_student_export, 0, ROUTE_PUBLIC | ROUTE_DEFER },

        /* Who may do what: accounts.h */
        { "POST", "/sessions", post_session, SECRET_BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/sessions", get_sessions, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "DELETE", "/sessions", delete_sessions, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/sessions/current", get_session, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "DELETE", "/sessions/current", delete_session, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/sessions/current/rotate", rotate_session, SECRET_BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/setup", get_setup, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/setup", post_setup, SECRET_BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/accounts", get_accounts, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/accounts", post_account, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/accounts/{id}", get_account, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "PATCH", "/accounts/{id}", patch_account, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "DELETE", "/accounts/{id}", delete_account, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "PUT", "/accounts/{id}/password", put_password, SECRET_BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/tokens", get_tokens, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/tokens", post_token, SECRET_BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "GET", "/tokens/{id}", get_token, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "DELETE", "/tokens/{id}", delete_token, 0, ROUTE_PUBLIC | ROUTE_DEFER },

        /* The store as a whole: admin.h */
        { "GET", "/backup", get_backup, 0, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/restore", post_restore, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/vacuum", post_vacuum, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },
        { "POST", "/fsck", post_fsck, BODY_MAX, ROUTE_PUBLIC | ROUTE_DEFER },

        /* What all of this is: openapi/ */
        { "GET", "/openapi.json", get_openapi, 0, ROUTE_PUBLIC },
        ROUTE_END,
};
