/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "portal/language.h"
#include "wire/problem.h"

/* A distribution as a drawing and as tables, of what grading computed: nothing is computed here but where things stand. */

/* statistics: with Count, Mean, LowerQuartile, Median, UpperQuartile, Minimum, Maximum, Deviation and Histogram; scale_hundredths: what the
 * histogram has the tenths of. Adds to view, for the template "chart": Figures (Label, Value), Bins (Range, Count), and Drawing (Bars, Ticks, Box).
 * Of no values there are no Drawing and no Bins. -EBADMSG with the problem filled; -ENOMEM. */
int chart_to_view(Language l, json_object *statistics, uint32_t scale_hundredths, json_object *view, Problem *problem);
