/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/common-config.h"

#include "base/clock.h"

static const char *const authentications[] = { "token", "none", NULL };

/* In the order of syslog(3), whose numbers the index is. */
static const char *const levels[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", NULL };

#define AT(member) offsetof(CommonConfig, member)

const ConfigItem common_config_items[] = {
        { "Cluster", "Authentication", CONFIG_CHOICE, AT(authentication), "token", .choices = authentications,
          .help = "How daemons know each other: by the cluster token, or not at all" },
        { "Cluster", "RegistryURL", CONFIG_URLS, AT(registry_urls), "http://127.0.0.1:3000",
          .help = "Where the registry is; several with spaces between them are tried in turn" },
        { "Cluster", "RegisterSec", CONFIG_SPAN, AT(register_usec), "5s", .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
          .help = "How often a daemon renews its registration" },
        { "Cluster", "AllowPlaintext", CONFIG_BOOL, AT(allow_plaintext), "no",
          .help = "Serve addresses other than the loopback without TLS" },
        { "Cluster", "AdvertiseHost", CONFIG_TEXT, AT(advertise_host), "",
          .help = "The name or address under which others reach this machine; empty: that of the listening socket" },
        { "TLS", "CertificateFile", CONFIG_TEXT, AT(tls_certificate), "",
          .help = "The certificate, with its chain, that a daemon shows to whoever connects and to whom it connects; empty: no TLS" },
        { "TLS", "KeyFile", CONFIG_TEXT, AT(tls_key), "",
          .help = "Its private key; empty: the credential tls-key" },
        { "TLS", "CAFile", CONFIG_TEXT, AT(tls_ca), "",
          .help = "The CAs that daemons believe each other by" },
        { "Log", "Level", CONFIG_CHOICE, AT(log_level), "info", .choices = levels,
          .help = "The least important lines to log" },
        { "Log", "Ship", CONFIG_BOOL, AT(ship), "yes",
          .help = "Send every line to the central log as well as to the journal" },
        { "Log", "SpoolMax", CONFIG_SIZE, AT(spool_max_bytes), "8M", .min = 256 << 10, .max = UINT64_C(1) << 30,
          .help = "Room in the state directory for lines that the central log has not taken yet" },
        { "HTTP", "MaxConnections", CONFIG_UINT, AT(connections_max), "1024", .min = 1, .max = 1000000,
          .help = "Connections served at a time" },
        { "HTTP", "IdleTimeoutSec", CONFIG_SPAN, AT(idle_usec), "75s", .min = USEC_PER_SEC, .max = 86400 * USEC_PER_SEC,
          .help = "After how long without a request a connection is closed" },
        { "HTTP", "RequestTimeoutSec", CONFIG_SPAN, AT(request_usec), "5s", .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
          .help = "How long to wait for the answer to a request of our own" },
        { "HTTP", "DrainTimeoutSec", CONFIG_SPAN, AT(drain_usec), "5s", .min = 0, .max = 3600 * USEC_PER_SEC,
          .help = "How long a stopping daemon waits for requests under way" },
        { "Balancing", "SlowStartSec", CONFIG_SPAN, AT(slow_start_usec), "10s", .min = 0, .max = 3600 * USEC_PER_SEC,
          .help = "How long the share of a provider that is new grows until it is a whole one" },
        { "Balancing", "EjectSec", CONFIG_SPAN, AT(eject_usec), "5s", .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
          .help = "For how long a provider that keeps failing gets no requests at first" },
        { "Balancing", "RetryPercent", CONFIG_UINT, AT(retry_percent), "20", .min = 0, .max = 100,
          .help = "How many of a hundred requests may be repeated with another provider" },
        CONFIG_END,
};
