/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "ctl/log-excuses.h"
#include "ctl/log-journal.h"
#include "ctl/log-view.h"
#include "wire/json.h"

/* gradebookctl log verify: both copies are read side by side in stretches of time. Apart are they by how long a line takes to reach journald
 * from the program that has put its time into it: a stretch's end is looked at again with the next one. */

#define DAY_USEC (86400 * USEC_PER_SEC)
#define APART_USEC (10 * USEC_PER_SEC)  /* what is younger is perhaps still under way */
#define STRETCH_LINES 20000             /* of the journal */
#define WAITING_MAX 500000              /* lines that may wait for their counterpart: about 150 MB */

const CtlOption ctl_log_verify_options[] = {
        { "since", 'S', "TIME", "Compare what is not older (otherwise the last day)" },
        { "until", 'U', "TIME", "Compare what is not newer" },
        { "all", 0, NULL, "Compare as far back as both reach" },
        { "no-pager", 0, NULL, "Do not show it in a pager" },
        { .name = NULL },
};

typedef struct Verify {
        const Ctl *ctl;
        Connection *connection;
        LogJournal *journal;
        Compare *compare;
        Excuses excuses;
        LogView view;           /* for its pager, and who reads it */
        char host[HOST_NAME_MAX + 1];
        uint64_t since, until;  /* what is compared */
        bool to_now;            /* until is as late as it can be */
        uint64_t differences[_DIFFERENCE_MAX];  /* the first of them is how many agree */
        uint64_t in_gaps, suppressed, young;
} Verify;

static const char *const difference_names[_DIFFERENCE_MAX] = {
        [DIFFERENCE_NONE] = "lines agree",
        [DIFFERENCE_NOT_CENTRAL] = "missing in the central log",
        [DIFFERENCE_NOT_JOURNAL] = "missing in the journal",
        [DIFFERENCE_TEXT] = "different",
        [DIFFERENCE_TWICE] = "twice in the central log",
};

static int print_json(const char *what, const ComparedLine *line, const char *other) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        char when[CLOCK_TEXT_SIZE];

        clock_format_utc(line->time_usec, when);
        if (!o || json_add_text(o, "Difference", what) < 0 || json_add_text(o, "Time", when) < 0 || json_add_text(o, "Service", line->service) < 0 ||
            json_add_text(o, "Source", line->source) < 0 || json_add_uint64(o, "Sequence", line->sequence) < 0 ||
            json_add_text(o, "Message", line->message) < 0 || (other && json_add_text(o, "CentralMessage", other) < 0))
                return -ENOMEM;
        (void) puts(json_text(o, NULL));
        return 0;
}

static int print_line(Verify *v, Style style, const char *what, const ComparedLine *line, const char *other) {
        _cleanup_(freep) char *service = output_clean(line->service, NULL), *message = output_clean(line->message, NULL);
        _cleanup_(freep) char *source = output_clean(line->source, NULL), *central = output_clean(other ? other : "", NULL);
        char when[LOG_FORMAT_TIME_SIZE];

        if (!ctl_option(v->ctl, "no-pager") && !v->ctl->json)
                pager_open(&v->view.pager);
        if (v->ctl->json)
                return print_json(what, line, other);
        if (!service || !message || !source || !central)
                return -ENOMEM;
        log_format_time(line->time_usec, LOG_TIME_DATE, when);
        output_styled(stdout, v->ctl->colour, style, what);
        (void) printf(": %s %s %s:%" PRIu64 ": %s\n", when, service, source, line->sequence, message);
        if (other)
                (void) printf("%*s the central log has: %s\n", (int) strlen(what), "", central);
        return ferror(stdout) ? -EPIPE : 0;
}

