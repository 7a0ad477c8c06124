/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "base/macros.h"
#include "ctl/import.h"

/* Where an import's complaints go, and whether there were any. */
typedef struct ImportComplaints {
        ImportComplaint complain;
        void *userdata;
        bool bad;
} ImportComplaints;

void import_complain(ImportComplaints *c, unsigned line, const char *format, ...) _printf_(3, 4);
