/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/macros.h"

/* Mustache templates over JSON values, after the specification's core (https://github.com/mustache/spec:
 * interpolation, sections, inverted, comments, partials, delimiters; no lambdas, inheritance or dynamic names).
 *
 * Where the specification leaves a choice:
 *   - null, false, "", [] and a missing name are falsy; everything else is truthy, 0 and {} included;
 *   - null and missing names render as nothing, strings as they are, everything else (numbers, true and false, and
 *     whole objects and arrays) as its JSON text;
 *   - {{name}} escapes & < > " ' for HTML text and quoted attributes; {{{name}}} and {{&name}} do not escape;
 *   - a name is one run of bytes without white space or control characters, and no part of a dotted name is empty;
 *   - empty lines of a standalone partial are indented like the others. */

/* A compiled template. It never changes after mustache_new(), so one may serve many renders. */
typedef struct Mustache Mustache;

/* A render ends with -ELOOP past one of these, so that no template and data can hold the event loop for long. */
#define MUSTACHE_PARTIALS_MAX 64        /* partials within partials */
#define MUSTACHE_CONTEXTS_MAX 256       /* sections within sections, over all partials */
#define MUSTACHE_STEPS_MAX 5000000      /* texts and tags, counted each time that they are passed */

/* Compiles size bytes of text, which are copied and need no NUL; name is what the errors call the template. -ENOMEM, or
 * -EINVAL for a template that is not well-formed: *ret_error then is "name:line: what is wrong", the caller's to free.
 * ret_error may be NULL. */
int mustache_new(Mustache **ret, const char *name, const char *text, size_t size, char **ret_error);
Mustache *mustache_free(Mustache *m);
DEFINE_CLEANUP(Mustache, mustache_free);

/* Finds a partial, which must live until the render ends. NULL: there is none, and its tag renders as nothing. */
typedef const Mustache *(*MustachePartial)(const char *name, void *userdata);

/* Appends to out. value may be NULL (JSON's null) and stays the caller's, partial may be NULL (there are no partials).
 * -ELOOP over the limits above, -ENOMEM, or -EFBIG at the buffer's end; out then holds an unfinished text.
 * Allocates nothing but the output, except json-c's cached text of fractions, objects and arrays: because of
 * that cache, no two threads may render from the same value at once. */
int mustache_render(const Mustache *m, json_object *value, MustachePartial partial, void *userdata, Buffer *out);
