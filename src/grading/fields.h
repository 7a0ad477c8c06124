/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grading/rows.h"

/* The table of each kind's fields: its columns, its JSON, and what a request may set. */

typedef enum FieldType {
        FIELD_REFERENCE,        /* uint64_t: the id of a row of another kind; 0 is null */
        FIELD_HUNDREDTHS,       /* uint32_t, min to max */
        FIELD_TEXT,             /* char *, min to max code points without control characters; NULL is null */
        FIELD_LINES,            /* the same, with line breaks and tabs */
        FIELD_DATE,             /* char *, YYYY-MM-DD of the proleptic Gregorian calendar; NULL is null */
        FIELD_CHOICE,           /* int, an index into choices */
        FIELD_BOOL,             /* bool */
        FIELD_TIME,             /* uint64_t, microseconds since 1970; RFC 3339 in JSON; 0 is null */
        FIELD_JSON,             /* char *, an object as compact text; NULL is null */
} FieldType;

typedef enum FieldFlags {
        FIELD_REQUIRED = 1 << 0,        /* must be there when a row is made */
        FIELD_FIXED = 1 << 1,           /* is never changed afterwards */
        FIELD_SECRET = 1 << 2,          /* in its column only */
        FIELD_OURS = 1 << 3,            /* not set by a request */
} FieldFlags;

typedef struct Field {
        const char *member;             /* on the wire */
        const char *column;
        FieldType type;
        size_t offset;
        FieldFlags flags;
        uint64_t min, max;
        uint64_t fallback;              /* of numbers, choices and bools, where a new row does not say */
        Kind refers;                    /* FIELD_REFERENCE */
        const char *const *choices;     /* FIELD_CHOICE, NULL-terminated */
} Field;

typedef struct KindInfo {
        const char *name;               /* "grade" */
        const char *table;              /* "grades" */
        size_t size;                    /* of the structure */
        const Field *fields;            /* member NULL ends them */
        size_t n_fields;
} KindInfo;

extern const KindInfo kinds[_KIND_MAX];

#define FIELD_AT(row, field, type) ((type *) ((char *) (row) + (field)->offset))
#define FIELD_IN(row, field, type) ((const type *) ((const char *) (row) + (field)->offset))

static inline bool field_is_text(const Field *f) {
        return f->type == FIELD_TEXT || f->type == FIELD_LINES || f->type == FIELD_DATE || f->type == FIELD_JSON;
}
