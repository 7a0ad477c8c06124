/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "base/macros.h"
#include "grading/password.h"
#include "runtime/worker.h"

/* Passwords into argon2id hashes (RFC 9106) and back to yes or no, on a thread of its own: one takes some 20 ms and 19 MiB. One
 * thread, one at a time, so that memory is bounded; of those that wait there are at most queue_max. */
typedef struct Hasher Hasher;
typedef struct HasherJob HasherJob;

#define HASHER_QUEUE_MAX 64             /* waits of a second or two */
#define HASHER_OPERATIONS 2             /* t, and 19 MiB: OWASP, "Password Storage Cheat Sheet", argon2id with p=1 */
#define HASHER_MEMORY_BYTES ((size_t) 19456 << 10)
#define HASHER_TEXT_SIZE 128            /* "$argon2id$v=19$m=19456,t=2,p=1$…$…", the NUL included */

/* Embedded in the caller's own structure, valid until done; nothing in it needs to be freed. */
struct HasherJob {
        /* On the loop. 0; -EACCES: the password is not the one; -ENOMEM; -EINVAL: the stored text is no hash. */
        void (*done)(HasherJob *job, int result);

        char text[HASHER_TEXT_SIZE];    /* after hasher_hash(), and after hasher_verify() if renewed: the hash to store */
        bool renewed;                   /* the password is right, its hash was made with other parameters: store the new one */

        Job job;                        /* the hasher's, from here on */
        char password[PASSWORD_BYTES_MAX + 1];  /* wiped before done */
        enum { HASHER_HASH, HASHER_VERIFY, HASHER_VERIFY_UNKNOWN } action;
};

int hasher_new(Hasher **ret, sd_event *event, size_t queue_max);
Hasher *hasher_free(Hasher *h);         /* completes what was taken. Blocks */
DEFINE_CLEANUP(Hasher, hasher_free);

/* Both copy the password; the caller wipes its own with sodium_memzero(). -EBUSY: too many wait (503 with Retry-After); -EINVAL: longer
 * than PASSWORD_BYTES_MAX. Then done will not come. */
int hasher_hash(Hasher *h, HasherJob *job, const char *password);

/* stored is copied; NULL if the login is unknown: it takes as long as if it was known, and ends in -EACCES. A password longer than any can be
 * does so, too. */
int hasher_verify(Hasher *h, HasherJob *job, const char *password, const char *stored);

size_t hasher_pending(const Hasher *h);
