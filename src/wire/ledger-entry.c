/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/ledger-entry.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/json.h"
#include "wire/log-line.h"
#include "wire/timestamp.h"

#define DOMAIN "gradebook-ledger-1\n"
#define HEX_SIZE (2 * LEDGER_HASH_SIZE + 1)
#define NUMBER_SIZE 21                  /* the digits of a uint64_t, and a NUL */
#define TIME_END_USEC (UINT64_C(253402300800) * USEC_PER_SEC)   /* the year 10000 */

typedef enum MemberType { MEMBER_NUMBER, MEMBER_TIME, MEMBER_TEXT } MemberType;

typedef struct Member {
        const char *name;
        size_t offset;
        MemberType type;
        uint64_t min;                   /* of a number; for a text: 1 if it must be there */
} Member;

/* The one order of all members, for the hash and for the wire. */
static const Member members[] = {
        { "Sequence", offsetof(LedgerEntry, sequence), MEMBER_NUMBER, 1 },
        { "Time", offsetof(LedgerEntry, time_usec), MEMBER_TIME, 0 },
        { "Set", offsetof(LedgerEntry, set), MEMBER_NUMBER, 1 },
        { "Actor", offsetof(LedgerEntry, actor), MEMBER_TEXT, 1 },
        { "Client", offsetof(LedgerEntry, client), MEMBER_TEXT, 0 },
        { "RequestID", offsetof(LedgerEntry, request_id), MEMBER_TEXT, 0 },
        { "Action", offsetof(LedgerEntry, action), MEMBER_TEXT, 1 },
        { "Kind", offsetof(LedgerEntry, kind), MEMBER_TEXT, 1 },
        { "ID", offsetof(LedgerEntry, id), MEMBER_NUMBER, 0 },
        { "StudentID", offsetof(LedgerEntry, student_id), MEMBER_NUMBER, 0 },
        { "ClassID", offsetof(LedgerEntry, class_id), MEMBER_NUMBER, 0 },
        { "Version", offsetof(LedgerEntry, version), MEMBER_NUMBER, 0 },
        { "Old", offsetof(LedgerEntry, old), MEMBER_TEXT, 0 },
        { "New", offsetof(LedgerEntry, new), MEMBER_TEXT, 0 },
        { "Reason", offsetof(LedgerEntry, reason), MEMBER_TEXT, 0 },
};

static uint64_t get_number(const LedgerEntry *e, const Member *m) {
        uint64_t value;

        memcpy(&value, (const char *) e + m->offset, sizeof(value));
        return value;
}

static void set_number(LedgerEntry *e, const Member *m, uint64_t value) {
        memcpy((char *) e + m->offset, &value, sizeof(value));
}

static const char *get_text(const LedgerEntry *e, const Member *m) {
        const char *text;

        memcpy(&text, (const char *) e + m->offset, sizeof(text));
        return text;
}

/* Decimal digits, at the end of the buffer: printf() would be a good part of what an entry costs. */
static const char *write_digits(char buffer[static NUMBER_SIZE], uint64_t value) {
        char *p = buffer + NUMBER_SIZE - 1;

        *p = 0;
        do
                *--p = (char) ('0' + value % 10);
        while (value /= 10);
        return p;
}

/* The text of a member, written into the scratch if it is none. NULL: null. */
static const char *member_text(const LedgerEntry *e, const Member *m, char scratch[static CLOCK_TEXT_SIZE]) {
        if (m->type == MEMBER_TEXT)
                return get_text(e, m);
        if (m->type == MEMBER_NUMBER)
                return write_digits(scratch, get_number(e, m));
        clock_format_utc(get_number(e, m), scratch);
        return scratch;
}

static void hash_text(crypto_hash_sha256_state *state, const char *text, size_t size) {
        (void) crypto_hash_sha256_update(state, (const unsigned char *) text, size);
}

void ledger_entry_hash(const LedgerEntry *e, uint8_t ret[static LEDGER_HASH_SIZE]) {
        crypto_hash_sha256_state state;
        char hex[HEX_SIZE];

        (void) crypto_hash_sha256_init(&state);
        hash_text(&state, DOMAIN, strlen(DOMAIN));
        (void) sodium_bin2hex(hex, sizeof(hex), e->previous, sizeof(e->previous));
        hex[HEX_SIZE - 1] = '\n';
        hash_text(&state, hex, sizeof(hex));
        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                char scratch[CLOCK_TEXT_SIZE], digits[NUMBER_SIZE];
                const char *text = member_text(e, members + i, scratch), *length;

                if (!text) {
                        hash_text(&state, "-\n", 2);
                        continue;
                }
                length = write_digits(digits, strlen(text));
                digits[NUMBER_SIZE - 1] = ':';
                hash_text(&state, length, (size_t) (digits + NUMBER_SIZE - length));
                hash_text(&state, text, strlen(text));
                hash_text(&state, "\n", 1);
        }
        (void) crypto_hash_sha256_final(&state, ret);
}

static void move_tip(LedgerTip *tip, const LedgerEntry *e) {
        tip->sequence = e->sequence;
        memcpy(tip->hash, e->hash, sizeof(tip->hash));
}

void ledger_entry_seal(LedgerEntry *e, LedgerTip *tip) {
        e->sequence = tip->sequence + 1;
        if (e->set == 0)
                e->set = e->sequence;
        memcpy(e->previous, tip->hash, sizeof(e->previous));
        ledger_entry_hash(e, e->hash);
        move_tip(tip, e);
}

