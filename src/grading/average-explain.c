/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/buffer.h"
#include "grading/average-internal.h"
#include "grading/average-numbers.h"
#include "wire/json.h"

typedef struct Explanation {
        const Policy *policy;
        const AverageItem *items;
        size_t n;
        AverageSelection selection;
        json_object *steps;             /* borrowed */
} Explanation;

static const struct {
        const char *reason;
        const char *text;
} reasons[_AVERAGE_FATE_MAX] = {
        [AVERAGE_IGNORED_EXCUSED] = { "Excused", "the student is excused" },
        [AVERAGE_IGNORED_BLANK] = { "Blank", "there is no result yet" },
        [AVERAGE_IGNORED_WEIGHT] = { "WeightZero", "its weight is 0" },
        [AVERAGE_IGNORED_TYPE_WEIGHT] = { "TypeWeightZero", "its type has the weight 0" },
        [AVERAGE_IGNORED_ALONE] = { "ExtraCreditAlone", "it is extra credit, and there is nothing that it could be added to" },
};

static void item_ratio(const AverageItem *item, mpq_t ret) {
        mpq_set_ui(ret, average_score(item), item->maximum_hundredths);
        mpq_canonicalize(ret);
}

/* Appends {"Step":name,"Text":text}; *ret is borrowed, for further members. */
static int add_step(Explanation *e, const char *name, const Buffer *text, json_object **ret) {
        json_object *o = json_object_new_object();

        if (text->error < 0 || !o || json_add_text(o, "Step", name) < 0 || json_add_text(o, "Text", buffer_text(text)) < 0 ||
            json_object_array_add(e->steps, o) < 0) {
                json_object_put(o);
                return -ENOMEM;
        }
        *ret = o;
        return 0;
}

/* Items */

static int add_item_members(const Explanation *e, const AverageItem *item, AverageFate fate, json_object *o) {
        _cleanup_(average_mpq_clear) mpq_t ratio;

        mpq_init(ratio);
        item_ratio(item, ratio);
        if (json_add_uint64(o, "ID", item->assessment_id) < 0 || json_add_text(o, "Title", item->title) < 0 ||
            json_add_text(o, "Type", grade_type_name(item->type)) < 0 ||
            json_add_text(o, "State", average_state_name(item->state)) < 0)
                return -ENOMEM;
        if (reasons[fate].reason)
                return json_add_text(o, "Reason", reasons[fate].reason);
        if (json_add(o, "ExtraCredit", json_object_new_boolean(item->extra_credit)) < 0 ||
            average_add_hundredths(o, "Score", average_score(item)) < 0 ||
            average_add_hundredths(o, "Maximum", item->maximum_hundredths) < 0 ||
            average_add_hundredths(o, "Weight", average_weight(e->policy, item)) < 0)
                return -ENOMEM;
        return average_add_ratio(o, ratio);
}

static int add_item(const Explanation *e, const AverageItem *item, AverageFate fate, json_object *array) {
        json_object *o = json_object_new_object();

        if (!o || add_item_members(e, item, fate, o) < 0 || json_object_array_add(array, o) < 0) {
                json_object_put(o);
                return -ENOMEM;
        }
        return 0;
}

/* "17 of 20 is 85 %", and with the weight. */
static void put_result(const Explanation *e, const AverageItem *item, AverageFate fate, Buffer *out) {
        _cleanup_(average_mpq_clear) mpq_t ratio;
        _cleanup_(average_mpq_clear) mpq_t weight;

        mpq_inits(ratio, weight, NULL);
        item_ratio(item, ratio);
        average_put_hundredths(out, average_score(item));
        (void) buffer_puts(out, " of ");
        average_put_hundredths(out, item->maximum_hundredths);
        (void) buffer_puts(out, " is ");
        average_put_percent(out, ratio);
        if (fate == AVERAGE_DROPPED || e->policy->method == POLICY_MEAN)
                return;
        mpq_set_ui(weight, average_weight(e->policy, item), 100);
        mpq_canonicalize(weight);
        mpq_mul(ratio, ratio, weight);
        (void) buffer_puts(out, ", times the weight ");
        (void) average_put_decimal(out, weight, 1);
        (void) buffer_puts(out, " is ");
        average_put_percent(out, ratio);
}

