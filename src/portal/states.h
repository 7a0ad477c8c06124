/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/language.h"

/* The state of a grade, by grading's name for it ("late"), in words; NULL for NULL. One that is not known stands as it came. */
const char *state_text(Language l, const char *name);
