/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/mustache-internal.h"
#include "runtime/mustache.h"

/* The indentation of a partial within that of the one around it; lives on the stack of the render. */
typedef struct Indent {
        const struct Indent *outer;
        const char *data;
        size_t size;
} Indent;

typedef struct Render {
        MustachePartial partial;
        void *userdata;
        Buffer *out;
        size_t n_partials;
        size_t n_steps;
        size_t n_contexts;
        json_object *contexts[1 + MUSTACHE_CONTEXTS_MAX];     /* the whole value, and one for each section */
} Render;

static const char *const escapes[256] = {
        ['&'] = "&amp;",
        ['<'] = "&lt;",
        ['>'] = "&gt;",
        ['"'] = "&quot;",
        ['\''] = "&#39;",
};

static int put_escaped(Buffer *out, const char *data, size_t size) {
        size_t done = 0;

        for (size_t i = 0; i < size; i++) {
                const char *escape = escapes[(unsigned char) data[i]];

                if (!escape)
                        continue;
                if (i > done)
                        (void) buffer_append(out, data + done, i - done);
                (void) buffer_puts(out, escape);
                done = i + 1;
        }
        if (size > done)
                (void) buffer_append(out, data + done, size - done);
        return out->error;
}

static int put_value(Buffer *out, json_object *value, bool escaped) {
        const char *text;
        size_t size;

        switch (json_object_get_type(value)) {
        case json_type_null:
                return 0;
        case json_type_boolean:
                return buffer_puts(out, json_object_get_boolean(value) ? "true" : "false");
        case json_type_int: {
                int64_t number = json_object_get_int64(value);

                /* json-c keeps what is over INT64_MAX as unsigned. */
                return number < 0 ? buffer_printf(out, "%" PRId64, number) :
                                    buffer_printf(out, "%" PRIu64, json_object_get_uint64(value));
        }
        case json_type_string:
                text = json_object_get_string(value);
                size = json_object_get_string_len(value);
                break;
        default:
                text = json_object_to_json_string_length(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
                                                         &size);
        }

        if (!text)
                return -ENOMEM;
        return escaped ? put_escaped(out, text, size) : buffer_append(out, text, size);
}

static void put_indent(Buffer *out, const Indent *indent) {
        if (!indent)
                return;
        put_indent(out, indent->outer);
        if (indent->size > 0)
                (void) buffer_append(out, indent->data, indent->size);
}

static int put_text(Buffer *out, const Node *node, const Indent *indent) {
        const char *data = node->text.data, *end = data + node->text.size, *line_break;

        if (indent) {
                if (node->text.starts_line)
                        put_indent(out, indent);
                while ((line_break = memchr(data, '\n', end - data)) && line_break + 1 < end) {
                        (void) buffer_append(out, data, line_break + 1 - data);
                        put_indent(out, indent);
                        data = line_break + 1;
                }
        }
        if (data < end)
                (void) buffer_append(out, data, end - data);
        return out->error;
}

static json_object *resolve(const Render *render, const Node *node) {
        const char *part = node->value.name, *end = part + node->value.size;
        json_object *value = NULL;
        size_t i = render->n_contexts;

        if (*part == '.')
                return render->contexts[i - 1];

        /* A null found ends the search, as any other value does. */
        while (i > 0 && !json_object_object_get_ex(render->contexts[i - 1], part, &value))
                i--;
        for (part += strlen(part) + 1; value && part < end; part += strlen(part) + 1)
                if (!json_object_object_get_ex(value, part, &value))
                        return NULL;
        return value;
}

static bool is_truthy(json_object *value) {
        switch (json_object_get_type(value)) {
        case json_type_null:
                return false;
        case json_type_boolean:
                return json_object_get_boolean(value);
        case json_type_string:
                return json_object_get_string_len(value) > 0;
        case json_type_array:
                return json_object_array_length(value) > 0;
        default:
                return true;
        }
}

static int render_nodes(Render *render, const Mustache *m, size_t begin, size_t end, const Indent *indent);

static int render_section(Render *render, const Mustache *m, size_t at, const Indent *indent) {
        size_t end = m->nodes[at].value.end + 1;
        json_object *value = resolve(render, &m->nodes[at]);
        bool is_list = json_object_is_type(value, json_type_array);
        size_t n = is_list ? json_object_array_length(value) : is_truthy(value);
        int r = 0;

        if (n == 0)
                return 0;
        if (render->n_contexts == ELEMENTSOF(render->contexts))
                return -ELOOP;

        render->n_contexts++;
        for (size_t i = 0; i < n && r >= 0; i++) {
                render->contexts[render->n_contexts - 1] = is_list ? json_object_array_get_idx(value, i) : value;
                r = render_nodes(render, m, at + 1, end, indent);
        }
        render->n_contexts--;
        return r;
}

static int render_partial(Render *render, const Node *node, const Indent *outer) {
        Indent indent = { outer, node->partial.indent, node->partial.indent_size };
        const Mustache *m;
        int r;

        m = render->partial ? render->partial(node->partial.name, render->userdata) : NULL;
        if (!m)
                return 0;
        if (render->n_partials == MUSTACHE_PARTIALS_MAX)
                return -ELOOP;

        render->n_partials++;
        r = render_nodes(render, m, 0, m->n_nodes, node->partial.standalone ? &indent : NULL);
        render->n_partials--;
        return r;
}

static int render_nodes(Render *render, const Mustache *m, size_t begin, size_t end, const Indent *indent) {
        for (size_t i = begin; i < end; i++) {
                const Node *node = &m->nodes[i];
                int r = 0;

                if (++render->n_steps > MUSTACHE_STEPS_MAX)
                        return -ELOOP;

                switch (node->type) {
                case NODE_TEXT:
                        r = put_text(render->out, node, indent);
                        break;
                case NODE_ESCAPED:
                case NODE_RAW:
                        r = put_value(render->out, resolve(render, node), node->type == NODE_ESCAPED);
                        break;
                case NODE_SECTION:
                        r = render_section(render, m, i, indent);
                        i = node->value.end;
                        break;
                case NODE_INVERTED:
                        if (is_truthy(resolve(render, node)))
                                i = node->value.end;
                        break;
                case NODE_PARTIAL:
                        r = render_partial(render, node, indent);
                        break;
                case NODE_END:
                        break;
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int mustache_render(const Mustache *m, json_object *value, MustachePartial partial, void *userdata, Buffer *out) {
        Render render = {
                .partial = partial,
                .userdata = userdata,
                .out = out,
                .n_contexts = 1,
                .contexts = { value },
        };
        int r;

        r = render_nodes(&render, m, 0, m->n_nodes, NULL);
        return r < 0 ? r : out->error;
}
