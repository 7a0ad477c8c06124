/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ledger.h"
#include "ctl/log-format.h"
#include "ctl/progress.h"
#include "wire/json.h"

/* gradebookctl ledger verify: the whole ledger is read page by page, each hash is made again, and what the central log was told of where it
 * ended is looked for in it. Then the service holds its rows against it. */

#define PAGE_ENTRIES 10000
#define PROBLEMS_MAX 20                 /* that are told one by one */
#define CHECK_USEC (3600 * USEC_PER_SEC)

const CtlOption ctl_ledger_verify_options[] = {
        { "no-anchors", 0, NULL, "Do not ask the central log, and do not find what was cut or made anew as a whole" },
        { .name = NULL },
};

typedef struct LedgerVerify {
        const Ctl *ctl;
        Connection *connection;
        Anchors anchors;
        size_t next_anchor;             /* those before it are compared */
        uint64_t agreed;                /* the sequence of the last anchor that agrees */
        size_t n_agree;
        size_t n_replaced;              /* do not, and are older than a restore */
        LedgerTip head;                 /* as the service says */
        LedgerTip tip;                  /* behind the entry that was read last */
        uint64_t n_entries, n_differences;
        size_t n_problems;
        json_object *problems;          /* with --json */
        Progress progress;
} LedgerVerify;

static void tell(LedgerVerify *v, const char *format, ...) _printf_(2, 3);
static void tell(LedgerVerify *v, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list ap;

        if (v->n_problems++ >= PROBLEMS_MAX)
                return;
        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        if (v->ctl->json)
                (void) json_object_array_add(v->problems, json_object_new_string(text ? text : "out of memory"));
        else
                (void) printf("%s\n", text ? text : "out of memory");
}

/* ---- the anchors ---- */

/* Counts one that does not agree and is older than a restore: it may be of what that replaced. The restore itself is told, always. */
static bool is_replaced(LedgerVerify *v, const Anchor *a) {
        if (a->time_usec >= v->anchors.restored_usec)
                return false;
        v->n_replaced++;
        return true;
}

/* One that was told of this entry, or of one before it that is missing. */
static void compare_anchor(LedgerVerify *v, const Anchor *a, const LedgerEntry *e) {
        char when[LOG_FORMAT_TIME_SIZE];

        if (a->sequence == e->sequence && memcmp(a->hash, e->hash, LEDGER_HASH_SIZE) == 0) {
                v->n_agree++;
                v->agreed = a->sequence;
                return;
        }
        if (is_replaced(v, a))
                return;
        log_format_time(a->time_usec, LOG_TIME_DATE, when);
        if (a->sequence == e->sequence)
                tell(v, "Entry %" PRIu64 " is not the one that the central log was told of at %s: the ledger was rewritten there or before, "
                     "behind entry %" PRIu64, a->sequence, when, v->agreed);
        else
                tell(v, "Entry %" PRIu64 ", which the central log was told of at %s, is missing", a->sequence, when);
}

static void compare_anchors_to(LedgerVerify *v, const LedgerEntry *e) {
        while (v->next_anchor < v->anchors.n && v->anchors.anchors[v->next_anchor].sequence <= e->sequence)
                compare_anchor(v, v->anchors.anchors + v->next_anchor++, e);
}

static void compare_anchors_behind(LedgerVerify *v) {
        const Anchor *last = NULL;
        char when[LOG_FORMAT_TIME_SIZE];

        for (; v->next_anchor < v->anchors.n; v->next_anchor++)
                if (!is_replaced(v, v->anchors.anchors + v->next_anchor))
                        last = v->anchors.anchors + v->next_anchor;
        if (!last)
                return;
        log_format_time(last->time_usec, LOG_TIME_DATE, when);
        tell(v, "The ledger was cut: it ends with entry %" PRIu64 ", and the central log was told of entry %" PRIu64 " at %s", v->tip.sequence,
             last->sequence, when);
}

/* ---- the entries ---- */

static void tell_break(LedgerVerify *v, const LedgerEntry *e, int error) {
        if (error == -ENODATA && e->sequence > v->tip.sequence + 1)
                tell(v, "Entries %" PRIu64 " to %" PRIu64 " are missing", v->tip.sequence + 1, e->sequence - 1);
        else if (error == -ENODATA)
                tell(v, "Entry %" PRIu64 " stands behind entry %" PRIu64, e->sequence, v->tip.sequence);
        else if (error == -ENOLINK)
                tell(v, "Entry %" PRIu64 " does not follow the entry before it: one of the two was rewritten", e->sequence);
        else
                tell(v, "Entry %" PRIu64 " was rewritten, or the one before it: its hash is not that of what it says", e->sequence);
}

