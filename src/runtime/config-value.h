/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/buffer.h"
#include "runtime/config.h"

/* Puts a value, given as text, where its item says. 0, -ENOMEM, or -EINVAL with what would be allowed appended to
 * needed: "a whole number from 1 to 1000000 is needed". On failure the target keeps what it had. */
int config_value_set(const ConfigItem *item, const char *text, void *target, Buffer *needed);
void config_value_free(const ConfigItem *item, void *target);
