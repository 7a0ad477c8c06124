/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/session-table.h"

typedef struct Grading Grading;

/* The sessions that there are: in memory, as they are on disk, on the loop's thread. A session that is made or ended by a request goes to
 * the disk in that request's own transaction, and comes here when it is there. What nobody waits for (when it was used last, at most every
 * SESSION_WRITE_USEC; that it was one too many) is written by and by. */
typedef struct Sessions Sessions;

#define SESSION_WRITE_USEC (60 * USEC_PER_SEC)

/* Reads them from the store, and tells the throttle where their owners have signed in. Blocks. Errors as store_each_session(). */
int sessions_new(Sessions **ret, Grading *g);
void sessions_flush(Sessions *s);       /* hands what is still to be written to the store; before that is freed. Takes NULL */
Sessions *sessions_free(Sessions *s);   /* after the store */

/* The session with this digest if it goes on, which counts as use; else NULL. Valid until the loop's next turn. */
const SessionRecord *sessions_find(Sessions *s, const uint8_t digest[static CREDENTIAL_HASH_SIZE]);

/* One that is on disk. Those over a bound end: of the account the one that began first, of all the one whose use is longest ago. -ENOMEM. */
int sessions_add(Sessions *s, const SessionRecord *record);

/* Those that are no longer on disk. */
void sessions_remove(Sessions *s, const uint8_t digest[static CREDENTIAL_HASH_SIZE]);
size_t sessions_remove_of(Sessions *s, uint64_t account_id, const uint8_t *keep_digest);        /* NULL: all. How many */

/* One that another instance has made, or used. -ENOMEM. */
int sessions_learn(Sessions *s, const SessionRecord *record);

/* All of them, of which none is on disk any more. */
void sessions_forget(Sessions *s);

/* Each that goes on of an account, the one that began first first. */
void sessions_each_of(Sessions *s, uint64_t account_id, void (*each)(const SessionRecord *record, void *userdata), void *userdata);

size_t sessions_size(const Sessions *s);
SessionLimits sessions_limits(const Sessions *s);       /* as configured now */