static int explain_item(Explanation *e, size_t i) {
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        const AverageItem *item = e->items + i;
        AverageFate fate = e->selection.fates[i];
        const char *type = grade_type_name(item->type), *step = "Ignored";
        json_object *o;

        (void) buffer_printf(&text, "\"%s\" (%s)", item->title, type);
        if (reasons[fate].reason) {
                (void) buffer_printf(&text, " does not count: %s.", reasons[fate].text);
        } else {
                if (item->state != AVERAGE_GRADED)
                        (void) buffer_printf(&text, ", %s", average_state_name(item->state));
                (void) buffer_puts(&text, ": ");
                put_result(e, item, fate, &text);
                step = average_counts(fate) ? "Counted" : "Dropped";
                if (fate == AVERAGE_DROPPED)
                        (void) buffer_printf(&text, "; dropped, as the policy drops the %u lowest of the type %s",
                                             e->policy->drop_lowest[item->type], type);
                if (fate == AVERAGE_COUNTED_EXTRA)
                        (void) buffer_puts(&text, "; extra credit, which adds to what is earned and nothing to what can be earned");
                (void) buffer_puts(&text, ".");
        }
        return add_step(e, step, &text, &o) < 0 || add_item_members(e, item, fate, o) < 0 ? -ENOMEM : 0;
}

/* The arrays first, then the steps: those that count, those that were dropped, those that are ignored. */
static int explain_items(Explanation *e, json_object *o) {
        static const char *const members[] = { "Counted", "Dropped", "Ignored" };

        for (size_t m = 0; m < ELEMENTSOF(members); m++) {
                json_object *array = json_object_new_array();

                if (json_add(o, members[m], array) < 0)
                        return -ENOMEM;
                for (size_t i = 0; i < e->n; i++) {
                        AverageFate fate = e->selection.fates[i];
                        size_t belongs = average_counts(fate) ? 0 : fate == AVERAGE_DROPPED ? 1 : 2;

                        if (belongs == m && (add_item(e, e->items + i, fate, array) < 0 || explain_item(e, i) < 0))
                                return -ENOMEM;
                }
        }
        return 0;
}

/* Sums */

static int add_division(Explanation *e, const char *step, const Buffer *text, const char *type, uint64_t by_hundredths,
                        const mpq_t ratio) {
        json_object *o;

        if (add_step(e, step, text, &o) < 0 || (type && json_add_text(o, "Type", type) < 0) ||
            (by_hundredths > 0 && average_add_hundredths(o, "By", by_hundredths) < 0))
                return -ENOMEM;
        return average_add_ratio(o, ratio);
}

static int explain_group(Explanation *e, size_t group) {
        _cleanup_(buffer_deinit) Buffer sum = BUFFER_NULL, division = BUFFER_NULL;
        _cleanup_(average_mpq_clear) mpq_t ratio;
        _cleanup_(average_mpq_clear) mpq_t by;
        const Policy *p = e->policy;
        const char *type = p->method == POLICY_TYPES ? grade_type_name((GradeType) group) : NULL;
        uint64_t earnable = e->selection.earnable[group];

        mpq_inits(ratio, by, NULL);
        average_exact_sum(p, e->items, e->n, &e->selection, group, ratio);
        mpq_set_ui(by, 1, 100);
        mpq_mul(ratio, ratio, by);
        (void) buffer_printf(&sum, "%s%sTogether these are ", type ? type : "", type ? ": " : "");
        average_put_percent(&sum, ratio);
        (void) buffer_puts(&sum, ".");
        if (add_division(e, "Sum", &sum, type, 0, ratio) < 0)
                return -ENOMEM;

        (void) buffer_printf(&division, "%s%sDivided by ", type ? type : "", type ? ": " : "");
        average_put_hundredths(&division, earnable);
        (void) buffer_printf(&division, ", %s without extra credit, that is ",
                             p->method == POLICY_MEAN ? "the number of results" : "the sum of the weights");
        mpq_set_ui(by, 100, earnable);
        mpq_canonicalize(by);
        mpq_mul(ratio, ratio, by);
        average_put_percent(&division, ratio);
        (void) buffer_puts(&division, ".");
        return add_division(e, "Division", &division, type, earnable, ratio);
}

/* total is the average already: its sum before the division is total times the weights. */
static int explain_types(Explanation *e, const mpq_t total) {
        _cleanup_(buffer_deinit) Buffer sum = BUFFER_NULL, division = BUFFER_NULL;
        _cleanup_(average_mpq_clear) mpq_t value;
        uint64_t weights = 0;

        mpq_init(value);
        for (size_t g = 0; g < AVERAGE_GROUPS_MAX; g++) {
                if (e->selection.earnable[g] == 0)
                        continue;
                (void) buffer_printf(&sum, "%s%s times ", weights > 0 ? ", plus " : "", grade_type_name((GradeType) g));
                average_put_hundredths(&sum, average_group_weight(e->policy, g));
                weights += average_group_weight(e->policy, g);
        }
        mpq_set_ui(value, weights, 100);
        mpq_canonicalize(value);
        mpq_mul(value, value, total);
        (void) buffer_puts(&sum, ", is ");
        average_put_percent(&sum, value);
        (void) buffer_puts(&sum, ".");
        if (add_division(e, "TypeSum", &sum, NULL, 0, value) < 0)
                return -ENOMEM;

        (void) buffer_puts(&division, "Divided by ");
        average_put_hundredths(&division, weights);
        (void) buffer_puts(&division, ", the weights of the types that have something to count, that is ");
        average_put_percent(&division, total);
        (void) buffer_puts(&division, ".");
        return add_division(e, "TypeDivision", &division, NULL, weights, total);
}

