/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/events.h"

#define EVENT_ID(name, id) id,
static const char *const ids[] = { EVENT_TABLE(EVENT_ID) };
#undef EVENT_ID

const char *event_id(Event event) {
        return event < _EVENT_MAX ? ids[event] : NULL;
}
