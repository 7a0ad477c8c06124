/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by http-client.c (calls), http-client-headers.c, http-client-target.c (URLs), http-client-multi.c (libcurl's wake-ups),
 * http-client-direct.c (calls without libcurl), http-client-tls.c (certificates), http-client-deadlines.c (theirs) and http-client-socket.c (the sockets of all on the
 * loop). Nobody else includes it. */

#include <curl/curl.h>
#include <netinet/in.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/buffer.h"
#include "runtime/http-client.h"
#include "runtime/http-client-reader.h"

#define IDLE_HANDLES_MAX 1024
#define CONNECTIONS_MAX 65536
#define SHARDS 64
#define WHEEL_SLOTS 256

/* One of several multi handles; made when it is first needed. */
typedef struct Shard {
        HttpClient *client;
        CURLM *multi;
        bool undrained;                 /* what it has to say was not looked at yet */
        uint64_t wanted_usec;           /* when libcurl wants to be called; 0: at once, UINT64_MAX: never */
} Shard;

/* Somebody who is told when a connection ends: http-client-socket.c */
typedef struct Watch Watch;

/* A connection without libcurl: http-client-direct.c */
typedef struct Direct Direct;

/* A connection's socket, from its opening to its closing. */
typedef struct Socket {
        HttpClient *client;
        Shard *shard;                   /* NULL: libcurl has no part in it */
        Direct *direct;                 /* then */
        int fd;
        uint32_t generation;            /* tells it from others that have the same fd later */
        uint32_t armed;                 /* what epoll looks for; 0: nothing, it is not in the set */
        uint32_t believed;              /* likewise, as libcurl believes of a former one with this fd, which it closed in silence */
        bool busy;                      /* libcurl waits for events on it */
        Watch *watches;                 /* of all who share it */
        const void *user;               /* whose call is on it; NULL: it waits for reuse */
} Socket;

typedef union TargetAddress {
        struct sockaddr any;            /* AF_UNSPEC: a name, or not plain HTTP */
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
} TargetAddress;

struct HttpTarget {
        size_t n_refs;                  /* the owner, and each call that is open */
        char *url;
        TargetAddress address;          /* where it is asked without libcurl */
        char *head;                     /* then: what follows the method, and the line with the host */
        size_t head_size;
        CURLU *parsed;                  /* NULL: to be read anew each time */
};

struct HttpCall {
        HttpClient *client;
        HttpTarget *target;             /* NULL: the URL was read for this call */
        Shard *shard;
        CURL *easy;
        int fd;                         /* of its connection; -1: none yet */
        struct curl_slist *headers;
        struct curl_slist *common;      /* where the client's common ones begin */
        HttpCallDone done;
        void *userdata;
        void (*lost)(void *userdata);
        const HttpCallStream *stream;
        Buffer body;
        bool started;           /* stream->head was called */
        sd_event_source *deadline;      /* of a stream: until its head has come */
        bool paused;
        const HttpCallSource *source;
        bool source_paused, source_ended;
        uint64_t source_left;           /* bytes; UINT64_MAX: unknown */
        uint64_t stream_usec;           /* the span of deadline */
        int stream_error;
        char error[CURL_ERROR_SIZE];

        /* without libcurl */
        bool is_direct;
        Direct *direct;                 /* its connection; NULL: it failed before there was one, or is over */
        Buffer request;
        size_t sent;                    /* of it */
        HttpReader reader;
        bool is_whole;                  /* the answer has come, though it may not all be taken yet */
        uint64_t begun_usec, timeout_usec, deadline_usec;       /* monotonic, span, monotonic */
        int failure;                    /* what it is told when its turn comes */
        HttpCall **list;                /* a slot of the wheel, or of those that failed; NULL: none */
        HttpCall *list_previous, *list_next;

        HttpCall *previous, *next;
};

struct HttpClient {
        sd_event *event;
        Shard shards[SHARDS];
        sd_event_source *timer, *soon;
        uint64_t armed_usec;            /* when the timer goes off; UINT64_MAX: never */
        uint64_t default_timeout_usec;
        HttpCall *calls;
        size_t n_calls;
        struct curl_slist *plain;       /* headers of every call */
        struct curl_slist *authorized;  /* with common_token as well; NULL: not needed yet */
        struct curl_slist *json;        /* and with a body in JSON */
        char *common_token;
        int tls_fds[_TLS_PARTS];        /* files in memory; -1: none */
        int epoll_fd;
        sd_event_source *io;
        Socket **sockets;               /* by fd */
        size_t n_sockets;
        Watch *watched;                 /* uthash by userdata */
        Watch *leaving;                 /* of connections that have ended: they are still to be told */
        sd_event_source *ended;
        uint32_t generation;
        Direct *kept;                   /* uthash by address: connections without libcurl that wait for reuse */
        Direct *kept_list;              /* all of them, who waits longest first */
        HttpCall *wheel[WHEEL_SLOTS];   /* http-client-deadlines.c */
        uint64_t wheel_armed;           /* number of the slot that the timer waits for; UINT64_MAX: none */
        sd_event_source *wheel_timer;
        HttpCall *failed, *telling;     /* calls that are to be told so */
        CURL *idle[IDLE_HANDLES_MAX];   /* set-up handles cost microseconds and 6 KiB: they are used again */
        size_t n_idle;
        bool closing;           /* no new calls */
};

void http_client_close_tls(HttpClient *c);
const char *http_client_tls_text(CURL *easy, CURLcode code);
bool http_client_set_tls_options(const HttpClient *c, CURL *easy);

int http_client_open_headers(HttpClient *c);
void http_client_close_headers(HttpClient *c);
int http_call_set_headers(HttpCall *call, const HttpCallOptions *options);
void http_call_free_headers(HttpCall *call);
HttpTarget *http_target_ref(HttpTarget *t);
bool http_target_is_direct(const HttpTarget *t);        /* takes NULL */

/* Tells libcurl of events, and completes what they completed. */
void http_client_act(Shard *shard, curl_socket_t fd, int bits);
void http_client_drain(CURLM *multi);

/* CURLMOPT_SOCKETFUNCTION with the shard, CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION with the client. */
int http_client_on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_userdata);
curl_socket_t http_client_on_socket_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address);
int http_client_on_socket_close(void *userdata, curl_socket_t fd);

