/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log/damage.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "base/fd.h"

int damage_init(Damage *d) {
        int r;

        *d = (Damage) { .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
        if (d->event_fd < 0)
                return -errno;
        r = pthread_mutex_init(&d->mutex, NULL);
        if (r == 0)
                return 0;
        d->event_fd = fd_close(d->event_fd);
        return -r;
}

void damage_deinit(Damage *d) {
        if (d->event_fd < 0)
                return;
        d->event_fd = fd_close(d->event_fd);
        (void) pthread_mutex_destroy(&d->mutex);
}

static bool is_known(const Damage *d, uint64_t position) {
        for (size_t i = 0; i < d->n; i++)
                if (d->places[i] == position)
                        return true;
        return false;
}

void damage_note(Damage *d, uint64_t position) {
        (void) pthread_mutex_lock(&d->mutex);
        if (!is_known(d, position)) {
                d->places[d->next] = position;
                d->next = (d->next + 1) % DAMAGE_PLACES_MAX;
                d->n += d->n < DAMAGE_PLACES_MAX;
                d->total++;
                if (d->untold++ == 0)
                        d->first_untold = position;
                /* Fails only when the counter is full, and then the loop is about to look anyway. */
                (void) eventfd_write(d->event_fd, 1);
        }
        (void) pthread_mutex_unlock(&d->mutex);
}

uint64_t damage_take(Damage *d, uint64_t *ret_position) {
        uint64_t n;

        (void) pthread_mutex_lock(&d->mutex);
        n = d->untold;
        *ret_position = d->first_untold;
        d->untold = 0;
        (void) pthread_mutex_unlock(&d->mutex);
        return n;
}

uint64_t damage_total(Damage *d) {
        uint64_t n;

        (void) pthread_mutex_lock(&d->mutex);
        n = d->total;
        (void) pthread_mutex_unlock(&d->mutex);
        return n;
}
