/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/text.h"
#include "grading/fields.h"
#include "wire/json.h"
#include "wire/log-line.h"
#include "wire/timestamp.h"

static void write_string(Buffer *out, const char *s) {
        if (s)
                log_line_write_text(out, s, strlen(s));
        else
                (void) buffer_puts(out, "null");
}

static void write_id(Buffer *out, uint64_t id) {
        if (id > 0)
                (void) buffer_printf(out, "%" PRIu64, id);
        else
                (void) buffer_puts(out, "null");
}

static void write_time(Buffer *out, uint64_t usec) {
        char text[CLOCK_TEXT_SIZE];

        if (usec == 0) {
                (void) buffer_puts(out, "null");
                return;
        }
        clock_format_utc(usec, text);
        write_string(out, text);
}

static void write_value(const Field *f, const Row *row, Buffer *out) {
        char number[SCORE_TEXT_SIZE];

        switch (f->type) {
        case FIELD_REFERENCE:
                write_id(out, *FIELD_IN(row, f, uint64_t));
                break;
        case FIELD_HUNDREDTHS:
                score_format(*FIELD_IN(row, f, uint32_t), number);
                (void) buffer_puts(out, number);
                break;
        case FIELD_TEXT:
        case FIELD_LINES:
        case FIELD_DATE:
                write_string(out, *FIELD_IN(row, f, char *));
                break;
        case FIELD_CHOICE:
                write_string(out, f->choices[*FIELD_IN(row, f, int)]);
                break;
        case FIELD_BOOL:
                (void) buffer_puts(out, *FIELD_IN(row, f, bool) ? "true" : "false");
                break;
        case FIELD_TIME:
                write_time(out, *FIELD_IN(row, f, uint64_t));
                break;
        case FIELD_JSON:
                (void) buffer_puts(out, *FIELD_IN(row, f, char *) ? *FIELD_IN(row, f, char *) : "null");
                break;
        }
}

/* A grade without a score has none, and not 0. */
static bool has_no_value(Kind kind, const Field *f, const Row *row) {
        return kind == KIND_GRADE && f->type == FIELD_HUNDREDTHS && !grade_state_has_score(((const GradeRow *) row)->state);
}

int row_write(Kind kind, const Row *row, Buffer *out) {
        (void) buffer_printf(out, "{\"ID\":%" PRIu64 ",\"Version\":%" PRIu64, row->id, row->version);
        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;

                if (f->flags & FIELD_SECRET)
                        continue;
                (void) buffer_puts(out, ",\"");
                (void) buffer_puts(out, f->member);
                (void) buffer_puts(out, "\":");
                if (has_no_value(kind, f, row))
                        (void) buffer_puts(out, "null");
                else
                        write_value(f, row, out);
        }
        return buffer_puts(out, "}");
}

static int read_reference(const Field *f, json_object *o, json_object *value, uint64_t *ret, Problem *problem) {
        if (!value) {
                *ret = 0;
                return 0;
        }
        return json_get_uint64(o, f->member, 1, f->max, ret, problem);
}

static int read_hundredths(const Field *f, json_object *value, uint32_t *ret, Problem *problem) {
        char least[SCORE_TEXT_SIZE], most[SCORE_TEXT_SIZE];
        uint32_t hundredths;

        if (json_to_hundredths(value, &hundredths) >= 0 && hundredths >= f->min && hundredths <= f->max) {
                *ret = hundredths;
                return 0;
        }
        score_format((uint32_t) f->min, least);
        score_format((uint32_t) f->max, most);
        return problem_set(problem, 400, "Member '%s' must be a number from %s to %s with at most two decimals", f->member, least, most);
}

/* Without control characters, but for line breaks and tabs. */
static bool is_lines(const char *s) {
        while (*s) {
                size_t plain = strcspn(s, "\n\t");

                if (!text_is_plain(s, plain))
                        return false;
                s += plain;
                s += *s != '\0';
        }
        return true;
}

static int read_text(const Field *f, json_object *value, char **ret, Problem *problem) {
        const char *text = NULL;
        bool lines = f->type == FIELD_LINES;

        if (json_object_is_type(value, json_type_string)) {
                text = json_object_get_string(value);
                if (!text)
                        return -ENOMEM;
        }
        if ((value && !text) || (text && !(lines ? is_lines(text) : text_is_plain(text, strlen(text)))) ||
            (text && text_length(text) > f->max))
                return problem_set(problem, 400, "Member '%s' must be a text of %" PRIu64 " to %" PRIu64 " characters, without control "
                                   "characters", f->member, f->min, f->max);
        if (f->min > 0 && (!text || text_is_blank(text)))
                return problem_set(problem, 400, "Member '%s' must not be blank", f->member);
        return text_replace(ret, text_is_empty(text) ? NULL : text);
}

