/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/log-record.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/json.h"
#include "wire/registration.h"
#include "wire/timestamp.h"
#include "wire/url.h"

#define ID_DIGITS 32
#define FIELD_NAME_MAX 64       /* bytes, as journald has it */
#define FIELDS_MAX 64

bool log_host_is_valid(const char *host) {
        size_t n = strlen(host);

        return n >= 1 && n <= LOG_HOST_MAX &&
               strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:") == n;
}

bool log_id_is_valid(const char *id) {
        return strspn(id, "0123456789abcdefABCDEF") == ID_DIGITS && id[ID_DIGITS] == 0;
}

LogRecord *log_record_free(LogRecord *r) {
        if (!r)
                return NULL;
        free(r->service);
        free(r->instance);
        free(r->host);
        free(r->request_id);
        free(r->message_id);
        free(r->message);
        free(r->source);
        json_object_put(r->fields);
        free(r);
        return NULL;
}

static int parse_time(json_object *o, LogRecord *r, Problem *problem) {
        const char *text;
        int k;

        k = json_get_text(o, "Time", 0, TIMESTAMP_MAX, &text, problem);
        if (k < 0 || !text)
                return k;
        if (timestamp_parse(text, &r->time_usec) < 0)
                return problem_set(problem, 400, "Member 'Time' must be a time since 1970 as in RFC 3339, "
                                   "such as 2026-11-22T21:41:28.123456Z");
        return 0;
}

static int parse_priority(json_object *o, LogRecord *r, Problem *problem) {
        uint64_t priority = LOG_INFO;
        json_object *member;
        int k;

        if (json_object_object_get_ex(o, "Priority", &member) && member) {
                k = json_get_uint64(o, "Priority", LOG_EMERG, LOG_DEBUG, &priority, problem);
                if (k < 0)
                        return k;
        }
        r->priority = (int) priority;
        return 0;
}

static int parse_service(json_object *o, LogRecord *r, Problem *problem) {
        const char *text;
        int k;

        k = json_get_text(o, "Service", 1, SERVICE_NAME_MAX, &text, problem);
        if (k < 0)
                return k;
        if (!service_name_is_valid(text))
                return problem_set(problem, 400, "Member 'Service' must be 1 to %d letters, digits, '-', '_' or '.'",
                                   SERVICE_NAME_MAX);
        k = text_replace(&r->service, text);
        if (k < 0)
                return k;
        k = json_get_text(o, "Instance", 0, URL_MAX, &text, problem);
        return k < 0 ? k : text_replace(&r->instance, text);
}

static int parse_host(json_object *o, LogRecord *r, Problem *problem) {
        const char *text;
        int k;

        k = json_get_text(o, "Host", 0, LOG_HOST_MAX, &text, problem);
        if (k < 0 || !text)
                return k;
        if (!log_host_is_valid(text))
                return problem_set(problem, 400, "Member 'Host' must be 1 to %d letters, digits, '-', '_', '.' or ':'", LOG_HOST_MAX);
        return text_replace(&r->host, text);
}

/* An id, in lower case so that one spelling finds it again. */
static int parse_id(json_object *o, const char *member, char **ret, Problem *problem) {
        json_object *value;
        const char *text;
        int r;

        if (!json_object_object_get_ex(o, member, &value) || !value)
                return 0;
        text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "?";
        if (text_is_empty(text))
                return 0;
        if (!log_id_is_valid(text))
                return problem_set(problem, 400, "Member '%s' must be %d hex digits", member, ID_DIGITS);
        r = text_replace(ret, text);
        if (r < 0)
                return r;
        for (char *p = *ret; *p; p++)
                if (*p >= 'A' && *p <= 'F')
                        *p = (char) (*p | 0x20);
        return 0;
}

/* Control characters may stand in a message: a program's own output is kept as it was, and whoever writes it out escapes. */
static int parse_message(json_object *o, LogRecord *r, Problem *problem) {
        json_object *member;
        const char *text;
        size_t size;

        if (!json_object_object_get_ex(o, "Message", &member))
                return problem_set(problem, 400, "Member 'Message' is missing");
        if (json_object_is_type(member, json_type_string)) {
                text = json_object_get_string(member);
                size = (size_t) json_object_get_string_len(member);
                if (size >= 1 && size <= LOG_MESSAGE_MAX && strlen(text) == size)
                        return text_replace(&r->message, text);
        }
        return problem_set(problem, 400, "Member 'Message' must be a text of 1 to %d bytes", LOG_MESSAGE_MAX);
}

