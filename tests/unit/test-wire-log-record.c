/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/json.h"
#include "wire/log-record.h"
#include "wire/timestamp.h"

#define ID "0af7651916cd43dd8448eb211c80319c"
#define WITH(members) "{" members "\"Service\":\"a\",\"Message\":\"m\"}"

typedef struct Case {
        const char *json;
        const char *written;    /* accepted, and written again so */
        const char *wrong;      /* refused, and this is in the detail */
} Case;

static json_object *parse(const char *text, size_t size) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        json_object *o = NULL;

        if (json_parse(text, size, &o, &problem) < 0)
                fail_msg("%s: %s", text, problem.detail);
        return o;
}

static const char full[] = "{\"Time\":\"2026-11-22T21:41:28.123456Z\",\"Priority\":3,\"Service\":\"gradebook-grading\","
                           "\"Instance\":\"http://host:6000\",\"Host\":\"db-1.example.org\",\"RequestID\":\"" ID "\",\"MessageID\":\"" ID "\","
                           "\"Message\":\"line one\\nline two\\t\\u001b\",\"Source\":\"" ID "\",\"Sequence\":9223372036854775807,"
                           "\"Fields\":{\"STUDENT\":\"7\",\"A_1\":\"\"}}";
static const char least[] = "{\"Priority\":6,\"Service\":\"a\",\"Message\":\"m\"}";

static const Case cases[] = {
        { full, full, NULL },
        { WITH(), least, NULL },
        { WITH("\"Time\":null,\"Priority\":null,\"Instance\":null,\"Host\":null,\"RequestID\":null,\"MessageID\":null,\"Source\":null,"
               "\"Sequence\":null,\"Fields\":null,\"More\":[1],"), least, NULL },
        { WITH("\"Time\":\"\",\"Instance\":\"\",\"RequestID\":\"\",\"Source\":\"\",\"Sequence\":0,\"Fields\":{},"), least, NULL },
        { WITH("\"RequestID\":\"0AF7651916CD43DD8448EB211C80319C\","),
          "{\"Priority\":6,\"Service\":\"a\",\"RequestID\":\"" ID "\",\"Message\":\"m\"}", NULL },
        { WITH("\"Source\":\"" ID "\","), "{\"Priority\":6,\"Service\":\"a\",\"Message\":\"m\",\"Source\":\"" ID "\"}", NULL },
        { "[]", NULL, "A log record must be a JSON object" },
        { "{\"Message\":\"m\"}", NULL, "Member 'Service' is missing" },
        { "{\"Service\":\"a b\",\"Message\":\"m\"}", NULL, "Member 'Service' must be" },
        { "{\"Service\":\"a\"}", NULL, "Member 'Message' is missing" },
        { "{\"Service\":\"a\",\"Message\":\"\"}", NULL, "Member 'Message' must be a text of 1 to 65536 bytes" },
        { "{\"Service\":\"a\",\"Message\":null}", NULL, "Member 'Message' must be" },
        { "{\"Service\":\"a\",\"Message\":7}", NULL, "Member 'Message' must be" },
        { WITH("\"Time\":\"yesterday\","), NULL, "Member 'Time' must be a time since 1970 as in RFC 3339" },
        { WITH("\"Time\":1795383688,"), NULL, "Member 'Time'" },
        { WITH("\"Priority\":8,"), NULL, "Member 'Priority' must be a whole number from 0 to 7" },
        { WITH("\"Priority\":-1,"), NULL, "Member 'Priority'" },
        { WITH("\"Priority\":\"info\","), NULL, "Member 'Priority'" },
        { WITH("\"Instance\":\"a\\nb\","), NULL, "Member 'Instance'" },
        { WITH("\"RequestID\":\"" ID "0\","), NULL, "Member 'RequestID' must be 32 hex digits" },
        { WITH("\"MessageID\":\"0af7651916cd43dd8448eb211c80319g\","), NULL, "Member 'MessageID' must be 32 hex digits" },
        { WITH("\"Host\":\"a b\","), NULL, "Member 'Host' must be 1 to 253 letters" },
        { WITH("\"Host\":7,"), NULL, "Member 'Host'" },
        { WITH("\"MessageID\":7,"), NULL, "Member 'MessageID' must be 32 hex digits" },
        { WITH("\"Source\":\"me\","), NULL, "Member 'Source' must be 32 hex digits" },
        { WITH("\"Sequence\":1,"), NULL, "Member 'Sequence' needs member 'Source'" },
        { WITH("\"Source\":\"" ID "\",\"Sequence\":9223372036854775808,"), NULL, "Member 'Sequence'" },
        { WITH("\"Source\":\"" ID "\",\"Sequence\":-1,"), NULL, "Member 'Sequence'" },
        { WITH("\"Source\":\"" ID "\",\"Sequence\":1.5,"), NULL, "Member 'Sequence'" },
        { WITH("\"Fields\":[],"), NULL, "Member 'Fields' must be an object" },
        { WITH("\"Fields\":{\"A\":1},"), NULL, "Member 'A' of 'Fields' must be a text" },
        { WITH("\"Fields\":{\"A\":null},"), NULL, "Member 'A' of 'Fields' must be a text" },
        { WITH("\"Fields\":{\"a\":\"x\"},"), NULL, "The names in member 'Fields'" },
        { WITH("\"Fields\":{\"\":\"x\"},"), NULL, "The names in member 'Fields'" },
        { WITH("\"Fields\":{\"_PID\":\"x\"},"), NULL, "The names in member 'Fields'" },
        { WITH("\"Fields\":{\"A B\":\"x\"},"), NULL, "The names in member 'Fields'" },
};

