/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "log/pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "wire/log-line.h"

/* A line takes milliseconds at the most: the slowest patterns take time in the power of a line's length. */
#define STEPS_MAX 100000
#define HEAP_KIB_MAX 1024
#define DEPTH_MAX 5000
#define NEST_MAX 50
#define COMPILED_MAX (16u * 1024)       /* bytes: a thousand followers have one each */

#define SPECIAL "\\^$.[|()?*+{"

struct Pattern {
        char *text;
        bool ignore_case;
        pcre2_code *code;       /* NULL: it is a literal */
        Finder literal;         /* for a message */
        Finder raw;             /* for the line as it is in the file */
};

struct Matcher {
        pcre2_match_context *context;
        pcre2_match_data *data;
};

static bool has_capital(const char *text) {
        for (; *text; text++)
                if (*text >= 'A' && *text <= 'Z')
                        return true;
        return false;
}

static bool is_ascii(const char *text) {
        for (; *text; text++)
                if (*text & 0x80)
                        return false;
        return true;
}

static int make_literal(Pattern *p, const char *text, bool ignore_case) {
        _cleanup_(buffer_deinit) Buffer escaped = BUFFER_NULL;
        int r = finder_init(&p->literal, text, strlen(text), ignore_case);

        if (r < 0)
                return r;
        log_line_write_text(&escaped, text, strlen(text));
        if (escaped.error < 0)
                return escaped.error;
        return finder_init(&p->raw, escaped.data + 1, escaped.size - 2, ignore_case);
}

static int compile(Pattern *p, const char *text, bool ignore_case, Problem *problem) {
        pcre2_compile_context *context = pcre2_compile_context_create(NULL);
        /* Damaged lines of old files may be anything: invalid UTF-8 is matched by nothing. */
        uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | (ignore_case ? PCRE2_CASELESS : 0);
        size_t offset, size;
        int error;

        if (!context)
                return -ENOMEM;
        (void) pcre2_set_parens_nest_limit(context, NEST_MAX);
        p->code = pcre2_compile((PCRE2_SPTR) text, PCRE2_ZERO_TERMINATED, options, &error, &offset, context);
        pcre2_compile_context_free(context);
        if (!p->code) {
                PCRE2_UCHAR why[128] = "";

                if (error == PCRE2_ERROR_HEAP_FAILED)
                        return -ENOMEM;
                (void) pcre2_get_error_message(error, why, sizeof(why));
                return problem_set(problem, 400, "Parameter 'grep' is no regular expression: %s at character %zu", (const char *) why, offset + 1);
        }
        if (pcre2_pattern_info(p->code, PCRE2_INFO_SIZE, &size) != 0 || size > COMPILED_MAX)
                return problem_set(problem, 400, "Parameter 'grep' repeats too much: compiled, it has %zu bytes and may have %u", size, COMPILED_MAX);
        return 0;
}

int pattern_new(Pattern **ret, const char *text, PatternCase how, Problem *problem) {
        _cleanup_(pattern_freep) Pattern *p = NULL;
        bool ignore_case = how == PATTERN_IGNORE || (how == PATTERN_SMART && !has_capital(text));
        size_t size = strlen(text);
        int r;

        if (size == 0 || size > PATTERN_MAX || !text_is_utf8(text, size))
                return problem_set(problem, 400, "Parameter 'grep' must be a regular expression of 1 to %d bytes in UTF-8", PATTERN_MAX);
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->ignore_case = ignore_case;
        p->text = strdup(text);
        if (!p->text)
                return -ENOMEM;
        /* Other letters than ASCII's have their cases in PCRE2's tables. */
        if (!text[strcspn(text, SPECIAL)] && (!ignore_case || is_ascii(text)))
                r = make_literal(p, text, ignore_case);
        else
                r = compile(p, text, ignore_case, problem);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

Pattern *pattern_free(Pattern *p) {
        if (!p)
                return NULL;
        pcre2_code_free(p->code);
        finder_deinit(&p->literal);
        finder_deinit(&p->raw);
        free(p->text);
        free(p);
        return NULL;
}

bool pattern_equal(const Pattern *a, const Pattern *b) {
        return a && b ? a->ignore_case == b->ignore_case && strcmp(a->text, b->text) == 0 : a == b;
}

const Finder *pattern_raw_finder(const Pattern *p) {
        return p->code ? NULL : &p->raw;
}

int matcher_new(Matcher **ret) {
        _cleanup_(matcher_freep) Matcher *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;
        m->context = pcre2_match_context_create(NULL);
        m->data = pcre2_match_data_create(1, NULL);     /* whether, not where */
        if (!m->context || !m->data)
                return -ENOMEM;
        (void) pcre2_set_match_limit(m->context, STEPS_MAX);
        (void) pcre2_set_heap_limit(m->context, HEAP_KIB_MAX);
        (void) pcre2_set_depth_limit(m->context, DEPTH_MAX);
        *ret = TAKE_PTR(m);
        return 0;
}

Matcher *matcher_free(Matcher *m) {
        if (!m)
                return NULL;
        pcre2_match_data_free(m->data);
        pcre2_match_context_free(m->context);
        free(m);
        return NULL;
}

int pattern_match(const Pattern *p, Matcher *m, const char *text, size_t size) {
        int r;

        if (!p->code)
                return finder_find(&p->literal, text, size) != NULL;
        r = pcre2_match(p->code, (PCRE2_SPTR) text, size, 0, 0, m->data, m->context);
        if (r >= 0)
                return 1;
        switch (r) {
        case PCRE2_ERROR_NOMATCH:
                return 0;
        case PCRE2_ERROR_NOMEMORY:
                return -ENOMEM;
        default:        /* its limits; recursion without end */
                return -ELOOP;
        }
}
