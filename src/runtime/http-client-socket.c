/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "base/fd.h"
#include "runtime/http-client-internal.h"

#define EVENTS_MAX 256
#define EVENTS_READABLE (EPOLLIN | EPOLLRDHUP)

/* All sockets are behind one epoll descriptor of their own, which is one source of the loop: sd-event asks the kernel for all that
 * is ready before each single dispatch, so a thousand answers at once would cost a million looks. */

static Socket *socket_find(const HttpClient *c, int fd) {
        return fd >= 0 && (size_t) fd < c->n_sockets ? c->sockets[fd] : NULL;
}

struct Watch {
        Watch **list;                   /* that it is on: a socket's, or the client's of those that are leaving */
        void (*lost)(void *userdata);
        void *userdata;
        Watch *prev, *next;
        UT_hash_handle hh;              /* by userdata */
};

static void watch_free(HttpClient *c, Watch *w) {
        DL_DELETE(*w->list, w);
        HASH_DEL(c->watched, w);
        free(w);
}

static void socket_unwatch(Socket *socket) {
        while (socket->watches)
                watch_free(socket->client, socket->watches);
}

static void socket_forget(Socket *socket) {
        socket_unwatch(socket);
        if (socket->believed) {
                /* As libcurl left it, see http_client_on_socket_open(). */
                *socket = (Socket) { .client = socket->client, .shard = socket->shard, .fd = socket->fd, .busy = true,
                                     .armed = socket->believed, .generation = ++socket->client->generation };
                return;
        }
        socket->client->sockets[socket->fd] = NULL;
        free(socket);
}

/* Who is told may take back another's watch, or have the socket closed: so they leave it first. */
static void socket_tell(Socket *socket) {
        HttpClient *c = socket->client;

        for (Watch *w; (w = socket->watches);) {
                DL_DELETE(socket->watches, w);
                w->list = &c->leaving;
                DL_APPEND(c->leaving, w);
        }
}

void http_client_tell_ended(HttpClient *c) {
        for (Watch *w; (w = c->leaving);) {
                void (*lost)(void *) = w->lost;
                void *userdata = w->userdata;

                watch_free(c, w);
                lost(userdata);
        }
}

static int on_ended(sd_event_source *source, void *userdata) {
        http_client_tell_ended(userdata);
        return 0;
}

/* Tells the kernel only what it does not know: a connection that is asked again and again costs no call. */
static int socket_arm(Socket *socket, uint32_t events) {
        struct epoll_event event = {
                .events = events,
                .data.u64 = (uint64_t) socket->generation << 32 | (uint32_t) socket->fd,
        };
        int r, epoll_fd = socket->client->epoll_fd;

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

static int socket_new(HttpClient *c, int fd, Socket **ret) {
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
        *socket = (Socket) { .client = c, .fd = fd, .generation = ++c->generation };
        c->sockets[fd] = *ret = socket;
        return 0;
}

/* Something came on a connection that waits for reuse: mostly its end. libcurl finds out by itself when it would use it again. */
static void idle_event(Socket *socket, uint32_t events) {
        if (socket->watches && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
                (void) socket_arm(socket, EPOLLRDHUP);
                return;
        }
        HttpClient *c = socket->client;
        (void) socket_arm(socket, 0);
        socket_tell(socket);
        http_client_tell_ended(c);
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
                if (socket->direct)
                        http_direct_event(socket->direct, ready);
                else if (socket->busy)
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

static void unwatch_user(Socket *socket) {
        HttpClient *c = socket->client;
        Watch *w;

        HASH_FIND_PTR(c->watched, &socket->user, w);
        if (w && w->list == &socket->watches)
                watch_free(c, w);
}

static bool is_ended_by_peer(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* It may have ended during a call: whose call it was hears so by its answer, and the others that watch it here. Not at once, since
 * this is called from within libcurl. */
int http_client_on_socket_close(void *userdata, curl_socket_t fd) {
        HttpClient *c = userdata;
        Socket *socket = socket_find(c, fd);

        if (socket && socket->watches)
                unwatch_user(socket);
        if (socket && socket->watches && is_ended_by_peer(fd)) {
                socket_tell(socket);
                if (c->ended)
                        (void) sd_event_source_set_enabled(c->ended, SD_EVENT_ONESHOT);
        }
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
                socket->believed = 0;
                if (socket->direct)
                        return 0;
                socket->busy = false;
                /* Somebody else's watch goes on, whatever this call did on the connection. */
                if (socket->armed & EPOLLOUT)
                        (void) socket_arm(socket, socket->watches ? EVENTS_READABLE : 0);
                return 0;
        }
        if (!socket && socket_new(shard->client, fd, &socket) < 0)
                return -1;
        socket->shard = shard;
        socket->busy = true;
        /* Noted here, since CURLINFO_ACTIVESOCKET looks through all connections there are. */
        if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &call) == CURLE_OK && call) {
                call->fd = fd;
                socket->user = call->userdata;
        }
        return socket_arm(socket, (what & CURL_POLL_IN ? EVENTS_READABLE : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0)) < 0 ? -1 : 0;
}

