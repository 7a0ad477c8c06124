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
        free(s->result);
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

/* (uo): its number, 0 for none, and its path. */
static int get_job(sd_bus *bus, const char *path, bool *ret) {
        _cleanup_(messagep) sd_bus_message *reply = NULL;
        uint32_t number;
        int r;

        r = sd_bus_get_property(bus, SYSTEMD, path, SYSTEMD ".Unit", "Job", NULL, &reply, "(uo)");
        if (r >= 0)
                r = sd_bus_message_read(reply, "(uo)", &number, NULL);
        if (r >= 0)
                *ret = number > 0;
        return r;
}

int units_read(sd_bus *bus, const char *unit, UnitState *ret) {
        _cleanup_(messagep) sd_bus_message *reply = NULL;
        int stale = 0;
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
        if (r >= 0)
                r = get_text(bus, path, SYSTEMD ".Service", "Result", &s.result);
        if (r >= 0)
                r = get_job(bus, path, &s.has_job);
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, SYSTEMD, path, SYSTEMD ".Unit", "NeedDaemonReload", NULL, 'b', &stale);
        if (r < 0)
                return r;
        s.is_stale = stale;
        if (s.memory_bytes == UINT64_MAX && s.pid > 0)
                s.memory_bytes = resident_bytes(s.pid);
        s.installed = strcmp(load, "not-found") != 0;
        *ret = s;
        s = (UnitState) {};
        return 0;
}

void units_freep(char ***units) {
        for (size_t i = 0; *units && (*units)[i]; i++)
                free((*units)[i]);
        free(*units);
}

static int by_version(const void *a, const void *b) {
        return strverscmp(*(char *const *) a, *(char *const *) b);
}

/* a(ssssssouso): the first is the name. */
static int take_names(sd_bus_message *reply, char ***ret) {
        _cleanup_(units_freep) char **names = calloc(1, sizeof(*names));
        const char *name;
        size_t n = 0;
        int r;

        if (!names)
                return -ENOMEM;
        r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) > 0) {
                char **more = reallocarray(names, n + 2, sizeof(*names));

                if (!more)
                        return -ENOMEM;
                names = more;
                names[n + 1] = NULL;
                names[n] = strdup(name);
                if (!names[n])
                        return -ENOMEM;
                n++;
        }
        if (r < 0)
                return r;
        qsort(names, n, sizeof(*names), by_version);
        *ret = TAKE_PTR(names);
        return 0;
}

int units_list(sd_bus *bus, bool running, char *const patterns[], char ***ret) {
        static char *const states[] = { (char *) "active", (char *) "reloading", NULL };
        _cleanup_(messagep) sd_bus_message *call = NULL, *reply = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &call, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "ListUnitsByPatterns");
        if (r >= 0)
                r = sd_bus_message_append_strv(call, running ? (char **) states : NULL);
        if (r >= 0)
                r = sd_bus_message_append_strv(call, (char **) patterns);
        if (r >= 0)
                r = sd_bus_call(bus, call, 0, NULL, &reply);
        return r < 0 ? r : take_names(reply, ret);
}

int units_restart(sd_bus *bus, const char *unit, char **ret_text) {
        _cleanup_(messagep) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        *ret_text = NULL;
        r = sd_bus_message_new_method_call(bus, &call, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "RestartUnit");
        if (r >= 0)
                r = sd_bus_message_append(call, "ss", unit, "replace");
        if (r >= 0)
                /* Who is not root may be asked for a password (polkit). */
                r = sd_bus_message_set_allow_interactive_authorization(call, true);
        if (r >= 0)
                r = sd_bus_call(bus, call, 0, &error, NULL);
        if (r < 0 && error.message)
                *ret_text = strdup(error.message);
        return sd_bus_error_has_name(&error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) ? -EACCES : r;
}
