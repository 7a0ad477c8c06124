/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "portal/form-fields.h"
#include "wire/json.h"

static const FieldChoice colours[] = { { "red", "Name" }, { "blue", "Title" }, {} };

static const FormField fields[] = {
        { .name = "Name", .label = "Name", .kind = FIELD_TEXT, .required = true, .max = 5 },
        { .name = "Maximum", .label = "Score", .hint = "ScoreHint", .kind = FIELD_NUMBER },
        { .name = "Due", .label = "Title", .kind = FIELD_DATE },
        { .name = "Released", .label = "Title", .kind = FIELD_CHECK },
        { .name = "Colour", .label = "Type", .kind = FIELD_CHOICE, .choices = colours, .required = true },
        { .name = "Term", .label = "Type", .kind = FIELD_ID },
        { .name = "Reason", .label = "Title", .kind = FIELD_AREA, .left_out = true },
        { .name = "Password", .label = "Password", .kind = FIELD_SECRET, .left_out = true },
        {},
};

static json_object *parse(const char *text) {
        json_object *o = NULL;

        assert_int_equal(json_parse(text, strlen(text), &o, NULL), 0);
        return o;
}

static void test_what_is_wrong(void **state) {
        static const struct {
                size_t field;
                const char *text, *expected;
        } cases[] = {
                { 0, "", "FieldMissing" },
                { 0, "  ", "FieldMissing" },
                { 0, "\u00e9\u00e9\u00e9\u00e9\u00e9", NULL },
                { 0, "123456", "FieldTooLong" },
                { 0, "a\x01", "FieldNotPlain" },
                { 1, "", NULL },
                { 1, "0", NULL },
                { 1, "92.5", NULL },
                { 1, "92.55", NULL },
                { 1, "92.555", "FieldNotNumber" },
                { 1, "92.", "FieldNotNumber" },
                { 1, ".5", "FieldNotNumber" },
                { 1, "-1", "FieldNotNumber" },
                { 1, "1e3", "FieldNotNumber" },
                { 1, "1234567890", "FieldNotNumber" },
                { 2, "2026-11-27", NULL },
                { 2, "2026-13-27", "FieldNotDate" },
                { 2, "27.11.2026", "FieldNotDate" },
                { 2, "2026-11-27x", "FieldNotDate" },
                { 4, "red", NULL },
                { 4, "Red", "FieldNotChoice" },
                { 5, "12", NULL },
                { 5, "12a", "FieldNotChoice" },
                { 6, "two\nlines", NULL },
                { 7, "   ", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *key = form_judge(&fields[cases[i].field], cases[i].text);

                if (cases[i].expected)
                        assert_string_equal(key ? key : "nothing", cases[i].expected);
                else if (key)
                        fail_msg("%s: \"%s\": %s", fields[cases[i].field].name, cases[i].text, key);
        }
}

/* Numbers go out with the digits that were typed: a double would have made others of them. */
static void test_the_body(void **state) {
        static const struct {
                const char *typed, *expected;
        } cases[] = {
                { "{\"Name\":\"a\",\"Maximum\":\"92.10\",\"Due\":\"2026-11-27\",\"Released\":\"yes\",\"Colour\":\"red\",\"Term\":\"3\",\"Reason\":\"so\",\"Password\":\"  p \"}",
                  "{\"Name\":\"a\",\"Maximum\":92.10,\"Due\":\"2026-11-27\",\"Released\":true,\"Colour\":\"red\",\"Term\":3,\"Reason\":\"so\",\"Password\":\"  p \"}" },
                { "{\"Name\":\"a\",\"Maximum\":\"\",\"Due\":\"\",\"Released\":\"\",\"Colour\":\"blue\",\"Term\":\"\",\"Reason\":\"\",\"Password\":\"\"}",
                  "{\"Name\":\"a\",\"Maximum\":null,\"Due\":null,\"Released\":false,\"Colour\":\"blue\",\"Term\":null}" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(json_unrefp) json_object *typed = parse(cases[i].typed), *body = NULL;
                size_t size;

                assert_int_equal(form_to_body(fields, typed, &body), 0);
                assert_string_equal(json_text(body, &size), cases[i].expected);
        }
}

/* What a row says comes out of its form as it went in. */
static void test_a_row(void **state) {
        const char *text = "{\"Name\":\"a\",\"Maximum\":92.5,\"Due\":null,\"Released\":true,\"Colour\":\"red\",\"Term\":3}";
        _cleanup_(json_unrefp) json_object *row = parse(text), *values = NULL, *body = NULL;
        size_t size;

        assert_int_equal(form_from_row(fields, row, &values), 0);
        assert_int_equal(form_to_body(fields, values, &body), 0);
        assert_string_equal(json_text(body, &size), text);
}

static json_object *member(json_object *o, const char *name) {
        json_object *value = NULL;

        assert_true(json_object_object_get_ex(o, name, &value));
        return value;
}

static void test_the_view(void **state) {
        _cleanup_(json_unrefp) json_object *view = json_object_new_object(), *list, *field;
        _cleanup_(json_unrefp) json_object *values = parse("{\"Name\":\"<a>\",\"Password\":\"secret\",\"Term\":\"3\",\"Colour\":\"blue\"}"),
                                           *errors = parse("{\"Maximum\":\"no\",\"Term\":\"no\"}"),
                                           *options = parse("{\"Term\":[{\"Value\":\"2\",\"Label\":\"Two\"},{\"Value\":\"3\",\"Label\":\"Three\"}]}");
        size_t size;

        assert_int_equal(form_fields_to_view(fields, LANGUAGE_EN, "x-", values, errors, options, view), 0);
        list = json_object_get(member(view, "Fields"));
        assert_int_equal(json_object_array_length(list), 8);

        field = json_object_get(json_object_array_get_idx(list, 1));
        assert_string_equal(json_object_get_string(member(field, "FieldError")), "no");
        assert_true(json_object_get_boolean(member(field, "Focus")));
        assert_string_equal(json_object_get_string(member(field, "FieldID")), "x-Maximum");
        json_object_put(field);

        /* Only the first that is wrong gets the focus. */
        field = json_object_get(json_object_array_get_idx(list, 5));
        assert_false(json_object_get_boolean(member(field, "Focus")));
        assert_string_equal(json_text(member(field, "Choices"), &size),
                            "[{\"Value\":\"\",\"Label\":\"None\",\"Selected\":false},{\"Value\":\"2\",\"Label\":\"Two\",\"Selected\":false},"
                            "{\"Value\":\"3\",\"Label\":\"Three\",\"Selected\":true}]");
        json_object_put(field);

        /* A choice that has to be made has no empty one once it is made. */
        field = json_object_get(json_object_array_get_idx(list, 4));
        assert_int_equal(json_object_array_length(member(field, "Choices")), 2);
        json_object_put(field);

        field = json_object_get(json_object_array_get_idx(list, 7));
        assert_null(member(field, "Value"));
        json_object_put(TAKE_PTR(field));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_wrong),
                cmocka_unit_test(test_the_body),
                cmocka_unit_test(test_a_row),
                cmocka_unit_test(test_the_view),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
