/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "base/fd.h"
#include "runtime/events.h"
#include "runtime/service-internal.h"

#define FLUSH_USEC (2 * USEC_PER_SEC)

/* The end in good order: nobody sends us anything new, what came is answered, what was logged is shipped, exit 0. */

static void on_flushed(void *userdata) {
        Daemon *d = userdata;

        (void) sd_event_exit(d->rt.event, 0);
}

static void on_drained(void *userdata) {
        Daemon *d = userdata;

        if (d->service->drained)
                d->service->drained(d->object);
        log_event(LOG_INFO, EVENT_STOPPED, NULL, 0, "Stopped");
        log_shipper_flush(d->shipper, FLUSH_USEC, on_flushed, d);
}

static void on_deregistered(void *userdata) {
        Daemon *d = userdata;

        http_server_drain(d->rt.server, d->common->drain_usec, on_drained, d);
}

void daemon_stop(Daemon *d) {
        if (d->state == DAEMON_STOPPING)
                return;
        d->state = DAEMON_STOPPING;
        (void) sd_notify(0, "STOPPING=1\nSTATUS=Answering what has come and stopping…");
        d->status_timer = sd_event_source_disable_unref(d->status_timer);
        if (d->service->stop)
                d->service->stop(d->object);
        if (d->registrar)
                registrar_stop(d->registrar, on_deregistered, d);
        else
                on_deregistered(d);
}

void daemon_free(Daemon *d) {
        /* The outgoing calls end first, then the service with its stores, which answers what still waits; the server
         * sends these last answers. */
        if (d->rt.server)
                http_server_close(d->rt.server);
        registrar_free(d->registrar);
        if (d->rt.client)
                http_client_stop(d->rt.client);
        if (d->shipper && d->service->keep_lines)
                log_shipper_set_keeper(d->shipper, NULL);
        if (d->object)
                d->object = d->service->free(d->object);
        log_shipper_free(d->shipper);
        d->rt.client = http_client_free(d->rt.client);
        d->rt.server = http_server_free(d->rt.server);
        router_free(d->router);
        providers_free(d->rt.providers);
        retry_budgets_free(d->rt.retries);
        journal_sink_free(d->journal);
        for (size_t i = 0; i < ELEMENTSOF(d->signals); i++)
                sd_event_source_disable_unref(d->signals[i]);
        sd_event_source_disable_unref(d->status_timer);
        sd_event_unref(d->rt.event);
        daemon_free_config(d->service, d->common, d->config);
        for (size_t i = 0; i < d->n_fds; i++)
                (void) fd_close(d->fds[i]);
        free(d->fds);
        tls_identity_unref(d->tls);
        free(d->token);
        free(d->service_url);
        free(d->status);
}
