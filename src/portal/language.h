/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"
#include "runtime/mustache.h"

/* What the pages say, in each language. A text is a Mustache template of its own: its tags are the placeholders, and a page shows it as the
 * partial "text.KEY". Numbers are written alike in all. */
typedef enum Language {
        LANGUAGE_EN,
        LANGUAGE_ZH,
        _LANGUAGE_MAX,
} Language;

typedef struct LanguageText {
        const char *key;
        const char *text[_LANGUAGE_MAX];
} LanguageText;

/* One table for each part of the pages, text-NAME.c: sorted by key and ended by NULL, with the same placeholders in each language. No key is in two. */
extern const LanguageText text_assessments[];
extern const LanguageText text_class_history[];
extern const LanguageText text_class_people[];
extern const LanguageText text_classes[];
extern const LanguageText text_common[];
extern const LanguageText text_grid[];
extern const LanguageText text_cluster[];
extern const LanguageText text_log[];
extern const LanguageText text_accounts[];
extern const LanguageText text_import[];
extern const LanguageText text_people[];
extern const LanguageText text_results[];
extern const LanguageText text_students[];
extern const LanguageText text_when[];

const char *language_tag(Language l);           /* of BCP 47, for the page: "zh-Hans" */
const char *language_code(Language l);          /* in the cookie and in URLs: "zh" */
int language_from_code(const char *code);       /* -EINVAL */

/* The first of ours by the weights of an Accept-Language header (RFC 9110, section 12.5.4); NULL, or none of ours: English. Pure. */
Language language_from_accept(const char *header);

/* The text as it stands, for one without placeholders. A key that is not there is its own text. */
const char *language_text(Language l, const char *key);

/* The key itself, for good, of one that came from elsewhere; NULL: there is no such text. */
const char *language_key(const char *key);

/* The text with each {{name}} replaced by value, which is not escaped: what writes HTML does that. -ENOMEM. */
int language_format(Language l, const char *key, const char *name, const char *value, char **ret);

/* All texts, compiled. */
typedef struct Languages Languages;
int languages_new(Languages **ret);             /* logs which text is malformed: -EINVAL, -ENOMEM */
Languages *languages_free(Languages *l);
DEFINE_CLEANUP(Languages, languages_free);
const Mustache *languages_message(const Languages *l, Language language, const char *key);      /* NULL: no such key */
