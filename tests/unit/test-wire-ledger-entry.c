/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "wire/json.h"
#include "wire/ledger-entry.h"

#define TIME_END_USEC (UINT64_C(253402300800) * USEC_PER_SEC)

static LedgerEntry typical(void) {
        return (LedgerEntry) {
                .time_usec = UINT64_C(1795383688123456), .actor = "account:7", .client = "127.0.0.1:4711",
                .request_id = "0af7651916cd43dd8448eb211c80319c", .action = "update", .kind = "grade", .id = 12, .student_id = 1, .class_id = 3,
                .version = 2, .old = "{\"Title\":\"Quiz 1\",\"Type\":\"Quiz\",\"Score\":85.50}",
                .new = "{\"Title\":\"Quiz 1\",\"Type\":\"Quiz\",\"Score\":90}", .reason = "re-marked",
        };
}

static json_object *parse(const char *text, size_t size) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        json_object *o = NULL;

        if (json_parse(text, size, &o, &problem) < 0)
                fail_msg("%s: %s", text, problem.detail);
        return o;
}

/* The file was made by another program, with Python's hashlib; tests/lint checks it in the same way. */
static void test_golden(void **state) {
        _cleanup_(freep) char *text = NULL;
        LedgerTip tip = {};
        size_t size, lines = 0;

        assert_int_equal(file_read(TEST_DATA "/ledger.ndjson", 1 << 20, &text, &size), 0);
        for (char *line = text, *end; line < text + size; line = end + 1, lines++) {
                _cleanup_(json_unrefp) json_object *o = NULL;
                _cleanup_(buffer_deinit) Buffer again = BUFFER_NULL;
                LedgerEntry e;

                end = strchr(line, '\n');
                assert_non_null(end);
                o = parse(line, (size_t) (end - line));
                assert_int_equal(ledger_entry_from_json(o, &e, NULL), 0);
                assert_int_equal(ledger_entry_verify(&tip, &e), 0);
                assert_int_equal(ledger_entry_write(&again, &e), 0);
                assert_int_equal(again.size, end + 1 - line);
                assert_memory_equal(again.data, line, again.size);
        }
        assert_int_equal(lines, 4);
        assert_int_equal(tip.sequence, 4);
}

static void check_hash_is(const LedgerEntry *e, const LedgerEntry *original, bool same, const char *what) {
        uint8_t hash[LEDGER_HASH_SIZE];

        ledger_entry_hash(e, hash);
        if ((memcmp(hash, original->hash, sizeof(hash)) == 0) != same)
                fail_msg("%s", what);
}

/* Each bit of each member counts, and so do the places of all limits between them. */
static void test_every_bit_counts(void **state) {
        static const struct {
                size_t offset;
                const char *name;
        } numbers[] = {
                { offsetof(LedgerEntry, sequence), "sequence" }, { offsetof(LedgerEntry, set), "set" }, { offsetof(LedgerEntry, id), "id" },
                { offsetof(LedgerEntry, student_id), "student_id" }, { offsetof(LedgerEntry, class_id), "class_id" },
                { offsetof(LedgerEntry, version), "version" }, { offsetof(LedgerEntry, time_usec), "time_usec" },
        }, texts[] = {
                { offsetof(LedgerEntry, actor), "actor" }, { offsetof(LedgerEntry, client), "client" },
                { offsetof(LedgerEntry, request_id), "request_id" }, { offsetof(LedgerEntry, action), "action" },
                { offsetof(LedgerEntry, kind), "kind" }, { offsetof(LedgerEntry, old), "old" }, { offsetof(LedgerEntry, new), "new" },
                { offsetof(LedgerEntry, reason), "reason" },
        };
        LedgerEntry e = typical(), changed;
        LedgerTip tip = {};

        ledger_entry_seal(&e, &tip);
        check_hash_is(&e, &e, true, "the hash of the same is another");
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                for (unsigned bit = 0; bit < 64; bit++) {
                        uint64_t *value = (uint64_t *) ((char *) &changed + numbers[i].offset);

                        changed = e;
                        *value ^= UINT64_C(1) << bit;
                        if (value != &changed.time_usec || *value < TIME_END_USEC)
                                check_hash_is(&changed, &e, false, numbers[i].name);
                }
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                const char **value = (const char **) ((char *) &changed + texts[i].offset);
                char text[128];

                changed = e;
                for (size_t bit = 0; bit < strlen(*value) * 8; bit++) {
                        changed = e;
                        (void) snprintf(text, sizeof(text), "%s", *value);
                        text[bit / 8] = (char) (text[bit / 8] ^ 1 << bit % 8);
                        *value = text;
                        check_hash_is(&changed, &e, false, texts[i].name);
                }
                *value = NULL;
                check_hash_is(&changed, &e, false, texts[i].name);
                *value = "";
                check_hash_is(&changed, &e, false, texts[i].name);
        }
        for (unsigned bit = 0; bit < LEDGER_HASH_SIZE * 8; bit++) {
                changed = e;
                changed.previous[bit / 8] = (uint8_t) (changed.previous[bit / 8] ^ 1 << bit % 8);
                check_hash_is(&changed, &e, false, "previous");
        }
}

