/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/tls-config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/text.h"

#define CREDENTIAL "tls-key"
/* Of the unit's SetCredential=, for machines without TLS: systemd does not start a unit whose credential's file is not there. */
#define NO_CREDENTIAL "none"
#define CREDENTIAL_MAX (256u << 10)

bool tls_config_is_on(const CommonConfig *config) {
        return !text_is_empty(config->tls_certificate);
}

/* "%p" is the daemon's name, "%%" a percent sign: as in units. */
static int expand(const char *path, const char *name, char **ret) {
        _cleanup_(buffer_deinit) Buffer b = BUFFER_NULL;

        for (const char *p = path; *p; p++)
                if (p[0] == '%' && p[1] == 'p') {
                        (void) buffer_puts(&b, name);
                        p++;
                } else {
                        (void) buffer_append(&b, p, 1);
                        p += p[0] == '%' && p[1] == '%';
                }
        if (b.error < 0)
                return b.error;
        *ret = strdup(buffer_text(&b));
        return *ret ? 0 : -ENOMEM;
}

/* 1: systemd has passed one. */
static int find_credential(char **ret) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(freep) char *path = NULL, *text = NULL;

        if (text_is_empty(directory))
                return 0;
        if (asprintf(&path, "%s/" CREDENTIAL, directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (file_read(path, CREDENTIAL_MAX, &text, NULL) >= 0 && strcmp(text, NO_CREDENTIAL) == 0)
                return 0;
        if (!text)
                return 0;
        *ret = TAKE_PTR(path);
        return 1;
}

static int find_key(const CommonConfig *config, const char *name, const char *config_dir, char **ret) {
        int r;

        if (!text_is_empty(config->tls_key))
                return expand(config->tls_key, name, ret);
        r = find_credential(ret);
        if (r != 0)
                return r;
        if (asprintf(ret, "%s/tls/%s.key", config_dir ? config_dir : GRADEBOOK_CONFDIR, name) >= 0)
                return 0;
        *ret = NULL;
        return -ENOMEM;
}

int tls_config_load(const CommonConfig *config, const char *name, const char *config_dir, TlsIdentity **ret, char **ret_why) {
        _cleanup_(tls_files_deinit) TlsFiles files = {};
        int r;

        *ret_why = NULL;
        if (!tls_config_is_on(config)) {
                if (text_is_empty(config->tls_key) && text_is_empty(config->tls_ca)) {
                        *ret = NULL;
                        return 0;
                }
                *ret_why = strdup("KeyFile= and CAFile= are of no use without CertificateFile=");
                return -EINVAL;
        }
        r = expand(config->tls_certificate, name, &files.certificate);
        if (r >= 0)
                r = find_key(config, name, config_dir, &files.key);
        if (r >= 0 && !text_is_empty(config->tls_ca))
                r = expand(config->tls_ca, name, &files.ca);
        return r < 0 ? r : tls_identity_new(ret, &files, ret_why);
}
