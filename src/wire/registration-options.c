/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/registration-options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/text.h"
#include "wire/json.h"

#define SPAN_TEXT_MAX 64

typedef struct SpanItem {
        const char *member;
        size_t offset;
        uint64_t min_usec, max_usec;
        const char *range;
} SpanItem;

/* The ranges are those of the keys of the same names in registry.conf(5). */
static const SpanItem span_items[] = {
        { "HeartbeatSec", offsetof(Registration, heartbeat_usec), 100 * USEC_PER_MSEC, 3600 * USEC_PER_SEC, "100ms to 1h" },
        { "HeartbeatTimeoutSec", offsetof(Registration, heartbeat_timeout_usec), 10 * USEC_PER_MSEC, 60 * USEC_PER_SEC, "10ms to 1min" },
        { "ForgetSec", offsetof(Registration, forget_usec), USEC_PER_SEC, 365 * 86400 * USEC_PER_SEC, "1s to 365d" },
};

static uint64_t *span_at(Registration *r, const SpanItem *item) {
        return (uint64_t *) ((char *) r + item->offset);
}

static uint64_t span_of(const Registration *r, const SpanItem *item) {
        return *(const uint64_t *) ((const char *) r + item->offset);
}

/* ---- Tags ---- */

static int parse_tags(json_object *o, Registration *r, Problem *problem) {
        json_object *array;

        int k = json_get_array(o, "Tags", REGISTRATION_TAGS_MAX, &array, problem);
        if (k < 0)
                return k;

        size_t n = array ? json_object_array_length(array) : 0;
        if (n == 0)
                return 0;

        r->tags = calloc(n, sizeof(*r->tags));
        if (!r->tags)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                json_object *element = json_object_array_get_idx(array, i);
                const char *tag = json_object_is_type(element, json_type_string) ? json_object_get_string(element) : "";

                if (!service_name_is_valid(tag))
                        return problem_set(problem, 400, "Member 'Tags' must hold tags: element %zu is not 1 to %d letters, "
                                           "digits, '-', '_' or '.'", i, SERVICE_NAME_MAX);
                if (registration_has_tag(r, tag))
                        continue;
                r->tags[r->n_tags] = strdup(tag);
                if (!r->tags[r->n_tags])
                        return -ENOMEM;
                r->n_tags++;
        }
        return 0;
}

static int add_tags(const Registration *r, json_object *o) {
        json_object *array = json_object_new_array();

        int k = json_add(o, "Tags", array);
        for (size_t i = 0; i < r->n_tags && k >= 0; i++) {
                json_object *tag = json_object_new_string(r->tags[i]);

                if (!tag || json_object_array_add(array, tag) < 0) {
                        json_object_put(tag);
                        k = -ENOMEM;
                }
        }
        return k;
}

static bool tags_cover(const Registration *a, const Registration *b) {
        for (size_t i = 0; i < b->n_tags; i++)
                if (!registration_has_tag(a, b->tags[i]))
                        return false;
        return true;
}

/* ---- Metadata ---- */

static int parse_metadata(json_object *o, Registration *r, Problem *problem) {
        _cleanup_(json_unrefp) json_object *copy = NULL;
        json_object *metadata = NULL;
        size_t n = 0;

        if (!json_object_object_get_ex(o, "Metadata", &metadata) || !metadata)
                return 0;
        if (!json_object_is_type(metadata, json_type_object) ||
            json_object_object_length(metadata) > REGISTRATION_METADATA_MAX)
                return problem_set(problem, 400, "Member 'Metadata' must be an object of at most %d texts",
                                   REGISTRATION_METADATA_MAX);

        copy = json_object_new_object();
        if (!copy)
                return -ENOMEM;

        json_object_object_foreach(metadata, key, value) {
                const char *text;

                n++;
                if (!service_name_is_valid(key))
                        return problem_set(problem, 400, "Member 'Metadata' must have keys of 1 to %d letters, digits, '-', '_' "
                                           "or '.': that of pair %zu is not", SERVICE_NAME_MAX, n);
                if (!json_object_is_type(value, json_type_string))
                        return problem_set(problem, 400, "Member 'Metadata' must hold texts: '%s' is none", key);

                int k = json_get_text(metadata, key, 0, REGISTRATION_METADATA_VALUE_MAX, &text, problem);
                if (k == -EBADMSG && problem)
                        return problem_set(problem, 400, "In 'Metadata': %s", problem->detail ? problem->detail : "");
                if (k >= 0)
                        k = json_add_text(copy, key, text ? text : "");
                if (k < 0)
                        return k;
        }
        if (n > 0)
                r->metadata = TAKE_PTR(copy);
        return 0;
}

