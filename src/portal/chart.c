/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/chart.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "portal/row.h"
#include "wire/json.h"

#define TENTHS 10
#define BINS (TENTHS + 1)       /* the last one is over the maximum */

/* The drawing's own units; the template's viewBox is as large. */
#define LEFT 40
#define WIDTH 560               /* of the scale from 0 to the maximum and, where there is more, a tenth over it */
#define BASE 170                /* where the bars stand */
#define TALLEST 140

typedef struct Axis {
        uint32_t scale_hundredths;
        unsigned n_bins;
} Axis;

static int axis_x(const Axis *a, uint32_t hundredths) {
        uint64_t end = (uint64_t) a->scale_hundredths * a->n_bins, x = (uint64_t) hundredths * TENTHS * WIDTH / end;

        /* What is far over the maximum stands at the edge. */
        return LEFT + (int) (x > WIDTH ? WIDTH : x);
}

static int bin_x(const Axis *a, unsigned i) {
        return LEFT + (int) (i * WIDTH / a->n_bins);
}

static uint64_t count_of(json_object *histogram, unsigned i) {
        return json_object_get_uint64(json_object_array_get_idx(histogram, i));
}

static int add_int(json_object *o, const char *member, int value) {
        return json_add(o, member, json_object_new_int(value));
}

static int add_bars(const Axis *a, json_object *histogram, json_object *drawing) {
        json_object *bars = json_object_new_array(), *bar;
        uint64_t most = 1;

        if (json_add(drawing, "Bars", bars) < 0)
                return -ENOMEM;
        for (unsigned i = 0; i < a->n_bins; i++)
                most = count_of(histogram, i) > most ? count_of(histogram, i) : most;
        for (unsigned i = 0; i < a->n_bins; i++) {
                uint64_t count = count_of(histogram, i);
                int height = (int) (count * TALLEST / most), x = bin_x(a, i) + 2, width = bin_x(a, i + 1) - bin_x(a, i) - 4;

                if (count == 0)
                        continue;
                if (json_append_object(bars, &bar) < 0 || add_int(bar, "X", x) < 0 || add_int(bar, "Y", BASE - height) < 0 ||
                    add_int(bar, "Width", width) < 0 || add_int(bar, "Height", height) < 0 || add_int(bar, "Middle", x + width / 2) < 0 ||
                    add_int(bar, "Above", BASE - height - 7) < 0 || json_add_uint64(bar, "BarCount", count) < 0)
                        return -ENOMEM;
        }
        return 0;
}

/* Every second tenth, in percent of the maximum. */
static int add_ticks(const Axis *a, json_object *drawing) {
        json_object *ticks = json_object_new_array(), *tick;

        if (json_add(drawing, "Ticks", ticks) < 0)
                return -ENOMEM;
        for (unsigned i = 0; i <= TENTHS; i += 2) {
                char label[16];

                (void) snprintf(label, sizeof(label), "%u %%", i * 100 / TENTHS);
                if (json_append_object(ticks, &tick) < 0 || add_int(tick, "X", bin_x(a, i)) < 0 || json_add_text(tick, "TickLabel", label) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int get_x(const Axis *a, json_object *statistics, const char *member, int *ret, Problem *problem) {
        json_object *value = NULL;
        uint32_t hundredths;

        if (!json_object_object_get_ex(statistics, member, &value) || json_to_hundredths(value, &hundredths) < 0)
                return problem_set(problem, 400, "Member '%s' of the statistics must be a number", member);
        *ret = axis_x(a, hundredths);
        return 0;
}

static int add_box(const Axis *a, json_object *statistics, json_object *drawing, Problem *problem) {
        static const char *const members[] = { "Minimum", "LowerQuartile", "Median", "UpperQuartile", "Maximum", "Mean" };
        json_object *box = json_object_new_object();
        int x[ELEMENTSOF(members)], r = json_add(drawing, "Box", box);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(members); i++) {
                char name[32];

                r = get_x(a, statistics, members[i], &x[i], problem);
                (void) snprintf(name, sizeof(name), "%sX", members[i]);
                if (r >= 0)
                        r = add_int(box, name, x[i]);
        }
        /* A box of no width is still seen. */
        return r < 0 ? r : add_int(box, "BoxWidth", x[3] > x[1] ? x[3] - x[1] : 1);
}

static int add_figures(Language l, json_object *statistics, json_object *view) {
        static const struct {
                const char *member, *key;
        } figures[] = {
                { "Count", "FigureCount" }, { "Mean", "FigureMean" }, { "Median", "FigureMedian" }, { "LowerQuartile", "FigureLower" },
                { "UpperQuartile", "FigureUpper" }, { "Minimum", "FigureMinimum" }, { "Maximum", "FigureMaximum" }, { "Deviation", "FigureDeviation" },
        };
        json_object *list = json_object_new_array(), *o;

        if (json_add(view, "Figures", list) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(figures); i++) {
                const char *value = row_text(statistics, figures[i].member);

                if (json_append_object(list, &o) < 0 || json_add_text(o, "Label", language_text(l, figures[i].key)) < 0 ||
                    json_add_text(o, "Value", value ? value : "–") < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int add_bins(Language l, const Axis *a, json_object *histogram, json_object *view) {
        json_object *list = json_object_new_array(), *o;

        if (json_add(view, "Bins", list) < 0)
                return -ENOMEM;
        for (unsigned i = 0; i < a->n_bins; i++) {
                char range[32];

                (void) snprintf(range, sizeof(range), "%u–%u %%", i * 10, (i + 1) * 10);
                if (json_append_object(list, &o) < 0 || json_add_text(o, "Range", i < TENTHS ? range : language_text(l, "OverMaximum")) < 0 ||
                    json_add_uint64(o, "BinCount", count_of(histogram, i)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int chart_to_view(Language l, json_object *statistics, uint32_t scale_hundredths, json_object *view, Problem *problem) {
        json_object *histogram = NULL, *drawing;
        Axis axis = { .scale_hundredths = scale_hundredths };
        int r = json_expect_object(statistics, "The statistics", problem);

        if (r >= 0)
                r = json_get_array(statistics, "Histogram", BINS, &histogram, problem);
        if (r >= 0 && (row_count(histogram) != BINS || scale_hundredths == 0))
                r = problem_set(problem, 400, "Member 'Histogram' must have %d numbers, and the maximum be over 0", BINS);
        if (r >= 0)
                r = add_figures(l, statistics, view);
        if (r < 0 || row_uint64(statistics, "Count") == 0)
                return r;
        axis.n_bins = count_of(histogram, TENTHS) > 0 ? BINS : TENTHS;
        drawing = json_object_new_object();
        r = json_add(view, "Drawing", drawing);
        if (r >= 0)
                r = add_bars(&axis, histogram, drawing);
        if (r >= 0)
                r = add_ticks(&axis, drawing);
        if (r >= 0)
                r = add_box(&axis, statistics, drawing, problem);
        return r < 0 ? r : add_bins(l, &axis, histogram, view);
}
