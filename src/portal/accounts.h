/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/change.h"
#include "portal/page-paths.h"
#include "runtime/request.h"

/* Accounts, for administrators, and everybody's own API tokens. The handler's service is the Portal. */

void get_account_list(Request *r, void *service);
void get_account_form(Request *r, void *service);
void post_account_new(Request *r, void *service);
void get_account_page(Request *r, void *service);
void post_account_edit(Request *r, void *service);
void post_account_disable(Request *r, void *service);
void post_account_enable(Request *r, void *service);
void post_account_password(Request *r, void *service);
void post_account_sign_out(Request *r, void *service);
void post_account_delete(Request *r, void *service);
void get_token_list(Request *r, void *service);
void post_token_new(Request *r, void *service);
void post_token_end(Request *r, void *service);

/* What their files share. */

extern const FormField account_fields[];        /* of one that is there; accounts.c */

bool account_is_for(const Person *person);

/* ChangePlan.finish: the student is a number to grading, and there for students only. */
int account_finish(Request *r, Language language, json_object *typed, json_object *body, json_object *errors);

/* An account as lists and its page have it. -ENOMEM. */
int account_add(Language language, json_object *account, json_object *view);

/* "Tokens" of an account, and whether there are some. account_id: whose. -ENOMEM. */
int tokens_add(const PageContext *c, json_object *tokens, uint64_t account_id, bool with_buttons, json_object *view);
