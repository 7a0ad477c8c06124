/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/class-grid.h"
#include "portal/class-row.h"
#include "portal/portal.h"

const Route portal_routes[] = {
        { "GET", "/", get_root, 0, ROUTE_PUBLIC },
        { "GET", "/students", get_students, 0, ROUTE_PUBLIC },
        { "GET", "/students/{id}", get_student, 0, ROUTE_PUBLIC },
        { "POST", "/students/{id}/grades", post_grade, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/classes/{id}", get_class, 0, ROUTE_PUBLIC },
        { "GET", "/classes/{id}/students/{student}", get_class_row, 0, ROUTE_PUBLIC },
        { "POST", "/classes/{id}/students/{student}", post_class_row, CLASS_ROW_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/sign-in", get_sign_in, 0, ROUTE_PUBLIC },
        { "POST", "/sign-in", post_sign_in, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/sign-out", post_sign_out, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/sign-out-everywhere", post_sign_out_everywhere, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/setup", get_setup, 0, ROUTE_PUBLIC },
        { "POST", "/setup", post_setup, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/password", get_password, 0, ROUTE_PUBLIC },
        { "POST", "/password", post_password, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/language/{code}", get_language, 0, ROUTE_PUBLIC },
        { "GET", "/assets/{name}", get_asset, 0, ROUTE_PUBLIC },
        { "*", "/api/{service}/{rest...}", pass_request, 0, ROUTE_PUBLIC | ROUTE_STREAMED },
        ROUTE_END,
};