int ledger_entry_verify(LedgerTip *tip, const LedgerEntry *e) {
        uint8_t hash[LEDGER_HASH_SIZE];

        if (e->sequence != tip->sequence + 1)
                return -ENODATA;
        if (memcmp(e->previous, tip->hash, sizeof(e->previous)) != 0)
                return -ENOLINK;
        ledger_entry_hash(e, hash);
        if (memcmp(e->hash, hash, sizeof(hash)) != 0)
                return -EBADMSG;
        move_tip(tip, e);
        return 0;
}

LedgerTip ledger_entry_before(const LedgerEntry *e) {
        LedgerTip tip = { .sequence = e->sequence - 1 };

        memcpy(tip.hash, e->previous, sizeof(tip.hash));
        return tip;
}

static bool can_be_written(const LedgerEntry *e, const Member *m) {
        const char *text;

        if (m->type != MEMBER_TEXT)
                return get_number(e, m) < (m->type == MEMBER_TIME ? TIME_END_USEC : (uint64_t) LEDGER_NUMBER_MAX + 1);
        text = get_text(e, m);
        return !text || text_is_utf8(text, strlen(text));
}

static void write_member(Buffer *out, const LedgerEntry *e, const Member *m, const char *before) {
        char scratch[CLOCK_TEXT_SIZE];
        const char *text = member_text(e, m, scratch);

        (void) buffer_puts(out, before);
        (void) buffer_puts(out, m->name);
        (void) buffer_puts(out, "\":");
        if (!text)
                (void) buffer_puts(out, "null");
        else if (m->type == MEMBER_NUMBER)
                (void) buffer_puts(out, text);
        else
                log_line_write_text(out, text, strlen(text));
}

static void write_hash(Buffer *out, const char *before, const uint8_t hash[static LEDGER_HASH_SIZE], const char *behind) {
        char hex[HEX_SIZE];

        (void) sodium_bin2hex(hex, sizeof(hex), hash, LEDGER_HASH_SIZE);
        (void) buffer_puts(out, before);
        (void) buffer_puts(out, hex);
        (void) buffer_puts(out, behind);
}

int ledger_entry_write(Buffer *out, const LedgerEntry *e) {
        size_t begin = out->size;

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (!can_be_written(e, members + i))
                        return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                write_member(out, e, members + i, i == 0 ? "{\"" : ",\"");
        write_hash(out, ",\"Previous\":\"", e->previous, "\"");
        write_hash(out, ",\"Hash\":\"", e->hash, "\"}\n");
        if (out->error < 0 && out->data) {
                out->size = begin;
                out->data[begin] = 0;
        }
        return out->error;
}

static int take_text(json_object *o, const Member *m, LedgerEntry *e, Problem *problem) {
        json_object *value = NULL;
        const char *text = NULL;

        (void) json_object_object_get_ex(o, m->name, &value);
        if ((!value && m->min > 0) || (value && !json_object_is_type(value, json_type_string)))
                return problem_set(problem, 400, "Member '%s' must be a text%s", m->name, m->min > 0 ? "" : " or null");
        if (value) {
                text = json_object_get_string(value);
                if (!text)
                        return -ENOMEM;
        }
        memcpy((char *) e + m->offset, &text, sizeof(text));
        return 0;
}

static int take_time(json_object *o, const Member *m, LedgerEntry *e, Problem *problem) {
        char written[CLOCK_TEXT_SIZE];
        const char *text;
        uint64_t usec;
        int r;

        r = json_get_text(o, m->name, 1, TIMESTAMP_MAX, &text, problem);
        if (r < 0)
                return r;
        if (timestamp_parse(text, &usec) == 0) {
                /* The hash is over its text, so that there must be no other for the same time. */
                clock_format_utc(usec, written);
                if (strcmp(written, text) == 0) {
                        set_number(e, m, usec);
                        return 0;
                }
        }
        return problem_set(problem, 400, "Member '%s' must be a time in UTC with six digits of fraction, "
                           "such as 2026-11-22T21:41:28.123456Z", m->name);
}

static int take_number(json_object *o, const Member *m, LedgerEntry *e, Problem *problem) {
        uint64_t value;
        int r;

        r = json_get_uint64(o, m->name, m->min, LEDGER_NUMBER_MAX, &value, problem);
        if (r < 0)
                return r;
        set_number(e, m, value);
        return 0;
}

static int take_hash(json_object *o, const char *name, uint8_t ret[static LEDGER_HASH_SIZE], Problem *problem) {
        const char *text;
        size_t size;
        int r;

        r = json_get_text(o, name, HEX_SIZE - 1, HEX_SIZE - 1, &text, problem);
        if (r < 0)
                return r;
        if (strspn(text, "0123456789abcdef") != HEX_SIZE - 1 ||
            sodium_hex2bin(ret, LEDGER_HASH_SIZE, text, HEX_SIZE - 1, NULL, &size, NULL) < 0)
                return problem_set(problem, 400, "Member '%s' must be %d hex digits in lower case", name, HEX_SIZE - 1);
        return 0;
}

int ledger_entry_from_json(json_object *o, LedgerEntry *ret, Problem *problem) {
        static int (*const take[])(json_object *, const Member *, LedgerEntry *, Problem *) = {
                [MEMBER_NUMBER] = take_number, [MEMBER_TIME] = take_time, [MEMBER_TEXT] = take_text,
        };
        LedgerEntry e = {};
        int r;

        r = json_expect_object(o, "An entry of the ledger", problem);
        for (size_t i = 0; i < ELEMENTSOF(members) && r >= 0; i++)
                r = take[members[i].type](o, members + i, &e, problem);
        if (r >= 0)
                r = take_hash(o, "Previous", e.previous, problem);
        if (r >= 0)
                r = take_hash(o, "Hash", e.hash, problem);
        if (r >= 0)
                *ret = e;
        return r;
}
