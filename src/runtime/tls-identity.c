/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/tls-identity.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"

#define FILE_MAX (256u << 10)   /* bytes; a bundle of all public CAs has some 200 KiB */
#define CHAIN_MAX 16

struct TlsIdentity {
        size_t n_refs;
        char *pem[_TLS_PARTS];
        size_t size[_TLS_PARTS];
        gnutls_certificate_credentials_t credentials;
        uint64_t expires_usec;
};

void tls_files_deinit(TlsFiles *f) {
        free(f->certificate);
        free(f->key);
        free(f->ca);
        *f = (TlsFiles) {};
}

TlsIdentity *tls_identity_ref(TlsIdentity *i) {
        if (i)
                i->n_refs++;
        return i;
}

TlsIdentity *tls_identity_unref(TlsIdentity *i) {
        if (!i || --i->n_refs > 0)
                return NULL;
        if (i->credentials)
                gnutls_certificate_free_credentials(i->credentials);
        for (size_t k = 0; k < _TLS_PARTS; k++) {
                /* Of the key nothing stays in memory that is given back. */
                if (i->pem[k])
                        sodium_memzero(i->pem[k], i->size[k]);
                free(i->pem[k]);
        }
        free(i);
        return NULL;
}

bool tls_identity_is_mutual(const TlsIdentity *i) {
        return i->pem[TLS_CA];
}

uint64_t tls_identity_expires_usec(const TlsIdentity *i) {
        return i->expires_usec;
}

gnutls_certificate_credentials_t tls_identity_credentials(const TlsIdentity *i) {
        return i->credentials;
}

const char *tls_identity_pem(const TlsIdentity *i, TlsPart part) {
        return i->pem[part];
}

static _printf_(3, 4) int fail(char **ret_why, int error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vasprintf(ret_why, format, ap) < 0)
                *ret_why = NULL;
        va_end(ap);
        return error;
}

static int read_part(TlsIdentity *i, TlsPart part, const char *path, char **ret_why) {
        static const char *const what[_TLS_PARTS] = { "CertificateFile", "KeyFile", "CAFile" };
        int r = path ? file_read(path, FILE_MAX, &i->pem[part], &i->size[part]) : 0;

        return r < 0 ? fail(ret_why, r, "%s=: %s: %s", what[part], path, strerror(-r)) : 0;
}

static gnutls_datum_t datum(const TlsIdentity *i, TlsPart part) {
        return (gnutls_datum_t) { .data = (unsigned char *) i->pem[part], .size = (unsigned) i->size[part] };
}

static int errno_of(int gnutls_error) {
        return gnutls_error == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EBADMSG;
}

/* When the first of the chain expires. One that is not valid now would be refused by every peer: it is refused here, by name. */
static int read_chain(TlsIdentity *i, const char *path, char **ret_why) {
        gnutls_datum_t pem = datum(i, TLS_CERTIFICATE);
        gnutls_x509_crt_t chain[CHAIN_MAX];
        unsigned n = CHAIN_MAX;
        uint64_t first = UINT64_MAX, begins = 0, now = clock_realtime_usec();
        char text[CLOCK_TEXT_SIZE];
        int k = gnutls_x509_crt_list_import(chain, &n, &pem, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);

        if (k < 0)
                return fail(ret_why, errno_of(k), "CertificateFile=: %s: %s", path, k == GNUTLS_E_SHORT_MEMORY_BUFFER ? "too many certificates" : gnutls_strerror(k));
        for (unsigned c = 0; c < n; c++) {
                time_t expires = gnutls_x509_crt_get_expiration_time(chain[c]), since = gnutls_x509_crt_get_activation_time(chain[c]);

                if (since >= 0 && (uint64_t) since * USEC_PER_SEC > begins)
                        begins = (uint64_t) since * USEC_PER_SEC;
                if (expires >= 0 && (uint64_t) expires * USEC_PER_SEC < first)
                        first = (uint64_t) expires * USEC_PER_SEC;
                gnutls_x509_crt_deinit(chain[c]);
        }
        i->expires_usec = first;
        clock_format_utc(first <= now ? first : begins, text);
        if (first <= now)
                return fail(ret_why, -EKEYEXPIRED, "CertificateFile=: %s expired at %s", path, text);
        if (begins > now)
                return fail(ret_why, -EKEYREJECTED, "CertificateFile=: %s is valid from %s only: is the clock right?", path, text);
        return 0;
}

static int make_credentials(TlsIdentity *i, const TlsFiles *files, char **ret_why) {
        gnutls_datum_t certificate = datum(i, TLS_CERTIFICATE), key = datum(i, TLS_KEY), ca = datum(i, TLS_CA);
        int k = gnutls_certificate_allocate_credentials(&i->credentials);

        if (k < 0)
                return errno_of(k);
        k = gnutls_certificate_set_x509_key_mem(i->credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
        if (k == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
                return fail(ret_why, -EBADMSG, "KeyFile=: %s is not the key of the certificate in %s", files->key, files->certificate);
        if (k < 0)
                return fail(ret_why, errno_of(k), "KeyFile=: %s: %s", files->key, gnutls_strerror(k));
        if (!files->ca)
                return 0;
        k = gnutls_certificate_set_x509_trust_mem(i->credentials, &ca, GNUTLS_X509_FMT_PEM);
        return k > 0 ? 0 : fail(ret_why, k < 0 ? errno_of(k) : -EBADMSG, "CAFile=: %s: %s", files->ca, k < 0 ? gnutls_strerror(k) : "there is no certificate in it");
}

int tls_identity_new(TlsIdentity **ret, const TlsFiles *files, char **ret_why) {
        _cleanup_(tls_identity_unrefp) TlsIdentity *i = calloc(1, sizeof(*i));
        int r;

        *ret_why = NULL;
        if (!i)
                return -ENOMEM;
        i->n_refs = 1;
        r = read_part(i, TLS_CERTIFICATE, files->certificate, ret_why);
        if (r >= 0)
                r = read_part(i, TLS_KEY, files->key, ret_why);
        if (r >= 0)
                r = read_part(i, TLS_CA, files->ca, ret_why);
        if (r >= 0)
                r = read_chain(i, files->certificate, ret_why);
        if (r >= 0)
                r = make_credentials(i, files, ret_why);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}
