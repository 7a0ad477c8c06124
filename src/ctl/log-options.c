/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/log-options.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "ctl/log-time.h"
#include "wire/registration.h"

#define LINES_OTHERWISE "10"    /* of -n alone, as with journalctl */

static bool is_lines(const char *word) {
        return strcmp(word, "all") == 0 || (*word && strspn(word, "0123456789") == strlen(word));
}

const CtlOption ctl_log_options[] = {
        { "unit", 'u', "UNIT", "Only lines of this unit or pattern; may be repeated" },
        { "priority", 'p', "PRIORITY", "Only lines as important, or in a range, FROM..TO" },
        { "since", 'S', "TIME", "Only lines not older than this" },
        { "until", 'U', "TIME", "Only lines not newer than this" },
        { "grep", 'g', "PATTERN", "Only lines whose message matches (PCRE2)" },
        { "case-sensitive", 0, "BOOL", "Whether case counts; without it, if PATTERN has capitals", "yes" },
        { "host", 0, "HOST", "Only lines from this machine" },
        { "lines", 'n', "N", "Only the last N lines (10 without N), or all", LINES_OTHERWISE, is_lines },
        { "follow", 'f', NULL, "Show the last lines, and go on as new ones come" },
        { "reverse", 'r', NULL, "Show the newest line first" },
        { "output", 'o', "FORMAT", "short, short-iso, short-precise, verbose, json or cat" },
        { "cursor", 'c', "CURSOR", "Begin with this line" },
        { "after-cursor", 0, "CURSOR", "Begin behind this line" },
        { "show-cursor", 0, NULL, "Show the last line's cursor at the end" },
        { "gaps", 0, NULL, "Show which lines are known to be missing" },
        { "quiet", 'q', NULL, "No notes, only lines" },
        { "no-pager", 0, NULL, "Do not show it in a pager" },
        { .name = NULL },
};

void log_options_deinit(LogOptions *o) {
        buffer_deinit(&o->filters);
}

void log_query_add(Buffer *query, const char *name, const char *value) {
        (void) buffer_printf(query, "&%s=", name);
        for (; *value; value++) {
                if (isalnum((unsigned char) *value) || strchr("-._~", *value))
                        (void) buffer_append(query, value, 1);
                else
                        (void) buffer_printf(query, "%%%02X", (unsigned char) *value);
        }
}

/* ---- units ---- */

/* The service's name for a unit's. */
static int take_unit(const char *unit, char ret[static SERVICE_NAME_MAX + 1]) {
        const char *suffix = strrchr(unit, '.');
        int n = (int) strlen(unit);

        if (suffix && strcmp(suffix, ".service") == 0)
                n = (int) (suffix - unit);
        else if (suffix && (strcmp(suffix, ".socket") == 0 || strcmp(suffix, ".target") == 0 || strcmp(suffix, ".slice") == 0))
                return ctl_fail(CTL_USAGE, "--unit=%s: only services write to the central log; \"journalctl -u %s\" shows what systemd says of it",
                                unit, unit);
        if (n == 0 || n > SERVICE_NAME_MAX)
                return ctl_fail(CTL_USAGE, "--unit=%s: a unit's name is needed, such as gradebook-grading", unit);
        (void) snprintf(ret, SERVICE_NAME_MAX + 1, "%.*s", n, unit);
        return CTL_OK;
}

static bool is_pattern(const char *name) {
        return strpbrk(name, "*?[") != NULL;
}

static int parse_units(LogOptions *o) {
        char name[SERVICE_NAME_MAX + 1];
        const char *unit;
        int code;

        for (size_t at = 0; (unit = ctl_option_next(o->ctl, "unit", &at));) {
                code = take_unit(unit, name);
                if (code != CTL_OK)
                        return code;
                if (!is_pattern(name) && !service_name_is_valid(name))
                        return ctl_fail(CTL_USAGE, "--unit=%s: a unit's name has only letters, digits, '-', '_' and '.'; a pattern '*', '?' and '[…]' as well", unit);
                o->units_here = o->units_here || is_pattern(name);
        }
        for (size_t at = 0; !o->units_here && (unit = ctl_option_next(o->ctl, "unit", &at));)
                if (take_unit(unit, name) == CTL_OK)
                        log_query_add(&o->filters, "service", name);
        return CTL_OK;
}

