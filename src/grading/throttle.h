/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/macros.h"

/* How often a password may be tried: token buckets, in memory. Each try takes a token from three of them, and gets them back if the
 * password was right:
 *
 *   pair     this account from this source         stops one who guesses
 *   source   all accounts from this source         stops one who tries one password with every account
 *   account  this account from all sources         stops many who guess together
 *
 * The owner is not locked out: from a source at which this account has signed in before, the pair alone counts and is charged.
 * (The owner who comes from a new place while many guess waits for a token of the account like them. Somebody at the owner's own
 * address can make the owner wait for the pair's next token.) Time heals all of it.
 *
 * A source is an IPv4 address or the /64 network of an IPv6 one. An unknown login has buckets like a known one, so that they do not
 * tell which is which. Pure: time is an argument, monotonic. Logins and addresses are kept as keyed hashes.
 *
 * Memory: THROTTLE_PAIRS + THROTTLE_SOURCES + THROTTLE_ACCOUNTS buckets and THROTTLE_OWNERS accounts with the last
 * THROTTLE_KNOWN_MAX sources of each, some 10 MiB if all are in use. In a full table the bucket that was charged least recently goes. A refused try charges nothing, so it costs an
 * attacker as many tries that were really made (each an argon2id hash, some 50 a second at most) as the table has places to push
 * out one bucket: that takes 20 minutes and more, in which a pair's or a source's bucket has filled again by itself. */

typedef struct Throttle Throttle;

#define THROTTLE_PAIRS 65536
#define THROTTLE_SOURCES 65536
#define THROTTLE_ACCOUNTS 65536
#define THROTTLE_OWNERS 16384
#define THROTTLE_KNOWN_MAX 8

/* A full bucket holds burst tokens; one comes back every interval. */
#define THROTTLE_PAIR_BURST 5
#define THROTTLE_PAIR_USEC (60 * USEC_PER_SEC)
#define THROTTLE_SOURCE_BURST 50        /* a school may be behind one address */
#define THROTTLE_SOURCE_USEC (3 * USEC_PER_SEC)
#define THROTTLE_ACCOUNT_BURST 30
#define THROTTLE_ACCOUNT_USEC (120 * USEC_PER_SEC)

/* Who tries, and from where; made once for a try. */
typedef struct ThrottleKey {
        uint64_t account;
        uint64_t source;
} ThrottleKey;

int throttle_new(Throttle **ret);       /* -ENOMEM */
Throttle *throttle_free(Throttle *t);
DEFINE_CLEANUP(Throttle, throttle_free);

/* login is what was typed: letters that the caller takes as the same it makes the same before. source: "192.0.2.1",
 * "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711", with a zone or without; anything else is a source by its whole text. IPv4 mapped into IPv6 is IPv4. */
ThrottleKey throttle_key(const Throttle *t, const char *login, const char *source);

/* 0: try it, and tokens were taken; otherwise the microseconds after which a try is worth it, and nothing was taken. Every try that was let
 * through and is not told to one of the next two counts as failed. */
uint64_t throttle_try(Throttle *t, ThrottleKey key, uint64_t now_usec);

/* It was right: gives the tokens back, and all that the pair has lost before; remembers the source. */
void throttle_succeeded(Throttle *t, ThrottleKey key, uint64_t now_usec);

/* The password was not looked at: gives the tokens back. */
void throttle_cancelled(Throttle *t, ThrottleKey key, uint64_t now_usec);

/* A source at which the account has signed in, as throttle_succeeded() notes it: for sessions known at a start. */
void throttle_remember(Throttle *t, ThrottleKey key);
