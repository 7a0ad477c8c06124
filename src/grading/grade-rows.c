/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/ledger.h"
#include "grading/resource.h"

/* Grades by their own ids. */

void get_grade_row(Request *r, void *service) {
        resource_get(service, r, KIND_GRADE);
}

void patch_grade_row(Request *r, void *service) {
        resource_patch(service, r, KIND_GRADE);
}

void delete_grade_row(Request *r, void *service) {
        resource_delete(service, r, KIND_GRADE);
}
