# SPDX-License-Identifier: LGPL-2.1-or-later
"""Terms, classes, assessments, cells and what is computed of them, over HTTP: versions, keys, locks, and each number against rows."""

import json
import random
import re
import threading
from fractions import Fraction

import grading_database
import pytest
from gradebook import SOURCE, spooled
from test_arithmetic import Reference, random_policy

EVENTS = dict(re.findall(r'X\((\w+), "([0-9a-f]{32})"\)', (SOURCE / "src/runtime/events.h").read_text()))
STATES_WITHOUT_SCORE = ("blank", "missing", "excused", "absent")


@pytest.fixture
def grading(cluster):
    return cluster.start("grading")


def problem(answer, status, member=""):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert member in answer.json["detail"], answer
    return answer.json


class School:
    """Makes rows over HTTP and knows their ids."""

    def __init__(self, daemon):
        self.daemon = daemon

    def call(self, method, path, body=None, **headers):
        return self.daemon.request(path, method, body, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def make(self, path, body):
        answer = self.call("POST", path, body)
        assert answer.status == 201, answer
        row = answer.json
        assert answer.headers["ETag"] == f'"v{row["Version"]}"'
        assert self.daemon.get(answer.headers["Location"]).json == row
        return row

    def term(self, **more):
        return self.make("/terms", {"Name": "Autumn", **more})["ID"]

    def class_(self, **more):
        return self.make("/classes", {"Name": "Maths", **more})["ID"]

    def assessment(self, class_id, **more):
        return self.make(f"/classes/{class_id}/assessments", {"Title": "Quiz", "Type": "Quiz", **more})["ID"]

    def student(self, class_id=None, first="Ada", last="Byron"):
        answer = self.call("POST", "/students", {"FirstName": first, "LastName": last})
        assert answer.status == 201, answer
        if class_id:
            self.make(f"/classes/{class_id}/enrolments", {"Student": answer.json["ID"]})
        return answer.json["ID"]

    def put(self, assessment, student, body, **headers):
        return self.call("PUT", f"/assessments/{assessment}/grades/{student}", body, **headers)

    def get(self, path):
        answer = self.daemon.get(path)
        assert answer.status == 200, answer
        return answer.json

    def items(self, path):
        return self.get(path)["Items"]


@pytest.fixture
def school(grading):
    return School(grading)


@pytest.fixture
def room(school):
    """A class in a term with one assessment of 20 points and one student, who has 17."""
    school.t = school.term()
    school.c = school.class_(Term=school.t)
    school.a = school.assessment(school.c, Maximum=20, Released=True)
    school.s = school.student(school.c)
    answer = school.put(school.a, school.s, {"Score": 17})
    assert answer.status == 201, answer
    school.g = answer.json["ID"]
    return school


def ledger(daemon):
    """Of a daemon that has ended."""
    daemon.stop()
    connection = grading_database.connect(daemon)
    try:
        return connection.execute("SELECT kind, row_id, action, old, new, actor, reason FROM ledger ORDER BY sequence").fetchall()
    finally:
        connection.close()
        daemon.start()


def everything(school):
    """All that is in the class of room, by every route that reads it."""
    paths = (f"/terms/{school.t}", f"/classes/{school.c}", f"/classes/{school.c}/assessments", f"/classes/{school.c}/enrolments",
             f"/classes/{school.c}/teachings", f"/students/{school.s}/grades", f"/classes/{school.c}/grid", f"/classes/{school.c}/averages",
             f"/students/{school.s}/averages?explain", f"/students/{school.s}", "/students", "/terms?archived=yes", "/classes?archived=yes")
    return {path: school.get(path) for path in paths}


# Rows

@pytest.mark.both_databases
def test_rows_are_made_read_changed_and_deleted(school):
    term = school.term(Begins="2026-08-01", Ends="2027-01-31")
    assert school.get(f"/terms/{term}") == {"ID": term, "Version": 1, "Name": "Autumn", "Begins": "2026-08-01", "Ends": "2027-01-31",
                                            "Locked": False, "Archived": False}
    class_id = school.class_(Term=term, Policy={"Method": "mean"})
    assert school.get(f"/classes/{class_id}") == {"ID": class_id, "Version": 1, "Term": term, "Name": "Maths", "Policy": {"Method": "mean"},
                                                  "Locked": False, "Archived": False}
    quiz = school.assessment(class_id, Maximum=20.5, Weight=0.25, Due="2026-12-24", ExtraCredit=True)
    assert school.get(f"/assessments/{quiz}") == {"ID": quiz, "Version": 1, "Class": class_id, "Title": "Quiz", "Type": "Quiz", "Maximum": 20.5,
                                                  "Weight": 0.25, "Due": "2026-12-24", "Released": False, "ExtraCredit": True}
    changed = school.call("PATCH", f"/assessments/{quiz}", {"Title": "Quiz 2", "Due": None})
    assert changed.status == 200 and changed.json["Version"] == 2 and changed.headers["ETag"] == '"v2"'
    assert (changed.json["Title"], changed.json["Due"], changed.json["Maximum"]) == ("Quiz 2", None, 20.5)
    assert school.get(f"/assessments/{quiz}") == changed.json
    for path in (f"/assessments/{quiz}", f"/classes/{class_id}", f"/terms/{term}"):
        assert school.call("DELETE", path).status == 204
        problem(school.call("GET", path), 404)
        problem(school.call("DELETE", path), 404)


def test_lists(school):
    terms = [school.term(Name=f"T{i}") for i in range(3)]
    classes = [school.class_(Name=f"C{i}", Term=terms[i % 2]) for i in range(5)]
    default = [row["ID"] for row in school.items("/classes") if row["ID"] not in classes]
    assert [row["ID"] for row in school.items(f"/classes?term={terms[0]}")] == classes[0::2]
    school.call("PATCH", f"/classes/{classes[0]}", {"Archived": True})
    school.call("PATCH", f"/terms/{terms[2]}", {"Archived": True})
    assert [row["ID"] for row in school.items("/classes")] == default + classes[1:]
    assert [row["ID"] for row in school.items("/classes?archived=yes")] == default + classes
    assert [row["ID"] for row in school.items(f"/classes?archived=no&term={terms[0]}")] == classes[2::2]
    assert [row["ID"] for row in school.items("/terms")] == terms[:2]
    assert [row["ID"] for row in school.items("/terms?archived=yes")] == terms
    # Pages: none empty, none with a Next that leads nowhere.
    found, path = [], "/classes?archived=yes&limit=2"
    while path:
        page = school.get(path)
        assert page["Items"] and len(page["Items"]) <= 2
        found += [row["ID"] for row in page["Items"]]
        path = page["Next"] and f"/classes?archived=yes&limit=2&after={page['Next']}"
    assert found == default + classes
    for query, name in (("term=0", "term"), ("term=x", "term"), ("archived=maybe", "archived"), ("limit=0", "limit"), ("limit=10001", "limit"),
                        ("after=-1", "after")):
        problem(school.call("GET", f"/classes?{query}"), 400, f"'{name}'")


def test_grades_of_a_student_say_what_they_are_of(room):
    assert room.items(f"/students/{room.s}/grades") == [
        {"ID": room.g, "Version": 1, "Student": room.s, "Assessment": room.a, "State": "graded", "Score": 17, "Comment": None,
         "Title": "Quiz", "Type": "Quiz", "Maximum": 20, "Class": room.c}]
    added = room.call("POST", f"/students/{room.s}/grades", {"Title": "Quiz 1", "Type": "Quiz", "Score": 85})
    assert added.status == 201 and added.json == {"Title": "Quiz 1", "Type": "Quiz", "Score": 85}
    assert [g["Title"] for g in room.items(f"/students/{room.s}/grades")] == ["Quiz", "Quiz 1"]
    wrong = room.call("PUT", f"/students/{room.s}/grades", {})
    assert wrong.status == 405 and wrong.headers["Allow"] == "GET, HEAD, POST"
    assert [e["Class"] for e in room.items(f"/students/{room.s}/enrolments")] == [1, room.c]
    assert [e["Student"] for e in room.items(f"/classes/{room.c}/enrolments")] == [room.s]


BAD = [
    ("POST", "/terms", {}, "Name"), ("POST", "/terms", {"Name": " "}, "Name"), ("POST", "/terms", {"Name": "x" * 201}, "Name"),
    ("POST", "/terms", {"Name": "x", "Begins": "2026-02-29"}, "Begins"), ("POST", "/terms", {"Name": "x", "Ends": 7}, "Ends"),
    ("POST", "/terms", {"Name": "x", "Begins": "2026-02-02", "Ends": "2026-02-01"}, "Ends"),
    ("POST", "/terms", {"Name": "x", "Locked": "yes"}, "Locked"), ("PATCH", "/terms/{t}", {"Archived": 1}, "Archived"),
    ("POST", "/classes", {"Name": None}, "Name"), ("POST", "/classes", {"Name": "x", "Term": 99}, "Term"),
    ("POST", "/classes", {"Name": "x", "Term": "1"}, "Term"), ("PATCH", "/classes/{c}", {"Term": 99}, "Term"),
    ("POST", "/classes", {"Name": "x", "Policy": []}, "Policy"), ("PATCH", "/classes/{c}", {"Policy": {"Method": "median"}}, "Method"),
    ("PATCH", "/classes/{c}", {"Policy": {"DropLowest": {"Quiz": -1}}}, "DropLowest"),
    ("PATCH", "/classes/{c}", {"Policy": {"Scale": [{"Letter": "A", "From": 1}, {"Letter": "B", "From": 1}]}}, "From"),
    ("POST", "/classes/{c}/assessments", {"Type": "Quiz"}, "Title"), ("POST", "/classes/{c}/assessments", {"Title": "x"}, "Type"),
    ("POST", "/classes/{c}/assessments", {"Title": "x", "Type": "quiz"}, "Type"),
    ("POST", "/classes/{c}/assessments", {"Title": "x", "Type": "Quiz", "Maximum": 0}, "Maximum"),
    ("POST", "/classes/{c}/assessments", {"Title": "x", "Type": "Quiz", "Weight": -1}, "Weight"),
    ("POST", "/classes/{c}/assessments", {"Title": "x", "Type": "Quiz", "Class": 1}, "Class"),
    ("PATCH", "/assessments/{a}", {"Class": 1}, "Class"), ("PATCH", "/assessments/{a}", {"Due": "soon"}, "Due"),
    ("PATCH", "/assessments/{a}", {"Released": None}, "Released"), ("PATCH", "/assessments/{a}", {"ExtraCredit": 0}, "ExtraCredit"),
    ("POST", "/students", {"FirstName": "A", "LastName": "B", "DefaultClass": 99}, "DefaultClass"),
    ("PATCH", "/students/{s}", {"DefaultClass": 99}, "DefaultClass"), ("POST", "/classes/{c}/enrolments", {}, "Student"), ("POST", "/classes/{c}/enrolments", {"Student": 99}, "Student"),
    ("POST", "/classes/{c}/enrolments", {"Student": 0}, "Student"),
    ("POST", "/classes/{c}/enrolments", {"Student": None}, "Student"), ("POST", "/classes/{c}/teachings", {"Account": 99}, "Account"),
    ("POST", "/classes/{c}/teachings", {}, "Account"), ("PUT", "/assessments/{a}/grades/{s}", {"Score": 20.01}, "Score"),
    ("PUT", "/assessments/{a}/grades/{s}", {"Score": "17"}, "Score"), ("PUT", "/assessments/{a}/grades/{s}", {"State": "lost"}, "State"),
    ("PUT", "/assessments/{a}/grades/{s}", {"State": "late"}, "Score"), ("PUT", "/assessments/{a}/grades/{s}", {"State": "excused", "Score": 1}, "Score"),
    ("PUT", "/assessments/{a}/grades/{s}", {"Score": 1, "Comment": "a\u0001"}, "Comment"),
    ("PUT", "/assessments/{a}/grades/{s}", {"Score": 1, "Comment": "x" * 2001}, "Comment"),
    ("PUT", "/assessments/{a}/grades/{s}", {"Score": 1, "Student": 99}, "Student"),
    ("PUT", "/assessments/{a}/grades/99", {"Score": 1}, "student"), ("PATCH", "/grades/{g}", {"Score": 21}, "Score"),
    ("PATCH", "/grades/{g}", {"Score": None, "State": "graded"}, "Score"), ("PATCH", "/grades/{g}", {"Student": 99}, "Student"),
    ("PATCH", "/grades/{g}", {"Score": 1, "Reason": 7}, "Reason"),
]


@pytest.mark.both_databases
def test_what_is_wrong_is_named_and_changes_nothing(room):
    before = everything(room)
    for method, path, body, member in BAD:
        path = path.format(**vars(room))
        problem(room.call(method, path, body), 400, f"'{member}" if member[0].isupper() else member)
        for bad in ("", "[]", "{", "null"):
            problem(room.call(method, path, bad), 400)
    for header, value in (("If-Match", "v1"), ("If-Match", '"x"'), ("If-None-Match", '"v1"'), ("Idempotency-Key", "x" * 201)):
        problem(room.daemon.request(f"/assessments/{room.a}/grades/{room.s}", "PUT", {"Score": 1}, headers={header: value}), 400, header)
    assert everything(room) == before


def test_what_is_not_there(room):
    for path in ("/terms/99", "/classes/99", "/classes/99/assessments", "/classes/99/enrolments", "/classes/99/teachings", "/classes/99/grid",
                 "/classes/99/averages", "/classes/99/statistics", "/assessments/99", "/assessments/99/statistics", "/grades/99",
                 "/students/99/grades", "/students/99/averages", "/students/99/enrolments", "/classes/x/grid", "/assessments/0/grades/1",
                 f"/assessments/{room.a}/grades/99", f"/assessments/99/grades/{room.s}"):
        problem(room.call("GET", path), 404)
    for method, path in (("POST", "/classes/99/assessments"), ("POST", "/classes/99/enrolments"), ("POST", "/classes/99/teachings"),
                         ("PUT", f"/assessments/99/grades/{room.s}"), ("PATCH", "/classes/99"), ("PATCH", "/grades/99")):
        # The same words whatever is in the body: an id that is not there answers before the body is looked at.
        assert len({problem(room.call(method, path, body), 404)["detail"] for body in ({}, {"Name": 7}, {"Student": 1})}) == 1


def test_the_default_class_stays(school):
    problem(school.call("DELETE", "/classes/1"), 409)
    assert [e["Class"] for e in school.items(f"/students/{school.student()}/enrolments")] == [1]


def test_deleting_says_why(room):
    grade = room.get(f"/assessments/{room.a}/grades/{room.s}")["ID"]
    for wrong in ("x" * 501, "%01"):
        problem(room.call("DELETE", f"/grades/{grade}?reason={wrong}"), 400, "'reason'")
    assert room.call("DELETE", f"/grades/{grade}?reason=Two%20tables%20%26%20one%20mistake").status == 204
    entry = room.items(f"/students/{room.s}/history")[0]
    assert (entry["Action"], entry["Kind"], entry["Reason"]) == ("delete", "grade", "Two tables & one mistake")


@pytest.mark.both_databases
def test_what_is_referred_to_is_not_deleted(room):
    room.call("PATCH", f"/students/{room.s}", {"DefaultClass": room.c})
    before = everything(room)
    for path in (f"/terms/{room.t}", f"/classes/{room.c}", f"/assessments/{room.a}", f"/students/{room.s}"):
        problem(room.call("DELETE", path), 409)
    problem(room.call("POST", f"/classes/{room.c}/enrolments", {"Student": room.s}), 409)
    problem(room.call("PATCH", f"/assessments/{room.a}", {"Maximum": 16.99}), 409, "'Maximum'")
    assert everything(room) == before
    enrolment = room.items(f"/classes/{room.c}/enrolments")[0]["ID"]
    assert room.call("DELETE", f"/enrolments/{enrolment}").status == 204
    # Its grades stay, and are there again with the student.
    assert room.get(f"/classes/{room.c}/grid")["Students"] == []
    problem(room.put(room.a, room.s, {"Score": 1}), 400, "not enrolled")
    room.make(f"/classes/{room.c}/enrolments", {"Student": room.s})
    assert room.get(f"/classes/{room.c}/grid")["Students"][0]["Cells"][0]["Score"] == 17


# Cells and versions

def test_a_cell(room):
    path = f"/assessments/{room.a}/grades/{room.s}"
    first = room.call("GET", path)
    assert first.json == room.get(f"/grades/{room.g}") and first.headers["ETag"] == '"v1"'
    assert room.call("GET", path, If_None_Match='"v1"').status == 304
    steps = (({"Score": 18.5, "Comment": "well\ndone"}, "graded", 18.5, "well\ndone"), ({"Score": 18}, "graded", 18, "well\ndone"),
             ({"State": "late", "Score": 9}, "late", 9, "well\ndone"), ({"Score": 9}, "graded", 9, "well\ndone"),
             ({"State": "excused", "Comment": "ill"}, "excused", None, "ill"), ({"State": "missing", "Comment": None}, "missing", None, None),
             ({}, "blank", None, None), ({"Score": 0}, "graded", 0, None))
    for version, (body, state, score, comment) in enumerate(steps, 2):
        answer = room.put(room.a, room.s, body)
        assert answer.status == 200 and answer.headers["ETag"] == f'"v{version}"', answer
        row = answer.json
        assert (row["Version"], row["State"], row["Score"], row["Comment"]) == (version, state, score, comment)
        assert room.get(path) == row
    again = room.put(room.a, room.s, {"Score": 0})
    assert again.status == 200 and again.json["Version"] == version, "what is equal is no change"
    assert room.call("DELETE", f"/grades/{room.g}").status == 204
    problem(room.call("GET", path), 404)
    gone = room.put(room.a, room.s, {"Score": 1}, If_Match=f'"v{version}"')
    assert problem(gone, 409)["Yours"] == {"Score": 1}
    problem(room.put(room.a, room.s, {"Score": 1}, If_Match="*"), 409)
    made = room.put(room.a, room.s, {"Score": 1}, If_None_Match="*")
    assert made.status == 201 and made.headers["Location"] == f"/grades/{made.json['ID']}"
    there = problem(room.put(room.a, room.s, {"Score": 2}, If_None_Match="*"), 409)
    assert there["Current"] == made.json and there["Yours"] == {"Score": 2} and there["ChangedBy"] == "cluster"
    assert room.put(room.a, room.s, {"Score": 2}, If_Match="*").status == 200


def test_many_grades_are_refused(cluster):
    cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": 2}})
    school = School(cluster.start("grading"))
    c = school.class_()
    assessments, student = [school.assessment(c) for _ in range(3)], school.student(c)
    for a in assessments[:2]:
        assert school.put(a, student, {"Score": 1}).status == 201
    problem(school.put(assessments[2], student, {"Score": 1}), 409, "MaxGradesPerStudent=")
    assert school.put(assessments[0], student, {"Score": 2}).status == 200


def together(calls):
    """All at once; their answers in order."""
    barrier, found = threading.Barrier(len(calls)), [None] * len(calls)

    def one(i):
        barrier.wait()
        found[i] = calls[i]()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.both_databases
@pytest.mark.parametrize("how", ["cell", "row", "class"])
def test_no_update_is_lost(room, how):
    for round_ in range(20):
        path, method, bodies = {
            "cell": (f"/assessments/{room.a}/grades/{room.s}", "PUT", [{"Score": round(n + round_ / 100, 2)} for n in range(8)]),
            "row": (f"/grades/{room.g}", "PATCH", [{"Score": round(n + round_ / 100, 2)} for n in range(8)]),
            "class": (f"/classes/{room.c}", "PATCH", [{"Name": f"{round_}-{n}"} for n in range(8)]),
        }[how]
        seen = room.call("GET", path)
        tag = seen.headers["ETag"]
        answers = together([lambda body=body: room.call(method, path, body, If_Match=tag) for body in bodies])
        won = [i for i, answer in enumerate(answers) if answer.status == 200 and answer.json["Version"] == seen.json["Version"] + 1]
        assert len(won) == 1, answers
        current = room.get(path)
        assert {name: current[name] for name in bodies[won[0]]} == bodies[won[0]]
        assert current["Version"] == seen.json["Version"] + 1
        for i, answer in enumerate(answers):
            if answer.status != 200:
                conflict = problem(answer, 409)
                assert conflict["Current"] == current and conflict["Yours"] == bodies[i]
                assert conflict["ChangedBy"] == "cluster" and conflict["ChangedAt"].startswith("20")
        problem(room.call("DELETE", path if how != "cell" else f"/grades/{room.g}", If_Match=tag), 409)


# Idempotency-Key

@pytest.mark.both_databases
def test_a_key_has_one_effect(room):
    path, body = f"/classes/{room.c}/assessments", {"Title": "Once", "Type": "Exam"}
    answers = together([lambda: room.call("POST", path, body, Idempotency_Key="k1") for _ in range(10)])
    assert {answer.status for answer in answers} == {201}
    assert len({(answer.body, answer.headers["Location"], answer.headers["ETag"]) for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 9
    room.daemon.stop()
    room.daemon.start()
    again = room.call("POST", path, body, Idempotency_Key="k1")
    assert (again.status, again.body, again.headers["Location"]) == (201, answers[0].body, answers[0].headers["Location"])
    room.daemon.kill()
    room.daemon.start()
    assert room.call("POST", path, body, Idempotency_Key="k1").body == again.body
    assert [a["Title"] for a in room.items(path)] == ["Quiz", "Once"]
    problem(room.call("POST", path, {**body, "Title": "Twice"}, Idempotency_Key="k1"), 422, "Idempotency-Key")
    problem(room.call("POST", "/terms", {"Name": "x"}, Idempotency_Key="k1"), 422)
    assert room.call("POST", path, body, Idempotency_Key="k2").status == 201
    assert [a["Title"] for a in room.items(path)] == ["Quiz", "Once", "Once"]


def test_a_key_of_a_refused_request_can_be_used_again(room):
    other = room.student()
    problem(room.put(room.a, other, {"Score": 1}, Idempotency_Key="k"), 400)
    room.make(f"/classes/{room.c}/enrolments", {"Student": other})
    assert room.put(room.a, other, {"Score": 1}, Idempotency_Key="k").status == 201
    assert room.put(room.a, other, {"Score": 2}).status == 200
    again = room.put(room.a, other, {"Score": 1}, Idempotency_Key="k")
    assert again.status == 201 and again.json["Score"] == 1 and room.get(f"/assessments/{room.a}/grades/{other}")["Score"] == 2


# Locks

def changes_in_class(room, other_student, enrolment):
    return [
        ("PATCH", f"/classes/{room.c}", {"Name": "x"}), ("PATCH", f"/classes/{room.c}", {"Policy": {"Method": "mean"}}),
        ("PATCH", f"/classes/{room.c}", {"Archived": True}), ("PATCH", f"/classes/{room.c}", {"Term": None}), ("DELETE", f"/classes/{room.c}", None),
        ("POST", f"/classes/{room.c}/assessments", {"Title": "x", "Type": "Quiz"}), ("PATCH", f"/assessments/{room.a}", {"Released": False}),
        ("DELETE", f"/assessments/{room.empty}", None), ("POST", f"/classes/{room.c}/enrolments", {"Student": other_student}),
        ("DELETE", f"/enrolments/{enrolment}", None), ("PUT", f"/assessments/{room.a}/grades/{room.s}", {"Score": 3}),
        ("PUT", f"/assessments/{room.empty}/grades/{room.s}", {"Score": 3}), ("PATCH", f"/grades/{room.g}", {"Comment": "x"}),
        ("DELETE", f"/grades/{room.g}", None), ("POST", f"/students/{room.s}/grades", {"Title": "Quiz", "Type": "Quiz", "Score": 1}),
        ("POST", f"/students/{room.s}/grades", {"Title": "New", "Type": "Quiz", "Score": 1}),
        ("POST", "/students", {"FirstName": "A", "LastName": "B", "DefaultClass": room.c}),
    ]


@pytest.mark.both_databases
@pytest.mark.parametrize("what", ["class", "term"])
def test_nothing_changes_in_what_is_locked(room, what):
    room.empty = room.assessment(room.c)
    other, enrolment = room.student(), room.items(f"/classes/{room.c}/enrolments")[0]["ID"]
    room.call("PATCH", f"/students/{room.s}", {"DefaultClass": room.c})
    elsewhere = room.class_(Name="Elsewhere")
    path = {"class": f"/classes/{room.c}", "term": f"/terms/{room.t}"}[what]
    assert room.call("PATCH", path, {"Locked": True, "Reason": "The marks are final"}).status == 200
    before = everything(room)
    changes = changes_in_class(room, other, enrolment)
    if what == "term":
        changes += [("PATCH", path, {"Name": "x"}), ("DELETE", path, None), ("PATCH", f"/classes/{elsewhere}", {"Term": room.t}),
                    ("POST", "/classes", {"Name": "x", "Term": room.t}), ("PATCH", f"/classes/{room.c}", {"Locked": True})]
    changes += [("PATCH", path, {"Locked": False, "Name": "x"})]
    for method, target, body in changes:
        assert "lock" in problem(room.call(method, target, body), 409)["detail"], (method, target, body)
    assert everything(room) == before
    assert room.call("PATCH", path, {"Locked": True}).status == 200, "what is so already is no change"

    unlocked = room.call("PATCH", path, {"Locked": False, "Reason": "One paper was overlooked"})
    assert unlocked.status == 200 and unlocked.json["Locked"] is False
    for method, target, body in changes_in_class(room, other, enrolment)[10:13]:
        assert room.call(method, target, body).status in (200, 201)
    # On record, and told.
    kind, row = (what, {"class": room.c, "term": room.t}[what])
    told = [(json.loads(old)["Locked"], json.loads(new)["Locked"], actor, reason)
            for k, i, action, old, new, actor, reason in ledger(room.daemon) if (k, i, action) == (kind, row, "update")
            and json.loads(old)["Locked"] != json.loads(new)["Locked"]]
    assert told == [(False, True, "cluster", "The marks are final"), (True, False, "cluster", "One paper was overlooked")]
    name = {"class": "Maths", "term": "Autumn"}[what]
    lines = [record for record in spooled(room.daemon) if record.get("MessageID") in EVENTS.values() and "ocked" in record["Message"]]
    assert [(record["MessageID"], record["Priority"], record["Message"]) for record in lines] == [
        (EVENTS["LOCKED"], 5, f'Locked {kind} "{name}" ({kind} {row}), since: The marks are final'),
        (EVENTS["UNLOCKED"], 5, f'Unlocked {kind} "{name}" ({kind} {row}), since: One paper was overlooked')]


def test_moving_a_class_between_terms(room):
    locked, open_ = room.term(Name="Locked"), room.term(Name="Open")
    room.call("PATCH", f"/terms/{locked}", {"Locked": True})
    problem(room.call("PATCH", f"/classes/{room.c}", {"Term": locked}), 409, "locked")
    assert room.call("PATCH", f"/classes/{room.c}", {"Term": open_}).json["Term"] == open_
    room.call("PATCH", f"/terms/{open_}", {"Locked": True})
    problem(room.call("PATCH", f"/classes/{room.c}", {"Term": room.t}), 409, "locked")
    problem(room.call("PATCH", f"/classes/{room.c}", {"Term": None}), 409, "locked")
    assert room.get(f"/classes/{room.c}/grid")["Term"]["Locked"] is True


# The grid and the numbers

def random_class(school, rng, students, assessments):
    """Fills one at random; returns its id, its assessments, its students and {(student, assessment): (state, score)}."""
    policy = random_policy(rng)
    c = school.class_(Policy=policy)
    rows = []
    for n in range(assessments):
        rows.append(school.make(f"/classes/{c}/assessments", {
            "Title": f"A{n}", "Type": rng.choice(("Quiz", "Test", "Exam", "Homework")), "Maximum": rng.choice((10, 20, 7.5, 100, 33.33)),
            "Weight": rng.choice((0, 1, 1, 2.5)), "ExtraCredit": rng.random() < 0.15, "Released": rng.random() < 0.8}))
    ids = [school.student(c, rng.choice(("Ada", "Bob", "Eve")), rng.choice(("Ng", "Öz", "Ab", "ab"))) for _ in range(students)]
    cells = {}
    for s in ids:
        for row in rows:
            if rng.random() < 0.3:
                continue
            state = rng.choice(("graded", "graded", "graded", "late", *STATES_WITHOUT_SCORE))
            body, score = {"State": state}, None
            if state in ("graded", "late"):
                score = body["Score"] = rng.randint(0, round(row["Maximum"] * 100)) / 100
            assert school.put(row["ID"], s, body).status == 201
            cells[s, row["ID"]] = (state, score)
    return c, policy, rows, ids, cells


def hundredths(value):
    return round(Fraction(str(value)) * 100)


def expected_averages(policy, rows, cells, student):
    items = []
    for row in rows:
        state, score = cells.get((student, row["ID"]), ("blank", None))
        items.append({"ID": row["ID"], "Type": row["Type"], "Maximum": hundredths(row["Maximum"]), "Weight": hundredths(row["Weight"]),
                      "Extra": row["ExtraCredit"], "State": state, "Score": hundredths(score or 0)})
    found = {}
    for name, zero in (("SoFar", False), ("BlanksAsZero", True)):
        reference = Reference({"Policy": policy, "Items": items}, zero)
        letter = reference.letter()
        found[name] = (reference.shown(), None if letter < 0 else policy["Scale"][letter]["Letter"], reference)
    return found


def check_averages(found, expected):
    for name, (shown, letter, _) in expected.items():
        average = found[name]["Average"]
        assert (None if average is None else hundredths(average), found[name]["Letter"]) == (shown, letter), name


@pytest.mark.parametrize("seed", range(6))
def test_grid_and_averages_of_a_random_class(school, seed):
    rng = random.Random(seed)
    c, policy, rows, ids, cells = random_class(school, rng, rng.choice((1, 4, 9)), rng.choice((1, 5, 12)))
    grid = school.get(f"/classes/{c}/grid")
    assert grid["Class"] == school.get(f"/classes/{c}") and grid["Term"] is None
    assert grid["Assessments"] == school.items(f"/classes/{c}/assessments") == rows
    people = [school.get(f"/students/{s}") for s in ids]
    assert [s["ID"] for s in grid["Students"]] == [s["ID"] for s in sorted(people, key=lambda s: (s["LastName"], s["FirstName"], s["ID"]))]
    for student in grid["Students"]:
        of_student = {g["Assessment"]: g for g in school.items(f"/students/{student['ID']}/grades")}
        for row, cell in zip(rows, student["Cells"], strict=True):
            known = of_student.get(row["ID"])
            assert cell == (known and {name: known[name] for name in ("ID", "Version", "State", "Score", "Comment")})
            assert (cell and (cell["State"], cell["Score"])) == cells.get((student["ID"], row["ID"]))
        expected = expected_averages(policy, rows, cells, student["ID"])
        check_averages(student, expected)
        mine = [item for item in school.items(f"/students/{student['ID']}/averages?explain") if item["Class"] == c]
        assert len(mine) == 1
        check_averages(mine[0], expected)
        for name, (_, _, reference) in expected.items():
            explained = mine[0]["Explanation"][name]
            assert {item["ID"] for item in explained["Counted"]} == reference.counted
            assert {item["ID"] for item in explained["Dropped"]} == reference.dropped
            assert explained["Average"] == mine[0][name]["Average"]
    listed, path = [], f"/classes/{c}/averages?limit=2"
    while path:
        page = school.get(path)
        listed += page["Items"]
        path = page["Next"] and f"/classes/{c}/averages?limit=2&after={page['Next']}"
    assert [item["Student"] for item in listed] == sorted(ids)
    for item in listed:
        check_averages(item, expected_averages(policy, rows, cells, item["Student"]))
    explained = school.get(f"/classes/{c}/averages?explain=yes")["Items"]
    assert [{name: item[name] for name in item if name != "Explanation"} for item in explained] == listed
    problem(school.call("GET", f"/classes/{c}/averages?explain=perhaps"), 400, "'explain'")
    check_statistics(school, c, rows, ids, cells, listed)


def check_statistics(school, c, rows, ids, cells, listed):
    found = school.get(f"/classes/{c}/statistics")
    for name in ("SoFar", "BlanksAsZero"):
        values = [Fraction(str(item[name]["Average"])) for item in listed if item[name]["Average"] is not None]
        check_figures(found[name], values)
    for row in rows:
        found = school.get(f"/assessments/{row['ID']}/statistics")
        assert found["Assessment"] == row["ID"] and found["Maximum"] == row["Maximum"]
        scores = [cells.get((s, row["ID"]), (None, None)) for s in ids]
        check_figures(found["Statistics"], [Fraction(str(score)) for state, score in scores if score is not None])


def check_figures(found, values):
    assert found["Count"] == len(values) == sum(found["Histogram"])
    if values:
        assert Fraction(str(found["Minimum"])) == min(values) and Fraction(str(found["Maximum"])) == max(values)
        assert abs(Fraction(str(found["Mean"])) - sum(values) / len(values)) <= Fraction(1, 200)
    else:
        assert found["Mean"] is None


def test_the_grid_is_tagged_and_always_current(room):
    path = f"/classes/{room.c}/grid"
    other = room.class_(Name="Other")
    tag = room.call("GET", path).headers["ETag"]
    room.assessment(other)
    same = room.call("GET", path, If_None_Match=tag)
    assert same.status == 304 and same.body == b"" and same.headers["ETag"] == tag
    tags = {tag}
    student = room.student()
    for method, target, body in (
            ("PUT", f"/assessments/{room.a}/grades/{room.s}", {"Score": 1}), ("PATCH", f"/grades/{room.g}", {"Comment": "x"}),
            ("PATCH", f"/assessments/{room.a}", {"Title": "x"}), ("PATCH", f"/classes/{room.c}", {"Policy": {"Blank": "zero"}}),
            ("PATCH", f"/students/{room.s}", {"FirstName": "Augusta"}), ("PATCH", f"/terms/{room.t}", {"Name": "x"}),
            ("POST", f"/classes/{room.c}/enrolments", {"Student": student}), ("POST", f"/classes/{room.c}/assessments", {"Title": "y", "Type": "Exam"}),
            ("DELETE", f"/grades/{room.g}", None), ("PATCH", f"/classes/{room.c}", {"Term": None})):
        before = room.get(path)
        assert room.call(method, target, body).status in (200, 201, 204), target
        answer = room.call("GET", path, If_None_Match=tag)
        assert answer.status == 200 and answer.headers["ETag"] not in tags and answer.json != before, target
        tag = answer.headers["ETag"]
        tags.add(tag)
    for path in (f"/classes/{room.c}/assessments", f"/classes/{room.c}/averages", f"/classes/{room.c}/statistics", f"/assessments/{room.a}/statistics",
                 f"/students/{room.s}/averages", "/terms", "/classes"):
        answer = room.call("GET", path)
        assert room.call("GET", path, If_None_Match=answer.headers["ETag"]).status == 304, path


def test_what_is_too_large_is_said(school):
    """Averages are of at most 1000 assessments, and never larger than can be shown: one that is says so, and the others are there."""
    c = school.class_(Policy={"Method": "assessments"})
    small, extra = school.assessment(c, Weight=0.01, Maximum=1), school.assessment(c, Weight=100000, ExtraCredit=True, Maximum=1)
    a, b = school.student(c), school.student(c)
    for student in (a, b):
        assert school.put(small, student, {"Score": 1}).status == 201
    assert school.put(extra, a, {"Score": 1}).status == 201
    averages = school.get(f"/classes/{c}/averages?explain")["Items"]
    assert averages[0]["SoFar"]["Average"] is None and "larger" in averages[0]["SoFar"]["Problem"]
    assert averages[1]["SoFar"] == {"Average": 100, "Letter": None}
    assert [s["SoFar"]["Average"] for s in school.get(f"/classes/{c}/grid")["Students"]] == [None, 100]
    problem(school.call("GET", f"/classes/{c}/statistics"), 409, "larger")
