/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "grading/copy.h"
#include "grading/grading.h"

static const Service grading = {
        .name = "gradebook-grading",
        .summary = "Students and their grades, kept on disk",
        .service_name = "GradingService",
        .requires = (const char *const[]) { "LogService", NULL },
        .sockets = (const char *const[]) { "http", NULL },
        .config = grading_config,
        .config_size = sizeof(GradingConfig),
        .routes = grading_routes,
        .metrics = grading_metrics,
        .tells_changes = true,
        .keeps_apart = grading_keeps_apart,
        .admit = access_admits,
        .defer = grading_defer,
        .new = grading_new,
        .reload = grading_reload,
        .stop = grading_stop,
        .drained = grading_drained,
        .status = grading_status,
        .free = grading_free,
};

int main(int argc, char *argv[]) {
        if (argc > 1 && strcmp(argv[1], "copy") == 0)
                return copy_main(argc - 1, argv + 1);
        return service_main(&grading, argc, argv);
}
