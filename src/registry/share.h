/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "registry/registry.h"

/* Read by registry.c as well: a registration out of a row. -EBADMSG (logged), -ENOMEM. */
int share_read_registration(const StoreRow *row, Registration **ret);
