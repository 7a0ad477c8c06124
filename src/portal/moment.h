/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

/* Times to the second and below, as who looks into a machine reads them: "2026-11-27 10:02:03.125", alike in all languages and in the zone of the
 * machine (TZ, else /etc/localtime), which the page says once. */

#define MOMENT_TEXT_SIZE 32

void moment_format(uint64_t realtime_usec, unsigned digits, char ret[static MOMENT_TEXT_SIZE]);         /* digits: of the second's fraction, 0 or 3 */
void moment_zone(uint64_t realtime_usec, char ret[static MOMENT_TEXT_SIZE]);                            /* "CET", "UTC+08" */

/* {"Text": …, "Stamp": RFC 3339} as a member of o. -ENOMEM */
int moment_add(json_object *o, const char *member, uint64_t realtime_usec, unsigned digits);
