/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "runtime/events.h"
#include "runtime/service-internal.h"
#include "wire/url.h"

typedef union Address {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage storage;
} Address;

static bool is_wanted(const Service *service, const char *name) {
        for (size_t i = 0; service->sockets[i]; i++)
                if (strcmp(service->sockets[i], name) == 0)
                        return true;
        return false;
}

static bool address_is_loopback(const Address *a) {
        if (a->sa.sa_family == AF_INET)
                return ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
        if (a->sa.sa_family == AF_INET6)
                return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
        return a->sa.sa_family == AF_UNIX;
}

static bool address_is_any(const Address *a) {
        if (a->sa.sa_family == AF_INET)
                return a->in.sin_addr.s_addr == htonl(INADDR_ANY);
        return IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

/* "http://127.0.0.1:6000", or with the host that the administrator named; for a wildcard address this machine's name. */
static int address_to_url(const Address *a, const char *scheme, const char *advertise_host, char **ret) {
        char text[INET6_ADDRSTRLEN] = "", host[256] = "";
        bool v6 = a->sa.sa_family == AF_INET6;
        char port[8];

        (void) snprintf(port, sizeof(port), "%u", (unsigned) ntohs(v6 ? a->in6.sin6_port : a->in.sin_port));
        if (!text_is_empty(advertise_host))
                return url_make(scheme, advertise_host, port, ret);
        if (address_is_any(a)) {
                if (gethostname(host, sizeof(host) - 1) < 0)
                        return -errno;
                return url_make(scheme, host, port, ret);
        }
        if (!inet_ntop(a->sa.sa_family, v6 ? (const void *) &a->in6.sin6_addr : &a->in.sin_addr, text, sizeof(text)))
                return -errno;
        return url_make(scheme, text, port, ret);
}

/* Checks one socket; fills *url from it if it is the better address to be known by: IPv4 before IPv6. */
static int check_socket(Daemon *d, int fd, const char *name, char **url) {
        Address a = {};
        socklen_t size = sizeof(a);
        _cleanup_(freep) char *found = NULL;
        int r = sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1);

        if (r <= 0) {
                log_error("Socket %s is no listening stream socket; check the .socket unit", name);
                return r < 0 ? r : -EINVAL;
        }
        if (getsockname(fd, &a.sa, &size) < 0)
                return -errno;
        if (a.sa.sa_family == AF_UNIX)
                return 0;
        r = address_to_url(&a, d->tls ? "https" : "http", d->common->advertise_host, &found);
        if (r < 0)
                return r;
        if (!address_is_loopback(&a) && !(d->tls && tls_identity_is_mutual(d->tls)) && !d->common->allow_plaintext) {
                log_error("Refusing to serve %s to other machines without %s: listen on the loopback, or give certificates in [TLS] of gradebook.conf (or set AllowPlaintext=yes in [Cluster])",
                          found, d->tls ? "CAFile=, by which peers are believed" : "TLS");
                return -EPERM;
        }
        if (!*url || (a.sa.sa_family == AF_INET && strchr(*url, '['))) {
                free(*url);
                *url = TAKE_PTR(found);
        }
        return 0;
}

static int take_socket(Daemon *d, int fd, const char *name, char **url) {
        int *fds, r;

        if (!is_wanted(d->service, name)) {
                log_warning("Closing a socket named %s that is not used here", name);
                (void) fd_close(fd);
                return 0;
        }
        r = check_socket(d, fd, name, url);
        if (r < 0)
                return r;
        fds = reallocarray(d->fds, d->n_fds + 1, sizeof(int));
        if (!fds)
                return -ENOMEM;
        d->fds = fds;
        d->fds[d->n_fds++] = fd;
        return 0;
}

static int say_no_socket(const Daemon *d) {
        const char *unit = d->service->name;

        log_event(LOG_ERR, EVENT_NO_SOCKET, NULL, 0,
                  "No socket named \"%s\" was passed by systemd: start me with \"systemctl start %s\", or by hand with "
                  "\"systemd-socket-activate --fdname=%s -l 127.0.0.1:PORT %s\"",
                  d->service->sockets[0], unit, d->service->sockets[0], unit);
        return -ENOTCONN;
}

int daemon_take_sockets(Daemon *d) {
        _cleanup_(freep) char *url = NULL;
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        char **names = NULL;
        int r = 0, n = sd_listen_fds_with_names(1, &names);

        for (int i = 0; i < n; i++) {
                if (r >= 0)
                        r = take_socket(d, SD_LISTEN_FDS_START + i, names[i], &url);
                free(names[i]);
        }
        free(names);
        if (n < 0 || r < 0)
                return n < 0 ? n : r;
        if (d->n_fds == 0)
                return say_no_socket(d);

        if (!url) {
                log_error("No TCP socket to be reached at: give the .socket unit a ListenStream= with an address and a port");
                return -EDESTADDRREQ;
        }
        if (url_check(url, "AdvertiseHost", &problem) < 0) {
                log_error("AdvertiseHost=%s in [Cluster] of gradebook.conf is no host name or address", d->common->advertise_host);
                return -EPERM;
        }
        d->rt.service_url = d->service_url = TAKE_PTR(url);
        return 0;
}
