# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several instances of gradebook-grading on one PostgreSQL: what either stored both show, whatever is killed meanwhile. GRADEBOOK_SHARED_KILLS=100 kills
that often; GRADEBOOK_SEED=N is the same again, as far as chance goes."""

import datetime
import json
import os
import random
import socket
import sqlite3
import struct
import threading
import time

import gradebook
import ledger_truth
import pytest
from ctl import FAILURE, Ctl
from gradebook import wait_until
from grading_writers import Truth, Writer
from linearize import Operation, linearizable, versioned_cell

KILLS = int(os.environ.get("GRADEBOOK_SHARED_KILLS", "4"))
SEED = int(os.environ.get("GRADEBOOK_SEED", random.SystemRandom().randrange(1 << 30)))
WRITERS = 6
NICK = {"ID": 1, "FirstName": "Nick", "LastName": "Carter"}
QUIZ = {"Title": "Quiz 1", "Type": "Quiz", "Score": 85}
PASSWORD = "a horse of another colour"


@pytest.fixture
def cluster(tmp_path, database_url):
    c = gradebook.Cluster(tmp_path, grading_database=database_url)
    yield c
    c.close()


@pytest.fixture
def both(cluster):
    cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": "5000"}})
    return cluster.start("grading", "grading")


def in_parallel(*functions):
    """What each returns; the first failure of one is that of all."""
    results = [None] * len(functions)

    def run(i):
        try:
            results[i] = functions[i]()
        except BaseException as e:  # pylint: disable=broad-exception-caught
            results[i] = e

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def test_what_one_has_stored_both_show(both):
    a, b = both
    assert a.post("/students", NICK).status == 201
    for i in range(60):
        writer, reader = (a, b) if i % 2 else (b, a)
        answer = writer.post("/students/1/grades", {**QUIZ, "Title": f"Quiz {i}", "Score": i})
        assert answer.status == 201, answer
        assert reader.get("/students/1").json["Grades"][-1]["Title"] == f"Quiz {i}"
        number = int(answer.headers["Location"].rsplit("/", 1)[1])
        assert reader.request(f"/grades/{number}", "PATCH", {"Score": 99}).json["Version"] == 2
        assert writer.get(f"/grades/{number}").json["Score"] == 99
        if i % 3 == 0:
            assert writer.request(f"/grades/{number}", "DELETE").status == 204
            assert reader.get(f"/grades/{number}").status == 404
    found = ledger_truth.entries(a)
    ledger_truth.verify(found)
    assert ledger_truth.simple_view(ledger_truth.replay(found)) == a.get("/students").json == b.get("/students").json
    for daemon in both:
        assert daemon.post("/fsck").json["OK"] is True
        assert daemon.get("/ledger/head").json == a.get("/ledger/head").json


def test_a_checker_that_finds_what_is_wrong():
    good = [Operation(0, 2, ("write", 1, "a"), True), Operation(1, 3, ("write", 1, "b"), False), Operation(4, 5, ("read",), (2, "a"))]
    assert linearizable(good, (1, ""), versioned_cell)
    for wrong in (
            [Operation(0, 2, ("write", 1, "a"), True), Operation(1, 3, ("write", 1, "b"), True)],               # both had the same version
            [Operation(0, 1, ("write", 1, "a"), True), Operation(2, 3, ("read",), (1, ""))],                    # an old answer
            [Operation(0, 1, ("read",), (2, "a")), Operation(2, 3, ("write", 1, "a"), True)],                   # before it was written
            [Operation(0, 1, ("write", 1, "a"), False), Operation(2, 3, ("read",), (1, ""))]):                  # refused for no reason
        assert not linearizable(wrong, (1, ""), versioned_cell), wrong
    assert linearizable([Operation(0, 1, ("write", 1, "a"), None), Operation(2, 3, ("read",), (2, "a"))], (1, ""), versioned_cell)
    assert linearizable([Operation(0, 1, ("write", 1, "a"), None), Operation(2, 3, ("read",), (1, ""))], (1, ""), versioned_cell)


def test_versions_are_linearizable(both):
    a, b = both
    a.post("/students", NICK)
    numbers = [int(a.post("/students/1/grades", {**QUIZ, "Title": str(i), "Score": 0}).headers["Location"].rsplit("/", 1)[1]) for i in range(3)]
    histories = {number: [] for number in numbers}

    def work(i):
        chance = random.Random(f"{SEED} {i}")
        for _ in range(40):
            number = chance.choice(numbers)
            called = time.monotonic()
            row = chance.choice(both).get(f"/grades/{number}").json
            histories[number].append(Operation(called, time.monotonic(), ("read",), (row["Version"], row["Score"])))
            score = chance.randrange(10000) / 100
            if score == row["Score"]:
                continue
            called = time.monotonic()
            answer = chance.choice(both).request(f"/grades/{number}", "PATCH", {"Score": score}, headers={"If-Match": f'"v{row["Version"]}"'})
            assert answer.status in (200, 409), answer
            histories[number].append(Operation(called, time.monotonic(), ("write", row["Version"], score), answer.status == 200))

    in_parallel(*(lambda i=i: work(i) for i in range(6)))
    for number, history in histories.items():
        written = [o for o in history if o.what[0] == "write"]
        assert any(o.result for o in written) and not all(o.result for o in written), "nobody met anybody"
        assert linearizable(history, (1, 0), versioned_cell), f"seed {SEED}, grade {number}: {history}"


def test_a_key_counts_at_all_instances(both):
    a, b = both
    a.post("/students", NICK)
    for i in range(20):
        def ask(daemon, i=i):
            return daemon.post("/students/1/grades", {**QUIZ, "Title": f"Quiz {i}"}, headers={"Idempotency-Key": f"key-{i}"})

        answers = in_parallel(*(lambda d=d: ask(d) for d in (a, b, a, b)))
        assert {answer.status for answer in answers} == {201} and len({answer.headers["Location"] for answer in answers}) == 1
        assert sum(answer.headers["Idempotency-Replayed"] != "true" for answer in answers) == 1
    assert [g["Title"] for g in b.get("/students/1").json["Grades"]] == [f"Quiz {i}" for i in range(20)]
    assert b.post("/students/1/grades", QUIZ, headers={"Idempotency-Key": "key-0"}).status == 422


def sign_in(daemon, login):
    answer = daemon.post("/sessions", {"Login": login, "Password": PASSWORD})
    assert answer.status == 201, answer
    return answer.json["Token"]


def test_who_is_signed_out_at_one_is_so_at_all(both):
    a, b = both
    account = a.post("/accounts", {"Login": "ann", "Role": "teacher", "Password": PASSWORD}).json["ID"]
    assert a.post("/accounts", {"Login": "root", "Role": "admin", "Password": PASSWORD}).status == 201

    def refused(token, at=both):
        return [d.get("/sessions/current", token=token).status for d in at]

    token = sign_in(a, "ann")
    assert refused(token) == [200, 200]
    assert b.request("/sessions/current", "DELETE", token=token).status == 204
    assert refused(token) == [401, 401]

    token, other = sign_in(a, "ann"), sign_in(b, "ann")
    renewed = b.post("/sessions/current/rotate", token=token)
    assert renewed.status == 201 and refused(token) == [401, 401] and refused(renewed.json["Token"]) == [200, 200]
    assert a.request("/sessions", "DELETE", token=other).status == 204
    assert refused(renewed.json["Token"]) == refused(other) == [401, 401]

    token = sign_in(b, "ann")
    assert b.request(f"/accounts/{account}", "PATCH", {"Disabled": True}).status == 200
    assert refused(token) == [401, 401] and a.post("/sessions", {"Login": "ann", "Password": PASSWORD}).status == 401
    assert a.request(f"/accounts/{account}", "PATCH", {"Disabled": False}).status == 200
    token = sign_in(b, "ann")
    assert a.request(f"/accounts/{account}/password", "PUT", {"Password": PASSWORD + "!"}).status == 204
    assert refused(token) == [401, 401]

    made = a.post("/tokens", {"Account": account, "Name": "script", "Expires": f"{datetime.date.today() + datetime.timedelta(days=30)}T00:00:00Z"})
    assert made.status == 201, made
    assert refused(made.json["Token"]) == [200, 200]
    assert b.request(f"/tokens/{made.json['ID']}", "DELETE").status == 204
    assert refused(made.json["Token"]) == [401, 401]


def test_rights_are_those_of_now(both):
    a, b = both
    teacher = a.post("/accounts", {"Login": "ann", "Role": "teacher", "Password": PASSWORD}).json["ID"]
    assert b.post("/accounts", {"Login": "root", "Role": "admin", "Password": PASSWORD}).status == 201
    token = sign_in(b, "ann")
    for _ in range(10):
        teaching = a.post("/classes/1/teachings", {"Account": teacher})
        assert teaching.status == 201, teaching
        assert b.get("/classes/1/grid", token=token).status == 200
        assert b.request(f"/teachings/{teaching.json['ID']}", "DELETE").status == 204
        assert a.get("/classes/1/grid", token=token).status == 404


def test_who_goes_while_the_database_is_asked(both, shared_postgres, database_url):
    """A reader is held meanwhile: one that has gone by then is let go of, and nobody waits for it."""
    a, _ = both
    a.post("/students", NICK)
    question = f"GET /students/1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {a.cluster.token}\r\n\r\n".encode()
    for _ in range(20):
        slow = threading.Thread(target=shared_postgres.sql, args=("BEGIN; LOCK TABLE gradebook_grading.head; SELECT pg_sleep(0.1); COMMIT", database_url.rsplit("/", 1)[1]))
        slow.start()
        for n in range(20):
            with socket.create_connection(("127.0.0.1", a.port)) as s:
                s.sendall(question)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))      # a reset, once it has been read
                threading.Event().wait(n / 4000)
        slow.join()
    wait_until(lambda: "gradebook_http_open_requests 1\n" in a.get("/metrics").text, "none is left but the one that asks")
    assert a.get("/students/1").json["ID"] == 1


def test_ids_are_never_given_twice(both):
    a, b = both
    a.post("/students", NICK)
    seen = set()
    for i in range(12):
        daemon, other = both if i % 2 else (b, a)
        number = daemon.post("/terms", {"Name": f"Term {i}"}).json["ID"]
        assert number not in seen
        seen.add(number)
        assert other.request(f"/terms/{number}", "DELETE").status == 204


def test_what_others_changed_is_known_though_it_is_trimmed(both, cluster, shared_postgres, database_url):
    """What one has read for its transactions is as of now, whatever clock another one's machine has."""
    a, b = both
    database = database_url.rsplit("/", 1)[1]
    a.post("/students", NICK)
    assert a.post("/students/1/grades", QUIZ).status == 201       # it knows the class now
    assert b.request("/classes/1", "PATCH", {"Locked": True}).status == 200
    shared_postgres.sql("UPDATE gradebook_grading.changes SET time_usec = 0 WHERE kind = 'class'", database)
    # The first transaction of an instance looks for what is old.
    third = cluster.start("grading")
    assert third.post("/terms", {"Name": "2026"}).status == 201
    assert a.post("/students/1/grades", {**QUIZ, "Title": "Quiz 2"}).status == 409


