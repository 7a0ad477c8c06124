# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ledger of gradebook-grading: what it keeps, what is shown of it, what can be taken back, and that no change of it goes unseen."""

import json
import re
import sqlite3
import threading
import time

import ledger_truth
import pytest
from ctl import FAILURE, NOT_FOUND, USAGE, Ctl
from gradebook import SOURCE, Cluster, stored_text, wait_until

NICK = {"FirstName": "Nick", "LastName": "Carter"}
QUIZ = {"Title": "Quiz 1", "Type": "Quiz", "Score": 85}
ANCHOR = "The ledger ends with entry"


@pytest.fixture
def grading(cluster):
    return cluster.start("grading")


@pytest.fixture
def nick(grading):
    """Student 1 with one grade: entries 2 to 5 of the ledger; the first made the default class."""
    assert grading.post("/students", {"ID": 1, **NICK}).status == 201
    assert grading.post("/students/1/grades", {**QUIZ, "Reason": "term paper"}).status == 201
    return grading


@pytest.fixture
def whole(cluster):
    """With the registry and the central log, for gradebookctl: (grading, log, ctl)."""
    cluster.start("registry")
    log, grading = cluster.start("log", "grading")
    wait_until(lambda: {"LogService", "GradingService"} <= set(cluster.services()), "log and grading are registered")
    return grading, log, Ctl(cluster)


def assert_problem(answer, status, *words):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    for word in words:
        assert word in answer.json["detail"], answer


def grade_id(answer):
    return int(answer.headers["Location"].rsplit("/", 1)[1])


