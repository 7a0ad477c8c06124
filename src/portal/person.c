/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/person.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "runtime/urlencoded.h"

static const struct {
        const char *name, *key;
} roles[_PERSON_ROLE_MAX] = {
        [PERSON_ADMIN] = { "admin", "RoleAdmin" },
        [PERSON_TEACHER] = { "teacher", "RoleTeacher" },
        [PERSON_STUDENT] = { "student", "RoleStudent" },
};

const char *person_role_key(PersonRole role) {
        return roles[role].key;
}

void person_deinit(Person *p) {
        free(p->name);
        *p = (Person) {};
}

typedef struct Parse {
        Person person;
        unsigned seen;                  /* bits */
} Parse;

static int take_pair(const char *name, size_t name_size, const char *value, size_t value_size, void *userdata) {
        _cleanup_(freep) char *n = strndup(name, name_size), *v = strndup(value, value_size);
        Parse *p = userdata;

        if (!n || !v)
                return -ENOMEM;
        if (strcmp(n, "ID") == 0 && parse_uint64(v, &p->person.id) == 0)
                p->seen |= 1;
        if (strcmp(n, "Student") == 0 && parse_uint64(v, &p->person.student_id) == 0)
                p->seen |= 2;
        for (int i = 0; strcmp(n, "Role") == 0 && i < _PERSON_ROLE_MAX; i++)
                if (strcmp(v, roles[i].name) == 0) {
                        p->person.role = (PersonRole) i;
                        p->seen |= 4;
                }
        if (strcmp(n, "Name") == 0 && !p->person.name) {
                p->person.name = TAKE_PTR(v);
                p->seen |= 8;
        }
        return 0;
}

int person_parse(const char *header, Person *ret) {
        Parse parse = {};
        int r = header ? urlencoded_parse(header, strlen(header), take_pair, &parse) : 0;

        if (r >= 0 && parse.seen != 15)
                r = -EBADMSG;
        if (r < 0)
                person_deinit(&parse.person);
        *ret = parse.person;
        return r;
}
