/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "grading/admin-internal.h"
#include "wire/json.h"

/* What administration says: refusals, the journal, and what its answers have in common. */

void admin_refuse(AdminTask *t, const char *what) {
        Request *r = TAKE_PTR(t->request);

        if (t->result == -ECANCELED)
                request_fail(r, 503, "%s was given up: the service is stopping", what);
        else if (problem_status_from_errno(t->result) == 507)
                request_fail(r, 507, "%s needs more room than there is on the disk: nothing was changed", what);
        else
                request_fail_errno(r, t->result, what);
}

void admin_log(const AdminTask *t, int priority, Event event, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        log_event(priority, event,
                  ((LogField[]) {
                          { "ACTOR", t->access.actor },
                          { "CLIENT", t->client },
                          { "REQUEST_ID", t->request_id },
                          { "ACT", t->name },
                          { "REASON", t->reason },
                  }), 5,
                  "%s", text ? text : t->name);
}

json_object *admin_tip_json(const LedgerTip *tip) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        char hash[2 * LEDGER_HASH_SIZE + 1];

        (void) sodium_bin2hex(hash, sizeof(hash), tip->hash, LEDGER_HASH_SIZE);
        if (!o || json_add_uint64(o, "Sequence", tip->sequence) < 0 || json_add_text(o, "Hash", hash) < 0)
                return NULL;
        return TAKE_PTR(o);
}

json_object *admin_rows_json(const VerifyReport *report) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        for (Kind kind = 0; kind < _KIND_MAX; kind++)
                if (!o || json_add_uint64(o, kind_name(kind), report->rows[kind]) < 0)
                        return NULL;
        return TAKE_PTR(o);
}

json_object *admin_faults_json(const VerifyReport *report) {
        _cleanup_(json_unrefp) json_object *array = json_object_new_array();

        for (size_t i = 0; i < VERIFY_FAULTS_KEPT && i < report->n_faults; i++) {
                json_object *text = json_object_new_string(report->faults[i] ? report->faults[i] : "out of memory");

                if (!array || !text || json_object_array_add(array, text) < 0) {
                        json_object_put(text);
                        return NULL;
                }
        }
        return TAKE_PTR(array);
}