static void test_records(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
                _cleanup_(json_unrefp) json_object *o = parse(cases[i].json, strlen(cases[i].json)), *again = NULL;
                _cleanup_(log_record_freep) LogRecord *record = NULL;
                int r = log_record_from_json(o, &record, &problem);

                if (cases[i].wrong) {
                        if (r != -EBADMSG || record || problem.status != 400 || !strstr(problem.detail, cases[i].wrong))
                                fail_msg("%s gave %d, \"%s\" instead of \"%s\"", cases[i].json, r,
                                         problem.detail ? problem.detail : "", cases[i].wrong);
                        continue;
                }
                if (r < 0)
                        fail_msg("%s gave %d: %s", cases[i].json, r, problem.detail);

                /* The record stands on its own: what it was read from may go. */
                json_object_put(TAKE_PTR(o));
                assert_int_equal(log_record_to_json(record, &again), 0);
                if (strcmp(json_text(again, NULL), cases[i].written) != 0)
                        fail_msg("%s was written as %s", cases[i].json, json_text(again, NULL));
        }
}

static void test_message_size(void **state) {
        static const char head[] = "{\"Service\":\"a\",\"Message\":\"", tail[] = "\"}";

        for (size_t size = LOG_MESSAGE_MAX - 1; size <= LOG_MESSAGE_MAX + 1; size++) {
                _cleanup_(freep) char *text = calloc(1, sizeof(head) + size + sizeof(tail));
                _cleanup_(json_unrefp) json_object *o = NULL;
                _cleanup_(log_record_freep) LogRecord *record = NULL;

                assert_non_null(text);
                memcpy(text, head, sizeof(head) - 1);
                memset(text + sizeof(head) - 1, 'x', size);
                memcpy(text + sizeof(head) - 1 + size, tail, sizeof(tail) - 1);
                o = parse(text, strlen(text));
                assert_int_equal(log_record_from_json(o, &record, NULL), size <= LOG_MESSAGE_MAX ? 0 : -EBADMSG);
        }
}

static void test_too_many_fields(void **state) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *o = parse(least, strlen(least));
        _cleanup_(log_record_freep) LogRecord *record = NULL;
        json_object *fields = json_object_new_object();
        char name[] = "A00";

        assert_int_equal(json_add(o, "Fields", fields), 0);
        for (int i = 0; i <= 64; i++) {
                name[1] = (char) ('0' + i / 10);
                name[2] = (char) ('0' + i % 10);
                assert_int_equal(json_add_text(fields, name, "x"), 0);
        }
        assert_int_equal(log_record_from_json(o, &record, &problem), -EBADMSG);
        assert_string_equal(problem.detail, "Member 'Fields' must be an object of at most 64 members");
        json_object_object_del(fields, name);
        assert_int_equal(log_record_from_json(o, &record, NULL), 0);
}

