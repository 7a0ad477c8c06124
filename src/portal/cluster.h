/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include "portal/portal.h"
#include "portal/registry-watch.h"

/* The cluster as administrators see it: what the registry says of all services, and how the gateway gets on with them. A page that is right when it is
 * loaded, and a stream that has a page's middle anew, as HTML, whenever it has changed. */

#define CLUSTER_FOLLOWERS_MAX 100

void get_cluster(Request *r, void *service);            /* GET /cluster */
void get_cluster_events(Request *r, void *service);     /* GET /cluster/events */
void get_about(Request *r, void *service);              /* GET /about */

int cluster_new(Cluster **ret, Portal *p);              /* -ENOMEM */
void cluster_stop(Cluster *c);                          /* ends the streams */
Cluster *cluster_free(Cluster *c);
DEFINE_CLEANUP(Cluster, cluster_free);

/* ready comes once, possibly from within: the list is there, or cannot be had. */
void cluster_look(Cluster *c, void (*ready)(void *userdata), void *userdata);
const RegistryWatch *cluster_watch(const Cluster *c);

/* All that the middle of the page shows. -ENOMEM */
int cluster_view(const Portal *p, Language l, json_object *view);
/* One for each service that requests went to, through the gateway or for the pages. -ENOMEM */
int cluster_gateway_view(const Portal *p, Language l, json_object *view);
/* How one instance does in the portal's own traffic: Traffic, Outstanding. -ENOMEM */
int cluster_traffic_view(const Portal *p, Language l, const char *name, const char *url, json_object *row);
