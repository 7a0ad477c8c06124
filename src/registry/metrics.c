/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/registry.h"

static void read_registrations(MetricWriter *w, void *userdata) {
        size_t states[HEALTH_FORGOTTEN];

        instance_count_states(userdata, states);
        for (HealthState s = HEALTH_PASSING; s < HEALTH_FORGOTTEN; s++)
                metric_write_label(w, "state", health_state_name(s), states[s]);
}

static void read_heartbeats(MetricWriter *w, void *userdata) {
        const Registry *g = userdata;

        metric_write_label(w, "outcome", "success", g->counters.heartbeats[HEALTH_SUCCESS]);
        metric_write_label(w, "outcome", "soft_failure", g->counters.heartbeats[HEALTH_SOFT_FAILURE]);
        metric_write_label(w, "outcome", "hard_failure", g->counters.heartbeats[HEALTH_HARD_FAILURE]);
}

static void read_patches(MetricWriter *w, void *userdata) {
        const Registry *g = userdata;

        metric_write_label(w, "outcome", "taken", g->counters.patches_sent);
        metric_write_label(w, "outcome", "failed", g->counters.patches_failed);
}

static void read_pending(MetricWriter *w, void *userdata) {
        const Registry *g = userdata;
        size_t n = 0;

        for (const Instance *i = g->instances; i; i = i->hh.next)
                n += push_is_pending(i);
        metric_write(w, n);
}

static void read_forgotten(MetricWriter *w, void *userdata) {
        const Registry *g = userdata;

        metric_write(w, g->counters.forgotten);
}

static void read_held(MetricWriter *w, void *userdata) {
        const Registry *g = userdata;

        metric_write(w, g->n_held);
}

static void read_changes(MetricWriter *w, void *userdata) {
        const Registry *g = userdata;

        metric_write(w, catalog_sequence(g->catalog));
}

static void read_watchers(MetricWriter *w, void *userdata) {
        metric_write(w, discovery_count_watchers(userdata));
}

static void read_views(MetricWriter *w, void *userdata) {
        const Registry *g = userdata;

        metric_write_label(w, "outcome", "same", g->counters.views_same);
        metric_write_label(w, "outcome", "sent", g->counters.views_sent);
}

static void read_rtt(MetricWriter *w, void *userdata) {
        const Registry *g = userdata;

        metric_write_histogram(w, &g->counters.rtt);
}

static void read_lag(MetricWriter *w, void *userdata) {
        const Registry *g = userdata;

        metric_write_histogram(w, &g->counters.lag);
}

static void read_queue(MetricWriter *w, void *userdata) {
        const Registry *g = userdata;

        metric_write(w, store_pending(g->store));
}

static void read_owned(MetricWriter *w, void *userdata) {
        metric_write(w, instance_count_owned(userdata));
}

static StoreInfo get_info(const Registry *g) {
        StoreInfo info;

        store_info(g->store, &info);
        return info;
}

static void read_registries(MetricWriter *w, void *userdata) {
        metric_write(w, get_info(userdata).n_registries);
}

static void read_away(MetricWriter *w, void *userdata) {
        metric_write(w, get_info(userdata).away);
}

static void read_unshared(MetricWriter *w, void *userdata) {
        metric_write(w, get_info(userdata).n_unshared);
}

static void read_copy_behind(MetricWriter *w, void *userdata) {
        metric_write(w, get_info(userdata).copy_is_behind);
}

static void read_relists(MetricWriter *w, void *userdata) {
        metric_write(w, get_info(userdata).relists);
}

const MetricItem registry_metrics[] = {
        { "gradebook_registry_registrations", METRIC_GAUGE, "Registered services by state.", read_registrations },
        { "gradebook_registry_heartbeats_total", METRIC_COUNTER, "Probes by outcome.", read_heartbeats },
        { "gradebook_registry_patches_total", METRIC_COUNTER, "Patches to dependants by outcome.", read_patches },
        { "gradebook_registry_patches_pending", METRIC_GAUGE, "Dependants that do not know everything yet.", read_pending },
        { "gradebook_registry_changes_total", METRIC_COUNTER, "Providers that came or went.", read_changes },
        { "gradebook_registry_forgotten_total", METRIC_COUNTER, "Services forgotten after being critical for too long.",
          read_forgotten },
        { "gradebook_registry_watchers", METRIC_GAUGE, "Blocking queries and event streams that wait for changes.", read_watchers },
        { "gradebook_registry_views_total", METRIC_COUNTER, "Registrations answered, by whether the dependant held what it should.",
          read_views },
        { "gradebook_registry_held", METRIC_GAUGE, "Services held out of dependants' lists because they come and go.", read_held },
        { "gradebook_registry_heartbeat_seconds", METRIC_HISTOGRAM, "How long successful probes took.", read_rtt },
        { "gradebook_registry_patch_lag_seconds", METRIC_HISTOGRAM, "From a change until a dependant has taken it.", read_lag },
        { "gradebook_registry_store_queue", METRIC_GAUGE, "Changes on their way to the disk, or to etcd.", read_queue },
        { "gradebook_registry_owned", METRIC_GAUGE, "Registered services that this registry heartbeats and pushes to.", read_owned },
        { "gradebook_registry_registries", METRIC_GAUGE, "Registries that share the registrations, with this one.", read_registries },
        { "gradebook_registry_etcd_away", METRIC_GAUGE, "1 while etcd is away and the registry goes on from memory.", read_away },
        { "gradebook_registry_unshared", METRIC_GAUGE, "Changes that etcd does not have yet.", read_unshared },
        { "gradebook_registry_copy_behind", METRIC_GAUGE, "Whether this machine's copy lacks something of what is in etcd.", read_copy_behind },
        { "gradebook_registry_etcd_lists_total", METRIC_COUNTER, "Lists got from etcd after the first.", read_relists },
        METRIC_END,
};
