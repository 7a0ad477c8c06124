/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "runtime/providers-internal.h"

int providers_hash(const Providers *p, char ret[static VIEW_HASH_SIZE]) {
        _cleanup_(freep) Provider *view = calloc(p->n_live + 1, sizeof(Provider));
        size_t n = 0;

        if (!view)
                return -ENOMEM;

        for (size_t i = 0; i < p->all.n; i++) {
                const Entry *e = p->all.items[i];

                if (e->departed_usec == 0)
                        view[n++] = (Provider) { .name = e->group->name, .url = e->target->url, .weight = e->weight };
        }
        return view_hash(view, n, ret);
}
