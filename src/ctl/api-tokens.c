/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "ctl/output.h"
#include "ctl/users.h"
#include "wire/json.h"

#define PATH_SIZE 64
#define DAYS_DEFAULT 90
#define DAYS_MAX 365
#define DAY_USEC (UINT64_C(24) * 3600 * USEC_PER_SEC)

const CtlOption ctl_token_add_options[] = {
        { "days", 0, "N", "How long it is valid: 1 to 365 days (90)" },
        { .name = NULL },
};

static int no_memory(void) {
        return ctl_fail(CTL_FAILURE, "%s", strerror(ENOMEM));
}

int ctl_token_add(Ctl *ctl, char *arguments[]) {
        _cleanup_(json_unrefp) json_object *body = json_object_new_object(), *json = NULL;
        _cleanup_(connection_freep) Connection *c = NULL;
        const char *days_text = ctl_option(ctl, "days");
        uint64_t id, days = DAYS_DEFAULT;
        char expires[CLOCK_TEXT_SIZE];
        int code;

        if (days_text && (parse_uint64(days_text, &days) < 0 || days < 1 || days > DAYS_MAX))
                return ctl_fail(CTL_USAGE, "--days=%s: a number from 1 to %d is needed", days_text, DAYS_MAX);
        clock_format_utc(clock_realtime_usec() + days * DAY_USEC, expires);
        code = connection_open(ctl, &c);
        if (code == CTL_OK)
                code = users_find(c, arguments[0], &id);
        if (code != CTL_OK)
                return code;
        if (!body || json_add_uint64(body, "Account", id) < 0 || json_add_text(body, "Name", arguments[1]) < 0 ||
            json_add_text(body, "Expires", expires) < 0)
                return no_memory();
        code = connection_request(c, PEER_GRADING, "POST", "/tokens", body, &json);
        if (code != CTL_OK)
                return code;
        if (ctl->json)
                return output_json(json);
        (void) printf("%s\n", users_text(json, "Token"));
        (void) fprintf(stderr, "This is API token %" PRIu64 " of \"%s\", valid until %.10s. It is shown this once.\n", users_id(json, "ID"), arguments[0],
                       users_text(json, "Expires"));
        return CTL_OK;
}

static int print_tokens(Ctl *ctl, json_object *items) {
        _cleanup_(table_deinit) Table t = TABLE(">ID", ">ACCOUNT", "NAME", "EXPIRES");
        char now[CLOCK_TEXT_SIZE];

        clock_format_utc(clock_realtime_usec(), now);
        for (size_t i = 0; i < json_object_array_length(items); i++) {
                json_object *o = json_object_array_get_idx(items, i);
                const char *expires = users_text(o, "Expires");

                table_add(&t, STYLE_PLAIN, "%" PRIu64, users_id(o, "ID"));
                table_add(&t, STYLE_PLAIN, "%" PRIu64, users_id(o, "Account"));
                table_add(&t, STYLE_PLAIN, "%s", users_text(o, "Name"));
                /* Both in UTC and in one form: the order of the texts is that of the times. */
                table_add(&t, strcmp(expires, now) <= 0 ? STYLE_BAD : STYLE_PLAIN, "%s", expires);
        }
        return table_print(&t, ctl->colour) < 0 ? no_memory() : CTL_OK;
}

int ctl_token_list(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_(json_unrefp) json_object *items = NULL;
        char path[PATH_SIZE] = "/tokens";
        uint64_t id;
        int code;

        code = connection_open(ctl, &c);
        if (code == CTL_OK && arguments[0]) {
                code = users_find(c, arguments[0], &id);
                if (code == CTL_OK)
                        (void) snprintf(path, sizeof(path), "/tokens?account=%" PRIu64 "&", id);
        }
        if (code == CTL_OK)
                code = users_fetch_all(c, path, &items);
        if (code != CTL_OK)
                return code;
        return ctl->json ? output_json(items) : print_tokens(ctl, items);
}

int ctl_token_end(Ctl *ctl, char *arguments[]) {
        _cleanup_(connection_freep) Connection *c = NULL;
        char path[PATH_SIZE];
        uint64_t id;
        int code;

        if (parse_uint64(arguments[0], &id) < 0 || id < 1)
                return ctl_fail(CTL_USAGE, "\"%s\" is not a token's ID: \"gradebookctl token list\" shows them", arguments[0]);
        code = connection_open(ctl, &c);
        if (code != CTL_OK)
                return code;
        (void) snprintf(path, sizeof(path), "/tokens/%" PRIu64, id);
        code = connection_request(c, PEER_GRADING, "DELETE", path, NULL, NULL);
        if (code == CTL_OK && !ctl->json)
                (void) printf("API token %" PRIu64 " has ended.\n", id);
        return code;
}
