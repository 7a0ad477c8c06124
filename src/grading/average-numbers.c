/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grading/average-numbers.h"

#include <errno.h>

#include "base/macros.h"
#include "grading/average-internal.h"
#include "wire/json.h"

#define DECIMALS 4
#define DECIMALS_SCALE 10000ul

bool average_put_decimal(Buffer *out, const mpq_t value, unsigned long scale) {
        _cleanup_(average_mpz_clear) mpz_t units;
        _cleanup_(average_mpq_clear) mpq_t back;
        _cleanup_(average_mpq_clear) mpq_t exact;
        _cleanup_(freep) char *whole = NULL;
        unsigned long rest;
        unsigned decimals = DECIMALS;

        mpz_init(units);
        mpq_inits(back, exact, NULL);
        average_exact_round(value, scale * DECIMALS_SCALE, units);
        mpq_set_z(back, units);
        mpq_set_ui(exact, scale * DECIMALS_SCALE, 1);
        mpq_mul(exact, exact, value);

        rest = mpz_fdiv_q_ui(units, units, DECIMALS_SCALE);
        whole = mpz_get_str(NULL, 10, units);
        (void) buffer_puts(out, whole);
        if (rest > 0) {
                for (; rest % 10 == 0; rest /= 10)
                        decimals--;
                (void) buffer_printf(out, ".%0*lu", (int) decimals, rest);
        }
        return mpq_equal(back, exact);
}

void average_put_percent(Buffer *out, const mpq_t ratio) {
        _cleanup_(buffer_deinit) Buffer number = BUFFER_NULL;
        bool exact = average_put_decimal(&number, ratio, 100);

        (void) buffer_printf(out, "%s%s %%", exact ? "" : "about ", buffer_text(&number));
        if (number.error < 0 && out->error == 0)
                out->error = number.error;
}

void average_put_hundredths(Buffer *out, uint64_t hundredths) {
        _cleanup_(average_mpq_clear) mpq_t value;

        mpq_init(value);
        mpq_set_ui(value, hundredths, 100);
        mpq_canonicalize(value);
        (void) average_put_decimal(out, value, 1);
}

int average_add_hundredths(json_object *o, const char *member, uint64_t hundredths) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;

        if (hundredths % 100 == 0)
                return json_add_uint64(o, member, hundredths / 100);
        average_put_hundredths(&text, hundredths);
        if (text.error < 0)
                return text.error;
        return json_add(o, member, json_object_new_double_s((double) hundredths / 100, buffer_text(&text)));
}

static int add_mpz(json_object *o, const char *member, const mpz_t value) {
        _cleanup_(freep) char *text = mpz_get_str(NULL, 10, value);

        return json_add_text(o, member, text);
}

int average_add_fraction(json_object *o, const mpq_t value) {
        return add_mpz(o, "Numerator", mpq_numref(value)) < 0 || add_mpz(o, "Denominator", mpq_denref(value)) < 0 ? -ENOMEM : 0;
}

int average_add_ratio(json_object *o, const mpq_t ratio) {
        _cleanup_(buffer_deinit) Buffer percent = BUFFER_NULL;

        (void) average_put_decimal(&percent, ratio, 100);
        if (percent.error < 0 || average_add_fraction(o, ratio) < 0 || json_add_text(o, "Percent", buffer_text(&percent)) < 0)
                return -ENOMEM;
        return 0;
}
