/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "ctl/connection.h"
#include "ctl/log-format.h"
#include "ctl/output.h"
#include "wire/json.h"
#include "wire/ledger-entry.h"
#include "wire/student.h"

/* gradebookctl ledger show and undo. */

#define SHOW_DEFAULT 20
#define SHOW_MAX 1000
#define PATH_SIZE 128

const CtlOption ctl_ledger_show_options[] = {
        { "student", 0, "ID", "Only what became of this student" },
        { "class", 0, "ID", "Only what became of this class" },
        { "grade", 0, "ID", "Only what became of this grade" },
        { "lines", 'n', "N", "So many entries, 1 to 1000 (otherwise 20)" },
        { .name = NULL },
};

const CtlOption ctl_ledger_undo_options[] = {
        { "set", 0, NULL, "Undo all that was done together with it, such as an import" },
        { "reason", 0, "TEXT", "Why, for the ledger" },
        { .name = NULL },
};

/* ---- show ---- */

static int parse_number(const char *text, const char *what, uint64_t max, uint64_t *ret) {
        if (parse_uint64(text, ret) < 0 || *ret < 1 || *ret > max)
                return ctl_fail(CTL_USAGE, "\"%s\" is no %s: a whole number from 1 to %" PRIu64 " is needed", text, what, max);
        return CTL_OK;
}

static int choose_path(const Ctl *ctl, char path[static PATH_SIZE], bool *ret_history) {
        static const char *const names[] = { "student", "class", "grade" };
        static const char *const paths[] = { "students", "classes", "grades" };
        const char *lines = ctl_option(ctl, "lines");
        uint64_t n = SHOW_DEFAULT, id;
        int code = CTL_OK;

        if (lines)
                code = parse_number(lines, "number of entries", SHOW_MAX, &n);
        *ret_history = false;
        (void) snprintf(path, PATH_SIZE, "/ledger?newest=yes&limit=%" PRIu64, n);
        for (size_t i = 0; code == CTL_OK && i < ELEMENTSOF(names); i++) {
                const char *text = ctl_option(ctl, names[i]);

                if (!text)
                        continue;
                if (*ret_history)
                        return ctl_fail(CTL_USAGE, "only one of --student=, --class= and --grade= can be had");
                code = parse_number(text, "ID", STUDENT_ID_MAX, &id);
                *ret_history = true;
                (void) snprintf(path, PATH_SIZE, "/%s/%" PRIu64 "/history?limit=%" PRIu64, paths[i], id, n);
        }
        return code;
}

/* The members of a row that differ, "Score 85 → 90"; of one that was made or went, all but its head. */
static bool is_worth_saying(const char *member, json_object *value, json_object *other, bool has_other) {
        if (strcmp(member, "ID") == 0 || strcmp(member, "Version") == 0)
                return false;
        return has_other ? !json_object_equal(value, other) : value != NULL;
}

static void write_side(Buffer *out, json_object *value) {
        (void) buffer_puts(out, value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE) : "nothing");
}

static void describe(Buffer *out, json_object *old, json_object *new) {
        json_object *row = new ? new : old;
        bool first = true;

        if (!row)
                return;
        json_object_object_foreach(row, member, value) {
                json_object *before = old && new ? json_object_object_get(old, member) : NULL;

                if (!is_worth_saying(member, value, before, old && new))
                        continue;
                (void) buffer_printf(out, "%s%s ", first ? "" : ", ", member);
                if (old && new) {
                        write_side(out, before);
                        (void) buffer_puts(out, " → ");
                }
                write_side(out, value);
                first = false;
        }
}

/* A row is an object in a history, and in the ledger itself its text. */
static json_object *take_row(json_object *entry, const char *member) {
        json_object *row = json_object_object_get(entry, member), *parsed = NULL;

        if (!json_object_is_type(row, json_type_string))
                return json_object_get(row);
        return json_parse_object(json_object_get_string(row), (size_t) json_object_get_string_len(row), &parsed, NULL) < 0 ? NULL : parsed;
}

static void add_entry(Table *t, json_object *entry) {
        _cleanup_(json_unrefp) json_object *old = take_row(entry, "Old"), *new = take_row(entry, "New");
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        const char *name = log_format_text(entry, "ActorName"), *reason = log_format_text(entry, "Reason");
        char when[LOG_FORMAT_TIME_SIZE];

        log_format_time(log_format_time_usec(entry), LOG_TIME_DATE, when);
        describe(&text, old, new);
        table_add(t, STYLE_PLAIN, "%" PRIu64, json_object_get_uint64(json_object_object_get(entry, "Sequence")));
        table_add(t, STYLE_FAINT, "%s", when);
        table_add(t, STYLE_PLAIN, "%s", *name ? name : log_format_text(entry, "Actor"));
        table_add(t, STYLE_PLAIN, "%s", log_format_text(entry, "Action"));
        table_add(t, STYLE_PLAIN, "%s %" PRIu64, log_format_text(entry, "Kind"), json_object_get_uint64(json_object_object_get(entry, "ID")));
        table_add(t, STYLE_PLAIN, "%s%s%s", buffer_text(&text), *reason ? "; " : "", reason);
}

