/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/metrics.h"

static void read_value(MetricWriter *w, void *userdata) {
        metric_write(w, *(uint64_t *) userdata);
}

static void read_labels(MetricWriter *w, void *userdata) {
        metric_write_label(w, "code", "2xx", 7);
        metric_write_label(w, "code", "a\\b\"c\nd", 0);
}

static const MetricItem items[] = {
        { "gradebook_test_total", METRIC_COUNTER, "What was counted,\nin two \\ lines.", read_value },
        { "gradebook_test_now", METRIC_GAUGE, "What is.", read_labels },
        METRIC_END,
};

static void test_text(void **state) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        uint64_t value = UINT64_MAX;

        metrics_write(items, &value, &out);
        assert_int_equal(out.error, 0);
        assert_string_equal(buffer_text(&out),
                            "# HELP gradebook_test_total What was counted,\\nin two \\\\ lines.\n"
                            "# TYPE gradebook_test_total counter\n"
                            "gradebook_test_total 18446744073709551615\n"
                            "# HELP gradebook_test_now What is.\n"
                            "# TYPE gradebook_test_now gauge\n"
                            "gradebook_test_now{code=\"2xx\"} 7\n"
                            "gradebook_test_now{code=\"a\\\\b\\\"c\\nd\"} 0\n");
}

static void test_full_buffer(void **state) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_MAX(40);
        uint64_t value = 1;

        metrics_write(items, &value, &out);
        assert_true(out.error < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_full_buffer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
