/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "mustache-cases.h"
#include "runtime/mustache.h"

#define PARTIALS_MAX 6

/* The partials of one render, found by name. */
typedef struct Library {
        const char *names[PARTIALS_MAX];
        Mustache *templates[PARTIALS_MAX];
        size_t n;
        size_t n_asked;
} Library;

typedef struct Module {
        const Case *cases;
        size_t n;
} Module;

static void library_deinit(Library *library) {
        for (size_t i = 0; i < library->n; i++)
                mustache_free(library->templates[i]);
        library->n = 0;
}

static const Mustache *library_find(const char *name, void *userdata) {
        Library *library = userdata;

        library->n_asked++;
        for (size_t i = 0; i < library->n; i++)
                if (strcmp(library->names[i], name) == 0)
                        return library->templates[i];
        return NULL;
}

/* The parser sees exactly size bytes, and they are gone before it is used. */
static int compile_size(Mustache **ret, const char *text, size_t size, char **ret_error) {
        char *copy = malloc(size);
        int r;

        assert_true(copy || size == 0);
        if (size > 0)
                memcpy(copy, text, size);
        r = mustache_new(ret, "page", copy, size, ret_error);
        if (size > 0)
                memset(copy, '{', size);
        free(copy);
        return r;
}

static Mustache *compile(const char *text) {
        _cleanup_(freep) char *error = NULL;
        Mustache *m = NULL;
        int r;

        r = compile_size(&m, text, strlen(text), &error);
        if (error)
                print_error("%s: %s\n", text, error);
        assert_int_equal(r, 0);
        assert_non_null(m);
        assert_null(error);
        return m;
}

static void library_add(Library *library, const char *name, const char *text) {
        assert_true(library->n < PARTIALS_MAX);
        library->names[library->n] = name;
        library->templates[library->n++] = compile(text);
}

static json_object *parse_json(const char *text) {
        enum json_tokener_error error;
        json_object *value = json_tokener_parse_verbose(text, &error);

        if (error != json_tokener_success)
                fail_msg("%s: %s", text, json_tokener_error_desc(error));
        return value;
}

/* Renders with a library or without. */
static int render(const char *text, const char *data, Library *library, Buffer *out) {
        _cleanup_(mustache_freep) Mustache *m = compile(text);
        json_object *value = parse_json(data);
        int r;

        r = mustache_render(m, value, library ? library_find : NULL, library, out);
        json_object_put(value);
        return r;
}

static bool check_case(const Case *c) {
        _cleanup_(mustache_freep) Mustache *m = compile(c->template);
        _cleanup_(library_deinit) Library library = {};
        json_object *value = parse_json(c->data), *before = parse_json(c->data);
        bool good = true;

        for (size_t i = 0; i + 1 < ELEMENTSOF(c->partials) && c->partials[i]; i += 2)
                library_add(&library, c->partials[i], c->partials[i + 1]);

        /* Twice, because a template and its data are the same after a render. */
        for (int i = 0; i < 2; i++) {
                _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
                int r = mustache_render(m, value, library_find, &library, &out);

                if (r == 0 && out.size == strlen(c->expected) && strcmp(buffer_text(&out), c->expected) == 0)
                        continue;
                print_error("render %d: %s\n  template: [%s]\n  expected: [%s]\n  rendered: [%s] (%d)\n",
                            i + 1, c->rule, c->template, c->expected, buffer_text(&out), r);
                good = false;
        }
        assert_true(json_object_equal(value, before));

        json_object_put(value);
        json_object_put(before);
        return good;
}

static void test_module(void **state) {
        const Module *module = *state;
        size_t n_bad = 0;

        for (size_t i = 0; i < module->n; i++)
                n_bad += !check_case(&module->cases[i]);
        assert_int_equal(n_bad, 0);
}

