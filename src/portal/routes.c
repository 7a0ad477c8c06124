/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/cluster.h"
#include "portal/log.h"
#include "portal/portal.h"

const Route portal_routes[] = {
        { "GET", "/", get_root, 0, ROUTE_PUBLIC },
        { "GET", "/students", get_students, 0, ROUTE_PUBLIC },
        { "GET", "/students/{id}", get_student, 0, ROUTE_PUBLIC },
        { "POST", "/students/{id}/grades", post_grade, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/sign-in", get_sign_in, 0, ROUTE_PUBLIC },
        { "POST", "/sign-in", post_sign_in, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/sign-out", post_sign_out, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "POST", "/sign-out-everywhere", post_sign_out_everywhere, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/setup", get_setup, 0, ROUTE_PUBLIC },
        { "POST", "/setup", post_setup, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/password", get_password, 0, ROUTE_PUBLIC },
        { "POST", "/password", post_password, FORM_BODY_MAX, ROUTE_PUBLIC },
        { "GET", "/cluster", get_cluster, 0, ROUTE_PUBLIC },
        { "GET", "/cluster/events", get_cluster_events, 0, ROUTE_PUBLIC },
        { "GET", "/log", get_log, 0, ROUTE_PUBLIC },
        { "GET", "/log/follow", get_log_follow, 0, ROUTE_PUBLIC },
        { "GET", "/about", get_about, 0, ROUTE_PUBLIC },
        { "GET", "/language/{code}", get_language, 0, ROUTE_PUBLIC },
        { "GET", "/assets/{name}", get_asset, 0, ROUTE_PUBLIC },
        { "*", "/api/{service}/{rest...}", pass_request, 0, ROUTE_PUBLIC | ROUTE_STREAMED },
        ROUTE_END,
};
