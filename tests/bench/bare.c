/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The reference of every ratio in "make bench": what libmicrohttpd itself can do here. One thread of its own, epoll, the
 * same small answer to whatever comes, a body read and forgotten. Its port is the one argument; it ends with its input. */

#include <errno.h>
#include <microhttpd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"

static enum MHD_Result answer(void *userdata, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload_data, size_t *upload_size, void **con_cls) {
        static int seen;

        if (!*con_cls) {
                *con_cls = &seen;
                return MHD_YES;
        }
        if (*upload_size > 0) {
                *upload_size = 0;
                return MHD_YES;
        }
        return MHD_queue_response(connection, MHD_HTTP_OK, userdata);
}

int main(int argc, char *argv[]) {
        static char body[] = "{\"ID\":1,\"FirstName\":\"Nick\",\"LastName\":\"Carter\",\"Grades\":[{\"Title\":\"Quiz 1\",\"Type\":\"Quiz\",\"Score\":85}]}";
        struct MHD_Response *response = MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_PERSISTENT);
        struct MHD_Daemon *daemon;
        uint64_t port;
        char c;

        if (argc != 2 || parse_uint64(argv[1], &port) < 0 || port > UINT16_MAX || !response) {
                (void) fprintf(stderr, "usage: bare PORT\n");
                return 1;
        }
        (void) MHD_add_response_header(response, "Content-Type", "application/json");
        daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, (uint16_t) port, NULL, NULL, answer, response,
                                  MHD_OPTION_CONNECTION_LIMIT, 1024u, MHD_OPTION_END);
        if (!daemon) {
                perror("bare");
                return 1;
        }
        while (read(STDIN_FILENO, &c, 1) > 0 || errno == EINTR)
                ;
        MHD_stop_daemon(daemon);
        MHD_destroy_response(response);
        return 0;
}
