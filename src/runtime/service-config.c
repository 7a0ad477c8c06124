/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/fd.h"
#include "base/text.h"
#include "runtime/events.h"
#include "runtime/service-internal.h"
#include "runtime/tls-config.h"

#define TOKEN_FILE_MAX 4096
#define TOKEN_MIN 32 /* characters: 128 bits of hex */

/* "grading" of "gradebook-grading": what the service's own file is called. */
static const char *config_name(const Service *service) {
        const char *dash = strchr(service->name, '-');

        return dash ? dash + 1 : service->name;
}

static void print_help(const Service *service) {
        (void) printf("%s [OPTIONS]\n\n"
                      "%s\n\n"
                      "systemd starts it and hands it its sockets: systemctl start %s\n\n"
                      "  -h, --help             Show this help\n"
                      "      --version          Show the version\n"
                      "      --config-dir=DIR   Read the configuration from DIR instead of " GRADEBOOK_CONFDIR "\n"
                      "      --check-config     Check the configuration and exit\n\n"
                      "See the %s(8) man page for details.\n",
                      service->name, service->summary, service->name, service->name);
}

int arguments_parse(const Service *service, int argc, char *argv[], Arguments *ret) {
        enum { OPTION_VERSION = 256, OPTION_CONFIG_DIR, OPTION_CHECK_CONFIG };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "config-dir", required_argument, NULL, OPTION_CONFIG_DIR },
                { "check-config", no_argument, NULL, OPTION_CHECK_CONFIG },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        print_help(service);
                        return 0;
                case OPTION_VERSION:
                        (void) printf("%s %s\n", service->name, PACKAGE_VERSION);
                        return 0;
                case OPTION_CONFIG_DIR:
                        ret->config_dir = optarg;
                        break;
                case OPTION_CHECK_CONFIG:
                        ret->check_config = true;
                        break;
                default:
                        return -EINVAL; /* getopt has said what */
                }
        if (optind < argc) {
                (void) fprintf(stderr, "%s takes no arguments, but got \"%s\"; see %s --help\n", service->name, argv[optind], service->name);
                return -EINVAL;
        }
        return 1;
}

void daemon_free_config(const Service *service, CommonConfig *common, void *config) {
        if (common)
                config_free_items(common_config_items, common);
        if (config)
                config_free_items(service->config, config);
        free(common);
        free(config);
}

int daemon_load_config(Daemon *d, CommonConfig **ret_common, void **ret_config) {
        const Service *service = d->service;
        CommonConfig *common = calloc(1, sizeof(*common));
        void *config = service->config ? calloc(1, service->config_size) : NULL;
        int r, k = 0;

        if (!common || (service->config && !config)) {
                free(common);
                free(config);
                return -ENOMEM;
        }
        /* Both in any case, so that one look shows all that is wrong. */
        r = config_load(common_config_items, "gradebook", d->arguments.config_dir, common);
        if (config)
                k = config_load(service->config, config_name(service), d->arguments.config_dir, config);
        if (r < 0 || k < 0) {
                daemon_free_config(service, common, config);
                return r < 0 ? r : k;
        }
        *ret_common = common;
        *ret_config = config;
        return 0;
}

static int read_token(char **ret) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(freep) char *path = NULL, *token = NULL;
        int r;

        if (!directory)
                return -ENOENT;
        if (asprintf(&path, "%s/cluster-token", directory) < 0)
                return -ENOMEM;
        r = file_read(path, TOKEN_FILE_MAX, &token, NULL);
        if (r < 0)
                return r;
        token[strcspn(token, "\r\n")] = 0;
        if (strlen(token) < TOKEN_MIN || !text_is_plain(token, strlen(token)))
                return -EBADMSG;
        *ret = TAKE_PTR(token);
        return 0;
}

int daemon_load_tls(Daemon *d, const CommonConfig *common, TlsIdentity **ret) {
        _cleanup_(freep) char *why = NULL;
        int r = tls_config_load(common, d->service->name, d->arguments.config_dir, ret, &why);

        if (r < 0)
                log_error("[TLS] of gradebook.conf: %s", why ? why : strerror(-r));
        if (r >= 0 && d->tls && *ret && tls_identity_is_mutual(d->tls) != tls_identity_is_mutual(*ret)) {
                log_error("[TLS] of gradebook.conf: whether there is a CAFile= is decided at the start: systemctl restart %s", d->service->name);
                *ret = tls_identity_unref(*ret);
                r = -EINVAL;
        }
        return r == -ENOMEM || r >= 0 ? r : -EINVAL;
}

