/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/password.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"

#define PIECE_MAX 6     /* code points of what is repeated */

/* Sorted by strcmp(). */
static const char *const common[] = {
#include "grading/common-passwords.inc"
};

static const char *const keyboard[] = {
        "`1234567890-=", "!@#$%^&*()_+",
        "qwertyuiopasdfghjklzxcvbnm", "qwertyuiop[]\\asdfghjkl;'zxcvbnm,./",    /* English */
        "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn",             /* German, French */
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", "qazwsxedcrfvtgbyhnujmikolp",
        "йцукенгшщзхъфывапролджэячсмитьбю",                                     /* Russian */
};

/* The password as it is compared. */
typedef struct Folded {
        char text[PASSWORD_BYTES_MAX + 1];
        size_t size;
} Folded;

static char fold(char c) {
        return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}

static bool is_letter(char c) {
        return (c & 0x80) || (fold(c) >= 'a' && fold(c) <= 'z');
}

static bool is_name(const char *part, size_t size, const char *name, size_t name_size) {
        if (size != name_size)
                return false;
        for (size_t i = 0; i < size; i++)
                if (part[i] != fold(name[i]))
                        return false;
        return true;
}

typedef struct Part {
        const char *text;
        size_t size;
} Part;

static int compare_part(const void *key, const void *entry) {
        const Part *part = key;
        const char *word = *(const char *const *) entry;
        int r = strncmp(part->text, word, part->size);

        return r ? r : -(word[part->size] != 0);
}

static bool is_common(Part part) {
        return bsearch(&part, common, ELEMENTSOF(common), sizeof(common[0]), compare_part);
}

/* What a password must not be: common, or the name of somebody or something. */
typedef struct Refused {
        const char *login, *site;
} Refused;

static const char *check_part(Part part, const Refused *refused) {
        if (is_common(part))
                return "is one of those that are guessed first: take another, such as four words that have nothing to do with each other";
        if ((refused->login && (is_name(part.text, part.size, refused->login, strlen(refused->login)) ||
                                is_name(part.text, part.size, refused->login, strcspn(refused->login, "@")))) ||
            (refused->site && is_name(part.text, part.size, refused->site, strlen(refused->site))) ||
            is_name(part.text, part.size, "gradebook", 9))
                return "must not be the login or the name of the service";
        return NULL;
}

/* With all ways to leave out some digits and marks at the ends. */
static const char *check_parts(const Folded *password, const Refused *refused) {
        const char *wrong = NULL;

        for (size_t head = 0; !wrong; head++) {
                for (size_t tail = 0; head + tail <= PASSWORD_TAIL_MAX && head + tail < password->size && !wrong; tail++) {
                        wrong = check_part((Part) { password->text + head, password->size - head - tail }, refused);
                        if (is_letter(password->text[password->size - tail - 1]))
                                break;
                }
                if (head == PASSWORD_TAIL_MAX || head == password->size || is_letter(password->text[head]))
                        break;
        }
        return wrong;
}

/* "aaaaaaaa", "abcabcabc" */
static bool is_repeated(const Folded *password) {
        size_t piece = 0;

        for (size_t points = 0; points < PIECE_MAX; points++) {
                size_t i;

                do
                        piece++;
                while ((password->text[piece] & 0xc0) == 0x80);
                if (2 * piece > password->size)
                        return false;
                for (i = piece; i < password->size && password->text[i] == password->text[i - piece]; i++)
                        ;
                if (i == password->size)
                        return true;
        }
        return false;
}

/* "12345678", "67890123", "hgfedcba" */
static bool is_run(const Folded *password) {
        const char *s = password->text;
        int step = s[1] - s[0];

        if (step == 9 || step == -9)
                step = -step / 9;
        if (step != 1 && step != -1)
                return false;
        for (size_t i = 1; i < password->size; i++) {
                int expected = s[i - 1] + step;

                if (expected == '9' + 1)
                        expected = '0';
                else if (expected == '0' - 1)
                        expected = '9';
                if (s[i] != expected)
                        return false;
        }
        return true;
}

static bool is_on_keyboard(const Folded *password) {
        Folded backwards = { .size = password->size };
        bool found = false;

        for (size_t i = 0; i < password->size; i++)
                backwards.text[i] = password->text[password->size - 1 - i];
        for (size_t i = 0; i < ELEMENTSOF(keyboard) && !found; i++)
                found = strstr(keyboard[i], password->text) || strstr(keyboard[i], backwards.text);
        sodium_memzero(&backwards, sizeof(backwards));
        return found;
}

static const char *check_folded(const Folded *password, const Refused *refused) {
        if (is_repeated(password) || is_run(password) || is_on_keyboard(password))
                return "must not be a character or a short piece again and again, nor a row of digits, letters or keys";
        return check_parts(password, refused);
}

int password_check(const char *password, const char *login, const char *site, Problem *problem) {
        size_t size = strnlen(password, PASSWORD_BYTES_MAX + 1);
        Folded folded = { .size = size };
        const char *wrong;

        if (size > PASSWORD_BYTES_MAX || !text_is_plain(password, size) || text_length(password) < PASSWORD_MIN ||
            text_length(password) > PASSWORD_MAX)
                return problem_set(problem, 400, "Member 'Password' must be a text of %d to %d characters, without control characters",
                                   PASSWORD_MIN, PASSWORD_MAX);
        for (size_t i = 0; i < size; i++)
                folded.text[i] = fold(password[i]);
        wrong = check_folded(&folded, &(Refused) { login, site });
        sodium_memzero(&folded, sizeof(folded));
        return wrong ? problem_set(problem, 400, "Member 'Password' %s", wrong) : 0;
}