static void watch_connection(HttpCall *call, Socket *socket) {
        HttpClient *c = call->client;
        Watch *w;

        if (!socket->busy && socket_arm(socket, EVENTS_READABLE) < 0)
                return;

        HASH_FIND_PTR(c->watched, &call->userdata, w);
        if (w) {
                DL_DELETE(*w->list, w);
        } else {
                w = calloc(1, sizeof(Watch));
                if (!w)
                        return;
                w->userdata = call->userdata;
                HASH_ADD_PTR(c->watched, userdata, w);
                if (!w->hh.tbl) {
                        free(w);
                        return;
                }
        }
        w->lost = call->lost;
        w->list = &socket->watches;
        DL_APPEND(socket->watches, w);
}

void http_client_leave_connection(HttpCall *call) {
        curl_socket_t fd = CURL_SOCKET_BAD;
        Socket *socket;

        /* On a kept connection an answer may be there before libcurl had to wait for it. */
        if (call->lost && call->fd < 0 && curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK)
                call->fd = fd;
        socket = socket_find(call->client, call->fd);
        if (!socket)
                return;
        if (socket->user == call->userdata)
                socket->user = NULL;
        if (call->lost)
                watch_connection(call, socket);
}

int http_client_add_direct(HttpClient *c, int fd, Direct *d) {
        Socket *socket = socket_find(c, fd);

        if (!socket) {
                int r = socket_new(c, fd, &socket);
                if (r < 0)
                        return r;
        } else {
                /* libcurl closed one in silence, and believes of the next that it opens with this number that it is watched. */
                socket_unwatch(socket);
                socket->generation = ++c->generation;
                socket->believed = socket->busy ? socket->armed : 0;
                socket->armed = 0;
                socket->busy = false;
        }

        socket->direct = d;
        int r = socket_arm(socket, EVENTS_READABLE | EPOLLOUT);
        if (r < 0)
                socket_forget(socket);
        return r;
}

int http_client_arm_direct(HttpClient *c, int fd, bool writable) {
        return socket_arm(socket_find(c, fd), EVENTS_READABLE | (writable ? EPOLLOUT : 0));
}

void http_client_disarm_direct(HttpClient *c, int fd) {
        (void) socket_arm(socket_find(c, fd), 0);
}

void http_client_use_direct(HttpClient *c, int fd, const void *user) {
        socket_find(c, fd)->user = user;
}

void http_client_unwatch(HttpClient *c, const void *userdata) {
        Watch *w;

        HASH_FIND_PTR(c->watched, &userdata, w);
        if (w)
                watch_free(c, w);
}

int http_client_open_sockets(HttpClient *c) {
        c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (c->epoll_fd < 0)
                return -errno;
        int r = sd_event_add_defer(c->event, &c->ended, on_ended, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->ended, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_io(c->event, &c->io, c->epoll_fd, EPOLLIN, on_ready, c);
        return r;
}

void http_client_close_sockets(HttpClient *c) {
        for (size_t i = 0; i < c->n_sockets; i++)
                if (c->sockets[i]) {
                        socket_unwatch(c->sockets[i]);
                        free(c->sockets[i]);
                }
        free(c->sockets);
        while (c->leaving)
                watch_free(c, c->leaving);
        c->ended = sd_event_source_disable_unref(c->ended);
        c->io = sd_event_source_disable_unref(c->io);
        c->epoll_fd = fd_close(c->epoll_fd);
}