static int print_entries(const Ctl *ctl, const Call *call, bool history) {
        _cleanup_(table_deinit) Table t = TABLE(">ENTRY", "TIME", "WHO", "WHAT", "OF", "VALUES; REASON");
        _cleanup_(json_unrefp) json_object *o = NULL;
        const char *line = call->answer, *stop = line + call->answer_size;
        json_object *items = NULL;
        size_t n = 0;

        if (history && (json_parse_object(call->answer, call->answer_size, &o, NULL) < 0 || json_get_array(o, "Items", SIZE_MAX, &items, NULL) < 0))
                return ctl_fail(CTL_FAILURE, "GradingService answers what is no history");
        for (; items && n < json_object_array_length(items); n++)
                add_entry(&t, json_object_array_get_idx(items, n));
        for (; !history && line < stop; n++) {
                _cleanup_(json_unrefp) json_object *entry = NULL;
                const char *end = memchr(line, '\n', (size_t) (stop - line));

                end = end ? end : stop;
                if (json_parse_object(line, (size_t) (end - line), &entry, NULL) < 0)
                        return ctl_fail(CTL_FAILURE, "GradingService answers what is no entry of a ledger");
                add_entry(&t, entry);
                line = end + 1;
        }
        return table_print(&t, ctl->colour) < 0 ? ctl_fail(CTL_FAILURE, "out of memory") : CTL_OK;
}

int ctl_ledger_show(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(call_deinit) Call call = {};
        char path[PATH_SIZE];
        bool history;
        int code;

        code = choose_path(ctl, path, &history);
        if (code == CTL_OK)
                code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = connection_prepare(c, PEER_GRADING, path, &call);
        if (code == CTL_OK)
                code = connection_run(c, &call, 1);
        if (code == CTL_OK)
                code = connection_check(PEER_GRADING, &call);
        if (code != CTL_OK)
                return code;
        if (!ctl->json)
                return print_entries(ctl, &call, history);
        (void) fwrite(call.answer, 1, call.answer_size, stdout);
        if (history)
                (void) putchar('\n');
        return ferror(stdout) ? CTL_FAILURE : CTL_OK;
}

/* ---- undo ---- */

/* What stands in the way, each on its line. */
static void print_conflicts(const Call *call) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        json_object *list = NULL;

        if (call->status != 409 || json_parse_object(call->answer, call->answer_size, &o, NULL) < 0 ||
            json_get_array(o, "Conflicts", SIZE_MAX, &list, NULL) < 0 || !list)
                return;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                json_object *d = json_object_array_get_idx(list, i);
                _cleanup_(freep) char *kind = output_clean(log_format_text(d, "Kind"), NULL), *who = output_clean(log_format_text(d, "ChangedBy"), NULL);

                (void) fprintf(stderr, "  %s %" PRIu64 " was changed by %s at %s, in entry %" PRIu64 "\n", kind ? kind : "?",
                               json_object_get_uint64(json_object_object_get(d, "ID")), who ? who : "?", log_format_text(d, "ChangedAt"),
                               json_object_get_uint64(json_object_object_get(d, "ChangedIn")));
        }
}

int ctl_ledger_undo(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(call_deinit) Call call = { .method = "POST" };
        _cleanup_(json_unrefp) json_object *answer = NULL;
        const char *reason = ctl_option(ctl, "reason");
        char path[PATH_SIZE];
        uint64_t sequence, n = 0;
        int code;

        code = parse_number(arguments[0], "entry's number", LEDGER_NUMBER_MAX, &sequence);
        if (code != CTL_OK)
                return code;
        call.body = json_object_new_object();
        if (!call.body || (reason && json_add_text(call.body, "Reason", reason) < 0))
                return ctl_fail(CTL_FAILURE, "out of memory");
        (void) snprintf(path, sizeof(path), "/ledger/%" PRIu64 "/undo%s", sequence, ctl_option(ctl, "set") ? "?set=yes" : "");
        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = connection_prepare(c, PEER_GRADING, path, &call);
        if (code == CTL_OK)
                code = connection_run(c, &call, 1);
        if (code == CTL_OK)
                code = connection_check(PEER_GRADING, &call);
        if (code != CTL_OK) {
                print_conflicts(&call);
                return code;
        }
        if (json_parse_object(call.answer, call.answer_size, &answer, NULL) < 0 || json_get_uint64(answer, "Undone", 0, LEDGER_NUMBER_MAX, &n, NULL) < 0)
                return ctl_fail(CTL_FAILURE, "GradingService answers what does not say what was undone");
        if (ctl->json)
                return output_json(answer);
        (void) printf("Undid %" PRIu64 " entr%s of the ledger.\n", n, n == 1 ? "y" : "ies");
        return CTL_OK;
}
