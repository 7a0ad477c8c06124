/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/* What systemd says of a unit, over its bus interface: org.freedesktop.systemd1(5). */
typedef struct UnitState {
        bool installed;         /* systemd knows a file for it */
        char *active;           /* "active", "failed", … */
        char *sub;              /* "running", … */
        char *status_text;      /* STATUS= of the daemon; "" for none */
        uint64_t since_usec;    /* realtime of the last change of active; 0: none yet */
        uint32_t pid;           /* 0: none */
        uint64_t memory_bytes;  /* UINT64_MAX: not known */
} UnitState;

void unit_state_deinit(UnitState *s);

/* -ENOSYS where no systemd runs. The caller owns the bus: sd_bus_flush_close_unrefp(). */
int units_open(sd_bus **ret);
int units_read(sd_bus *bus, const char *unit, UnitState *ret);
