/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/ledger-anchor.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/events.h"

#define EACH_USEC (30 * USEC_PER_SEC)
#define SEQUENCE_TEXT_SIZE 24

struct LedgerAnchor {
        const Store *store;
        sd_event_source *timer;
        bool told;
        LedgerTip tip;                  /* told last */
};

void ledger_anchor_tell(LedgerAnchor *a) {
        char sequence[SEQUENCE_TEXT_SIZE], hash[2 * LEDGER_HASH_SIZE + 1];
        LogField fields[] = { { "LEDGER_SEQUENCE", sequence }, { "LEDGER_HASH", hash } };
        LedgerTip tip = store_tip(a->store);

        if (a->told && tip.sequence == a->tip.sequence && memcmp(tip.hash, a->tip.hash, LEDGER_HASH_SIZE) == 0)
                return;
        (void) snprintf(sequence, sizeof(sequence), "%" PRIu64, tip.sequence);
        (void) sodium_bin2hex(hash, sizeof(hash), tip.hash, LEDGER_HASH_SIZE);
        log_event(LOG_INFO, EVENT_LEDGER_ANCHOR, fields, ELEMENTSOF(fields), "The ledger ends with entry %s, hash %s", sequence, hash);
        a->told = true;
        a->tip = tip;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        int r;

        ledger_anchor_tell(userdata);
        r = sd_event_source_set_time_relative(source, EACH_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int ledger_anchor_new(LedgerAnchor **ret, sd_event *event, const Store *store) {
        _cleanup_(ledger_anchor_freep) LedgerAnchor *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->store = store;
        r = sd_event_add_time_relative(event, &a->timer, CLOCK_MONOTONIC, EACH_USEC, USEC_PER_SEC, on_timer, a);
        if (r < 0)
                return r;
        ledger_anchor_tell(a);
        *ret = TAKE_PTR(a);
        return 0;
}

LedgerAnchor *ledger_anchor_free(LedgerAnchor *a) {
        if (!a)
                return NULL;
        sd_event_source_disable_unref(a->timer);
        free(a);
        return NULL;
}