/* The connection of an answered call now waits for reuse: its end is told to who asked for it. */
void http_client_leave_connection(HttpCall *call);       /* its answer is whole: whoever is to hear of the end watches from here on */
void http_client_tell_ended(HttpClient *c);              /* who watched a connection that has ended. Not from within libcurl */
int http_client_open_sockets(HttpClient *c);
void http_client_close_sockets(HttpClient *c);

/* The one for a URL's host and port. -ENOMEM */
int http_client_shard(HttpClient *c, const char *url, Shard **ret);
int http_client_open_shards(HttpClient *c);
void http_client_close_shards(HttpClient *c);

void http_client_complete(HttpCall *call, int error, const char *text); /* tells it, and frees it */

/* The sockets of the connections that libcurl does not know; closed by http_client_on_socket_close(). */
int http_client_add_direct(HttpClient *c, int fd, Direct *d);    /* connecting: told when it is connected, or not */
int http_client_arm_direct(HttpClient *c, int fd, bool writable);        /* whether also to tell when there is room to write */
void http_client_disarm_direct(HttpClient *c, int fd);                  /* tells nothing until it is armed */
void http_client_use_direct(HttpClient *c, int fd, const void *user);   /* whose call is on it now */

void http_client_start_stream(HttpCall *call);  /* tells the head, once */

/* A call to a target that is direct, without source. 0, or -ENOMEM; whatever fails later is told as its answer. */
int http_direct_begin(HttpCall *call, const HttpCallOptions *options);
void http_direct_release(HttpCall *call);       /* lets go of all it has */
void http_direct_fail(HttpCall *call, int error);       /* completes it */
void http_direct_resume(HttpCall *call);        /* of a paused stream; nothing is told from in here */
void http_direct_event(Direct *d, uint32_t events);     /* of epoll(7) */
void http_direct_close(Direct *d);
void http_client_close_kept(HttpClient *c);

int http_call_set_deadline(HttpCall *call, uint64_t usec);      /* monotonic; instead of the one it had */
void http_call_clear_deadline(HttpCall *call);
void http_call_fail_soon(HttpCall *call, int error);    /* in the next turn of the loop */
void http_client_tell_failed(HttpClient *c);
int http_client_open_wheel(HttpClient *c);
void http_client_close_wheel(HttpClient *c);
