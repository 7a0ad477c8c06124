/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "runtime/events.h"
#include "runtime/providers-internal.h"
#include "wire/json.h"

#define FILE_MAX_BYTES (16u << 20)
#define FILE_MODE 0640

static int write_view(const Providers *p) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(freep) Provider *view = calloc(p->n_live + 1, sizeof(Provider));
        size_t n = 0, size;

        if (!view)
                return -ENOMEM;

        for (size_t i = 0; i < p->all.n; i++)
                if (p->all.items[i]->departed_usec == 0)
                        view[n++] = (Provider) {
                                .name = p->all.items[i]->group->name,
                                .url = p->all.items[i]->target->url,
                                .weight = p->all.items[i]->weight,
                        };

        int r = view_to_json(view, n, true, &o);
        if (r < 0)
                return r;

        const char *text = json_text(o, &size);
        return text ? file_replace(p->path, text, size, FILE_MODE) : -ENOMEM;
}

/* The view in memory stays right when the disk fails; only the next start would know less. */
void providers_save(Providers *p) {
        if (!p->path)
                return;

        int r = write_view(p);
        if (r < 0 && !p->write_failed)
                log_event(LOG_WARNING, EVENT_STORE_FAILED, ((LogField[]) { { "PATH", p->path } }), 1,
                          "Cannot keep the list of providers in %s: %s. Going on with it in memory.",
                          p->path, strerror(-r));
        else if (r >= 0 && p->write_failed)
                log_event(LOG_NOTICE, EVENT_STORE_RECOVERED, ((LogField[]) { { "PATH", p->path } }), 1,
                          "The list of providers is kept in %s again.", p->path);
        p->write_failed = r < 0;
}

void providers_load(Providers *p) {
        _cleanup_(json_unrefp) json_object *o = NULL;
        _cleanup_(freep) char *text = NULL;
        Problem problem = PROBLEM_NULL;
        Provider *view = NULL;
        size_t size = 0, n = 0;
        bool settled;

        int r = file_read(p->path, FILE_MAX_BYTES, &text, &size);
        if (r == -ENOENT)
                return;
        if (r >= 0)
                r = json_parse_object(text, size, &o, &problem);
        if (r >= 0)
                r = view_from_json(o, &view, &n, &settled, &problem);
        if (r < 0)
                log_warning("Ignoring the list of providers in %s: %s", p->path,
                            problem.detail ? problem.detail : strerror(-r));

        for (size_t i = 0; i < n && r >= 0; i++) {
                Entry *e;
                r = providers_add_one(p, &view[i], 0, &e);
                if (r < 0)
                        log_warning("Not all providers in %s were taken over: %s", p->path, strerror(-r));
        }

        providers_array_free(view, n);
        problem_deinit(&problem);
}