int daemon_load_token(Daemon *d) {
        int r;

        if (d->common->authentication == AUTHENTICATION_NONE) {
                log_event(LOG_WARNING, EVENT_AUTHENTICATION_OFF, NULL, 0, "Authentication=none: whoever reaches %s%s may do everything here",
                          d->service_url, d->tls && tls_identity_is_mutual(d->tls) ? " with a certificate of CAFile=" : "");
                return 0;
        }
        r = read_token(&d->token);
        if (r == -EBADMSG)
                log_error("The credential \"cluster-token\" is no token: at least %d characters on one line are needed", TOKEN_MIN);
        else if (r < 0)
                log_error("No cluster token: systemd passes it as the credential \"cluster-token\" (LoadCredential=); %s", strerror(-r));
        d->rt.token = d->token;
        return r;
}

/* What only a new start can change is told, not silently ignored. */
static void note_fixed(const CommonConfig *old, const CommonConfig *new) {
        if (old->authentication != new->authentication || old->connections_max != new->connections_max ||
            old->idle_usec != new->idle_usec || strcmp(old->advertise_host, new->advertise_host) != 0 ||
            old->allow_plaintext != new->allow_plaintext || old->ship != new->ship || tls_config_is_on(old) != tls_config_is_on(new))
                log_notice("Authentication=, AllowPlaintext=, whether there is TLS, AdvertiseHost=, Ship=, MaxConnections= and IdleTimeoutSec= of gradebook.conf "
                           "take effect at the next start");
}

void daemon_set_rules(Daemon *d) {
        providers_set_rules(d->rt.providers, &(BalanceRules) {
                .slow_start_usec = d->common->slow_start_usec,
                .eject_usec = d->common->eject_usec,
        });
}

/* What was copied from the old configuration; all else is looked up where it is used. */
static void apply_common(Daemon *d, const CommonConfig *old, const CommonConfig *new) {
        log_set_level(new->log_level);
        log_shipper_set_spool_max(d->shipper, new->spool_max_bytes);
        daemon_set_rules(d);
        http_client_set_timeout(d->rt.client, new->request_usec);
        if (d->registrar && strcmp(old->registry_urls, new->registry_urls) != 0)
                registrar_move(d->registrar);
}

/* For the connections to come, in both directions. */
static int apply_tls(Daemon *d, TlsIdentity *identity) {
        int r = http_client_set_tls(d->rt.client, identity);

        if (r < 0) {
                log_error("The new certificate cannot be used: %s", strerror(-r));
                return r;
        }
        http_server_set_tls(d->rt.server, identity);
        tls_identity_unref(d->tls);
        d->tls = tls_identity_ref(identity);
        d->tls_told = false;
        return 0;
}

static int try_reload(Daemon *d) {
        _cleanup_(tls_identity_unrefp) TlsIdentity *identity = NULL;
        CommonConfig *common = NULL, *old_common = d->common;
        void *config = NULL, *old_config = d->config;
        int r = daemon_load_config(d, &common, &config);

        if (r < 0)
                return r;
        r = daemon_load_tls(d, common, &identity);
        if (r < 0) {
                daemon_free_config(d->service, common, config);
                return r;
        }
        d->rt.common = d->common = common;
        d->rt.config = d->config = config;
        if (d->service->reload)
                r = d->service->reload(d->object, old_config);
        if (r >= 0 && d->tls && identity)
                r = apply_tls(d, identity);
        if (r < 0) {
                d->rt.common = d->common = old_common;
                d->rt.config = d->config = old_config;
                daemon_free_config(d->service, common, config);
                return r;
        }
        note_fixed(old_common, common);
        apply_common(d, old_common, common);
        daemon_free_config(d->service, old_common, old_config);
        return 0;
}

void daemon_reload(Daemon *d) {
        if (d->state != DAEMON_READY)
                return;
        (void) sd_notify(0, "RELOADING=1\nSTATUS=Reading the configuration again…");
        if (try_reload(d) < 0)
                log_event(LOG_ERR, EVENT_CONFIG_INVALID, NULL, 0, "The new configuration is not valid; going on with the old one");
        else
                log_event(LOG_INFO, EVENT_CONFIG_RELOADED, NULL, 0, "Configuration read again");
        free(d->status);
        d->status = NULL;
        daemon_update_status(d);
        (void) sd_notify(0, "READY=1");
}
