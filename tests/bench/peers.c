/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Thousands of services in one process, for what "make bench" asks of the registry. Each has a host of its own out of 127.0.0.0/8 and
 * the port of one listener, so that it is a peer like any other: with connections of its own, which end when it dies. It answers
 * heartbeats and patches, and says when they came. One command a line on stdin, one line of answer to each:
 *
 *      registry PORT TOKEN                     where to register
 *      connections N                           how many to register over
 *      register FIRST COUNT NAME REQUIRED FORM FORM: h has a HeartbeatURL, u a ServiceUpdateURL, - none; REQUIRED: one name, or -
 *                                              -> registered COUNT failed N usec N
 *      deregister FIRST COUNT                  -> deregistered COUNT failed N usec N
 *      state FIRST COUNT alive|dead|hanging    -> ok
 *      expect FIRST COUNT                      the next command starts the clock, and its answer is followed by
 *                                              -> told COUNT median-usec N last-usec N
 *      counters FIRST COUNT                    of those -> beats N fewest N patches N connections N gap-usec N
 *      reset FIRST COUNT                       the same, and they begin anew
 */

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/parse.h"

#define PEERS_MAX 60000u
#define FIRST_HOST 0x7f100001u          /* 127.16.0.1 */
#define CLIENTS_MAX 256u
#define MESSAGE_BYTES 16384u
#define EVENTS_MAX 512

typedef enum PeerState { PEER_ALIVE, PEER_DEAD, PEER_HANGING } PeerState;

/* A connection: of the registry to a peer, or of ours to the registry. */
typedef struct Conn {
        int fd;
        struct Peer *peer;              /* NULL: ours */
        struct Conn *prev, *next;       /* of the peer */
        char *data;
        size_t size, room;
} Conn;

typedef struct Peer {
        PeerState state;
        Conn *conns;
        uint64_t beats, patches, connections;
        uint64_t beat_usec, gap_usec;
        uint64_t told_usec;             /* 0: it is expected to be told, UINT64_MAX: it is not */
} Peer;

typedef struct Peers {
        int epoll;
        int listener;
        unsigned port;
        Peer peers[PEERS_MAX];
        Conn clients[CLIENTS_MAX];
        char line[1024];
        size_t line_size;

        unsigned registry_port, n_clients;
        char token[128];

        char verb[16];                  /* what is under way; "" nothing */
        char name[80], required[80], form[4];
        unsigned next, end, open, count, failed;
        uint64_t begin_usec;

        unsigned expect_first, expect_count, expect_open;
        uint64_t expect_usec;           /* when the clock started; 0: not yet */
} Peers;

static int watch(const Peers *p, int fd, void *what) {
        return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event) { .events = EPOLLIN, .data.ptr = what });
}

static _Noreturn void die(const char *what) {
        perror(what);
        exit(1);
}

static void conn_close(Conn *c, bool reset) {
        const struct linger now = { .l_onoff = 1 };

        if (c->fd >= 0) {
                if (reset)
                        (void) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
                (void) close(c->fd);
        }
        free(c->data);
        c->data = NULL;
        c->size = 0;
        c->fd = -1;
        if (!c->peer)
                return;

        if (c->prev)
                c->prev->next = c->next;
        else
                c->peer->conns = c->next;
        if (c->next)
                c->next->prev = c->prev;
        free(c);
}

/* ---- messages ---- */

/* Length of the first whole message in the connection's data, 0 if there is none yet. */
static size_t message_size(const Conn *c) {
        const char *end = c->size > 0 ? strstr(c->data, "\r\n\r\n") : NULL;
        const char *length = end ? strcasestr(c->data, "\r\nContent-Length:") : NULL;
        size_t size;

        if (!end)
                return 0;
        size = (size_t) (end - c->data) + 4;
        if (length && length < end)
                size += strtoul(length + 17, NULL, 10);
        return size <= c->size ? size : 0;
}

/* False at the connection's end. */
static bool conn_read(Conn *c) {
        if (!c->data || c->size + 1 >= c->room) {
                c->room = c->data ? 2 * c->room : MESSAGE_BYTES;
                c->data = realloc(c->data, c->room);
        }
        if (!c->data)
                die("malloc");

        ssize_t n = read(c->fd, c->data + c->size, c->room - 1 - c->size);
        if (n <= 0)
                return n < 0 && errno == EAGAIN;
        c->size += (size_t) n;
        c->data[c->size] = 0;
        return true;
}