static int explain_result(Explanation *e, uint32_t hundredths, int letter) {
        _cleanup_(buffer_deinit) Buffer rounding = BUFFER_NULL, text = BUFFER_NULL;
        const Policy *p = e->policy;
        json_object *o;

        (void) buffer_puts(&rounding, "Rounded to two decimals, half up, that is ");
        average_put_hundredths(&rounding, hundredths);
        (void) buffer_puts(&rounding, " %.");
        if (add_step(e, "Rounding", &rounding, &o) < 0 || average_add_hundredths(o, "Average", hundredths) < 0)
                return -ENOMEM;
        if (p->n_scale == 0)
                return 0;

        average_put_hundredths(&text, hundredths);
        (void) buffer_printf(&text, " %% is %s ", letter < 0 ? "below" : "at least");
        average_put_hundredths(&text, p->scale[letter < 0 ? p->n_scale - 1 : (size_t) letter].from_hundredths);
        if (letter < 0)
                (void) buffer_puts(&text, " %, where the last letter begins: there is none.");
        else
                (void) buffer_printf(&text, " %%, where %s begins.", p->scale[letter].letter);
        if (add_step(e, "Letter", &text, &o) < 0)
                return -ENOMEM;
        return json_add_text(o, "Letter", letter < 0 ? NULL : p->scale[letter].letter);
}

static int explain_nothing(Explanation *e, json_object *o) {
        static const char *const members[] = { "Average", "Letter", "Numerator", "Denominator" };
        _cleanup_(buffer_deinit) Buffer text = BUFFER_NULL;
        json_object *step;

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (json_add_text(o, members[i], NULL) < 0)
                        return -ENOMEM;
        (void) buffer_puts(&text, "Nothing counts, so there is no average.");
        return add_step(e, "Nothing", &text, &step);
}

static int explain_average(Explanation *e, json_object *o, const mpq_t ratio, uint32_t hundredths) {
        int letter = policy_letter(e->policy, hundredths), r;

        if (average_add_hundredths(o, "Average", hundredths) < 0 ||
            json_add_text(o, "Letter", letter < 0 ? NULL : e->policy->scale[letter].letter) < 0 || average_add_fraction(o, ratio) < 0)
                return -ENOMEM;
        for (size_t g = 0; g < AVERAGE_GROUPS_MAX; g++)
                if (e->selection.earnable[g] > 0 && explain_group(e, g) < 0)
                        return -ENOMEM;
        if (e->policy->method == POLICY_TYPES) {
                r = explain_types(e, ratio);
                if (r < 0)
                        return r;
        }
        return explain_result(e, hundredths, letter);
}

int average_explain(const Policy *p, const AverageItem *items, size_t n, bool blanks_as_zero, json_object **ret) {
        _cleanup_(json_unrefp) json_object *o = NULL, *steps = NULL;
        _cleanup_(average_mpq_clear) mpq_t ratio;
        Explanation e = { .policy = p, .items = items, .n = n };
        uint32_t hundredths;
        int r, defined;

        mpq_init(ratio);
        r = average_check(items, n);
        if (r < 0)
                return r;
        average_select(p, items, n, blanks_as_zero || p->blank == POLICY_BLANK_ZERO, &e.selection);
        defined = average_exact(p, items, n, &e.selection, &hundredths);
        if (defined == -ERANGE)
                return defined;
        (void) average_exact_ratio(p, items, n, &e.selection, ratio);

        o = json_object_new_object();
        steps = e.steps = json_object_new_array();
        if (!o || !steps || json_add(o, "Defined", json_object_new_boolean(defined == 0)) < 0 ||
            json_add_text(o, "Method", policy_method_name(p->method)) < 0 || explain_items(&e, o) < 0)
                return -ENOMEM;
        r = defined == 0 ? explain_average(&e, o, ratio, hundredths) : explain_nothing(&e, o);
        if (r < 0)
                return r;
        r = json_add(o, "Steps", TAKE_PTR(steps));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}