static int tell(Difference d, const ComparedLine *line, const char *other, void *userdata) {
        Excuse excuse = EXCUSE_NONE;
        Verify *v = userdata;

        /* What is at the edges is there so that its counterpart can be found. */
        if (line->time_usec < v->since)
                return 0;
        /* Also those that agree already: they count once all of their time has come. */
        if (line->time_usec > v->until) {
                v->young += v->to_now && d != DIFFERENCE_NONE;
                return 0;
        }
        if (d == DIFFERENCE_NOT_CENTRAL)
                excuse = excuses_find(&v->excuses, line);
        if (excuse == EXCUSE_NONE) {
                v->differences[d]++;
                return d == DIFFERENCE_NONE ? 0 : print_line(v, STYLE_BAD, difference_names[d], line, other);
        }
        v->in_gaps += excuse == EXCUSE_GAP;
        v->suppressed += excuse == EXCUSE_SUPPRESSED;
        return print_line(v, STYLE_FAINT, excuse == EXCUSE_GAP ? "known to be missing" : "held back by the rate limit", line, NULL);
}

/* ---- the two copies ---- */

static int fail_compare(Verify *v, int r) {
        if (r == -EPIPE)
                return log_view_flush(&v->view);
        if (r == -ENOBUFS)
                return ctl_fail(CTL_FAILURE, "more than %d lines are in one copy only: compare a shorter time, with --since= and --until=", WAITING_MAX);
        return ctl_fail(CTL_FAILURE, "the comparison failed: %s", strerror(-r));
}

static int take_central(json_object *record, const char *line, size_t size, void *userdata) {
        Verify *v = userdata;
        ComparedLine l = {};
        json_object *sequence;
        int r;

        /* What has no number came from no daemon of ours. */
        if (!json_object_object_get_ex(record, "Sequence", &sequence) || !*log_format_text(record, "Source"))
                return CTL_OK;
        l.source = log_format_text(record, "Source");
        l.sequence = json_object_get_uint64(sequence);
        l.time_usec = log_format_time_usec(record);
        l.service = log_format_text(record, "Service");
        l.message = log_format_text(record, "Message");
        r = compare_add(v->compare, COPY_CENTRAL, &l);
        return r < 0 && r != -EINVAL ? fail_compare(v, r) : CTL_OK;
}

/* Those with a time from since to until, both included. */
static int read_central(Verify *v, uint64_t since, uint64_t until) {
        _cleanup_(buffer_deinit) Buffer filters = BUFFER_NULL;
        LogWalk w = { .order = LOG_OLDEST, .limit = UINT64_MAX, .take = take_central, .userdata = v };
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(since, text);
        log_query_add(&filters, "since", text);
        clock_format_utc(until, text);
        log_query_add(&filters, "until", text);
        log_query_add(&filters, "host", v->host);
        w.filters = buffer_text(&filters);
        return filters.error < 0 ? ctl_fail(CTL_FAILURE, "out of memory") : log_walk(v->connection, &w);
}

/* The journal's next stretch. *ret_end: behind its last line, or end. */
static int read_journal(Verify *v, uint64_t end, uint64_t *ret_end) {
        uint64_t last = 0;
        ComparedLine line;
        int r = 1;

        for (size_t n = 0; n < STRETCH_LINES; n++) {
                r = log_journal_next(v->journal, &line);
                if (r <= 0 || line.time_usec >= end)
                        break;
                last = line.time_usec > last ? line.time_usec : last;
                r = compare_add(v->compare, COPY_JOURNAL, &line);
                if (r < 0 && r != -EINVAL)
                        return fail_compare(v, r);
                r = 1;
        }
        if (r < 0)
                return ctl_fail(CTL_FAILURE, "this machine's journal cannot be read: %s", strerror(-r));
        *ret_end = r == 0 || line.time_usec >= end ? end : last + 1;
        return CTL_OK;
}

static int compare_copies(Verify *v) {
        uint64_t at = v->since > APART_USEC ? v->since - APART_USEC : 0, end = v->until + APART_USEC + 1;
        int code = CTL_OK, r;

        r = log_journal_seek(v->journal, at);
        if (r < 0)
                return ctl_fail(CTL_FAILURE, "this machine's journal cannot be read: %s", strerror(-r));
        while (code == CTL_OK && at < end && !v->view.gone) {
                uint64_t next = end;

                code = read_journal(v, end, &next);
                /* A clock that was put back. */
                next = next > at ? next : at + 1;
                if (code == CTL_OK)
                        code = read_central(v, at, next - 1);
                r = code == CTL_OK ? compare_expire(v->compare, next == end ? UINT64_MAX : next - APART_USEC) : 0;
                if (r < 0)
                        code = fail_compare(v, r);
                at = next;
        }
        return code;
}

