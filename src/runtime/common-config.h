/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/config.h"

/* gradebook.conf: what all daemons (and gradebookctl) share. */
typedef enum Authentication {
        AUTHENTICATION_TOKEN,
        AUTHENTICATION_NONE,
} Authentication;

typedef struct CommonConfig {
        int authentication;             /* [Cluster] Authentication= */
        char *registry_urls;            /* [Cluster] RegistryURL=: one or more, see wire/url-list.h */
        uint64_t register_usec;         /* [Cluster] RegisterSec= */
        bool allow_plaintext;           /* [Cluster] AllowPlaintext= */
        char *advertise_host;           /* [Cluster] AdvertiseHost=; "" means: from the listening socket */
        char *tls_certificate;          /* [TLS] CertificateFile=, with %p; "": no TLS */
        char *tls_key;                  /* [TLS] KeyFile=, likewise; "": the credential, or CONFDIR/tls/NAME.key */
        char *tls_ca;                   /* [TLS] CAFile=, likewise; "": none */
        int log_level;                  /* [Log] Level=, as in syslog(3) */
        bool ship;                      /* [Log] Ship= */
        uint64_t spool_max_bytes;       /* [Log] SpoolMax= */
        uint64_t connections_max;       /* [HTTP] MaxConnections= */
        uint64_t idle_usec;             /* [HTTP] IdleTimeoutSec= */
        uint64_t request_usec;          /* [HTTP] RequestTimeoutSec=: the deadline of outgoing requests */
        uint64_t drain_usec;            /* [HTTP] DrainTimeoutSec= */
        uint64_t slow_start_usec;       /* [Balancing] SlowStartSec= */
        uint64_t eject_usec;            /* [Balancing] EjectSec= */
        uint64_t retry_percent;         /* [Balancing] RetryPercent= */
} CommonConfig;

extern const ConfigItem common_config_items[];
