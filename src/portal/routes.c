/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/portal.h"

const Route portal_routes[] = {
        { "GET", "/", get_root, 0, ROUTE_PUBLIC },
        { "GET", "/students", get_students, 0, ROUTE_PUBLIC },
        { "GET", "/students/{id}", get_student, 0, ROUTE_PUBLIC },
        { "POST", "/students/{id}/grades", post_grade, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/assets/{name}", get_asset, 0, ROUTE_PUBLIC },
        { "*", "/api/{service}/{rest...}", pass_request, 0, ROUTE_PUBLIC | ROUTE_STREAMED },
        ROUTE_END,
};
