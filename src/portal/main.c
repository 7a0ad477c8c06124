/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/pages.h"
#include "portal/portal.h"

static const Service portal = {
        .name = "gradebook-portal",
        .summary = "The web pages of gradebook, and the gateway to its services",
        .service_name = "Portald",
        .requires = (const char *const[]) { GRADING_SERVICE, "LogService", "*", NULL },
        .sockets = (const char *const[]) { "http", NULL },
        .config = portal_config,
        .config_size = sizeof(PortalConfig),
        .routes = portal_routes,
        .metrics = portal_metrics,
        .new = portal_new,
        .reload = portal_reload,
        .stop = portal_stop,
        .status = portal_status,
        .free = portal_free,
        .error_page = page_reply_problem,
};

int main(int argc, char *argv[]) {
        return service_main(&portal, argc, argv);
}
