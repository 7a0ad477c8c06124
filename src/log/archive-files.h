/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/archive.h"
#include "log/segments.h"

/* The log's files for its readers. The segments are borrowed. */
int archive_files_new(Archive **ret, Segments *segments);       /* -ENOMEM */
Archive *archive_files_free(Archive *a);
