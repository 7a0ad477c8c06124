/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/service.h"

static const Service central_log = {
        .name = "gradebook-log",
        .summary = "the central log of gradebook: durable, once, and readable",
        .service_name = "LogService",
        .sockets = (const char *const[]) { "http", NULL },
        .config = log_config_items,
        .config_size = sizeof(LogConfig),
        .routes = log_routes,
        .metrics = log_metrics,
        .connection_bytes = 8 * 1024, /* a thousand followers have one each */
        .new = log_service_new,
        .reload = log_service_reload,
        .stop = log_service_stop,
        .status = log_service_status,
        .free = log_service_free,
        .keeps_apart = log_keeps_apart,
        .keep_lines = log_service_keep_lines,
};

int main(int argc, char *argv[]) {
        return service_main(&central_log, argc, argv);
}
