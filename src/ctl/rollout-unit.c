/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ctl/rollout.h"

#define POLL_USEC (100 * USEC_PER_MSEC)
#define TELLING_USEC (5 * USEC_PER_SEC)         /* how long dependants are waited for; who does not answer holds up nobody */

/* One unit's way. */
typedef struct Way {
        Rollout *rollout;
        RolloutUnit *unit;
        uint32_t old_pid;
        char *drained_url;      /* by us; NULL: none */
        char *checked;          /* when it answered its heartbeat before; NULL: it did not */
        uint64_t begin_usec, end_usec;
        char *why;              /* what was in the way last; NULL: nothing was seen */
} Way;

static void way_deinit(Way *w) {
        free(w->drained_url);
        free(w->checked);
        free(w->why);
}

static void say(const Way *w, const char *format, ...) _printf_(2, 3);

static void say(const Way *w, const char *format, ...) {
        va_list ap;

        if (w->rollout->ctl->json)
                return;
        va_start(ap, format);
        (void) vprintf(format, ap);
        va_end(ap);
        (void) fflush(stdout);
}

static const char *since(uint64_t usec, char ret[static CLOCK_SPAN_SIZE]) {
        clock_format_span((clock_monotonic_usec() - usec) / USEC_PER_MSEC * USEC_PER_MSEC, ret);
        return ret;
}

static bool interrupted(const Way *w) {
        return connection_interrupted(w->rollout->connection);
}

static int fail_interrupted(const Way *w) {
        say(w, "\n");
        w->unit->result = "interrupted";
        return ctl_fail(CTL_FAILURE, "interrupted at %s", w->unit->name);
}

static int fail_back(Way *w, const char *why) {
        char span[CLOCK_SPAN_SIZE];

        say(w, "\n");
        w->unit->result = "failed";
        clock_format_span(w->rollout->timeout_usec, span);
        if (clock_monotonic_usec() >= w->end_usec)
                return ctl_fail(CTL_FAILURE, "%s did not come back within %s: %s", w->unit->name, span, why);
        return ctl_fail(CTL_FAILURE, "%s did not come back: %s", w->unit->name, why);
}

static bool registers(const Way *w) {
        return w->unit->service_name;
}

/* ---- what is waited for: 1 it is so, 0 not yet, or a negative exit code of what has ended it ---- */

typedef int (*Condition)(Way *w);

static int wait_for(Way *w, Condition condition) {
        for (;;) {
                int k = condition(w);

                if (interrupted(w))
                        return fail_interrupted(w);
                if (k > 0)
                        return CTL_OK;
                if (k < 0)
                        return -k;
                if (clock_monotonic_usec() >= w->end_usec)
                        return fail_back(w, w->why ? w->why : "it is not ready");
                k = connection_wait(w->rollout->connection, POLL_USEC);
                if (k != CTL_OK)
                        return k;
        }
}

/* Whatever text is in the way; out of memory there is none. */
static int not_yet(Way *w, const char *why) {
        (void) text_replace(&w->why, why);
        return 0;
}

static int read_unit(Way *w, UnitState *ret) {
        int k = units_read(w->rollout->bus, w->unit->name, ret);

        if (k >= 0)
                return 0;
        say(w, "\n");
        w->unit->result = "failed";
        return -ctl_fail(CTL_UNREACHABLE, "systemd cannot be asked for %s: %s", w->unit->name, strerror(-k));
}

/* systemd tries again by itself what ends with a failure, within its limits: that is waited for, and what it gives up is not. */
static int is_active(Way *w) {
        _cleanup_(unit_state_deinit) UnitState s = {};
        char why[128];
        int k = read_unit(w, &s);

        if (k < 0)
                return k;
        (void) snprintf(why, sizeof(why), "its unit is %s (%s%s%s)", s.active, s.sub, strcmp(s.result, "success") == 0 ? "" : ", ",
                        strcmp(s.result, "success") == 0 ? "" : s.result);
        if (s.has_job || strcmp(s.active, "activating") == 0 || strcmp(s.active, "deactivating") == 0)
                return not_yet(w, why);
        if (strcmp(s.active, "active") != 0 && strcmp(s.active, "reloading") != 0)
                return -fail_back(w, why);
        if (s.pid == w->old_pid)
                return -fail_back(w, "somebody else has cancelled its restart");
        return 1;
}

/* It answers, and the registry has heard so from it since. */
static int is_healthy(Way *w) {
        _cleanup_(rollout_health_deinit) RolloutHealth h = {};
        _cleanup_(freep) char *why = NULL;
        int k = is_active(w);

        if (k <= 0)
                return k;
        if (!rollout_serves(w->rollout->connection, w->unit->url, &why))
                return not_yet(w, why ? why : "it does not answer");
        if (!registers(w))
                return 1;
        if (rollout_health(w->rollout->connection, w->unit->url, true, &h) != CTL_OK)
                return not_yet(w, "the registry does not answer");
        if (!h.is_known)
                return not_yet(w, "it has not registered");
        if (h.is_critical)
                return not_yet(w, "the registry finds it critical");
        if (!h.checked || (w->checked && strcmp(h.checked, w->checked) == 0))
                return not_yet(w, "it has not answered the registry's heartbeat");
        return 1;
}

