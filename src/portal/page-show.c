/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/page-show.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "portal/told.h"
#include "portal/typed.h"
#include "wire/json.h"

/* A page on its way. The parts are asked for together, and the first one when all others are there: only while its answer is handed
 * over does the feed lend the place where the page is kept. */
typedef struct Showing {
        Portal *portal;
        Request *request;
        const PagePlan *plan;
        PageFrame frame;
        unsigned status;
        json_object *typed, *errors;
        size_t n, n_open;
        struct {
                char *path;
                char *body;
                FeedAnswer answer;
        } parts[PAGE_PARTS_MAX];
} Showing;

typedef struct Part {
        Showing *showing;
        size_t i;
} Part;

static Showing *showing_free(Showing *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n; i++) {
                free(s->parts[i].path);
                free(s->parts[i].body);
        }
        json_object_put(s->typed);
        json_object_put(s->errors);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(Showing, showing_free);

int page_part_json(const FeedAnswer *part, json_object **ret, Problem *problem) {
        *ret = NULL;
        return part->error == 0 && part->status == 200 ? json_parse(part->body, part->size, ret, problem) : 0;
}

/* The page of an error, for the one who asked as far as grading said who that is. */
static void fail(const Showing *s, const FeedAnswer *answer, unsigned status, const char *key) {
        const PageFrame frame = page_frame_of(s->portal, s->request, answer);

        page_fail_for(s->request, s->portal, &frame, status, key, request_param(s->request, "id"));
}

static const char *not_found_key(const Showing *s) {
        return s->plan->not_found ? s->plan->not_found : "DetailNoPage";
}

/* True if r has been answered: the page cannot be made of this. */
static bool reply_without(const Showing *s, const FeedAnswer *answer, bool is_first) {
        Request *r = s->request;

        portal_note_grading(s->portal, answer->error, answer->status);
        if (answer->session_needed)
                page_redirect_to_sign_in_and_back(s->request, s->portal);
        else if (answer->error < 0 || answer->status >= 500 || answer->status == 429 || answer->status == 401)
                page_reply_upstream(r, s->portal, answer->error, answer->status, NULL);
        else if (answer->status == 200 || !is_first)
                return false;
        else if (answer->status == 404 || answer->status == 405) /* 405: a grading service that has no such thing at all */
                fail(s, answer, 404, not_found_key(s));
        else if (answer->status == 403)
                fail(s, answer, 403, "DetailForbidden");
        else
                page_reply_upstream(r, s->portal, answer->error, answer->status, NULL);
        return true;
}

/* Why what was typed is not saved, above the page that has the form. */
static int add_refusal(const Showing *s, json_object *view) {
        json_object *of_all = NULL;

        if (json_add(view, "Failed", json_object_new_boolean(s->status >= 400)) < 0 ||
            json_add(view, "FormKept", json_object_new_boolean(s->typed && !s->errors)) < 0)
                return -ENOMEM;
        if (s->errors && json_object_object_get_ex(s->errors, "", &of_all))
                return json_add(view, "Refused", json_object_get(of_all));
        return s->errors ? json_add_text(view, "Refused", language_text(s->frame.language, "RefusedFields")) : 0;
}

static int make_view(const Showing *s, const FeedAnswer parts[], const Person *person, json_object **ret, Problem *problem) {
        _cleanup_(json_unrefp) json_object *view = json_object_new_object();
        const PageContext c = {
                .portal = s->portal,
                .request = s->request,
                .language = s->frame.language,
                .person = person,
                .parts = parts,
                .n_parts = s->n,
                .typed = s->typed,
                .errors = s->errors,
        };
        int r = view ? s->plan->make(&c, view, problem) : -ENOMEM;

        if (r >= 0)
                r = add_refusal(s, view);
        if (r >= 0)
                *ret = TAKE_PTR(view);
        return r;
}

