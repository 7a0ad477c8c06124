/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "portal/language.h"

/* From grading's report of a dry run to what the page about it shows: what is wrong, then what changes, what is added, and what stays, page by page.
 * -ENOMEM. */
int import_report_view(json_object *report, Language language, uint64_t page, json_object *view);
