/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log/question.h"
#include "log/view.h"

/* The input is the query of GET /log, cursors and patterns in it included. */

#define NOW UINT64_C(1795383688123456)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_cursor(Cursor c) {
        char text[CURSOR_SIZE];
        Cursor back;

        cursor_format(c, text);
        if (cursor_parse(text, &back) < 0 || back.store != c.store || back.position != c.position)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char line[] = "{\"Time\":\"2026-11-22T21:41:28.123456Z\",\"Service\":\"x\",\"Message\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaa \\\"\\u00fc!\"}";
        Problem problem = PROBLEM_NULL;
        Matcher *matcher = NULL;
        Buffer scratch = BUFFER_NULL;
        char *query = strndup((const char *) data, size);
        Question q;
        LineView v;
        int r;

        if (!query || matcher_new(&matcher) < 0 || line_view(&v, line, strlen(line)) < 0)
                abort();
        r = question_parse(&q, query, false, NOW, &problem);
        if (r < 0 && (r != -EBADMSG || !problem.detail || q.filter))
                abort();
        if (r >= 0) {
                if ((q.n > LINES_MAX && q.n != QUESTION_N_DEFAULT) || q.filter->priority < 0 || q.filter->priority > 7 || problem.detail)
                        abort();
                if (q.has_before)
                        check_cursor(q.before);
                if (q.has_after)
                        check_cursor(q.after);
                if (!filter_equal(q.filter, q.filter))
                        abort();
                r = filter_match(q.filter, matcher, &scratch, &v);
                if (r < 0 && r != -ELOOP)
                        abort();
                question_deinit(&q);
        }
        problem_deinit(&problem);
        buffer_deinit(&scratch);
        matcher_free(matcher);
        free(query);
        return 0;
}
