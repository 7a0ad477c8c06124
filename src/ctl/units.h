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
        char *result;           /* of its last end: "success", "exit-code", "timeout", … */
        bool has_job;           /* systemd is about to start or stop it */
        bool is_stale;          /* its files are newer than what systemd has read */
} UnitState;

void unit_state_deinit(UnitState *s);

/* -ENOSYS where no systemd runs. The caller owns the bus: sd_bus_flush_close_unrefp(). */
int units_open(sd_bus **ret);
int units_read(sd_bus *bus, const char *unit, UnitState *ret);

/* The units that systemd has loaded, or those of them that run, of these glob(7) patterns, in the order of strverscmp(3), NULL-terminated: the caller's. */
int units_list(sd_bus *bus, bool running, char *const patterns[], char ***ret);
void units_freep(char ***units);

/* Has systemd restart it, and does not wait for it: units_read() says has_job as long as it is at it. -EACCES: this user may not;
 * *ret_text, the caller's, is what systemd says of any failure, or NULL. */
int units_restart(sd_bus *bus, const char *unit, char **ret_text);