static bool is_date(const char *s) {
        static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        unsigned year, month, day;
        bool leap;
        int end = 0;

        if (strspn(s, "0123456789-") != DATE_SIZE - 1 || s[DATE_SIZE - 1] ||
            sscanf(s, "%4u-%2u-%2u%n", &year, &month, &day, &end) != 3 || end != DATE_SIZE - 1)
                return false;
        leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static int read_date(const Field *f, json_object *value, char **ret, Problem *problem) {
        const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

        if (value && (!text || !is_date(text)))
                return problem_set(problem, 400, "Member '%s' must be a date, YYYY-MM-DD", f->member);
        return text_replace(ret, text);
}

static int wrong_choice(const Field *f, Problem *problem) {
        _cleanup_(buffer_deinit) Buffer list = BUFFER_NULL;

        for (size_t i = 0; f->choices[i]; i++)
                (void) buffer_printf(&list, "%s%s", i > 0 ? ", " : "", f->choices[i]);
        return problem_set(problem, 400, "Member '%s' must be one of %s", f->member, buffer_text(&list));
}

static int read_choice(const Field *f, json_object *value, int *ret, Problem *problem) {
        const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

        for (int i = 0; text && f->choices[i]; i++)
                if (strcmp(f->choices[i], text) == 0) {
                        *ret = i;
                        return 0;
                }
        return wrong_choice(f, problem);
}

static int read_bool(const Field *f, json_object *value, bool *ret, Problem *problem) {
        if (!json_object_is_type(value, json_type_boolean))
                return problem_set(problem, 400, "Member '%s' must be true or false", f->member);
        *ret = json_object_get_boolean(value);
        return 0;
}

static int read_time(const Field *f, json_object *value, uint64_t *ret, Problem *problem) {
        const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

        if (!value) {
                *ret = 0;
                return 0;
        }
        if (!text || timestamp_parse(text, ret) < 0)
                return problem_set(problem, 400, "Member '%s' must be a time as in RFC 3339, 2026-11-27T08:00:00Z", f->member);
        return 0;
}

static int read_json(const Field *f, json_object *value, char **ret, Problem *problem) {
        if (value && !json_object_is_type(value, json_type_object))
                return problem_set(problem, 400, "Member '%s' must be a JSON object", f->member);
        return text_replace(ret, value ? json_text(value, NULL) : NULL);
}

static int read_value(const Field *f, Row *row, json_object *o, json_object *value, Problem *problem) {
        switch (f->type) {
        case FIELD_REFERENCE:
                return read_reference(f, o, value, FIELD_AT(row, f, uint64_t), problem);
        case FIELD_HUNDREDTHS:
                return read_hundredths(f, value, FIELD_AT(row, f, uint32_t), problem);
        case FIELD_TEXT:
        case FIELD_LINES:
                return read_text(f, value, FIELD_AT(row, f, char *), problem);
        case FIELD_DATE:
                return read_date(f, value, FIELD_AT(row, f, char *), problem);
        case FIELD_CHOICE:
                return read_choice(f, value, FIELD_AT(row, f, int), problem);
        case FIELD_BOOL:
                return read_bool(f, value, FIELD_AT(row, f, bool), problem);
        case FIELD_TIME:
                return read_time(f, value, FIELD_AT(row, f, uint64_t), problem);
        case FIELD_JSON:
                return read_json(f, value, FIELD_AT(row, f, char *), problem);
        }
        return -EINVAL;
}

static void set_fallback(const Field *f, Row *row) {
        switch (f->type) {
        case FIELD_HUNDREDTHS:
                *FIELD_AT(row, f, uint32_t) = (uint32_t) f->fallback;
                break;
        case FIELD_CHOICE:
                *FIELD_AT(row, f, int) = (int) f->fallback;
                break;
        default:
                break; /* zeroed */
        }
}

/* What is fixed may be sent along, as a reader of the row has it, but not as something else. */
static int check_fixed(const Field *f, const Row *row, json_object *value, Problem *problem) {
        if (json_object_is_type(value, json_type_int) && json_object_get_uint64(value) == *FIELD_IN(row, f, uint64_t))
                return 0;
        return problem_set(problem, 400, "Member '%s' must be what it is or be absent: it cannot be chosen here", f->member);
}

/* State and score depend on each other: a score alone means graded, nothing at all blank. */
static int settle_grade(GradeRow *g, json_object *o, RowSource source, Problem *problem) {
        json_object *state = NULL, *score = NULL;

        (void) json_object_object_get_ex(o, "Score", &score);
        if (!json_object_object_get_ex(o, "State", &state)) {
                if (score && !grade_state_has_score(g->state))
                        g->state = GRADE_GRADED;
                else if (!score && (source == ROW_CREATE || json_object_object_get_ex(o, "Score", NULL)))
                        g->state = GRADE_BLANK;
        }
        if (!grade_state_has_score(g->state)) {
                if (score)
                        return problem_set(problem, 400, "Member 'Score' must be null where 'State' is %s", grade_state_name((GradeState) g->state));
                g->score_hundredths = 0;
        } else if (!score && (source == ROW_CREATE || json_object_object_get_ex(o, "Score", NULL))) {
                return problem_set(problem, 400, "Member 'Score' is missing, which 'State' %s needs", grade_state_name((GradeState) g->state));
        }
        return 0;
}

static int read_head(Row *row, json_object *o, Problem *problem) {
        int r = json_get_uint64(o, "ID", 1, ROW_ID_MAX, &row->id, problem);

        return r < 0 ? r : json_get_uint64(o, "Version", 1, ROW_ID_MAX, &row->version, problem);
}

static int read_field(Kind kind, const Field *f, Row *row, json_object *o, RowSource source, Problem *problem) {
        json_object *value = NULL;
        bool there = json_object_object_get_ex(o, f->member, &value);

        if (f->flags & FIELD_SECRET && there && source == ROW_PATCH)
                return problem_set(problem, 400, "Member '%s' is not changed here: it has a path of its own", f->member);
        if (f->flags & FIELD_SECRET || (f->flags & FIELD_OURS && source != ROW_LEDGER))
                return 0;
        /* What the path has said of a new row. */
        if (source == ROW_CREATE && f->type == FIELD_REFERENCE && f->flags & FIELD_FIXED && *FIELD_IN(row, f, uint64_t) > 0)
                return there ? check_fixed(f, row, value, problem) : 0;
        if (!there) {
                if (source != ROW_PATCH)
                        set_fallback(f, row);
                return source == ROW_CREATE && f->flags & FIELD_REQUIRED ?
                       problem_set(problem, 400, "Member '%s' is missing", f->member) : 0;
        }
        if (f->flags & FIELD_FIXED && source == ROW_PATCH)
                return check_fixed(f, row, value, problem);
        if (!value && f->flags & FIELD_REQUIRED && source != ROW_LEDGER)
                return problem_set(problem, 400, "Member '%s' is needed: it cannot be null", f->member);
        if (kind == KIND_GRADE && f->type == FIELD_HUNDREDTHS && !value)
                return 0; /* settle_grade() */
        return read_value(f, row, o, value, problem);
}

int row_read(Kind kind, Row *row, json_object *o, RowSource source, Problem *problem) {
        int r = source == ROW_LEDGER ? read_head(row, o, problem) : 0;

        for (size_t i = 0; r >= 0 && i < kinds[kind].n_fields; i++)
                r = read_field(kind, kinds[kind].fields + i, row, o, source, problem);
        if (r >= 0 && kind == KIND_GRADE && source != ROW_LEDGER)
                r = settle_grade((GradeRow *) row, o, source, problem);
        return r;
}

/* NULL without memory; what is no number stays a text, and is refused as one. */
static json_object *value_of_text(const Field *f, const char *text) {
        uint32_t hundredths;
        bool flag;

        if (f->type == FIELD_HUNDREDTHS && parse_hundredths(text, &hundredths) >= 0)
                return json_object_new_double_s((double) hundredths / 100, text);
        if (f->type == FIELD_BOOL && parse_bool(text, &flag) >= 0)
                return json_object_new_boolean(flag);
        return json_object_new_string(text);
}

int row_set_text(Kind kind, Row *row, const char *member, const char *text, Problem *problem) {
        for (size_t i = 0; i < kinds[kind].n_fields; i++) {
                const Field *f = kinds[kind].fields + i;
                _cleanup_(json_unrefp) json_object *value = NULL;

                if (strcmp(f->member, member) != 0)
                        continue;
                value = value_of_text(f, text);
                return value ? read_value(f, row, NULL, value, problem) : -ENOMEM;
        }
        return -EINVAL;
}