static void conn_consume(Conn *c, size_t size) {
        c->size -= size;
        memmove(c->data, c->data + size, c->size);
        if (c->size == 0) {
                free(c->data);
                c->data = NULL;
        } else {
                c->data[c->size] = 0;
        }
}

/* ---- being told ---- */

static int compare(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static void report_told(Peers *p) {
        _cleanup_(freep) uint64_t *times = calloc(p->expect_count, sizeof(uint64_t));

        if (!times)
                die("calloc");
        for (unsigned i = 0; i < p->expect_count; i++) {
                times[i] = p->peers[p->expect_first + i].told_usec - p->expect_usec;
                p->peers[p->expect_first + i].told_usec = UINT64_MAX;
        }
        qsort(times, p->expect_count, sizeof(uint64_t), compare);
        (void) printf("told %u median-usec %lu last-usec %lu\n", p->expect_count, times[p->expect_count / 2], times[p->expect_count - 1]);
        p->expect_count = 0;
        p->expect_usec = 0;
}

/* The answer to the command is first, the news second. */
static void check_told(Peers *p) {
        if (p->expect_count > 0 && p->expect_open == 0 && p->expect_usec > 0 && !p->verb[0])
                report_told(p);
}

/* From the first who hears it to the last. Sleeping in between, which one process for all of them would do after each patch, costs the
 * sender a wake-up of the other processor each time: dependants on machines of their own cost it none. */
static bool is_being_told(const Peers *p) {
        return p->expect_open > 0 && p->expect_open < p->expect_count;
}

static void take_patch(Peers *p, Peer *peer, uint64_t now) {
        peer->patches++;
        if (peer->told_usec == 0 && p->expect_usec > 0) {
                peer->told_usec = now;
                p->expect_open--;
                check_told(p);
        }
}

static void take_beat(Peer *peer, uint64_t now) {
        if (peer->beat_usec > 0 && now - peer->beat_usec > peer->gap_usec)
                peer->gap_usec = now - peer->beat_usec;
        peer->beat_usec = now;
        peer->beats++;
}

static void serve(Peers *p, Conn *c) {
        static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        Peer *peer = c->peer;
        size_t size;

        if (!conn_read(c)) {
                conn_close(c, false);
                return;
        }
        while ((size = message_size(c)) > 0) {
                uint64_t now = clock_monotonic_usec();

                if (c->data[0] == 'P')
                        take_patch(p, peer, now);
                else
                        take_beat(peer, now);
                conn_consume(c, size);
                if (peer->state != PEER_HANGING && write(c->fd, answer, sizeof(answer) - 1) != sizeof(answer) - 1) {
                        conn_close(c, false);
                        return;
                }
        }
}

static void accept_all(Peers *p) {
        int fd;

        while ((fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                struct sockaddr_in own = {};
                socklen_t size = sizeof(own);
                Conn *c = calloc(1, sizeof(Conn));

                if (!c || getsockname(fd, (struct sockaddr *) &own, &size) < 0)
                        die("accept");
                unsigned i = ntohl(own.sin_addr.s_addr) - FIRST_HOST;
                *c = (Conn) { .fd = fd, .peer = &p->peers[i < PEERS_MAX ? i : 0] };
                c->next = c->peer->conns;
                if (c->next)
                        c->next->prev = c;
                c->peer->conns = c;
                c->peer->connections++;
                (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
                if (c->peer->state == PEER_DEAD)
                        conn_close(c, true);
                else if (watch(p, fd, c) < 0)
                        die("epoll_ctl");
        }
        if (errno != EAGAIN && errno != ECONNABORTED)
                die("accept4");
}

/* ---- asking the registry ---- */

static void client_send(Peers *p, Conn *c) {
        char body[1024], message[2048], url[64], *at = body;
        unsigned host = FIRST_HOST + p->next++;
        bool registers = strcmp(p->verb, "register") == 0;

        (void) snprintf(url, sizeof(url), "http://127.%u.%u.%u:%u", host >> 16 & 255, host >> 8 & 255, host & 255, p->port);
        if (registers) {
                at += sprintf(at, "{\"ServiceName\":\"%s\",\"ServiceURL\":\"%s\",\"RequiredServices\":[", p->name, url);
                at += p->required[0] != '-' ? sprintf(at, "\"%s\"]", p->required) : sprintf(at, "]");
                if (strchr(p->form, 'u'))
                        at += sprintf(at, ",\"ServiceUpdateURL\":\"%s/services\"", url);
                if (strchr(p->form, 'h'))
                        at += sprintf(at, ",\"HeartbeatURL\":\"%s/heartbeat\"", url);
                (void) sprintf(at, "}");
        } else {
                (void) sprintf(at, "%s", url);
        }
        int n = snprintf(message, sizeof(message), "%s /services HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer %s\r\n"
                         "Gradebook-Instance: peers\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
                         registers ? "POST" : "DELETE", p->registry_port, p->token,
                         registers ? "application/json" : "text/plain", strlen(body), body);
        p->open++;
        if (write(c->fd, message, (size_t) n) != n)
                die("write to the registry");
}

static void report_done(Peers *p) {
        if (p->next < p->end || p->open > 0)
                return;

        (void) printf("%sed %u failed %u usec %lu\n", p->verb, p->count, p->failed, clock_monotonic_usec() - p->begin_usec);
        p->verb[0] = 0;
        check_told(p);
}

static void client_answered(Peers *p, Conn *c) {
        size_t size;

        if (!conn_read(c)) {
                conn_close(c, false);
                p->failed += p->open > 0;
                p->open -= p->open > 0;
                if (p->verb[0])
                        report_done(p);
                return;
        }
        while ((size = message_size(c)) > 0) {
                bool ok = strncmp(c->data, "HTTP/1.1 200", 12) == 0;

                if (!ok && p->failed == 0)
                        (void) fprintf(stderr, "peers: the registry answered %.300s\n", c->data);
                p->failed += !ok;
                p->open--;
                conn_consume(c, size);
                if (p->next < p->end)
                        client_send(p, c);
                else
                        report_done(p);
        }
}

static int client_connect(Peers *p, Conn *c) {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t) p->registry_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (c->fd < 0 || connect(c->fd, (struct sockaddr *) &to, sizeof(to)) < 0)
                return -errno;
        (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
        return watch(p, c->fd, c);
}

static void ask(Peers *p, const char *verb, unsigned first, unsigned count) {
        (void) snprintf(p->verb, sizeof(p->verb), "%s", verb);
        p->next = first;
        p->end = first + count;
        p->count = count;
        p->open = p->failed = 0;
        for (unsigned i = 0; i < p->n_clients; i++)
                if (p->clients[i].fd < 0 && client_connect(p, &p->clients[i]) < 0)
                        die("connect to the registry");
        p->begin_usec = clock_monotonic_usec();
        for (unsigned i = 0; i < p->n_clients && p->next < p->end; i++)
                client_send(p, &p->clients[i]);
}

/* ---- commands ---- */

static void set_state(Peers *p, unsigned first, unsigned count, const char *name) {
        for (Peer *peer = p->peers + first; peer < p->peers + first + count; peer++) {
                peer->state = strcmp(name, "dead") == 0 ? PEER_DEAD : strcmp(name, "hanging") == 0 ? PEER_HANGING : PEER_ALIVE;
                while (peer->state == PEER_DEAD && peer->conns)
                        conn_close(peer->conns, false);
        }
        (void) printf("ok\n");
}

static void expect(Peers *p, unsigned first, unsigned count) {
        p->expect_first = first;
        p->expect_count = p->expect_open = count;
        p->expect_usec = 0;
        for (unsigned i = 0; i < count; i++)
                p->peers[first + i].told_usec = 0;
}

static void report_counters(Peers *p, unsigned first, unsigned count, bool reset) {
        uint64_t beats = 0, fewest = UINT64_MAX, patches = 0, connections = 0, gap = 0;

        for (Peer *peer = p->peers + first; peer < p->peers + first + count; peer++) {
                beats += peer->beats;
                fewest = peer->beats < fewest ? peer->beats : fewest;
                patches += peer->patches;
                connections += peer->connections;
                gap = peer->gap_usec > gap ? peer->gap_usec : gap;
                if (reset)
                        peer->beats = peer->patches = peer->connections = peer->beat_usec = peer->gap_usec = 0;
        }
        (void) printf("beats %lu fewest %lu patches %lu connections %lu gap-usec %lu\n", beats, fewest, patches, connections, gap);
}

static void run_command(Peers *p, char *line) {
        char verb[16] = "", text[16] = "";
        unsigned first = 0, count = 0;
        int n = sscanf(line, "%15s %u %u %15s", verb, &first, &count, text);

        if (strcmp(verb, "registry") == 0) {
                if (sscanf(line, "registry %u %127s", &p->registry_port, p->token) != 2)
                        die("registry PORT TOKEN");
                return;
        }
        if (strcmp(verb, "connections") == 0) {
                p->n_clients = first < CLIENTS_MAX ? first : CLIENTS_MAX;
                return;
        }
        if (n < 3 || first > PEERS_MAX || count == 0 || count > PEERS_MAX - first) {
                (void) fprintf(stderr, "peers: what is \"%s\"?\n", line);
                exit(1);
        }
        if (strcmp(verb, "expect") == 0) {
                expect(p, first, count);
                return;
        }
        if (p->expect_count > 0 && p->expect_usec == 0)
                p->expect_usec = clock_monotonic_usec();
        if (strcmp(verb, "counters") == 0 || strcmp(verb, "reset") == 0) {
                report_counters(p, first, count, verb[0] == 'r');
        } else if (strcmp(verb, "state") == 0) {
                set_state(p, first, count, text);
        } else {
                if (strcmp(verb, "register") == 0 && sscanf(line, "%*s %*u %*u %79s %79s %3s", p->name, p->required, p->form) != 3)
                        die("register FIRST COUNT NAME REQUIRED FORM");
                ask(p, verb, first, count);
        }
}

static bool read_commands(Peers *p) {
        ssize_t n = read(STDIN_FILENO, p->line + p->line_size, sizeof(p->line) - 1 - p->line_size);
        char *end;

        if (n <= 0)
                return false;
        p->line_size += (size_t) n;
        p->line[p->line_size] = 0;
        while ((end = strchr(p->line, '\n'))) {
                *end = 0;
                run_command(p, p->line);
                p->line_size -= (size_t) (end + 1 - p->line);
                memmove(p->line, end + 1, p->line_size + 1);
        }
        return true;
}

/* On every address of the loopback, and of nothing else. */
static void listen_on_loopback(Peers *p) {
        struct sockaddr_in any = { .sin_family = AF_INET };
        const struct ifreq lo = { .ifr_name = "lo" };
        socklen_t size = sizeof(any);

        p->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (p->listener < 0 || setsockopt(p->listener, SOL_SOCKET, SO_BINDTODEVICE, &lo, sizeof(lo)) < 0 ||
            bind(p->listener, (struct sockaddr *) &any, sizeof(any)) < 0 || listen(p->listener, SOMAXCONN) < 0 ||
            getsockname(p->listener, (struct sockaddr *) &any, &size) < 0)
                die("listen");
        p->port = ntohs(any.sin_port);
}

int main(void) {
        static Peers peers;
        struct epoll_event events[EVENTS_MAX];
        Peers *p = &peers;

        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        p->n_clients = 64;
        for (unsigned i = 0; i < PEERS_MAX; i++)
                p->peers[i].told_usec = UINT64_MAX;
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
                p->clients[i].fd = -1;
        p->epoll = epoll_create1(EPOLL_CLOEXEC);
        listen_on_loopback(p);
        if (p->epoll < 0 || watch(p, p->listener, &p->listener) < 0 || watch(p, STDIN_FILENO, p->line) < 0)
                die("epoll");
        (void) printf("port %u\n", p->port);

        for (;;) {
                int n = epoll_wait(p->epoll, events, EVENTS_MAX, is_being_told(p) ? 0 : -1);

                for (int i = 0; i < n; i++) {
                        void *what = events[i].data.ptr;

                        if (what == &p->listener)
                                accept_all(p);
                        else if (what == p->line) {
                                /* A command may close connections that the other events are of. */
                                if (!read_commands(p))
                                        return 0;
                                break;
                        } else if (((Conn *) what)->peer)
                                serve(p, what);
                        else
                                client_answered(p, what);
                }
        }
}