/* Whatever a template is cut off to, it is a template or an error that says where. */
static void test_prefixes(void **state) {
        const Module *modules = *state;

        for (const Module *module = modules; module->cases; module++)
                for (size_t i = 0; i < module->n; i++)
                        for (size_t size = 0; size <= strlen(module->cases[i].template); size++) {
                                _cleanup_(mustache_freep) Mustache *m = NULL;
                                _cleanup_(freep) char *error = NULL;
                                int r = compile_size(&m, module->cases[i].template, size, &error);

                                assert_true(r == 0 || r == -EINVAL);
                                assert_int_equal(r == 0, m != NULL);
                                assert_int_equal(r == -EINVAL, error != NULL);
                                if (error)
                                        assert_memory_equal(error, "page:", 5);
                        }
}

static void test_errors(void **state) {
        static const struct {
                const char *template;
                const char *where;
                const char *what;
        } cases[] = {
                { "{{", "page:1: ", "unclosed tag" },
                { "{{student", "page:1: ", "unclosed tag" },
                { "Grades\nof {{student} }", "page:2: ", "unclosed tag" },
                { "Grades\r\n\r\n{{!\nlater", "page:3: ", "unclosed tag" },
                { "{{{student}}", "page:1: ", "unclosed tag" },
                { "{{=<% %>}}", "page:1: ", "unclosed tag" },
                { "{{=}}", "page:1: ", "unclosed tag" },
                { "{{=<% %>=}}\n<%student}}", "page:2: ", "unclosed tag" },
                { "a\n\n{{#class}}\nb\n", "page:3: ", "unclosed section 'class'" },
                { "{{^class}}", "page:1: ", "unclosed section 'class'" },
                { "{{#class}}\n{{#student}}{{/student}}", "page:1: ", "unclosed section 'class'" },
                { "{{#class}}\n{{#class}}{{/class}}", "page:1: ", "unclosed section 'class'" },
                { "{{#class}}{{=<% %>=}}{{/class}}", "page:1: ", "unclosed section 'class'" },
                { "{{#class}}{{! {{/class}}", "page:1: ", "unclosed section 'class'" },
                { "\n{{/class}}", "page:2: ", "no section 'class'" },
                { "{{#class}}{{/class}}\n{{/class}}", "page:2: ", "no section 'class'" },
                { "{{#class}}\n\n{{/student}}", "page:3: ", "'student' closes section 'class' of line 1" },
                { "\n{{#a}}\n{{^b}}\n{{/a}}{{/b}}", "page:4: ", "'a' closes section 'b' of line 3" },
                { "{{#class.room}}{{/class}}", "page:1: ", "'class' closes section 'class.room'" },
                { "{{#class}}{{/classes}}", "page:1: ", "'classes' closes section 'class'" },
                { "{{#class}}{{/Class}}", "page:1: ", "'Class' closes section 'class'" },
                { "{{=<%=}}", "page:1: ", "fewer than two delimiters" },
                { "\n{{==}}", "page:2: ", "fewer than two delimiters" },
                { "{{= \n =}}", "page:1: ", "fewer than two delimiters" },
                { "{{=<% | %>=}}", "page:1: ", "more than two delimiters" },
                { "{{=<= =>=}}", "page:1: ", "equals sign" },
                { "{{=<% =%>=}}", "page:1: ", "equals sign" },
                { "{{}}", "page:1: ", "without a name" },
                { "\n\n{{ \t}}", "page:3: ", "without a name" },
                { "{{{}}}", "page:1: ", "without a name" },
                { "{{& }}", "page:1: ", "without a name" },
                { "{{#}}{{/}}", "page:1: ", "without a name" },
                { "{{^}}{{/}}", "page:1: ", "without a name" },
                { "{{#class}}\n{{/}}", "page:2: ", "without a name" },
                { "{{>}}", "page:1: ", "without a name" },
                { "{{first name}}", "page:1: ", "white space" },
                { "{{>first\nname}}", "page:1: ", "white space" },
                { "{{#a b}}{{/a b}}", "page:1: ", "white space" },
                { "{{first\x01name}}", "page:1: ", "control character" },
                { "{{name\x7f}}", "page:1: ", "control character" },
                { "{{.name}}", "page:1: ", "empty part in the name '.name'" },
                { "{{class.}}", "page:1: ", "empty part in the name 'class.'" },
                { "\n{{{class..name}}}", "page:2: ", "empty part in the name 'class..name'" },
                { "{{#..}}{{/..}}", "page:1: ", "empty part in the name '..'" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(freep) char *error = NULL;
                Mustache *m = NULL;
                size_t size = strlen(cases[i].template);

                assert_int_equal(compile_size(&m, cases[i].template, size, &error), -EINVAL);
                assert_null(m);
                assert_non_null(error);
                if (strncmp(error, cases[i].where, strlen(cases[i].where)) != 0 || !strstr(error, cases[i].what))
                        fail_msg("%s: %s, not %s%s", cases[i].template, error, cases[i].where, cases[i].what);

                assert_int_equal(compile_size(&m, cases[i].template, size, NULL), -EINVAL);
                assert_null(m);
        }
}

/* Texts and values may hold NULs, names may not. */
static void test_nul(void **state) {
        static const char template[] = "a\0b{{grade}}\0{{{grade}}}", name[] = "{{gra\0de}}", kind[] = "{{\0grade}}";
        static const char expected[] = "a\0bx\0&amp;\0x\0&";
        _cleanup_(mustache_freep) Mustache *m = NULL;
        _cleanup_(freep) char *error = NULL, *error2 = NULL;
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        json_object *value = parse_json("{\"grade\":\"x\\u0000&\"}");

        assert_int_equal(compile_size(&m, name, sizeof(name) - 1, &error), -EINVAL);
        assert_string_equal(error, "page:1: white space or a control character within a tag's name");
        assert_int_equal(compile_size(&m, kind, sizeof(kind) - 1, &error2), -EINVAL);
        assert_string_equal(error2, error);

        assert_int_equal(compile_size(&m, template, sizeof(template) - 1, NULL), 0);
        assert_int_equal(mustache_render(m, value, NULL, NULL, &out), 0);
        assert_int_equal(out.size, sizeof(expected) - 1);
        assert_memory_equal(out.data, expected, sizeof(expected));
        json_object_put(value);
}

static void test_nothing(void **state) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL, none = BUFFER_NULL;
        _cleanup_(mustache_freep) Mustache *m = NULL, *empty = NULL;

        /* No text at all. */
        assert_int_equal(mustache_new(&empty, "page", NULL, 0, NULL), 0);
        assert_int_equal(mustache_render(empty, NULL, NULL, NULL, &none), 0);
        assert_string_equal(buffer_text(&none), "");
        assert_null(mustache_free(NULL));

        /* A buffer that has failed before is no success, even for nothing. */
        none.max = 1;
        assert_int_equal(buffer_puts(&none, "ab"), -EFBIG);
        assert_int_equal(mustache_render(empty, NULL, NULL, NULL, &none), -EFBIG);

        /* No value, no partials. */
        m = compile("[{{.}}{{&grade}}{{class.room}}{{#.}}a{{/.}}{{#class}}b{{/class}}]{{^class}} none{{/class}}\n"
                    "  {{>row}}\n{{>row}}.");
        assert_int_equal(mustache_render(m, NULL, NULL, NULL, &out), 0);
        assert_string_equal(buffer_text(&out), "[] none\n.");
}

