/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "wire/problem.h"

/* What may be a password: NIST SP 800-63B, section 5.1.1.2. There are no rules about kinds of characters. Refused is what is guessed
 * first: the common ones (common-passwords.txt), the person's login, the service's name, one character or a short piece again and
 * again, and runs such as "12345678", "hgfedcba" and rows of the keyboard. Upper and lower case of ASCII letters count as the same
 * there, and up to PASSWORD_TAIL_MAX digits and marks around a common word or a name do not make it a good one. Pure.
 *
 * Texts are compared as they are, without normalization (NFC): an é that is typed as e and an accent is another character. */

#define PASSWORD_MIN 8                  /* code points */
#define PASSWORD_MAX 128
#define PASSWORD_BYTES_MAX (4 * PASSWORD_MAX)
#define PASSWORD_TAIL_MAX 4

/* 0; -EBADMSG with a problem that names the member 'Password' and never repeats it; -ENOMEM. login and site (what the service calls
 * itself on its pages) may be NULL. */
int password_check(const char *password, const char *login, const char *site, Problem *problem);
