/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/change.h"

/* The buttons that terms and classes share: to lock and to archive, each with its opposite, and to delete. */

extern const FormField state_fields[];

typedef struct StatePlans {
        ChangePlan state, delete;
} StatePlans;

#define STATE_PLANS(page_, saved_, deleted_) \
        { .state = { .name = "state", .fields = state_fields, .method = "PATCH", .title = "StateTitle", .submit = "SaveSettings", .done = saved_, .page = page_ }, \
          .delete = { .name = "delete", .method = "DELETE", .title = "DeleteTitle", .submit = "Delete", .done = deleted_, .page = page_ } }

/* Adds "State": {Lock, Archive, Delete}, for the template "state-forms". path: here, of the row; the forms go to PATH/state and PATH/delete.
 * may_delete: whether that can succeed at all. -ENOMEM. */
int state_forms_to_view(const PageContext *c, const StatePlans *plans, const char *path, json_object *row, bool may_delete, json_object *view);