static int take_entry(LedgerVerify *v, const char *line, size_t size) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL;
        LedgerEntry e;
        int r;

        r = json_parse_object(line, size, &o, &problem);
        if (r >= 0)
                r = ledger_entry_from_json(o, &e, &problem);
        if (r < 0)
                return ctl_fail(CTL_FAILURE, "GradingService answers what is no entry of a ledger, behind entry %" PRIu64 ": %s", v->tip.sequence,
                                problem.detail ? problem.detail : strerror(-r));
        r = ledger_entry_verify(&v->tip, &e);
        if (r < 0) {
                tell_break(v, &e, r);
                /* What stands behind it is looked at too. */
                v->tip.sequence = e.sequence;
                memcpy(v->tip.hash, e.hash, LEDGER_HASH_SIZE);
        }
        v->n_entries++;
        compare_anchors_to(v, &e);
        progress_advance(&v->progress, v->progress.done < v->progress.total);
        return CTL_OK;
}

/* The entry that cannot be sent is the one that is wrong: the service names it. */
static int fail_page(LedgerVerify *v, const Call *call) {
        _cleanup_(json_unrefp) json_object *o = NULL;

        if (call->error >= 0 && call->status == 500 && json_parse_object(call->answer, call->answer_size, &o, NULL) >= 0 &&
            *log_format_text(o, "detail")) {
                tell(v, "%s", log_format_text(o, "detail"));
                return CTL_FAILURE;
        }
        return connection_check(PEER_GRADING, call);
}

static int read_page(LedgerVerify *v, bool *ret_more) {
        _cleanup_(call_deinit) Call call = {};
        const char *line, *stop;
        char path[96];
        int code;

        (void) snprintf(path, sizeof(path), "/ledger?after=%" PRIu64 "&limit=%d", v->tip.sequence, PAGE_ENTRIES);
        code = connection_prepare(v->connection, PEER_GRADING, path, &call);
        if (code == CTL_OK)
                code = connection_run(v->connection, &call, 1);
        if (code == CTL_OK && (call.error < 0 || call.status != 200))
                code = fail_page(v, &call);
        if (code != CTL_OK)
                return code;
        line = call.answer;
        stop = line + call.answer_size;
        *ret_more = line < stop;
        while (code == CTL_OK && line < stop) {
                const char *end = memchr(line, '\n', (size_t) (stop - line));

                end = end ? end : stop;
                code = take_entry(v, line, (size_t) (end - line));
                line = end + 1;
        }
        return code;
}

/* What comes while it is read is read as well, or not. */
static int read_entries(LedgerVerify *v) {
        bool more = true;
        int code = CTL_OK;

        progress_begin(&v->progress, "entries", v->head.sequence, v->ctl->json);
        while (code == CTL_OK && more && (v->tip.sequence < v->head.sequence || v->n_entries == 0))
                code = read_page(v, &more);
        progress_end(&v->progress);
        if (code == CTL_OK && v->tip.sequence < v->head.sequence)
                tell(v, "Entries %" PRIu64 " to %" PRIu64 " are missing", v->tip.sequence + 1, v->head.sequence);
        if (code == CTL_OK)
                compare_anchors_behind(v);
        return code;
}

static int read_head(LedgerVerify *v) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        const char *hash;
        size_t size;
        int code;

        code = connection_request(v->connection, PEER_GRADING, NULL, "/ledger/head", NULL, &o);
        if (code != CTL_OK)
                return code;
        hash = log_format_text(o, "Hash");
        if (json_get_uint64(o, "Sequence", 0, LEDGER_NUMBER_MAX, &v->head.sequence, NULL) < 0 || strlen(hash) != 2 * LEDGER_HASH_SIZE ||
            sodium_hex2bin(v->head.hash, LEDGER_HASH_SIZE, hash, strlen(hash), NULL, &size, NULL) < 0)
                return ctl_fail(CTL_FAILURE, "GradingService answers what is no head of a ledger");
        return CTL_OK;
}

/* ---- the rows ---- */

static int check_rows(LedgerVerify *v) {
        _cleanup_(call_deinit) Call call = { .method = "POST", .timeout_usec = CHECK_USEC };
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *list = NULL;
        int code;

        code = connection_prepare(v->connection, PEER_GRADING, "/ledger/check", &call);
        if (code == CTL_OK)
                code = connection_run(v->connection, &call, 1);
        if (code == CTL_OK)
                code = connection_check(PEER_GRADING, &call);
        if (code != CTL_OK)
                return code;
        if (json_parse_object(call.answer, call.answer_size, &o, NULL) < 0 || json_get_array(o, "Differences", SIZE_MAX, &list, NULL) < 0 ||
            json_get_uint64(o, "DifferenceCount", 0, LEDGER_NUMBER_MAX, &v->n_differences, NULL) < 0)
                return ctl_fail(CTL_FAILURE, "GradingService answers what is no check of a ledger");
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                json_object *d = json_object_array_get_idx(list, i);

                tell(v, "The %s %" PRIu64 " %s", log_format_text(d, "Kind"), json_object_get_uint64(json_object_object_get(d, "ID")),
                     log_format_text(d, "What"));
        }
        return CTL_OK;
}