static int is_in_lists(Way *w) {
        _cleanup_(rollout_health_deinit) RolloutHealth h = {};

        if (rollout_health(w->rollout->connection, w->unit->url, true, &h) != CTL_OK)
                return not_yet(w, "the registry does not answer");
        return h.gets_requests ? 1 : not_yet(w, "the registry holds it out of its dependants' lists (gradebookctl services)");
}

/* ---- the steps ---- */

/* Until dependants have the news, as far as they answer; whether it was heard or not. */
static int let_dependants_know(Way *w) {
        uint64_t end = clock_monotonic_usec() + TELLING_USEC;

        while (!interrupted(w) && clock_monotonic_usec() < end) {
                _cleanup_(rollout_health_deinit) RolloutHealth h = {};
                int code = rollout_health(w->rollout->connection, w->unit->url, true, &h);

                if (code == CTL_OK && h.dependants_know)
                        break;
                code = connection_wait(w->rollout->connection, POLL_USEC);
                if (code != CTL_OK)
                        return code;
        }
        return interrupted(w) ? fail_interrupted(w) : CTL_OK;
}

/* What was true when the plan was made may have changed: the last one that gets requests is not taken out of the lists. */
static int drain(Way *w) {
        _cleanup_(rollout_health_deinit) RolloutHealth h = {};
        RolloutUnit *u = w->unit;
        int code;

        if (!registers(w)) {
                say(w, " its socket keeps requests waiting,");
                return CTL_OK;
        }
        code = rollout_health(w->rollout->connection, u->url, interrupted(w), &h);
        if (interrupted(w))
                return fail_interrupted(w);
        if (code != CTL_OK)
                return code;
        w->checked = TAKE_PTR(h.checked);
        u->was_drained = h.is_drained;
        u->n_others = h.n_others;
        if (!h.is_drained && h.n_others == 0)
                say(w, " the only one, its socket keeps requests waiting,");
        if (h.is_drained || h.n_others == 0)
                return CTL_OK;

        /* Before it is asked for: an answer that does not come says nothing of what was done. */
        if (text_replace(&w->drained_url, u->url) < 0)
                return ctl_fail(CTL_FAILURE, "out of memory");
        u->is_drained = true;
        code = rollout_drain(w->rollout->connection, u->url);
        if (code != CTL_OK)
                return interrupted(w) ? fail_interrupted(w) : code;
        say(w, " drained,");
        return let_dependants_know(w);
}

static int undrain(Way *w) {
        int code;

        if (!w->unit->is_drained)
                return CTL_OK;
        code = rollout_undrain(w->rollout->ctl, w->drained_url);
        if (code == CTL_OK)
                w->unit->is_drained = false;
        return code;
}

/* What it restarts for may be another address. */
static int take_new_url(Way *w) {
        _cleanup_(unit_state_deinit) UnitState s = {};
        _cleanup_(freep) char *url = NULL;
        int k = read_unit(w, &s);

        if (k < 0)
                return -k;
        if (rollout_read_url(&s, &url) < 0)
                return ctl_fail(CTL_FAILURE, "out of memory");
        if (url && strcmp(url, w->unit->url) != 0) {
                say(w, " now %s,", url);
                free(w->unit->url);
                w->unit->url = TAKE_PTR(url);
                w->unit->was_drained = false;
        }
        return CTL_OK;
}

static int restart(Way *w) {
        _cleanup_(unit_state_deinit) UnitState s = {};
        _cleanup_(freep) char *text = NULL;
        char span[CLOCK_SPAN_SIZE];
        int k = read_unit(w, &s);

        if (k < 0)
                return -k;
        w->old_pid = s.pid;
        w->begin_usec = clock_monotonic_usec();
        w->end_usec = w->begin_usec + w->rollout->timeout_usec;
        k = units_restart(w->rollout->bus, w->unit->name, &text);
        if (k < 0) {
                say(w, "\n");
                w->unit->result = "failed";
                return ctl_fail(k == -EACCES || k == -EPERM ? CTL_REFUSED : CTL_FAILURE, "systemd does not restart %s: %s", w->unit->name,
                                text ? text : strerror(-k));
        }
        k = wait_for(w, is_active);
        if (k != CTL_OK)
                return k;
        say(w, " restarted in %s,", since(w->begin_usec, span));
        return take_new_url(w);
}

int rollout_unit(Rollout *r, RolloutUnit *u) {
        _cleanup_(way_deinit) Way w = { .rollout = r, .unit = u };
        char span[CLOCK_SPAN_SIZE];
        int code, taken_back;

        say(&w, "%s:", u->name);
        code = drain(&w);
        if (code == CTL_OK)
                code = restart(&w);
        if (code == CTL_OK)
                code = wait_for(&w, is_healthy);
        taken_back = undrain(&w);
        code = code == CTL_OK ? taken_back : code;
        if (code == CTL_OK && registers(&w) && !u->was_drained) {
                code = wait_for(&w, is_in_lists);
                if (code == CTL_OK)
                        code = let_dependants_know(&w);
        }
        if (code == CTL_OK) {
                say(&w, " healthy after %s%s\n", since(w.begin_usec, span), u->was_drained ? ", drained as before" : "");
                u->result = "restarted";
        } else if (strcmp(u->result, "planned") == 0) {
                say(&w, "\n");
                u->result = "failed";
        }
        return code;
}
