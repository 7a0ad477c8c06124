/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "wire/problem.h"

/* The ledger is a chain: one entry for each change of a row, numbered from 1 without gaps, each with the hash of the one before it.
 * Whoever changes, removes or inserts one has to make all hashes after it anew, and so contradicts every copy and every hash that
 * somebody noted before. Pure.
 *
 * The hash is SHA-256 over this text, in which a script finds nothing to guess:
 *
 *   gradebook-ledger-1
 *   PREVIOUS                   64 hex digits in lower case: the hash of the entry before; zeros for the first
 *   LENGTH:BYTES               for each member below, Sequence to Reason, in their order: the number of bytes in decimal, a
 *                              colon, the bytes
 *   -                          instead, for a member that is null
 *
 * Every line, the last too, ends with one line feed; BYTES may hold some of their own. Numbers are decimal, the time is as on the
 * wire, texts are the UTF-8 that their JSON string stands for. In Python, e being the object of one line of the export:
 *
 *   text = "gradebook-ledger-1\n" + e["Previous"] + "\n"
 *   for name in ("Sequence Time Set Actor Client RequestID Action Kind ID StudentID ClassID Version Old New Reason").split():
 *       value = e[name]
 *       text += "-\n" if value is None else f"{len(str(value).encode())}:{value}\n"
 *   assert hashlib.sha256(text.encode()).hexdigest() == e["Hash"]
 */

#define LEDGER_HASH_SIZE 32
#define LEDGER_NUMBER_MAX INT64_MAX     /* a store's integers are signed */

/* Names on the wire in the comments. Texts are borrowed, always; NULL and "" are not the same. */
typedef struct LedgerEntry {
        uint64_t sequence;      /* "Sequence": 1, 2, 3 … */
        uint64_t time_usec;     /* "Time": realtime; RFC 3339 in UTC with six digits of fraction; before the year 10000 */
        uint64_t set;           /* "Set": the sequence of the first entry of the request or import that it belongs to */
        const char *actor;      /* "Actor": "account:7", "cluster", "anonymous" */
        const char *client;     /* "Client": "127.0.0.1:4711"; may be NULL */
        const char *request_id; /* "RequestID"; may be NULL */
        const char *action;     /* "Action": "create", "update", "delete" */
        const char *kind;       /* "Kind" of the row: "grade", "student" … */
        uint64_t id;            /* "ID" of the row */
        uint64_t student_id;    /* "StudentID"; 0: none */
        uint64_t class_id;      /* "ClassID"; 0: none */
        uint64_t version;       /* "Version" of the row after it */
        const char *old;        /* "Old": JSON text as it was stored; NULL: there was none */
        const char *new;        /* "New"; NULL: there is none any more */
        const char *reason;     /* "Reason"; NULL: none was given */
        uint8_t previous[LEDGER_HASH_SIZE];     /* "Previous": hex */
        uint8_t hash[LEDGER_HASH_SIZE];         /* "Hash": hex */
} LedgerEntry;

/* Where a chain ends. All zero: nothing is in it. */
typedef struct LedgerTip {
        uint64_t sequence;
        uint8_t hash[LEDGER_HASH_SIZE];
} LedgerTip;

/* The hash that belongs to it; its member hash is not looked at. Allocates nothing. */
void ledger_entry_hash(const LedgerEntry *e, uint8_t ret[static LEDGER_HASH_SIZE]);

/* Makes it the next one: fills sequence, previous and hash, and moves the tip. A set of 0 becomes its own sequence. */
void ledger_entry_seal(LedgerEntry *e, LedgerTip *tip);

/* Whether it is the next one behind the tip, which then moves. 0; otherwise the tip stays:
 * -ENODATA  its sequence is not the next: entries are missing, or there twice
 * -ENOLINK  its "Previous" is not the hash of the entry before
 * -EBADMSG  its "Hash" is not that of its content
 * For a part of the ledger that begins somewhere, begin with ledger_entry_before(). */
int ledger_entry_verify(LedgerTip *tip, const LedgerEntry *e);
LedgerTip ledger_entry_before(const LedgerEntry *e);   /* the tip that this one says it follows */

/* One line of application/x-ndjson with its line feed, all members, in the order above. Old and New are strings that hold JSON, not objects:
 * a parser writes numbers and escapes in its own way, and the hash is over each byte (jq's fromjson opens them). 0; the buffer's error;
 * -EINVAL: a text is not UTF-8, a number is over LEDGER_NUMBER_MAX, or the time has no such text. Then nothing was appended. */
int ledger_entry_write(Buffer *out, const LedgerEntry *e);

/* The texts are borrowed from the object. 0, -EBADMSG, -ENOMEM. It says nothing about the hash. */
int ledger_entry_from_json(json_object *o, LedgerEntry *ret, Problem *problem);
