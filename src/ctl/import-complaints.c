/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/import-complaints.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void import_complain(ImportComplaints *c, unsigned line, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        c->bad = true;
        c->complain(line, text ? text : strerror(ENOMEM), c->userdata);
}
