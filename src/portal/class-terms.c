/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/class-terms.h"

#include <errno.h>
#include <string.h>

#include "portal/row.h"
#include "wire/json.h"

static int compare(const void *a, const void *b) {
        const char *x = row_text(*(json_object *const *) a, "Begins"), *y = row_text(*(json_object *const *) b, "Begins");

        return strcmp(y ? y : "", x ? x : "");
}

void terms_sort(json_object *rows) {
        if (rows)
                json_object_array_sort(rows, compare);
}

int terms_to_options(json_object *rows, uint64_t own, json_object **ret) {
        _cleanup_(json_unrefp) json_object *options = json_object_new_object();
        json_object *list = json_object_new_array();

        if (!options || json_add(options, "Term", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < row_count(rows); i++) {
                json_object *row = json_object_array_get_idx(rows, i), *o;

                if (row_uint64(row, "ID") != own && (row_is(row, "Locked") || row_is(row, "Archived")))
                        continue;
                if (json_append_object(list, &o) < 0 || json_add_text(o, "Value", row_text(row, "ID")) < 0 ||
                    json_add_text(o, "Label", row_text(row, "Name")) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(options);
        return 0;
}
