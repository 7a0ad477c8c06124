/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/epoll.h>
#include <unistd.h>

#include "runtime/http-client-internal.h"

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Socket *socket = userdata;
        int bits = (events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events & EPOLLERR ? CURL_CSELECT_ERR : 0);

        if (socket->busy) {
                http_client_act(socket->client, fd, bits);
                return 0;
        }
        /* libcurl finds out by itself when it would use the connection again. */
        socket->source = sd_event_source_disable_unref(socket->source);
        if (socket->lost) {
                void (*lost)(void *) = socket->lost;

                socket->lost = NULL;
                lost(socket->userdata);
        }
        return 0;
}

static int socket_watch(Socket *socket, uint32_t events) {
        if (socket->source)
                return sd_event_source_set_io_events(socket->source, events);
        return sd_event_add_io(socket->client->event, &socket->source, socket->fd, events, on_socket, socket);
}

static Socket *socket_find(HttpClient *c, int fd) {
        Socket *socket;

        HASH_FIND_INT(c->sockets, &fd, socket);
        return socket;
}

static void socket_forget(Socket *socket) {
        HASH_DEL(socket->client->sockets, socket);
        sd_event_source_disable_unref(socket->source);
        free(socket);
}

int http_client_on_socket_close(void *userdata, curl_socket_t fd) {
        Socket *socket = socket_find(userdata, fd);

        if (socket)
                socket_forget(socket);
        return close(fd);
}

int http_client_on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_userdata) {
        HttpClient *c = userdata;
        Socket *socket = socket_find(c, fd);

        if (what == CURL_POLL_REMOVE) {
                if (!socket)
                        return 0;
                socket->busy = false;
                if (!socket->lost || socket_watch(socket, EPOLLRDHUP) < 0)
                        socket->source = sd_event_source_disable_unref(socket->source);
                return 0;
        }
        if (!socket) {
                socket = calloc(1, sizeof(*socket));
                if (!socket)
                        return -1;
                socket->client = c;
                socket->fd = fd;
                HASH_ADD_INT(c->sockets, fd, socket);
        }
        socket->busy = true;
        return socket_watch(socket, (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0)) < 0 ? -1 : 0;
}

void http_client_watch_connection(HttpCall *call) {
        curl_socket_t fd = CURL_SOCKET_BAD;
        Socket *socket;

        if (curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD)
                return;
        socket = socket_find(call->client, fd);
        if (!socket)
                return;
        socket->lost = call->lost;
        socket->userdata = call->userdata;
        if (!socket->busy && socket_watch(socket, EPOLLRDHUP) < 0)
                socket->lost = NULL;
}

void http_client_unwatch(HttpClient *c, const void *userdata) {
        for (Socket *socket = c->sockets; socket; socket = socket->hh.next)
                if (socket->lost && socket->userdata == userdata)
                        socket->lost = NULL;
}

void http_client_forget_sockets(HttpClient *c) {
        while (c->sockets)
                socket_forget(c->sockets);
}
