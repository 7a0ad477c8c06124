/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a parser of the wire takes, it writes so that it takes it again and writes the same. The first byte of the input
 * selects the kind of record: '0' plus its index below. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json-syntax.h"
#include "wire/json.h"
#include "wire/ledger-entry.h"
#include "wire/log-record.h"
#include "wire/patch.h"
#include "wire/registration.h"
#include "wire/student.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int any_through(json_object *o, json_object **ret, Problem *problem) {
        *ret = json_object_get(o);
        return 0;
}

static int registration_through(json_object *o, json_object **ret, Problem *problem) {
        _cleanup_(registration_freep) Registration *r = NULL;
        int k = registration_from_json(o, &r, problem);

        return k < 0 ? k : registration_to_json(r, ret);
}

static int patch_through(json_object *o, json_object **ret, Problem *problem) {
        _cleanup_(patch_freep) Patch *p = NULL;
        int r = patch_from_json(o, &p, problem);

        return r < 0 ? r : patch_to_json(p, ret);
}

static int view_through(json_object *o, json_object **ret, Problem *problem) {
        Provider *providers;
        bool settled;
        size_t n;
        int r = view_from_json(o, &providers, &n, &settled, problem);

        if (r < 0)
                return r;
        r = view_to_json(providers, n, settled, ret);
        providers_array_free(providers, n);
        return r;
}

static int log_record_through(json_object *o, json_object **ret, Problem *problem) {
        _cleanup_(log_record_freep) LogRecord *r = NULL;
        int k = log_record_from_json(o, &r, problem);

        return k < 0 ? k : log_record_to_json(r, ret);
}

static int grade_through(json_object *o, json_object **ret, Problem *problem) {
        _cleanup_(grade_deinit) Grade g = {};
        int r = grade_from_json(o, &g, problem);

        return r < 0 ? r : grade_to_json(&g, ret);
}

static int student_through(json_object *o, json_object **ret, Problem *problem) {
        _cleanup_(student_freep) Student *s = NULL;
        int r = student_from_json(o, &s, problem);

        return r < 0 ? r : student_to_json(s, ret);
}

static int ledger_entry_through(json_object *o, json_object **ret, Problem *problem) {
        _cleanup_(buffer_deinit) Buffer line = BUFFER_NULL;
        uint8_t hash[LEDGER_HASH_SIZE], again_hash[LEDGER_HASH_SIZE];
        LedgerEntry e, again;
        int r = ledger_entry_from_json(o, &e, problem);

        if (r < 0)
                return r;
        if (ledger_entry_write(&line, &e) < 0 || json_parse(line.data, line.size, ret, NULL) < 0 || ledger_entry_from_json(*ret, &again, NULL) < 0)
                abort();
        ledger_entry_hash(&e, hash);
        ledger_entry_hash(&again, again_hash);
        if (memcmp(hash, again_hash, sizeof(hash)) != 0)
                abort();
        return 0;
}

static int (*const kinds[])(json_object *o, json_object **ret, Problem *problem) = {
        any_through, registration_through, patch_through, view_through, log_record_through, grade_through, student_through,
        ledger_entry_through,
};

/* One way through: the text's record as text again, for free(). A refusal has to say why. */
static char *pass(size_t kind, const char *text, size_t size) {
        _cleanup_(problem_deinit) Problem problem = PROBLEM_NULL;
        _cleanup_(json_unrefp) json_object *o = NULL, *again = NULL;
        size_t offset;
        int r;

        r = json_parse(text, size, &o, &problem);
        if (r < 0 && size > 0 && !json_syntax_check(text, size, &offset)) {
                (void) fprintf(stderr, "json-c refuses what the syntax allows: %s\n", problem.detail);
                abort();
        }
        if (r >= 0)
                r = kinds[kind](o, &again, &problem);
        if (r >= 0)
                return strdup(json_text(again, NULL));
        if (r != -EBADMSG || problem.status != 400 || !problem.detail || !*problem.detail)
                abort();
        return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *first = NULL, *second = NULL;
        size_t kind;

        if (size == 0)
                return 0;
        kind = (uint8_t) (data[0] - '0') % ELEMENTSOF(kinds);
        first = pass(kind, (const char *) data + 1, size - 1);
        if (!first)
                return 0;
        second = pass(kind, first, strlen(first));
        if (!second || strcmp(first, second) != 0) {
                (void) fprintf(stderr, "kind %zu: %s\nbecame: %s\n", kind, first, second ? second : "(refused)");
                abort();
        }
        return 0;
}