static int make_page(const Showing *s, const FeedAnswer parts[], const Person *person, HttpBody **ret, Problem *problem) {
        _cleanup_(json_unrefp) json_object *view = NULL;
        int r = make_view(s, parts, person, &view, problem);

        return r < 0 ? r : page_new(s->portal, &s->frame, s->plan->template, view, ret);
}

static void reply_not_made(const Showing *s, const FeedAnswer *answer, int error, Problem *problem) {
        if (error == -ENOENT) {
                fail(s, answer, 404, not_found_key(s));
        } else if (error == -EBADMSG) {
                request_log(s->request, LOG_WARNING, "%s sent what is not understood: %s", GRADING_SERVICE, problem->detail ? problem->detail : "");
                page_reply_upstream(s->request, s->portal, -EPROTO, 0, NULL);
        } else {
                fail(s, answer, 500, "PageNotMade");
        }
}

/* What is said once, or typed, is on no page that is used again; nor is a form, whose key is good for one change. */
static bool is_own(const Showing *s) {
        return s->frame.told || s->plan->has_form || s->typed || s->status != 200 || (s->plan->is_single && s->plan->is_single(s->request));
}

/* A script asks whether the page is still the one that it has. */
static bool is_known(const Request *r, const HttpBody *page) {
        const char *known = request_header(r, "If-None-Match"), *tag = http_body_header(page, "ETag");

        return known && tag && strcmp(known, tag) == 0;
}

/* True if r has been answered: this one gets another page, or none. */
static bool reply_by_person(const Showing *s, const FeedAnswer *answer, const Person *person) {
        char elsewhere[PAGE_ELSEWHERE_SIZE];

        if (s->plan->is_for && !s->plan->is_for(person))
                fail(s, answer, 403, "DetailForbidden");
        else if (s->plan->elsewhere && s->plan->elsewhere(person, elsewhere))
                page_redirect(s->request, s->portal, elsewhere);
        else
                return false;
        return true;
}

static void reply_page(Showing *s, const FeedAnswer *answer, const Person *person) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(http_body_unrefp) HttpBody *own = NULL;
        HttpBody **page = is_own(s) ? &own : answer->page;
        FeedAnswer parts[PAGE_PARTS_MAX];
        int k = 0;

        for (size_t i = 1; i < s->n; i++)
                parts[i] = s->parts[i].answer;
        parts[0] = *answer;
        s->frame.account = answer->account;
        s->frame.setup_needed = answer->setup_needed;
        if (!*page)
                k = make_page(s, parts, person, page, &problem);
        if (k < 0)
                reply_not_made(s, answer, k, &problem);
        else
                request_reply_body(s->request, !own && is_known(s->request, *page) ? 304 : s->status, *page);
}

static void on_first(const FeedAnswer *answer, Request *r, void *userdata) {
        _cleanup_(showing_freep) Showing *s = userdata;
        _cleanup_(person_deinit) Person person = {};
        int k;

        if (reply_without(s, answer, true))
                return;
        k = person_parse(answer->account, &person);
        if (k == -ENOMEM)
                fail(s, answer, 500, "PageNotMade");
        else if (k < 0 || !reply_by_person(s, answer, &person))
                reply_page(s, answer, k < 0 ? NULL : &person);
}

/* Of what is not the first answer: its revisions, which page it is, and how it was asked for. */
static uint64_t basis_of(const Showing *s) {
        crypto_generichash_state state;
        uint64_t basis;
        const char *texts[] = { s->plan->template, request_path(s->request), request_query_string(s->request) };

        (void) crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES_MIN);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                (void) crypto_generichash_update(&state, (const unsigned char *) texts[i], strlen(texts[i]) + 1);
        for (size_t i = 1; i < s->n; i++) {
                const uint64_t numbers[] = { s->parts[i].answer.revision, s->parts[i].answer.status };

                (void) crypto_generichash_update(&state, (const unsigned char *) numbers, sizeof(numbers));
        }
        unsigned char hash[crypto_generichash_BYTES_MIN];

        (void) crypto_generichash_final(&state, hash, sizeof(hash));
        memcpy(&basis, hash, sizeof(basis));
        return basis;
}

