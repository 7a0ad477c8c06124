/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/language.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/log.h"

static const struct {
        const char *code, *tag;
} languages[_LANGUAGE_MAX] = {
        [LANGUAGE_EN] = { "en", "en" },
        [LANGUAGE_ZH] = { "zh", "zh-Hans" },
};

static const LanguageText *const tables[] = {
        text_assessments,
        text_class_history,
        text_class_people,
        text_classes,
        text_common,
        text_grid,
        text_cluster,
        text_log,
        text_accounts,
        text_import,
        text_people,
        text_results,
        text_students,
        text_when,
};

/* Those of one table, in its order. */
typedef struct Message {
        Mustache *in[_LANGUAGE_MAX];
} Message;

struct Languages {
        Message *messages[ELEMENTSOF(tables)];
};

const char *language_tag(Language l) {
        return languages[l].tag;
}

const char *language_code(Language l) {
        return languages[l].code;
}

int language_from_code(const char *code) {
        for (int i = 0; i < _LANGUAGE_MAX; i++)
                if (strcmp(languages[i].code, code) == 0)
                        return i;
        return -EINVAL;
}

/* In thousandths; 1000 if there is none. "0.8", "1", "0.075". */
static unsigned read_weight(const char *s, size_t size) {
        const char *q = memmem(s, size, "q=", 2);
        unsigned weight = 0, unit = 1000;

        if (!q)
                return 1000;
        for (q += 2; q < s + size && unit > 0; q++) {
                if (*q == '.' && unit == 1000) {
                        unit = 100;
                } else if (*q >= '0' && *q <= '9') {
                        weight += unit * (unsigned) (*q - '0');
                        if (unit < 1000)
                                unit /= 10;
                } else {
                        break;
                }
        }
        return weight > 1000 ? 1000 : weight;
}

Language language_from_accept(const char *header) {
        Language best = LANGUAGE_EN;
        unsigned best_weight = 0;

        for (const char *s = header ? header : ""; *s;) {
                size_t size = strcspn(s, ","), blank = strspn(s, " \t");
                const char *at = s + (blank < size ? blank : size);
                size_t name = strcspn(at, ",;- \t");
                unsigned weight = read_weight(s, size);

                for (int i = 0; i < _LANGUAGE_MAX; i++)
                        if (weight > best_weight && strlen(languages[i].code) == name && strncasecmp(at, languages[i].code, name) == 0) {
                                best = (Language) i;
                                best_weight = weight;
                        }
                s += size;
                s += *s == ',';
        }
        return best;
}

static size_t count(const LanguageText *texts) {
        size_t n = 0;

        while (texts[n].key)
                n++;
        return n;
}

/* The place of a key in one table; -1: it is not in this one. */
static ssize_t find_in(const LanguageText *texts, const char *key) {
        size_t low = 0, high = count(texts);

        while (low < high) {
                size_t middle = (low + high) / 2;
                int c = strcmp(texts[middle].key, key);

                if (c == 0)
                        return (ssize_t) middle;
                if (c < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return -1;
}

static ssize_t find(const char *key, size_t *ret_table) {
        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                ssize_t at = find_in(tables[i], key);

                if (at >= 0) {
                        *ret_table = i;
                        return at;
                }
        }
        return -1;
}

const char *language_text(Language l, const char *key) {
        size_t table;
        ssize_t at = find(key, &table);

        return at >= 0 ? tables[table][at].text[l] : key;
}

const char *language_key(const char *key) {
        size_t table;
        ssize_t at = find(key, &table);

        return at >= 0 ? tables[table][at].key : NULL;
}

int language_format(Language l, const char *key, const char *name, const char *value, char **ret) {
        _cleanup_(buffer_deinit) Buffer out = BUFFER_NULL;
        const char *s = language_text(l, key), *open;
        size_t size = strlen(name);

        for (; (open = strstr(s, "{{")); s = open + 2 + size + 2) {
                if (strncmp(open + 2, name, size) != 0 || strncmp(open + 2 + size, "}}", 2) != 0)
                        break;
                (void) buffer_append(&out, s, (size_t) (open - s));
                (void) buffer_puts(&out, value);
        }
        (void) buffer_puts(&out, s);
        *ret = buffer_take(&out, NULL);
        return *ret ? 0 : -ENOMEM;
}

Languages *languages_free(Languages *l) {
        if (!l)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                for (size_t k = 0; l->messages[i] && tables[i][k].key; k++)
                        for (size_t j = 0; j < _LANGUAGE_MAX; j++)
                                mustache_free(l->messages[i][k].in[j]);
                free(l->messages[i]);
        }
        free(l);
        return NULL;
}

static int compile(const LanguageText *t, Message *ret) {
        for (size_t j = 0; j < _LANGUAGE_MAX; j++) {
                _cleanup_(freep) char *error = NULL;
                int r = mustache_new(&ret->in[j], t->key, t->text[j], strlen(t->text[j]), &error);

                if (r < 0) {
                        log_error("The text %s is malformed: %s", t->key, error ? error : strerror(-r));
                        return r;
                }
        }
        return 0;
}

int languages_new(Languages **ret) {
        _cleanup_(languages_freep) Languages *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                l->messages[i] = calloc(count(tables[i]), sizeof(*l->messages[i]));
                if (!l->messages[i])
                        return -ENOMEM;
                for (size_t k = 0; tables[i][k].key; k++) {
                        int r = compile(&tables[i][k], &l->messages[i][k]);

                        if (r < 0)
                                return r;
                }
        }
        *ret = TAKE_PTR(l);
        return 0;
}

const Mustache *languages_message(const Languages *l, Language language, const char *key) {
        size_t table;
        ssize_t at = find(key, &table);

        return at >= 0 ? l->messages[table][at].in[language] : NULL;
}