/* ---- the end ---- */

static int print_json(LedgerVerify *v, const char *hash) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        if (!o || json_add_uint64(o, "Entries", v->n_entries) < 0 || json_add_uint64(o, "Sequence", v->tip.sequence) < 0 ||
            json_add_text(o, "Hash", hash) < 0 || json_add_uint64(o, "Anchors", v->anchors.n) < 0 ||
            json_add_uint64(o, "AnchorsAgree", v->n_agree) < 0 || json_add_uint64(o, "AnchorsReplaced", v->n_replaced) < 0 ||
            json_add_uint64(o, "Restores", v->anchors.n_restores) < 0 || json_add_uint64(o, "ProblemCount", v->n_problems) < 0 ||
            json_add(o, "Problems", json_object_get(v->problems)) < 0)
                return ctl_fail(CTL_FAILURE, "out of memory");
        return output_json(o);
}

static void print_restores(const LedgerVerify *v) {
        char when[LOG_FORMAT_TIME_SIZE];

        if (v->anchors.n_restores == 0)
                return;
        log_format_time(v->anchors.restored_usec, LOG_TIME_DATE, when);
        (void) printf("A backup was restored %zu time%s, last at %s: %zu anchor%s from before %s of what that replaced.\n", v->anchors.n_restores,
                      v->anchors.n_restores == 1 ? "" : "s", when, v->n_replaced, v->n_replaced == 1 ? "" : "s", v->n_replaced == 1 ? "is" : "are");
}

static int print_summary(LedgerVerify *v) {
        char hash[2 * LEDGER_HASH_SIZE + 1];

        if (!ctl_option(v->ctl, "no-anchors") && v->anchors.n == 0)
                tell(v, "The central log has no anchor of the ledger: whether it was cut or made anew as a whole is not known");
        (void) sodium_bin2hex(hash, sizeof(hash), v->tip.hash, LEDGER_HASH_SIZE);
        if (v->ctl->json)
                return print_json(v, hash);
        if (v->n_problems > PROBLEMS_MAX)
                (void) printf("… and %zu more\n", v->n_problems - PROBLEMS_MAX);
        if (v->anchors.more)
                (void) printf("Only the newest %d anchors were compared.\n", ANCHORS_MAX);
        if (v->anchors.unreadable > 0)
                (void) printf("%zu anchors in the central log cannot be read.\n", v->anchors.unreadable);
        print_restores(v);
        if (v->n_problems == 0) {
                (void) printf("Verified %" PRIu64 " entries, head %" PRIu64 " %s, %zu anchors agree, all rows are as the ledger says.\n",
                              v->n_entries, v->tip.sequence, hash, v->n_agree);
                return CTL_OK;
        }
        output_styled(stdout, v->ctl->colour, STYLE_BAD, "The ledger does not verify");
        (void) printf(": %" PRIu64 " entries read, %zu of %zu anchors agree.\n", v->n_entries, v->n_agree, v->anchors.n);
        return CTL_OK;
}

static int verify(LedgerVerify *v) {
        int code;

        code = connection_open(v->ctl, &v->connection);
        /* The anchors first: each of them is then of an entry that must be there. */
        if (code == CTL_OK && !ctl_option(v->ctl, "no-anchors"))
                code = anchors_load(v->connection, &v->anchors);
        if (code == CTL_OK)
                code = read_head(v);
        if (code == CTL_OK)
                code = read_entries(v);
        if (code == CTL_OK)
                code = check_rows(v);
        if (code == CTL_OK || v->n_problems > 0)
                (void) print_summary(v);
        return code == CTL_OK && v->n_problems > 0 ? CTL_FAILURE : code;
}

int ctl_ledger_verify(Ctl *ctl, char *arguments[]) {
        LedgerVerify v = { .ctl = ctl, .problems = json_object_new_array() };
        int code;

        if (!v.problems)
                return ctl_fail(CTL_FAILURE, "out of memory");
        code = verify(&v);
        json_object_put(v.problems);
        anchors_deinit(&v.anchors);
        connection_free(v.connection);
        return code;
}
