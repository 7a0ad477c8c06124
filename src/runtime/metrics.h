/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "base/buffer.h"

/* Metrics are a table; GET /metrics writes it in Prometheus' text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). */

typedef enum MetricType {
        METRIC_COUNTER,
        METRIC_GAUGE,
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

/* Appends all of a table; errors are kept in the buffer. */
void metrics_write(const MetricItem *items, void *userdata, Buffer *out);
