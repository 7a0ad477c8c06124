/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/tls-peer.h"

#include <gnutls/x509.h>
#include <string.h>
#include <strings.h>

#define NAMES_MAX 64            /* of a certificate that are looked through */
#define ROLE_PREFIX "gradebook"

const char *tls_peer_text(TlsPeerVerdict verdict) {
        static const char *const texts[_TLS_PEER_VERDICTS] = {
                [TLS_PEER_UNKNOWN] = "The connection is not made yet",
                [TLS_PEER_TRUSTED] = "The client's certificate is good",
                [TLS_PEER_NO_CERTIFICATE] = "A client certificate of the cluster is needed here, and none was sent",
                [TLS_PEER_EXPIRED] = "The client's certificate has expired",
                [TLS_PEER_NOT_YET] = "The client's certificate is not valid yet: is a clock wrong?",
                [TLS_PEER_FOREIGN] = "The client's certificate is not of a CA that is believed here (CAFile= in [TLS]), or not made for clients",
                [TLS_PEER_NO_ROLE] = "The client's certificate has no DNS name that is a role of gradebook, such as gradebook-grading",
                [TLS_PEER_UNREADABLE] = "The client's certificate cannot be read",
        };

        return texts[verdict];
}

static TlsPeerVerdict verdict_of(unsigned status) {
        if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA | GNUTLS_CERT_SIGNATURE_FAILURE | GNUTLS_CERT_REVOKED))
                return TLS_PEER_FOREIGN;
        if (status & GNUTLS_CERT_EXPIRED)
                return TLS_PEER_EXPIRED;
        if (status & GNUTLS_CERT_NOT_ACTIVATED)
                return TLS_PEER_NOT_YET;
        return status != 0 ? TLS_PEER_FOREIGN : TLS_PEER_TRUSTED;
}

const char *tls_server_text(unsigned status) {
        static const char *const texts[_TLS_PEER_VERDICTS] = {
                [TLS_PEER_EXPIRED] = "the server's certificate has expired",
                [TLS_PEER_NOT_YET] = "the server's certificate is not valid yet: is a clock wrong?",
                [TLS_PEER_FOREIGN] = "the server's certificate is not of a CA that is believed here (CAFile= in [TLS])",
                [TLS_PEER_TRUSTED] = "the server's certificate cannot be verified",
        };

        return texts[verdict_of(status)];
}

static TlsPeerVerdict verify(gnutls_session_t session) {
        gnutls_typed_vdata_st use = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *) GNUTLS_KP_TLS_WWW_CLIENT };
        unsigned status = 0;

        return gnutls_certificate_verify_peers(session, &use, 1, &status) < 0 ? TLS_PEER_UNREADABLE : verdict_of(status);
}

/* A role that is cut, or holds a NUL, is none. */
static void read_roles(TlsPeer *p, gnutls_x509_crt_t certificate) {
        for (unsigned i = 0; i < NAMES_MAX && p->n_roles < TLS_ROLES_MAX; i++) {
                char name[TLS_ROLE_SIZE];
                size_t size = sizeof(name);
                int k = gnutls_x509_crt_get_subject_alt_name(certificate, i, name, &size, NULL);

                if (k == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                        return;
                if (k != GNUTLS_SAN_DNSNAME || strnlen(name, sizeof(name)) != size || strncmp(name, ROLE_PREFIX, strlen(ROLE_PREFIX)) != 0)
                        continue;
                (void) memcpy(p->roles[p->n_roles++], name, size + 1);
        }
}

/* The caller's; NULL: none was sent, or it cannot be read. */
static gnutls_x509_crt_t read_certificate(gnutls_session_t session) {
        unsigned n = 0;
        const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
        gnutls_x509_crt_t certificate;

        if (!chain || n == 0 || gnutls_x509_crt_init(&certificate) < 0)
                return NULL;
        if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) >= 0)
                return certificate;
        gnutls_x509_crt_deinit(certificate);
        return NULL;
}

static TlsPeerVerdict look(TlsPeer *p, gnutls_session_t session) {
        unsigned n = 0;
        gnutls_x509_crt_t certificate;
        TlsPeerVerdict verdict;

        if (!gnutls_certificate_get_peers(session, &n) || n == 0)
                return TLS_PEER_NO_CERTIFICATE;
        verdict = verify(session);
        if (verdict != TLS_PEER_TRUSTED)
                return verdict;
        certificate = read_certificate(session);
        if (!certificate)
                return TLS_PEER_UNREADABLE;
        read_roles(p, certificate);
        gnutls_x509_crt_deinit(certificate);
        return p->n_roles == 0 ? TLS_PEER_NO_ROLE : TLS_PEER_TRUSTED;
}

bool tls_peer_is_host(gnutls_session_t session, const char *host) {
        gnutls_x509_crt_t certificate = read_certificate(session);
        bool is_host = certificate && gnutls_x509_crt_check_hostname(certificate, host) != 0;

        if (certificate)
                gnutls_x509_crt_deinit(certificate);
        return is_host;
}

void tls_peer_look(TlsPeer *p, gnutls_session_t session) {
        *p = (TlsPeer) {};
        p->verdict = look(p, session);
}

bool tls_peer_has_role(const TlsPeer *p, const char *role) {
        for (size_t i = 0; i < p->n_roles; i++)
                if (strcmp(p->roles[i], role) == 0)
                        return true;
        return false;
}
