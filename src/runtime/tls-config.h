/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/common-config.h"
#include "runtime/tls-identity.h"

/* [TLS] of gradebook.conf, for one daemon or command: name is what "%p" stands for, "gradebook-grading". config_dir NULL: /etc/gradebook.
 * *ret is NULL where TLS is not configured. Errors as tls_identity_new(), and -EINVAL: the keys do not go together. */
int tls_config_load(const CommonConfig *config, const char *name, const char *config_dir, TlsIdentity **ret, char **ret_why);

/* Whether TLS is wanted at all. */
bool tls_config_is_on(const CommonConfig *config);
