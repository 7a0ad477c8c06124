/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/question.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/text.h"
#include "runtime/urlencoded.h"
#include "wire/registration.h"
#include "wire/timestamp.h"
#include "wire/traceparent.h"

#define TEXT_MAX 1024           /* bytes of a host or an instance */
#define ID_DIGITS (TRACE_ID_SIZE - 1)

/* What is known when all of the query has been read. */
typedef struct Parse {
        Question *question;
        uint64_t now_usec;
        uint64_t since_usec, until_usec;
        const char *grep;
        PatternCase how;
        bool has_case, has_order;
        Problem *problem;
} Parse;

int question_parse_time(const char *text, uint64_t now_usec, uint64_t *ret) {
        uint64_t span;
        int r;

        if (strcmp(text, "now") == 0) {
                *ret = now_usec;
                return 0;
        }
        if (*text != '-')
                return timestamp_parse(text, ret);
        r = parse_span_usec(text + 1, &span);
        if (r < 0)
                return r;
        *ret = span < now_usec ? now_usec - span : 0;
        return 0;
}

/* ---- the parameters; value is decoded ---- */

static int take_n(Parse *p, const char *value) {
        if (parse_uint64(value, &p->question->n) < 0 || p->question->n > LINES_MAX)
                return problem_set(p->problem, 400, "Parameter 'n' must be a number of lines from 0 to %d", LINES_MAX);
        return 0;
}

static int take_service(Parse *p, const char *value) {
        LineFilter *f = p->question->filter;

        if (!service_name_is_valid(value))
                return problem_set(p->problem, 400, "Parameter 'service' must be 1 to %d letters, digits, '-', '_' or '.'", SERVICE_NAME_MAX);
        for (size_t i = 0; i < f->n_services; i++)
                if (strcmp(f->services[i], value) == 0)
                        return 0;
        if (f->n_services == FILTER_SERVICES_MAX)
                return problem_set(p->problem, 400, "Parameter 'service' may be given for %d services", FILTER_SERVICES_MAX);
        return filter_set_text(&f->services[f->n_services++], value);
}

static int take_text(Parse *p, const char *name, char **member, const char *value) {
        if (!*value || strlen(value) > TEXT_MAX)
                return problem_set(p->problem, 400, "Parameter '%s' must be a text of 1 to %d bytes", name, TEXT_MAX);
        return filter_set_text(member, value);
}

static int take_instance(Parse *p, const char *value) {
        return take_text(p, "instance", &p->question->filter->instance, value);
}

static int take_host(Parse *p, const char *value) {
        return take_text(p, "host", &p->question->filter->host, value);
}

static int take_priority(Parse *p, const char *value) {
        int *priority = &p->question->filter->priority;
        uint64_t number;

        if (parse_uint64(value, &number) >= 0 && number <= LOG_DEBUG)
                *priority = (int) number;
        else
                *priority = log_priority_from_name(value);
        if (*priority >= 0)
                return 0;
        *priority = LOG_DEBUG;
        return problem_set(p->problem, 400, "Parameter 'priority' must be 0 to 7 or a name as in syslog(3), such as 'warning'");
}

static int take_time(Parse *p, const char *name, uint64_t *ret, const char *value) {
        if (question_parse_time(value, p->now_usec, ret) < 0)
                return problem_set(p->problem, 400, "Parameter '%s' must be a time as in RFC 3339 (2026-11-22T21:41:28Z), 'now', or a time span "
                                   "back from now as in systemd.time(7), such as '-1h' or '-30min'", name);
        *ret += *ret == 0;      /* 0 is "open", and 1970 is early enough either way */
        return 0;
}

static int take_since(Parse *p, const char *value) {
        return take_time(p, "since", &p->since_usec, value);
}

static int take_until(Parse *p, const char *value) {
        return take_time(p, "until", &p->until_usec, value);
}

static int take_grep(Parse *p, const char *value) {
        p->grep = value;
        return 0;
}

static int take_case(Parse *p, const char *value) {
        p->has_case = true;
        if (strcmp(value, "sensitive") == 0)
                p->how = PATTERN_SENSITIVE;
        else if (strcmp(value, "ignore") == 0)
                p->how = PATTERN_IGNORE;
        else
                return problem_set(p->problem, 400, "Parameter 'case' must be 'sensitive' or 'ignore'");
        return 0;
}

static int take_id(Parse *p, char **member, const char *value) {
        char id[TRACE_ID_SIZE];
        size_t i;

        for (i = 0; i < ID_DIGITS && urlencoded_hex_digit(value[i]) >= 0; i++)
                id[i] = (char) (value[i] >= 'A' && value[i] <= 'F' ? value[i] | 0x20 : value[i]);
        if (i < ID_DIGITS || value[i])
                return -EINVAL;
        id[i] = 0;
        return filter_set_text(member, id);
}

static int take_request(Parse *p, const char *value) {
        char **member = &p->question->filter->request_id;
        Trace trace;
        int r = take_id(p, member, value);

        if (r != -EINVAL)
                return r;
        if (strlen(value) >= TRACEPARENT_SIZE - 1) {
                /* One that is not valid would get a random id. */
                trace_begin(&trace, value);
                if (strncmp(trace.id, value + 3, ID_DIGITS) == 0)
                        return filter_set_text(member, trace.id);
        }
        return problem_set(p->problem, 400, "Parameter 'request' must be a request id of %d hex digits, or a traceparent that holds one", ID_DIGITS);
}

static int take_message_id(Parse *p, const char *value) {
        int r = take_id(p, &p->question->filter->message_id, value);

        return r != -EINVAL ? r : problem_set(p->problem, 400, "Parameter 'message-id' must be %d hex digits", ID_DIGITS);
}

