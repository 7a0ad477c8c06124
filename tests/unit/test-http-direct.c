/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "runtime/http-client.h"

#define CONNECTIONS_MAX 8
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: yes\r\n\r\nok"

/* A server on the same loop: what it answers is set, and what it was asked is kept. */
typedef struct Server {
        sd_event *event;
        sd_event_source *listening, *sources[CONNECTIONS_MAX];
        int fds[CONNECTIONS_MAX];
        size_t n_connections, n_requests, n_ends;       /* n_ends: that many requests are answered by the end of the connection */
        uint16_t port;
        const char *answer;             /* NULL: none */
        char asked[2048];
        HttpClient *client;

        size_t n_done, n_lost;
        size_t n_heads, n_bytes, n_paused;      /* of an answer that is followed */
        unsigned pauses;                /* that many bits of it are not taken */
        bool refuses;
        char followed[64];
        int error;
        unsigned status;
        char body[64], header[64], text[128];
} Server;

static void server_end(Server *s, size_t i) {
        s->sources[i] = sd_event_source_disable_unref(s->sources[i]);
        s->fds[i] = fd_close(s->fds[i]);
}

static int on_request(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Server *s = userdata;
        size_t i = 0;

        while (s->fds[i] != fd)
                i++;
        ssize_t n = read(fd, s->asked, sizeof(s->asked) - 1);
        if (n <= 0) {
                server_end(s, i);
                return 0;
        }
        s->asked[n] = 0;
        s->n_requests++;
        if (s->n_ends > 0) {
                s->n_ends--;
                server_end(s, i);
        } else if (s->answer) {
                assert_int_equal(write(fd, s->answer, strlen(s->answer)), (ssize_t) strlen(s->answer));
        }
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Server *s = userdata;
        size_t i = s->n_connections++;

        assert_true(i < CONNECTIONS_MAX);
        s->fds[i] = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(s->fds[i] >= 0);
        assert_int_equal(sd_event_add_io(s->event, &s->sources[i], s->fds[i], EPOLLIN, on_request, s), 0);
        return 0;
}

static int setup(void **state) {
        static Server server;
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        Server *s = &server;

        *s = (Server) { .answer = OK };
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                s->fds[i] = -1;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *) &address, size) < 0 || listen(fd, 8) < 0 ||
            getsockname(fd, (struct sockaddr *) &address, &size) < 0 || sd_event_new(&s->event) < 0 ||
            sd_event_add_io(s->event, &s->listening, fd, EPOLLIN, on_connection, s) < 0 ||
            sd_event_source_set_io_fd_own(s->listening, true) < 0 || http_client_new(&s->client, s->event, 5 * USEC_PER_SEC) < 0)
                return -1;
        s->port = ntohs(address.sin_port);
        *state = s;
        return 0;
}

static int teardown(void **state) {
        Server *s = *state;

        http_client_free(s->client);
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                server_end(s, i);
        sd_event_source_disable_unref(s->listening);
        sd_event_unref(s->event);
        return 0;
}

static void on_answer(const HttpAnswer *answer, void *userdata) {
        Server *s = userdata;
        const char *header = http_answer_header(answer, "x-seen");

        s->n_done++;
        s->error = answer->error;
        s->status = answer->status;
        (void) snprintf(s->body, sizeof(s->body), "%s", answer->body);
        (void) snprintf(s->text, sizeof(s->text), "%s", answer->error_text);
        (void) snprintf(s->header, sizeof(s->header), "%s", header ? header : "");
}

static void on_lost(void *userdata) {
        ((Server *) userdata)->n_lost++;
}

static void run_until(Server *s, const size_t *counter, size_t n) {
        uint64_t end = clock_monotonic_usec() + 10 * USEC_PER_SEC;

        while (*counter < n) {
                assert_true(clock_monotonic_usec() < end);
                assert_true(sd_event_run(s->event, USEC_PER_SEC) >= 0);
        }
}

