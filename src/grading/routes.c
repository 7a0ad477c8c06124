/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/admin.h"
#include "grading/grading.h"

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

        /* The store as a whole: admin.h */
        { "GET", "/backup", get_backup, 0, ROUTE_PUBLIC },
        { "POST", "/restore", post_restore, BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/vacuum", post_vacuum, BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/fsck", post_fsck, BODY_MAX, ROUTE_PUBLIC },
        ROUTE_END,
};
