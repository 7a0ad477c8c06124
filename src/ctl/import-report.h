/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "ctl/ctl.h"

/* What an import did, as GradingService reports it, for people: its errors on stderr, as compilers have them; its changes as a table.
 * Returns the exit code: CTL_FAILURE with errors. */
int import_report_print(const Ctl *ctl, json_object *report, const char *file, bool with_changes);
