/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "base/text.h"
#include "runtime/events.h"
#include "runtime/service-internal.h"

#define SPOOL_PATH "%s/log.spool"               /* below the state directory */
#define OLD_SPOOL_PATH "%s/log-spool.ndjson"    /* of version 0.1.0 */
/* How often is looked at what the status line says: soon after it has changed, ever later while it stays. */
#define STATUS_SOON_USEC (250 * USEC_PER_MSEC)
#define STATUS_LATE_USEC (2 * USEC_PER_SEC)
#define EXPIRY_NOTICE_USEC (14 * 86400 * USEC_PER_SEC)

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        daemon_stop(userdata);
        return 0;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        daemon_reload(userdata);
        return 0;
}

/* Before any thread is made, so that all inherit the blocked signals. */
static int start_loop(Daemon *d) {
        static const struct {
                int number;
                sd_event_signal_handler_t handler;
        } signals[] = { { SIGTERM, on_terminate }, { SIGINT, on_terminate }, { SIGHUP, on_hangup } };
        int r = sd_event_default(&d->rt.event);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(signals); i++)
                r = sd_event_add_signal(d->rt.event, &d->signals[i], signals[i].number | SD_EVENT_SIGNAL_PROCMASK, signals[i].handler, d);
        if (r >= 0)
                r = sd_event_set_watchdog(d->rt.event, 1);
        (void) signal(SIGPIPE, SIG_IGN);
        return r;
}

static const char *directory(const char *variable, const char *fallback) {
        const char *value = getenv(variable);

        /* systemd separates several by colons; ours have one. */
        return text_is_empty(value) ? fallback : value;
}

/* As early as can be: why a start failed is news for the central log too. */
static int open_spool(Daemon *d) {
        const char *state = getenv("STATE_DIRECTORY");
        _cleanup_(freep) char *path = NULL;

        if (d->arguments.check_config)
                return 0;
        /* By hand, without systemd's directory, nobody would send what is left behind. */
        if (!text_is_empty(state) && asprintf(&path, SPOOL_PATH, state) < 0)
                return -ENOMEM;
        return log_shipper_new(&d->shipper, d->service->name, path);
}

static int start_shipper(Daemon *d) {
        _cleanup_(freep) char *old = NULL;

        if (!d->common->ship && !d->service->keep_lines) {
                log_info("Ship=no: lines stay in this machine's journal");
                d->shipper = log_shipper_renounce(d->shipper);
                return 0;
        }
        if (asprintf(&old, OLD_SPOOL_PATH, d->rt.state_directory) < 0)
                return -ENOMEM;
        return log_shipper_start(d->shipper, &(LogShipperOptions) {
                .rt = &d->rt,
                .spool_max_bytes = d->common->spool_max_bytes,
                .old_spool_path = old,
                .keep_lines = d->service->keep_lines,
        });
}

static int open_providers(Daemon *d) {
        _cleanup_(freep) char *path = NULL;

        if (asprintf(&path, "%s/providers.json", d->rt.state_directory) < 0)
                return -ENOMEM;
        int r = providers_new(&d->rt.providers, path);
        if (r < 0)
                return r;
        daemon_set_rules(d);
        return retry_budgets_new(&d->rt.retries);
}

static int start_server(Daemon *d) {
        int r = router_new(&d->router);

        /* The service's own first: the registry's POST /services is not the patch that others get there. */
        if (r >= 0)
                r = router_add(d->router, d->service->routes);
        if (r >= 0)
                r = router_add(d->router, service_routes);
        if (r >= 0)
                r = http_server_new(&d->rt.server, d->rt.event,
                                    &(HttpServerOptions) {
                                            .router = d->router,
                                            .service = d->object,
                                            .owner = d,
                                            .token = d->token,
                                            .tls = d->tls,
                                            .connections_max = (unsigned) d->common->connections_max,
                                            .idle_usec = d->common->idle_usec,
                                            .connection_bytes = d->service->connection_bytes,
                                            .tells_changes = d->service->tells_changes,
                                            .admit = d->service->admit,
                                            .defer = d->service->defer,
                                            .error_page = d->service->error_page,
                                    });
        for (size_t i = 0; r >= 0 && i < d->n_fds; i++)
                r = http_server_listen(d->rt.server, d->fds[i]);
        return r;
}

/* Said once of each certificate in the journal, and in the status line for as long as it is so. */
static void add_expiry(Daemon *d, Buffer *b) {
        uint64_t now = clock_realtime_usec(), expires = d->tls ? tls_identity_expires_usec(d->tls) : UINT64_MAX;
        char text[CLOCK_TEXT_SIZE];

        if (expires > now + EXPIRY_NOTICE_USEC)
                return;
        clock_format_utc(expires, text);
        (void) buffer_printf(b, "; the certificate %s at %s", expires <= now ? "expired" : "expires", text);
        if (!d->tls_told)
                log_event(LOG_WARNING, EVENT_CERTIFICATE_EXPIRES, NULL, 0, "The TLS certificate expires at %s: put a new one in its place and reload", text);
        d->tls_told = true;
}

