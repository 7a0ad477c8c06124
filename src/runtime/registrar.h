/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "runtime/service.h"

/* Keeps a service registered: once at the start, again every RegisterSec=, and with growing pauses while the registry
 * does not answer. Each answer carries the registry's full view of what the service requires.
 *
 * Of several registries (RegistryURL=) it registers with one, and stays there. If that one does not answer or refuses, the others are
 * asked in turn, at once; the pauses grow when none of them has registered us. They share their registrations, so that nothing
 * has to be ended at the one that is left. */
typedef struct Registrar Registrar;

int registrar_new(Registrar **ret, Runtime *rt, const Service *service);
Registrar *registrar_free(Registrar *r);
DEFINE_CLEANUP(Registrar, registrar_free);

/* Makes the first attempt, with each registry, which ends within a fraction of a second for each whatever they do; attempted is
 * called then. */
int registrar_start(Registrar *r, void (*attempted)(void *userdata), void *userdata);

/* RegistryURL= has changed: stays where it is if that is still in the list; else leaves the old registry, bounded likewise, and
 * registers with a new one. */
void registrar_move(Registrar *r);

/* Deregisters, bounded to seconds, and calls done. */
void registrar_stop(Registrar *r, void (*done)(void *userdata), void *userdata);

bool registrar_is_registered(const Registrar *r);
const char *registrar_error(const Registrar *r);        /* why not; "" when registered */
