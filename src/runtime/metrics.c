/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/metrics.h"

#include <inttypes.h>
#include <stdbool.h>

struct MetricWriter {
        const MetricItem *item;
        Buffer *out;
};

static const char *type_name(MetricType type) {
        return type == METRIC_COUNTER ? "counter" : "gauge";
}

/* A help text escapes the backslash and the line feed, a label's value the quotation mark as well. */
static void write_escaped(Buffer *out, const char *s, bool quotes) {
        for (; *s; s++)
                if (*s == '\\')
                        (void) buffer_puts(out, "\\\\");
                else if (*s == '\n')
                        (void) buffer_puts(out, "\\n");
                else if (*s == '"' && quotes)
                        (void) buffer_puts(out, "\\\"");
                else
                        (void) buffer_append(out, s, 1);
}

void metric_write(MetricWriter *w, uint64_t value) {
        (void) buffer_printf(w->out, "%s %" PRIu64 "\n", w->item->name, value);
}

void metric_write_label(MetricWriter *w, const char *label, const char *label_value, uint64_t value) {
        (void) buffer_printf(w->out, "%s{%s=\"", w->item->name, label);
        write_escaped(w->out, label_value, true);
        (void) buffer_printf(w->out, "\"} %" PRIu64 "\n", value);
}

void metrics_write(const MetricItem *items, void *userdata, Buffer *out) {
        for (; items->name; items++) {
                MetricWriter w = { .item = items, .out = out };

                if (items->help) {
                        (void) buffer_printf(out, "# HELP %s ", items->name);
                        write_escaped(out, items->help, false);
                        (void) buffer_puts(out, "\n");
                }
                (void) buffer_printf(out, "# TYPE %s %s\n", items->name, type_name(items->type));
                items->read(&w, userdata);
        }
}
