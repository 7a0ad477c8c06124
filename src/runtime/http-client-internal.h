/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by http-client.c (calls) and http-client-socket.c (libcurl's sockets on the loop). Nobody else includes it. */

#include <curl/curl.h>
#include <uthash.h>

#include "base/buffer.h"
#include "runtime/http-client.h"

#define IDLE_HANDLES_MAX 64

/* A connection's socket, from its opening to its closing by libcurl. */
typedef struct Socket {
        HttpClient *client;
        int fd;                         /* the key */
        bool busy;                      /* libcurl waits for events on it */
        sd_event_source *source;
        void (*lost)(void *userdata);   /* told when it ends while it is not busy */
        void *userdata;
        UT_hash_handle hh;
} Socket;

struct HttpCall {
        HttpClient *client;
        CURL *easy;
        struct curl_slist *headers;
        HttpCallDone done;
        void *userdata;
        void (*lost)(void *userdata);
        const HttpCallStream *stream;
        Buffer body;
        bool started;           /* stream->head was called */
        sd_event_source *deadline;      /* of a stream: until its head has come */
        bool paused;
        int stream_error;
        char error[CURL_ERROR_SIZE];
        HttpCall *previous, *next;
};

struct HttpClient {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer;
        uint64_t default_timeout_usec;
        HttpCall *calls;
        size_t n_calls;
        Socket *sockets;
        CURL *idle[IDLE_HANDLES_MAX];   /* set-up handles cost microseconds: they are used again */
        size_t n_idle;
        bool closing;           /* no new calls */
};

/* Tells libcurl of events, and completes what they completed. */
void http_client_act(HttpClient *c, curl_socket_t fd, int bits);

/* CURLMOPT_SOCKETFUNCTION with the client, and CURLOPT_CLOSESOCKETFUNCTION likewise. */
int http_client_on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_userdata);
int http_client_on_socket_close(void *userdata, curl_socket_t fd);

/* The connection of an answered call now waits for reuse: its end is told to who asked for it. */
void http_client_watch_connection(HttpCall *call);
void http_client_forget_sockets(HttpClient *c);