def test_what_others_changed_is_known_though_it_is_very_much(both):
    a, b = both
    a.post("/students", NICK)
    assert a.post("/students/1/grades", QUIZ).status == 201
    table = "ID,FirstName,LastName\n" + "".join(f"{n},A,B\n" for n in range(10, 1210))      # two changes each
    assert b.post("/imports?class=1", table, headers={"Content-Type": "text/csv"}).status == 201
    assert b.request("/classes/1", "PATCH", {"Locked": True}).status == 200
    assert a.post("/students/1/grades", {**QUIZ, "Title": "Quiz 2"}).status == 409
    assert b.request("/classes/1", "PATCH", {"Locked": False}).status == 200
    assert a.post("/students/10/grades", {**QUIZ, "Title": "Quiz 2"}).status == 201


# -- what is killed --

class World:
    """Writers at both instances, whose rows are checked against the ledger, read at either."""

    def __init__(self, daemons):
        self.random = random.Random(f"{SEED} shared")
        self.daemons = daemons
        self.truth = Truth()
        for i in range(WRITERS + 1):
            assert daemons[i % 2].post("/students", {"ID": i + 1, "FirstName": "W", "LastName": f"{i + 1}"}).status == 201
        answer = daemons[0].post(f"/students/{WRITERS + 1}/grades", {"Title": "shared", "Type": "Quiz", "Score": 1})
        self.writers = [Writer(daemons[i % 2], SEED, f"w{i}", i + 1, int(answer.headers["Location"].rsplit("/", 1)[1])) for i in range(WRITERS)]
        for w in self.writers:
            w.may_be_away = True

    def write(self):
        for w in self.writers:
            w.begin()

    def pause(self, seconds):
        threading.Event().wait(seconds)

    def check(self):
        for w in self.writers:
            w.enough = True
        for w in self.writers:
            w.thread.join()
        self.truth.catch_up(self.daemons[0])
        # What one does not know whether it has happened is asked of the other.
        for w in self.writers:
            w.daemon = self.daemons[1] if w.daemon is self.daemons[0] else self.daemons[0]
            w.settle(self.truth)
        self.truth.catch_up(self.daemons[1])
        version = self.truth.rows["grade", self.writers[0].shared]["Version"]
        acknowledged, asked = (sum(getattr(w, f"shared_{what}") for w in self.writers) for what in ("acknowledged", "asked"))
        assert acknowledged <= version - 1 <= asked, f"the shared grade has version {version}; {acknowledged} of {asked} changes were acknowledged"
        view = ledger_truth.simple_view(self.truth.rows)
        for daemon in self.daemons:
            assert daemon.get("/students", timeout=60).json == view, "memory does not follow from the ledger"
            assert daemon.post("/fsck", timeout=60).json["Faults"] == []

    def totals(self):
        counted = {what: sum(getattr(w, what) for w in self.writers) for what in ("acknowledged", "unknown", "repeated")}
        return f"seed {SEED}: {self.truth.sequence} entries, {counted}"


