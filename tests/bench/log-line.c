/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a line costs the request that logs it: log_full() with three fields, in a process with a daemon's sinks and loop, the
 * journal entry sent when the loop has done with the "request". Beside it, in turn, sd_journal_send() of the same
 * entry, and the line when the spool is full and drops others for it. A socket that a child reads stands in for journald's, behind sendmsg(), which libsystemd
 * calls. The one argument is the path of the spool; prints median and 99th percentile of each in nanoseconds. */

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "runtime/journal.h"
#include "runtime/log-shipper.h"
#include "runtime/service.h"

#define LINES 10000
#define INSTANCE "http://127.0.0.1:6000"
#define REQUEST "0af7651916cd43dd8448eb211c80319c"

static struct sockaddr_un journald = { .sun_family = AF_UNIX };
static socklen_t journald_size;

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
        struct msghdr there = *message;

        there.msg_name = &journald;
        there.msg_namelen = journald_size;
        return syscall(SYS_sendmsg, fd, &there, flags);
}

/* Is there a journald? */
int access(const char *path, int mode) {
        return 0;
}

static void read_all(int fd) {
        static char datagram[65536];

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
                (void) recv(fd, datagram, sizeof(datagram), 0);
}

static int start_journald(void) {
        char stream[64];
        struct stat st;
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        (void) snprintf(journald.sun_path + 1, sizeof(journald.sun_path) - 1, "gradebook-bench-%d", (int) getpid());
        journald_size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + strlen(journald.sun_path + 1));
        if (fd < 0 || bind(fd, (struct sockaddr *) &journald, journald_size) < 0 || fstat(STDERR_FILENO, &st) < 0)
                return -1;
        (void) snprintf(stream, sizeof(stream), "%lu:%lu", (unsigned long) st.st_dev, (unsigned long) st.st_ino);
        if (setenv("JOURNAL_STREAM", stream, 1) < 0)
                return -1;
        switch (fork()) {
        case 0:
                read_all(fd);
                return -1;
        case -1:
                return -1;
        default:
                return close(fd);
        }
}

static uint64_t now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

static int compare(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return (x > y) - (x < y);
}

static void print(const char *name, uint64_t taken[static LINES]) {
        qsort(taken, LINES, sizeof(taken[0]), compare);
        (void) printf("%s %lu %lu\n", name, (unsigned long) taken[LINES / 2], (unsigned long) taken[LINES / 100 * 99]);
}

static void measure(sd_event *event, const char *name, uint64_t *alone) {
        static uint64_t taken[LINES];

        for (unsigned i = 0; i < LINES; i++) {
                char student[16], score[16];
                uint64_t begin;

                (void) snprintf(student, sizeof(student), "%u", i % 500);
                (void) snprintf(score, sizeof(score), "%u", i % 100);
                begin = now();
                log_fields(LOG_INFO, ((LogField[]) { { "STUDENT", student }, { "SCORE", score }, { "REQUEST_ID", REQUEST } }),
                           "Student %u has a new grade: %u in \"Quiz %u\"", i % 500, i % 100, i % 7);
                taken[i] = now() - begin;
                while (sd_event_run(event, 0) > 0)
                        ;
                if (!alone)
                        continue;
                begin = now();
                (void) sd_journal_send("MESSAGE=Student %u has a new grade: %u in \"Quiz %u\"", i % 500, i % 100, i % 7, "PRIORITY=6",
                                       "SYSLOG_IDENTIFIER=gradebook-bench", "GRADEBOOK_SERVICE=gradebook-bench", "GRADEBOOK_INSTANCE=" INSTANCE,
                                       "STUDENT=%u", i % 500, "SCORE=%u", i % 100, "REQUEST_ID=" REQUEST, NULL);
                alone[i] = now() - begin;
        }
        print(name, taken);
}

int main(int argc, char *argv[]) {
        static uint64_t alone[LINES];
        _cleanup_(log_shipper_freep) LogShipper *shipper = NULL;
        _cleanup_(journal_sink_freep) JournalSink *journal = NULL;
        Runtime rt = {};

        /* Without a client, so without a log service: lines only come to it, and each begins a page as often as can be. */
        if (argc != 2 || start_journald() < 0 || sd_event_default(&rt.event) < 0 || log_shipper_new(&shipper, "gradebook-bench", argv[1]) < 0 ||
            log_shipper_set_instance(shipper, INSTANCE) < 0 || journal_sink_new(&journal, "gradebook-bench") < 0 ||
            journal_sink_set_instance(journal, INSTANCE) < 0 || journal_sink_set_event(journal, rt.event) < 0 ||
            log_shipper_start(shipper, &(LogShipperOptions) { .rt = &rt, .spool_max_bytes = LOG_SPOOL_BYTES }) < 0) {
                (void) fprintf(stderr, "usage: log-line SPOOL\n");
                return 1;
        }
        measure(rt.event, "line", alone);
        print("alone", alone);
        while (log_shipper_counters(shipper).dropped == 0)
                log_info("until it is full");
        measure(rt.event, "full", NULL);
        (void) unlink(argv[1]);
        shipper = log_shipper_free(shipper);
        journal = journal_sink_free(journal);
        sd_event_unref(rt.event);
        return 0;
}
