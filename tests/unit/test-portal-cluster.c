/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "portal/cluster-services.h"
#include "portal/log.h"
#include "wire/json.h"

/* The services of a list, as the registry writes it. */
static json_object *list_of(const char *text) {
        json_object *o = NULL;

        assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
        return o;
}

static void assert_sum(const char *text, Language l, const char *sentence, const char *class) {
        _cleanup_(json_unrefp) json_object *list = list_of(text);
        _cleanup_(freep) ServiceInstance *instances = NULL;
        _cleanup_(overview_freep) Overview *o = NULL;
        _cleanup_(freep) char *said = NULL;
        const char *how;
        size_t n;

        assert_int_equal(cluster_services_read(list, &instances, &n), 0);
        assert_int_equal(cluster_services_overview(instances, n, &o), 0);
        assert_int_equal(cluster_services_sum_up(o, l, &said, &how), 0);
        assert_string_equal(said, sentence);
        assert_string_equal(how, class);
}

#define ONE(name, state, required) "{\"ServiceName\":\"" name "\",\"ServiceURL\":\"http://" name "\",\"State\":\"" state "\",\"RequiredServices\":[" required "]}"

static void test_the_worst_is_said(void **state) {
        assert_sum("[]", LANGUAGE_EN, "Nothing is registered yet", "missing");
        assert_sum("[" ONE("A", "passing", "\"B\"") "," ONE("B", "passing", "") "]", LANGUAGE_EN, "All services are well", "passing");
        assert_sum("[" ONE("A", "passing", "\"B\",\"C\"") "," ONE("D", "critical", "") "]", LANGUAGE_EN, "Missing: B, C", "missing");
        assert_sum("[" ONE("A", "draining", "") "," ONE("B", "critical", "") "]", LANGUAGE_EN, "Does not answer: B", "critical");
        assert_sum("[" ONE("A", "suspect", "") "]", LANGUAGE_EN, "Not all instances are well: A", "degraded");
        assert_sum("[" ONE("A", "draining", "") "]", LANGUAGE_ZH, "正在排空：A", "draining");
}

static void test_order_and_what_is_left_out(void **state) {
        _cleanup_(json_unrefp) json_object *list = list_of("[" ONE("B", "passing", "") "," ONE("A", "passing", "\"*\"") ",7,{\"ServiceName\":\"\"},"
                                                           ONE("C", "critical", "") "," ONE("Z", "something new", "") "]");
        _cleanup_(freep) ServiceInstance *instances = NULL;
        size_t n;

        assert_int_equal(cluster_services_read(list, &instances, &n), 0);
        assert_int_equal(n, 4);
        assert_string_equal(instances[0].name, "C");
        assert_string_equal(instances[1].name, "Z");
        assert_int_equal(instances[1].state, INSTANCE_UNKNOWN);
        assert_string_equal(instances[2].name, "A");
        assert_string_equal(instances[3].name, "B");
}

static void assert_shown(const char *text, size_t max, const char *expected, bool cut) {
        _cleanup_(freep) char *shown = NULL;
        bool is_cut;

        assert_int_equal(log_text_show(text, max, &shown, &is_cut), 0);
        assert_string_equal(shown, expected);
        assert_int_equal(is_cut, cut);
}

static void test_nothing_stays_unseen(void **state) {
        assert_shown("", 10, "", false);
        assert_shown("plain 文字 é 🙂", 100, "plain 文字 é 🙂", false);
        assert_shown("\a\x1b[0m\x7f", 100, "\\x07\\x1b[0m\\x7f", false);
        assert_shown("a\u202Eb\u200Bc\u2066d\uFEFFe\xc2\x85", 100, "a\\u202eb\\u200bc\\u2066d\\ufeffe\\x85", false);
        assert_shown("\U000E0041", 100, "\\ue0041", false);
        /* No character is cut in two, and what is no UTF-8 ends it. */
        assert_shown("ab文", 4, "ab", true);
        assert_shown("ab文", 5, "ab文", false);
        assert_shown("ab\xff文", 100, "ab", true);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_worst_is_said),
                cmocka_unit_test(test_order_and_what_is_left_out),
                cmocka_unit_test(test_nothing_stays_unseen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
