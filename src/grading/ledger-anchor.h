/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "grading/store.h"

/* Where the ledger ends, told to the central log: at the start, within half a minute of a change, and at the end. Whoever rewrites or cuts
 * the ledger afterwards cannot take these lines back, and gradebookctl ledger verify finds that the two do not agree. */
typedef struct LedgerAnchor LedgerAnchor;

int ledger_anchor_new(LedgerAnchor **ret, sd_event *event, const Store *store);
LedgerAnchor *ledger_anchor_free(LedgerAnchor *a);      /* before the store */
DEFINE_CLEANUP(LedgerAnchor, ledger_anchor_free);

/* Tells it now, unless it ends where it was told last. */
void ledger_anchor_tell(LedgerAnchor *a);
