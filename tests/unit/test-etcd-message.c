/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/etcd-message.h"
#include "registry/index.h"
#include "registry/store-etcd-value.h"
#include "wire/json.h"

#define REGISTRATION "{\"ServiceName\":\"A\",\"ServiceURL\":\"http://h\",\"HeartbeatURL\":\"http://h/heartbeat\"}"

static void test_requests(void **state) {
        _cleanup_(json_unrefp) json_object *range = NULL, *watch = NULL, *txn = NULL, *lease = NULL;

        assert_int_equal(etcd_range_message("/g/", &range), 0);
        assert_string_equal(json_text(range, NULL), "{\"key\":\"L2cv\",\"range_end\":\"L2cw\"}");
        assert_int_equal(etcd_watch_message("/g/", 7, &watch), 0);
        assert_string_equal(json_text(watch, NULL), "{\"create_request\":{\"key\":\"L2cv\",\"range_end\":\"L2cw\","
                            "\"start_revision\":\"7\",\"progress_notify\":true}}");
        assert_int_equal(etcd_lease_message(5, 3, &lease), 0);
        assert_string_equal(json_text(lease, NULL), "{\"ID\":\"5\",\"TTL\":\"3\"}");

        assert_int_equal(etcd_txn_message(&txn), 0);
        assert_int_equal(etcd_txn_put(txn, "a", "x", 5), 0);
        assert_int_equal(etcd_txn_put_if(txn, "b", "y", 0, 9), 0);
        assert_int_equal(etcd_txn_delete(txn, "c"), 0);
        assert_string_equal(json_text(txn, NULL),
                            "{\"success\":[{\"request_put\":{\"key\":\"YQ==\",\"value\":\"eA==\",\"lease\":\"5\"}},"
                            "{\"request_txn\":{\"compare\":[{\"target\":\"MOD\",\"key\":\"Yg==\",\"mod_revision\":\"9\"}],"
                            "\"success\":[{\"request_put\":{\"key\":\"Yg==\",\"value\":\"eQ==\"}}]}},"
                            "{\"request_delete_range\":{\"key\":\"Yw==\"}}]}");
}

static void test_answers(void **state) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        EtcdKvs kvs;

        o = json_tokener_parse("{\"header\":{\"revision\":\"12\"},\"kvs\":[{\"key\":\"L2cvYQ==\",\"mod_revision\":\"3\",\"value\":\"eg==\"},"
                               "{\"key\":\"L2cvYg==\",\"mod_revision\":\"4\"}]}");
        assert_int_equal(etcd_revision(o), 12);
        assert_int_equal(etcd_read_kvs(o, &kvs), 0);
        assert_int_equal(kvs.n, 2);
        assert_string_equal(kvs.items[0].key, "/g/a");
        assert_string_equal(kvs.items[0].value, "z");
        assert_int_equal(kvs.items[0].revision, 3);
        assert_string_equal(kvs.items[1].value, "");
        etcd_kvs_deinit(&kvs);

        json_object_put(o);
        o = json_tokener_parse("{\"events\":[{\"kv\":{\"key\":\"YQ==\",\"mod_revision\":\"5\",\"value\":\"eA==\"}},"
                               "{\"type\":\"DELETE\",\"kv\":{\"key\":\"YQ==\",\"mod_revision\":\"6\"}}]}");
        assert_int_equal(etcd_read_events(o, &kvs), 0);
        assert_string_equal(kvs.items[0].value, "x");
        assert_null(kvs.items[1].value);
        assert_int_equal(kvs.items[1].revision, 6);
        etcd_kvs_deinit(&kvs);

        json_object_put(o);
        o = json_tokener_parse("{\"responses\":[{\"response_put\":{}},{\"response_txn\":{\"succeeded\":true}},{\"response_txn\":{}}]}");
        assert_true(etcd_txn_done(o, 0));
        assert_true(etcd_txn_done(o, 1));
        assert_false(etcd_txn_done(o, 2));
        assert_false(etcd_txn_done(o, 3));
}

static void test_bad_answers(void **state) {
        static const char *const bad[] = {
                "{\"kvs\":{}}", "{\"kvs\":[{\"key\":\"!\"}]}", "{\"events\":[{}]}", "{\"events\":7}",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(json_unrefp) json_object *o = json_tokener_parse(bad[i]);
                EtcdKvs kvs;

                assert_int_equal(i < 2 ? etcd_read_kvs(o, &kvs) : etcd_read_events(o, &kvs), -EBADMSG);
        }
}

static void test_values(void **state) {
        _cleanup_(value_deinit) Value v = VALUE_NULL, same = VALUE_NULL, gone = VALUE_NULL, history = VALUE_NULL;
        _cleanup_(freep) char *text = NULL;
        StoreRow row = {
                .url = "http://h", .name = "A", .registration = REGISTRATION, .process = "p", .state = STORE_CRITICAL, .since_usec = 5, .stamp = 4,
        };

        assert_int_equal(value_from_row(&row, "me", &v), 0);
        assert_int_equal(value_to_text(&v, &text), 0);
        assert_string_equal(text, "{\"Registration\":" REGISTRATION ",\"Instance\":\"p\",\"State\":\"critical\",\"Since\":5,\"Stamp\":4,"
                            "\"Registry\":\"me\"}");
        assert_int_equal(value_from_text("registrations/http://h", text, &same), 0);
        assert_true(value_equal(&v, &same));
        assert_true(same.probed);
        assert_string_equal(same.registration, REGISTRATION);
        assert_false(value_is_void(&same));

        assert_int_equal(value_from_text("registrations/http://h", "{\"Gone\":true,\"Name\":\"A\",\"Stamp\":6,\"Registry\":\"me\"}", &gone), 0);
        assert_true(value_is_void(&gone));
        assert_false(value_equal(&v, &gone));
        assert_int_equal(value_from_text("histories/http://h", "{\"Draining\":true,\"Penalty\":9,\"Stamp\":6,\"Registry\":\"me\"}", &history), 0);
        assert_true(history.history.draining);
        assert_int_equal(history.history.penalty, 9);
        assert_int_equal(history.history.usec, 6);
}

static void test_bad_values(void **state) {
        static const char *const bad[] = { "", "7", "{}", "{\"Registration\":{}}", "{\"Registration\":{\"ServiceName\":\"A\"}}", "{\"Gone\":true}" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Value v = VALUE_NULL;

                assert_int_equal(value_from_text("registrations/x", bad[i], &v), -EBADMSG);
        }
}

/* A number of another registry is known as that. */
static void test_numbers(void **state) {
        IndexNumbers a = { INDEX_STRIDE, 5 }, b = { INDEX_STRIDE, 6 }, alone = INDEX_ALONE;
        uint64_t own;

        assert_true(index_own(&a, index_number(&a, 100), &own));
        assert_int_equal(own, 100);
        assert_false(index_own(&b, index_number(&a, 100), &own));
        assert_int_equal(index_number(&alone, 100), 100);
        assert_true(index_own(&alone, 100, &own));
        assert_true(index_number(&a, 101) > index_number(&a, 100));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_requests), cmocka_unit_test(test_answers), cmocka_unit_test(test_bad_answers),
                cmocka_unit_test(test_values), cmocka_unit_test(test_bad_values), cmocka_unit_test(test_numbers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
