/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/change.h"

/* A change that sets a password: from the body to the hasher's thread, and from there to the store's. A handler embeds it at the start of
 * its own structure; nothing of the password is kept but its hash, which is in hash.text when the change runs. */
typedef struct SecretChange {
        Change change;
        HasherJob hash;
} SecretChange;

/* Hashes the password, then submits the change. It takes it, in every case. */
void secret_change_submit(SecretChange *s, const char *password);

/* May it be tried now? 0; -EBADMSG with a problem (429) and Retry-After otherwise. */
int secret_try(Grading *g, Request *r, ThrottleKey key, Problem *problem);

/* Why the hasher did not do it: a problem (503) with Retry-After. -EBADMSG. */
int secret_not_hashed(int error, Problem *problem);

/* A member that may be a password: any text of 1 to PASSWORD_MAX characters. */
int secret_get(json_object *o, const char *member, const char **ret, Problem *problem);
