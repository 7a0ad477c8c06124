/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "runtime/common-config.h"

/* The input is a gradebook.conf. What is accepted must mean the same when it is read once more, and every text must be
 * there. */

#define DIRECTORY_SIZE 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void discard(const LogLine *line, void *userdata) {
        if (!line->message)
                abort();
}

static const char *directory(void) {
        static char path[DIRECTORY_SIZE];

        if (!path[0]) {
                (void) snprintf(path, sizeof(path), "/tmp/fuzz-config-XXXXXX");
                if (!mkdtemp(path))
                        abort();
                log_add_sink(discard, NULL);
        }
        return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char path[DIRECTORY_SIZE + 32];
        CommonConfig first = {}, second = {};
        int r;

        (void) snprintf(path, sizeof(path), "%s/gradebook.conf", directory());
        FILE *f = fopen(path, "we");
        if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
                abort();

        r = config_load(common_config_items, "gradebook", directory(), &first);
        if (r != 0 && r != -EINVAL)
                abort();
        if (config_load(common_config_items, "gradebook", directory(), &second) != r)
                abort();
        if (!first.registry_urls || !first.advertise_host || strcmp(first.registry_urls, second.registry_urls) != 0 ||
            first.connections_max != second.connections_max || first.connections_max < 1)
                abort();
        config_free_items(common_config_items, &first);
        config_free_items(common_config_items, &second);
        (void) unlink(path);
        return 0;
}
