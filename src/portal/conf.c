/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "portal/portal.h"

#define AT(member) offsetof(PortalConfig, member)

/* As SignIn has them. */
static const char *const sign_in_choices[] = { "auto", "yes", NULL };

const ConfigItem portal_config[] = {
        { "Portal", "DataDirectory", CONFIG_TEXT, AT(data_directory), GRADEBOOK_PORTAL_DATADIR,
          .help = "Where the templates and the stylesheet are" },
        { "Portal", "SiteName", CONFIG_TEXT, AT(site_name), "gradebook",
          .help = "The name that stands at the top of every page" },
        { "Portal", "SignIn", CONFIG_CHOICE, AT(sign_in), "auto", .choices = sign_in_choices,
          .help = "Whether people have to sign in: always, or as soon as there is an administrator" },
        { "Portal", "HTTPS", CONFIG_BOOL, AT(https), "no",
          .help = "People come over TLS only, by way of a proxy that ends it" },
        { "Portal", "RetrySec", CONFIG_SPAN, AT(retry_usec), "3s", .min = USEC_PER_SEC, .max = 3600 * USEC_PER_SEC,
          .help = "After how long a page that could not be shown asks again" },
        { "Portal", "CacheMax", CONFIG_SIZE, AT(cache_bytes), "32M", .min = 1 << 20, .max = UINT64_C(4) << 30,
          .help = "Memory for answers and pages that are used again while nothing changes" },
        { "Gateway", "TimeoutSec", CONFIG_SPAN, AT(gateway_usec), "30s", .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
          .help = "How long the gateway waits for a service to begin its answer, and for either end to go on with a body" },
        { "Gateway", "GatewayMaxBody", CONFIG_SIZE, AT(gateway_body_bytes), "1G", .min = 0, .max = UINT64_C(1) << 50,
          .help = "The longest body of a request that the gateway passes on" },
        { "Gateway", "OpenServices", CONFIG_TEXT, AT(open_services), "",
          .help = "Services besides GradingService that all signed-in people may reach, separated by spaces" },
        { "Gateway", "AccountCacheSec", CONFIG_SPAN, AT(account_usec), "3s", .min = 0, .max = 60 * USEC_PER_SEC,
          .help = "How long it is remembered whose a session or API token is" },
        { "Gateway", "ClientRate", CONFIG_UINT, AT(rate_per_sec), "50", .min = 0, .max = 100000,
          .help = "Requests a second of one client, on average; 0 is no limit" },
        { "Gateway", "ClientBurst", CONFIG_UINT, AT(rate_burst), "200", .min = 1, .max = 100000,
          .help = "Requests of one client at once after a quiet time" },
        { "Gateway", "ClientRequests", CONFIG_UINT, AT(at_once), "64", .min = 0, .max = 100000,
          .help = "Requests of one client under way at the same time; 0 is no limit" },
        { "Gateway", "BreakerFailures", CONFIG_UINT, AT(breaker_failures), "10", .min = 0, .max = 100000,
          .help = "Failures in a row after which a service is left alone; 0: never for that" },
        { "Gateway", "BreakerPercent", CONFIG_UINT, AT(breaker_percent), "50", .min = 0, .max = 100,
          .help = "Share of failures in the window at which a service is left alone; 0: never for that" },
        { "Gateway", "BreakerRequests", CONFIG_UINT, AT(breaker_requests), "20", .min = 1, .max = 100000,
          .help = "Requests in the window below which the share says nothing" },
        { "Gateway", "BreakerWindowSec", CONFIG_SPAN, AT(breaker_window_usec), "10s", .min = USEC_PER_SEC, .max = 3600 * USEC_PER_SEC,
          .help = "The window for that share" },
        { "Gateway", "BreakerOpenSec", CONFIG_SPAN, AT(breaker_open_usec), "5s", .min = 100 * USEC_PER_MSEC, .max = 3600 * USEC_PER_SEC,
          .help = "How long a service is left alone before one request tries it" },
        CONFIG_END,
};
