/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "runtime/mustache-internal.h"
#include "runtime/mustache.h"

#define NO_SECTION SIZE_MAX

typedef struct Delimiter {
        const char *data;
        size_t size;
} Delimiter;

typedef struct Parser {
        Mustache *m;
        size_t n_allocated;

        /* The caller's text. Offsets into it are offsets into m->text too, which loses its dots on the way. */
        const char *text;
        size_t size;

        Delimiter open;
        Delimiter close;
        size_t section;         /* the innermost open section; its value.end is the one around it until it is closed */

        const char *name;
        char **ret_error;
} Parser;

/* Offsets into the text. */
typedef struct Tag {
        char kind;              /* the sign after the opening delimiter, or 0 */
        size_t begin;
        size_t end;
        size_t content;         /* what stands between the signs, without the white space around it */
        size_t content_size;
} Tag;

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static bool is_space(char c) {
        return is_blank(c) || c == '\n' || c == '\r';
}

static size_t line_of(const Parser *p, size_t at) {
        size_t line = 1;

        for (size_t i = 0; i < at; i++)
                line += p->text[i] == '\n';
        return line;
}

static int fail(const Parser *p, size_t at, const char *format, ...) _printf_(3, 4);

static int fail(const Parser *p, size_t at, const char *format, ...) {
        _cleanup_(freep) char *what = NULL;
        va_list ap;
        int r;

        if (!p->ret_error)
                return -EINVAL;

        va_start(ap, format);
        r = vasprintf(&what, format, ap);
        va_end(ap);
        if (r < 0) {
                what = NULL;
                return -ENOMEM;
        }

        char *error;
        if (asprintf(&error, "%s:%zu: %s", p->name, line_of(p, at), what) < 0)
                return -ENOMEM;
        *p->ret_error = error;
        return -EINVAL;
}

static int add_node(Parser *p, Node node) {
        if (p->m->n_nodes == p->n_allocated) {
                size_t n = p->n_allocated ? p->n_allocated * 2 : 16;
                Node *nodes = reallocarray(p->m->nodes, n, sizeof(Node));

                if (!nodes)
                        return -ENOMEM;
                p->m->nodes = nodes;
                p->n_allocated = n;
        }
        p->m->nodes[p->m->n_nodes++] = node;
        return 0;
}

static int add_text(Parser *p, size_t begin, size_t end, bool starts_line) {
        return add_node(p, (Node) {
                .type = NODE_TEXT,
                .text = { .data = p->m->text + begin, .size = end - begin, .starts_line = starts_line },
        });
}

/* Where the closing delimiter begins, with the sign that belongs before it for {{{x}}} and {{=x=}}. */
static bool find_close(const Parser *p, size_t from, char sign, size_t *ret) {
        size_t at = from;

        for (;;) {
                const char *close = memmem(p->text + at, p->size - at, p->close.data, p->close.size);

                if (!close)
                        return false;
                at = close - p->text;
                if (!sign || (at > from && p->text[at - 1] == sign)) {
                        *ret = at;
                        return true;
                }
                at++;
        }
}

static int read_tag(const Parser *p, size_t begin, Tag *ret) {
        Tag tag = { .begin = begin };
        size_t at = begin + p->open.size, end;
        char sign;

        while (at < p->size && is_space(p->text[at]))
                at++;
        if (at < p->size && p->text[at] && strchr("#^/>&!={", p->text[at]))
                tag.kind = p->text[at++];

        sign = tag.kind == '{' ? '}' : tag.kind == '=' ? '=' : 0;
        if (!find_close(p, at, sign, &end))
                return fail(p, begin, "unclosed tag");

        tag.end = end + p->close.size;
        if (sign)
                end--;
        while (at < end && is_space(p->text[at]))
                at++;
        while (end > at && is_space(p->text[end - 1]))
                end--;
        tag.content = at;
        tag.content_size = end - at;
        *ret = tag;
        return 0;
}

/* Whether the tag has its lines for itself; they are [*ret_begin, *ret_end), with the line break. The text before the
 * tag begins at from, which starts a line or follows another tag. */
static bool is_standalone(const Parser *p, const Tag *tag, size_t from, bool starts_line,
                          size_t *ret_begin, size_t *ret_end) {
        size_t begin = tag->begin, end = tag->end;

        if (tag->kind == 0 || tag->kind == '&' || tag->kind == '{')
                return false;

        while (begin > from && is_blank(p->text[begin - 1]))
                begin--;
        if (begin == from ? !starts_line : p->text[begin - 1] != '\n')
                return false;

        while (end < p->size && is_blank(p->text[end]))
                end++;
        if (end < p->size) {
                if (p->text[end] == '\r' && end + 1 < p->size)
                        end++;
                if (p->text[end++] != '\n')
                        return false;
        }

        *ret_begin = begin;
        *ret_end = end;
        return true;
}

static int check_name(const Parser *p, const Tag *tag) {
        const char *name = p->text + tag->content;

        if (tag->content_size == 0)
                return fail(p, tag->begin, "tag without a name");
        for (size_t i = 0; i < tag->content_size; i++)
                if ((unsigned char) name[i] <= ' ' || name[i] == 0x7f)
                        return fail(p, tag->begin, "white space or a control character within a tag's name");
        return 0;
}

/* Cuts the name at its dots. */
static int cut_name(const Parser *p, const Tag *tag) {
        const char *name = p->text + tag->content;
        char *copy = p->m->text + tag->content;
        size_t size = tag->content_size;

        copy[size] = '\0';
        if (size == 1 && name[0] == '.')
                return 0;
        for (size_t i = 0; i < size; i++) {
                if (name[i] != '.')
                        continue;
                if (i == 0 || i + 1 == size || name[i + 1] == '.')
                        return fail(p, tag->begin, "empty part in the name '%.*s'", (int) size, name);
                copy[i] = '\0';
        }
        return 0;
}

