/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/hasher.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

#define SALT_SIZE 16
#define TAG_SIZE 32
#define ENCODING sodium_base64_VARIANT_ORIGINAL_NO_PADDING

_Static_assert(HASHER_TEXT_SIZE == crypto_pwhash_STRBYTES, "room for the text of a hash");

struct Hasher {
        Worker *worker;
        char unknown[HASHER_TEXT_SIZE]; /* a hash that is nobody's, and of no password */
};

static int make_hash(HasherJob *job) {
        if (crypto_pwhash_str(job->text, job->password, strlen(job->password), HASHER_OPERATIONS, HASHER_MEMORY_BYTES) < 0)
                return -ENOMEM;
        return 0;
}

static int verify(HasherJob *job) {
        int old = crypto_pwhash_str_needs_rehash(job->text, HASHER_OPERATIONS, HASHER_MEMORY_BYTES);

        if (old < 0)
                return -EINVAL;
        /* libsodium says EINVAL for another password, and leaves errno as malloc() and mmap() set it if memory is short. */
        errno = 0;
        if (crypto_pwhash_str_verify(job->text, job->password, strlen(job->password)) < 0)
                return errno == EINVAL ? -EACCES : -ENOMEM;
        if (job->action == HASHER_VERIFY_UNKNOWN)
                return -EACCES;
        if (old) {
                char before[HASHER_TEXT_SIZE];

                /* Without memory for a new one the old one stays. */
                memcpy(before, job->text, sizeof(before));
                job->renewed = make_hash(job) == 0;
                if (!job->renewed)
                        memcpy(job->text, before, sizeof(before));
        }
        return 0;
}

static void run(Job *batch, void *userdata) {
        for (Job *job = batch; job; job = job->next) {
                HasherJob *h = CONTAINER_OF(job, HasherJob, job);

                job->result = h->action == HASHER_HASH ? make_hash(h) : verify(h);
                sodium_memzero(h->password, sizeof(h->password));
        }
}

static void on_done(Job *job) {
        HasherJob *h = CONTAINER_OF(job, HasherJob, job);

        h->done(h, job->result);
}

/* As crypto_pwhash_str() writes it, but of random bytes in place of salt and tag. */
static void make_unknown(char ret[static HASHER_TEXT_SIZE]) {
        char salt64[sodium_base64_ENCODED_LEN(SALT_SIZE, ENCODING)], tag64[sodium_base64_ENCODED_LEN(TAG_SIZE, ENCODING)];
        unsigned char salt[SALT_SIZE], tag[TAG_SIZE];

        randombytes_buf(salt, sizeof(salt));
        randombytes_buf(tag, sizeof(tag));
        (void) snprintf(ret, HASHER_TEXT_SIZE, "$argon2id$v=19$m=%zu,t=%d,p=1$%s$%s", HASHER_MEMORY_BYTES / 1024, HASHER_OPERATIONS,
                        sodium_bin2base64(salt64, sizeof(salt64), salt, sizeof(salt), ENCODING),
                        sodium_bin2base64(tag64, sizeof(tag64), tag, sizeof(tag), ENCODING));
}

int hasher_new(Hasher **ret, sd_event *event, size_t queue_max) {
        _cleanup_(hasher_freep) Hasher *h = NULL;
        int r;

        /* It finds out what the processor can do: without it argon2id takes twice as long. */
        if (sodium_init() < 0)
                return -EIO;
        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        make_unknown(h->unknown);
        r = worker_new(&h->worker, event, "passwords", queue_max, 1, run, h);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(h);
        return 0;
}

Hasher *hasher_free(Hasher *h) {
        if (!h)
                return NULL;
        worker_free(h->worker);
        free(h);
        return NULL;
}

static int submit(Hasher *h, HasherJob *job, const char *password) {
        int r;

        job->renewed = false;
        job->job.done = on_done;
        memcpy(job->password, password, strlen(password) + 1);
        r = worker_submit(h->worker, &job->job);
        if (r < 0)
                sodium_memzero(job->password, sizeof(job->password));
        return r;
}

int hasher_hash(Hasher *h, HasherJob *job, const char *password) {
        if (strnlen(password, PASSWORD_BYTES_MAX + 1) > PASSWORD_BYTES_MAX)
                return -EINVAL;
        job->action = HASHER_HASH;
        return submit(h, job, password);
}

int hasher_verify(Hasher *h, HasherJob *job, const char *password, const char *stored) {
        bool too_long = strnlen(password, PASSWORD_BYTES_MAX + 1) > PASSWORD_BYTES_MAX;

        if (stored && strnlen(stored, HASHER_TEXT_SIZE) == HASHER_TEXT_SIZE)
                return -EINVAL;
        job->action = stored && !too_long ? HASHER_VERIFY : HASHER_VERIFY_UNKNOWN;
        if (job->action == HASHER_VERIFY_UNKNOWN)
                stored = h->unknown;
        memcpy(job->text, stored, strlen(stored) + 1);
        return submit(h, job, too_long ? "" : password);
}

size_t hasher_pending(const Hasher *h) {
        return worker_pending(h->worker);
}
