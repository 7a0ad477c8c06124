/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/grading-admin.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/output.h"
#include "wire/json.h"

uint64_t grading_number(json_object *o, const char *member) {
        uint64_t value = 0;

        return json_get_uint64(o, member, 0, INT64_MAX, &value, NULL) >= 0 ? value : 0;
}

const char *grading_text(json_object *o, const char *member) {
        json_object *value;

        return json_object_object_get_ex(o, member, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

int grading_post(Connection *c, const char *path, json_object *body, json_object **ret) {
        _cleanup_(call_deinit) Call call = { .method = "POST", .timeout_usec = GRADING_ADMIN_USEC };
        int code;

        if (body)
                call.body = json_object_get(body);
        code = connection_prepare(c, PEER_GRADING, path, &call);
        if (code == CTL_OK)
                code = connection_run(c, &call, 1);
        if (code == CTL_OK)
                code = connection_check(PEER_GRADING, &call);
        if (code == CTL_OK && json_parse_object(call.answer, call.answer_size, ret, NULL) < 0)
                code = ctl_fail(CTL_FAILURE, "GradingService answers what is no JSON");
        return code;
}

int ctl_grading_vacuum(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = grading_post(c, "/vacuum", NULL, &o);
        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return output_json(o);
        (void) printf("%" PRIu64 " bytes, %" PRIu64 " before.\n", grading_number(o, "After"), grading_number(o, "Before"));
        return CTL_OK;
}

static void print_rows(json_object *o) {
        json_object *rows;

        if (!json_object_object_get_ex(o, "Rows", &rows) || !json_object_is_type(rows, json_type_object))
                return;
        json_object_object_foreach(rows, kind, n) {
                _cleanup_(freep) char *clean = output_clean(kind, NULL);

                (void) printf("%-12s %" PRIu64 "\n", clean ? clean : "", json_object_get_uint64(n));
        }
}

static void print_faults(json_object *o) {
        json_object *faults = NULL;
        size_t n;

        if (json_get_array(o, "Faults", SIZE_MAX, &faults, NULL) < 0 || !faults)
                return;
        n = json_object_array_length(faults);
        for (size_t i = 0; i < n; i++) {
                _cleanup_(freep) char *clean = output_clean(json_object_get_string(json_object_array_get_idx(faults, i)), NULL);

                (void) fprintf(stderr, "%s\n", clean ? clean : "");
        }
        if (grading_number(o, "FaultCount") > n)
                (void) fprintf(stderr, "… and %" PRIu64 " more\n", grading_number(o, "FaultCount") - n);
}

int ctl_grading_fsck(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *head = NULL;
        uint64_t n;
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = grading_post(c, "/fsck", NULL, &o);
        if (code != CTL_OK)
                return code;
        n = grading_number(o, "FaultCount");
        if (ctl->json) {
                code = output_json(o);
                return code == CTL_OK && n > 0 ? CTL_FAILURE : code;
        }
        print_rows(o);
        (void) printf("%-12s %" PRIu64 "\n", "entries", grading_number(o, "Entries"));
        if (json_object_object_get_ex(o, "Head", &head)) {
                _cleanup_(freep) char *hash = output_clean(grading_text(head, "Hash"), NULL);

                (void) printf("%-12s %s\n", "head", hash ? hash : "");
        }
        (void) fflush(stdout);
        print_faults(o);
        if (n > 0)
                return ctl_fail(CTL_FAILURE, "%" PRIu64 " fault%s found", n, n == 1 ? "" : "s");
        (void) printf("No faults.\n");
        return CTL_OK;
}
