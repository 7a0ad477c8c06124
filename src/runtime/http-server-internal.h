/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by http-server.c (daemons, loop, drain), http-server-connection.c (how many there may be), http-server-request.c
 * (from the first byte to the handler, and what a handler may ask), http-server-body.c (bodies that are taken
 * as they come), http-server-tls.c (certificates), http-server-tls-io.c (their bytes), http-server-form.c (forms with files in them), http-server-hold.c (until the reply), http-server-reply.c
 * and http-server-stream.c (back to the client). Nobody else includes it. */

#include <gnutls/abstract.h>
#include <microhttpd.h>

#include "base/buffer.h"
#include "runtime/http-server.h"
#include "runtime/request.h"
#include "runtime/tls-peer.h"

typedef struct Listener Listener;
typedef struct Connection Connection;
typedef struct TlsIo TlsIo;             /* http-server-tls-io.c */

struct HttpServer {
        sd_event *event;
        HttpServerOptions options;
        HttpServerCounters counters;
        TlsIdentity *tls;               /* of the connections to come; NULL: plain HTTP */
        Listener *listeners;
        Connection *connections, *last_connection;      /* a doubly linked list, by when each last began a request */
        HttpStream *streams;            /* a doubly linked list: the end tells each */
        bool draining;                  /* every reply says "Connection: close" */
        bool closed;                    /* the handlers' object is gone: 503 */
        sd_event_source *grace;         /* until idle connections are let go of */
        sd_event_source *deadline;      /* until drain gives up */
        sd_event_source *drained_soon;
        void (*drained)(void *userdata);
        void *drained_userdata;
};

/* One listening socket: libmicrohttpd takes one per daemon. */
struct Listener {
        HttpServer *server;
        struct MHD_Daemon *daemon;
        sd_event_source *io;
        sd_event_source *timer;
        sd_event_source *kick;
        uint64_t armed_usec;            /* when timer fires; UINT64_MAX: it is off */
        unsigned n_connections;
        unsigned n_held;                /* requests whose connection is not suspended while they wait */
        unsigned run;                   /* number of the last one */
        unsigned progress;              /* how much in it may have more to do at once; held requests do not count */
        size_t body_bytes;              /* that came in this turn of the loop */
        uint64_t full_told_usec;        /* monotonic; 0: never */
        Listener *next;
};

struct Connection {
        Listener *listener;
        int fd;
        bool in_request;                /* its first line is there: drain waits for the answer */
        bool in_handler;                /* all of it is there: its place is not given away */
        bool let_go;
        char client[64];                /* its address, once asked for */
        TlsIdentity *tls;               /* what it began with; NULL: plain HTTP */
        gnutls_session_t session;       /* libmicrohttpd's */
        struct MHD_Connection *mhd;     /* of one over TLS */
        TlsIo *tls_io;
        bool shook_hands;
        sd_event_source *handshake_io;  /* the connection is suspended until it has more to say */
        sd_event_source *handshake_late;        /* until shook_hands */
        TlsPeer peer;                   /* once asked for */
        Connection *previous, *next;
};

typedef struct Header {
        char *name;
        char *value;
        struct Header *next;
} Header;

struct Request {
        HttpServer *server;
        Connection *connection;
        struct MHD_Connection *mhd;     /* NULL, like connection: it ended while the request was held */
        const char *method;
        char *path;
        char *query;
        RouteMatch match;
        Trace trace;
        bool has_trace;
        bool is_head;           /* method says GET */
        bool authorized;
        bool holdable;          /* request_hold() */
        bool held;              /* waits, and its connection is not suspended */
        unsigned run;           /* of the listener: the last that counted it as progress */
        uint64_t held_until_usec;       /* monotonic */
        bool suspended;
        bool dispatched;        /* the handler (or the error) had its turn */
        bool replied;
        bool unreadable;        /* nobody knows where its body ends */
        bool failed;            /* memory ran out while the reply was built */
        Problem problem;        /* found before the handler; status 0: none */
        Buffer body;
        bool body_whole;        /* all of it has come */
        RequestBodyCallback taker;      /* of a streamed body; NULL: nobody takes it */
        void *taker_userdata;
        sd_event_source *body_watch;    /* sees the client go before its end */
        uint64_t body_max, body_seen;   /* of a streamed one, in bytes */
        int body_error;         /* what the taker is told behind what was good */
        size_t discarded;       /* bytes of a body that is read only to be polite */
        Header *query_values;   /* decoded once asked for */
        Header *form;
        bool form_parsed;
        Header *headers;        /* of the reply */
        unsigned status;
        size_t reply_size;      /* of the reply's body, if that is whole and in memory; else 0 */
        struct MHD_Response *response;
        bool response_shared;   /* response belongs to reply_body */
        sd_event_source *watch; /* request_watch() */
        void (*gone)(Request *r, void *userdata);
        void *gone_userdata;
        HttpBody *reply_body;   /* keeps the bytes that response points to */
};