static int set_delimiters(Parser *p, const Tag *tag) {
        const char *open = p->text + tag->content, *end = open + tag->content_size, *open_end = open, *close;

        while (open_end < end && !is_space(*open_end))
                open_end++;
        close = open_end;
        while (close < end && is_space(*close))
                close++;
        for (const char *c = close; c < end; c++)
                if (is_space(*c))
                        return fail(p, tag->begin, "more than two delimiters");
        if (close == end)
                return fail(p, tag->begin, "fewer than two delimiters");
        if (memchr(open, '=', end - open))
                return fail(p, tag->begin, "delimiter with an equals sign");

        p->open = (Delimiter) { open, open_end - open };
        p->close = (Delimiter) { close, end - close };
        return 0;
}

static int add_value(Parser *p, const Tag *tag, NodeType type) {
        int r;

        r = cut_name(p, tag);
        if (r < 0)
                return r;
        r = add_node(p, (Node) {
                .type = type,
                .value = { .name = p->m->text + tag->content, .size = tag->content_size, .end = p->section },
        });
        if (r < 0)
                return r;
        if (type == NODE_SECTION || type == NODE_INVERTED)
                p->section = p->m->n_nodes - 1;
        return 0;
}

static int close_section(Parser *p, const Tag *tag) {
        const char *name = p->text + tag->content, *opened;
        size_t outer;
        Node *section;

        if (p->section == NO_SECTION)
                return fail(p, tag->begin, "no section '%.*s' is open here", (int) tag->content_size, name);

        section = &p->m->nodes[p->section];
        opened = p->text + (section->value.name - p->m->text);
        if (section->value.size != tag->content_size || memcmp(opened, name, tag->content_size) != 0)
                return fail(p, tag->begin, "'%.*s' closes section '%.*s' of line %zu", (int) tag->content_size, name,
                            (int) section->value.size, opened, line_of(p, opened - p->text));

        outer = section->value.end;
        section->value.end = p->m->n_nodes;
        p->section = outer;
        return add_node(p, (Node) { .type = NODE_END });
}

static int add_partial(Parser *p, const Tag *tag, bool standalone, size_t line) {
        p->m->text[tag->content + tag->content_size] = '\0';
        return add_node(p, (Node) {
                .type = NODE_PARTIAL,
                .partial = {
                        .name = p->m->text + tag->content,
                        .indent = p->m->text + line,
                        .indent_size = standalone ? tag->begin - line : 0,
                        .standalone = standalone,
                },
        });
}

static int add_tag(Parser *p, const Tag *tag, bool standalone, size_t line) {
        int r;

        if (tag->kind == '!')
                return 0;
        if (tag->kind == '=')
                return set_delimiters(p, tag);

        r = check_name(p, tag);
        if (r < 0)
                return r;

        switch (tag->kind) {
        case '#':
                return add_value(p, tag, NODE_SECTION);
        case '^':
                return add_value(p, tag, NODE_INVERTED);
        case '/':
                return close_section(p, tag);
        case '>':
                return add_partial(p, tag, standalone, line);
        case '&':
        case '{':
                return add_value(p, tag, NODE_RAW);
        default:
                return add_value(p, tag, NODE_ESCAPED);
        }
}

static int parse(Parser *p) {
        bool starts_line = true;
        size_t at = 0;
        const char *open;
        int r;

        while ((open = memmem(p->text + at, p->size - at, p->open.data, p->open.size))) {
                size_t line, next;
                bool standalone;
                Tag tag = {};

                r = read_tag(p, open - p->text, &tag);
                if (r < 0)
                        return r;

                standalone = is_standalone(p, &tag, at, starts_line, &line, &next);
                if (!standalone) {
                        line = tag.begin;
                        next = tag.end;
                }

                if (line > at) {
                        r = add_text(p, at, line, starts_line);
                        if (r < 0)
                                return r;
                        starts_line = p->text[line - 1] == '\n';
                }
                if (!standalone && starts_line) {
                        r = add_text(p, line, line, true);
                        if (r < 0)
                                return r;
                }

                r = add_tag(p, &tag, standalone, line);
                if (r < 0)
                        return r;
                at = next;
                starts_line = standalone;
        }

        if (p->section != NO_SECTION) {
                const Node *section = &p->m->nodes[p->section];
                size_t name = section->value.name - p->m->text;

                return fail(p, name, "unclosed section '%.*s'", (int) section->value.size, p->text + name);
        }
        return at < p->size ? add_text(p, at, p->size, starts_line) : 0;
}

int mustache_new(Mustache **ret, const char *name, const char *text, size_t size, char **ret_error) {
        _cleanup_(mustache_freep) Mustache *m = NULL;
        int r;

        m = calloc(1, sizeof(Mustache));
        if (!m)
                return -ENOMEM;
        m->text = malloc(size + 1);
        if (!m->text)
                return -ENOMEM;
        if (size > 0)
                memcpy(m->text, text, size);
        m->text[size] = '\0';

        Parser p = {
                .m = m,
                .text = size > 0 ? text : "",
                .size = size,
                .open = { "{{", 2 },
                .close = { "}}", 2 },
                .section = NO_SECTION,
                .name = name,
                .ret_error = ret_error,
        };
        r = parse(&p);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

Mustache *mustache_free(Mustache *m) {
        if (!m)
                return NULL;
        free(m->nodes);
        free(m->text);
        free(m);
        return NULL;
}
