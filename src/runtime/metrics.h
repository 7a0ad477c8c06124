/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/buffer.h"

/* Metrics are a table; GET /metrics writes it in Prometheus' text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). */

typedef enum MetricType {
        METRIC_COUNTER,
        METRIC_GAUGE,
        METRIC_HISTOGRAM,
} MetricType;

typedef struct MetricWriter MetricWriter;

typedef struct MetricItem {
        const char *name;       /* "gradebook_grading_students" */
        MetricType type;
        const char *help;
        void (*read)(MetricWriter *w, void *userdata);  /* writes one or more samples */
} MetricItem;

#define METRIC_END { .name = NULL }

/* A sample without labels, and one with one label (the value is escaped). */
void metric_write(MetricWriter *w, uint64_t value);
void metric_write_label(MetricWriter *w, const char *label, const char *label_value, uint64_t value);

/* How long something took, in buckets from half a millisecond to five seconds. */
#define METRIC_BUCKETS 13
typedef struct MetricHistogram {
        uint64_t counts[METRIC_BUCKETS + 1];    /* each for itself; the last: longer than all */
        uint64_t sum_usec;
} MetricHistogram;

void metric_observe(MetricHistogram *h, uint64_t span_usec);
void metric_write_histogram(MetricWriter *w, const MetricHistogram *h);         /* all samples of a METRIC_HISTOGRAM, in seconds */

/* Appends all of a table; errors are kept in the buffer. */
void metrics_write(const MetricItem *items, void *userdata, Buffer *out);
