/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/exports.h"
#include "grading/grading.h"
#include "grading/imports.h"
#include "grading/ledger.h"

/* A grade with the longest title and reason, each character escaped as a surrogate pair, and room for members that we
 * do not know. */
#define BODY_MAX (64 * 1024)

/* Public to the HTTP server: who asks may carry a session instead of the cluster's token, and access_begin(), which every handler
 * calls first, tells them apart. */
const Route grading_routes[] = {
        { "GET", "/students", get_students, 0, ROUTE_PUBLIC },
        { "POST", "/students", post_student, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/students/{id}", get_student, 0, ROUTE_PUBLIC },
        { "PATCH", "/students/{id}", patch_student, BODY_MAX, ROUTE_PUBLIC },
        { "DELETE", "/students/{id}", delete_student, 0, ROUTE_PUBLIC },
        { "POST", "/students/{id}/grades", post_grade, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/students/{id}/grades/{grade}", get_grade_of_student, 0, ROUTE_PUBLIC },

        /* Tables: imports.h, exports.h */
        { "POST", "/imports", post_import, IMPORT_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/imports", get_imports, 0, ROUTE_PUBLIC },
        { "GET", "/imports/{id}", get_import, 0, ROUTE_PUBLIC },
        { "POST", "/imports/{id}/undo", undo_import, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/export", get_export, 0, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/export", get_class_export, 0, ROUTE_PUBLIC },
        { "GET", "/students/{id}/export", get_student_export, 0, ROUTE_PUBLIC },

        { "GET", "/grades/{id}", get_grade_row, 0, ROUTE_PUBLIC },
        { "PATCH", "/grades/{id}", patch_grade_row, BODY_MAX, ROUTE_PUBLIC },
        { "DELETE", "/grades/{id}", delete_grade_row, 0, ROUTE_PUBLIC },

        { "GET", "/ledger", get_ledger, 0, ROUTE_PUBLIC },
        { "GET", "/ledger/head", get_ledger_head, 0, ROUTE_PUBLIC },
        { "POST", "/ledger/check", check_ledger, BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/ledger/{sequence}/undo", undo_entry, BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/ledger/sets/{set}/undo", undo_set, BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/grades/{id}/history", get_grade_history, 0, ROUTE_PUBLIC },
        { "GET", "/students/{id}/history", get_student_history, 0, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/history", get_class_history, 0, ROUTE_PUBLIC },
        ROUTE_END,
};
