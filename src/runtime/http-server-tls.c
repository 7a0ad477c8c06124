/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>

#include "base/log.h"
#include "runtime/http-server-internal.h"

/* libmicrohttpd keeps one certificate for as long as its daemon lives. Here each session gets the credentials of the day when it begins, and keeps
 * them: a reload changes what new connections see, and no connection that is open notices. */

/* Those of libmicrohttpd itself are never asked for. */
int http_tls_no_certificate(gnutls_session_t session, const gnutls_datum_t *cas, int n_cas, const gnutls_pk_algorithm_t *algorithms,
                            int n_algorithms, gnutls_pcert_st **certificates, unsigned *n_certificates, gnutls_privkey_t *key) {
        return -1;
}

void http_connection_begin_tls(Connection *c, struct MHD_Connection *mhd) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        TlsIdentity *identity = c->listener->server->tls;

        if (!identity || !info || !info->tls_session)
                return;
        /* Without them the session has those that answer nothing, and its handshake fails. */
        if (gnutls_credentials_set(info->tls_session, GNUTLS_CRD_CERTIFICATE, tls_identity_credentials(identity)) < 0) {
                log_error("Out of memory for a TLS connection");
                return;
        }
        c->tls = tls_identity_ref(identity);
        c->session = info->tls_session;
        c->mhd = mhd;
        if (http_connection_open_tls_io(c) < 0) {
                (void) shutdown(c->fd, SHUT_RDWR);
                return;
        }
        if (tls_identity_is_mutual(identity))
                gnutls_certificate_server_set_request(c->session, GNUTLS_CERT_REQUEST);
}

/* libmicrohttpd has ended the session by now. */
void http_connection_end_tls(Connection *c) {
        if (c->tls && !c->shook_hands)
                c->listener->server->counters.tls_failed++;
        http_connection_close_tls_io(c);
        c->session = NULL;
        c->tls = tls_identity_unref(c->tls);
}

const TlsPeer *http_connection_peer(Connection *c) {
        if (c->peer.verdict == TLS_PEER_UNKNOWN)
                tls_peer_look(&c->peer, c->session);
        return &c->peer;
}

bool http_connection_is_mutual(const Connection *c) {
        return c->tls && tls_identity_is_mutual(c->tls);
}

bool request_is_from(Request *r, const char *role) {
        return r->connection && (!http_connection_is_mutual(r->connection) || tls_peer_has_role(http_connection_peer(r->connection), role));
}

bool request_is_from_host(Request *r, const char *host) {
        return r->connection && http_connection_is_mutual(r->connection) && http_connection_peer(r->connection)->verdict == TLS_PEER_TRUSTED &&
                tls_peer_is_host(r->connection->session, host);
}

bool request_is_over_tls(const Request *r) {
        return r->connection && r->connection->tls;
}

void http_server_set_tls(HttpServer *s, TlsIdentity *identity) {
        TlsIdentity *old = s->tls;

        s->tls = tls_identity_ref(identity);
        tls_identity_unref(old);
}
