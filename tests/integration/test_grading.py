# SPDX-License-Identifier: LGPL-2.1-or-later
"""gradebook-grading: the fixed forms, what it refuses, and its ways through kill -9 and a full disk."""

import http.client
import json
import os
import random
import sqlite3
import subprocess
import threading
import time

import grading_database
import pytest
from gradebook import wait_until

NICK = {"FirstName": "Nick", "LastName": "Carter"}
QUIZ = {"Title": "Quiz 1", "Type": "Quiz", "Score": 85}


@pytest.fixture
def grading(cluster):
    return cluster.start("grading")


@pytest.fixture
def nick(grading):
    """A service that knows student 1, who has one grade."""
    assert grading.post("/students", {"ID": 1, **NICK}).status == 201
    assert grading.post("/students/1/grades", QUIZ).status == 201
    return grading


def rows(daemon, sql):
    """Of a daemon that has ended."""
    connection = grading_database.connect(daemon)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def metric(daemon, name):
    return next(int(line.split()[1]) for line in daemon.get("/metrics").text.splitlines() if line.startswith(name + " "))


# The fixed forms

@pytest.mark.both_databases
def test_fixed_forms(open_cluster):
    grading = open_cluster.start("grading")
    as_curl = {"Content-Type": "application/x-www-form-urlencoded"}
    assert grading.get("/students", token=None).json == []
    grading.post("/students", '{"FirstName":"Nick","LastName":"Carter","ID":1}', headers=as_curl, token=None)

    added = grading.post("/students/1/grades", '{"Title":"Quiz 1","Type":"Quiz","Score":85}', headers=as_curl, token=None)
    assert added.status == 201
    assert added.headers["Content-Type"] == "application/json"
    assert added.text == '{"Title":"Quiz 1","Type":"Quiz","Score":85}'
    assert grading.get(added.headers["Location"], token=None).text == added.text

    student = grading.get("/students/1", token=None)
    assert student.status == 200 and student.headers["Content-Type"] == "application/json"
    expected = '{"ID":1,"FirstName":"Nick","LastName":"Carter","Grades":[{"Title":"Quiz 1","Type":"Quiz","Score":85}]}'
    assert student.text == expected
    students = grading.get("/students?unknown=1", token=None)
    assert students.status == 200 and students.text == f"[{expected}]"


def test_scores_keep_their_hundredths(nick):
    for score in ("0", "100", "85.5", "85.25", "0.01", "99.99", "8.5e1", "1E2", "85.50"):
        answer = nick.post("/students/1/grades", f'{{"Title":"t","Type":"Exam","Score":{score}}}')
        assert answer.status == 201, (score, answer)
        assert answer.json["Score"] == float(score)
    assert '"Score":85.5}' in nick.get("/students/1").text and "85.50" not in nick.get("/students/1").text


def test_every_type_and_any_text(nick):
    for kind in ("Quiz", "Test", "Exam", "Homework"):
        grade = {"Title": 'Überprüfung "三" \\ / </script> 😀', "Type": kind, "Score": 1}
        assert nick.post("/students/1/grades", grade).json == grade
    assert [g["Type"] for g in nick.get("/students/1").json["Grades"]] == ["Quiz", "Quiz", "Test", "Exam", "Homework"]


def test_students_are_sorted_and_numbered(grading):
    for number in (5, 2, 9007199254740990, 3):
        assert grading.post("/students", {"ID": number, **NICK}).headers["Location"] == f"/students/{number}"
    assert grading.post("/students", NICK).json == {"ID": 9007199254740991, **NICK, "Grades": []}
    assert [s["ID"] for s in grading.get("/students").json] == [2, 3, 5, 9007199254740990, 9007199254740991]
    full = grading.post("/students", NICK)
    assert full.status == 409 and "ID" in full.json["detail"]


def test_adding_a_student_twice(nick):
    before = nick.get("/students").body
    again = nick.post("/students", {"ID": 1, **NICK})
    assert again.status == 200 and again.body == nick.get("/students/1").body and "Location" not in again.headers
    other = nick.post("/students", {"ID": 1, "FirstName": "Nick", "LastName": "Cave"})
    assert other.status == 409 and "ID" in other.json["detail"]
    assert nick.get("/students").body == before


