/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "portal/language.h"

/* Dates and times as people read them: "27 Nov 2026, 10:02 CET", "2026年11月27日 10:02 CET". Times are in the machine's zone (TZ, else
 * /etc/localtime), whose abbreviation stands with them. */

#define WHEN_TEXT_SIZE 96

/* From RFC 3339, which grading writes. -EINVAL and -ERANGE as timestamp_parse(); ret is then untouched. */
int when_format(Language l, const char *rfc3339, char ret[static WHEN_TEXT_SIZE]);
void when_format_usec(Language l, uint64_t realtime_usec, char ret[static WHEN_TEXT_SIZE]);

/* From "2026-11-27": a date has no zone. -EINVAL; ret is then untouched. */
int when_format_date(Language l, const char *date, char ret[static WHEN_TEXT_SIZE]);

/* Either of them, whichever text is, as a member of a view. NULL adds null, and what is neither is shown as it came. -ENOMEM. */
int when_add(json_object *view, const char *member, Language l, const char *text);
