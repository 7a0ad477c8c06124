/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>

#include "wire/student.h"

/* RFC 8259, section 7. Names and titles hold no control characters, since nothing that does is taken. */
static void write_text(Buffer *out, const char *s) {
        (void) buffer_append(out, "\"", 1);
        for (;;) {
                size_t plain = strcspn(s, "\"\\");

                (void) buffer_append(out, s, plain);
                s += plain;
                if (!*s)
                        break;
                (void) buffer_append(out, "\\", 1);
                (void) buffer_append(out, s++, 1);
        }
        (void) buffer_append(out, "\"", 1);
}

int grade_write(const Grade *g, Buffer *out) {
        char score[SCORE_TEXT_SIZE];

        score_format(g->score_hundredths, score);
        (void) buffer_puts(out, "{\"Title\":");
        write_text(out, g->title);
        (void) buffer_puts(out, ",\"Type\":\"");
        (void) buffer_puts(out, grade_type_name(g->type));
        (void) buffer_puts(out, "\",\"Score\":");
        (void) buffer_puts(out, score);
        (void) buffer_puts(out, "}");
        return out->error;
}

int student_write(const Student *s, Buffer *out) {
        (void) buffer_printf(out, "{\"ID\":%" PRIu64 ",\"FirstName\":", s->id);
        write_text(out, s->first_name);
        (void) buffer_puts(out, ",\"LastName\":");
        write_text(out, s->last_name);
        (void) buffer_puts(out, ",\"Grades\":[");
        for (size_t i = 0; i < s->n_grades; i++) {
                if (i > 0)
                        (void) buffer_puts(out, ",");
                (void) grade_write(s->grades + i, out);
        }
        (void) buffer_puts(out, "]}");
        return out->error;
}