static void test_partial_callback(void **state) {
        _cleanup_(library_deinit) Library library = {};
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        library_add(&library, "row", "{{n}},");
        assert_int_equal(render("{{#s}}{{>row}}{{>other}}{{/s}}{{^s}}{{>row}}{{/s}}{{#off}}{{>row}}{{/off}}",
                                "{\"s\":[{\"n\":1},{\"n\":2}]}", &library, &out), 0);
        assert_string_equal(buffer_text(&out), "1,2,");
        assert_int_equal(library.n_asked, 4);
}

/* Renders a template, which a render is at, from within it. */
typedef struct Again {
        const Mustache *m;
        json_object *value;
        Buffer out;
} Again;

static const Mustache *render_again(const char *name, void *userdata) {
        Again *again = userdata;

        assert_int_equal(mustache_render(again->m, again->value, NULL, NULL, &again->out), 0);
        return NULL;
}

static void test_shared(void **state) {
        _cleanup_(mustache_freep) Mustache *m = compile("{{#s}}{{n}}{{>row}};{{/s}}");
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        json_object *value = parse_json("{\"s\":[{\"n\":\"Bo\"},{\"n\":\"Al\"}]}");
        Again again = { .m = m, .value = parse_json("{\"s\":[{\"n\":\"Cy\"}]}") };

        assert_int_equal(buffer_puts(&out, "Names: "), 0);
        assert_int_equal(mustache_render(m, value, render_again, &again, &out), 0);
        assert_string_equal(buffer_text(&out), "Names: Bo;Al;");
        assert_string_equal(buffer_text(&again.out), "Cy;Cy;");

        buffer_deinit(&again.out);
        json_object_put(again.value);
        json_object_put(value);
}

