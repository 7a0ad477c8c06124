/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Microseconds, as in sd-event. Monotonic for durations, realtime only for what people read. */

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)

uint64_t clock_monotonic_usec(void);
uint64_t clock_realtime_usec(void);
uint64_t clock_thread_usec(void);       /* of a processor, used by the calling thread */
uint64_t clock_boottime_usec(void);     /* monotonic that goes on while the machine is suspended */

/* "2026-11-22T21:41:28.123456Z" (RFC 3339, UTC) */
#define CLOCK_TEXT_SIZE 28
void clock_format_utc(uint64_t realtime_usec, char ret[static CLOCK_TEXT_SIZE]);

/* "3s", "250ms", "1min 30s", "2h", "4d": the largest units that say it exactly enough for people. */
#define CLOCK_SPAN_SIZE 48
void clock_format_span(uint64_t span_usec, char ret[static CLOCK_SPAN_SIZE]);
