/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/request.h"

/* What an administrator did goes into the journal, with who it was: a line "CLIENT did something", with fields. */
void audit_log(const Request *request, const char *act, const char *service_url, const char *format, ...) _printf_(4, 5);
