/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registry/query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "runtime/urlencoded.h"
#include "wire/json.h"

#define NAME_RULE "1 to 64 letters, digits, '-', '_' or '.'"

typedef int (*ValueParser)(Query *q, const char *value);

/* ---- one value; -EINVAL: it is none, -E2BIG: there are too many ---- */

static int texts_add(QueryTexts *t, const char *text) {
        if (t->n >= QUERY_VALUES_MAX)
                return -E2BIG;

        t->items[t->n] = strdup(text);
        if (!t->items[t->n])
                return -ENOMEM;
        t->n++;
        return 0;
}

static void texts_deinit(QueryTexts *t) {
        while (t->n > 0)
                free(t->items[--t->n]);
}

static int parse_state(Query *q, const char *value) {
        for (HealthState s = 0; s < _HEALTH_STATE_MAX; s++)
                if (strcmp(value, health_state_name(s)) == 0) {
                        q->states |= 1u << s;
                        return 0;
                }
        return -EINVAL;
}

static int parse_tag(Query *q, const char *value) {
        return service_name_is_valid(value) ? texts_add(&q->tags, value) : -EINVAL;
}

static int parse_service(Query *q, const char *value) {
        return service_name_is_valid(value) ? texts_add(&q->services, value) : -EINVAL;
}

static int parse_meta(Query *q, const char *value) {
        const char *colon = strchr(value, ':');

        return colon && colon > value ? texts_add(&q->metadata, value) : -EINVAL;
}

static int parse_index(Query *q, const char *value) {
        q->has_index = true;
        return parse_uint64(value, &q->index) < 0 ? -EINVAL : 0;
}

static int parse_after(Query *q, const char *value) {
        q->has_after = true;
        return parse_uint64(value, &q->after) < 0 ? -EINVAL : 0;
}

static int parse_wait(Query *q, const char *value) {
        q->has_wait = true;
        return parse_span_usec(value, &q->wait_usec) < 0 || q->wait_usec > QUERY_WAIT_MAX_USEC ? -EINVAL : 0;
}

static const struct {
        const char *name;
        QueryParameters group;
        bool is_list;           /* values may also stand in one, separated by commas */
        ValueParser parse;
        const char *rule;
} parameters[] = {
        { "state", QUERY_FILTERS, true, parse_state, "states such as 'passing', separated by commas" },
        { "tag", QUERY_FILTERS, true, parse_tag, "tags of " NAME_RULE ", separated by commas" },
        { "meta", QUERY_FILTERS, false, parse_meta, "a key and a value with a colon between them" },
        { "index", QUERY_BLOCKING, false, parse_index, "a number" },
        { "wait", QUERY_BLOCKING, false, parse_wait, "a time span such as '30s', at most 10min" },
        { "service", QUERY_EVENTS, true, parse_service, "service names of " NAME_RULE ", separated by commas" },
        { "after", QUERY_EVENTS, false, parse_after, "a number" },
};

/* ---- the whole ---- */

typedef struct Parsing {
        QueryParameters allowed;
        Query *query;
        Problem *problem;
        size_t n_pairs;
} Parsing;

static int parse_values(Query *q, size_t parameter, char *value) {
        char *rest = value;

        if (!parameters[parameter].is_list)
                return parameters[parameter].parse(q, value);

        for (char *item = strsep(&rest, ","); item; item = strsep(&rest, ",")) {
                int r = parameters[parameter].parse(q, item);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int refuse_name(const Parsing *p, const char *name) {
        char known[128] = "";
        size_t size = 0;

        for (size_t i = 0; i < ELEMENTSOF(parameters); i++)
                if (parameters[i].group & p->allowed)
                        size += (size_t) snprintf(known + size, sizeof(known) - size, "%s'%s'", size > 0 ? ", " : "",
                                                  parameters[i].name);
        if (service_name_is_valid(name))
                return problem_set(p->problem, 400, "Parameter '%s' is unknown; the query may hold %s", name, known);
        return problem_set(p->problem, 400, "A parameter is unknown; the query may hold %s", known);
}

static int on_pair(const char *name, size_t name_size, const char *value, size_t value_size, void *userdata) {
        _cleanup_(freep) char *n = strndup(name, name_size), *v = strndup(value, value_size);
        Parsing *p = userdata;

        if (!n || !v)
                return -ENOMEM;

        p->n_pairs++;
        for (size_t i = 0; i < ELEMENTSOF(parameters); i++) {
                if (strcmp(parameters[i].name, n) != 0 || !(parameters[i].group & p->allowed))
                        continue;

                int r = parse_values(p->query, i, v);
                if (r == -E2BIG)
                        return problem_set(p->problem, 400, "Parameter '%s' comes more than %d times", n, QUERY_VALUES_MAX);
                if (r == -EINVAL)
                        return problem_set(p->problem, 400, "Parameter '%s' must be %s", n, parameters[i].rule);
                return r;
        }
        return refuse_name(p, n);
}

static size_t count_pairs(const char *text) {
        size_t n = 0;

        while (*text) {
                size_t size = strcspn(text, "&");

                n += size > 0;
                text += size;
                text += *text == '&';
        }
        return n;
}

static int parse(const char *text, Parsing *p) {
        int r = urlencoded_parse(text, strlen(text), on_pair, p);
        if (r < 0)
                return r;

        /* What cannot be decoded is left out there. */
        if (p->n_pairs != count_pairs(text))
                return problem_set(p->problem, 400, "The query is not valid: a bad escape, or no UTF-8");
        if (p->query->has_wait && !p->query->has_index)
                return problem_set(p->problem, 400, "Parameter 'wait' needs 'index'");
        return 0;
}

int query_parse(Request *request, QueryParameters allowed, Query *ret) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        Query q = { .wait_usec = QUERY_WAIT_DEFAULT_USEC };
        Parsing parsing = { .allowed = allowed, .query = &q, .problem = &problem };

        int r = parse(request_query_string(request), &parsing);
        if (r < 0) {
                query_deinit(&q);
                if (problem.status != 0)
                        request_reply_problem(request, &problem);
                else
                        request_fail_errno(request, r, "reading the query");
                return r;
        }
        *ret = q;
        return 0;
}

void query_deinit(Query *q) {
        texts_deinit(&q->tags);
        texts_deinit(&q->metadata);
        texts_deinit(&q->services);
}

static bool has_metadata(const Registration *r, const char *pair) {
        size_t key_size = strcspn(pair, ":");
        char key[SERVICE_NAME_MAX + 1];
        json_object *value;

        if (!r->metadata || key_size >= sizeof(key))
                return false;

        memcpy(key, pair, key_size);
        key[key_size] = 0;
        return json_object_object_get_ex(r->metadata, key, &value) && strcmp(json_object_get_string(value), pair + key_size + 1) == 0;
}

bool query_matches(const Query *q, const Registration *r, HealthState state) {
        if (q->states != 0 && !(q->states & 1u << state))
                return false;
        for (size_t i = 0; i < q->tags.n; i++)
                if (!registration_has_tag(r, q->tags.items[i]))
                        return false;
        for (size_t i = 0; i < q->metadata.n; i++)
                if (!has_metadata(r, q->metadata.items[i]))
                        return false;
        return true;
}

bool query_wants_service(const Query *q, const char *name) {
        for (size_t i = 0; i < q->services.n; i++)
                if (strcmp(q->services.items[i], name) == 0)
                        return true;
        return q->services.n == 0;
}
