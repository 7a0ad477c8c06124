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
          .help = "How long the gateway waits for a service to begin its answer" },
        CONFIG_END,
};