/* ---- the others ---- */

static int priority_from_text(const char *text) {
        static const struct {
                const char *name;
                int priority;
        } others[] = { { "panic", LOG_EMERG }, { "error", LOG_ERR }, { "warn", LOG_WARNING } };
        uint64_t number;

        if (parse_uint64(text, &number) >= 0)
                return number <= LOG_DEBUG ? (int) number : -ERANGE;
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (strcmp(text, others[i].name) == 0)
                        return others[i].priority;
        return log_priority_from_name(text);
}

static int parse_priority(LogOptions *o) {
        const char *text = ctl_option(o->ctl, "priority"), *dots = text ? strstr(text, "..") : NULL;
        int from = LOG_EMERG, to;
        char first[16], digit[16];

        if (!text)
                return CTL_OK;
        if (dots) {
                (void) snprintf(first, sizeof(first), "%.*s", (int) (dots - text), text);
                from = priority_from_text(first);
        }
        to = priority_from_text(dots ? dots + 2 : text);
        if (from < 0 || to < 0)
                return ctl_fail(CTL_USAGE, "--priority=%s: 0 to 7, one of emerg, alert, crit, err, warning, notice, info and debug, or a range such as err..notice is needed", text);
        o->priority_min = from < to ? from : to;
        (void) snprintf(digit, sizeof(digit), "%d", from > to ? from : to);
        log_query_add(&o->filters, "priority", digit);
        return CTL_OK;
}

static int take_time(const Ctl *ctl, const char *option, Buffer *query, uint64_t *ret) {
        const char *text = ctl_option(ctl, option);
        uint64_t usec = 0;
        char utc[CLOCK_TEXT_SIZE];

        if (text && log_time_parse(text, clock_realtime_usec(), &usec) < 0)
                return ctl_fail(CTL_USAGE, "--%s=%s: " LOG_TIME_HINT, option, text);
        if (text) {
                clock_format_utc(usec, utc);
                log_query_add(query, option, utc);
        }
        if (ret)
                *ret = usec;
        return CTL_OK;
}

int log_query_add_times(const Ctl *ctl, Buffer *query, uint64_t *ret_since, uint64_t *ret_until) {
        uint64_t since, until;
        int code;

        code = take_time(ctl, "since", query, &since);
        if (code == CTL_OK)
                code = take_time(ctl, "until", query, &until);
        if (code != CTL_OK)
                return code;
        if (ctl_option(ctl, "until") && until < since)
                return ctl_fail(CTL_USAGE, "--until=%s is before --since=%s", ctl_option(ctl, "until"), ctl_option(ctl, "since"));
        if (ret_since)
                *ret_since = since;
        if (ret_until)
                *ret_until = until;
        return CTL_OK;
}

static int parse_grep(LogOptions *o) {
        const char *pattern = ctl_option(o->ctl, "grep"), *text = ctl_option(o->ctl, "case-sensitive");
        bool sensitive;

        if (text && parse_bool(text, &sensitive) < 0)
                return ctl_fail(CTL_USAGE, "--case-sensitive=%s: yes or no is needed", text);
        if (!pattern)
                return CTL_OK;
        if (!*pattern)
                return ctl_fail(CTL_USAGE, "--grep=: a pattern is needed");
        log_query_add(&o->filters, "grep", pattern);
        if (text)
                log_query_add(&o->filters, "case", sensitive ? "sensitive" : "ignore");
        return CTL_OK;
}

