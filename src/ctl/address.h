/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

/* Where the daemons of this machine are, and which of the registry's providers is one of them. */

/* url, http and on the loopback, as it is with these settings: by https if there are certificates, at the host by which others know this
 * machine. "": on the loopback. -ENOMEM */
int address_usual(const char *url, bool tls, const char *advertise_host, char **ret);

/* In the registry's answer the first provider that dependants would use, and one of this machine, which has the host of here, before all others;
 * here NULL: any. Borrowed; NULL: there is none. */
const char *address_choose(json_object *answer, const char *service_name, const char *here);
