/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>
#include <stdbool.h>

/* Who is at the other end of a TLS connection that was accepted: what the client's certificate says. The roles of gradebook are DNS names in it
 * (RFC 5280, 4.2.1.6) that begin with "gradebook": "gradebook-registry", "gradebookctl". They are no hosts' names: whoever connects to a server
 * compares its host name (RFC 6125), whoever is connected to looks for a role. */

#define TLS_ROLES_MAX 8
#define TLS_ROLE_SIZE 64        /* with its NUL */

typedef enum TlsPeerVerdict {
        TLS_PEER_UNKNOWN,               /* not looked at yet */
        TLS_PEER_TRUSTED,               /* signed by one of the CAs, valid today, and with a role */
        TLS_PEER_NO_CERTIFICATE,
        TLS_PEER_EXPIRED,
        TLS_PEER_NOT_YET,               /* valid from a later day; or a clock is wrong */
        TLS_PEER_FOREIGN,               /* signed by another CA, or for another use than that of a client */
        TLS_PEER_NO_ROLE,
        TLS_PEER_UNREADABLE,
        _TLS_PEER_VERDICTS,
} TlsPeerVerdict;

typedef struct TlsPeer {
        TlsPeerVerdict verdict;
        size_t n_roles;
        char roles[TLS_ROLES_MAX][TLS_ROLE_SIZE];
} TlsPeer;

/* Looks at the certificate that the client of a session sent, by the CAs of the session's own credentials. Some 100 µs: once for each connection. */
void tls_peer_look(TlsPeer *p, gnutls_session_t session);
bool tls_peer_has_role(const TlsPeer *p, const char *role);

/* Whether the client's certificate, which is trusted, is that of this host name or address (RFC 6125, RFC 9110, 4.3.4). */
bool tls_peer_is_host(gnutls_session_t session, const char *host);

/* What is wrong with a server's certificate, by the bits of gnutls_certificate_status_t. */
const char *tls_server_text(unsigned status);

/* A sentence for whoever is refused. */
const char *tls_peer_text(TlsPeerVerdict verdict);