/* What stands in one member never looks like the next one's. */
static void test_members_do_not_run_into_each_other(void **state) {
        LedgerEntry e = typical(), changed;
        LedgerTip tip = {};

        e.old = "a";
        e.new = "b\n1:c";
        e.reason = NULL;
        ledger_entry_seal(&e, &tip);
        changed = e;
        changed.old = "a\n1:b";
        changed.new = "c";
        check_hash_is(&changed, &e, false, "a line feed and a length in a text");
        changed = e;
        changed.new = "b";
        changed.reason = "c";
        check_hash_is(&changed, &e, false, "a part of new as the reason");
        changed = e;
        changed.reason = "-";
        check_hash_is(&changed, &e, false, "\"-\" is not null");
        changed = e;
        changed.reason = "";
        check_hash_is(&changed, &e, false, "\"\" is not null");
        /* Nor does a number of one the other's: 1, 23 and 12, 3. */
        changed = e;
        changed.id = 1;
        changed.student_id = 23;
        ledger_entry_hash(&changed, e.hash);
        changed.id = 12;
        changed.student_id = 3;
        check_hash_is(&changed, &e, false, "digits of two numbers");
}

static void test_verifies(void **state) {
        LedgerEntry entries[3] = { typical(), typical(), typical() }, bad;
        LedgerTip tip = {}, before;

        entries[1].set = 1;
        for (size_t i = 0; i < ELEMENTSOF(entries); i++)
                ledger_entry_seal(entries + i, &tip);
        assert_int_equal(tip.sequence, 3);
        assert_int_equal(entries[0].set, 1);
        assert_int_equal(entries[1].set, 1);
        assert_int_equal(entries[2].set, 3);

        tip = (LedgerTip) {};
        for (size_t i = 0; i < ELEMENTSOF(entries); i++)
                assert_int_equal(ledger_entry_verify(&tip, entries + i), 0);
        before = ledger_entry_before(entries + 1);
        assert_int_equal(ledger_entry_verify(&before, entries + 1), 0);

        tip = (LedgerTip) {};
        assert_int_equal(ledger_entry_verify(&tip, entries + 1), -ENODATA);
        assert_int_equal(ledger_entry_verify(&tip, entries), 0);
        assert_int_equal(ledger_entry_verify(&tip, entries), -ENODATA);
        bad = entries[1];
        bad.reason = "because";
        assert_int_equal(ledger_entry_verify(&tip, &bad), -EBADMSG);
        bad = entries[1];
        bad.hash[31] ^= 1;
        assert_int_equal(ledger_entry_verify(&tip, &bad), -EBADMSG);
        bad = entries[1];
        bad.previous[0] ^= 1;
        ledger_entry_hash(&bad, bad.hash);
        assert_int_equal(ledger_entry_verify(&tip, &bad), -ENOLINK);
        /* The tip has stayed. */
        assert_int_equal(ledger_entry_verify(&tip, entries + 1), 0);
}

/* Stored texts, whatever they are, come out of the line again byte for byte. */
static void test_hostile_texts(void **state) {
        static const char *const texts[] = {
                "85.50", "{\"Score\":85.50}", "{\"Score\":1e2,\"Score\":-0}", "{ \"a\" :\t1 }", "\"\\u00e9\\/\\ud83c\\udf93\"", "\"\u00e9/\U0001f393\"",
                "12345678901234567890.123456789012345678901234567890", "\x01\x1f\x7f\xc2\x85\u2028\ufffe", "</script>", "\\", "\"", "\r\n", "", "-", "null",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(json_unrefp) json_object *o = NULL;
                _cleanup_(buffer_deinit) Buffer line = BUFFER_NULL;
                LedgerEntry e = typical(), again;
                LedgerTip tip = {};

                e.old = e.new = e.reason = e.client = e.request_id = e.actor = e.kind = e.action = texts[i];
                ledger_entry_seal(&e, &tip);
                assert_int_equal(ledger_entry_write(&line, &e), 0);
                assert_ptr_equal(strchr(line.data, '\n'), line.data + line.size - 1);
                o = parse(line.data, line.size);
                assert_int_equal(ledger_entry_from_json(o, &again, NULL), 0);
                assert_string_equal(again.old, texts[i]);
                assert_string_equal(again.actor, texts[i]);
                tip = (LedgerTip) {};
                assert_int_equal(ledger_entry_verify(&tip, &again), 0);
        }
}