static int parse_lines(LogOptions *o) {
        const char *text = ctl_option(o->ctl, "lines");

        o->lines = LOG_LINES_ALL;
        if (text && strcmp(text, "all") != 0 && (parse_uint64(text, &o->lines) < 0 || o->lines == LOG_LINES_ALL))
                return ctl_fail(CTL_USAGE, "--lines=%s: a whole number or \"all\" is needed", text);
        if (!text && o->follow && !o->since_given && !o->cursor && !o->after_cursor)
                o->lines = LOG_LINES_FOLLOW;
        return CTL_OK;
}

static int parse_output(LogOptions *o) {
        const char *text = ctl_option(o->ctl, "output");

        o->format = o->ctl->json ? LOG_FORMAT_JSON : LOG_FORMAT_SHORT;
        if (text && log_format_from_name(text, &o->format) < 0)
                return ctl_fail(CTL_USAGE, "--output=%s: one of short, short-iso, short-precise, verbose, json and cat is needed", text);
        return CTL_OK;
}

/* What cannot be meant together. */
static int check(const LogOptions *o) {
        if (o->follow && o->reverse)
                return ctl_fail(CTL_USAGE, "--follow and --reverse cannot be had together");
        if (o->follow && ctl_option(o->ctl, "until"))
                return ctl_fail(CTL_USAGE, "--follow goes on for ever, and --until ends: one of them is too many");
        if (o->follow && o->gaps)
                return ctl_fail(CTL_USAGE, "--gaps shows what is missing by now: it cannot --follow");
        if (o->cursor && o->after_cursor)
                return ctl_fail(CTL_USAGE, "--cursor and --after-cursor cannot be had together");
        return CTL_OK;
}

int log_options_parse(const Ctl *ctl, LogOptions *ret) {
        LogOptions o = { .ctl = ctl };
        int code;

        o.follow = ctl_option(ctl, "follow");
        o.reverse = ctl_option(ctl, "reverse");
        o.quiet = ctl_option(ctl, "quiet");
        o.show_cursor = ctl_option(ctl, "show-cursor");
        o.no_pager = ctl_option(ctl, "no-pager");
        o.gaps = ctl_option(ctl, "gaps");
        o.since_given = ctl_option(ctl, "since");
        o.cursor = ctl_option(ctl, "cursor");
        o.after_cursor = ctl_option(ctl, "after-cursor");
        code = check(&o);
        if (code == CTL_OK)
                code = parse_units(&o);
        if (code == CTL_OK)
                code = parse_priority(&o);
        if (code == CTL_OK)
                code = log_query_add_times(ctl, &o.filters, NULL, NULL);
        if (code == CTL_OK)
                code = parse_grep(&o);
        if (code == CTL_OK)
                code = parse_lines(&o);
        if (code == CTL_OK)
                code = parse_output(&o);
        if (ctl_option(ctl, "host"))
                log_query_add(&o.filters, "host", ctl_option(ctl, "host"));
        /* As with journalctl: who looks for the last that match wants those before all. */
        if (ctl_option(ctl, "grep") && o.lines != LOG_LINES_ALL && !o.follow)
                o.reverse = true;
        if (code == CTL_OK && o.filters.error < 0)
                code = ctl_fail(CTL_FAILURE, "%s", strerror(-o.filters.error));
        if (code == CTL_OK)
                *ret = o;
        else
                log_options_deinit(&o);
        return code;
}

/* ---- what is chosen here ---- */

bool log_options_choose(const LogOptions *o) {
        return o->units_here || o->priority_min > 0;
}

bool log_options_match(const LogOptions *o, json_object *record) {
        const char *service = log_format_text(record, "Service"), *unit;
        char name[SERVICE_NAME_MAX + 1];

        if (log_format_priority(record) < o->priority_min)
                return false;
        if (!o->units_here)
                return true;
        for (size_t at = 0; (unit = ctl_option_next(o->ctl, "unit", &at));)
                if (take_unit(unit, name) == CTL_OK && fnmatch(name, service, 0) == 0)
                        return true;
        return false;
}