def test_the_same_student_from_many_at_once(grading):
    answers = []
    threads = [threading.Thread(target=lambda i=i: answers.append(grading.post("/students", {"ID": 7, "FirstName": "A", "LastName": "BC"[i % 2]})))
               for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    statuses = sorted(a.status for a in answers)
    assert statuses == [200] * 7 + [201] + [409] * 8


def test_unchanged_answers_are_not_sent_again(nick):
    for path in ("/students", "/students/1"):
        first = nick.get(path)
        tag = first.headers["ETag"]
        same = nick.get(path, headers={"If-None-Match": f'"other", {tag}'})
        assert same.status == 304 and same.body == b"" and same.headers["ETag"] == tag
        assert nick.get(path, headers={"If-None-Match": '"other"'}).status == 200
    nick.post("/students/1/grades", QUIZ)
    assert nick.get("/students/1", headers={"If-None-Match": tag}).status == 200
    tag = nick.get("/students/1").headers["ETag"]
    nick.stop()
    nick.start()
    assert nick.get("/students/1", headers={"If-None-Match": tag}).status == 200


# What is refused

BAD_GRADES = [
    ("", ""),
    ("null", "object"),
    ("[]", "object"),
    ("85", "object"),
    ('"Quiz"', "object"),
    ("{", ""),
    ('{"Title":"Quiz","Type":"Quiz","Score":85}x', ""),
    ("{'Title':'Quiz','Type':'Quiz','Score':85}", ""),
    ("Title=Quiz&Type=Quiz&Score=85", ""),
    ("{}", "Title"),
    ('{"Type":"Quiz","Score":85}', "Title"),
    ('{"Title":"Quiz","Score":85}', "Type"),
    ('{"Title":"Quiz","Type":"Quiz"}', "Score"),
    ('{"Title":null,"Type":"Quiz","Score":85}', "Title"),
    ('{"Title":"","Type":"Quiz","Score":85}', "Title"),
    ('{"Title":7,"Type":"Quiz","Score":85}', "Title"),
    ('{"Title":["Quiz"],"Type":"Quiz","Score":85}', "Title"),
    ('{"Title":"a\\nb","Type":"Quiz","Score":85}', "Title"),
    ('{"Title":"a\\u0000b","Type":"Quiz","Score":85}', ""),
    ('{"Title":"\\ud800","Type":"Quiz","Score":85}', ""),
    ('{"Title":"' + "x" * 201 + '","Type":"Quiz","Score":85}', "Title"),
    ('{"Title":"Quiz","Type":"quiz","Score":85}', "Type"),
    ('{"Title":"Quiz","Type":"Oral","Score":85}', "Type"),
    ('{"Title":"Quiz","Type":1,"Score":85}', "Type"),
    ('{"Title":"Quiz","Type":"Quiz","Score":"85"}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":null}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":true}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":-1}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":-0.01}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":100.01}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":101}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":85.555}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":1e400}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":1e-400}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":18446744073709551701}', "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":' + "9" * 1000 + "}", "Score"),
    ('{"Title":"Quiz","Type":"Quiz","Score":NaN}', ""),
    ('{"Title":"Quiz","Type":"Quiz","Score":Infinity}', ""),
    ('{"Title":"Quiz","Type":"Quiz","Score":085}', ""),
    ('{"Title":"Quiz","Type":"Quiz","Score":85,"Reason":5}', "Reason"),
    ('{"Title":"Quiz","Type":"Quiz","Score":85,"Reason":"' + "x" * 501 + '"}', "Reason"),
    ('{"Title":"Quiz","Type":"Quiz","Score":' + "[" * 5000 + "]" * 5000 + "}", ""),
    ('{"a":' * 5000 + "1" + "}" * 5000, ""),
    (b'{"Title":"\xff\xfe","Type":"Quiz","Score":85}', ""),
    (b'{"Title":"\xc0\xaf","Type":"Quiz","Score":85}', ""),
    (b'{"Title":"\xed\xa0\x80","Type":"Quiz","Score":85}', ""),
    (b'\xef\xbb\xbf{"Title":"Quiz","Type":"Quiz","Score":85}', ""),
    (b"\x00" * 100, ""),
]

BAD_STUDENTS = [
    ("", ""),
    ("[]", "object"),
    ('{"LastName":"Carter"}', "FirstName"),
    ('{"FirstName":"Nick"}', "LastName"),
    ('{"FirstName":"","LastName":"Carter"}', "FirstName"),
    ('{"FirstName":"Nick","LastName":"  "}', "LastName"),
    ('{"FirstName":"\u3000","LastName":"Carter"}', "FirstName"),
    ('{"FirstName":1,"LastName":"Carter"}', "FirstName"),
    ('{"FirstName":"Nick","LastName":"a\\u0007b"}', "LastName"),
    ('{"FirstName":"' + "x" * 101 + '","LastName":"Carter"}', "FirstName"),
    ('{"ID":0,"FirstName":"Nick","LastName":"Carter"}', "ID"),
    ('{"ID":-1,"FirstName":"Nick","LastName":"Carter"}', "ID"),
    ('{"ID":2.5,"FirstName":"Nick","LastName":"Carter"}', "ID"),
    ('{"ID":"2","FirstName":"Nick","LastName":"Carter"}', "ID"),
    ('{"ID":9007199254740992,"FirstName":"Nick","LastName":"Carter"}', "ID"),
    ('{"ID":99999999999999999999999,"FirstName":"Nick","LastName":"Carter"}', "ID"),
    ('{"FirstName":"Nick","LastName":"Carter","Grades":[{"Title":"Quiz","Type":"Quiz","Score":85}]}', "Grades"),
    ('{"FirstName":"Nick","LastName":"Carter","Grades":7}', "Grades"),
    ('{"FirstName":"Nick","LastName":"Carter","Reason":[]}', "Reason"),
]


def assert_problem(answer, status, member=""):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == status and answer.json["detail"]
    assert member in answer.json["detail"]


def test_bad_bodies_change_nothing(nick):
    before, commits = nick.get("/students").body, metric(nick, "gradebook_grading_commits_total")
    for path, cases in (("/students/1/grades", BAD_GRADES), ("/students", BAD_STUDENTS)):
        for body, member in cases:
            answer = nick.post(path, body)
            try:
                assert_problem(answer, 400, member)
            except AssertionError as e:
                raise AssertionError(f"POST {path} {body[:100]!r}: {answer}") from e
        assert_problem(nick.post(path, b'{"Title":"' + b"x" * 10_000_000), 413)
    assert_problem(nick.post("/students/2/grades", QUIZ), 404)
    assert_problem(nick.post("/students/one/grades", QUIZ), 404)
    assert nick.get("/students").body == before
    assert metric(nick, "gradebook_grading_commits_total") == commits


def test_unknown_students(nick):
    for number in ("2", "0", "-1", "+1", "1.0", "1e0", "0x1", "one", "%31x", "18446744073709551616", "9" * 1000, "1%20", "NaN", "null"):
        assert_problem(nick.get(f"/students/{number}"), 404)
    for number in ("0", "2", "x", "-1"):
        assert_problem(nick.get(f"/students/1/grades/{number}"), 404)


def test_paths_that_try_tricks(nick):
    for path in ("/students/../students/1", "/students/%2e%2e/students", "/students/1%00", "/students/1%2Fgrades", "/students//1",
                 "/students/1/", "/students/%zz", "/students/%ff", "/Students", "//students", "/students/1;x", "/students/./1"):
        answer = nick.get(path)
        assert answer.status in (400, 404), (path, answer)
        assert_problem(answer, answer.status)


def test_wrong_methods(nick):
    for path, allowed in (("/students", "GET, HEAD, POST"), ("/students/1", "GET, HEAD, PATCH, DELETE"),
                          ("/students/1/grades/1", "GET, HEAD")):
        for method in ("PUT", "OPTIONS", "BREW"):
            answer = nick.request(path, method)
            assert_problem(answer, 405)
            assert answer.headers["Allow"] == allowed
    head = nick.request("/students/1", "HEAD")
    assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) == len(nick.get("/students/1").body)


def test_the_token_is_needed(nick):
    before = nick.get("/students").body
    for token in (None, "0" * 64):
        for method, path, body in (("GET", "/students", None), ("GET", "/students/1", None), ("POST", "/students", NICK),
                                   ("POST", "/students/1/grades", QUIZ)):
            assert_problem(nick.request(path, method, body, token=token), 401)
    assert nick.get("/students").body == before


def test_limits(cluster):
    cluster.configure("grading", {"Grading": {"MaxStudents": 2, "MaxGradesPerStudent": 3}})
    grading = cluster.start("grading")
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(grading.post("/students", NICK).status)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(statuses) == [201] * 2 + [409] * 6
    statuses.clear()
    threads = [threading.Thread(target=lambda: statuses.append(grading.post("/students/1/grades", QUIZ).status)) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(statuses) == [201] * 3 + [409] * 9
    refused = grading.post("/students/1/grades", QUIZ)
    assert_problem(refused, 409, "MaxGradesPerStudent=")
    assert_problem(grading.post("/students", NICK), 409, "MaxStudents=")
    assert grading.post("/students/2/grades", QUIZ).status == 201


# On record

@pytest.mark.both_databases
def test_every_change_is_on_record(nick):
    trace = "0af7651916cd43dd8448eb211c80319c"
    grade = {"Title": "Quiz 3", "Type": "Quiz", "Score": 92.25}
    assert nick.post("/students/1/grades", {**grade, "Reason": "Was ill"}, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}).json == grade
    nick.post("/students", {"ID": 1, **NICK})
    nick.post("/students/1/grades", "{}")
    assert 'Added grade "Quiz 3" (Quiz) 92.25 for Nick Carter (student 1)' in nick.stderr
    line = next(line for line in nick.stderr.splitlines() if 'Added grade "Quiz 3"' in line)
    for field in (f"REQUEST_ID={trace}", "STUDENT_ID=1", "GRADE_ID=2", "ACTOR=cluster", "CLIENT=127.0.0.1:"):
        assert field in line, line
    assert "Added Nick Carter (student 1)" in nick.stderr
    nick.stop()
    entries = rows(nick, "SELECT actor, client LIKE '127.0.0.1:%', action, kind, row_id, student_id, old, new, reason, set_sequence"
                         " FROM ledger WHERE sequence > 1 ORDER BY sequence")
    assert entries == [
        ("cluster", 1, "create", "student", 1, 1, None, '{"ID":1,"Version":1,"FirstName":"Nick","LastName":"Carter","DefaultClass":null}', None, 2),
        ("cluster", 1, "create", "enrolment", 1, 1, None, '{"ID":1,"Version":1,"Class":1,"Student":1}', None, 2),
        ("cluster", 1, "create", "assessment", 1, None, None, '{"ID":1,"Version":1,"Class":1,"Title":"Quiz 1","Type":"Quiz","Maximum":100,'
         '"Weight":1,"Due":null,"Released":true,"ExtraCredit":false}', None, 4),
        ("cluster", 1, "create", "grade", 1, 1, None, '{"ID":1,"Version":1,"Student":1,"Assessment":1,"State":"graded","Score":85,"Comment":null}', None, 4),
        ("cluster", 1, "create", "assessment", 2, None, None, '{"ID":2,"Version":1,"Class":1,"Title":"Quiz 3","Type":"Quiz","Maximum":100,'
         '"Weight":1,"Due":null,"Released":true,"ExtraCredit":false}', "Was ill", 6),
        ("cluster", 1, "create", "grade", 2, 1, None, '{"ID":2,"Version":1,"Student":1,"Assessment":2,"State":"graded","Score":92.25,"Comment":null}',
         "Was ill", 6),
    ]
    assert rows(nick, "SELECT request_id FROM ledger WHERE sequence = 7") == [(trace,)]
    assert rows(nick, f"SELECT count(*) FROM ledger WHERE abs(time_usec / 1e6 - {time.time()}) < 60") == [(7,)]


@pytest.mark.sqlite
def test_no_change_without_its_record(nick):
    before = nick.get("/students").body
    nick.stop()
    connection = sqlite3.connect(nick.state / "grades.db")
    connection.execute("CREATE TRIGGER no_record BEFORE INSERT ON ledger BEGIN SELECT raise(ABORT, 'no record'); END")
    connection.close()
    nick.start()
    assert nick.post("/students/1/grades", QUIZ).status >= 400
    assert nick.post("/students", {"FirstName": "Emma", "LastName": "Stone"}).status >= 400
    assert nick.get("/students").body == before
    nick.stop()
    assert rows(nick, "SELECT count(*) FROM grades") == rows(nick, "SELECT count(*) FROM students") == [(1,)]


def test_a_change_without_a_token_is_recorded_so(open_cluster):
    grading = open_cluster.start("grading")
    grading.post("/students", NICK, token=None)
    grading.stop()
    assert rows(grading, "SELECT DISTINCT actor FROM ledger WHERE sequence > 1") == [("anonymous",)]


@pytest.mark.both_databases
def test_status_and_metrics(nick):
    nick.post("/students", NICK)
    nick.post("/students/1/grades", "{}")
    text = nick.get("/metrics").text
    for line in ("gradebook_grading_students 2", "gradebook_grading_grades 1", "gradebook_grading_changes_pending 0",
                 'gradebook_grading_changes_total{outcome="stored"} 3', 'gradebook_grading_changes_total{outcome="refused"} 1'):
        assert line in text.splitlines()
    if not nick.cluster.grading_database:
        assert metric(nick, "gradebook_grading_database_bytes") > 4096
    nick.stop()
    nick.status = ""
    nick.start()
    # Who asks systemd as soon as it is ready is told the truth.
    assert "2 students, 1 grade" in nick.status
    nick.status = ""
    nick.signal(1)
    nick.wait_notify("RELOADING=1")
    nick.wait_notify("READY=1")
    assert "2 students, 1 grade" in nick.status
    nick.post("/students", {"FirstName": "Emma", "LastName": "Stone"})
    wait_until(lambda: "3 students, 1 grade" in nick.status, "systemd is told of one more")


# Through thick and thin

class Writer(threading.Thread):
    """Adds grades with titles of its own until the service is gone; knows which were answered 201."""

    def __init__(self, daemon, name):
        super().__init__()
        self.daemon_, self.name_ = daemon, name
        self.acknowledged, self.asked, self.wrong = [], [], []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon_.port, timeout=10)
        headers = {"Authorization": f"Bearer {self.daemon_.cluster.token}"}
        try:
            while True:
                title = f"{self.name_}-{len(self.asked)}"
                self.asked.append(title)
                connection.request("POST", "/students/1/grades", json.dumps({"Title": title, "Type": "Test", "Score": 50}), headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 201:
                    self.wrong.append(answer.status)
                    return
                self.acknowledged.append(title)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()


@pytest.mark.both_databases
def test_what_was_answered_201_survives_kill_9(cluster):
    cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": 10000}})
    grading = cluster.start("grading")
    assert grading.post("/students", {"ID": 1, **NICK}).status == 201
    acknowledged, asked = [], []
    for round_ in range(20):
        writers = [Writer(grading, f"{round_}-{i}") for i in range(6)]
        for w in writers:
            w.start()
        target = random.randint(1, 60)
        wait_until(lambda writers=writers, target=target: sum(len(w.acknowledged) for w in writers) >= target, "grades are written")
        grading.kill()
        for w in writers:
            w.join()
            assert w.wrong == []
            acknowledged += w.acknowledged
            asked += w.asked
        grading.start()
        titles = [g["Title"] for g in grading.get("/students/1").json["Grades"]]
        assert len(titles) == len(set(titles)), "a grade is there twice"
        assert set(acknowledged) <= set(titles), f"lost: {set(acknowledged) - set(titles)}"
        assert set(titles) <= set(asked)
    grading.stop()
    assert rows(grading, "SELECT count(*) FROM grades") == rows(grading, "SELECT count(*) FROM ledger WHERE kind = 'grade'")
    if not grading.cluster.grading_database:
        assert rows(grading, "PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def small_disk(cluster):
    """A service whose state directory is a file system of 2 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    daemon = cluster.daemon("grading")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M", "gradebook-test", daemon.state], check=True)
    try:
        yield daemon
    finally:
        daemon.close()
        subprocess.run(["umount", daemon.state], check=True)


def fill(directory):
    with open(directory / "filler", "ab", buffering=0) as f:
        for size in (65536, 4096, 1):
            try:
                while f.write(b"x" * size) == size:
                    pass
            except OSError:
                pass


@pytest.mark.sqlite
def test_a_full_disk_refuses_changes_and_serves_reads(small_disk):
    grading = small_disk.start()
    assert grading.post("/students", {"ID": 1, **NICK}).status == 201
    kept = []
    for round_ in range(3):
        fill(grading.state)
        refused = None
        for i in range(500):
            title = f"{round_}-{i}"
            answer = grading.post("/students/1/grades", {"Title": title, "Type": "Test", "Score": 50})
            if answer.status == 201:
                kept.append(title)
                continue
            refused = answer
            break
        assert refused, "the disk never was full"
        assert_problem(refused, 507)
        for _ in range(10):
            assert_problem(grading.post("/students/1/grades", QUIZ), 507)
            assert_problem(grading.post("/students", {"FirstName": "Emma", "LastName": "Stone"}), 507)
            assert [g["Title"] for g in grading.get("/students/1").json["Grades"]] == kept
            assert len(grading.get("/students").json) == 1
        assert grading.stderr.count("The disk takes no changes") == round_ + 1
        assert grading.stderr.count("The disk takes changes again") == round_

        (grading.state / "filler").unlink()
        title = f"{round_}-again"
        assert grading.post("/students/1/grades", {"Title": title, "Type": "Test", "Score": 50}).status == 201
        kept.append(title)
        assert grading.stderr.count("The disk takes changes again") == round_ + 1
    fill(grading.state)
    grading.kill()
    (grading.state / "filler").unlink()
    grading.start()
    assert [g["Title"] for g in grading.get("/students/1").json["Grades"]] == kept


@pytest.mark.sqlite
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_ends_and_starts_on_a_full_disk(small_disk, end):
    grading = small_disk.start()
    grading.post("/students", {"ID": 1, **NICK})
    assert grading.post("/students/1/grades", QUIZ).status == 201
    fill(grading.state)
    getattr(grading, end)()
    fill(grading.state)
    grading.start()
    assert grading.get("/students/1").json["Grades"] == [QUIZ]
    assert_problem(grading.post("/students/1/grades", QUIZ), 507)
    (grading.state / "filler").unlink()
    assert grading.post("/students/1/grades", QUIZ).status == 201
    assert grading.get("/students/1").json["Grades"] == [QUIZ, QUIZ]


def test_what_is_under_way_is_answered_before_the_end(cluster):
    cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": 10000}})
    grading = cluster.start("grading")
    grading.post("/students", {"ID": 1, **NICK})
    writers = [Writer(grading, f"w{i}") for i in range(6)]
    for w in writers:
        w.start()
    wait_until(lambda: sum(len(w.acknowledged) for w in writers) >= 30, "grades are written")
    grading.stop()
    for w in writers:
        w.join()
        assert w.wrong == []
    grading.start()
    titles = [g["Title"] for g in grading.get("/students/1").json["Grades"]]
    assert sorted(titles) == sorted(title for w in writers for title in w.acknowledged), "one was stored and not answered"


@pytest.mark.sqlite
def test_a_file_of_a_newer_version_is_left_alone(nick):
    nick.stop()
    connection = sqlite3.connect(nick.state / "grades.db")
    connection.execute("PRAGMA user_version=1000")
    connection.close()
    nick.launch()
    assert nick.wait() != 0
    assert "newer version" in nick.stderr


@pytest.mark.sqlite
def test_a_damaged_file_is_not_served(nick):
    nick.stop()
    path = nick.state / "grades.db"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    nick.launch()
    assert nick.wait() != 0
    assert "grades.db" in nick.stderr and "damaged" in nick.stderr.lower() or "malformed" in nick.stderr


@pytest.mark.sqlite
def test_two_never_share_a_file(nick, cluster):
    other = cluster.daemon("grading")
    other.state = nick.state
    other.launch()
    assert other.wait() != 0
    assert "another process has it open" in other.stderr
    assert nick.get("/students/1").status == 200


@pytest.mark.sqlite
def test_starts_fast_with_many_grades(grading):
    grading.stop()
    connection = sqlite3.connect(grading.state / "grades.db")
    with connection:
        connection.executemany("INSERT INTO students VALUES (?, 1, 1, 'First', 'Last', NULL)", ((i,) for i in range(1, 5001)))
        connection.executemany("INSERT INTO enrolments VALUES (?, 1, 1, 1, ?)", ((i, i) for i in range(1, 5001)))
        connection.executemany("INSERT INTO assessments VALUES (?, 1, 1, 1, ?, 0, 10000, 100, NULL, 1, 0)", ((i, f"Quiz {i}") for i in range(1, 101)))
        connection.executemany("INSERT INTO grades VALUES (?, 1, 1, ?, ?, 0, ?, NULL)",
                               ((i + 1, i % 5000 + 1, i // 5000 + 1, i % 10001) for i in range(500_000)))
    connection.close()
    grading.start()
    line = next(line for line in grading.stderr.splitlines() if "Read 5000 students and 500000 grades" in line)
    print(line)
    assert len(grading.get("/students/5000").json["Grades"]) == 100
    students = grading.get("/students", timeout=60).json
    assert len(students) == 5000 and all(len(s["Grades"]) == 100 for s in students)
    with open(f"/proc/{grading.pid}/status") as f:
        print(next(line for line in f if line.startswith("VmHWM")))
