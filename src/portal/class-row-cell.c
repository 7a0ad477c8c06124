/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "portal/class-grid.h"
#include "portal/class-row.h"
#include "portal/form-fields.h"
#include "portal/row.h"
#include "wire/json.h"
#include "wire/student.h"

#define WAS_SIZE 17
#define COMMENT_MAX 2000                /* code points, at grading */

static const char *const typed_members[] = { "State", "Score", "Comment" };

static const char *text_or_empty(json_object *o, const char *name) {
        const char *s = row_text(o, name);

        return s ? s : "";
}

/* Two of the states are what the score says: they are not chosen. */
static const char *shown_state(json_object *grade) {
        const char *state = text_or_empty(grade, "State");

        return strcmp(state, "graded") == 0 || strcmp(state, "blank") == 0 ? "" : state;
}

static void make_digest(const char *const texts[static 3], char ret[static WAS_SIZE]) {
        unsigned char hash[crypto_generichash_BYTES_MIN];
        crypto_generichash_state state;

        (void) crypto_generichash_init(&state, NULL, 0, sizeof(hash));
        for (size_t i = 0; i < 3; i++)
                (void) crypto_generichash_update(&state, (const unsigned char *) texts[i], strlen(texts[i]) + 1);
        (void) crypto_generichash_final(&state, hash, sizeof(hash));
        (void) sodium_bin2hex(ret, WAS_SIZE, hash, WAS_SIZE / 2);
}

int class_row_cell_see(json_object *cell, json_object *grade) {
        const char *const texts[] = { shown_state(grade), text_or_empty(grade, "Score"), text_or_empty(grade, "Comment") };
        char was[WAS_SIZE];

        make_digest(texts, was);
        if (json_add_text(cell, "Version", grade ? text_or_empty(grade, "Version") : "0") < 0)
                return -ENOMEM;
        return json_add_text(cell, "Was", was);
}

int class_row_cell_new(json_object *assessment, json_object *grade, json_object **ret) {
        _cleanup_(json_unrefp) json_object *cell = json_object_new_object();
        json_object *released = NULL;

        (void) json_object_object_get_ex(assessment, "Released", &released);
        if (json_add_text(cell, "ID", text_or_empty(assessment, "ID")) < 0 || json_add_text(cell, "Title", text_or_empty(assessment, "Title")) < 0 ||
            json_add_text(cell, "Maximum", text_or_empty(assessment, "Maximum")) < 0 ||
            json_add_text(cell, "Draft", json_object_get_boolean(released) ? "" : "yes") < 0 ||
            json_add_text(cell, "State", shown_state(grade)) < 0 || json_add_text(cell, "Score", text_or_empty(grade, "Score")) < 0 ||
            json_add_text(cell, "Comment", text_or_empty(grade, "Comment")) < 0 || class_row_cell_see(cell, grade) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(cell);
        return 0;
}

/* Fields are called for what they hold and the assessment: "Score-12". */
static const char *read_field(Request *r, const char *name, const char *id) {
        char field[64];

        (void) snprintf(field, sizeof(field), "%s-%s", name, id);
        return request_form(r, field);
}

/* "VERSION WAS MAXIMUM DRAFT TITLE", in one field: a form may have 256. */
static int read_seen(const char *seen, json_object *cell) {
        static const char *const members[] = { "Version", "Was", "Maximum", "Draft" };

        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                size_t n = strcspn(seen, " ");
                int r = json_add(cell, members[i], json_object_new_string_len(seen, (int) n));

                if (r < 0)
                        return r;
                seen += n + (seen[n] == ' ');
        }
        return json_add_text(cell, "Title", seen);
}

int class_row_cell_read(Request *r, const char *id, json_object **ret) {
        _cleanup_(json_unrefp) json_object *cell = json_object_new_object();
        const char *seen = read_field(r, "Seen", id);
        uint64_t version;

        if (!seen)
                return -ENOENT;
        if (json_add_text(cell, "ID", id) < 0 || read_seen(seen, cell) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(typed_members); i++) {
                const char *given = read_field(r, typed_members[i], id);
                _cleanup_(freep) char *text = form_tidy(given ? given : "");

                if (!text || json_add_text(cell, typed_members[i], text) < 0)
                        return -ENOMEM;
        }
        /* It goes into a header. */
        if (parse_uint64(text_or_empty(cell, "Version"), &version) < 0)
                return -ENOENT;
        *ret = TAKE_PTR(cell);
        return 0;
}

bool class_row_cell_is_changed(json_object *cell) {
        const char *const texts[] = { text_or_empty(cell, "State"), text_or_empty(cell, "Score"), text_or_empty(cell, "Comment") };
        char now[WAS_SIZE];

        make_digest(texts, now);
        return strcmp(now, text_or_empty(cell, "Was")) != 0;
}

/* A decimal comma is one as well: much of the world writes it. */
static int parse_score(const char *text, uint32_t *ret) {
        char point[16];
        char *comma;

        if (strlen(text) >= sizeof(point) || strspn(text, "0123456789.,") != strlen(text))
                return -EINVAL;
        (void) snprintf(point, sizeof(point), "%s", text);
        comma = strchr(point, ',');
        if (comma)
                *comma = '.';
        return parse_hundredths(point, ret);
}

/* The key of what is wrong; NULL: nothing. */
static const char *judge(const char *state, const char *score, const char *comment, const char *maximum, uint32_t *ret_score) {
        static const char *const states[] = { "", "late", "missing", "excused", "absent" };
        bool has_score = *score;
        uint32_t most;
        size_t i = 0;

        while (i < ELEMENTSOF(states) && strcmp(states[i], state) != 0)
                i++;
        if (i == ELEMENTSOF(states))
                return "FieldNotChoice";
        if (has_score && parse_score(score, ret_score) < 0)
                return "FieldNotNumber";
        if (has_score && parse_hundredths(maximum, &most) >= 0 && *ret_score > most)
                return "GridTooMuch";
        if (has_score && i >= 2)
                return "GridNoScore";
        if (!has_score && i == 1)
                return "GridLateScore";
        return text_length(comment) > COMMENT_MAX ? "FieldTooLong" : NULL;
}

int class_row_cell_to_body(json_object *cell, json_object **ret, const char **ret_error) {
        const char *state = text_or_empty(cell, "State"), *score = text_or_empty(cell, "Score"), *comment = text_or_empty(cell, "Comment");
        _cleanup_(json_unrefp) json_object *body = json_object_new_object();
        char number[SCORE_TEXT_SIZE];
        uint32_t hundredths = 0;

        *ret_error = judge(state, score, comment, text_or_empty(cell, "Maximum"), &hundredths);
        if (*ret_error)
                return -EBADMSG;
        score_format(hundredths, number);
        if (json_add_text(body, "State", *state ? state : *score ? "graded" : "blank") < 0 || json_add_text(body, "Comment", *comment ? comment : NULL) < 0 ||
            (*score && json_add(body, "Score", json_object_new_double_s((double) hundredths / 100, number)) < 0))
                return -ENOMEM;
        *ret = TAKE_PTR(body);
        return 0;
}

int class_row_grade_text(json_object *grade, char **ret) {
        const char *letter = class_grid_letter(grade), *score = text_or_empty(grade, "Score"), *comment = text_or_empty(grade, "Comment");
        int n = asprintf(ret, "%s%s%s%s%s", score, letter && *score ? " " : "", letter ? letter : "", *comment && (letter || *score) ? ": " : "", comment);

        if (n < 0)
                *ret = NULL;
        return n < 0 ? -ENOMEM : 0;
}
