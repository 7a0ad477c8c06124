/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "portal/accounts.h"
#include "portal/row.h"
#include "portal/when.h"
#include "wire/json.h"
#include "wire/timestamp.h"

/* One's own API tokens. What is secret stands on the one page that answers the making of it. */

#define USEC_PER_DAY (UINT64_C(24) * 3600 * USEC_PER_SEC)

static int make_tokens(const PageContext *c, json_object *view, Problem *problem);

static const PagePlan tokens_page = {
        .template = "tokens",
        .not_found = "TokensNotThere",
        .has_form = true,
        .make = make_tokens,
};

static const FieldChoice spans[] = {
        { "7", "TokenWeek" },
        { "30", "TokenMonth" },
        { "90", "Token90" },
        { "365", "TokenYear" },
        {},
};

static const FormField token_fields[] = {
        { .name = "Name", .label = "TokenName", .hint = "TokenNameHint", .required = true },
        { .name = "Days", .label = "TokenDays", .kind = FIELD_CHOICE, .required = true, .choices = spans },
        {},
};

static int finish_token(Request *r, Language language, json_object *typed, json_object *body, json_object *errors) {
        const char *text = row_text(typed, "Days");
        char expires[CLOCK_TEXT_SIZE];
        uint64_t days = 0;

        json_object_object_del(body, "Days");
        (void) parse_uint64(text ? text : "", &days);
        clock_format_utc(clock_realtime_usec() + days * USEC_PER_DAY, expires);
        return json_add_text(body, "Expires", expires);
}

static int show_token(Language language, json_object *row, json_object *view) {
        if (json_add_text(view, "Secret", row_text(row, "Token")) < 0 || json_add_text(view, "TokenName", row_text(row, "Name")) < 0)
                return -ENOMEM;
        return when_add(view, "Expires", language, row_text(row, "Expires"));
}

static const ChangePlan token_plan = {
        .name = "token", .fields = token_fields, .method = "POST", .title = "TokenAdd", .submit = "TokenAdd", .finish = finish_token, .page = &tokens_page,
        .answer_template = "token", .answer_script = "tokens.js", .answer_view = show_token,
};
static const ChangePlan end_plan = {
        .name = "end", .method = "DELETE", .title = "TokenEnd", .submit = "TokenEnd", .done = "DoneTokenEnded", .page = &tokens_page,
};

static bool is_over(json_object *token) {
        const char *expires = row_text(token, "Expires");
        uint64_t usec;

        return expires && timestamp_parse(expires, &usec) >= 0 && usec <= clock_realtime_usec();
}

int tokens_add(const PageContext *c, json_object *tokens, uint64_t account_id, bool with_buttons, json_object *view) {
        json_object *list = json_object_new_array(), *o;
        char action[PAGE_PATH_SIZE];

        if (json_add(view, "Tokens", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < row_count(tokens); i++) {
                json_object *token = json_object_array_get_idx(tokens, i);

                if (row_uint64(token, "Account") != account_id)
                        continue;
                if (json_append_object(list, &o) < 0 || json_add_text(o, "TokenName", row_text(token, "Name")) < 0 ||
                    when_add(o, "Expires", c->language, row_text(token, "Expires")) < 0 || json_add(o, "IsOver", json_object_new_boolean(is_over(token))) < 0)
                        return -ENOMEM;
                (void) snprintf(action, sizeof(action), "/tokens/%" PRIu64 "/end", row_uint64(token, "ID"));
                if (with_buttons && change_form_to_view(c, &end_plan, action, NULL, token, NULL, o, "End") < 0)
                        return -ENOMEM;
        }
        return json_add(view, "HasTokens", json_object_new_boolean(row_count(list) > 0));
}

static int make_tokens(const PageContext *c, json_object *view, Problem *problem) {
        _cleanup_(json_unrefp) json_object *tokens = NULL, *values = json_object_new_object();
        json_object *rows = NULL;
        int r = page_part_json(&c->parts[0], &tokens, problem);

        if (r >= 0)
                r = row_list(tokens, &rows, problem);
        if (r >= 0)
                r = json_add_text(values, "Days", "90");
        /* Grading lists those of all to administrators: these are one's own. */
        if (r >= 0)
                r = tokens_add(c, rows, c->person ? c->person->id : 0, true, view);
        if (r >= 0 && c->person)
                r = change_form_to_view(c, &token_plan, "/tokens", values, NULL, NULL, view, "Form");
        return r;
}

static const char *const paths[] = { "/tokens?limit=10000" };

void get_token_list(Request *r, void *service) {
        page_show(r, service, &tokens_page, paths, ELEMENTSOF(paths));
}

void post_token_new(Request *r, void *service) {
        change_begin(r, service, &token_plan, &(ChangePaths) { .change = "/tokens", .page = paths, .n_page = ELEMENTSOF(paths), .form = "/tokens" });
}

void post_token_end(Request *r, void *service) {
        char change[PAGE_PATH_SIZE];
        uint64_t id;

        if (!page_id(r, service, "AccountGone", &id))
                return;
        (void) snprintf(change, sizeof(change), "/tokens/%" PRIu64, id);
        change_begin(r, service, &end_plan, &(ChangePaths) { .change = change, .page = paths, .n_page = ELEMENTSOF(paths), .form = "/tokens" });
}
