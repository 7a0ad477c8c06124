/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/http-client-internal.h"
#include "runtime/tls-peer.h"

/* libcurl with GnuTLS (7.88) takes certificates as files alone, which it reads at each handshake. It is given files in memory of what was checked when
 * it was loaded: what stands on the disk meanwhile, half written perhaps, does not count. A reload puts others behind the same descriptors. */

static int file_in_memory(const char *text, const char *name) {
        _cleanup_(fd_closep) int fd = memfd_create(name, MFD_CLOEXEC);
        int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));

        return r < 0 ? r : TAKE_FD(fd);
}

/* All or none. A part that was there keeps its descriptor's number. */
int http_client_set_tls(HttpClient *c, const TlsIdentity *identity) {
        static const char *const names[_TLS_PARTS] = { "tls-certificate", "tls-key", "tls-ca" };
        int fds[_TLS_PARTS] = { -1, -1, -1 }, r = 0;

        for (size_t i = 0; i < _TLS_PARTS && r >= 0; i++)
                if (tls_identity_pem(identity, (TlsPart) i))
                        r = fds[i] = file_in_memory(tls_identity_pem(identity, (TlsPart) i), names[i]);
        for (size_t i = 0; i < _TLS_PARTS && r >= 0; i++) {
                if (fds[i] < 0 || c->tls_fds[i] < 0) {
                        c->tls_fds[i] = fd_close(c->tls_fds[i]);
                        c->tls_fds[i] = TAKE_FD(fds[i]);
                } else if (dup3(fds[i], c->tls_fds[i], O_CLOEXEC) < 0) {
                        r = -errno;
                }
        }
        for (size_t i = 0; i < _TLS_PARTS; i++)
                (void) fd_close(fds[i]);
        /* The handles that wait have the paths of before. */
        while (c->n_idle > 0)
                curl_easy_cleanup(c->idle[--c->n_idle]);
        return r < 0 ? r : 0;
}

int http_client_share_tls(HttpClient *c, const HttpClient *from) {
        for (size_t i = 0; i < _TLS_PARTS; i++) {
                if (from->tls_fds[i] < 0)
                        continue;
                c->tls_fds[i] = fcntl(from->tls_fds[i], F_DUPFD_CLOEXEC, 3);
                if (c->tls_fds[i] < 0)
                        return -errno;
        }
        return 0;
}

void http_client_close_tls(HttpClient *c) {
        for (size_t i = 0; i < _TLS_PARTS; i++)
                c->tls_fds[i] = fd_close(c->tls_fds[i]);
}

/* Better than libcurl's sentence, which names our file in memory. NULL: it failed for something else. */
const char *http_client_tls_text(CURL *easy, CURLcode code) {
        long status = 0;

        if (code != CURLE_PEER_FAILED_VERIFICATION || curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &status) != CURLE_OK || status <= 0)
                return NULL;
        return tls_server_text((unsigned) status);
}

/* What a new handle is to know. libcurl's own defaults: the server's certificate is verified, and its name. It would believe every CA of /etc/ssl/certs
 * besides ours, and read them all at each handshake. */
bool http_client_set_tls_options(const HttpClient *c, CURL *easy) {
        static const CURLoption options[_TLS_PARTS] = { CURLOPT_SSLCERT, CURLOPT_SSLKEY, CURLOPT_CAINFO };
        bool ok = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK;

        for (size_t i = 0; i < _TLS_PARTS; i++) {
                char path[32];

                (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", c->tls_fds[i]);
                if (c->tls_fds[i] >= 0)
                        ok = ok && curl_easy_setopt(easy, options[i], path) == CURLE_OK;
        }
        if (c->tls_fds[TLS_CA] >= 0)
                ok = ok && curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
        return ok;
}
