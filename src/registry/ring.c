/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/ring.h"

#include <errno.h>
#include <string.h>

struct Ring {
        RingEvent **events;     /* number n is at n % events_max */
        size_t events_max;
        size_t bytes, bytes_max;
        uint64_t first;         /* last + 1 when there is none */
        uint64_t last;
};

int ring_new(Ring **ret, uint64_t last, size_t events_max, size_t bytes_max) {
        _cleanup_(ring_freep) Ring *r = calloc(1, sizeof(Ring));

        if (!r)
                return -ENOMEM;

        r->events = calloc(events_max, sizeof(RingEvent *));
        if (!r->events)
                return -ENOMEM;

        r->events_max = events_max;
        r->bytes_max = bytes_max;
        r->last = last;
        r->first = last + 1;
        *ret = TAKE_PTR(r);
        return 0;
}

static void drop_oldest(Ring *r) {
        RingEvent **slot = &r->events[r->first++ % r->events_max];

        r->bytes -= (*slot)->size;
        free(*slot);
        *slot = NULL;
}

Ring *ring_free(Ring *r) {
        if (!r)
                return NULL;

        while (ring_count(r) > 0)
                drop_oldest(r);
        free(r->events);
        free(r);
        return NULL;
}

static RingEvent *event_new(uint64_t number, const char *name, const char *text, size_t size) {
        if (!text)
                return NULL;

        size_t name_size = strlen(name) + 1;
        RingEvent *e = malloc(sizeof(RingEvent) + name_size + size);

        if (!e)
                return NULL;

        char *p = (char *) (e + 1);
        *e = (RingEvent) { .number = number, .name = p, .text = p + name_size, .size = size };
        memcpy(p, name, name_size);
        memcpy(p + name_size, text, size);
        return e;
}

void ring_add(Ring *r, const char *name, const char *text, size_t size) {
        RingEvent *e = event_new(r->last + 1, name, text, size);

        while (ring_count(r) > 0 && (!e || ring_count(r) >= r->events_max || r->bytes + size > r->bytes_max))
                drop_oldest(r);

        r->last++;
        if (!e) {
                r->first = r->last + 1;
                return;
        }
        r->events[r->last % r->events_max] = e;
        r->bytes += size;
}

uint64_t ring_last(const Ring *r) {
        return r->last;
}

size_t ring_count(const Ring *r) {
        return (size_t) (r->last + 1 - r->first);
}

bool ring_reaches(const Ring *r, uint64_t after) {
        return after + 1 >= r->first && after <= r->last;
}

const RingEvent *ring_get(const Ring *r, uint64_t number) {
        return number >= r->first && number <= r->last ? r->events[number % r->events_max] : NULL;
}
