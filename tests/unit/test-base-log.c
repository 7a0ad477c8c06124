/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/text.h"

/* A sink that keeps the last line. */
typedef struct Seen {
        unsigned lines;
        int priority;
        char message[8192];
        char message_id[33];
        size_t n_fields;
        char value[64];
} Seen;

static void keep(const LogLine *line, void *userdata) {
        Seen *seen = userdata;

        seen->lines++;
        seen->priority = line->priority;
        (void) strncpy(seen->message, line->message, sizeof(seen->message) - 1);
        (void) strncpy(seen->message_id, line->message_id ? line->message_id : "", sizeof(seen->message_id) - 1);
        seen->n_fields = line->n_fields;
        (void) strncpy(seen->value, line->n_fields > 0 ? line->fields[0].value : "", sizeof(seen->value) - 1);
        errno = EDOM;
}

static void test_sinks(void **state) {
        Seen one = {}, two = {};

        log_add_sink(keep, &one);
        log_add_sink(keep, &two);
        errno = ERANGE;
        log_warning("%d students", 3);
        assert_int_equal(errno, ERANGE);
        assert_int_equal(one.lines, 1);
        assert_int_equal(two.lines, 1);
        assert_int_equal(one.priority, LOG_WARNING);
        assert_string_equal(one.message, "3 students");

        log_remove_sink(keep, &one);
        log_full(LOG_ERR, "00112233445566778899aabbccddeeff", NULL, 0, "%s", "gone");
        log_fields(LOG_INFO, ((LogField[]) { { "STUDENT", "7" } }), "one field");
        assert_int_equal(one.lines, 1);
        assert_int_equal(two.lines, 3);
        assert_string_equal(two.message, "one field");
        assert_int_equal(two.n_fields, 1);
        assert_string_equal(two.value, "7");
        log_remove_sink(keep, &two);
}

static void test_level(void **state) {
        Seen seen = {};

        log_add_sink(keep, &seen);
        assert_int_equal(log_level(), LOG_INFO);
        log_debug("not wanted");
        assert_int_equal(seen.lines, 0);
        log_set_level(LOG_DEBUG);
        log_debug("wanted");
        assert_int_equal(seen.lines, 1);
        log_set_level(LOG_INFO);
        log_remove_sink(keep, &seen);
}

/* Whatever is logged arrives as one line of UTF-8. */
static void test_one_line(void **state) {
        static const struct {
                const char *in;
                const char *out;
        } cases[] = {
                { "a\nb\tc\x7f", "a b c " },
                { "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80", "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80" },
                { "J\xf6rg\n\xe2\x82\xac", "J?rg \xe2\x82\xac" },
                { "\xe2\x82", "??" },
                { "\xff\xc3\xb6\xff", "?\xc3\xb6?" },
                { "\xc0\x80", "??" },
        };
        char longest[5000];
        Seen seen = {};

        log_add_sink(keep, &seen);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                log_info("%s", cases[i].in);
                if (strcmp(seen.message, cases[i].out) != 0)
                        fail_msg("message %zu arrived as \"%s\" instead of \"%s\"", i, seen.message, cases[i].out);
        }

        /* The limit falls into the middle of a character for at least two of these three. */
        for (size_t shift = 0; shift < 3; shift++) {
                memset(longest, 'x', sizeof(longest));
                for (size_t i = shift; i + 3 < sizeof(longest); i += 3)
                        memcpy(longest + i, "\xe2\x82\xac", 3);
                longest[sizeof(longest) - 1] = 0;
                log_info("%s", longest);
                assert_true(strlen(seen.message) > 4000);
                assert_true(text_is_utf8(seen.message, strlen(seen.message)));
        }
        log_remove_sink(keep, &seen);
}

static void number(LogLine *line, void *userdata) {
        uint64_t *last = userdata;

        if (line->priority > LOG_INFO)
                return;
        line->source = "here";
        line->sequence = ++*last;
}

static void keep_number(const LogLine *line, void *userdata) {
        if (line->source)
                assert_string_equal(line->source, "here");
        *(uint64_t *) userdata = line->source ? line->sequence : 0;
}

static void test_numbering(void **state) {
        uint64_t last = 41, one = 0, two = 0;

        log_set_level(LOG_DEBUG);
        log_add_sink(keep_number, &one);
        log_add_sink(keep_number, &two);
        log_set_numbering(number, &last);
        log_info("one number for all sinks");
        assert_int_equal(one, 42);
        assert_int_equal(two, 42);
        log_debug("none");
        assert_int_equal(one, 0);
        one = 1;
        log_local(LOG_NOTICE, NULL, NULL, 0, "stays here, and leaves no gap");
        assert_int_equal(one, 0);
        log_info("the next");
        assert_int_equal(one, 43);
        log_set_level(LOG_INFO);
        log_debug("not even asked for one");
        log_set_numbering(NULL, NULL);
        log_info("none any more");
        assert_int_equal(one, 0);
        assert_int_equal(last, 43);
        log_remove_sink(keep_number, &one);
        log_remove_sink(keep_number, &two);
}

static void test_priorities(void **state) {
        for (int priority = LOG_EMERG; priority <= LOG_DEBUG; priority++)
                assert_int_equal(log_priority_from_name(log_priority_name(priority)), priority);
        assert_int_equal(log_priority_from_name("WARNING"), LOG_WARNING);
        assert_int_equal(log_priority_from_name("loud"), -EINVAL);
        assert_string_equal(log_priority_name(8), "info");
        assert_string_equal(log_priority_name(-1), "info");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sinks), cmocka_unit_test(test_level),
                cmocka_unit_test(test_one_line), cmocka_unit_test(test_numbering),
                cmocka_unit_test(test_priorities),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
