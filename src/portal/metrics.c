/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "portal/portal.h"

static void read_asked(MetricWriter *w, void *userdata) {
        metric_write(w, feed_counters(((const Portal *) userdata)->feed)->requests);
}

static void read_fetches(MetricWriter *w, void *userdata) {
        metric_write(w, feed_counters(((const Portal *) userdata)->feed)->fetches);
}

static void read_unchanged(MetricWriter *w, void *userdata) {
        metric_write(w, feed_counters(((const Portal *) userdata)->feed)->unchanged);
}

static void read_cache_bytes(MetricWriter *w, void *userdata) {
        metric_write(w, feed_counters(((const Portal *) userdata)->feed)->bytes);
}

static void read_cache_entries(MetricWriter *w, void *userdata) {
        metric_write(w, feed_counters(((const Portal *) userdata)->feed)->entries);
}

static void read_pages(MetricWriter *w, void *userdata) {
        metric_write(w, ((const Portal *) userdata)->pages);
}

static void read_grades_added(MetricWriter *w, void *userdata) {
        metric_write(w, ((const Portal *) userdata)->grades_added);
}

static void read_gateway_open(MetricWriter *w, void *userdata) {
        metric_write(w, gateway_counters(((const Portal *) userdata)->gateway)->open);
}

static void read_gateway(MetricWriter *w, void *userdata) {
        const GatewayCounters *c = gateway_counters(((const Portal *) userdata)->gateway);

        metric_write_label(w, "outcome", "answered", c->answered);
        metric_write_label(w, "outcome", "failed", c->failed);
        metric_write_label(w, "outcome", "refused", c->refused);
        metric_write_label(w, "outcome", "broken", c->broken);
        metric_write_label(w, "outcome", "abandoned", c->abandoned);
}

static void read_gateway_limited(MetricWriter *w, void *userdata) {
        metric_write(w, gateway_counters(((const Portal *) userdata)->gateway)->limited);
}

static const GatewayService *first_service(const void *userdata) {
        return gateway_services_first(gateway_services(((const Portal *) userdata)->gateway));
}

static void read_breaker_state(MetricWriter *w, void *userdata) {
        for (const GatewayService *s = first_service(userdata); s; s = s->next)
                metric_write_label(w, "service", s->name, s->breaker.state);
}

static void read_breaker_opened(MetricWriter *w, void *userdata) {
        for (const GatewayService *s = first_service(userdata); s; s = s->next)
                metric_write_label(w, "service", s->name, s->breaker.opened);
}

static void read_breaker_refused(MetricWriter *w, void *userdata) {
        for (const GatewayService *s = first_service(userdata); s; s = s->next)
                metric_write_label(w, "service", s->name, s->breaker.refused);
}

const MetricItem portal_metrics[] = {
        { "gradebook_portal_data_requests_total", METRIC_COUNTER, "Requests for pages that need grading's data.", read_asked },
        { "gradebook_portal_data_fetches_total", METRIC_COUNTER, "Requests sent to grading for them.", read_fetches },
        { "gradebook_portal_data_unchanged_total", METRIC_COUNTER, "Of these, answered as the time before.", read_unchanged },
        { "gradebook_portal_cache_bytes", METRIC_GAUGE, "Answers and pages kept for reuse.", read_cache_bytes },
        { "gradebook_portal_cache_entries", METRIC_GAUGE, "Paths whose answers are kept.", read_cache_entries },
        { "gradebook_portal_pages_rendered_total", METRIC_COUNTER, "Pages rendered from templates.", read_pages },
        { "gradebook_portal_grades_added_total", METRIC_COUNTER, "Grades added through the form.", read_grades_added },
        { "gradebook_portal_gateway_open", METRIC_GAUGE, "Requests that the gateway is passing on now.", read_gateway_open },
        { "gradebook_portal_gateway_requests_total", METRIC_COUNTER, "Requests that came to the gateway, by outcome.", read_gateway },
        { "gradebook_portal_gateway_limited_total", METRIC_COUNTER, "Requests refused with 429.", read_gateway_limited },
        { "gradebook_portal_breaker_state", METRIC_GAUGE, "The breaker of a service: 0 closed, 1 half open, 2 open.", read_breaker_state },
        { "gradebook_portal_breaker_opened_total", METRIC_COUNTER, "How often it has opened.", read_breaker_opened },
        { "gradebook_portal_breaker_refused_total", METRIC_COUNTER, "Requests that it held back.", read_breaker_refused },
        METRIC_END,
};
