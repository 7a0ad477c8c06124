/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "log/dedup.h"
#include "wire/log-record.h"

/* Records of a source that did not come are told by a record of the log's own: event LOG_GAP. by is the record that revealed it, and says
 * whose they are; host is this machine's, may be NULL. -ENOMEM, or the buffer's error. */
int gap_write(Buffer *out, const DedupGap *gap, const LogRecord *by, const char *host, uint64_t received_usec);

/* Whether a line is such a record, and then what it tells. Damaged ones are none. */
bool gap_read(const char *line, size_t size, char ret_source[static SOURCE_SIZE], DedupGap *ret);
