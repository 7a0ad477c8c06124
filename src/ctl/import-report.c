/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/import-report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "ctl/output.h"
#include "wire/json.h"

/* 0 and "" for what is not there, or null. */
static uint64_t number_of(json_object *o, const char *member) {
        uint64_t value = 0;

        return o && json_get_uint64(o, member, 0, INT64_MAX, &value, NULL) >= 0 ? value : 0;
}

static const char *text_of(json_object *o, const char *member) {
        json_object *value = NULL;

        (void) json_object_object_get_ex(o, member, &value);
        return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static json_object *array_of(json_object *o, const char *member) {
        json_object *value = NULL;

        return json_get_array(o, member, SIZE_MAX, &value, NULL) >= 0 ? value : NULL;
}

static void print_error(json_object *error, const char *file) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        _cleanup_(freep) char *clean = NULL;
        uint64_t column = number_of(error, "Column");

        (void) buffer_printf(&text, "%s:%" PRIu64 ":", file, number_of(error, "Line"));
        if (column > 0)
                (void) buffer_printf(&text, "%" PRIu64 ":", column);
        (void) buffer_printf(&text, " %s", text_of(error, "Detail"));
        clean = output_clean(buffer_text(&text), NULL);
        (void) fprintf(stderr, "%s\n", clean ? clean : strerror(ENOMEM));
}

static int print_errors(json_object *report, const char *file, uint64_t n) {
        json_object *errors = array_of(report, "Errors");
        size_t listed = errors ? json_object_array_length(errors) : 0;

        for (size_t i = 0; i < listed; i++)
                print_error(json_object_array_get_idx(errors, i), file);
        if (n > listed)
                (void) fprintf(stderr, "… and %" PRIu64 " more\n", n - listed);
        return ctl_fail(CTL_FAILURE, "%s has %" PRIu64 " error%s: nothing was changed", file, n, n == 1 ? "" : "s");
}

static void add_change(Table *t, json_object *change) {
        const char *assessment = text_of(change, "Assessment"), *member = text_of(change, "Member");

        table_add(t, STYLE_PLAIN, "%" PRIu64, number_of(change, "Line"));
        table_add(t, STYLE_PLAIN, "%s", text_of(change, "Action"));
        table_add(t, STYLE_PLAIN, "%s", text_of(change, "Kind"));
        table_add(t, STYLE_PLAIN, "%s", text_of(change, "Student"));
        table_add(t, STYLE_PLAIN, "%s%s%s", assessment, *member ? ": " : "", member);
        table_add(t, STYLE_PLAIN, "%s", text_of(change, "Old"));
        table_add(t, STYLE_PLAIN, "%s", text_of(change, "New"));
}

/* What stays as it is is counted only. */
static int print_changes(const Ctl *ctl, json_object *report) {
        _cleanup_(table_deinit) Table t = TABLE(">LINE", "ACTION", "WHAT", "STUDENT", "ASSESSMENT", "OLD", "NEW");
        json_object *changes = array_of(report, "Changes");
        bool any = false;
        int r;

        for (size_t i = 0; changes && i < json_object_array_length(changes); i++) {
                json_object *change = json_object_array_get_idx(changes, i);

                if (strcmp(text_of(change, "Action"), "unchanged") == 0)
                        continue;
                add_change(&t, change);
                any = true;
        }
        r = any ? table_print(&t, ctl->colour) : 0;
        if (r < 0)
                return ctl_fail(CTL_FAILURE, "%s", strerror(-r));
        if (number_of(report, "ChangesLeftOut") > 0)
                (void) printf("… and %" PRIu64 " more\n", number_of(report, "ChangesLeftOut"));
        return CTL_OK;
}

static void print_summary(json_object *report) {
        json_object *kinds = NULL, *students = NULL, *grades = NULL, *dry_run = NULL;
        uint64_t n_students, n_grades, import = number_of(report, "Import");

        (void) json_object_object_get_ex(report, "Kinds", &kinds);
        (void) json_object_object_get_ex(report, "DryRun", &dry_run);
        if (kinds) {
                (void) json_object_object_get_ex(kinds, "student", &students);
                (void) json_object_object_get_ex(kinds, "grade", &grades);
        }
        n_students = number_of(students, "Added");
        n_grades = number_of(grades, "Added");
        (void) printf("%" PRIu64 " student%s added, %" PRIu64 " grade%s added, %" PRIu64 " changed, %" PRIu64 " unchanged",
                      n_students, n_students == 1 ? "" : "s", n_grades, n_grades == 1 ? "" : "s",
                      number_of(report, "Changed"), number_of(report, "Unchanged"));
        if (json_object_get_boolean(dry_run))
                (void) puts(" (dry run: nothing was done)");
        else if (import > 0)
                (void) printf(" (import %" PRIu64 ")\n", import);
        else
                (void) putchar('\n');
}

int import_report_print(const Ctl *ctl, json_object *report, const char *file, bool with_changes) {
        uint64_t n = number_of(report, "ErrorCount");
        int code;

        if (ctl->json) {
                code = output_json(report);
                return code == CTL_OK && n > 0 ? CTL_FAILURE : code;
        }
        if (with_changes) {
                code = print_changes(ctl, report);
                if (code != CTL_OK)
                        return code;
        }
        if (n > 0)
                return print_errors(report, file, n);
        print_summary(report);
        return CTL_OK;
}