def patch(daemon, path, body, **headers):
    return daemon.request(path, "PATCH", body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def undo(daemon, sequence, reason=None, query=""):
    return daemon.post(f"/ledger/{sequence}/undo{query}", {"Reason": reason} if reason else {})


def head(daemon):
    return daemon.get("/ledger/head").json


# What it keeps

@pytest.mark.both_databases
def test_every_change_is_an_entry(nick):
    before = head(nick)["Sequence"]
    answer = patch(nick, "/grades/1", {"Score": 90.5, "Reason": "typing error"})
    assert answer.status == 200
    assert nick.request("/grades/1", "DELETE").status == 204
    found = ledger_truth.entries(nick)
    ledger_truth.verify(found)
    assert [(e["Action"], e["Kind"]) for e in found] == [
        ("create", "class"), ("create", "student"), ("create", "enrolment"), ("create", "assessment"), ("create", "grade"),
        ("update", "grade"), ("delete", "grade")]
    changed = found[before]
    assert json.loads(changed["Old"])["Score"] == 85 and json.loads(changed["New"])["Score"] == 90.5
    assert changed["Reason"] == "typing error" and found[4]["Reason"] == "term paper" and found[6]["Reason"] is None
    assert changed["Actor"] == "cluster" and re.fullmatch(r"127\.0\.0\.1:\d+", changed["Client"])
    assert changed["RequestID"] and changed["StudentID"] == 1 and changed["ClassID"] == 1 and changed["Version"] == 2
    assert found[4]["Set"] == found[3]["Set"] == 4, "one request is one set"
    assert ("grade", 1) not in ledger_truth.replay(found)


def test_what_is_refused_leaves_no_entry(nick):
    before = head(nick)
    assert nick.post("/students/1/grades", {**QUIZ, "Score": 101}).status == 400
    assert nick.post("/students/7/grades", QUIZ).status == 404
    assert patch(nick, "/grades/1", {"Score": 300}).status == 400
    assert patch(nick, "/grades/1", {"Score": 3}, If_Match='"v7"').status == 409
    assert patch(nick, "/grades/1", {"Score": 85}).status == 200, "nothing changes"
    assert nick.request("/students/1", "DELETE").status == 409
    assert undo(nick, 2).status == 409
    assert head(nick) == before


def test_a_repeated_request_is_one_entry(nick):
    for _ in range(3):
        answer = nick.post("/students/1/grades", {**QUIZ, "Title": "once"}, headers={"Idempotency-Key": "k1"})
        assert answer.status == 201
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert len(nick.get("/students/1").json["Grades"]) == 2 and head(nick)["Sequence"] == 7


def test_pages(nick):
    for i in range(30):
        nick.post("/students/1/grades", {**QUIZ, "Title": f"t{i}"})
    found = ledger_truth.entries(nick)
    last = len(found)
    assert last == 65 and head(nick) == {"Sequence": last, "Hash": found[-1]["Hash"], "Time": found[-1]["Time"]}

    def page(query):
        answer = nick.get("/ledger" + query)
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
        return [json.loads(line) for line in answer.text.splitlines()]

    assert page("") == found
    assert page("?after=10&limit=5") == found[10:15]
    assert page("?newest=yes&limit=3") == found[:-4:-1]
    assert page("?newest=yes&before=3") == [found[1], found[0]]
    assert page("?newest=yes&before=1") == page(f"?after={last}") == page("?after=999999") == []
    for query, name in (("?after=x", "after"), ("?after=-1", "after"), ("?limit=0", "limit"), ("?limit=10001", "limit"), ("?newest=maybe", "newest"),
                        ("?before=0", "before")):
        assert_problem(nick.get("/ledger" + query), 400, f"'{name}'")


@pytest.mark.both_databases
def test_pages_are_longer_than_a_slice(nick):
    """A slice on the store's thread has 1000 entries; a page may have ten of them."""
    threads = [threading.Thread(target=lambda: [nick.post("/students", NICK) for _ in range(75)]) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    found = ledger_truth.entries(nick)
    assert len(found) == 1205
    ledger_truth.verify(found)
    backwards = [json.loads(line) for line in nick.get("/ledger?newest=yes&limit=10000").text.splitlines()]
    assert backwards == found[::-1]
    check = nick.post("/ledger/check")
    assert check.status == 200 and check.json == {"Sequence": 1205, "DifferenceCount": 0, "Differences": []}


def test_the_ledger_needs_the_token(nick):
    for path, method in (("/ledger", "GET"), ("/ledger/head", "GET"), ("/ledger/check", "POST"), ("/ledger/2/undo", "POST"),
                         ("/ledger/sets/2/undo", "POST"), ("/students/1/history", "GET"), ("/students/1?at=2026-01-01T00:00:00Z", "GET"),
                         ("/grades/1/history", "GET"), ("/grades/1?at=2026-01-01T00:00:00Z", "GET"), ("/classes/1/history", "GET")):
        assert nick.request(path, method, token=None).status == 401, path


# Histories

def test_history_of_a_grade(nick):
    patch(nick, "/grades/1", {"Score": 90, "Reason": "second look"})
    answer = nick.get("/grades/1/history").json
    assert answer["Next"] is None
    changed, made = answer["Items"]
    assert list(changed) == ["Sequence", "Time", "Actor", "ActorName", "Action", "Kind", "ID", "Old", "New", "Reason", "RequestID", "Set"]
    assert changed["Old"]["Score"] == 85 and changed["New"]["Score"] == 90 and changed["New"]["Version"] == 2
    assert changed["Reason"] == "second look" and changed["Actor"] == "cluster" and changed["ActorName"] is None and changed["Set"] == 6
    assert made["Old"] is None and made["New"]["Score"] == 85 and made["Sequence"] == 5
    nick.request("/grades/1", "DELETE")
    assert [i["Action"] for i in nick.get("/grades/1/history").json["Items"]] == ["delete", "update", "create"], "what is gone has one too"
    assert_problem(nick.get("/grades/2/history"), 404, "grade")
    assert_problem(nick.get("/grades/x/history"), 404, "grade")


def test_histories_are_of_their_object_alone(nick):
    nick.post("/students", {"ID": 2, "FirstName": "Emma", "LastName": "Stone"})
    nick.post("/students/2/grades", {**QUIZ, "Title": "other"})
    nick.request("/students/1", "PATCH", {"FirstName": "Nicholas"})
    of_nick = nick.get("/students/1/history").json["Items"]
    assert [(i["Action"], i["Kind"]) for i in of_nick] == [("update", "student"), ("create", "grade"), ("create", "enrolment"), ("create", "student")]
    assert "Emma" not in json.dumps(of_nick) and of_nick[0]["Old"]["FirstName"] == "Nick"
    of_class = nick.get("/classes/1/history").json["Items"]
    assert {i["Kind"] for i in of_class} == {"class", "enrolment", "assessment", "grade"}
    assert_problem(nick.get("/students/3/history"), 404, "student")
    assert_problem(nick.get("/classes/2/history"), 404, "class")


def test_pages_of_a_history(nick):
    for i in range(7):
        assert patch(nick, "/grades/1", {"Score": i}).status == 200
    seen, before = [], ""
    while before is not None:
        page = nick.get(f"/grades/1/history?limit=3{before}").json
        assert len(page["Items"]) <= 3
        seen += page["Items"]
        before = f"&before={page['Next']}" if page["Next"] else None
    assert seen == nick.get("/grades/1/history").json["Items"] and len(seen) == 8
    assert nick.get("/grades/1/history?limit=8").json["Next"] is None
    for query, name in (("?limit=0", "limit"), ("?limit=1001", "limit"), ("?before=0", "before")):
        assert_problem(nick.get("/grades/1/history" + query), 400, f"'{name}'")


# Undo

@pytest.mark.both_databases
def test_undo_of_each_kind_of_change(nick):
    original = nick.get("/grades/1").json
    changed = patch(nick, "/grades/1", {"Score": 40}).json
    answer = undo(nick, 6, "wrong paper")
    assert answer.status == 200 and answer.json == {"Undone": 1, "First": 7, "Last": 7}
    assert nick.get("/grades/1").json == {**original, "Version": 3}
    assert ledger_truth.entries(nick)[-1]["Reason"] == "Undo of entry 6: wrong paper"

    assert undo(nick, 7).status == 200, "an undo is an entry like others"
    assert nick.get("/grades/1").json == {**changed, "Version": 4}

    assert nick.request("/grades/1", "DELETE").status == 204
    assert undo(nick, 9).status == 200
    assert nick.get("/grades/1").json == {**changed, "Version": 6}, "it has its old id, and its versions go on"
    assert ledger_truth.entries(nick)[-1]["Reason"] == "Undo of entry 9"

    nick.post("/students", {"ID": 5, **NICK})
    made = head(nick)["Sequence"]
    assert undo(nick, made - 1).status == 409, "the enrolment refers to the student"
    assert undo(nick, made, query="?set=yes").json["Undone"] == 2
    assert nick.get("/students/5").status == 404
    found = ledger_truth.entries(nick)
    ledger_truth.verify(found)
    ledger_truth.replay(found)
    assert nick.post("/ledger/check").json["DifferenceCount"] == 0
    nick.stop()
    nick.start()
    assert nick.get("/grades/1").json == {**changed, "Version": 6}


def test_ids_are_not_used_again(nick):
    nick.request("/grades/1", "DELETE")
    nick.stop()
    nick.start()
    assert grade_id(nick.post("/students/1/grades", {**QUIZ, "Title": "next"})) == 2


def test_what_changed_since_is_a_conflict(nick):
    patch(nick, "/grades/1", {"Score": 40})
    patch(nick, "/grades/1", {"Comment": "good"})
    before = nick.get("/students").body
    answer = undo(nick, 6)
    assert_problem(answer, 409, "changed since")
    conflict = answer.json["Conflicts"]
    assert conflict == [{"Kind": "grade", "ID": 1, "Sequence": 6, "ChangedBy": "cluster", "ChangedAt": ledger_truth.entries(nick)[6]["Time"],
                         "ChangedIn": 7}]
    nick.request("/grades/1", "DELETE")
    assert_problem(undo(nick, 7), 409)
    assert undo(nick, 8).status == 200
    assert nick.get("/students").body == before


@pytest.mark.both_databases
def test_undo_of_a_set_is_all_or_nothing(nick):
    """A grade's request made an assessment as well. Undone together they go, but not while somebody else uses the assessment."""
    nick.post("/students", {"ID": 2, "FirstName": "Emma", "LastName": "Stone"})
    nick.post("/students/2/grades", QUIZ)
    last = head(nick)["Sequence"]
    refused = undo(nick, 5, query="?set=yes")
    assert_problem(refused, 409, "assessment")
    assert head(nick)["Sequence"] == last and len(nick.get("/students/1").json["Grades"]) == 1
    assert undo(nick, last).status == 200
    answer = nick.post("/ledger/sets/4/undo", {"Reason": "imported twice"})
    assert answer.status == 200 and answer.json["Undone"] == 2
    assert [e["Reason"] for e in ledger_truth.entries(nick)[-2:]] == ["Undo of entry 5: imported twice", "Undo of entry 4: imported twice"]
    assert nick.get("/students/1").json["Grades"] == []
    again = nick.post(f"/ledger/sets/{answer.json['First']}/undo")
    assert again.status == 200 and nick.get("/students/1").json["Grades"] == [QUIZ] and nick.get("/grades/1").json["ID"] == 1
    assert_problem(nick.post("/ledger/sets/5/undo"), 404, "set")
    assert_problem(undo(nick, 999), 404, "entry")
    assert_problem(undo(nick, "x"), 404, "entry")
    assert_problem(undo(nick, 2, query="?set=perhaps"), 400, "'set'")
    ledger_truth.replay(ledger_truth.entries(nick))


def test_undo_once_for_a_key(nick):
    patch(nick, "/grades/1", {"Score": 40})
    answers = [nick.post("/ledger/6/undo", {}, headers={"Idempotency-Key": "u"}) for _ in range(3)]
    assert [a.status for a in answers] == [200] * 3 and len({a.body for a in answers}) == 1
    assert nick.get("/grades/1").json["Version"] == 3


# As of a moment

@pytest.mark.both_databases
def test_the_state_as_of_any_moment(nick):
    moments = []

    def note():
        moments.append((head(nick)["Time"], nick.get("/students/1").text, nick.get("/grades/1").text))

    note()
    for change in (lambda: patch(nick, "/grades/1", {"Score": 12.25}), lambda: nick.post("/students/1/grades", {**QUIZ, "Title": "two"}),
                   lambda: nick.request("/students/1", "PATCH", {"FirstName": "Nicholas"}), lambda: nick.request("/grades/2", "DELETE"),
                   lambda: undo(nick, 6)):
        assert change().status < 300
        note()
    nick.request("/grades/1", "DELETE")
    for moment, student, grade in moments:
        assert nick.get(f"/students/1?at={moment}").text == student
        assert nick.get(f"/grades/1?at={moment}").text == grade
    assert nick.get("/students/1?at=2999-01-01T00:00:00Z").text == nick.get("/students/1").text
    assert_problem(nick.get("/students/1?at=2000-01-01T00:00:00Z"), 404, "then")
    assert_problem(nick.get("/grades/1?at=2000-01-01T00:00:00Z"), 404, "then")
    assert_problem(nick.get("/grades/1?at=2999-01-01T00:00:00Z"), 404, "then")
    assert_problem(nick.get("/students/1?at=yesterday"), 400, "'at'")
    assert_problem(nick.get("/grades/1?at=12"), 400, "'at'")


# Rights

PASSWORD = "correct horse battery"


class School:
    """Two classes with a teacher each; student 1 is in both, student 2 in the second."""

    def __init__(self, grading):
        self.grading = grading
        self.tokens = {}
        self.ids = {}
        for number, name in ((1, "Nick"), (2, "Emma")):
            assert grading.post("/students", {"ID": number, "FirstName": name, "LastName": "Carter"}).status == 201
        self.classes = [self.made("/classes", {"Name": name}) for name in ("A", "B")]
        for login, role, more in (("head", "admin", {}), ("ada", "teacher", {"Name": "Ada Byron"}), ("bob", "teacher", {}),
                                  ("nick", "student", {"Student": 1}), ("emma", "student", {"Student": 2})):
            self.ids[login] = self.made("/accounts", {"Login": login, "Role": role, "Password": PASSWORD, **more})
            answer = grading.post("/sessions", {"Login": login, "Password": PASSWORD}, token=None)
            assert answer.status in (200, 201), answer
            self.tokens[login] = answer.json["Token"]
        self.enrolments = [self.made(f"/classes/{c}/enrolments", {"Student": s}) for c, s in ((self.classes[0], 1), (self.classes[1], 1), (self.classes[1], 2))]
        for c, login in zip(self.classes, ("ada", "bob")):
            self.made(f"/classes/{c}/teachings", {"Account": self.ids[login]})
        self.assessments = [self.made(f"/classes/{c}/assessments", {"Title": "essay", "Type": "Test", "Released": True}) for c in self.classes]
        self.grades = [self.graded(self.assessments[0], 1, 70), self.graded(self.assessments[1], 1, 60), self.graded(self.assessments[1], 2, 50)]

    def made(self, path, body):
        answer = self.grading.post(path, body)
        assert answer.status == 201, (path, body, answer)
        return answer.json["ID"]

    def graded(self, assessment, student, score, who=None):
        answer = self.ask(who, f"/assessments/{assessment}/grades/{student}", "PUT", {"Score": score})
        assert answer.status in (200, 201), answer
        return answer.json["ID"]

    def ask(self, who, path, method="GET", body=None):
        return self.grading.request(path, method, body, token=self.tokens[who] if who else True)

    def last(self):
        return head(self.grading)["Sequence"]


@pytest.fixture
def school(grading):
    return School(grading)


def test_who_reads_the_ledger(school):
    for who, status in (("head", 200), (None, 200), ("ada", 403), ("nick", 403)):
        for path, method in (("/ledger", "GET"), ("/ledger/head", "GET"), ("/ledger/check", "POST")):
            assert school.ask(who, path, method).status == status, (who, path)


def test_who_reads_which_history(school):
    a, b = school.classes
    of_a, of_b, of_emma = school.grades
    expected = {
        f"/grades/{of_a}": {"head": 200, "ada": 200, "bob": 404, "nick": 403, "emma": 404},
        f"/grades/{of_b}": {"head": 200, "ada": 404, "bob": 200, "nick": 403, "emma": 404},
        f"/grades/{of_emma}": {"head": 200, "ada": 404, "bob": 200, "nick": 404, "emma": 403},
        f"/classes/{a}": {"head": 200, "ada": 200, "bob": 404, "nick": 403, "emma": 404},
        f"/classes/{b}": {"head": 200, "ada": 404, "bob": 200, "nick": 403, "emma": 403},
        "/students/1": {"head": 200, "ada": 200, "bob": 200, "nick": 403, "emma": 404},
        "/students/2": {"head": 200, "ada": 404, "bob": 200, "nick": 404, "emma": 403},
    }
    for path, statuses in expected.items():
        missing = path.rsplit("/", 1)[0] + "/777"
        for who, status in statuses.items():
            for view in ("/history", "?at=2999-01-01T00:00:00Z"):
                answer = school.ask(who, path + view)
                assert answer.status == status, (who, path + view, answer)
                if status == 404:
                    assert answer.json["detail"] == school.ask(who, missing + view).json["detail"], "as what is not there"


def test_a_history_shows_what_its_reader_may_see(school):
    def seen(who, path):
        return {(i["Kind"], i["ID"]) for i in school.ask(who, path).json["Items"]}

    of_ada, of_bob, of_all = (seen(who, "/students/1/history") for who in ("ada", "bob", "head"))
    assert ("grade", school.grades[0]) in of_ada and ("grade", school.grades[1]) not in of_ada
    assert ("grade", school.grades[1]) in of_bob and ("grade", school.grades[0]) not in of_bob
    assert ("student", 1) in of_ada and ("enrolment", school.enrolments[1]) not in of_ada
    assert ("account", school.ids["nick"]) in of_all and not any(kind == "account" for kind, _ in of_ada | of_bob)
    assert of_ada | of_bob < of_all
    assert len(school.ask("ada", "/students/1/history?limit=2").json["Items"]) == 2, "pages are of what may be seen"

    school.graded(school.assessments[0], 1, 71, "ada")
    item = school.ask("head", f"/grades/{school.grades[0]}/history").json["Items"][0]
    assert (item["Actor"], item["ActorName"]) == (f"account:{school.ids['ada']}", "Ada Byron")
    assert school.ask("ada", f"/grades/{school.grades[0]}", "DELETE").status == 204
    assert school.ask("ada", f"/grades/{school.grades[0]}/history").json["Items"][0]["Action"] == "delete"
    assert school.ask("bob", f"/grades/{school.grades[0]}/history").status == 404


def test_what_was_is_shown_with_the_rights_of_now(school):
    now = "?at=2999-01-01T00:00:00Z"
    titles = {who: school.ask(who, "/students/1" + now).json["Grades"] for who in ("ada", "bob", "head")}
    assert [g["Score"] for g in titles["ada"]] == [70] and [g["Score"] for g in titles["bob"]] == [60]
    assert [g["Score"] for g in titles["head"]] == [70, 60]
    moment = head(school.grading)["Time"]
    school.graded(school.assessments[0], 1, 10)
    assert school.ask("ada", f"/students/1?at={moment}").json["Grades"][0]["Score"] == 70
    assert school.ask("ada", f"/grades/{school.grades[0]}?at={moment}").json["Score"] == 70


def test_who_may_undo(school):
    school.graded(school.assessments[0], 1, 71)
    of_a = school.last()
    school.graded(school.assessments[1], 1, 61)
    of_b = school.last()
    for who, entry, status in (("nick", of_a, 404), ("emma", of_a, 404), ("bob", of_a, 404), ("ada", of_b, 404), ("ada", 9999, 404)):
        for path in (f"/ledger/{entry}/undo", f"/ledger/{entry}/undo?set=yes", f"/ledger/sets/{entry}/undo"):
            answer = school.ask(who, path, "POST")
            assert answer.status == status and "There is no" in answer.json["detail"], (who, path, answer)
    assert school.ask("ada", f"/ledger/{of_a}/undo", "POST").status == 200
    assert school.ask("head", f"/ledger/{of_b}/undo", "POST").status == 200
    undone = ledger_truth.entries(school.grading)[-2:]
    assert [e["Actor"] for e in undone] == [f"account:{school.ids['ada']}", f"account:{school.ids['head']}"]

    found = ledger_truth.entries(school.grading)
    enrolled, account = (next(e["Sequence"] for e in found if e["Kind"] == kind and e["ID"] == number)
                         for kind, number in (("enrolment", school.enrolments[0]), ("account", school.ids["ada"])))
    assert_problem(school.ask("ada", f"/ledger/{enrolled}/undo", "POST"), 403, "not undo")
    for who in ("head", None):
        assert_problem(school.ask(who, f"/ledger/{account}/undo", "POST"), 403, "account", "secrets")
    assert school.ask("ada", f"/ledger/{account}/undo", "POST").status == 404

    assert school.grading.request(f"/classes/{school.classes[0]}", "PATCH", {"Name": "Better"}).status == 200
    renamed = school.last()
    assert school.grading.request(f"/classes/{school.classes[0]}", "PATCH", {"Archived": True}).status == 200
    archived = school.last()
    assert_problem(school.ask("ada", f"/ledger/{archived}/undo", "POST"), 403)
    assert school.ask("head", f"/ledger/{archived}/undo", "POST").status == 200
    assert_problem(school.ask("ada", f"/ledger/{renamed}/undo", "POST"), 409)
    assert head(school.grading)["Sequence"] == archived + 1


def test_undo_respects_locks(school):
    school.graded(school.assessments[0], 1, 71)
    entry = school.last()
    assert school.grading.request(f"/classes/{school.classes[0]}", "PATCH", {"Locked": True}).status == 200
    assert_problem(undo(school.grading, entry), 409, "locked")
    assert undo(school.grading, entry + 1).status == 200, "the lock itself can be taken back"
    assert undo(school.grading, entry).status == 200


def test_history_and_rows_of_a_class_that_was_rebuilt(school):
    """What is deleted and brought back in sets is whole again."""
    a = school.classes[0]
    before = school.ask(None, f"/classes/{a}/grid").json
    school.graded(school.assessments[0], 1, 71)
    assert school.ask(None, f"/grades/{school.grades[0]}", "DELETE").status == 204
    assert school.ask(None, f"/assessments/{school.assessments[0]}", "DELETE").status == 204
    last = school.last()
    assert undo(school.grading, last - 1).status == 409, "the grade's assessment is gone"
    for entry in (last, last - 1):
        assert undo(school.grading, entry).status == 200
    school.graded(school.assessments[0], 1, 70)
    after = school.ask(None, f"/classes/{a}/grid").json
    assert [s["ID"] for s in before["Students"]] == [s["ID"] for s in after["Students"]]
    found = ledger_truth.entries(school.grading)
    ledger_truth.verify(found)
    ledger_truth.replay(found)
    assert school.grading.post("/ledger/check").json["DifferenceCount"] == 0


# Anchors

def anchors(log):
    found = []
    for line in stored_text(log.logs).splitlines():
        record = json.loads(line)
        if ANCHOR in record.get("Message", ""):
            found.append((int(record["Fields"]["LEDGER_SEQUENCE"]), record["Fields"]["LEDGER_HASH"]))
    return found


def test_the_central_log_knows_where_the_ledger_ends(whole):
    grading, log, _ = whole
    wait_until(lambda: [n for n, _ in anchors(log)] == [1], "the start's anchor is in the central log")
    grading.post("/students", {"ID": 1, **NICK})
    writers = [threading.Thread(target=lambda i=i: [grading.post("/students/1/grades", {**QUIZ, "Title": f"{i}-{j}"}) for j in range(20)])
               for i in range(4)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    end = head(grading)
    grading.stop()
    wait_until(lambda: anchors(log)[-1] == (end["Sequence"], end["Hash"]), "the stop's anchor is in the central log")
    grading.start()
    wait_until(lambda: anchors(log)[-2:] == [(end["Sequence"], end["Hash"])] * 2, "the next start's is there too")


def test_anchors_within_a_minute(whole):
    grading, log, _ = whole
    grading.post("/students", {"ID": 1, **NICK})
    end = head(grading)
    wait_until(lambda: (end["Sequence"], end["Hash"]) in anchors(log), "the change is anchored while it runs", timeout=60)
    grading.kill()


@pytest.mark.sqlite
def test_changes_while_it_stops_are_anchored(cluster):
    """Whatever it still took on its way out is behind no anchor's back."""
    cluster.start("registry")
    log, grading = cluster.start("log", "grading")
    wait_until(lambda: "LogService" in cluster.services(), "the log is registered")
    grading.post("/students", {"ID": 1, **NICK})

    def write():
        while True:
            try:
                if grading.post("/students/1/grades", {**QUIZ, "Title": str(threading.get_ident())}).status != 201:
                    return
            except OSError:
                return

    writers = [threading.Thread(target=write) for _ in range(4)]
    for w in writers:
        w.start()
    wait_until(lambda: head(grading)["Sequence"] > 20, "they write")
    grading.stop()
    for w in writers:
        w.join()
    rows = ledger_truth.file_copy(grading.state).execute("SELECT sequence, hex(hash) FROM ledger ORDER BY sequence DESC LIMIT 1").fetchall()
    wait_until(lambda: anchors(log)[-1] == (rows[0][0], rows[0][1].lower()), "the last entry is anchored")


# gradebookctl

def test_show(whole):
    grading, _, ctl = whole
    grading.post("/students", {"ID": 1, **NICK})
    grading.post("/students/1/grades", QUIZ)
    patch(grading, "/grades/1", {"Score": 90, "Reason": "second look"})
    lines = ctl("ledger", "show").stdout.splitlines()
    assert len(lines) == 7 and "Score 85 → 90; second look" in lines[1] and "grade 1" in lines[1] and "cluster" in lines[1]
    assert len(ctl("ledger", "show", "-n", "2").stdout.splitlines()) == 3
    assert len(ctl("ledger", "show", "--grade", "1").stdout.splitlines()) == 3
    assert len(ctl("ledger", "show", "--student=1", "--lines=3").stdout.splitlines()) == 4
    assert len(ctl("ledger", "show", "--class=1").stdout.splitlines()) == 6
    assert ctl.json("ledger", "show", "--grade=1")["Items"][0]["Reason"] == "second look"
    assert [json.loads(line)["Sequence"] for line in ctl("--json", "ledger", "show", "-n2").stdout.splitlines()] == [6, 5]
    assert "no grade" in ctl("ledger", "show", "--grade=7", code=NOT_FOUND).stderr
    ctl("ledger", "show", "--grade=7", "--student=1", code=USAGE)
    ctl("ledger", "show", "-n", "0", code=USAGE)


def test_undo_by_hand(whole):
    grading, _, ctl = whole
    grading.post("/students", {"ID": 1, **NICK})
    grading.post("/students/1/grades", QUIZ)
    patch(grading, "/grades/1", {"Score": 90})
    assert "Undid 1 entry" in ctl("ledger", "undo", "6", "--reason", "a mistake").stdout
    assert ledger_truth.entries(grading)[-1]["Reason"] == "Undo of entry 6: a mistake"
    refused = ctl("ledger", "undo", "6", code=FAILURE).stderr
    assert "grade 1 was changed by cluster" in refused and "in entry 7" in refused
    ctl("ledger", "undo", "99", code=NOT_FOUND)
    ctl("ledger", "undo", "first", code=USAGE)


@pytest.mark.both_databases
def test_verify(whole):
    grading, log, ctl = whole
    grading.post("/students", {"ID": 1, **NICK})
    for i in range(10):
        grading.post("/students/1/grades", {**QUIZ, "Title": f"t{i}"})
    wait_until(lambda: anchors(log), "an anchor is there")
    end = head(grading)
    done = ctl("ledger", "verify")
    assert f"Verified {end['Sequence']} entries, head {end['Sequence']} {end['Hash']}, 1 anchor agrees" in done.stdout
    assert "entries: 23 of 23" in done.stderr
    assert ctl.json("ledger", "verify") == {"Entries": 23, "Sequence": 23, "Hash": end["Hash"], "Anchors": 1, "AnchorsAgree": 1, "AnchorsReplaced": 0, "Restores": 0, "ProblemCount": 0,
                                            "Problems": []}


def test_without_an_anchor_nothing_is_promised(cluster):
    cluster.configure("gradebook", {"Log": {"Level": "warning"}})
    cluster.start("registry")
    cluster.start("log", "grading")
    wait_until(lambda: {"LogService", "GradingService"} <= set(cluster.services()), "log and grading are registered")
    ctl = Ctl(cluster)
    assert "no anchor" in ctl("ledger", "verify", code=FAILURE).stdout
    assert "Verified 1 entries" in ctl("ledger", "verify", "--no-anchors").stdout


# Tampering

COLUMNS = ("sequence", "time_usec", "set_sequence", "actor", "client", "request_id", "action", "kind", "row_id", "student_id", "class_id",
           "version", "old", "new", "reason", "hash")
VICTIM = 30


def flip(value):
    """One bit of it, such that what comes is still a text or a number."""
    if isinstance(value, int):
        return value ^ 1024
    if isinstance(value, bytes):
        return value[:5] + bytes([value[5] ^ 8]) + value[6:]
    return value[:3] + chr(ord(value[3]) ^ 2) + value[4:]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A cluster with some dozens of entries and their anchors, stopped; each test works on the file as it was."""
    cluster = Cluster(tmp_path_factory.mktemp("tampering"))
    try:
        cluster.start("registry")
        log, grading = cluster.start("log", "grading")
        wait_until(lambda: {"LogService", "GradingService"} <= set(cluster.services()), "log and grading are registered")
        grading.post("/students", {"ID": 1, **NICK})
        grading.stop()
        grading.start()
        for i in range(12):
            grading.post("/students/1/grades", {**QUIZ, "Title": f"t{i}"})
            if i == 6:
                grading.stop()
                grading.start()
        for i in range(1, 13):
            assert patch(grading, f"/grades/{i}", {"Score": i, "Reason": "second look"}).status == 200
        end = head(grading)
        assert end["Sequence"] == 39
        grading.stop()
        wait_until(lambda: anchors(log)[-1][0] == 39, "the last anchor is in the central log")
        # Each test's own head is no news for the others.
        cluster.configure("gradebook", {"Log": {"Level": "warning"}})
        yield cluster, grading, (grading.state / "grades.db").read_bytes()
    finally:
        cluster.close()


@pytest.fixture
def tampering(written):
    """(what does SQL in the stopped daemon's file and verifies it: the exit's output)"""
    cluster, grading, original = written
    ctl = Ctl(cluster)

    def tamper(sql=(), change=None, code=FAILURE):
        (grading.state / "grades.db").write_bytes(original)
        (grading.state / "grades.db-wal").unlink(missing_ok=True)
        connection = sqlite3.connect(grading.state / "grades.db", isolation_level=None)
        connection.execute("DROP TRIGGER ledger_is_not_rewritten")
        connection.execute("DROP TRIGGER ledger_is_not_cut")
        for statement, *values in sql:
            assert connection.execute(statement, values).rowcount > 0, statement
        if change:
            change(connection)
        connection.close()
        grading.start()
        try:
            return ctl("ledger", "verify", code=code).stdout
        finally:
            grading.kill()

    return tamper


def test_an_untouched_ledger_verifies(tampering):
    assert "Verified 39 entries" in tampering(code=0)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_flipped_bit_is_found(tampering, column):
    def change(connection):
        value, = connection.execute(f"SELECT {column} FROM ledger WHERE sequence = ?", [VICTIM]).fetchone()
        assert value is not None
        connection.execute(f"UPDATE ledger SET {column} = ? WHERE sequence = ?", [flip(value), VICTIM])

    said = tampering(change=change)
    assert re.search(r"\b(30|31)\b", said.splitlines()[0]), said
    assert "does not verify" in said


def test_a_null_in_place_of_a_text_is_found(tampering):
    assert "Entry 30 " in tampering([("UPDATE ledger SET reason = NULL WHERE sequence = 30",)])
    assert "Entry 5 " in tampering([("UPDATE ledger SET reason = '' WHERE sequence = 5",)]), "'' is another thing than NULL"


def test_what_is_no_text_is_found(tampering):
    said = tampering([("UPDATE ledger SET actor = cast(x'ff80' AS TEXT) WHERE sequence = 30",)])
    assert "Entry 30 " in said


def test_an_entry_that_was_taken_out_is_found(tampering):
    assert "Entries 30 to 30 are missing" in tampering([("DELETE FROM ledger WHERE sequence = 30",)])
    assert "Entries 1 to 3 are missing" in tampering([("DELETE FROM ledger WHERE sequence <= 3",)])


def test_a_cut_end_is_found(tampering):
    """Together with the rows, so that nothing but the anchors says so."""
    def change(connection):
        connection.execute("DELETE FROM ledger WHERE sequence > 38")
        connection.execute("UPDATE grades SET version = 1, score_hundredths = 8500, entry = (SELECT max(sequence) FROM ledger"
                           " WHERE kind = 'grade' AND row_id = 12) WHERE id = 12")

    said = tampering(change=change)
    assert "The ledger was cut: it ends with entry 38, and the central log was told of entry 39" in said and len(said.splitlines()) == 2, said


def as_entry(row, previous):
    e = dict(zip(ledger_truth.MEMBERS, row))
    seconds, usec = divmod(e["Time"], 10**6)
    e["Time"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{usec:06}Z"
    e["StudentID"] = e["StudentID"] or 0
    e["ClassID"] = e["ClassID"] or 0
    e["Previous"] = previous
    return e


def rewrite(connection, at):
    """Seals all entries from there on again, as one would who has read how."""
    previous = "0" * 64
    for row in connection.execute(f"SELECT {', '.join(COLUMNS)} FROM ledger ORDER BY sequence").fetchall():
        if row[0] >= at:
            connection.execute("UPDATE ledger SET hash = ? WHERE sequence = ?", [bytes.fromhex(ledger_truth.digest(as_entry(row, previous))), row[0]])
        previous = connection.execute("SELECT hex(hash) FROM ledger WHERE sequence = ?", [row[0]]).fetchone()[0].lower()


def test_a_ledger_sealed_again_as_it_was_verifies(tampering):
    assert "Verified 39 entries" in tampering(change=lambda c: rewrite(c, 1), code=0), "the test's own way of making hashes is right"


def test_a_ledger_that_was_made_anew_is_found(tampering):
    """Better grades for everybody, hashes and rows to fit: only the anchors know."""
    def change(connection):
        connection.execute("""UPDATE ledger SET new = replace(new, '"Score":12', '"Score":99') WHERE sequence = 39""")
        connection.execute("UPDATE grades SET score_hundredths = 9900 WHERE id = 12")
        rewrite(connection, 39)

    said = tampering(change=change)
    assert "Entry 39 is not the one that the central log was told of" in said and len(said.splitlines()) == 2, said

    def change_early(connection):
        connection.execute("UPDATE ledger SET actor = 'account:1' WHERE sequence = 2")
        rewrite(connection, 2)

    said = tampering(change=change_early)
    assert "Entry 3 is not the one that the central log was told of" in said and "does not verify" in said


@pytest.mark.parametrize("sql, words", [
    ("UPDATE grades SET score_hundredths = 10000 WHERE id = 3", "The grade 3 is not as the ledger says"),
    ("UPDATE students SET last_name = 'Cave' WHERE id = 1", "The student 1 is not as the ledger says"),
    ("UPDATE assessments SET weight_hundredths = 7 WHERE id = 2", "The assessment 2 is not as the ledger says"),
    ("UPDATE grades SET version = 9 WHERE id = 3", "The grade 3 is not as the ledger says"),
    ("UPDATE grades SET entry = 9 WHERE id = 3", "The grade 3 names another entry than its last"),
    ("DELETE FROM grades WHERE id = 3", "The grade 3 is in the ledger and not there"),
    ("INSERT INTO assessments VALUES (77, 1, 9, 1, 'x', 0, 10000, 100, NULL, 0, 0)", "The assessment 77 is there and not in the ledger"),
])
def test_rows_that_do_not_follow_are_found(tampering, sql, words):
    said = tampering([(sql,)])
    assert words in said and len(said.splitlines()) == 2, said


# From the first version

def version_one(path, students, grades):
    """A file as version 1 of the schema was released, with what a school had typed into it."""
    text = (SOURCE / "src/grading/schema.c").read_text()
    first = re.search(r"grading_migrations\[\] = \{(.*?)\n\n", text, flags=re.S).group(1)
    sql = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', re.sub(r"/\*.*?\*/", "", first, flags=re.S)))
    connection = sqlite3.connect(path)
    connection.executescript(sql + "PRAGMA user_version=1;")
    usec = 1_700_000_000_000_000
    change = 0
    for i, name in students:
        change += 1
        connection.execute("INSERT INTO students VALUES (?, ?, ?, ?)", [i, *name, usec + change])
        connection.execute("INSERT INTO changes VALUES (?, ?, 'cluster', '10.0.0.1:99', ?, 'add-student', ?, NULL, NULL, ?, NULL)",
                           [change, usec + change, f"{change:032x}", i, json.dumps({"ID": i})])
    for i, student, title, kind, score in grades:
        change += 1
        connection.execute("INSERT INTO grades VALUES (?, ?, ?, ?, ?, ?)", [i, student, title, kind, score, usec + change])
        connection.execute("INSERT INTO changes VALUES (?, ?, 'anonymous', '10.0.0.1:99', ?, 'add-grade', ?, ?, NULL, ?, ?)",
                           [change, usec + change, f"{change:032x}", student, i, json.dumps({"Title": title}), "moved" if i % 7 == 0 else None])
    connection.commit()
    connection.close()
    return usec


@pytest.mark.sqlite
def test_a_file_of_the_first_version(cluster):
    ctl = Ctl(cluster)
    cluster.start("registry")
    log, grading = cluster.start("log"), cluster.daemon("grading")
    students = [(i, (f"First {i}", "Ünal 😀")) for i in (1, 2, 3, 50, 9007199254740991)]
    # Titles that repeat for one student, ids with gaps, every type, hundredths.
    grades = [(3 * n + 1, students[n % 5][0], f"Quiz {n // 5 % 40}", ("Quiz", "Test", "Exam", "Homework")[n // 5 % 3], n * 37 % 10001)
              for n in range(1000)]
    usec = version_one(grading.state / "grades.db", students, grades)
    grading.start()
    wait_until(lambda: "GradingService" in cluster.services() and anchors(log), "it is registered, and its ledger anchored")

    expected = [{"ID": i, "FirstName": first, "LastName": last, "Grades": [
        {"Title": title, "Type": kind, "Score": ledger_truth.hundredths(score)} for _, student, title, kind, score in grades if student == i]}
        for i, (first, last) in students]
    assert len({(s, t, k) for _, s, t, k, _ in grades}) < len(grades), "some titles are there twice"
    assert grading.get("/students").json == expected
    assert grading.get("/students/50/grades/12").status in (200, 404)
    for i, student, title, kind, score in grades[::97]:
        assert grading.get(f"/students/{student}/grades/{i}").json == {"Title": title, "Type": kind, "Score": ledger_truth.hundredths(score)}

    found = ledger_truth.entries(grading)
    ledger_truth.verify(found)
    assert ledger_truth.simple_view(ledger_truth.replay(found)) == expected
    made = {e["ID"]: e for e in found if e["Kind"] == "grade"}
    assert sorted(made) == [g[0] for g in grades]
    for n, (i, *_) in enumerate(grades, len(students) + 1):
        e = made[i]
        assert (e["Actor"], e["Client"], e["RequestID"], e["Reason"]) == ("anonymous", "10.0.0.1:99", f"{n:032x}", "moved" if i % 7 == 0 else None)
        assert e["Time"].endswith(f".{(usec + n) % 10**6:06}Z")
    assert {e["Actor"] for e in found if e["Kind"] == "student"} == {"cluster"}

    assert grading.post("/students", NICK).status == 409, "there is no id after the largest"
    answer = grading.post("/students/1/grades", QUIZ)
    assert grade_id(answer) == grades[-1][0] + 1, "ids go on"
    assert undo(grading, found[-1]["Sequence"]).status == 200
    assert f"Verified {head(grading)['Sequence']} entries" in ctl("ledger", "verify").stdout
    before = grading.get("/students").body
    grading.stop()
    grading.start()
    assert grading.get("/students").body == before


@pytest.mark.sqlite
def test_a_large_file_of_the_first_version(cluster):
    """Each row looks for the change that made it: that may not take a walk through all changes."""
    grading = cluster.daemon("grading")
    version_one(grading.state / "grades.db", [(i, ("F", "L")) for i in range(1, 301)],
                [(n + 1, n % 300 + 1, f"Quiz {n // 300}", "Quiz", n % 10001) for n in range(30000)])
    grading.start()
    assert head(grading)["Sequence"] == 1 + 2 * 300 + 100 + 30000
    assert grading.post("/ledger/check", timeout=60).json["DifferenceCount"] == 0