/* ---- what is compared ---- */

static int take_time(json_object *record, const char *line, size_t size, void *userdata) {
        *(uint64_t *) userdata = record ? log_format_time_usec(record) : 0;
        return LOG_STOP;
}

static void say_begin(const Verify *v, const char *copy) {
        char when[LOG_FORMAT_TIME_SIZE];

        log_format_time(v->since, LOG_TIME_DATE, when);
        (void) fprintf(stderr, "gradebookctl: the %s reaches back to %s: what is older is not compared\n", copy, when);
}

/* Neither copy goes back for ever. */
static int limit_since(Verify *v) {
        LogWalk w = { .order = LOG_OLDEST, .limit = 1, .take = take_time };
        uint64_t oldest = 0;
        ComparedLine line;
        int code, r;

        r = log_journal_seek(v->journal, 0);
        if (r >= 0)
                r = log_journal_next(v->journal, &line);
        if (r < 0)
                return ctl_fail(CTL_FAILURE, "this machine's journal cannot be read: %s", strerror(-r));
        if (r == 0)
                return ctl_fail(CTL_NOT_FOUND, "this machine's journal has no line of a daemon of gradebook that says which one it is (GRADEBOOK_SEQUENCE=)");
        if (line.time_usec > v->since) {
                v->since = line.time_usec;
                say_begin(v, "journal");
        }
        w.userdata = &oldest;
        code = log_walk(v->connection, &w);
        if (code == CTL_OK && oldest > v->since) {
                v->since = oldest;
                say_begin(v, "central log");
        }
        return code;
}

static int choose_times(Verify *v) {
        uint64_t now = clock_realtime_usec(), since, until;
        _cleanup_(buffer_deinit) Buffer unused = BUFFER_NULL;
        int code;

        code = log_query_add_times(v->ctl, &unused, &since, &until);
        if (code != CTL_OK)
                return code;
        if (since > 0 && ctl_option(v->ctl, "all"))
                return ctl_fail(CTL_USAGE, "--all and --since cannot be had together");
        v->since = ctl_option(v->ctl, "all") ? 0 : since > 0 ? since : now - DAY_USEC;
        v->to_now = until == 0 || until > now - APART_USEC;
        v->until = !v->to_now ? until : now - APART_USEC;
        return CTL_OK;
}

/* ---- the end ---- */

/* How many damaged places the log service has met; UINT64_MAX: it does not say. */
static int ask_damaged(Verify *v, uint64_t *ret) {
        static const char name[] = "\ngradebook_log_damaged_total ";
        _cleanup_(call_deinit) Call call = {};
        const char *found;
        int code;

        *ret = UINT64_MAX;
        code = connection_prepare(v->connection, PEER_LOG, "/metrics", &call);
        if (code == CTL_OK)
                code = connection_run(v->connection, &call, 1);
        if (code == CTL_OK)
                code = connection_check(PEER_LOG, &call);
        if (code != CTL_OK)
                return code;
        found = strstr(call.answer, name);
        if (found && sscanf(found + sizeof(name) - 1, "%" SCNu64, ret) != 1)
                *ret = UINT64_MAX;
        return CTL_OK;
}

static uint64_t sum_differences(const Verify *v) {
        uint64_t sum = 0;

        for (size_t i = DIFFERENCE_NONE + 1; i < _DIFFERENCE_MAX; i++)
                sum += v->differences[i];
        return sum;
}

