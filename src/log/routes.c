/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/service.h"

const Route log_routes[] = {
        { "POST", "/log", post_log, LOG_BATCH_BYTES_MAX },
        { "GET", "/log", get_log },
        ROUTE_END,
};
