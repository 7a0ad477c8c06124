/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "ctl/connection.h"
#include "ctl/output.h"
#include "wire/json.h"

#define BACKUP_MAX (64u << 20)

/* Of an answer: a whole number, 0 where there is none. */
static uint64_t number_of(json_object *o, const char *member) {
        uint64_t value = 0;

        return json_get_uint64(o, member, 0, INT64_MAX, &value, NULL) >= 0 ? value : 0;
}

/* What came whole is a document with registrations; what is in them is the registry's. */
static int check_backup(const Call *call, size_t *ret_n) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *items = NULL;

        if (json_parse_object(call->answer, call->answer_size, &o, NULL) < 0 ||
            json_get_array(o, "Registrations", SIZE_MAX, &items, NULL) < 0 || !items)
                return ctl_fail(CTL_FAILURE, "the registry answers what is no backup");
        *ret_n = json_object_array_length(items);
        return CTL_OK;
}

static int report_backup(const Ctl *ctl, const char *file, size_t n) {
        _cleanup_(json_unrefp) json_object *o = NULL;

        if (!ctl->json) {
                (void) printf("%zu registration%s saved to %s.\n", n, n == 1 ? "" : "s", file);
                return CTL_OK;
        }
        o = json_object_new_object();
        if (json_add_text(o, "File", file) < 0 || json_add_uint64(o, "Registrations", n) < 0)
                return ctl_fail(CTL_FAILURE, "out of memory");
        return output_json(o);
}

int ctl_registry_backup(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(call_deinit) Call call = {};
        size_t n = 0;
        int code, r;

        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = connection_prepare(c, PEER_REGISTRY, "/backup", &call);
        if (code == CTL_OK)
                code = connection_run(c, &call, 1);
        if (code == CTL_OK)
                code = connection_check(PEER_REGISTRY, &call);
        if (code == CTL_OK)
                code = check_backup(&call, &n);
        if (code != CTL_OK)
                return code;
        r = file_replace(arguments[0], call.answer, call.answer_size, 0600);
        if (r < 0)
                return ctl_fail(CTL_FAILURE, "%s: %s", arguments[0], strerror(-r));
        return report_backup(ctl, arguments[0], n);
}

static int report_restore(const Ctl *ctl, const Call *call) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        uint64_t n;

        if (json_parse_object(call->answer, call->answer_size, &o, NULL) < 0)
                return ctl_fail(CTL_FAILURE, "the registry answers what is no JSON");
        if (ctl->json)
                return output_json(o);
        n = number_of(o, "Registrations");
        (void) printf("%" PRIu64 " registration%s: %" PRIu64 " added, %" PRIu64 " changed, %" PRIu64 " removed.\n", n, n == 1 ? "" : "s",
                      number_of(o, "Added"), number_of(o, "Changed"), number_of(o, "Removed"));
        return CTL_OK;
}

int ctl_registry_restore(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(call_deinit) Call call = { .method = "POST", .content_type = "application/json" };
        _cleanup_(freep) char *text = NULL;
        size_t size;
        int code, r;

        r = file_read(arguments[0], BACKUP_MAX, &text, &size);
        if (r < 0)
                return ctl_fail(r == -ENOENT ? CTL_NOT_FOUND : CTL_FAILURE, "%s: %s", arguments[0], strerror(-r));
        if (size == 0 || strlen(text) != size)
                return ctl_fail(CTL_FAILURE, "%s: this is no backup of a registry", arguments[0]);
        call.text = text;
        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = connection_prepare(c, PEER_REGISTRY, "/restore", &call);
        if (code == CTL_OK)
                code = connection_run(c, &call, 1);
        if (code == CTL_OK)
                code = connection_check(PEER_REGISTRY, &call);
        return code == CTL_OK ? report_restore(ctl, &call) : code;
}