static void ask_first(Showing *s) {
        FeedQuestion question = page_question(&s->frame, s->parts[0].path);

        question.minimal = s->plan->minimal;
        question.basis = basis_of(s);
        feed_get(s->portal->feed, &question, s->request, on_first, s);
}

/* All others are there: s is handed on, or has been answered. */
static void close_parts(Showing *s) {
        for (size_t i = 1; i < s->n; i++)
                if (reply_without(s, &s->parts[i].answer, false)) {
                        showing_free(s);
                        return;
                }
        ask_first(s);
}

static void on_part(const FeedAnswer *answer, Request *r, void *userdata) {
        _cleanup_(freep) Part *part = userdata;
        Showing *s = part->showing;
        FeedAnswer *kept = &s->parts[part->i].answer;

        *kept = *answer;
        kept->page = NULL;
        kept->account = NULL;
        s->parts[part->i].body = strndup(answer->body, answer->size);
        kept->body = s->parts[part->i].body;
        if (!kept->body)
                *kept = (FeedAnswer) { .error = -ENOMEM, .body = "" };
        if (--s->n_open == 0)
                close_parts(s);
}

static void ask_parts(Showing *s) {
        /* One more, so that no answer that is there at once closes them before all have been asked for. */
        s->n_open = s->n;
        for (size_t i = 1; i < s->n; i++) {
                FeedQuestion question = page_question(&s->frame, s->parts[i].path);
                const FeedAnswer none = { .error = -ENOMEM, .body = "" };
                Part *part = malloc(sizeof(*part));

                if (!part) {
                        s->parts[i].answer = none;
                        s->n_open--;
                        continue;
                }
                *part = (Part) { s, i };
                question.minimal = s->plan->minimal;
                feed_get(s->portal->feed, &question, s->request, on_part, part);
        }
        if (--s->n_open == 0)
                close_parts(s);
}

static Showing *showing_new(Request *r, Portal *p, const PagePlan *plan, const char *const paths[], size_t n_paths) {
        _cleanup_(showing_freep) Showing *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        s->portal = p;
        s->request = r;
        s->plan = plan;
        s->status = 200;
        s->frame = page_frame(p, r);
        s->frame.section = plan->section;
        s->frame.script = plan->script;
        s->frame.wide = plan->wide;
        for (; s->n < n_paths; s->n++) {
                s->parts[s->n].path = strdup(paths[s->n]);
                if (!s->parts[s->n].path)
                        return NULL;
        }
        return TAKE_PTR(s);
}

static void show(Request *r, Portal *p, Showing *s) {
        if (!s) {
                page_fail(r, p, 500, "NoMemory", NULL);
                return;
        }
        if (portal_conf(p)->sign_in == SIGN_IN_ALWAYS && !*s->frame.session) {
                page_redirect_to_sign_in_and_back(s->request, s->portal);
                showing_free(s);
                return;
        }
        ask_parts(s);
}

void page_show(Request *r, Portal *p, const PagePlan *plan, const char *const paths[], size_t n_paths) {
        Showing *s = showing_new(r, p, plan, paths, n_paths);

        if (s) {
                s->frame.told = told_take(r);
                if (plan->has_form || plan->takes_typed)
                        (void) typed_take(r, &s->typed);
        }
        show(r, p, s);
}

void page_show_again(Request *r, Portal *p, const PagePlan *plan, const char *const paths[], size_t n_paths, unsigned status, json_object *typed,
                     json_object *errors) {
        Showing *s = typed && errors ? showing_new(r, p, plan, paths, n_paths) : NULL;

        if (s) {
                s->status = status;
                s->typed = typed;
                s->errors = errors;
        } else {
                json_object_put(typed);
                json_object_put(errors);
        }
        show(r, p, s);
}
