/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "registry/store-etcd.h"

/* This machine's copy, which follows. */

#define FULL_USEC (100 * USEC_PER_MSEC)         /* its queue is: of a long list, the rest comes then */
#define FAILED_USEC (5 * USEC_PER_SEC)

static void copy_later(EtcdStore *s, uint64_t usec);

int etcd_store_keep(EtcdStore *s, const Entry *e, StoreDone done, void *userdata) {
        StoreHistory history = e->value.history;
        StoreRow row = value_row(&e->value, etcd_entry_url(e));

        history.url = etcd_entry_url(e);
        if (e->value.is_history)
                return store_keep(s->copy, &history, done, userdata);
        if (e->value.gone)
                return store_deregister(s->copy, etcd_entry_url(e), e->value.stamp, done, userdata);
        return store_register(s->copy, &row, done, userdata);
}

/* Which of them is not told: all are written again. */
static void on_copied(int result, void *userdata) {
        EtcdStore *s = userdata;

        if (result >= 0 || s->stopping || s->copy_failed)
                return;
        if (!s->copy_warned)
                log_warning("This machine's copy of what is in etcd cannot be written: %s. Trying again; a start while etcd is away would not know all.",
                            strerror(-result));
        s->copy_failed = s->copy_warned = true;
        s->copy_source = sd_event_source_disable_unref(s->copy_source);
        copy_later(s, FAILED_USEC);
}

void etcd_store_copy(EtcdStore *s, Entry *e) {
        e->copy_lacks = etcd_store_keep(s, e, on_copied, s) < 0;
        if (e->copy_lacks)
                copy_later(s, FULL_USEC);
}

/* What the copy lacks, as far as its queue takes it. */
static int on_copy(sd_event_source *source, uint64_t usec, void *userdata) {
        EtcdStore *s = userdata;
        bool full = false, all = s->copy_failed;
        Entry *e, *next;
        size_t n = 0;

        s->copy_failed = false;
        s->copy_source = sd_event_source_disable_unref(s->copy_source);
        HASH_ITER(hh, s->entries, e, next) {
                e->copy_lacks = e->copy_lacks || all;
                if (!e->copy_lacks || full)
                        continue;
                e->copy_lacks = etcd_store_keep(s, e, on_copied, s) < 0;
                full = e->copy_lacks;
                n++;
        }
        if (n > 0) {
                /* Whether that was all is seen then. */
                copy_later(s, full ? FULL_USEC : FAILED_USEC);
                return 0;
        }
        if (s->copy_warned)
                log_notice("This machine's copy of what is in etcd is whole again.");
        s->copy_warned = false;
        return 0;
}

static void copy_later(EtcdStore *s, uint64_t usec) {
        int r;

        if (s->copy_source || s->stopping)
                return;
        r = sd_event_add_time_relative(s->event, &s->copy_source, CLOCK_MONOTONIC, usec, USEC_PER_MSEC, on_copy, s);
        if (r < 0)
                log_warning("Cannot write this machine's copy again: %s", strerror(-r));
}
