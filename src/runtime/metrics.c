/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/metrics.h"

#include <inttypes.h>
#include <stdbool.h>

struct MetricWriter {
        const MetricItem *item;
        Buffer *out;
};

static const char *type_name(MetricType type) {
        return type == METRIC_COUNTER ? "counter" : type == METRIC_GAUGE ? "gauge" : "histogram";
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

/* Bounds of the buckets, and what Prometheus calls them: in seconds. */
static const struct {
        uint64_t usec;
        const char *name;
} buckets[METRIC_BUCKETS] = {
        { 500, "0.0005" }, { 1000, "0.001" }, { 2500, "0.0025" }, { 5000, "0.005" }, { 10000, "0.01" },
        { 25000, "0.025" }, { 50000, "0.05" }, { 100000, "0.1" }, { 250000, "0.25" }, { 500000, "0.5" },
        { 1000000, "1" }, { 2500000, "2.5" }, { 5000000, "5" },
};

void metric_observe(MetricHistogram *h, uint64_t span_usec) {
        size_t i = 0;

        while (i < METRIC_BUCKETS && span_usec > buckets[i].usec)
                i++;
        h->counts[i]++;
        h->sum_usec += span_usec;
}

void metric_write_histogram(MetricWriter *w, const MetricHistogram *h) {
        uint64_t count = 0;

        for (size_t i = 0; i < METRIC_BUCKETS; i++) {
                count += h->counts[i];
                (void) buffer_printf(w->out, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", w->item->name, buckets[i].name, count);
        }
        count += h->counts[METRIC_BUCKETS];
        (void) buffer_printf(w->out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", w->item->name, count);
        (void) buffer_printf(w->out, "%s_sum %" PRIu64 ".%06" PRIu64 "\n", w->item->name, h->sum_usec / 1000000, h->sum_usec % 1000000);
        (void) buffer_printf(w->out, "%s_count %" PRIu64 "\n", w->item->name, count);
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
