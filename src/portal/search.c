/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/search.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#define WORDS_MAX 16

struct Search {
        char *text;                     /* folded; each word ends with NUL */
        char *together;                 /* the same without spaces */
        const char *words[WORDS_MAX];
        size_t n_words;
        Buffer name;                    /* of whom is looked at: kept for the next */
};

/* The letter without its mark, in lower case, of U+00C0 to U+017F; a space: it has none of these. */
static char plain_letter(uint32_t c) {
        static const char letters[] =
                "aaaaaa ceeeeiiii nooooo ouuuuy  aaaaaa ceeeeiiii nooooo ouuuuy y"
                "aaaaaaccccccccddddeeeeeeeeeegggggggghh  iiiiiiiiii  jjkk llllll "
                " llnnnnnn   oooooo  rrrrrrsssssssstttt  uuuuuuuuuuuuwwyyyzzzzzz ";

        return c >= 0xc0 && c < 0x180 && letters[c - 0xc0] != ' ' ? letters[c - 0xc0] : 0;
}

/* One in UTF-8 of two bytes: Latin without its mark, Greek and Cyrillic in lower case. */
static void fold_pair(const unsigned char *s, Buffer *out) {
        uint32_t c = (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
        char plain = plain_letter(c), pair[2];

        if (plain) {
                (void) buffer_append(out, &plain, 1);
                return;
        }
        if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
                c += 0x20;
        else if (c >= 0x400 && c <= 0x40f)
                c += 0x50;
        pair[0] = (char) (0xc0 | c >> 6);
        pair[1] = (char) (0x80 | (c & 0x3f));
        (void) buffer_append(out, pair, sizeof(pair));
}

static void fold(const char *s, bool keep_spaces, Buffer *out) {
        for (; *s; s++) {
                char c = *s;

                if (((unsigned char) c & 0xe0) == 0xc0 && s[1]) {
                        fold_pair((const unsigned char *) s++, out);
                        continue;
                }
                if (c >= 'A' && c <= 'Z')
                        c = (char) (c - 'A' + 'a');
                if (c != ' ' || keep_spaces)
                        (void) buffer_append(out, &c, 1);
        }
}

Search *search_free(Search *s) {
        if (!s)
                return NULL;
        free(s->text);
        free(s->together);
        buffer_deinit(&s->name);
        free(s);
        return NULL;
}

static int fold_into(const char *typed, bool keep_spaces, char **ret) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        fold(typed, keep_spaces, &out);
        (void) buffer_puts(&out, "");
        *ret = buffer_take(&out, NULL);
        return *ret ? 0 : -ENOMEM;
}

int search_new(Search **ret, const char *typed) {
        _cleanup_(search_freep) Search *s = calloc(1, sizeof(*s));
        char *state = NULL;

        if (!s || fold_into(typed, true, &s->text) < 0 || fold_into(typed, false, &s->together) < 0)
                return -ENOMEM;
        for (char *word = strtok_r(s->text, " ", &state); word && s->n_words < WORDS_MAX; word = strtok_r(NULL, " ", &state))
                s->words[s->n_words++] = word;
        *ret = TAKE_PTR(s);
        return 0;
}

static bool has_all_words(const Search *s, const char *name) {
        for (size_t i = 0; i < s->n_words; i++)
                if (!strstr(name, s->words[i]))
                        return false;
        return true;
}

int search_matches(Search *s, const char *first_name, const char *last_name) {
        if (s->n_words == 0)
                return 1;
        buffer_clear(&s->name);
        fold(first_name, true, &s->name);
        (void) buffer_puts(&s->name, " ");
        fold(last_name, true, &s->name);
        if (s->name.error < 0)
                return s->name.error;
        if (has_all_words(s, buffer_text(&s->name)))
                return 1;
        buffer_clear(&s->name);
        fold(last_name, false, &s->name);
        fold(first_name, false, &s->name);
        fold(last_name, false, &s->name);
        return s->name.error < 0 ? s->name.error : strstr(buffer_text(&s->name), s->together) != NULL;
}

int search_fold_name(const char *first_name, const char *last_name, char **ret) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;

        fold(last_name, true, &out);
        /* Before all that a name may go on with. */
        (void) buffer_puts(&out, "\t");
        fold(first_name, true, &out);
        *ret = buffer_take(&out, NULL);
        return *ret ? 0 : -ENOMEM;
}