/* The life of a connection; of MHD_OPTION_NOTIFY_CONNECTION. */
void http_connection_notify(void *userdata, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code);
void http_connection_begin(Connection *c);
bool http_connection_is_ending(const Connection *c);    /* its next reply says "Connection: close"; not if it is NULL */

/* As many as wanted, or as the limit of open files allows; logs then. */
unsigned http_connections_max(unsigned wanted);

/* http-server-tls.c: what a connection over TLS is given, and who is at its other end. */
void http_connection_begin_tls(Connection *c, struct MHD_Connection *mhd);
void http_connection_end_tls(Connection *c);
int http_connection_open_tls_io(Connection *c);         /* for its session; -ENOMEM */
void http_connection_close_tls_io(Connection *c);
/* Around a reply with a body of that size (0: none, or nobody knows). Both do nothing in plain HTTP. */
void http_connection_cork(Connection *c, size_t body_size);
void http_connection_uncork(Connection *c);
void http_connection_wake_tls(Connection *c);           /* before its listener ends: nothing may be suspended then */
bool http_connection_is_mutual(const Connection *c);    /* its client was asked for a certificate */
const TlsPeer *http_connection_peer(Connection *c);     /* then */
gnutls_certificate_retrieve_function2 http_tls_no_certificate;

/* http-server-body.c: bodies that are taken bit by bit. */
bool http_request_is_streamed(const Request *r);
void http_request_feed_body(Request *r, const char *data, size_t *size);        /* takes what there is room for, else suspends */
void http_request_end_body(Request *r);
void http_request_lose_body(Request *r);        /* the request goes: its taker is told */

/* Tells who waits for the end of the last connection. */
void http_server_check_drained(HttpServer *s);

/* Runs the listener's daemon soon, from outside its callbacks: resuming alone does not wake it. */
void listener_kick(Listener *l);

/* The three of libmicrohttpd's callbacks that concern a request. */
enum MHD_Result http_request_access(void *userdata, struct MHD_Connection *mhd, const char *url, const char *method,
                                    const char *version, const char *upload_data, size_t *upload_size, void **con_cls);
void http_request_completed(void *userdata, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code);
void *http_request_uri(void *userdata, const char *uri, struct MHD_Connection *mhd);

void http_request_free(Request *r);

/* Of http-server-hold.c. note_progress: libmicrohttpd called for this request, and may have more to do for it at once. wait: the handler owes its
 * reply; the request is held or suspended. detach: its connection ends while it is held, and who owes the reply still has it: it ends with that. */
void http_request_note_progress(Request *r);
enum MHD_Result http_request_wait(Request *r);
void http_request_unhold(Request *r);
void http_request_detach(Request *r);

/* Gives response (taken; NULL: no memory) to the request and lets it go on. */
void http_request_finish(Request *r, unsigned status, struct MHD_Response *response);
enum MHD_Result http_request_queue(Request *r);

/* Adds what every reply carries and the headers the handler set. */
void http_request_add_headers(Request *r, struct MHD_Response *response);

/* Tells all streams CLOSED and ends them: who was told by them is about to go. */
void http_streams_close(HttpServer *server);

Header *header_free_all(Header *h);
/* At the end; a list has a few hundred at most: -E2BIG. */
int header_add(Header **list, const char *name, size_t name_size, const char *value, size_t value_size);