def test_kill_9_of_instances(both):
    world = World(both)
    try:
        for _ in range(KILLS):
            world.write()
            for daemon in world.random.sample(both, 2):
                world.pause(0.2 + world.random.random() * 0.4)
                daemon.kill()
            for daemon in both:
                daemon.start()
            world.check()
    finally:
        print(world.totals())
    assert sum(w.acknowledged for w in world.writers) > KILLS


def test_ended_connections_amid_commits(both, shared_postgres, database_url):
    """A backend is ended whatever it is at, so that some commits are never answered."""
    world = World(both)
    name = database_url.rsplit("/", 1)[1]
    try:
        for _ in range(KILLS):
            world.write()
            for _ in range(6):
                world.pause(world.random.random() * 0.15)
                shared_postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND application_name LIKE 'gradebook%'")
            world.check()
    finally:
        print(world.totals())
    assert sum(w.acknowledged for w in world.writers) > KILLS


def test_a_server_that_is_killed_and_comes_back(tmp_path, make_postgres):
    server = make_postgres()
    cluster = gradebook.Cluster(tmp_path, grading_database=server.url())
    try:
        cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": "5000"}})
        both = cluster.start("grading", "grading")
        world = World(both)
        world.write()
        world.pause(0.5)
        server.kill()
        for daemon in both:
            answer = wait_until(lambda d=daemon: (r := d.get("/students/1", timeout=30)).status == 503 and r, "it is said that PostgreSQL is away", 30)
            assert answer.headers["Retry-After"] == "1" and "PostgreSQL" in answer.json["detail"], answer
            assert daemon.post("/students/1/grades", QUIZ, timeout=30).status == 503
            assert daemon.get("/healthz").status == 200
            wait_until(lambda d=daemon: "PostgreSQL cannot be asked" in d.status, "the status says so")
        server.start()
        for daemon in both:
            wait_until(lambda d=daemon: d.get("/students/1", timeout=30).status == 200, "it goes on by itself", 30)
        world.check()
        print(world.totals())
        wait_until(lambda: "PostgreSQL" not in both[0].status, "the status says so no more")
    finally:
        cluster.close()


