/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/macros.h"

/* Who is signed in, as grading says it with each answer (header Gradebook-Account): for what a page shows. What somebody may do is
 * grading's to say. */
typedef enum PersonRole {
        PERSON_ADMIN,
        PERSON_TEACHER,
        PERSON_STUDENT,
        _PERSON_ROLE_MAX,
} PersonRole;

typedef struct Person {
        uint64_t id;                    /* of the account */
        uint64_t student_id;            /* whose grades a student reads; else 0 */
        PersonRole role;
        char *name;
} Person;

/* -EBADMSG: it says something else, or nothing (NULL); -ENOMEM. ret is then empty. */
int person_parse(const char *header, Person *ret);
void person_deinit(Person *p);

const char *person_role_key(PersonRole role);   /* of the text that names it: "RoleAdmin" */
