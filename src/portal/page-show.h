/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/pages.h"
#include "portal/person.h"

/* A page that shows what grading knows: asked for, made, kept and shown again while nothing it is made of has changed. Whatever comes
 * between is dealt with here: no session (off to sign in, and back), what is not there, what may not be seen, and grading being away.
 * The page's {{PageTag}} is that of its ETag: a script that asks again with it gets a 304 while nothing has changed. */

#define PAGE_PARTS_MAX 16
#define PAGE_ELSEWHERE_SIZE 64

/* What a page is made of. */
typedef struct PageContext {
        Portal *portal;
        Request *request;
        Language language;
        const Person *person;           /* who looks; NULL: nobody is signed in, and all may be seen */
        const FeedAnswer *parts;        /* one for each path, in their order. The first is a 200; of another, a 4xx is the page's to understand */
        size_t n_parts;
        json_object *typed;             /* what was typed into its form, by the fields' names, and not saved; NULL: nothing */
        json_object *errors;            /* why it was not: texts by the fields' names, "" for the whole; NULL: a session had ended (typed.h) */
} PageContext;

/* One for each page; static. */
typedef struct PagePlan {
        const char *template;
        const char *section, *script;   /* as in PageFrame */
        bool wide;
        const char *not_found;          /* key of the text for a 404, whose {{Value}} is the route's {id} */
        bool minimal;                   /* of all answers, as in FeedQuestion */
        bool takes_typed;               /* it has a form without a key: what was typed before a session ended is taken up (typed.h) */
        bool has_form;                  /* of change.h: it is made anew each time */
        /* Whether the page is for this one at all; NULL: for all. Grading has the rights; this is for pages that it does not know. */
        bool (*is_for)(const Person *person);
        /* Whether a request gets a page that nobody else gets; NULL: none does but those that have something typed or told. */
        bool (*is_single)(const Request *r);
        /* Whether this one has another page instead, and which; NULL: nobody has. */
        bool (*elsewhere)(const Person *person, char ret[static PAGE_ELSEWHERE_SIZE]);
        /* Fills view. -ENOENT: it is not there after all; -EBADMSG with the problem filled: grading's answer is not what it should be; -ENOMEM. */
        int (*make)(const PageContext *c, json_object *view, Problem *problem);
} PagePlan;

/* Answers r. paths: at grading, the first one being that which the page is about; borrowed during the call. */
void page_show(Request *r, Portal *p, const PagePlan *plan, const char *const paths[], size_t n_paths);

/* The same, and the form on it has been refused: shown with status, what was typed and what was wrong, both as in PageContext and taken (NULL: no
 * memory). The view gets "Failed": true. */
void page_show_again(Request *r, Portal *p, const PagePlan *plan, const char *const paths[], size_t n_paths, unsigned status, json_object *typed,
                     json_object *errors);

/* A part that is a 200 as JSON; NULL for another one. Errors as json_parse(). */
int page_part_json(const FeedAnswer *part, json_object **ret, Problem *problem);