static void test_timestamps(void **state) {
        static const struct {
                const char *text;
                int result;
                uint64_t usec;
        } times[] = {
                { "1970-01-01T00:00:00Z", 0, 0 },
                { "2026-11-22T21:41:28Z", 0, UINT64_C(1795383688000000) },
                { "2026-11-22t21:41:28.1z", 0, UINT64_C(1795383688100000) },
                { "2026-11-22T21:41:28.123456Z", 0, UINT64_C(1795383688123456) },
                { "2026-11-22T21:41:28.123456999Z", 0, UINT64_C(1795383688123456) },
                { "2026-11-22T22:41:28.5+01:00", 0, UINT64_C(1795383688500000) },
                { "2026-11-22T16:11:28-05:30", 0, UINT64_C(1795383688000000) },
                { "2026-11-22T21:41:28-00:00", 0, UINT64_C(1795383688000000) },
                { "1969-12-31T23:59:59-00:01", 0, UINT64_C(59000000) },
                { "2000-02-29T00:00:00Z", 0, UINT64_C(951782400000000) },
                { "2016-12-31T23:59:60Z", 0, UINT64_C(1483228800000000) },
                { "9999-12-31T23:59:59.999999Z", 0, UINT64_C(253402300799999999) },
                { "9999-12-31T23:59:60Z", -ERANGE, 0 },
                { "9999-12-31T23:59:59-00:01", -ERANGE, 0 },
                { "1969-12-31T23:59:59Z", -ERANGE, 0 },
                { "1970-01-01T00:00:00+00:01", -ERANGE, 0 },
                { "0000-01-01T00:00:00Z", -ERANGE, 0 },
                { "2026-11-22T21:41:28", -EINVAL, 0 },
                { "2026-11-22 21:41:28Z", -EINVAL, 0 },
                { "2026-11-22T21:41Z", -EINVAL, 0 },
                { "2026-11-22", -EINVAL, 0 },
                { "2026-11-22T21:41:28.Z", -EINVAL, 0 },
                { "2026-11-22T21:41:28.1234567890Z", -EINVAL, 0 },
                { "2026-11-22T21:41:28,5Z", -EINVAL, 0 },
                { "2026-11-22T21:41:28Z ", -EINVAL, 0 },
                { "2026-11-22T21:41:28+0100", -EINVAL, 0 },
                { "2026-11-22T21:41:28+1:00", -EINVAL, 0 },
                { "2026-11-22T21:41:28+24:00", -EINVAL, 0 },
                { "2026-11-22T21:41:28+01:60", -EINVAL, 0 },
                { "2026-11-22T24:00:00Z", -EINVAL, 0 },
                { "2026-11-22T21:60:00Z", -EINVAL, 0 },
                { "2026-11-22T21:41:61Z", -EINVAL, 0 },
                { "2026-02-29T00:00:00Z", -EINVAL, 0 },
                { "1900-02-29T00:00:00Z", -EINVAL, 0 },
                { "2026-04-31T00:00:00Z", -EINVAL, 0 },
                { "2026-00-01T00:00:00Z", -EINVAL, 0 },
                { "2026-13-01T00:00:00Z", -EINVAL, 0 },
                { "2026-01-00T00:00:00Z", -EINVAL, 0 },
                { "26-11-22T21:41:28Z", -EINVAL, 0 },
                { "+026-11-22T21:41:28Z", -EINVAL, 0 },
                { "", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(times); i++) {
                _cleanup_(freep) char *copy = strdup(times[i].text);
                uint64_t usec = 0;
                int r = timestamp_parse(copy, &usec);

                if (r != times[i].result || usec != times[i].usec)
                        fail_msg("\"%s\" gave %d and %" PRIu64, times[i].text, r, usec);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_records), cmocka_unit_test(test_message_size),
                cmocka_unit_test(test_too_many_fields), cmocka_unit_test(test_timestamps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
