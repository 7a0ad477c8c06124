/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

/* What a daemon proves itself with over TLS (RFC 8446, RFC 5246), and whom it believes: a certificate with its chain, the key, and the
 * certificates of the CAs that sign its peers (RFC 5280). Read and checked once and never changed: a reload makes another. Counted; on the loop's
 * thread only. */
typedef struct TlsIdentity TlsIdentity;

/* Paths of files in PEM (RFC 7468). */
typedef struct TlsFiles {
        char *certificate;              /* the daemon's own first, those that signed it behind */
        char *key;
        char *ca;                       /* NULL: peers are not asked for certificates, and servers are believed by the system's CAs */
} TlsFiles;

void tls_files_deinit(TlsFiles *f);

/* 0, or with a sentence in *ret_why (the caller's; NULL without memory) that names the file: what open(2) says; -EBADMSG: no PEM, no key, a key
 * of another certificate; -EKEYEXPIRED; -EKEYREJECTED: it is not valid yet; -ENOMEM. */
int tls_identity_new(TlsIdentity **ret, const TlsFiles *files, char **ret_why);
TlsIdentity *tls_identity_ref(TlsIdentity *i);
TlsIdentity *tls_identity_unref(TlsIdentity *i);        /* takes NULL; returns NULL */
DEFINE_CLEANUP(TlsIdentity, tls_identity_unref);

bool tls_identity_is_mutual(const TlsIdentity *i);      /* peers show certificates too: there are CAs to believe them by */
uint64_t tls_identity_expires_usec(const TlsIdentity *i);       /* realtime: the first of the chain to expire */
gnutls_certificate_credentials_t tls_identity_credentials(const TlsIdentity *i);        /* borrowed */

typedef enum TlsPart {
        TLS_CERTIFICATE,
        TLS_KEY,
        TLS_CA,
        _TLS_PARTS,
} TlsPart;

/* A part as it was read, in PEM; NULL where there is none. Borrowed. */
const char *tls_identity_pem(const TlsIdentity *i, TlsPart part);
