/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

#define SYSTEMD "org.freedesktop.systemd1"

static void messagep(sd_bus_message **m) {
        sd_bus_message_unref(*m);
}

void unit_state_deinit(UnitState *s) {
        free(s->active);
        free(s->sub);
        free(s->status_text);
        *s = (UnitState) {};
}

/* systemd itself, as systemctl asks it when root has no message bus to ask by. */
static int open_private(sd_bus **ret) {
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, "unix:path=/run/systemd/private");
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0) {
                sd_bus_unref(bus);
                return r;
        }
        *ret = bus;
        return 0;
}

int units_open(sd_bus **ret) {
        int r;

        if (sd_booted() <= 0)
                return -ENOSYS;
        r = sd_bus_open_system(ret);
        if (r < 0 && geteuid() == 0)
                r = open_private(ret);
        return r;
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property, char **ret) {
        return sd_bus_get_property_string(bus, SYSTEMD, path, interface, property, NULL, ret);
}

/* What a process takes itself, where systemd does not account for memory (a machine without the memory controller):
 * proc(5), statm. */
static uint64_t resident_bytes(uint32_t pid) {
        _cleanup_(freep) char *text = NULL;
        char path[32];
        unsigned long pages;

        (void) snprintf(path, sizeof(path), "/proc/%" PRIu32 "/statm", pid);
        if (file_read(path, 4096, &text, NULL) < 0 || sscanf(text, "%*u %lu", &pages) != 1)
                return UINT64_MAX;
        return (uint64_t) pages * (uint64_t) sysconf(_SC_PAGESIZE);
}

int units_read(sd_bus *bus, const char *unit, UnitState *ret) {
        _cleanup_(messagep) sd_bus_message *reply = NULL;
        _cleanup_(unit_state_deinit) UnitState s = {};
        _cleanup_(freep) char *load = NULL;
        const char *path;
        int r;

        r = sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "LoadUnit", NULL, &reply, "s", unit);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = get_text(bus, path, SYSTEMD ".Unit", "LoadState", &load);
        if (r >= 0)
                r = get_text(bus, path, SYSTEMD ".Unit", "ActiveState", &s.active);
        if (r >= 0)
                r = get_text(bus, path, SYSTEMD ".Unit", "SubState", &s.sub);
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, SYSTEMD, path, SYSTEMD ".Unit", "StateChangeTimestamp", NULL, 't', &s.since_usec);
        if (r >= 0)
                r = get_text(bus, path, SYSTEMD ".Service", "StatusText", &s.status_text);
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, SYSTEMD, path, SYSTEMD ".Service", "MainPID", NULL, 'u', &s.pid);
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, SYSTEMD, path, SYSTEMD ".Service", "MemoryCurrent", NULL, 't', &s.memory_bytes);
        if (r < 0)
                return r;
        if (s.memory_bytes == UINT64_MAX && s.pid > 0)
                s.memory_bytes = resident_bytes(s.pid);
        s.installed = strcmp(load, "not-found") != 0;
        *ret = s;
        s = (UnitState) {};
        return 0;
}
