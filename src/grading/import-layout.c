/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/import-layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/nearest.h"
#include "base/parse.h"
#include "base/text.h"

#define NUMBER_TEXT_MAX 20
#define DETAIL_MAX 128                  /* bytes of what stands in an assessment's parentheses */

const char *const import_columns[_IMPORT_COLUMN_MAX] = {
        [IMPORT_ID] = "ID",
        [IMPORT_FIRST_NAME] = "FirstName",
        [IMPORT_LAST_NAME] = "LastName",
        [IMPORT_TITLE] = "Title",
        [IMPORT_TYPE] = "Type",
        [IMPORT_MAXIMUM] = "Maximum",
        [IMPORT_NUMBER] = "Number",
        [IMPORT_STATE] = "State",
        [IMPORT_SCORE] = "Score",
        [IMPORT_COMMENT] = "Comment",
        [IMPORT_WEIGHT] = "Weight",
        [IMPORT_DUE] = "Due",
        [IMPORT_RELEASED] = "Released",
        [IMPORT_EXTRA_CREDIT] = "ExtraCredit",
};

int grade_state_from_name(const char *name) {
        for (int i = 0; i < _GRADE_STATE_MAX; i++)
                if (strcasecmp(name, grade_state_name((GradeState) i)) == 0)
                        return i;
        return -EINVAL;
}

int import_score_parse(const char *text, bool comma, uint32_t *ret) {
        char copy[NUMBER_TEXT_MAX + 1];
        size_t size = strlen(text);
        char *point;

        /* Digits and one mark: no exponent, which a spreadsheet shows where it has cut a number short. */
        if (size == 0 || size > NUMBER_TEXT_MAX || strspn(text, comma ? "0123456789.," : "0123456789.") != size)
                return -EINVAL;
        memcpy(copy, text, size + 1);
        point = strchr(copy, ',');
        if (point)
                *point = '.';
        return parse_hundredths(copy, ret);
}

int import_result_parse(const char *text, bool comma, ImportResult *ret) {
        ImportResult result = {};
        char word[16];
        size_t n = strcspn(text, " ");
        int state;

        if (n < sizeof(word)) {
                memcpy(word, text, n);
                word[n] = 0;
                state = grade_state_from_name(word);
                if (state >= 0) {
                        result.has_state = true;
                        result.state = state;
                        text += n;
                        text += strspn(text, " ");
                }
        }
        if (*text) {
                if (import_score_parse(text, comma, &result.score_hundredths) < 0)
                        return -EINVAL;
                result.has_score = true;
        }
        if (!result.has_state && !result.has_score)
                return -EINVAL;
        *ret = result;
        return 0;
}

void import_result_write(int state, uint32_t score_hundredths, char ret[static 2 * SCORE_TEXT_SIZE]) {
        char score[SCORE_TEXT_SIZE];

        score_format(score_hundredths, score);
        if (state == GRADE_GRADED)
                (void) snprintf(ret, 2 * SCORE_TEXT_SIZE, "%s", score);
        else if (grade_state_has_score(state))
                (void) snprintf(ret, 2 * SCORE_TEXT_SIZE, "%s %s", grade_state_name((GradeState) state), score);
        else
                (void) snprintf(ret, 2 * SCORE_TEXT_SIZE, "%s", grade_state_name((GradeState) state));
}

static int type_from_name(const char *name) {
        for (int i = 0; i < _GRADE_TYPE_MAX; i++)
                if (strcasecmp(name, grade_type_name((GradeType) i)) == 0)
                        return i;
        return -EINVAL;
}

