/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/class-nav.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portal/row.h"
#include "wire/json.h"
#include "wire/student.h"

#define PATH_SIZE 64

bool class_is_editable_by(const Person *person) {
        return !person || person->role != PERSON_STUDENT;
}

bool class_is_run_by(const Person *person) {
        return !person || person->role == PERSON_ADMIN;
}

bool class_is_locked(json_object *row, json_object *term) {
        return row_is(row, "Locked") || row_is(term, "Locked");
}

static int add_tabs(const PageContext *c, uint64_t id, const char *here, json_object *view) {
        static const struct {
                const char *key, *path;
                bool for_students;
        } tabs[] = {
                { "TabGrades", "", false },
                { "TabAssessments", "/assessments", true },
                { "TabPeople", "/people", false },
                { "TabSettings", "/settings", false },
                { "TabHistory", "/history", false },
        };
        json_object *list = json_object_new_array();
        bool all = class_is_editable_by(c->person);

        if (json_add(view, "Tabs", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(tabs); i++) {
                char path[PATH_SIZE];
                json_object *tab;

                if (!all && !tabs[i].for_students)
                        continue;
                (void) snprintf(path, sizeof(path), "/classes/%" PRIu64 "%s", id, tabs[i].path);
                if (json_append_object(list, &tab) < 0 || json_add_text(tab, "Path", path) < 0 ||
                    json_add_text(tab, "Label", language_text(c->language, tabs[i].key)) < 0 ||
                    json_add(tab, "Here", json_object_new_boolean(here && strcmp(here, tabs[i].key) == 0)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int class_head_read(const PageContext *c, ClassHead *ret, Problem *problem) {
        int r = page_part_json(&c->parts[0], &ret->row, problem);

        if (r >= 0)
                r = page_part_json(&c->parts[1], &ret->answer, problem);
        if (r >= 0)
                r = row_list(ret->answer, &ret->terms, problem);
        if (r >= 0)
                ret->term = row_find(ret->terms, row_uint64(ret->row, "Term"));
        return r;
}

void class_head_deinit(ClassHead *h) {
        json_object_put(h->row);
        json_object_put(h->answer);
        *h = (ClassHead) {};
}

int class_nav_add(const PageContext *c, json_object *row, json_object *term, const char *here, json_object *view, Problem *problem) {
        json_object *nav;
        const char *name;
        uint64_t id;
        int r = json_expect_object(row, "A class", problem);

        if (r >= 0)
                r = json_get_uint64(row, "ID", 1, STUDENT_ID_MAX, &id, problem);
        if (r >= 0)
                r = json_get_text(row, "Name", 1, TITLE_MAX, &name, problem);
        if (r < 0)
                return r;
        nav = json_object_new_object();
        if (json_add(view, "Class", nav) < 0 || json_add_uint64(nav, "ClassID", id) < 0 || json_add_text(nav, "ClassName", name) < 0 ||
            json_add_text(nav, "TermName", row_text(term, "Name")) < 0 ||
            json_add(nav, "IsLocked", json_object_new_boolean(class_is_locked(row, term))) < 0 ||
            json_add(nav, "IsArchived", json_object_new_boolean(row_is(row, "Archived"))) < 0)
                return -ENOMEM;
        return add_tabs(c, id, here, nav);
}
