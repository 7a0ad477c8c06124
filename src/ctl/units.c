/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

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
        s.installed = strcmp(load, "not-found") != 0;
        *ret = s;
        s = (UnitState) {};
        return 0;
}
