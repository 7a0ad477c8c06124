/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/schema.h"

/* Entry i brings a file from version i to i+1; what was released never changes, new versions are added below. Times are
 * microseconds since 1970 in UTC. */
const char *const grading_migrations[] = {
        "CREATE TABLE students ("
        "  id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 9007199254740991),"
        "  first_name TEXT NOT NULL,"
        "  last_name TEXT NOT NULL,"
        "  created_usec INTEGER NOT NULL"
        ") STRICT;"
        "CREATE TABLE grades ("
        "  id INTEGER PRIMARY KEY,"
        "  student_id INTEGER NOT NULL REFERENCES students (id),"
        "  title TEXT NOT NULL,"
        "  type TEXT NOT NULL CHECK (type IN ('Quiz', 'Test', 'Exam', 'Homework')),"
        "  score_hundredths INTEGER NOT NULL CHECK (score_hundredths BETWEEN 0 AND 10000),"
        "  created_usec INTEGER NOT NULL"
        ") STRICT;"
        /* Who, when, old, new, why. Old and new are JSON as on the wire. */
        "CREATE TABLE changes ("
        "  id INTEGER PRIMARY KEY,"
        "  time_usec INTEGER NOT NULL,"
        "  actor TEXT NOT NULL,"
        "  client TEXT NOT NULL,"
        "  request_id TEXT NOT NULL,"
        "  action TEXT NOT NULL,"
        "  student_id INTEGER NOT NULL,"
        "  grade_id INTEGER,"
        "  old TEXT,"
        "  new TEXT,"
        "  reason TEXT"
        ") STRICT;"
        "CREATE TRIGGER changes_are_not_rewritten BEFORE UPDATE ON changes"
        "  BEGIN SELECT raise(ABORT, 'the table of changes only grows'); END;"
        "CREATE TRIGGER changes_are_not_removed BEFORE DELETE ON changes"
        "  BEGIN SELECT raise(ABORT, 'the table of changes only grows'); END;",
        NULL,
};
