/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "ctl/connection.h"
#include "ctl/output.h"
#include "wire/json.h"

/* What a problem+json says, or else the status in words; the caller's. */
static char *problem_detail(const Call *call) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *detail;

        if (json_parse_object(call->answer, call->answer_size, &o, NULL) >= 0 && json_object_object_get_ex(o, "detail", &detail) &&
            json_object_is_type(detail, json_type_string))
                return output_clean(json_object_get_string(detail), NULL);
        return strdup(problem_title(call->status));
}

int connection_check(PeerId peer, const Call *call) {
        const Peer *p = ctl_peers + peer;
        _cleanup_(freep) char *detail = NULL;

        if (call->error < 0) {
                int length = (int) strlen(call->url);
                const char *authority = strstr(call->url, "://");

                if (call->error == -ENOMEM)
                        return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
                if (authority)
                        length = (int) (authority + 3 - call->url + strcspn(authority + 3, "/?"));
                return ctl_fail(CTL_UNREACHABLE, "%s at %.*s does not answer (%s): is it running? systemctl status %s", p->label, length,
                                call->url, call->error_text, p->unit);
        }
        if (call->status >= 200 && call->status < 300)
                return CTL_OK;

        detail = problem_detail(call);
        if (!detail)
                return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
        if (call->status == 401 || call->status == 403)
                return ctl_fail(CTL_REFUSED, "%s refuses this (%u): %s%s", p->label, call->status, detail,
                                call->status == 401 ? "; is the cluster token the one it was started with?" : "");
        if (call->status == 404)
                return ctl_fail(CTL_NOT_FOUND, "%s", detail);
        return ctl_fail(CTL_FAILURE, "%s answers %u: %s", p->label, call->status, detail);
}
