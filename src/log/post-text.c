/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "log/post.h"
#include "wire/registration.h"

static int refuse_parameter(Post *p, const char *name, const char *what) {
        request_fail(p->request, 400, "Parameter '%s' must be %s", name, what);
        return -EBADMSG;
}

static int parse_priority(const char *text, int *ret) {
        uint64_t number;

        if (parse_uint64(text, &number) >= 0)
                *ret = number <= LOG_DEBUG ? (int) number : -EINVAL;
        else
                *ret = log_priority_from_name(text);
        return *ret < 0 ? -EINVAL : 0;
}

/* What the lines have in common. */
static int take_parameters(Post *p) {
        const char *service = request_query(p->request, "service"), *host = request_query(p->request, "host"),
                   *priority = request_query(p->request, "priority");

        p->append.service = service ? service : "unknown";
        p->append.host = host;
        p->append.priority = LOG_INFO;
        if (service && !service_name_is_valid(service))
                return refuse_parameter(p, "service", "1 to 64 letters, digits, '-', '_' or '.'");
        if (host && !log_host_is_valid(host))
                return refuse_parameter(p, "host", "1 to 253 letters, digits, '-', '_', '.' or ':'");
        if (priority && parse_priority(priority, &p->append.priority) < 0)
                return refuse_parameter(p, "priority", "0 to 7 or a name as in syslog(3), such as 'warning'");
        if (request_query(p->request, "acknowledged"))
                return refuse_parameter(p, "acknowledged", "left out for text: it belongs to records of one source");
        return 0;
}

int post_take_text(Post *p, const LogService *l) {
        const char *body = p->body, *end = body + p->size;
        uint64_t max = l->config->line_max_bytes;

        if (take_parameters(p) < 0)
                return -EBADMSG;
        if (!text_is_utf8(body, p->size) || memchr(body, 0, p->size)) {
                request_fail(p->request, 400, "The body must be text in UTF-8");
                return -EBADMSG;
        }
        for (const char *line = body; line < end;) {
                const char *newline = memchr(line, '\n', (size_t) (end - line));
                size_t length = (size_t) ((newline ? newline : end) - line);

                if (length > max) {
                        request_fail(p->request, 413, "A line of the log has at most %llu bytes", (unsigned long long) max);
                        return -EBADMSG;
                }
                p->append.n_lines += !(length == 0 || (length == 1 && *line == '\r'));
                line += length + 1;
        }
        if (p->append.n_lines > LOG_TEXT_LINES_MAX) {
                request_fail(p->request, 413, "A body of text has at most %d lines", LOG_TEXT_LINES_MAX);
                return -EBADMSG;
        }
        if (p->append.n_lines == 0) {
                request_fail(p->request, 400, "The body is empty: a line of text is what the log stores");
                return -EBADMSG;
        }
        p->text = true;
        p->append.text = body;
        p->append.text_size = p->size;
        return 0;
}
