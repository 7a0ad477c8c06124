/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/resource.h"

/* openapi/, joined by the Makefile. */
static const char document[] =
#include "grading/openapi.inc"
;

/* What there is to ask for is no secret. */
void get_openapi(Request *r, void *service) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        (void) buffer_append(&text, document, sizeof(document) - 1);
        resource_reply(r, &text, "describing the interface");
}
