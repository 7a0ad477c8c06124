/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "wire/json.h"

void problem_deinit(Problem *p) {
        free(p->detail);
        json_object_put(p->members);
        *p = PROBLEM_NULL;
}

int problem_set(Problem *p, unsigned status, const char *format, ...) {
        char *detail = NULL;
        va_list ap;

        if (!p)
                return -EBADMSG;

        /* Formatted before the old detail goes: a caller may put words around it. Without memory the status alone
         * still says enough for an answer. */
        va_start(ap, format);
        if (vasprintf(&detail, format, ap) < 0)
                detail = NULL;
        va_end(ap);
        problem_deinit(p);
        *p = (Problem) { .status = status, .detail = detail };
        return -EBADMSG;
}

void problem_add(Problem *p, const char *member, json_object *value) {
        if (p && !p->members)
                p->members = json_object_new_object();
        if (!p || !p->members) {
                json_object_put(value);
                return;
        }
        (void) json_add(p->members, member, value);
}

json_object *problem_to_json(const Problem *p, const char *request_id) {
        _cleanup_(json_unrefp) json_object *o = json_object_new_object();

        if (!o)
                return NULL;
        if (json_add_text(o, "type", "about:blank") < 0 ||
            json_add_text(o, "title", problem_title(p->status)) < 0 ||
            json_add_uint64(o, "status", p->status) < 0)
                return NULL;
        if (p->detail && json_add_text(o, "detail", p->detail) < 0)
                return NULL;
        if (request_id && json_add_text(o, "requestId", request_id) < 0)
                return NULL;
        if (p->members) {
                json_object_object_foreach(p->members, member, value)
                        if (json_add(o, member, json_object_get(value)) < 0)
                                return NULL;
        }
        return TAKE_PTR(o);
}

const char *problem_title(unsigned status) {
        static const struct {
                unsigned status;
                const char *title;
        } titles[] = {
                { 200, "OK" },
                { 201, "Created" },
                { 202, "Accepted" },
                { 204, "No Content" },
                { 206, "Partial Content" },
                { 301, "Moved Permanently" },
                { 302, "Found" },
                { 303, "See Other" },
                { 304, "Not Modified" },
                { 307, "Temporary Redirect" },
                { 308, "Permanent Redirect" },
                { 400, "Bad Request" },
                { 401, "Unauthorized" },
                { 403, "Forbidden" },
                { 404, "Not Found" },
                { 405, "Method Not Allowed" },
                { 406, "Not Acceptable" },
                { 408, "Request Timeout" },
                { 409, "Conflict" },
                { 410, "Gone" },
                { 411, "Length Required" },
                { 412, "Precondition Failed" },
                { 413, "Content Too Large" },
                { 414, "URI Too Long" },
                { 415, "Unsupported Media Type" },
                { 416, "Range Not Satisfiable" },
                { 417, "Expectation Failed" },
                { 421, "Misdirected Request" },
                { 422, "Unprocessable Content" },
                { 426, "Upgrade Required" },
                { 428, "Precondition Required" },           /* RFC 6585 */
                { 429, "Too Many Requests" },               /* RFC 6585 */
                { 431, "Request Header Fields Too Large" }, /* RFC 6585 */
                { 500, "Internal Server Error" },
                { 501, "Not Implemented" },
                { 502, "Bad Gateway" },
                { 503, "Service Unavailable" },
                { 504, "Gateway Timeout" },
                { 505, "HTTP Version Not Supported" },
                { 507, "Insufficient Storage" },            /* RFC 4918 */
        };

        for (size_t i = 0; i < ELEMENTSOF(titles); i++)
                if (titles[i].status == status)
                        return titles[i].title;
        return status >= 500 ? "Server Error" : status >= 400 ? "Client Error" : "Unknown";
}

unsigned problem_status_from_errno(int r) {
        static const struct {
                int error;
                unsigned status;
        } table[] = {
                /* what the client sent */
                { EBADMSG, 400 },
                { EINVAL, 400 },
                { ERANGE, 400 },
                { EKEYREJECTED, 401 },
                { EACCES, 403 },
                { EPERM, 403 },
                { ENOENT, 404 },
                { EEXIST, 409 },
                { ESTALE, 412 },
                { E2BIG, 413 },
                { EFBIG, 413 },
                { EMSGSIZE, 413 },
                /* what we cannot do at all, or not now */
                { EOPNOTSUPP, 501 },
                { EAGAIN, 503 },
                { EBUSY, 503 },
                { ECANCELED, 503 },
                { ENOBUFS, 503 },
                { ENOMEM, 503 },
                { EROFS, 503 },
                { ESHUTDOWN, 503 },
                { EDQUOT, 507 },
                { ENOSPC, 507 },
                /* what the service behind us did */
                { ECONNABORTED, 502 },
                { ECONNREFUSED, 502 },
                { ECONNRESET, 502 },
                { EHOSTUNREACH, 502 },
                { ENETUNREACH, 502 },
                { ENOTCONN, 502 },
                { EPIPE, 502 },
                { EPROTO, 502 },
                { ETIMEDOUT, 504 },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (table[i].error == -r)
                        return table[i].status;
        return 500;
}
