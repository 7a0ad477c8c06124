/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A fifth service, for the tests and as an example: who was in class today. All of it: a table, handlers, a main. */

#include <errno.h>
#include <inttypes.h>

#include "runtime/service.h"
#include "wire/json.h"

typedef struct Config {
        uint64_t seats;
} Config;

typedef struct Attendance {
        Runtime *rt;
        uint64_t present;
} Attendance;

static void get_attendance(Request *r, void *service) {
        Attendance *a = service;
        json_object *o = json_object_new_object();

        if (json_add_uint64(o, "Present", a->present) < 0) {
                json_object_put(o);
                o = NULL;
        }
        request_reply_json(r, 200, o);
}

static void post_attendance(Request *r, void *service) {
        Attendance *a = service;
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        uint64_t present;

        if (request_json(r, &o) < 0)
                return;
        if (json_get_uint64(o, "Present", 0, ((const Config *) a->rt->config)->seats, &present, &problem) < 0) {
                request_reply_problem(r, &problem);
                return;
        }
        a->present = present;
        request_log(r, LOG_INFO, "%" PRIu64 " students are present", present);
        request_reply_empty(r, 204);
}

static int attendance_new(Runtime *rt, void **ret) {
        Attendance *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->rt = rt;
        *ret = a;
        return 0;
}

static void attendance_status(void *service, Buffer *out) {
        (void) buffer_printf(out, "%" PRIu64 " present", ((const Attendance *) service)->present);
}

static void *attendance_free(void *service) {
        free(service);
        return NULL;
}

static const Service attendance = {
        .name = "gradebook-attendance",
        .summary = "Counts who is in class",
        .service_name = "AttendanceService",
        .requires = (const char *const[]) { "LogService", NULL },
        .sockets = (const char *const[]) { "http", NULL },
        .config = (const ConfigItem[]) {
                { "Attendance", "Seats", CONFIG_UINT, offsetof(Config, seats), "30", 1, 1000, .help = "Seats in the room" },
                CONFIG_END,
        },
        .config_size = sizeof(Config),
        .routes = (const Route[]) {
                { "GET", "/attendance", get_attendance },
                { "POST", "/attendance", post_attendance, 4096 },
                ROUTE_END,
        },
        .new = attendance_new,
        .status = attendance_status,
        .free = attendance_free,
};

int main(int argc, char *argv[]) {
        return service_main(&attendance, argc, argv);
}