static HttpCall *begin(Server *s, const HttpCallOptions *options) {
        _cleanup_(http_target_unrefp) HttpTarget *target = NULL;
        HttpCallOptions o = *options;
        char url[64];
        HttpCall *call;

        (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u/path?a=b#c", s->port);
        assert_int_equal(http_target_new(&target, url), 0);
        o.target = target;
        assert_int_equal(http_client_call(s->client, &o, on_answer, s, &call), 0);
        return call;
}

static void ask(Server *s, const HttpCallOptions *options) {
        size_t n = s->n_done;

        (void) begin(s, options);
        assert_int_equal(s->n_done, n);         /* never from within */
        run_until(s, &s->n_done, n + 1);
}

static void test_request(void **state) {
        Server *s = *state;
        char expected[2048];

        ask(s, &(HttpCallOptions) {
                .method = "PUT", .body = "{}", .body_size = 2, .token = "secret", .headers = (const char *const[]) { "X-Own: 1", NULL },
        });
        (void) snprintf(expected, sizeof(expected), "PUT /path?a=b HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\nX-Own: 1\r\n"
                        "Content-Type: application/json\r\nAuthorization: Bearer secret\r\nUser-Agent: %s/%s\r\nContent-Length: 2\r\n\r\n{}",
                        s->port, PACKAGE_NAME, PACKAGE_VERSION);
        assert_string_equal(s->asked, expected);
        assert_int_equal(s->error, 0);
        assert_int_equal(s->status, 200);
        assert_string_equal(s->body, "ok");
        assert_string_equal(s->header, "yes");
        assert_int_equal(http_client_open_calls(s->client), 0);
}

static void test_connections(void **state) {
        Server *s = *state;

        ask(s, &(HttpCallOptions) {});
        ask(s, &(HttpCallOptions) {});
        assert_int_equal(s->n_connections, 1);
        ask(s, &(HttpCallOptions) { .fresh = true });
        assert_int_equal(s->n_connections, 2);
        /* Two at once need two, and both are there. */
        (void) begin(s, &(HttpCallOptions) {});
        ask(s, &(HttpCallOptions) {});
        run_until(s, &s->n_done, 5);
        assert_int_equal(s->n_connections, 2);
        /* One that the server is to end is not kept. */
        s->answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        ask(s, &(HttpCallOptions) {});
        ask(s, &(HttpCallOptions) {});
        assert_int_equal(s->n_connections, 2);
        ask(s, &(HttpCallOptions) {});
        assert_int_equal(s->n_connections, 3);
}

/* A kept connection that ends as the request comes: once more, on a new one, and there it is a failure. */
static void test_repeated(void **state) {
        Server *s = *state;

        ask(s, &(HttpCallOptions) {});
        s->n_ends = 1;
        ask(s, &(HttpCallOptions) { .method = "POST", .body = "{}", .body_size = 2 });
        assert_int_equal(s->error, 0);
        assert_int_equal(s->n_requests, 3);
        assert_int_equal(s->n_connections, 2);
        s->n_ends = 2;
        ask(s, &(HttpCallOptions) {});
        assert_int_equal(s->error, -ECONNRESET);
        s->n_ends = 1;
        ask(s, &(HttpCallOptions) { .fresh = true });
        assert_int_equal(s->error, -ECONNRESET);
        assert_int_equal(s->n_ends, 0);
}

static void test_failures(void **state) {
        static const struct {
                const char *answer;
                int error;
        } failures[] = {
                { "SSH-2.0\r\n", -EPROTO },
                { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n012345678", -EFBIG },
                { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n01", -ETIMEDOUT },
                { NULL, -ETIMEDOUT },
        };
        Server *s = *state;

        for (size_t i = 0; i < ELEMENTSOF(failures); i++) {
                uint64_t begin_usec = clock_monotonic_usec();

                s->answer = failures[i].answer;
                ask(s, &(HttpCallOptions) { .answer_max = 8, .timeout_usec = 50 * USEC_PER_MSEC });
                assert_int_equal(s->error, failures[i].error);
                assert_true(s->text[0]);
                if (s->error == -ETIMEDOUT)
                        assert_true(clock_monotonic_usec() - begin_usec >= 50 * USEC_PER_MSEC);
        }
        /* None of them is kept: what comes late would be taken for another's answer. */
        assert_int_equal(s->n_connections, ELEMENTSOF(failures));

        s->listening = sd_event_source_disable_unref(s->listening);
        ask(s, &(HttpCallOptions) {});
        assert_int_equal(s->error, -ECONNREFUSED);
}

static void test_cancelled(void **state) {
        Server *s = *state;

        s->answer = NULL;
        HttpCall *call = begin(s, &(HttpCallOptions) {});
        run_until(s, &s->n_requests, 1);
        assert_null(http_call_cancel(call));
        assert_int_equal(http_client_open_calls(s->client), 0);
        s->answer = OK;
        ask(s, &(HttpCallOptions) {});
        assert_int_equal(s->n_done, 1);
        assert_int_equal(s->n_connections, 2);

        s->answer = NULL;
        (void) begin(s, &(HttpCallOptions) {});
        http_client_stop(s->client);
        assert_int_equal(s->error, -ECANCELED);
}

static void test_lost(void **state) {
        Server *s = *state;

        ask(s, &(HttpCallOptions) { .lost = on_lost });
        server_end(s, 0);
        run_until(s, &s->n_lost, 1);

        /* Another's call on it changes nothing. */
        ask(s, &(HttpCallOptions) { .lost = on_lost });
        ask(s, &(HttpCallOptions) {});
        assert_int_equal(s->n_connections, 2);
        server_end(s, 1);
        run_until(s, &s->n_lost, 2);

        ask(s, &(HttpCallOptions) { .lost = on_lost });
        http_client_unwatch(s->client, s);
        server_end(s, 2);
        ask(s, &(HttpCallOptions) {});
        assert_int_equal(s->n_lost, 2);
}

/* ---- answers that are followed ---- */

static void on_follow_head(const HttpAnswer *head, void *userdata) {
        Server *s = userdata;

        s->n_heads++;
        s->status = head->status;
        assert_int_equal(s->n_bytes, 0);
        assert_string_equal(http_answer_header(head, "x-seen"), "yes");
}

static int on_follow_data(const void *data, size_t size, void *userdata) {
        Server *s = userdata;

        assert_int_equal(s->n_heads, 1);
        if (s->pauses > 0) {
                s->pauses--;
                s->n_paused++;
                return -EAGAIN;
        }
        if (s->refuses)
                return -ENOSPC;
        assert_true(s->n_bytes + size < sizeof(s->followed));
        memcpy(s->followed + s->n_bytes, data, size);
        s->n_bytes += size;
        return 0;
}

static const HttpCallStream follow = { .head = on_follow_head, .data = on_follow_data };

static void test_followed(void **state) {
        static const struct {
                const char *answer, *body;
        } cases[] = {
                { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: yes\r\n\r\nok", "ok" },
                { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Seen: yes\r\n\r\n", "" },
                { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Seen: yes\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", "abcde" },
                { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: yes\r\n\r\nok", "ok" },
        };
        Server *s = *state;

        for (unsigned pauses = 0; pauses < 3; pauses++)
                for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                        s->n_heads = s->n_bytes = s->n_paused = s->n_done = 0;
                        s->pauses = *cases[i].body ? pauses : 0;
                        s->answer = cases[i].answer;
                        HttpCall *call = begin(s, &(HttpCallOptions) { .stream = &follow, .timeout_usec = 100 * USEC_PER_MSEC });
                        for (unsigned n = 1; *cases[i].body && n <= pauses; n++) {
                                run_until(s, &s->n_paused, n);
                                assert_int_equal(s->n_done, 0);
                                http_call_resume(call);
                                assert_int_equal(s->n_bytes, 0);        /* nothing from within */
                        }
                        run_until(s, &s->n_done, 1);
                        assert_int_equal(s->error, 0);
                        assert_int_equal(s->n_heads, 1);
                        assert_int_equal(s->n_bytes, strlen(cases[i].body));
                        assert_memory_equal(s->followed, cases[i].body, s->n_bytes);
                        assert_string_equal(s->body, "");
                }
        assert_int_equal(s->n_connections, 1);  /* each was kept */
}

static void test_followed_for_long(void **state) {
        Server *s = *state;

        /* The deadline is for the head; a pause longer than it is none of the provider's. */
        s->answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Seen: yes\r\n\r\n01";
        (void) begin(s, &(HttpCallOptions) { .stream = &follow, .timeout_usec = 20 * USEC_PER_MSEC });
        run_until(s, &s->n_bytes, 2);
        for (uint64_t end = clock_monotonic_usec() + 60 * USEC_PER_MSEC; clock_monotonic_usec() < end;)
                assert_true(sd_event_run(s->event, 10 * USEC_PER_MSEC) >= 0);
        assert_int_equal(s->n_done, 0);
        assert_int_equal(write(s->fds[0], "234", 3), 3);
        run_until(s, &s->n_done, 1);
        assert_int_equal(s->error, 0);
        assert_memory_equal(s->followed, "01234", 5);

        /* No head in time; one that is cut; one that nobody wants; one that is given up while it is paused. */
        s->n_heads = s->n_bytes = 0;
        s->answer = NULL;
        (void) begin(s, &(HttpCallOptions) { .stream = &follow, .timeout_usec = 20 * USEC_PER_MSEC });
        run_until(s, &s->n_done, 2);
        assert_int_equal(s->error, -ETIMEDOUT);

        s->answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Seen: yes\r\n\r\n01";
        (void) begin(s, &(HttpCallOptions) { .stream = &follow });
        run_until(s, &s->n_bytes, 2);
        server_end(s, s->n_connections - 1);
        run_until(s, &s->n_done, 3);
        assert_int_equal(s->error, -ECONNRESET);

        s->n_heads = s->n_bytes = 0;
        s->refuses = true;
        (void) begin(s, &(HttpCallOptions) { .stream = &follow });
        run_until(s, &s->n_done, 4);
        assert_int_equal(s->error, -ENOSPC);

        s->n_heads = 0;
        s->refuses = false;
        s->pauses = 1;
        s->n_paused = 0;
        HttpCall *call = begin(s, &(HttpCallOptions) { .stream = &follow });
        run_until(s, &s->n_paused, 1);
        http_call_cancel(call);
        assert_int_equal(http_client_open_calls(s->client), 0);
}

static void test_accept(void **state) {
        Server *s = *state;

        ask(s, &(HttpCallOptions) { .headers = (const char *const[]) { "accept: text/plain", NULL } });
        assert_non_null(strstr(s->asked, "accept: text/plain\r\n"));
        assert_null(strstr(s->asked, "*/*"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_request),
                TEST(test_connections),
                TEST(test_repeated),
                TEST(test_failures),
                TEST(test_cancelled),
                TEST(test_lost),
                TEST(test_followed),
                TEST(test_followed_for_long),
                TEST(test_accept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