/* Whether it has changed. */
static bool update_status(Daemon *d) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_MAX(4096);
        size_t waiting = log_shipper_counters(d->shipper).pending;

        (void) buffer_printf(&b, "STATUS=Serving %s", d->service_url);
        if (d->service->status) {
                (void) buffer_puts(&b, "; ");
                d->service->status(d->object, &b);
        }
        if (d->registrar && !registrar_is_registered(d->registrar))
                (void) buffer_printf(&b, "; not registered: %s", registrar_error(d->registrar));
        for (size_t i = 0; d->service->requires && d->service->requires[i]; i++)
                if (strcmp(d->service->requires[i], "*") != 0 && providers_count(d->rt.providers, d->service->requires[i]) == 0)
                        (void) buffer_printf(&b, "; no %s is known", d->service->requires[i]);
        add_expiry(d, &b);
        if (waiting > 100)
                (void) buffer_printf(&b, "; %zu lines wait for the central log", waiting);
        if (b.error < 0 || (d->status && strcmp(d->status, b.data) == 0) || text_replace(&d->status, b.data) < 0)
                return false;
        (void) sd_notify(0, d->status);
        return true;
}

void daemon_update_status(Daemon *d) {
        (void) update_status(d);
}

static int on_status_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Daemon *d = userdata;
        int r;

        d->status_usec = update_status(d) ? STATUS_SOON_USEC : 2 * d->status_usec;
        if (d->status_usec > STATUS_LATE_USEC)
                d->status_usec = STATUS_LATE_USEC;
        r = sd_event_source_set_time_accuracy(source, d->status_usec / 2);
        if (r >= 0)
                r = sd_event_source_set_time_relative(source, d->status_usec);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void become_ready(void *userdata) {
        Daemon *d = userdata;

        if (d->state != DAEMON_STARTING)
                return;
        d->state = DAEMON_READY;
        daemon_update_status(d);
        log_event(LOG_INFO, EVENT_READY, NULL, 0, "Ready, serving %s", d->service_url);
        (void) sd_notify(0, "READY=1");
        d->status_usec = STATUS_SOON_USEC;
        if (sd_event_add_time_relative(d->rt.event, &d->status_timer, CLOCK_MONOTONIC, STATUS_SOON_USEC, STATUS_SOON_USEC / 2, on_status_timer, d) < 0)
                log_warning("The status line will not be kept current: out of memory");
}

static int start(Daemon *d) {
        int r = start_loop(d);

        if (r >= 0)
                r = journal_sink_set_event(d->journal, d->rt.event);
        if (r >= 0)
                r = http_client_new(&d->rt.client, d->rt.event, d->common->request_usec);
        if (r >= 0 && d->tls)
                r = http_client_set_tls(d->rt.client, d->tls);
        if (r >= 0)
                r = open_providers(d);
        if (r >= 0)
                r = start_shipper(d);
        if (r < 0) {
                log_error("Starting failed: %s", strerror(-r));
                return r;
        }
        r = d->service->new(&d->rt, &d->object);
        if (r < 0)
                return r; /* which has said why */
        if (d->service->keep_lines)
                log_shipper_set_keeper(d->shipper, d->object);
        r = start_server(d);
        if (r >= 0 && d->service->service_name)
                r = registrar_new(&d->registrar, &d->rt, d->service);
        if (r >= 0 && d->registrar)
                r = registrar_start(d->registrar, become_ready, d);
        else if (r >= 0)
                become_ready(d);
        if (r < 0)
                log_error("Starting failed: %s", strerror(-r));
        return r;
}

static int prepare(Daemon *d) {
        int r;

        d->rt.state_directory = directory("STATE_DIRECTORY", ".");
        d->rt.logs_directory = directory("LOGS_DIRECTORY", d->rt.state_directory);
        r = daemon_load_config(d, &d->common, &d->config);
        if (r < 0) {
                log_event(LOG_ERR, EVENT_CONFIG_INVALID, NULL, 0, "The configuration is not valid; not starting");
                return r;
        }
        r = daemon_load_tls(d, d->common, &d->tls);
        if (r < 0)
                return r;
        d->rt.is_tls = d->tls;
        if (d->arguments.check_config)
                return 0;
        log_set_level(d->common->log_level);
        r = daemon_check_instance(d);
        if (r < 0)
                return r;
        d->rt.common = d->common;
        d->rt.config = d->config;
        r = daemon_take_sockets(d);
        if (r < 0)
                return r == -EPERM ? -EINVAL : r; /* by configuration, and for good */
        (void) journal_sink_set_instance(d->journal, d->service_url);
        (void) log_shipper_set_instance(d->shipper, d->service_url);
        r = daemon_load_token(d);
        return r < 0 ? -EINVAL : 1;
}

int service_main(const Service *service, int argc, char *argv[]) {
        Daemon d = { .service = service };
        int r = arguments_parse(service, argc, argv, &d.arguments), status;

        if (r <= 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        /* In this order: what the journal has, the spool has too. */
        r = open_spool(&d);
        if (r >= 0)
                r = journal_sink_new(&d.journal, service->name);
        if (r < 0) {
                daemon_free(&d);
                return EXIT_FAILURE;
        }
        r = prepare(&d);
        if (r <= 0) {
                daemon_free(&d);
                return r == -EINVAL ? EXIT_CONFIG : r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        }
        r = start(&d);
        if (r >= 0) {
                r = sd_event_loop(d.rt.event);
                if (r < 0)
                        log_error("The event loop failed: %s", strerror(-r));
        }
        status = r < 0 ? EXIT_FAILURE : r;
        daemon_free(&d);
        return status;
}
