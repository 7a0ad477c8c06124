# SPDX-License-Identifier: LGPL-2.1-or-later
"""Averages, explanations and statistics against python's fractions: the rules of ARITHMETIC in gradebook-grading(8), written
a second time, on random results. GRADEBOOK_ARITHMETIC_CASES says how many (the default takes some seconds),
GRADEBOOK_ARITHMETIC_SEED which. All numbers are hundredths, as average-cases.c has them."""

import collections
import json
import math
import os
import random
import statistics
import subprocess
from fractions import Fraction

import pytest

import gradebook

PROGRAM = gradebook.BUILD / "tests/unit/average-cases"
CASES = int(os.environ.get("GRADEBOOK_ARITHMETIC_CASES", "5000"))
SEED = int(os.environ.get("GRADEBOOK_ARITHMETIC_SEED", "1"))
BATCH = 2500
TYPES = ("Quiz", "Test", "Exam", "Homework")
# What average.h promises nobody gets over is not asked for: 42949672.95 %.
AVERAGE_MAX = 2**32 - 1
LARGE_PRIMES = (99991, 99989, 99971, 99961, 99929, 99923, 99907, 99901, 99881, 99877, 4294967291)
HALF = Fraction(1, 2)


def answers(cases):
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run([PROGRAM], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(cases)
    return found


def half_up(value):
    return math.floor(value + HALF)


# The rules

class Reference:
    """One of the two averages of a case."""

    def __init__(self, case, blanks_as_zero):
        policy = case["Policy"]
        self.policy = policy
        self.method = policy.get("Method", "mean")
        self.zero = blanks_as_zero or policy.get("Blank") == "zero"
        self.rules = collections.Counter()
        self.reasons = {}
        self.dropped = set()
        ordinary, extras = [], []
        for item in case["Items"]:
            reason = self.reason_to_ignore(item)
            if reason:
                self.reasons[item["ID"]] = reason
            else:
                (extras if item["Extra"] else ordinary).append(item)
        self.drop(ordinary)
        ordinary = [item for item in ordinary if item["ID"] not in self.dropped]
        self.average = self.combine(ordinary, extras)

    def reason_to_ignore(self, item):
        if item["State"] == "excused":
            return "Excused"
        if item["State"] == "blank" and (item["Extra"] or not self.zero):
            return "Blank"
        if self.method != "mean" and item["Weight"] == 0:
            return "WeightZero"
        if self.method == "types" and self.type_weight(item["Type"]) == 0:
            return "TypeWeightZero"
        return None

    def type_weight(self, name):
        return Fraction(str(self.policy.get("TypeWeights", {}).get(name, 0)))

    def percentage(self, item):
        return Fraction(item["Score"] if item["State"] in ("graded", "late") else 0, item["Maximum"])

    def weight(self, item):
        return Fraction(1) if self.method == "mean" else Fraction(item["Weight"], 100)

    def drop(self, ordinary):
        for name in TYPES:
            limit = self.policy.get("DropLowest", {}).get(name, 0)
            # sorted() is stable: of equal ones the earlier comes first.
            ranked = sorted((item for item in ordinary if item["Type"] == name), key=self.percentage)
            gone = ranked[:min(limit, max(len(ranked) - 1, 0))]
            self.dropped |= {item["ID"] for item in gone}
            self.rules["one stays"] += limit >= len(ranked) > 0
            if gone and len(gone) < len(ranked):
                self.rules["drop"] += 1
                tied = self.percentage(gone[-1]) == self.percentage(ranked[len(gone)])
                self.rules["tie"] += tied
                self.rules["tie of unequal maxima"] += tied and gone[-1]["Maximum"] != ranked[len(gone)]["Maximum"]
                self.rules["blank dropped"] += any(item["State"] == "blank" for item in gone)

    def combine(self, ordinary, extras):
        self.counted = {item["ID"] for item in ordinary}
        groups = TYPES if self.method == "types" else (None,)
        means = {}
        for group in groups:
            def inside(items, group=group):
                return [item for item in items if group in (None, item["Type"])]
            earnable = sum(map(self.weight, inside(ordinary)))
            if earnable == 0:
                self.reasons |= {item["ID"]: "ExtraCreditAlone" for item in inside(extras)}
                self.rules["extra credit alone"] += bool(inside(extras))
                continue
            self.counted |= {item["ID"] for item in inside(extras)}
            self.rules["extra credit"] += bool(inside(extras))
            means[group] = sum(self.percentage(item) * self.weight(item) for item in inside(ordinary) + inside(extras)) / earnable
        if not means:
            return None
        if self.method != "types":
            return means[None]
        self.rules["type without results"] += len(means) < sum(self.type_weight(name) > 0 for name in TYPES)
        return sum(mean * self.type_weight(name) for name, mean in means.items()) / sum(map(self.type_weight, means))

    def shown(self):
        return None if self.average is None else half_up(self.average * 10000)

    def letter(self):
        if self.average is None:
            return -1
        return next((i for i, letter in enumerate(self.policy.get("Scale", []))
                     if self.shown() >= Fraction(str(letter["From"])) * 100), -1)


# The cases

def random_policy(rng):
    policy = {}
    if rng.random() < 0.9:
        policy["Method"] = rng.choice(("mean", "types", "types", "assessments"))
    if policy.get("Method") == "types" or rng.random() < 0.2:
        weights = {name: rng.choice((0, 10, 20, 30, 50, 12.34, 33.33, rng.randint(1, 100000) / 100))
                   for name in TYPES if rng.random() < 0.85}
        weights[rng.choice(TYPES)] = rng.choice((1, 25, 99.99))
        policy["TypeWeights"] = weights
    if rng.random() < 0.6:
        policy["DropLowest"] = {name: rng.choice((0, 1, 1, 2, 3, 100)) for name in TYPES if rng.random() < 0.7}
    if rng.random() < 0.5:
        policy["Blank"] = rng.choice(("ignored", "zero"))
    if rng.random() < 0.5:
        bounds = sorted(rng.sample(range(2000, 11000), rng.randint(1, 20)), reverse=True)
        policy["Scale"] = [{"Letter": f"L{i}", "From": bound / 100} for i, bound in enumerate(bounds)]
    return policy


MAXIMA = (
    lambda rng: 10000,
    lambda rng: rng.choice((1000, 2000, 2500, 5000, 10000)),
    lambda rng: rng.choice((300, 700, 1100, 1300, 1700)),
    lambda rng: rng.choice((3200, 6400, 12800, 20000)),
    lambda rng: rng.choice((1, 2, 3, 7)),
    lambda rng: rng.randint(1, 100000),
    lambda rng: rng.choice(LARGE_PRIMES),
)
WEIGHTS = (
    lambda rng: 100,
    lambda rng: rng.choice((0, 25, 50, 100, 200, 300)),
    lambda rng: rng.randint(1, 5000),
    lambda rng: rng.randint(2**31, 2**32 - 1),
)
SCORES = (
    lambda rng, maximum: rng.randint(0, maximum),
    lambda rng, maximum: maximum * rng.randint(0, 4) // 4,
    lambda rng, maximum: maximum * rng.randint(80, 100) // 100,
    lambda rng, maximum: min(maximum * rng.randint(4, 6) // 4, 2**32 - 1),
)
STATES = (
    lambda rng: "graded",
    lambda rng: rng.choice(("graded", "graded", "graded", "blank", "missing", "excused", "late", "absent")),
    lambda rng: rng.choice(("blank", "excused", "graded")),
)


def random_case(rng):
    maximum, weight, score, state = map(rng.choice, (MAXIMA, WEIGHTS, SCORES, STATES))
    extra_share = rng.choice((0, 0.1, 0.5))
    names = rng.choice((TYPES, TYPES, TYPES[:2], TYPES[2:3]))
    items = []
    for number in range(rng.choice((0, 1, 2, 3, 5, 8, 13, 18))):
        top = maximum(rng)
        items.append({"ID": number + 1, "Type": rng.choice(names), "Maximum": top, "Weight": weight(rng),
                      "Extra": rng.random() < extra_share, "State": state(rng), "Score": score(rng, top)})
    return {"Policy": random_policy(rng), "Items": items, "Explain": rng.random() < 0.1}


# The comparison

def check_explanation(explained, reference, case):
    average, items = reference.average, {item["ID"]: item for item in case["Items"]}
    assert explained["Defined"] == (average is not None)
    assert {item["ID"] for item in explained["Counted"]} == reference.counted
    assert {item["ID"] for item in explained["Dropped"]} == reference.dropped
    assert {item["ID"]: item["Reason"] for item in explained["Ignored"]} == reference.reasons
    for item in explained["Counted"] + explained["Dropped"]:
        percentage = reference.percentage(items[item["ID"]])
        assert Fraction(int(item["Numerator"]), int(item["Denominator"])) == percentage
        assert Fraction(item["Percent"]) == Fraction(half_up(percentage * 10**6), 10**4)
    steps = explained["Steps"]
    assert [step["ID"] for step in steps if "ID" in step] == [
        item["ID"] for name in ("Counted", "Dropped", "Ignored") for item in explained[name]]
    if average is None:
        assert explained["Average"] is None and steps[-1]["Step"] == "Nothing"
        return
    assert Fraction(int(explained["Numerator"]), int(explained["Denominator"])) == average
    assert math.gcd(int(explained["Numerator"]), int(explained["Denominator"])) == 1
    assert Fraction(str(explained["Average"])) * 100 == reference.shown()

    # What a teacher does with a calculator: each division follows from the step before it, and the last is the average.
    divided, last = {}, None
    for before, step in zip(steps, steps[1:]):
        if step["Step"] in ("Division", "TypeDivision"):
            sum_, last = (Fraction(int(s["Numerator"]), int(s["Denominator"])) for s in (before, step))
            assert sum_ / Fraction(str(step["By"])) == last
            divided[step.get("Type")] = last
        if step["Step"] == "Sum":
            sum_ = Fraction(int(step["Numerator"]), int(step["Denominator"]))
            assert sum_ == sum(Fraction(int(item["Numerator"]), int(item["Denominator"])) * Fraction(str(item["Weight"]))
                               for item in explained["Counted"] if step.get("Type") in (None, item["Type"]))
        if step["Step"] == "TypeSum":
            assert Fraction(int(step["Numerator"]), int(step["Denominator"])) == sum(
                mean * reference.type_weight(name) for name, mean in divided.items())
    assert last == average


def check_case(case, answer, rules):
    references = [Reference(case, zero) for zero in (False, True)]
    shown = [reference.shown() for reference in references]
    assert answer["Averages"] == shown
    assert answer["Exact"] == shown
    for integers, expected in zip(answer["Integers"], shown):
        assert integers in (expected, "overflow")
        rules["overflow" if integers == "overflow" else "integers"] += expected is not None
    assert answer["Letters"] == [reference.letter() for reference in references]
    for reference, explained in zip(references, answer["Explained"]):
        check_explanation(explained, reference, case)
        rules["explained"] += 1
    for reference in references:
        rules += reference.rules
        rules[reference.method] += 1
        rules["no average"] += reference.average is None
        rules["no letter of a scale"] += reference.average is not None and reference.letter() < 0 and "Scale" in case["Policy"]
        rules["letter"] += reference.letter() >= 0
        rules.update(reference.reasons.values())
        if reference.average is not None:
            rules["over 100 %"] += reference.average > 1
            rules["half up"] += (reference.average * 20000).denominator == 1 and (reference.average * 20000) % 2 == 1
    rules["blanks matter"] += shown[0] != shown[1]
    rules["zero by policy"] += case["Policy"].get("Blank") == "zero" and any(item["State"] == "blank" for item in case["Items"])
    rules.update(item["State"] for item in case["Items"])


RULES = ("mean", "types", "assessments", "drop", "tie", "tie of unequal maxima", "one stays", "blank dropped", "extra credit",
         "extra credit alone", "type without results", "Excused", "Blank", "WeightZero", "TypeWeightZero", "ExtraCreditAlone",
         "no average", "letter", "no letter of a scale", "over 100 %", "half up", "blanks matter", "zero by policy", "integers",
         "overflow", "explained", "graded", "blank", "missing", "excused", "late", "absent")


def test_averages():
    rng = random.Random(SEED)
    rules = collections.Counter()
    left = CASES
    while left > 0:
        cases = [random_case(rng) for _ in range(min(BATCH, left))]
        left -= len(cases)
        cases = [case for case in cases if all((Reference(case, zero).shown() or 0) <= AVERAGE_MAX for zero in (False, True))]
        for case, answer in zip(cases, answers(cases)):
            try:
                check_case(case, answer, rules)
            except AssertionError as e:
                pytest.fail(f"{e}\nseed {SEED}\ncase {json.dumps(case)}\nanswer {json.dumps(answer)}")
    print(dict(rules))
    if CASES >= 1000:
        rare = {rule: rules[rule] for rule in RULES if rules[rule] < CASES / 500}
        assert not rare, f"hardly tested: {rare}"


def test_letters_of_real_bounds():
    """At each bound of a scale, half a hundredth below it, and less than that."""
    policy = {"Scale": [{"Letter": "A", "From": 90}, {"Letter": "B", "From": 79.99}, {"Letter": "C", "From": 0.01}]}
    cases = [{"Policy": policy, "Explain": False, "Items": [
        {"ID": 1, "Type": "Exam", "Maximum": 10**6, "Weight": 100, "Extra": False, "State": "graded", "Score": score}]}
        for bound in (9000, 7999, 1) for score in (bound * 100, bound * 100 - 50, bound * 100 - 51)]
    assert [answer["Letters"][0] for answer in answers(cases)] == [0, 0, 1, 1, 1, 2, 2, 2, -1]


# Statistics

def random_values(rng):
    n = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 30, 100))
    top = rng.choice((3, 100, 10000, 2**32 - 1))
    return [rng.randint(0, top) for _ in range(n)]


