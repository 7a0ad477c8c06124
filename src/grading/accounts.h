/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/grading.h"

/* Who people are: signing in and out, accounts, API tokens, and the first administrator. The handlers are in the files of their nouns. */

/* sign-in.c */
void post_session(Request *r, void *service);

/* session-requests.c */
void get_session(Request *r, void *service);
void delete_session(Request *r, void *service);
void rotate_session(Request *r, void *service);
void get_sessions(Request *r, void *service);
void delete_sessions(Request *r, void *service);

/* accounts.c */
void get_accounts(Request *r, void *service);
void post_account(Request *r, void *service);
void get_account(Request *r, void *service);
void patch_account(Request *r, void *service);
void delete_account(Request *r, void *service);

/* account-password.c */
void put_password(Request *r, void *service);

/* tokens.c */
void get_tokens(Request *r, void *service);
void post_token(Request *r, void *service);
void get_token(Request *r, void *service);
void delete_token(Request *r, void *service);

/* setup.c. At a start without an enabled administrator the code goes into this machine's journal, and nowhere else. */
void setup_begin(Grading *g);
bool setup_is_needed(Grading *g);        /* there is no enabled administrator */
void get_setup(Request *r, void *service);
void post_setup(Request *r, void *service);