static int parse_source(json_object *o, LogRecord *r, Problem *problem) {
        json_object *member;
        int k;

        k = parse_id(o, "Source", &r->source, problem);
        if (k < 0)
                return k;
        if (!json_object_object_get_ex(o, "Sequence", &member) || !member)
                return 0;

        /* A store's integers are signed. */
        k = json_get_uint64(o, "Sequence", 0, INT64_MAX, &r->sequence, problem);
        if (k < 0)
                return k;
        if (r->sequence > 0 && !r->source)
                return problem_set(problem, 400, "Member 'Sequence' needs member 'Source': it counts within one source");
        return 0;
}

static bool field_name_is_valid(const char *name) {
        size_t length = strlen(name);

        return length >= 1 && length <= FIELD_NAME_MAX && name[0] >= 'A' && name[0] <= 'Z' &&
               strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}

static int parse_fields(json_object *o, LogRecord *r, Problem *problem) {
        json_object *fields;

        if (!json_object_object_get_ex(o, "Fields", &fields) || !fields)
                return 0;
        if (!json_object_is_type(fields, json_type_object) || json_object_object_length(fields) > FIELDS_MAX)
                return problem_set(problem, 400, "Member 'Fields' must be an object of at most %d members", FIELDS_MAX);
        if (json_object_object_length(fields) == 0)
                return 0;
        json_object_object_foreach(fields, name, value) {
                if (!field_name_is_valid(name))
                        return problem_set(problem, 400, "The names in member 'Fields' must be a capital letter and up to "
                                           "%d capital letters, digits or '_' behind it", FIELD_NAME_MAX - 1);
                if (!json_object_is_type(value, json_type_string))
                        return problem_set(problem, 400, "Member '%s' of 'Fields' must be a text", name);
        }

        /* A copy, because a record goes to a worker thread and json-c's reference counts are not atomic. */
        return json_object_deep_copy(fields, &r->fields, NULL) < 0 ? -ENOMEM : 0;
}

int log_record_from_json(json_object *o, LogRecord **ret, Problem *problem) {
        static int (*const parsers[])(json_object *, LogRecord *, Problem *) = {
                parse_time, parse_priority, parse_service, parse_host, parse_message, parse_source, parse_fields,
        };
        _cleanup_(log_record_freep) LogRecord *r = NULL;
        int k;

        k = json_expect_object(o, "A log record", problem);
        if (k < 0)
                return k;
        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(parsers); i++) {
                k = parsers[i](o, r, problem);
                if (k < 0)
                        return k;
        }
        k = parse_id(o, "RequestID", &r->request_id, problem);
        if (k < 0)
                return k;
        k = parse_id(o, "MessageID", &r->message_id, problem);
        if (k < 0)
                return k;
        *ret = TAKE_PTR(r);
        return 0;
}

static int add_text_if_set(json_object *o, const char *member, const char *value) {
        return value ? json_add_text(o, member, value) : 0;
}

int log_record_to_json(const LogRecord *r, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();
        char time[CLOCK_TEXT_SIZE];

        if (!o)
                return -ENOMEM;

        /* A time of 0 is one that nobody has filled in: absent, as it came. */
        clock_format_utc(r->time_usec, time);
        if (add_text_if_set(o, "Time", r->time_usec > 0 ? time : NULL) < 0 ||
            json_add_uint64(o, "Priority", (uint64_t) r->priority) < 0 ||
            json_add_text(o, "Service", r->service) < 0 ||
            add_text_if_set(o, "Instance", r->instance) < 0 ||
            add_text_if_set(o, "Host", r->host) < 0 ||
            add_text_if_set(o, "RequestID", r->request_id) < 0 ||
            add_text_if_set(o, "MessageID", r->message_id) < 0 ||
            json_add_text(o, "Message", r->message) < 0 ||
            add_text_if_set(o, "Source", r->source) < 0)
                return -ENOMEM;
        if (r->sequence > 0 && json_add_uint64(o, "Sequence", r->sequence) < 0)
                return -ENOMEM;
        if (r->fields && json_add(o, "Fields", json_object_get(r->fields)) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}
