/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the files that make up service_main(): service.c (order of starting and running), service-stop.c (order of
 * ending), service-config.c (command line, files, reload), service-routes.c (what every service answers),
 * sockets.c, instances.c, registrar.c. Nobody else includes it. */

#include "runtime/journal.h"
#include "runtime/log-shipper.h"
#include "runtime/registrar.h"
#include "runtime/service.h"

typedef enum DaemonState {
        DAEMON_STARTING,
        DAEMON_READY,
        DAEMON_STOPPING,
} DaemonState;

typedef struct Arguments {
        const char *config_dir;         /* NULL: /etc/gradebook */
        bool check_config;
} Arguments;

typedef struct Daemon {
        const Service *service;
        void *object;                   /* what service->new() made */
        Runtime rt;
        Arguments arguments;
        DaemonState state;
        CommonConfig *common;
        void *config;
        TlsIdentity *tls;               /* NULL: plain HTTP */
        bool tls_told;                  /* that it expires soon */
        char *token;
        char *service_url;
        int *fds;                       /* our sockets, from systemd */
        size_t n_fds;
        JournalSink *journal;
        LogShipper *shipper;
        Registrar *registrar;
        Router *router;
        sd_event_source *signals[3];
        sd_event_source *status_timer;
        uint64_t status_usec;           /* until it is looked at again */
        char *status;                   /* what systemd was told last */
} Daemon;

#define EXIT_CONFIG 78                  /* EX_CONFIG of sysexits.h: the unit does not restart on it */

/* 1: go on. 0: --help or --version was answered. -EINVAL: usage, already said. */
int arguments_parse(const Service *service, int argc, char *argv[], Arguments *ret);

/* Loads both files into new structures; -EINVAL after logging why. */
int daemon_load_config(Daemon *d, CommonConfig **ret_common, void **ret_config);
void daemon_free_config(const Service *service, CommonConfig *common, void *config);
int daemon_load_tls(Daemon *d, const CommonConfig *common, TlsIdentity **ret);   /* logs; -EINVAL then */
int daemon_load_token(Daemon *d);
void daemon_reload(Daemon *d);
void daemon_set_rules(Daemon *d);       /* of balancing, from the configuration */

/* Whether this may be one of several, where its unit says that it is one (instances.c). -EINVAL after logging why not. */
int daemon_check_instance(const Daemon *d);

/* Takes the sockets that systemd passed by the names the service wants, and finds out our URL. Logs. */
int daemon_take_sockets(Daemon *d);

extern const Route service_routes[];

void daemon_stop(Daemon *d);
void daemon_update_status(Daemon *d);
void daemon_free(Daemon *d);
