/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/rollout.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "ctl/output.h"
#include "wire/json.h"

#define TIMEOUT_USEC (60 * USEC_PER_SEC)
#define TIMEOUT_MIN_USEC USEC_PER_SEC
#define TIMEOUT_MAX_USEC (24 * 3600 * USEC_PER_SEC)

const CtlOption ctl_rollout_options[] = {
        { "dry-run", 'n', NULL, "Only show which units would be restarted, and how" },
        { "timeout", 0, "SPAN", "How long each may take to come back (1min)" },
        { .name = NULL },
};

static int parse_timeout(const Ctl *ctl, uint64_t *ret) {
        const char *text = ctl_option(ctl, "timeout");

        *ret = TIMEOUT_USEC;
        if (text && (parse_span_usec(text, ret) < 0 || *ret < TIMEOUT_MIN_USEC || *ret > TIMEOUT_MAX_USEC))
                return ctl_fail(CTL_USAGE, "--timeout=%s: a time from 1s to 1d is needed, such as 90s", text);
        return CTL_OK;
}

/* ---- what is shown ---- */

static void add_way(Table *t, const RolloutUnit *u) {
        if (!u->service_name)
                table_add(t, STYLE_PLAIN, "its socket keeps requests waiting");
        else if (u->was_drained)
                table_add(t, STYLE_PLAIN, "is drained already, and stays so");
        else if (u->n_others > 0)
                table_add(t, STYLE_PLAIN, "is drained; %zu other%s of %s get%s the requests", u->n_others, u->n_others == 1 ? "" : "s", u->service_name,
                          u->n_others == 1 ? "s" : "");
        else
                table_add(t, STYLE_PLAIN, "its socket keeps requests waiting; there is no other %s", u->service_name);
}

static int print_plan(const Rollout *r) {
        _cleanup_(table_deinit) Table t = TABLE("UNIT", "URL", "MEANWHILE");
        int k;

        for (size_t i = 0; i < r->n_units; i++) {
                table_add(&t, STYLE_PLAIN, "%s", r->units[i].name);
                table_add(&t, STYLE_PLAIN, "%s", r->units[i].url);
                add_way(&t, r->units + i);
        }
        k = table_print(&t, r->ctl->colour);
        return k < 0 ? ctl_fail(CTL_FAILURE, "%s", strerror(-k)) : CTL_OK;
}

static int unit_to_json(const RolloutUnit *u, json_object **ret) {
        int k;

        *ret = json_object_new_object();
        k = !*ret ? -1 : json_add_text(*ret, "Unit", u->name);
        if (k >= 0)
                k = json_add_text(*ret, "ServiceURL", u->url);
        if (k >= 0)
                k = json_add_text(*ret, "ServiceName", u->service_name);
        if (k >= 0)
                k = json_add_uint64(*ret, "Others", u->n_others);
        if (k >= 0)
                k = json_add(*ret, "Drained", json_object_new_boolean(u->was_drained || u->is_drained));
        return k >= 0 ? json_add_text(*ret, "Result", u->result) : k;
}

static int print_json(const Rollout *r) {
        _cleanup_(json_unrefp) json_object *list = json_object_new_array();

        for (size_t i = 0; i < r->n_units; i++) {
                json_object *o = NULL;

                if (!list || unit_to_json(r->units + i, &o) < 0 || json_object_array_add(list, o) < 0) {
                        json_unrefp(&o);
                        return ctl_fail(CTL_FAILURE, "out of memory");
                }
        }
        return output_json(list);
}

/* ---- one after the other ---- */

static void tell_where_it_stopped(const Rollout *r, size_t done) {
        const RolloutUnit *u = r->units + done;

        (void) fprintf(stderr, "The rollout ends here: %zu of %zu units %s restarted%s.\n", done, r->n_units, done == 1 ? "is" : "are",
                       u->is_drained ? "" : ", and nothing is left drained");
        if (strcmp(u->result, "interrupted") != 0)
                (void) fprintf(stderr, "To see what %s says:\n\n  systemctl status %s\n  journalctl -x -u %s -n 50\n\n", u->name, u->name, u->name);
}

static int run(Rollout *r) {
        int code = CTL_OK;
        size_t i;

        for (i = 0; i < r->n_units && code == CTL_OK; i++)
                code = rollout_unit(r, r->units + i);
        if (code != CTL_OK)
                tell_where_it_stopped(r, i - 1);
        return code;
}

int ctl_rollout(Ctl *ctl, char *arguments[]) {
        _cleanup_(freep) char *prefix = NULL;
        _cleanup_(rollout_deinit) Rollout r = { .ctl = ctl };
        int code, shown;

        code = parse_timeout(ctl, &r.timeout_usec);
        if (code == CTL_OK)
                code = rollout_prefix(arguments[0], &prefix);
        r.prefix = prefix;
        if (code == CTL_OK)
                code = connection_open(ctl, &r.connection);
        if (code == CTL_OK)
                code = rollout_plan(&r);
        if (code != CTL_OK)
                return code;
        if (ctl_option(ctl, "dry-run"))
                return ctl->json ? print_json(&r) : print_plan(&r);
        code = connection_end_on_interrupt(r.connection);
        if (code == CTL_OK)
                code = connection_end_on_terminate(r.connection);
        if (code != CTL_OK)
                return code;
        code = run(&r);
        shown = ctl->json ? print_json(&r) : CTL_OK;
        return code == CTL_OK ? shown : code;
}
