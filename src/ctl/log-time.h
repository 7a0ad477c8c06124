/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* A moment as people type it, in the forms of systemd.time(7), "Parsing timestamps", in the local time zone:
 *
 *   "2026-11-22 10:00:15.5", "2026-11-22 10:00", "2026-11-22", "26-11-22", "10:00", each perhaps behind a weekday ("Sun …",
 *   which must be that date's) and before " UTC"; "now", "today", "yesterday", "tomorrow"; "-1h", "+30min", "1h 30min ago",
 *   "5min left"; "@1395716396"; and RFC 3339 with its offset, "2026-11-22T10:00:00Z".
 *
 * now_usec is the moment that the relative ones are relative to. 0; -EINVAL for what is none of these, -ERANGE for a moment
 * before 1970 or after 9999. *ret is then untouched. */
int log_time_parse(const char *s, uint64_t now_usec, uint64_t *ret_realtime_usec);

/* What a message about a bad one says that is allowed. */
#define LOG_TIME_HINT "a time such as \"2026-11-22 10:00\", \"10:00\", \"yesterday\" or \"-1h\" is needed"
