/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/secret-change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "wire/json.h"

#define SECONDS_SIZE 24

static void hashed(HasherJob *job, int result) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        SecretChange *s = CONTAINER_OF(job, SecretChange, hash);

        if (result < 0)
                result = secret_not_hashed(result, &problem);
        change_submit(&s->change, result, &problem);
}

void secret_change_submit(SecretChange *s, const char *password) {
        int k;

        s->hash.done = hashed;
        k = hasher_hash(s->change.grading->hasher, &s->hash, password);
        if (k < 0)
                hashed(&s->hash, k);
}

int secret_try(Grading *g, Request *r, ThrottleKey key, Problem *problem) {
        uint64_t wait = throttle_try(g->throttle, key, clock_monotonic_usec()), seconds = (wait + USEC_PER_SEC - 1) / USEC_PER_SEC;
        char text[SECONDS_SIZE];

        if (wait == 0)
                return 0;
        (void) snprintf(text, sizeof(text), "%" PRIu64, seconds);
        request_set_header(r, "Retry-After", text);
        return problem_set(problem, 429, "Too many tries: the next one is worth it in %s s", text);
}

int secret_not_hashed(int error, Problem *problem) {
        if (error == -EBUSY)
                return problem_set(problem, 503, "Too many sign in or set passwords at the same time: try again soon");
        if (error == -ENOMEM)
                return problem_set(problem, 503, "There is no memory to hash a password now: try again soon");
        return problem_set(problem, 500, "The password cannot be hashed");
}

int secret_get(json_object *o, const char *member, const char **ret, Problem *problem) {
        if (!o)
                return problem_set(problem, 400, "The body is empty where JSON is expected");
        return json_get_text(o, member, 1, PASSWORD_MAX, ret, problem);
}