def check_statistics(case, answer):
    values, scale = case["Values"], case["Scale"]
    count = len(values)
    assert answer["Count"] == count
    exact = [Fraction(value) for value in values]
    expected = dict.fromkeys(("Mean", "LowerQuartile", "Median", "UpperQuartile", "Minimum", "Maximum"))
    if count > 0:
        # An implementation of definition 7 that is not ours; it wants two values.
        quartiles = statistics.quantiles(exact, n=4, method="inclusive") if count > 1 else exact * 3
        expected = dict(zip(expected, (sum(exact) / count, *quartiles, min(exact), max(exact))))
        expected = {name: half_up(value) for name, value in expected.items()}
    for name, value in expected.items():
        found = answer[name]
        assert (found is None) == (value is None), name
        assert value is None or Fraction(str(found)) * 100 == value, name
    if count < 2:
        assert answer["Deviation"] is None
    else:
        mean = sum(exact) / count
        variance = sum((value - mean)**2 for value in exact) / (count - 1)
        deviation = Fraction(str(answer["Deviation"])) * 100
        assert deviation.denominator == 1
        # Rounded half up, said without a root: d - 1/2 <= s < d + 1/2.
        assert deviation == 0 or (deviation - HALF)**2 <= variance
        assert variance < (deviation + HALF)**2
    bounds = [Fraction(scale * tenth, 10) for tenth in range(11)]
    histogram = [sum(low <= value < high for value in values) for low, high in zip(bounds, bounds[1:])]
    histogram[-1] += values.count(scale)
    assert answer["Histogram"] == [*histogram, sum(value > scale for value in values)]


def test_statistics():
    rng = random.Random(SEED)
    cases = [{"Values": random_values(rng), "Scale": rng.choice((1, 3, 100, 700, 10000, 2**32 - 1))} for _ in range(CASES // 5)]
    # Deviations of one half exactly, and as far from the mean as it goes.
    cases += [{"Values": values, "Scale": 10000} for values in (
        [0, 0, 0, 1], [0, 0, 0, 3], [0, 0, 0, 5], [0, 2**32 - 1], [0] * 50 + [2**32 - 1] * 50)]
    for case, answer in zip(cases, answers(cases)):
        try:
            check_statistics(case, answer)
        except AssertionError as e:
            pytest.fail(f"{e}\nseed {SEED}\ncase {json.dumps(case)}\nanswer {json.dumps(answer)}")