/* "Homework, of 30, no. 2" */
static int parse_detail(char *detail, ImportName *ret) {
        char *at = detail, *part = strsep(&at, ",");
        uint64_t number;

        ret->type = type_from_name(part);
        ret->number = 1;
        if (ret->type < 0)
                return -EINVAL;
        while ((part = strsep(&at, ","))) {
                part += strspn(part, " ");
                if (strncasecmp(part, "of ", 3) == 0 && ret->maximum_hundredths == 0 && ret->number == 1) {
                        if (import_score_parse(part + 3, false, &ret->maximum_hundredths) < 0 || ret->maximum_hundredths < 1 ||
                            ret->maximum_hundredths > POINTS_MAX_HUNDREDTHS)
                                return -EINVAL;
                } else if (strncasecmp(part, "no. ", 4) == 0 && ret->number == 1) {
                        if (parse_uint64(part + 4, &number) < 0 || number < 2 || number > IMPORT_NUMBER_MAX)
                                return -EINVAL;
                        ret->number = (unsigned) number;
                } else {
                        return -EINVAL;
                }
        }
        return 0;
}

int import_name_parse(const char *text, ImportName *ret) {
        size_t size = strlen(text), title_size, detail_size;
        const char *open = strrchr(text, '(');
        char detail[DETAIL_MAX];
        ImportName name = {};

        if (!open || open == text || text[size - 1] != ')' || open[-1] != ' ')
                return -EINVAL;
        title_size = (size_t) (open - text) - 1;
        detail_size = size - title_size - 3;
        if (title_size == 0 || detail_size >= sizeof(detail))
                return -EINVAL;
        memcpy(detail, open + 1, detail_size);
        detail[detail_size] = 0;
        if (parse_detail(detail, &name) < 0)
                return -EINVAL;
        name.title = strndup(text, title_size);
        if (!name.title)
                return -ENOMEM;
        if (text_length(name.title) > TITLE_MAX || !text_is_plain(name.title, title_size) || text_is_blank(name.title)) {
                free(name.title);
                return -EINVAL;
        }
        *ret = name;
        return 0;
}

int import_name_write(const char *title, int type, uint32_t maximum_hundredths, unsigned number, Buffer *out) {
        char maximum[SCORE_TEXT_SIZE];

        (void) buffer_printf(out, "%s (%s", title, grade_type_name((GradeType) type));
        if (maximum_hundredths != SCORE_MAX_HUNDREDTHS) {
                score_format(maximum_hundredths, maximum);
                (void) buffer_printf(out, ", of %s", maximum);
        }
        if (number > 1)
                (void) buffer_printf(out, ", no. %u", number);
        return buffer_puts(out, ")");
}

typedef struct Reader {
        const CsvRow *header;
        ImportLayoutComplaint complain;
        void *userdata;
        bool bad;
} Reader;

static void complain(Reader *r, size_t column, const char *format, ...) _printf_(3, 4);
static void complain(Reader *r, size_t column, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        r->bad = true;
        r->complain(r->header->line, column, text ? text : strerror(ENOMEM), r->userdata);
}

static size_t column_of(const char *name) {
        size_t i;

        for (i = 0; i < _IMPORT_COLUMN_MAX; i++)
                if (strcasecmp(name, import_columns[i]) == 0)
                        break;
        return i;
}

static bool is_of_grid(size_t column) {
        return column <= IMPORT_LAST_NAME;
}

static void complain_of_unknown(Reader *r, const ImportLayout *l, size_t i) {
        const char *name = r->header->cells[i].text;
        Nearest nearest = NEAREST(name);

        for (size_t k = 0; k < _IMPORT_COLUMN_MAX; k++)
                if (!l->grid || is_of_grid(k))
                        nearest_offer(&nearest, import_columns[k]);
        if (nearest.text)
                complain(r, i + 1, "unknown column \"%s\": did you mean %s?", name, nearest.text);
        else if (l->grid)
                complain(r, i + 1, "unknown column \"%s\": an assessment's is called \"TITLE (TYPE)\" or \"TITLE (TYPE, of MAXIMUM)\", as in "
                         "\"Quiz 1 (Quiz)\"", name);
        else
                complain(r, i + 1, "unknown column \"%s\"", name);
}

