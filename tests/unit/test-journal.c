/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "runtime/journal.h"

/* What journald would have got: the datagrams, each as text and with a NUL. libsystemd calls this one. */
static struct {
        char entries[4096][1024];
        size_t n;
} journald;

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
        char *entry = journald.entries[journald.n];
        size_t size = 0;

        assert_true(journald.n < sizeof(journald.entries) / sizeof(journald.entries[0]));
        for (size_t i = 0; i < message->msg_iovlen; i++) {
                size_t n = message->msg_iov[i].iov_len;

                assert_true(size + n < sizeof(journald.entries[0]));
                memcpy(entry + size, message->msg_iov[i].iov_base, n);
                size += n;
        }
        entry[size] = 0;
        journald.n++;
        return (ssize_t) size;
}

int access(const char *path, int mode) {
        return 0;
}

/* A sink as a daemon has it, whose stderr is a stream of journald. */
static JournalSink *make(sd_event **event) {
        char stream[64];
        JournalSink *j;
        struct stat st;

        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        (void) snprintf(stream, sizeof(stream), "%lu:%lu", (unsigned long) st.st_dev, (unsigned long) st.st_ino);
        assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
        journald.n = 0;
        assert_int_equal(journal_sink_new(&j, "gradebook-test"), 0);
        assert_true(sd_event_new(event) >= 0);
        return j;
}

static void turn(sd_event *event) {
        while (sd_event_run(event, 0) > 0)
                ;
}

static void assert_message(size_t i, const char *message) {
        char expected[128];

        assert_true(i < journald.n);
        (void) snprintf(expected, sizeof(expected), "MESSAGE=%s\n", message);
        assert_memory_equal(journald.entries[i], expected, strlen(expected));
}

static void number(LogLine *line, void *userdata) {
        line->source = "00112233445566778899aabbccddeeff";
        line->sequence = 42;
}

static void test_fields(void **state) {
        sd_event *event;
        JournalSink *j = make(&event);

        log_fields(LOG_NOTICE, ((LogField[]) { { "STUDENT", "7" }, { "NOTHING", NULL } }), "at once, as there is no loop yet");
        assert_int_equal(journald.n, 1);
        assert_string_equal(journald.entries[0], "MESSAGE=at once, as there is no loop yet\nPRIORITY=5\nSYSLOG_IDENTIFIER=gradebook-test\n"
                            "GRADEBOOK_SERVICE=gradebook-test\nSTUDENT=7\n");
        log_set_numbering(number, NULL);
        log_info("numbered");
        log_set_numbering(NULL, NULL);
        assert_non_null(strstr(journald.entries[1], "\nGRADEBOOK_SOURCE=00112233445566778899aabbccddeeff\nGRADEBOOK_SEQUENCE=42\n"));
        journal_sink_free(j);
        sd_event_unref(event);
}

static void test_entries_wait_for_the_loop(void **state) {
        sd_event *event;
        JournalSink *j = make(&event);

        assert_true(journal_sink_set_event(j, event) >= 0);
        log_info("one");
        log_warning("two");
        assert_int_equal(journald.n, 0);
        turn(event);
        assert_int_equal(journald.n, 2);
        assert_message(0, "one");
        assert_message(1, "two");
        /* An error takes those before it along. */
        log_info("three");
        log_error("four");
        assert_int_equal(journald.n, 4);
        assert_message(2, "three");
        assert_message(3, "four");
        turn(event);
        assert_int_equal(journald.n, 4);
        /* The end too. */
        log_info("five");
        journal_sink_free(j);
        assert_int_equal(journald.n, 5);
        assert_message(4, "five");
        sd_event_unref(event);
}

static void test_what_waits_is_bounded_and_in_order(void **state) {
        sd_event *event;
        JournalSink *j = make(&event);
        size_t early;

        assert_true(journal_sink_set_event(j, event) >= 0);
        for (int i = 0; i < 2000; i++)
                log_info("%d %0100d", i, 0);
        early = journald.n;
        assert_true(early > 1000 && early < 2000);
        turn(event);
        assert_int_equal(journald.n, 2000);
        for (int i = 0; i < 2000; i++) {
                char message[128];

                (void) snprintf(message, sizeof(message), "%d %0100d", i, 0);
                assert_message((size_t) i, message);
        }
        journal_sink_free(j);
        sd_event_unref(event);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_entries_wait_for_the_loop),
                cmocka_unit_test(test_what_waits_is_bounded_and_in_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
