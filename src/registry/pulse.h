/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* Whether we ourselves were awake. Pure; now_usec is a clock that goes on while the machine is suspended. */
typedef struct Pulse {
        uint64_t beat_usec;     /* the last one; 0: none yet */
} Pulse;

/* One beat, due period_usec after the last one at the latest. By how much it came late. */
static inline uint64_t pulse_beat(Pulse *p, uint64_t period_usec, uint64_t now_usec) {
        uint64_t due = p->beat_usec + period_usec;
        uint64_t late = p->beat_usec > 0 && now_usec > due ? now_usec - due : 0;

        p->beat_usec = now_usec;
        return late;
}