static bool same_name(const ImportName *a, const ImportName *b) {
        uint32_t of_a = a->maximum_hundredths ? a->maximum_hundredths : SCORE_MAX_HUNDREDTHS;
        uint32_t of_b = b->maximum_hundredths ? b->maximum_hundredths : SCORE_MAX_HUNDREDTHS;

        return a->title && b->title && a->type == b->type && of_a == of_b && a->number == b->number && strcmp(a->title, b->title) == 0;
}

static int read_assessment(Reader *r, ImportLayout *l, size_t i) {
        int k = import_name_parse(r->header->cells[i].text, l->names + i);

        if (k == -EINVAL)
                complain_of_unknown(r, l, i);
        if (k < 0)
                return k == -EINVAL ? 0 : k;
        for (size_t j = 0; j < i; j++)
                if (same_name(l->names + i, l->names + j)) {
                        complain(r, i + 1, "column \"%s\" is there twice", r->header->cells[i].text);
                        break;
                }
        return 0;
}

static int read_columns(Reader *r, ImportLayout *l) {
        for (size_t i = 0; i < r->header->n_cells; i++) {
                size_t column = column_of(r->header->cells[i].text);
                int k = 0;

                if (l->grid && (column == _IMPORT_COLUMN_MAX || !is_of_grid(column)))
                        k = read_assessment(r, l, i);
                else if (column == _IMPORT_COLUMN_MAX)
                        complain_of_unknown(r, l, i);
                else if (l->columns[column] != IMPORT_NO_COLUMN)
                        complain(r, i + 1, "column %s is there twice", import_columns[column]);
                else
                        l->columns[column] = i;
                if (k < 0)
                        return k;
        }
        return 0;
}

/* A student is found by ID or by both names; a long table's grade needs all three that say it. */
static void check_columns(Reader *r, const ImportLayout *l) {
        static const ImportColumn of_grades[] = { IMPORT_TITLE, IMPORT_TYPE, IMPORT_SCORE };

        if (l->columns[IMPORT_ID] == IMPORT_NO_COLUMN)
                for (size_t i = IMPORT_FIRST_NAME; i <= IMPORT_LAST_NAME; i++)
                        if (l->columns[i] == IMPORT_NO_COLUMN)
                                complain(r, 0, "column %s is missing: the header begins ID,LastName,FirstName", import_columns[i]);
        for (size_t i = 0; i < ELEMENTSOF(of_grades) && !l->grid; i++)
                if (l->columns[of_grades[i]] == IMPORT_NO_COLUMN)
                        complain(r, 0, "column %s is missing: the header is ID,FirstName,LastName,Title,Type,Score", import_columns[of_grades[i]]);
}

int import_layout_read(const CsvRow *header, char delimiter, ImportLayoutComplaint complaint, void *userdata, ImportLayout *ret) {
        Reader r = { .header = header, .complain = complaint, .userdata = userdata };
        int k;

        *ret = (ImportLayout) { .grid = true, .comma = delimiter != ',', .n_columns = header->n_cells };
        for (size_t i = 0; i < _IMPORT_COLUMN_MAX; i++)
                ret->columns[i] = IMPORT_NO_COLUMN;
        for (size_t i = 0; i < header->n_cells && ret->grid; i++) {
                size_t column = column_of(header->cells[i].text);

                ret->grid = column != IMPORT_TITLE && column != IMPORT_TYPE && column != IMPORT_SCORE;
        }
        if (ret->grid) {
                ret->names = calloc(header->n_cells, sizeof(*ret->names));
                if (!ret->names)
                        return -ENOMEM;
        }
        k = read_columns(&r, ret);
        if (k < 0)
                return k;
        /* What seems to be missing may be what is spelt wrong. */
        if (!r.bad)
                check_columns(&r, ret);
        return r.bad ? -EINVAL : 0;
}

void import_layout_deinit(ImportLayout *l) {
        for (size_t i = 0; l->names && i < l->n_columns; i++)
                free(l->names[i].title);
        free(l->names);
        *l = (ImportLayout) {};
}
