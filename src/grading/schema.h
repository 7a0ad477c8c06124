/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/database.h"

/* The schema of the grades file, for database_open(). */
extern const char *const grading_migrations[];
extern const char *const grading_postgres_migrations[];  /* likewise; NULL-terminated */
