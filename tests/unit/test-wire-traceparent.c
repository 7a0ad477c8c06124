/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "wire/traceparent.h"

#define ID "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

/* https://www.w3.org/TR/trace-context/, section 3.2 */
static const struct {
        const char *header;
        bool kept;
        bool sampled;
} cases[] = {
        { "00-" ID "-" SPAN "-01", true, true },
        { "00-" ID "-" SPAN "-00", true, false },
        { "00-" ID "-" SPAN "-02", true, false },
        { "00-" ID "-" SPAN "-ff", true, true },
        { "01-" ID "-" SPAN "-01", true, true },
        { "cc-" ID "-" SPAN "-01-what-the-future-will-be", true, true },
        { "cc-" ID "-" SPAN "-01.what", false, true },
        { "cc-" ID "-" SPAN "-012", false, true },
        { "00-" ID "-" SPAN "-01-", false, true },
        { "00-" ID "-" SPAN "-01 ", false, true },
        { " 00-" ID "-" SPAN "-01", false, true },
        { "ff-" ID "-" SPAN "-01", false, true },
        { "00-00000000000000000000000000000000-" SPAN "-01", false, true },
        { "00-" ID "-0000000000000000-01", false, true },
        { "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", false, true },
        { "0X-" ID "-" SPAN "-01", false, true },
        { "000-" ID "-" SPAN "-01", false, true },
        { "00-" ID "a-" SPAN "-01", false, true },
        { "00-" ID "-" SPAN "a-01", false, true },
        { "00-" ID "-" SPAN "-0", false, true },
        { "00-" ID "-" SPAN "-", false, true },
        { "00-" ID "-" SPAN, false, true },
        { "00-" ID "-", false, true },
        { "00-" ID, false, true },
        { "00-", false, true },
        { "00", false, true },
        { "", false, true },
        { NULL, false, true },
};

static bool is_hex(const char *s, size_t n) {
        return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

static void test_begin(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(freep) char *copy = cases[i].header ? strdup(cases[i].header) : NULL;
                Trace t;

                memset(&t, 'x', sizeof(t));
                trace_begin(&t, copy);
                if (!is_hex(t.id, 32))
                        fail_msg("header %zu, %s, gave an id that is not 32 hex digits", i, copy ? copy : "(null)");
                if ((strcmp(t.id, ID) == 0) != cases[i].kept)
                        fail_msg("header %zu, %s, gave %s", i, copy ? copy : "(null)", t.id);
                if (t.sampled != cases[i].sampled)
                        fail_msg("header %zu, %s, gave sampled %d", i, copy ? copy : "(null)", t.sampled);
        }
}

static void test_format(void **state) {
        char first[TRACEPARENT_SIZE], second[TRACEPARENT_SIZE];
        Trace t, again;

        trace_begin(&t, "00-" ID "-" SPAN "-00");
        trace_format(&t, first);
        trace_format(&t, second);
        assert_int_equal(strlen(first), TRACEPARENT_SIZE - 1);
        assert_memory_equal(first, "00-" ID "-", 36);
        assert_string_equal(first + 52, "-00");
        assert_string_not_equal(first, second);         /* a span id of its own for each request */
        assert_memory_not_equal(first + 36, SPAN, 16);
        trace_begin(&again, second);
        assert_string_equal(again.id, ID);
        assert_false(again.sampled);
}

static int compare(const void *a, const void *b) {
        return memcmp(a, b, sizeof(Trace));
}

/* No id comes twice, over many fillings of the pool, and making them stays cheap. */
static void test_unique(void **state) {
        size_t n = 100000;
        _cleanup_(freep) Trace *traces = calloc(n, sizeof(*traces));
        uint64_t begin = clock_monotonic_usec(), spent;

        assert_non_null(traces);
        for (size_t i = 0; i < n; i++)
                trace_begin(traces + i, NULL);
        spent = clock_monotonic_usec() - begin;
        qsort(traces, n, sizeof(*traces), compare);
        for (size_t i = 1; i < n; i++)
                if (strcmp(traces[i - 1].id, traces[i].id) == 0)
                        fail_msg("the id %s came twice", traces[i].id);

        /* Generous, because sanitizers and a busy machine count in. */
        if (spent > 20 * n)
                fail_msg("a new id took %zu us", (size_t) spent / n);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_begin), cmocka_unit_test(test_format), cmocka_unit_test(test_unique),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