static int print_json_summary(const Verify *v, uint64_t damaged) {
        static const char *const names[_DIFFERENCE_MAX] = { "Agree", "MissingInLog", "MissingInJournal", "Different", "TwiceInLog" };
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        char since[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
        int r;

        clock_format_utc(v->since, since);
        clock_format_utc(v->until, until);
        r = !o || json_add_text(o, "Host", v->host) < 0 || json_add_text(o, "Since", since) < 0 || json_add_text(o, "Until", until) < 0 ? -ENOMEM : 0;
        for (size_t i = 0; r >= 0 && i < _DIFFERENCE_MAX; i++)
                r = json_add_uint64(o, names[i], v->differences[i]);
        if (r < 0 || json_add_uint64(o, "KnownGaps", v->in_gaps) < 0 || json_add_uint64(o, "Suppressed", v->suppressed) < 0 ||
            json_add_uint64(o, "TooYoung", v->young) < 0 || json_add_uint64(o, "DamagedInJournal", log_journal_damaged(v->journal)) < 0 ||
            (damaged != UINT64_MAX && json_add_uint64(o, "DamagedInLog", damaged) < 0))
                return ctl_fail(CTL_FAILURE, "out of memory");
        return output_json(o);
}

static void print_count(uint64_t n, const char *what) {
        if (n > 0)
                (void) printf("  %8" PRIu64 " %s\n", n, what);
}

static int print_summary(Verify *v) {
        char since[LOG_FORMAT_TIME_SIZE], until[LOG_FORMAT_TIME_SIZE];
        uint64_t damaged;
        int code;

        code = ask_damaged(v, &damaged);
        if (code != CTL_OK)
                return code;
        if (v->ctl->json)
                return print_json_summary(v, damaged);
        if (v->until < v->since) {
                (void) printf("Nothing to compare yet: lines of the last %d s are perhaps still under way.\n", (int) (APART_USEC / USEC_PER_SEC));
                return CTL_OK;
        }
        log_format_time(v->since, LOG_TIME_DATE, since);
        log_format_time(v->until, LOG_TIME_DATE, until);
        (void) printf("The central log and the journal of %s, from %s to %s:\n  %8" PRIu64 " %s\n", v->host, since, until,
                      v->differences[DIFFERENCE_NONE], difference_names[DIFFERENCE_NONE]);
        for (size_t i = DIFFERENCE_NONE + 1; i < _DIFFERENCE_MAX; i++)
                print_count(v->differences[i], difference_names[i]);
        print_count(v->in_gaps, "missing in the central log in gaps it knows of");
        print_count(v->suppressed, "missing in the central log, held back by its rate limit");
        print_count(v->young, "so young that they are perhaps still under way");
        print_count(log_journal_damaged(v->journal), "damaged in the journal");
        print_count(damaged == UINT64_MAX ? 0 : damaged, "damaged places that the log service has met since it started");
        output_styled(stdout, v->ctl->colour, sum_differences(v) > 0 ? STYLE_BAD : STYLE_GOOD, sum_differences(v) > 0 ? "They differ.\n" : "They agree.\n");
        return CTL_OK;
}

static int verify(Verify *v) {
        int code;

        code = choose_times(v);
        if (code == CTL_OK)
                code = connection_open(v->ctl, &v->connection);
        if (code == CTL_OK)
                code = log_journal_open(&v->journal);
        if (code == CTL_OK)
                code = limit_since(v);
        if (code == CTL_OK)
                code = excuses_load(v->connection, v->since, &v->excuses);
        if (code == CTL_OK && compare_new(&v->compare, WAITING_MAX, tell, v) < 0)
                code = ctl_fail(CTL_FAILURE, "out of memory");
        if (code == CTL_OK)
                code = compare_copies(v);
        if (code == CTL_OK && !v->view.gone)
                code = print_summary(v);
        if (code == CTL_OK)
                code = log_view_flush(&v->view);
        return code == CTL_OK && sum_differences(v) > 0 ? CTL_FAILURE : code;
}

int ctl_log_verify(Ctl *ctl, char *arguments[]) {
        LogOptions options = { .ctl = ctl };
        Verify v = { .ctl = ctl };
        int code;

        if (gethostname(v.host, sizeof(v.host)) < 0)
                return ctl_fail(CTL_FAILURE, "this machine's name cannot be read: %m");
        v.host[sizeof(v.host) - 1] = 0;
        log_view_begin(&v.view, &options);
        code = verify(&v);
        pager_close(&v.view.pager);
        compare_free(v.compare);
        excuses_deinit(&v.excuses);
        log_journal_free(v.journal);
        connection_free(v.connection);
        return code == LOG_STOP ? CTL_OK : code;
}
