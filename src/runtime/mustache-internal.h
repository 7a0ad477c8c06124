/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What mustache-parse.c makes and mustache-render.c walks: the template's texts and tags in source order, in one array.
 * All pointers are into the template's copy of its text, in which the parser has put a NUL after each name and for each
 * dot of a dotted name: these bytes belong to tags, so that no text is hurt. Comments, delimiters and the lines that
 * hold nothing but a tag leave no node. */

typedef enum NodeType {
        NODE_TEXT,
        NODE_ESCAPED,           /* {{name}} */
        NODE_RAW,               /* {{{name}}}, {{&name}} */
        NODE_SECTION,           /* {{#name}} */
        NODE_INVERTED,          /* {{^name}} */
        NODE_END,               /* {{/name}} */
        NODE_PARTIAL,           /* {{>name}} */
} NodeType;

typedef struct Node {
        NodeType type;
        union {
                /* Indentation of a partial goes in front of each source line of it: before the text if starts_line,
                 * and after each line break in it but for one at its end. A tag at the very start of a line follows
                 * an empty text that starts the line. */
                struct {
                        const char *data;
                        size_t size;
                        bool starts_line;
                } text;

                /* ESCAPED, RAW, SECTION, INVERTED */
                struct {
                        const char *name;       /* ".", or the parts, one NUL after each */
                        size_t size;            /* from the first part to the end of the last */
                        size_t end;             /* SECTION, INVERTED: the index of the END */
                } value;

                struct {
                        const char *name;
                        const char *indent;
                        size_t indent_size;
                        bool standalone;        /* if not, the partial is not indented at all */
                } partial;
        };
} Node;

struct Mustache {
        char *text;
        Node *nodes;
        size_t n_nodes;
};