/* {"s":[0,0,...]} of n zeros. */
static json_object *list_of(size_t n) {
        json_object *value = json_object_new_object(), *list = json_object_new_array();

        for (size_t i = 0; i < n; i++)
                assert_int_equal(json_object_array_add(list, json_object_new_int(0)), 0);
        assert_int_equal(json_object_object_add(value, "s", list), 0);
        return value;
}

/* {"sub":{"sub":...{"sub":null}}}. The null is what ends it: a missing sub would be found one context further out. */
static json_object *nested_data(size_t depth) {
        json_object *value = NULL;

        for (size_t i = 0; i <= depth; i++) {
                json_object *outer = json_object_new_object();

                assert_int_equal(json_object_object_add(outer, "sub", value), 0);
                value = outer;
        }
        return value;
}

static void test_partials_max(void **state) {
        _cleanup_(library_deinit) Library library = {};
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        _cleanup_(mustache_freep) Mustache *tree = compile("{{>tree}}"), *leaves = compile("{{#s}}{{>leaf}}{{/s}}");
        json_object *good = nested_data(MUSTACHE_PARTIALS_MAX - 1), *bad = nested_data(MUSTACHE_PARTIALS_MAX);
        json_object *many = list_of(MUSTACHE_PARTIALS_MAX + 1);

        library_add(&library, "itself", "x{{>itself}}");
        library_add(&library, "one", "  {{>other}}\n");
        library_add(&library, "other", "  {{>one}}\n");
        library_add(&library, "tree", "x{{#sub}}{{>tree}}{{/sub}}");

        assert_int_equal(render("{{>itself}}", "{}", &library, &out), -ELOOP);
        assert_int_equal(out.size, MUSTACHE_PARTIALS_MAX);
        assert_int_equal(render("{{>one}}", "{}", &library, &out), -ELOOP);

        buffer_clear(&out);
        assert_int_equal(mustache_render(tree, good, library_find, &library, &out), 0);
        assert_int_equal(out.size, MUSTACHE_PARTIALS_MAX);
        assert_int_equal(mustache_render(tree, bad, library_find, &library, &out), -ELOOP);
        json_object_put(good);
        json_object_put(bad);

        /* One after another, there may be more of them. */
        buffer_clear(&out);
        library_add(&library, "leaf", "x");
        assert_int_equal(mustache_render(leaves, many, library_find, &library, &out), 0);
        assert_int_equal(out.size, MUSTACHE_PARTIALS_MAX + 1);
        json_object_put(many);
}

static char *nested_sections(char kind, const char *name, size_t depth) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        for (size_t i = 0; i < depth; i++)
                (void) buffer_printf(&b, "{{%c%s}}", kind, name);
        (void) buffer_puts(&b, "x");
        for (size_t i = 0; i < depth; i++)
                (void) buffer_printf(&b, "{{/%s}}", name);
        return buffer_take(&b, NULL);
}

static void test_contexts_max(void **state) {
        _cleanup_(freep) char *good = nested_sections('#', "on", MUSTACHE_CONTEXTS_MAX);
        _cleanup_(freep) char *bad = nested_sections('#', "on", MUSTACHE_CONTEXTS_MAX + 1);
        _cleanup_(freep) char *none = nested_sections('^', "off", MUSTACHE_CONTEXTS_MAX * 4);
        _cleanup_(mustache_freep) Mustache *m = compile(bad);
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        json_object *value = parse_json("{\"on\":true}");

        assert_int_equal(render(good, "{\"on\":true}", NULL, &out), 0);
        assert_string_equal(buffer_text(&out), "x");

        /* A section that is not rendered counts for nothing, and a render leaves nothing to the next one. */
        assert_int_equal(mustache_render(m, value, NULL, NULL, &out), -ELOOP);
        assert_int_equal(mustache_render(m, NULL, NULL, NULL, &out), 0);
        assert_int_equal(mustache_render(m, value, NULL, NULL, &out), -ELOOP);
        assert_string_equal(buffer_text(&out), "x");

        /* An inverted section has no context of its own. */
        assert_int_equal(render(none, "{}", NULL, &out), 0);
        assert_string_equal(buffer_text(&out), "xx");
        json_object_put(value);
}