static int take_order(Parse *p, const char *value) {
        p->has_order = true;
        if (strcmp(value, "newest") == 0)
                p->question->order = ORDER_NEWEST;
        else if (strcmp(value, "oldest") == 0)
                p->question->order = ORDER_OLDEST;
        else
                return problem_set(p->problem, 400, "Parameter 'order' must be 'newest' or 'oldest' (first)");
        return 0;
}

static int take_cursor(Parse *p, const char *name, Cursor *ret, const char *value) {
        if (cursor_parse(value, ret) < 0)
                return problem_set(p->problem, 400, "Parameter '%s' must be a cursor that this log has given", name);
        return 0;
}

static int take_before(Parse *p, const char *value) {
        p->question->has_before = true;
        return take_cursor(p, "before", &p->question->before, value);
}

static int take_after(Parse *p, const char *value) {
        p->question->has_after = true;
        return take_cursor(p, "after", &p->question->after, value);
}

static int take_follow(Parse *p, const char *value) {
        if (parse_bool(value, &p->question->follow) < 0)
                return problem_set(p->problem, 400, "Parameter 'follow' must be 1 or 0");
        return 0;
}

static const struct {
        const char *name;
        int (*take)(Parse *p, const char *value);
        bool repeats;
} parameters[] = {
        { "n", take_n },           { "service", take_service, true }, { "instance", take_instance },     { "host", take_host },
        { "priority", take_priority }, { "since", take_since },       { "until", take_until },           { "grep", take_grep },
        { "case", take_case },     { "request", take_request },       { "message-id", take_message_id }, { "order", take_order },
        { "before", take_before }, { "after", take_after },           { "follow", take_follow },
};

_Static_assert(ELEMENTSOF(parameters) <= 32, "one bit for each");

/* ---- all of them ---- */

static int take_parameter(Parse *p, char *name, size_t name_size, char *value, size_t value_size, uint32_t *seen) {
        size_t i;
        long size;

        for (i = 0; i < ELEMENTSOF(parameters); i++)
                if (strlen(parameters[i].name) == name_size && memcmp(parameters[i].name, name, name_size) == 0)
                        break;
        if (i == ELEMENTSOF(parameters))
                return problem_set(p->problem, 400, "The query may hold 'n', 'service', 'instance', 'host', 'priority', 'since', 'until', 'grep', "
                                   "'case', 'request', 'message-id', 'order', 'before', 'after' and 'follow'");
        if (*seen & 1u << i && !parameters[i].repeats)
                return problem_set(p->problem, 400, "Parameter '%s' is given twice", parameters[i].name);
        *seen |= 1u << i;
        size = urlencoded_decode(value, value_size, 1);
        if (size < 0 || !text_is_utf8(value, (size_t) size))
                return problem_set(p->problem, 400, "Parameter '%s' is not well encoded: text in UTF-8, with %%XX for what is special in a URL",
                                   parameters[i].name);
        value[size] = 0;
        return parameters[i].take(p, value);
}

/* The copy is decoded in place: the values that are kept for the end stay in it. */
static int take_parameters(Parse *p, char *copy) {
        uint32_t seen = 0;

        for (char *s = copy; *s;) {
                size_t size = strcspn(s, "&"), name = strcspn(s, "=&");
                bool last = !s[size];
                int r;

                s[size] = 0;
                if (size > 0) {
                        size_t at = name < size ? name + 1 : size;

                        r = take_parameter(p, s, name, s + at, size - at, &seen);
                        if (r < 0)
                                return r;
                }
                if (last)
                        break;
                s += size + 1;
        }
        return 0;
}

static int check_follow(const Question *q, const Parse *p) {
        if (!q->follow)
                return 0;
        if (q->has_before)
                return problem_set(p->problem, 400, "Parameter 'before' cannot be combined with 'follow'");
        if (q->order == ORDER_NEWEST)
                return problem_set(p->problem, 400, "Parameter 'order' must be 'oldest' or absent with 'follow'");
        if (p->until_usec > 0)
                return problem_set(p->problem, 400, "Parameter 'until' cannot be combined with 'follow'");
        return 0;
}

static int finish(Parse *p) {
        Question *q = p->question;
        int r;

        if (p->has_case && !p->grep)
                return problem_set(p->problem, 400, "Parameter 'case' says how 'grep' is meant, and that is absent");
        if (p->since_usec > 0 && p->until_usec > 0 && p->since_usec > p->until_usec)
                return problem_set(p->problem, 400, "Parameter 'since' must not be later than 'until'");
        r = check_follow(q, p);
        if (r >= 0 && p->grep)
                r = pattern_new(&q->filter->pattern, p->grep, p->how, p->problem);
        return r < 0 ? r : filter_finish(q->filter, p->since_usec, p->until_usec);
}

int question_parse(Question *ret, const char *query, bool follows, uint64_t now_usec, Problem *problem) {
        _cleanup_(freep) char *copy = strdup(query);
        Parse p = { .question = ret, .now_usec = now_usec, .problem = problem };
        int r;

        if (!copy)
                return -ENOMEM;
        *ret = (Question) { .n = QUESTION_N_DEFAULT };
        r = filter_new(&ret->filter);
        if (r >= 0)
                r = take_parameters(&p, copy);
        ret->follow = ret->follow || follows;
        if (r >= 0)
                r = finish(&p);
        if (r < 0)
                question_deinit(ret);
        return r;
}

void question_deinit(Question *q) {
        q->filter = filter_unref(q->filter);
}
