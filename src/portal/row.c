/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/row.h"

#include "wire/json.h"

const char *row_text(json_object *row, const char *member) {
        json_object *value = NULL;

        return row && json_object_object_get_ex(row, member, &value) && value ? json_object_get_string(value) : NULL;
}

uint64_t row_uint64(json_object *row, const char *member) {
        json_object *value = NULL;

        return row && json_object_object_get_ex(row, member, &value) && value ? json_object_get_uint64(value) : 0;
}

bool row_is(json_object *row, const char *member) {
        json_object *value = NULL;

        return row && json_object_object_get_ex(row, member, &value) && json_object_get_boolean(value);
}

int row_list(json_object *list, json_object **ret, Problem *problem) {
        *ret = NULL;
        return list ? json_get_array(list, "Items", SIZE_MAX, ret, problem) : 0;
}

size_t row_count(json_object *array) {
        return array ? json_object_array_length(array) : 0;
}

json_object *row_find(json_object *array, uint64_t id) {
        for (size_t i = 0; i < row_count(array); i++) {
                json_object *row = json_object_array_get_idx(array, i);

                if (row_uint64(row, "ID") == id)
                        return row;
        }
        return NULL;
}