/* Two loops over the same list take some steps for each pair of its elements: at most 3 here, and 1 at least. */
static void test_steps_max(void **state) {
        _cleanup_(mustache_freep) Mustache *m = compile("{{#s}}{{#s}}{{/s}}{{/s}}");
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        json_object *good = list_of(1200), *bad = list_of(2500);

        assert_true(MUSTACHE_STEPS_MAX > 3 * 1200 * 1200 && MUSTACHE_STEPS_MAX < 2500 * 2500);
        assert_int_equal(mustache_render(m, good, NULL, NULL, &out), 0);
        assert_int_equal(mustache_render(m, bad, NULL, NULL, &out), -ELOOP);
        assert_int_equal(mustache_render(m, good, NULL, NULL, &out), 0);
        assert_int_equal(out.size, 0);
        json_object_put(good);
        json_object_put(bad);
}

/* A buffer that is too small by any number of bytes ends the render, whichever kind of text is at its end. */
static void test_buffer_max(void **state) {
        static const char template[] = "<ul>\n{{#s}}\n  {{>row}}\n{{/s}}\n</ul>{{mean}} {{late}} {{change}}{{marks}}";
        static const char data[] = "{\"s\":[\"<Bo>\",\"A&l\"],\"mean\":3.75,\"late\":true,\"change\":-12,"
                                   "\"marks\":[1,\"A\"]}";
        static const char expected[] = "<ul>\n  <li>\n    &lt;Bo&gt; <Bo>\n  </li>\n  <li>\n    A&amp;l A&l\n  </li>\n"
                                       "</ul>3.75 true -12[1,&quot;A&quot;]";
        const size_t size = sizeof(expected) - 1;
        _cleanup_(library_deinit) Library library = {};

        library_add(&library, "row", "<li>\n  {{.}} {{{.}}}\n</li>\n");
        for (size_t max = 1; max < size; max++) {
                _cleanup_(buffer_deinit) Buffer out = BUFFER_MAX(max);

                assert_int_equal(render(template, data, &library, &out), -EFBIG);
                assert_true(out.size <= max);
        }
        for (size_t max = size; max <= size + 1; max++) {
                _cleanup_(buffer_deinit) Buffer out = BUFFER_MAX(max);

                assert_int_equal(render(template, data, &library, &out), 0);
                assert_string_equal(buffer_text(&out), expected);
        }
}

#define MODULE(cases) { cases, ELEMENTSOF(cases) }

int main(void) {
        static Module modules[] = {
                MODULE(interpolation), MODULE(sections), MODULE(inverted), MODULE(comments), MODULE(partials),
                MODULE(delimiters), {},
        };
        const struct CMUnitTest tests[] = {
                { "interpolation", test_module, NULL, NULL, &modules[0] },
                { "sections", test_module, NULL, NULL, &modules[1] },
                { "inverted", test_module, NULL, NULL, &modules[2] },
                { "comments", test_module, NULL, NULL, &modules[3] },
                { "partials", test_module, NULL, NULL, &modules[4] },
                { "delimiters", test_module, NULL, NULL, &modules[5] },
                cmocka_unit_test_prestate(test_prefixes, modules),
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_nul),
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_partial_callback),
                cmocka_unit_test(test_shared),
                cmocka_unit_test(test_partials_max),
                cmocka_unit_test(test_contexts_max),
                cmocka_unit_test(test_steps_max),
                cmocka_unit_test(test_buffer_max),
        };

        return cmocka_run_group_tests_name("mustache", tests, NULL, NULL);
}