static int add_metadata(const Registration *r, json_object *o) {
        json_object *copy = json_object_new_object();

        int k = json_add(o, "Metadata", copy);
        if (k < 0)
                return k;

        json_object_object_foreach(r->metadata, key, value) {
                k = json_add_text(copy, key, json_object_get_string(value));
                if (k < 0)
                        return k;
        }
        return 0;
}

static bool metadata_equal(const Registration *a, const Registration *b) {
        return a->metadata && b->metadata ? json_object_equal(a->metadata, b->metadata) : a->metadata == b->metadata;
}

/* ---- numbers ---- */

static bool is_given(json_object *o, const char *member, json_object **ret) {
        return json_object_object_get_ex(o, member, ret) && *ret;
}

static int parse_span(json_object *o, const SpanItem *item, Registration *r, Problem *problem) {
        json_object *value;
        uint64_t usec = 0;
        int k = -EINVAL;

        if (!is_given(o, item->member, &value))
                return 0;

        if (json_object_is_type(value, json_type_string) && json_object_get_string_len(value) <= SPAN_TEXT_MAX)
                k = parse_span_usec(json_object_get_string(value), &usec);
        if (json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0 &&
            !__builtin_mul_overflow((uint64_t) json_object_get_int64(value), USEC_PER_SEC, &usec))
                k = 0;
        if (k < 0 || (usec != 0 && (usec < item->min_usec || usec > item->max_usec)))
                return problem_set(problem, 400, "Member '%s' must be a time span from %s, as a text (\"500ms\") or in whole "
                                   "seconds, or 0 for the registry's own", item->member, item->range);

        *span_at(r, item) = usec;
        return 0;
}

/* Whole seconds as a number, anything finer as a text: nothing is lost on the way through the store. */
static int add_span(json_object *o, const char *member, uint64_t usec) {
        char text[32];

        if (usec == 0)
                return 0;
        if (usec % USEC_PER_SEC == 0)
                return json_add_uint64(o, member, usec / USEC_PER_SEC);

        bool fine = usec % USEC_PER_MSEC != 0;
        (void) snprintf(text, sizeof(text), "%" PRIu64 "%s", fine ? usec : usec / USEC_PER_MSEC, fine ? "us" : "ms");
        return json_add_text(o, member, text);
}

static int parse_number(json_object *o, const char *member, uint64_t min, uint64_t max, unsigned *ret, Problem *problem) {
        json_object *value;
        uint64_t number;

        if (!is_given(o, member, &value))
                return 0;

        int k = json_get_uint64(o, member, min, max, &number, problem);
        if (k >= 0)
                *ret = (unsigned) number;
        return k;
}

/* ---- all of them ---- */

int registration_options_from_json(json_object *o, Registration *r, Problem *problem) {
        r->weight = WEIGHT_DEFAULT;

        int k = parse_tags(o, r, problem);
        if (k >= 0)
                k = parse_metadata(o, r, problem);
        if (k >= 0)
                k = parse_number(o, "Weight", 1, WEIGHT_MAX, &r->weight, problem);
        if (k >= 0)
                k = parse_number(o, "FailureThreshold", 0, FAILURE_THRESHOLD_MAX, &r->failure_threshold, problem);
        for (size_t i = 0; i < ELEMENTSOF(span_items) && k >= 0; i++)
                k = parse_span(o, &span_items[i], r, problem);
        return k;
}

int registration_options_to_json(const Registration *r, json_object *o) {
        int k = r->n_tags > 0 ? add_tags(r, o) : 0;

        if (k >= 0 && r->metadata)
                k = add_metadata(r, o);
        if (k >= 0 && weight_or_default(r->weight) != WEIGHT_DEFAULT)
                k = json_add_uint64(o, "Weight", r->weight);
        for (size_t i = 0; i < ELEMENTSOF(span_items) && k >= 0; i++)
                k = add_span(o, span_items[i].member, span_of(r, &span_items[i]));
        if (k >= 0 && r->failure_threshold > 0)
                k = json_add_uint64(o, "FailureThreshold", r->failure_threshold);
        return k;
}

bool registration_options_equal(const Registration *a, const Registration *b) {
        for (size_t i = 0; i < ELEMENTSOF(span_items); i++)
                if (span_of(a, &span_items[i]) != span_of(b, &span_items[i]))
                        return false;
        return weight_or_default(a->weight) == weight_or_default(b->weight) &&
               a->failure_threshold == b->failure_threshold && tags_cover(a, b) && tags_cover(b, a) && metadata_equal(a, b);
}

void registration_options_deinit(Registration *r) {
        for (size_t i = 0; i < r->n_tags; i++)
                free(r->tags[i]);
        free(r->tags);
        json_object_put(r->metadata);
}
