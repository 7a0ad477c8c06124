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

static void read_histogram(MetricWriter *w, void *userdata) {
        metric_write_histogram(w, userdata);
}

static void test_histogram(void **state) {
        static const MetricItem histogram[] = { { "h_seconds", METRIC_HISTOGRAM, NULL, read_histogram }, METRIC_END };
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        MetricHistogram h = {};

        metric_observe(&h, 0);
        metric_observe(&h, 500);        /* a bound belongs to its bucket */
        metric_observe(&h, 501);
        metric_observe(&h, 5000001);
        metrics_write(histogram, &h, &out);
        assert_string_equal(buffer_text(&out),
                            "# TYPE h_seconds histogram\n"
                            "h_seconds_bucket{le=\"0.0005\"} 2\nh_seconds_bucket{le=\"0.001\"} 3\n"
                            "h_seconds_bucket{le=\"0.0025\"} 3\nh_seconds_bucket{le=\"0.005\"} 3\nh_seconds_bucket{le=\"0.01\"} 3\n"
                            "h_seconds_bucket{le=\"0.025\"} 3\nh_seconds_bucket{le=\"0.05\"} 3\nh_seconds_bucket{le=\"0.1\"} 3\n"
                            "h_seconds_bucket{le=\"0.25\"} 3\nh_seconds_bucket{le=\"0.5\"} 3\nh_seconds_bucket{le=\"1\"} 3\n"
                            "h_seconds_bucket{le=\"2.5\"} 3\nh_seconds_bucket{le=\"5\"} 3\nh_seconds_bucket{le=\"+Inf\"} 4\n"
                            "h_seconds_sum 5.001002\nh_seconds_count 4\n");
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
                cmocka_unit_test(test_histogram),
                cmocka_unit_test(test_full_buffer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
