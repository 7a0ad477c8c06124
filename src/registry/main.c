/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/registry.h"

static const Service registry = {
        .name = "gradebook-registry",
        .summary = "knows every service, watches its health and tells those who depend on it",
        .sockets = (const char *const[]) { "http", NULL },
        .config = registry_config_items,
        .config_size = sizeof(RegistryConfig),
        .routes = registry_routes,
        .metrics = registry_metrics,
        .new = registry_new,
        .reload = registry_reload,
        .stop = registry_stop,
        .status = registry_status,
        .free = registry_free,
        .keeps_apart = registry_keeps_apart,
};

int main(int argc, char *argv[]) {
        return service_main(&registry, argc, argv);
}