def test_what_is_postgresqls_own(both):
    for method, path in (("GET", "/backup"), ("POST", "/vacuum"), ("POST", "/restore")):
        answer = both[0].request(path, method)
        assert answer.status == 501 and "pg_dump" in answer.json["detail"], answer


@pytest.mark.parametrize("url,says", [
    ("mysql://localhost/grades", "[Grading] Database="),
    ("postgresql://grades:secret@localhost/grades", "password"),
    ("postgresql://127.0.0.1:1/grades", "127.0.0.1"),
])
def test_a_database_that_there_is_not(tmp_path, url, says):
    cluster = gradebook.Cluster(tmp_path, grading_database=url)
    daemon = cluster.daemon("grading").launch()
    assert daemon.wait() != 0
    assert says in daemon.stderr and "secret" not in daemon.stderr, daemon.stderr


# -- from one to the other --

def test_copies_there_and_back(cluster, tmp_path, database_url):
    """A file that a daemon has made, in PostgreSQL and in a file again: the same answers, ledger and sessions, and writing goes on in each."""
    files = gradebook.Cluster(tmp_path / "files")
    first = files.start("grading")
    ctl = Ctl(files)
    try:
        first.post("/students", NICK)
        for i in range(30):
            number = int(first.post("/students/1/grades", {**QUIZ, "Title": f"Überprüfung {i} 😀", "Reason": "'\\ ?1"},
                                    headers={"Idempotency-Key": f"key-{i}"}).headers["Location"].rsplit("/", 1)[1])
            first.request(f"/grades/{number}", "PATCH", {"Score": i, "Comment": "a\nb"})
        first.post("/terms", {"Name": "Term"})
        assert first.request("/terms/1", "DELETE").status == 204
        assert first.post("/imports?class=1&name=t.csv", "ID,FirstName,LastName,Title,Type,Score\n2,Ann,Lee,Quiz 9,Quiz,50\n",
                          headers={"Content-Type": "text/csv"}).status == 201
        first.post("/accounts", {"Login": "Root", "Role": "admin", "Password": PASSWORD})
        token = sign_in(first, "root")
        seen = {path: first.get(path).body for path in ("/students", "/ledger?limit=1000", "/ledger/head", "/imports", "/accounts")}
        file = f"sqlite:{first.state}/grades.db"

        assert "stop it first" in ctl("database", "copy", file, database_url, code=FAILURE).stderr
        first.stop()
        done = ctl("database", "copy", file, database_url)
        assert f"it ends with entry {first_head(seen)}" in done.stdout and "2 students, 31 grades" in done.stdout, done.stdout
        assert "not empty" in ctl("database", "copy", file, database_url, code=FAILURE).stderr

        a, b = cluster.start("grading", "grading")
        for daemon in (a, b):
            assert {path: daemon.get(path).body for path in seen} == seen
            assert daemon.get("/sessions/current", token=token).status == 200
            assert daemon.post("/fsck").json["OK"] is True
        again = b.post("/students/1/grades", {**QUIZ, "Title": "Überprüfung 3 😀", "Reason": "'\\ ?1"}, headers={"Idempotency-Key": "key-3"})
        assert again.status == 201 and again.headers["Idempotency-Replayed"] == "true"
        assert a.post("/terms", {"Name": "Term"}).json["ID"] == 2, "an ID that was given is not given again"
        assert "stop all its instances" in ctl("database", "copy", database_url, f"sqlite:{tmp_path}/back.db", code=FAILURE).stderr
        assert not (tmp_path / "back.db").exists() and not (tmp_path / "back.db.copy").exists()
        head = a.get("/ledger/head").body
        a.stop()
        b.stop()

        assert "already" in ctl("database", "copy", database_url, file, code=FAILURE).stderr
        os.unlink(first.state / "grades.db")
        ctl("database", "copy", database_url, file)
        first.start()
        assert first.get("/ledger/head").body == head and first.get("/students").body == seen["/students"]
        assert first.get("/sessions/current", token=token).status == 200
        assert first.post("/fsck").json["OK"] is True
        assert first.post("/terms", {"Name": "Term"}).json["ID"] == 3
    finally:
        files.close()


