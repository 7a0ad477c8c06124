/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/http-client-internal.h"

#define EVENTS_MAX 256
#define EVENTS_READABLE (EPOLLIN | EPOLLRDHUP)

/* All sockets are behind one epoll descriptor of their own, which is one source of the loop: sd-event asks the kernel for all that
 * is ready before each single dispatch, so a thousand answers at once would cost a million looks. */

static Socket *socket_find(const HttpClient *c, int fd) {
        return fd >= 0 && (size_t) fd < c->n_sockets ? c->sockets[fd] : NULL;
}

static void socket_unwatch(Socket *socket) {
        if (!socket->lost)
                return;
        socket->lost = NULL;
        HASH_DEL(socket->shard->client->watched, socket);
}

static void socket_forget(Socket *socket) {
        socket_unwatch(socket);
        socket->shard->client->sockets[socket->fd] = NULL;
        free(socket);
}

/* Tells the kernel only what it does not know: a connection that is asked again and again costs no call. */
static int socket_arm(Socket *socket, uint32_t events) {
        struct epoll_event event = {
                .events = events,
                .data.u64 = (uint64_t) socket->generation << 32 | (uint32_t) socket->fd,
        };
        int r, epoll_fd = socket->shard->client->epoll_fd;

        if (events == socket->armed)
                return 0;
        if (events == 0) {
                /* One that is closed already has left the set by itself. */
                (void) epoll_ctl(epoll_fd, EPOLL_CTL_DEL, socket->fd, NULL);
                socket->armed = 0;
                return 0;
        }
        r = epoll_ctl(epoll_fd, socket->armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket->fd, &event);
        if (r < 0)
                return -errno;
        socket->armed = events;
        return 0;
}

static int socket_new(Shard *shard, int fd, Socket **ret) {
        HttpClient *c = shard->client;

        if ((size_t) fd >= c->n_sockets) {
                size_t n = ((size_t) fd | 63) + 1;
                Socket **sockets = reallocarray(c->sockets, n, sizeof(Socket *));

                if (!sockets)
                        return -ENOMEM;
                for (size_t i = c->n_sockets; i < n; i++)
                        sockets[i] = NULL;
                c->sockets = sockets;
                c->n_sockets = n;
        }

        Socket *socket = calloc(1, sizeof(Socket));
        if (!socket)
                return -ENOMEM;
        *socket = (Socket) { .shard = shard, .fd = fd, .generation = ++c->generation };
        c->sockets[fd] = *ret = socket;
        return 0;
}

/* Something came on a connection that waits for reuse: mostly its end. libcurl finds out by itself when it would use it again. */
static void idle_event(Socket *socket, uint32_t events) {
        void (*lost)(void *) = socket->lost;

        if (lost && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
                (void) socket_arm(socket, EPOLLRDHUP);
                return;
        }
        (void) socket_arm(socket, 0);
        if (lost) {
                void *userdata = socket->userdata;

                socket_unwatch(socket);
                lost(userdata);
        }
}

static int on_ready(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct epoll_event events[EVENTS_MAX];
        HttpClient *c = userdata;

        int n = epoll_wait(fd, events, EVENTS_MAX, 0);
        for (int i = 0; i < n; i++) {
                uint32_t ready = events[i].events;
                Socket *socket = socket_find(c, (int) (uint32_t) events[i].data.u64);

                /* What one event led to may have closed the socket of the next. */
                if (!socket || socket->generation != (uint32_t) (events[i].data.u64 >> 32))
                        continue;
                if (socket->busy)
                        http_client_act(socket->shard, socket->fd,
                                        (ready & (EPOLLIN | EPOLLRDHUP | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                                        (ready & EPOLLOUT ? CURL_CSELECT_OUT : 0) | (ready & EPOLLERR ? CURL_CSELECT_ERR : 0));
                else
                        idle_event(socket, ready);
        }
        return 0;
}

/* libcurl closes a socket that never got connected without telling anybody (7.88), and believes of the next with the same number
 * that it is watched as the former was. */
curl_socket_t http_client_on_socket_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address) {
        HttpClient *c = userdata;

        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
        Socket *former = socket_find(c, fd);
        if (former) {
                uint32_t armed = former->busy ? former->armed : 0;

                socket_unwatch(former);
                former->generation = ++c->generation;
                former->armed = 0;
                (void) socket_arm(former, armed);
        }
        return fd < 0 ? CURL_SOCKET_BAD : fd;
}

int http_client_on_socket_close(void *userdata, curl_socket_t fd) {
        Socket *socket = socket_find(userdata, fd);

        if (socket)
                socket_forget(socket);
        return close(fd);
}

int http_client_on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_userdata) {
        Shard *shard = userdata;
        Socket *socket = socket_find(shard->client, fd);
        HttpCall *call = NULL;

        if (what == CURL_POLL_REMOVE) {
                /* Another's by now, where the former was closed in silence. */
                if (!socket || socket->shard != shard)
                        return 0;
                socket->busy = false;
                if (socket->armed & EPOLLOUT)
                        (void) socket_arm(socket, 0);
                return 0;
        }
        if (!socket && socket_new(shard, fd, &socket) < 0)
                return -1;
        socket->shard = shard;
        socket->busy = true;
        /* Noted here, since CURLINFO_ACTIVESOCKET looks through all connections there are. */
        if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &call) == CURLE_OK && call)
                call->fd = fd;
        return socket_arm(socket, (what & CURL_POLL_IN ? EVENTS_READABLE : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0)) < 0 ? -1 : 0;
}

void http_client_watch_connection(HttpCall *call) {
        Socket *socket = socket_find(call->client, call->fd);

        if (!socket || (socket->lost && socket->userdata == call->userdata))
                return;

        socket_unwatch(socket);
        http_client_unwatch(call->client, call->userdata);
        if (!socket->busy && socket_arm(socket, EVENTS_READABLE) < 0)
                return;
        socket->userdata = call->userdata;
        HASH_ADD_PTR(call->client->watched, userdata, socket);
        if (socket->hh.tbl)
                socket->lost = call->lost;
}

void http_client_unwatch(HttpClient *c, const void *userdata) {
        Socket *socket;

        HASH_FIND_PTR(c->watched, &userdata, socket);
        if (socket)
                socket_unwatch(socket);
}

int http_client_open_sockets(HttpClient *c) {
        c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (c->epoll_fd < 0)
                return -errno;
        return sd_event_add_io(c->event, &c->io, c->epoll_fd, EPOLLIN, on_ready, c);
}

void http_client_close_sockets(HttpClient *c) {
        for (size_t i = 0; i < c->n_sockets; i++)
                if (c->sockets[i])
                        socket_forget(c->sockets[i]);
        free(c->sockets);
        c->io = sd_event_source_disable_unref(c->io);
        c->epoll_fd = fd_close(c->epoll_fd);
}
