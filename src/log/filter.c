/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/filter.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "wire/log-line.h"

int filter_new(LineFilter **ret) {
        LineFilter *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        f->references = 1;
        f->priority = LOG_DEBUG;
        *ret = f;
        return 0;
}

LineFilter *filter_ref(LineFilter *f) {
        f->references++;
        return f;
}

LineFilter *filter_unref(LineFilter *f) {
        if (!f || --f->references > 0)
                return NULL;
        for (size_t i = 0; i < f->n_services; i++)
                free(f->services[i]);
        free(f->instance);
        free(f->host);
        free(f->request_id);
        free(f->message_id);
        pattern_free(f->pattern);
        finder_deinit(&f->finder);
        free(f);
        return NULL;
}

int filter_set_text(char **member, const char *text) {
        _cleanup_(buffer_deinit) Buffer escaped = BUFFER_NULL;
        char *copy;

        log_line_write_text(&escaped, text, strlen(text));
        if (escaped.error < 0)
                return escaped.error;
        copy = strndup(escaped.data + 1, escaped.size - 2);
        if (!copy)
                return -ENOMEM;
        free(*member);
        *member = copy;
        return 0;
}

void filter_set_time(char member[static CLOCK_TEXT_SIZE], uint64_t realtime_usec) {
        clock_format_utc(realtime_usec, member);
}

/* ---- what the blocks and the search for lines can make use of ---- */

static int find_member(Finder *f, const char *name, const char *value) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        (void) buffer_printf(&text, "\"%s\":\"%s\"", name, value);
        return text.error < 0 ? text.error : finder_init(f, text.data, text.size, false);
}

/* The one that is in the fewest lines, as a rule. */
static int make_finder(LineFilter *f) {
        const Finder *literal = f->pattern ? pattern_raw_finder(f->pattern) : NULL;

        if (f->request_id)
                return find_member(&f->finder, "RequestID", f->request_id);
        if (f->message_id)
                return find_member(&f->finder, "MessageID", f->message_id);
        if (literal)
                return finder_init(&f->finder, literal->needle, literal->size, literal->ignore_case);
        if (f->instance)
                return find_member(&f->finder, "Instance", f->instance);
        if (f->host)
                return find_member(&f->finder, "Host", f->host);
        if (f->n_services == 1)
                return find_member(&f->finder, "Service", f->services[0]);
        return 0;
}

static void add_token(LineFilter *f, char type, const char *text) {
        if (text)
                f->tokens[f->wanted.n_tokens++] = block_token(type, text, strlen(text));
}

int filter_finish(LineFilter *f, uint64_t since_usec, uint64_t until_usec) {
        f->wanted = (BlockWanted) { .since_usec = since_usec, .until_usec = until_usec, .tokens = f->tokens, .any_tokens = f->any_tokens, .filter = f };
        f->wanted.priorities = (uint8_t) ((1u << (f->priority + 1)) - 1);
        add_token(f, 'i', f->instance);
        add_token(f, 'h', f->host);
        add_token(f, 'r', f->request_id);
        add_token(f, 'm', f->message_id);
        if (f->n_services == 1)
                add_token(f, 's', f->services[0]);
        for (size_t i = 0; f->n_services > 1 && i < f->n_services; i++)
                f->any_tokens[f->wanted.n_any++] = block_token('s', f->services[i], strlen(f->services[i]));
        if (since_usec > 0)
                filter_set_time(f->since, since_usec);
        if (until_usec > 0)
                filter_set_time(f->until, until_usec);
        return make_finder(f);
}

static bool same(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool filter_equal(const LineFilter *a, const LineFilter *b) {
        if (a->n_services != b->n_services || a->priority != b->priority || !pattern_equal(a->pattern, b->pattern) || strcmp(a->since, b->since) != 0 ||
            strcmp(a->until, b->until) != 0)
                return false;
        for (size_t i = 0; i < a->n_services; i++)
                if (!same(a->services[i], b->services[i]))
                        return false;
        return same(a->instance, b->instance) && same(a->host, b->host) && same(a->request_id, b->request_id) && same(a->message_id, b->message_id);
}

/* ---- lines ---- */

bool filter_next(const LineFilter *f, const char *data, size_t size, size_t *at, Span *ret) {
        const char *start = data + *at, *end = data + size, *feed;

        if (start >= end)
                return false;
        if (f->finder.needle) {
                const char *hit = finder_find(&f->finder, start, (size_t) (end - start)), *before;

                if (!hit) {
                        *at = size;
                        return false;
                }
                before = memrchr(start, '\n', (size_t) (hit - start));
                if (before)
                        start = before + 1;
                feed = memchr(hit, '\n', (size_t) (end - hit));
        } else {
                feed = memchr(start, '\n', (size_t) (end - start));
        }
        *at = feed ? (size_t) (feed + 1 - data) : size;
        *ret = (Span) { start, (size_t) ((feed ? feed : end) - start) };
        return true;
}

static bool span_is(Span s, const char *expected) {
        if (!expected)
                return true;
        return s.data && strlen(expected) == s.size && memcmp(s.data, expected, s.size) == 0;
}

static bool service_passes(const LineFilter *f, Span service) {
        if (f->n_services == 0)
                return true;
        for (size_t i = 0; i < f->n_services; i++)
                if (span_is(service, f->services[i]))
                        return true;
        return false;
}

/* The texts' order is that of time, all having one form. */
static bool time_passes(const LineFilter *f, Span time) {
        if (!f->since[0] && !f->until[0])
                return true;
        if (time.size != CLOCK_TEXT_SIZE - 1)
                return false;
        return (!f->since[0] || memcmp(time.data, f->since, time.size) >= 0) && (!f->until[0] || memcmp(time.data, f->until, time.size) <= 0);
}

int filter_match(const LineFilter *f, Matcher *m, Buffer *scratch, const LineView *v) {
        if (v->priority > f->priority || !service_passes(f, v->service) || !span_is(v->instance, f->instance) || !span_is(v->host, f->host) ||
            !span_is(v->request_id, f->request_id) || !span_is(v->message_id, f->message_id) || !time_passes(f, v->time))
                return 0;
        if (!f->pattern)
                return 1;
        if (!memchr(v->message.data, '\\', v->message.size))
                return pattern_match(f->pattern, m, v->message.data, v->message.size);
        buffer_clear(scratch);
        span_unescape(scratch, v->message);
        return scratch->error < 0 ? scratch->error : pattern_match(f->pattern, m, buffer_text(scratch), scratch->size);
}
