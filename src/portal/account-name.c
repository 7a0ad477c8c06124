/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/account-name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "portal/row.h"

int account_name(Language l, json_object *account, uint64_t id, char **ret) {
        const char *name = row_text(account, "Name"), *shown = text_is_empty(name) ? row_text(account, "Login") : name;
        char number[24];

        if (shown) {
                *ret = strdup(shown);
                return *ret ? 0 : -ENOMEM;
        }
        (void) snprintf(number, sizeof(number), "%" PRIu64, id);
        return language_format(l, "TeacherN", "Value", number, ret);
}