def first_head(seen):
    return json.loads(seen["/ledger/head"])["Sequence"]


def test_what_is_damaged_is_not_copied(cluster, tmp_path, database_url, shared_postgres):
    files = gradebook.Cluster(tmp_path / "files")
    daemon = files.start("grading")
    try:
        daemon.post("/students", NICK)
        daemon.stop()
        connection = sqlite3.connect(daemon.state / "grades.db")
        with connection:
            connection.execute("UPDATE students SET last_name = 'Carver'")
        connection.close()
        said = Ctl(files)("database", "copy", f"sqlite:{daemon.state}/grades.db", database_url, code=FAILURE).stderr
        assert "student 1 is not as its last entry" in said, said
        assert shared_postgres.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'gradebook_grading'", database_url.rsplit("/", 1)[1]) == [["0"]]
    finally:
        files.close()


def test_a_database_that_went_back_is_read_anew(both, shared_postgres, database_url):
    """As after a standby was promoted that had not all of it: whoever has seen more ends, and starts with what there is."""
    a, b = both
    name = database_url.rsplit("/", 1)[1]
    a.post("/students", NICK)
    assert b.get("/students/1").status == 200
    b.stop()
    end = shared_postgres.sql("SELECT change, sequence, hash FROM gradebook_grading.head", name)[0]
    a.post("/students/1/grades", QUIZ)
    assert len(a.get("/students/1").json["Grades"]) == 1
    shared_postgres.sql("SET search_path TO gradebook_grading; BEGIN; ALTER TABLE ledger DISABLE TRIGGER ALL; DELETE FROM grades; DELETE FROM assessments;"
                        f"DELETE FROM changes WHERE change > {end[0]}; DELETE FROM ledger WHERE sequence > {end[1]}; ALTER TABLE ledger ENABLE TRIGGER ALL;"
                        f"UPDATE head SET change = {end[0]}, sequence = {end[1]}, hash = '{end[2]}'; COMMIT", name)
    assert a.wait() != 0 and "not the one that it was" in a.stderr
    a.start()
    assert a.get("/students/1").json["Grades"] == [] and a.post("/fsck").json["OK"] is True