static void check_cannot_be_written(const LedgerEntry *e, int result, size_t max) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_MAX(max);

        assert_int_equal(buffer_puts(&out, "before"), 0);
        assert_int_equal(ledger_entry_write(&out, e), result);
        assert_string_equal(out.data, "before");
}

static void test_writes_no_nonsense(void **state) {
        LedgerEntry e = typical();

        check_cannot_be_written(&e, -EFBIG, 400);
        e.old = "\xff";
        check_cannot_be_written(&e, -EINVAL, 0);
        e = typical();
        e.id = (uint64_t) INT64_MAX + 1;
        check_cannot_be_written(&e, -EINVAL, 0);
        e = typical();
        e.time_usec = TIME_END_USEC;
        check_cannot_be_written(&e, -EINVAL, 0);
}

/* A good line with one member replaced, or left out where with is NULL; what the detail says. */
static void check_refused(const char *member, const char *with, const char *wrong) {
        _cleanup_(json_unrefp) json_object *o = NULL, *value = NULL;
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(buffer_deinit) Buffer line = BUFFER_NULL;
        LedgerEntry e = typical(), again = {};
        LedgerTip tip = {};

        ledger_entry_seal(&e, &tip);
        assert_int_equal(ledger_entry_write(&line, &e), 0);
        o = parse(line.data, line.size);
        if (with)
                assert_int_equal(json_object_object_add(o, member, parse(with, strlen(with))), 0);
        else
                json_object_object_del(o, member);
        if (ledger_entry_from_json(o, &again, &problem) != -EBADMSG)
                fail_msg("%s: %s was taken", member, with ? with : "none");
        assert_int_equal(problem.status, 400);
        if (!strstr(problem.detail, wrong))
                fail_msg("%s: %s is not in: %s", member, wrong, problem.detail);
        assert_null(again.actor);
}

static void test_refuses(void **state) {
        static const char *const needed[] = {
                "Sequence", "Time", "Set", "Actor", "Action", "Kind", "ID", "StudentID", "ClassID", "Version", "Previous", "Hash",
        };
        Problem problem = PROBLEM_NULL;
        json_object *array = parse("[]", 2);

        for (size_t i = 0; i < ELEMENTSOF(needed); i++) {
                check_refused(needed[i], NULL, needed[i]);
                check_refused(needed[i], "null", needed[i]);
                check_refused(needed[i], "{}", needed[i]);
                check_refused(needed[i], "true", needed[i]);
        }
        check_refused("Sequence", "0", "from 1 to 9223372036854775807");
        check_refused("Sequence", "9223372036854775808", "Sequence");
        check_refused("Sequence", "1.0", "Sequence");
        check_refused("ID", "-1", "ID");
        check_refused("Old", "{\"Score\":85}", "Member 'Old' must be a text or null");
        check_refused("Reason", "7", "Member 'Reason' must be a text or null");
        check_refused("Time", "\"2026-11-22T21:41:28Z\"", "six digits of fraction");
        check_refused("Time", "\"2026-11-22T22:41:28.123456+01:00\"", "Time");
        check_refused("Time", "1795383688123456", "Time");
        check_refused("Hash", "\"00\"", "Hash");
        check_refused("Hash", "\"000000000000000000000000000000000000000000000000000000000000000A\"", "64 hex digits in lower case");
        check_refused("Previous", "\"000000000000000000000000000000000000000000000000000000000000000g\"", "Previous");

        assert_int_equal(ledger_entry_from_json(array, &(LedgerEntry) {}, &problem), -EBADMSG);
        assert_string_equal(problem.detail, "An entry of the ledger must be a JSON object");
        problem_deinit(&problem);
        json_object_put(array);
}

#define ENTRIES 100000

/* Measured for whoever reads; the limit leaves room for sanitizers and busy machines. */
static void test_is_fast(void **state) {
        LedgerTip tip = {};
        uint64_t begin = clock_thread_usec(), took;

        for (unsigned i = 0; i < ENTRIES; i++) {
                LedgerEntry e = typical();

                ledger_entry_seal(&e, &tip);
        }
        took = clock_thread_usec() - begin;
        assert_int_equal(tip.sequence, ENTRIES);
        print_message("%d entries hashed in %" PRIu64 " us: %" PRIu64 " a second\n", ENTRIES, took, ENTRIES * USEC_PER_SEC / (took ? took : 1));
        assert_true(took < 10 * USEC_PER_SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_golden),
                cmocka_unit_test(test_every_bit_counts),
                cmocka_unit_test(test_members_do_not_run_into_each_other),
                cmocka_unit_test(test_verifies),
                cmocka_unit_test(test_hostile_texts),
                cmocka_unit_test(test_writes_no_nonsense),
                cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_is_fast),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
