# SPDX-License-Identifier: LGPL-2.1-or-later
"""gradebook-grading as a whole: copied while it is in use, checked, made compact, and replaced by a backup. GRADEBOOK_GRADING_KILLS=300 kills
that often; GRADEBOOK_SEED=N is the same again, as far as chance goes."""

import base64
import hashlib
import http.client
import json
import os
import random
import re
import socket
import sqlite3
import subprocess
import threading
import time

import gradebook
import ledger_truth
import pytest
from ctl import FAILURE, NOT_FOUND, Ctl
from gradebook import wait_until

KILLS = int(os.environ.get("GRADEBOOK_GRADING_KILLS", "16"))
SEED = int(os.environ.get("GRADEBOOK_SEED", random.SystemRandom().randrange(1 << 30)))
PASSWORD = "a horse of another colour"
QUIZ = {"Title": "Quiz 1", "Type": "Quiz", "Score": 85}
MIB = 1 << 20
KEPT = "grades.before-restore.db"
AT_REST = {"grades.db", "grades.db-wal", "log.spool", "providers.json", "last-backup", KEPT}


@pytest.fixture
def grading(cluster):
    return cluster.start("grading")


def fill(daemon, students, grades, name="C"):
    for i in range(1, students + 1):
        assert daemon.post("/students", {"ID": i, "FirstName": f"N{i}", "LastName": name}).status == 201
        for k in range(grades):
            assert daemon.post(f"/students/{i}/grades", {"Title": f"Quiz {k}", "Type": "Quiz", "Score": i % 100}).status == 201


def fatten(daemon, mebibytes):
    """Makes the file of a stopped daemon larger, with rows that no ledger tells of: keys of requests."""
    with sqlite3.connect(daemon.state / "grades.db") as connection:
        now = time.time_ns() // 1000
        for i in range(mebibytes * 8):
            connection.execute("INSERT INTO idempotency VALUES (?, 'test', ?, ?, 200, ?, NULL, NULL)", [now, f"fat {i}", bytes(32), "x" * (128 << 10)])
    connection.close()


def state_files(daemon):
    return {path.name for path in daemon.state.iterdir()}


def assert_tidy(daemon):
    assert state_files(daemon) <= AT_REST, state_files(daemon)


def entries(connection):
    """Of a file, in the form of the wire."""
    found, previous = [], "0" * 64
    columns = "sequence time_usec set_sequence actor client request_id action kind row_id student_id class_id version old new reason hash".split()
    for row in connection.execute(f"SELECT {', '.join(columns)} FROM ledger ORDER BY sequence"):
        e = dict(zip(ledger_truth.MEMBERS, row))
        seconds, usec = divmod(e["Time"], 10**6)
        e["Time"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{usec:06}Z"
        e["StudentID"], e["ClassID"] = e["StudentID"] or 0, e["ClassID"] or 0
        e["Previous"], e["Hash"] = previous, row[15].hex()
        previous = e["Hash"]
        found.append(e)
    return found


def verify(path):
    """A file of grades, with none of the service's code; returns the students in the fixed form."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = entries(connection)
        ledger_truth.verify(found)
        rows = ledger_truth.replay(found)
        tables = ledger_truth.table_rows(connection)
        assert {key: row for key, row in rows.items() if key[0] in ledger_truth.TABLES} == tables
        return ledger_truth.simple_view(rows)
    finally:
        connection.close()


def take(daemon, path, timeout=60):
    answer = daemon.get("/backup", timeout=timeout)
    assert answer.status == 200, answer
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(answer.body).digest()).decode()}:"
    assert int(answer.headers["Gradebook-Size"]) == len(answer.body)
    path.write_bytes(answer.body)
    return answer


def restore(daemon, data, reason="a test", timeout=60):
    (daemon.state / "restore.db").write_bytes(data)
    return daemon.post("/restore", {"Reason": reason}, timeout=timeout)


def metric(daemon, name):
    return next(float(line.split()[-1]) for line in daemon.get("/metrics").text.splitlines() if line.startswith(name + " "))


# Backups

@pytest.mark.sqlite
def test_backup(grading, tmp_path):
    fill(grading, 5, 3)
    answer = take(grading, tmp_path / "backup.db")
    assert answer.headers["Content-Type"] == "application/vnd.sqlite3" and answer.headers["Cache-Control"] == "no-store"
    head = grading.get("/ledger/head").json
    assert answer.headers["Gradebook-Ledger-Head"] == f"{head['Sequence']} {head['Hash']}"
    assert verify(tmp_path / "backup.db") == grading.get("/students").json
    # One file: it says of itself that it has no log beside it.
    assert answer.body[18:20] == b"\1\1"
    assert_tidy(grading)
    assert abs(metric(grading, "gradebook_grading_last_backup_timestamp_seconds") - time.time()) < 60
    grading.stop()
    grading.start()
    assert abs(metric(grading, "gradebook_grading_last_backup_timestamp_seconds") - time.time()) < 60, "it is known to the next process, too"
    # HEAD is a GET without a body, and leaves nothing behind.
    assert grading.request("/backup", "HEAD").status == 200
    wait_until(lambda: grading.get("/backup").status == 200, "the next may begin")


@pytest.mark.sqlite
def test_backup_by_the_command_line(cluster, grading, tmp_path):
    cluster.start("registry")
    wait_until(lambda: "GradingService" in cluster.services(), "it is registered")
    ctl = Ctl(cluster)
    fill(grading, 3, 3)
    path = tmp_path / "saved"
    path.write_text("an older one")
    said = ctl("grading", "backup", path)
    head = grading.get("/ledger/head").json
    assert f"{path.stat().st_size} bytes saved to {path}" in said.stdout and f"{head['Sequence']} {head['Hash']}" in said.stdout
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.glob("saved*")) == ["saved"]
    before = grading.get("/students").json
    assert verify(path) == before
    assert ctl.json("grading", "backup", path)["Bytes"] == path.stat().st_size
    code, seen = ctl.terminal("grading", "backup", path)
    assert code == 0 and "[####" in seen
    # Where it cannot be written the file of before stays.
    assert "No such file" in ctl("grading", "backup", tmp_path / "nowhere" / "saved", code=FAILURE).stderr

    grading.post("/students", {"FirstName": "Too", "LastName": "Much"})
    said = ctl("grading", "restore", f"--state-directory={grading.state}", "--reason=a wrong click", path)
    assert "Restored" in said.stdout and KEPT in said.stdout
    assert grading.get("/students").json == before
    assert "a wrong click" in grading.stderr
    assert_tidy(grading)
    assert ctl("grading", "restore", tmp_path / "not there", code=NOT_FOUND)
    (tmp_path / "text").write_text("no backup")
    assert "no SQLite database" in ctl("grading", "restore", f"--state-directory={grading.state}", tmp_path / "text", code=FAILURE).stderr
    assert_tidy(grading)
    assert "No faults" in ctl("grading", "fsck").stdout
    assert "bytes" in ctl("grading", "vacuum").stdout
    assert ctl.json("grading", "fsck")["OK"] and ctl.json("grading", "vacuum")["After"] > 0


def test_what_broke_on_the_way_is_not_saved(cluster, tmp_path):
    """A service whose answer is cut, and one whose answer is changed."""
    body = os.urandom(100000)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    sent = []

    def serve(listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall((f"HTTP/1.1 200 OK\r\nRepr-Digest: sha-256=:{digest}:\r\nGradebook-Size: {len(body)}\r\n"
                                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode() + sent[0])

    with gradebook.bind(gradebook.free_port()) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        registry = cluster.start("registry")
        assert registry.post("/services", {"ServiceName": "GradingService", "ServiceURL": f"http://127.0.0.1:{port}"}).status == 200
        ctl, path = Ctl(cluster), tmp_path / "saved"
        for wrong, words in ((body[:-1], "broke off"), (body[:500] + bytes([body[500] ^ 1]) + body[501:], "digest")):
            sent[:] = [wrong]
            said = ctl("grading", "backup", path, code=None)
            assert said.returncode != 0 and words in said.stderr, said
            assert not list(tmp_path.glob("saved*"))
        sent[:] = [body]
        ctl("grading", "backup", path)
        assert path.read_bytes() == body
        listener.shutdown(socket.SHUT_RDWR)


class Writer:
    """Gives one student grades until it is told to stop, and notes which were acknowledged, and when."""

    def __init__(self, daemon, student, may_refuse=False):
        self.daemon, self.student, self.may_refuse = daemon, student, may_refuse
        self.acknowledged, self.refused, self.slowest = [], 0, 0
        self.failure = None
        self.stopping = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=60)
        n = 0
        try:
            while not self.stopping:
                n += 1
                title = f"w {n}"
                begin = time.monotonic()
                connection.request("POST", f"/students/{self.student}/grades", json.dumps({"Title": title, "Type": "Quiz", "Score": 1}),
                                   {"Authorization": f"Bearer {self.daemon.cluster.token}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                self.slowest = max(self.slowest, time.monotonic() - begin)
                if answer.status == 201:
                    self.acknowledged.append((title, begin, time.monotonic()))
                elif self.may_refuse and answer.status == 503 and answer.headers["Retry-After"]:
                    self.refused += 1
                else:
                    raise AssertionError(f"{answer.status}: {text}")
        except Exception as e:  # pylint: disable=broad-exception-caught
            self.failure = e
        finally:
            connection.close()

    def stop(self):
        self.stopping = True
        self.thread.join()
        if self.failure:
            raise AssertionError(f"writer of student {self.student}") from self.failure


@pytest.mark.sqlite
def test_backup_under_writers(cluster, tmp_path):
    cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": "10000"}})
    grading = cluster.start("grading")
    fill(grading, 8, 0)
    grading.stop()
    fatten(grading, 24)
    grading.start()
    writers = [Writer(grading, i + 1) for i in range(8)]
    try:
        for n in range(4):
            acknowledged = {(w.student, title) for w in writers for title, _, _ in list(w.acknowledged)}
            commits = metric(grading, "gradebook_grading_commits_total")
            take(grading, tmp_path / "backup.db")
            assert metric(grading, "gradebook_grading_commits_total") > commits + 5, "writers went on meanwhile"
            found = {(s["ID"], g["Title"]) for s in verify(tmp_path / "backup.db") for g in s["Grades"]}
            assert acknowledged <= found, f"backup {n}: {len(acknowledged - found)} of {len(acknowledged)} are missing"
            assert len(found) > 0
    finally:
        for w in writers:
            w.stop()
    assert sum(len(w.acknowledged) for w in writers) > 100
    # A slice holds up nobody for long; on a busy machine as well.
    assert max(w.slowest for w in writers) < 5


@pytest.mark.sqlite
def test_one_at_a_time(grading, tmp_path):
    fill(grading, 1, 1)
    grading.stop()
    fatten(grading, 24)
    grading.start()
    slow = socket.create_connection(("127.0.0.1", grading.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(f"GET /backup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {grading.cluster.token}\r\n\r\n".encode())
    assert b"200 OK" in slow.recv(100)
    for path, method in (("/backup", "GET"), ("/fsck", "POST"), ("/vacuum", "POST"), ("/restore", "POST")):
        answer = grading.request(path, method)
        assert answer.status == 503 and answer.headers["Retry-After"] and "backup" in answer.json["detail"], answer
    assert grading.post("/students/1/grades", QUIZ).status == 201, "who takes a backup slowly is in nobody's way"
    assert "copy.tmp" not in state_files(grading), "what is handed out has no name any more"
    slow.close()
    wait_until(lambda: grading.post("/fsck").status == 200, "who went makes room for the next")
    assert_tidy(grading)
    # One whose client goes at once, at any moment.
    for _ in range(20):
        gone = socket.create_connection(("127.0.0.1", grading.port))
        gone.sendall(f"GET /backup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {grading.cluster.token}\r\n\r\n".encode())
        time.sleep(random.random() * 0.1)
        gone.close()
    wait_until(lambda: grading.get("/backup", timeout=60).status == 200, "there is a backup after all")
    assert_tidy(grading)


@pytest.mark.sqlite
def test_rights(grading):
    for path, method in (("/backup", "GET"), ("/fsck", "POST"), ("/vacuum", "POST"), ("/restore", "POST")):
        assert grading.request(path, method, token=False).status == 401
        assert grading.request(path, method, token="wrong").status == 401
    made = {}
    for login, role in (("root", "admin"), ("teacher", "teacher")):
        account = grading.post("/accounts", {"Login": login, "Role": role})
        assert account.status == 201, account
        assert grading.request(account.headers["Location"] + "/password", "PUT", {"Password": PASSWORD}).status < 300
        session = grading.post("/sessions", {"Login": login, "Password": PASSWORD})
        assert session.status == 201, session
        made[login] = session.json["Token"]
    for path, method in (("/backup", "GET"), ("/fsck", "POST"), ("/vacuum", "POST"), ("/restore", "POST")):
        assert grading.request(path, method, token=made["teacher"]).status == 403
    assert grading.get("/backup", token=made["root"]).status == 200
    assert grading.post("/fsck", token=made["root"]).json["OK"]

    # Who signed in since is signed out by a restore, and so is who signed in before: no session comes back to life.
    backup = grading.get("/backup").body
    assert grading.get("/students", token=made["root"]).status == 200
    assert restore(grading, backup).status == 200
    assert grading.get("/students", token=made["root"]).status == 401
    grading.stop()
    grading.start()
    assert grading.get("/students", token=made["root"]).status == 401
    assert grading.post("/sessions", {"Login": "root", "Password": PASSWORD}).status == 201, "the password is that of the backup"


# Restoring

@pytest.mark.sqlite
def test_restored_elsewhere_it_equals(cluster, grading, tmp_path):
    fill(grading, 20, 5)
    backup = take(grading, tmp_path / "backup.db")
    other = cluster.start("grading")
    assert other.get("/students").json == []
    answer = restore(other, backup.body)
    head = grading.get("/ledger/head").json
    assert answer.status == 200 and answer.json["Head"] == {"Sequence": head["Sequence"], "Hash": head["Hash"]}, answer
    assert other.get("/students").body == grading.get("/students").body
    assert other.get("/students/7").body == grading.get("/students/7").body
    assert other.get("/ledger").body == grading.get("/ledger").body
    assert other.post("/ledger/check").json["DifferenceCount"] == 0
    # What was replaced is kept, and can be put back: a wrong restore is no loss.
    assert verify(other.state / KEPT) == []
    assert restore(other, (other.state / KEPT).read_bytes()).status == 200
    assert other.get("/students").json == []
    assert len(verify(other.state / KEPT)) == 20
    other.stop()
    assert verify(other.state / "grades.db") == []


@pytest.mark.sqlite
def test_ids_are_never_given_again(grading):
    fill(grading, 3, 1)
    backup = grading.get("/backup").body
    key = {"Idempotency-Key": "one"}
    assert grading.post("/students", {"FirstName": "A", "LastName": "B"}, headers=key).json["ID"] == 4
    grade = int(grading.post("/students/4/grades", QUIZ).headers["Location"].rsplit("/", 1)[1])
    tag = grading.get("/students").headers["ETag"]
    student_tag = grading.get("/students/3").headers["ETag"]
    assert restore(grading, backup).status == 200
    assert grading.get("/students/4").status == 404
    assert grading.get("/students", headers={"If-None-Match": tag}).status == 200, "what was read before is not what is there"
    assert grading.get("/students/3", headers={"If-None-Match": student_tag}).status == 200
    # The key of a request that is undone by the restore does not answer for what is not there.
    again = grading.post("/students", {"FirstName": "A", "LastName": "B"}, headers=key)
    assert again.status == 201 and again.json["ID"] == 5 and "Idempotency-Replayed" not in again.headers
    assert metric(grading, "gradebook_grading_idempotency_keys") == 1
    assert int(grading.post("/students/1/grades", QUIZ).headers["Location"].rsplit("/", 1)[1]) > grade
    assert restore(grading, backup).status == 200
    grading.stop()
    grading.start()
    assert grading.post("/students", {"FirstName": "A", "LastName": "B"}).json["ID"] == 6, "after a restart neither"
    assert int(grading.post("/students/1/grades", QUIZ).headers["Location"].rsplit("/", 1)[1]) > grade + 1
    assert grading.post("/fsck").json["OK"]


class Reader:
    """Reads all students again and again: they must all be of the same time."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.seen = {}
        self.slowest = 0
        self.failure = None
        self.stopping = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=60)
        try:
            while not self.stopping:
                begin = time.monotonic()
                connection.request("GET", "/students", headers={"Authorization": f"Bearer {self.daemon.cluster.token}"})
                answer = connection.getresponse()
                body = answer.read()
                self.slowest = max(self.slowest, time.monotonic() - begin)
                assert answer.status == 200, body
                names = {s["LastName"] for s in json.loads(body)}
                assert len(names) == 1, f"a mixture: {names}"
                name = names.pop()
                self.seen[name] = self.seen.get(name, 0) + 1
        except Exception as e:  # pylint: disable=broad-exception-caught
            self.failure = e
        finally:
            connection.close()

    def stop(self):
        self.stopping = True
        self.thread.join()
        if self.failure:
            raise AssertionError("reader") from self.failure


@pytest.mark.sqlite
def test_restore_under_load(cluster, tmp_path):
    cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": "10000"}})
    old, grading = cluster.start("grading", "grading")
    fill(old, 60, 2, "Old")
    fill(grading, 60, 2, "New")
    backups = {"Old": take(old, tmp_path / "old.db").body, "New": take(grading, tmp_path / "new.db").body}
    old.stop()
    readers = [Reader(grading) for _ in range(3)]
    writers = [Writer(grading, i + 1, may_refuse=True) for i in range(6)]
    try:
        for name in ("Old", "New", "Old", "New", "Old"):
            begin = time.monotonic()
            answer = restore(grading, backups[name])
            end = time.monotonic()
            assert answer.status == 200, answer
            time.sleep(0.2)
            known = {w.student: list(w.acknowledged) for w in writers}
            students = {s["ID"]: {g["Title"] for g in s["Grades"]} for s in grading.get("/students").json}
            for w in writers:
                for title, asked, acknowledged in known[w.student]:
                    # Acknowledged before the restore was asked for: gone with what it was a change of. Asked for since: there.
                    assert acknowledged > begin or title not in students[w.student], (title, name)
                    assert asked < end or title in students[w.student], (title, name)
    finally:
        for thread in readers + writers:
            thread.stop()
    assert all(set(r.seen) == {"Old", "New"} for r in readers), "all readers have seen both"
    refused = sum(w.refused for w in writers)
    print(f"{refused} changes of {sum(len(w.acknowledged) for w in writers)} were for what was replaced under way")
    assert refused > 0, "those that waited were meant for what was there before"
    assert grading.post("/fsck").json["OK"] and grading.post("/ledger/check").json["DifferenceCount"] == 0
    assert_tidy(grading)
    assert {s["LastName"] for s in verify_stopped(grading)} == {"Old"}


def verify_stopped(daemon):
    memory = daemon.get("/students").json
    daemon.stop()
    on_disk = verify(daemon.state / "grades.db")
    assert on_disk == memory
    return on_disk


@pytest.mark.sqlite
def test_the_event_tells_of_both_heads(grading):
    fill(grading, 2, 1)
    backup = grading.get("/backup").body
    then = grading.get("/ledger/head").json
    grading.post("/students", {"FirstName": "A", "LastName": "B"})
    now = grading.get("/ledger/head").json
    answer = restore(grading, backup, reason="the import was of last year")
    assert answer.json["Before"] == {"Sequence": now["Sequence"], "Hash": now["Hash"]}
    line = next(line for line in grading.stderr.splitlines() if "were replaced by those of a backup" in line)
    for words in (f"entry {now['Sequence']} ({now['Hash']})", f"entry {then['Sequence']} ({then['Hash']})", "the import was of last year", "ACTOR=cluster"):
        assert words in line, line
    assert grading.post("/restore").status == 409, "a file is restored once"


@pytest.mark.sqlite
def test_the_ledger_verifies_after_a_restore(cluster):
    """What the central log was told before is of what was replaced; what it is told since holds."""
    cluster.start("registry")
    log, grading = cluster.start("log"), cluster.daemon("grading").start()
    ctl = Ctl(cluster)
    fill(grading, 3, 1)
    wait_until(lambda: "LogService" in cluster.services() and "GradingService" in cluster.services(), "both are registered")
    backup = grading.get("/backup").body
    for _ in range(5):
        assert grading.post("/students", {"FirstName": "A", "LastName": "B"}).status == 201
    grading.stop()
    grading.start()
    anchored = grading.get("/ledger/head").json["Sequence"]
    wait_until(lambda: f"entry {anchored}," in gradebook.stored_text(log.logs), "the head is told")
    assert ctl.json("ledger", "verify")["Restores"] == 0
    assert restore(grading, backup).status == 200
    head = grading.get("/ledger/head").json
    wait_until(lambda: f"ends with entry {head['Sequence']}, hash {head['Hash']}" in gradebook.stored_text(log.logs), "the new head is told at once")
    found = ctl.json("ledger", "verify")
    assert found["Restores"] == 1 and found["AnchorsReplaced"] >= 1 and found["ProblemCount"] == 0, found
    assert "A backup was restored 1 time" in ctl("ledger", "verify").stdout
    # Cut behind the restore, it is found as ever.
    tampered(grading, UNLOCK + f"PRAGMA foreign_keys=OFF; DELETE FROM ledger WHERE sequence = {head['Sequence']};" + RELOCK)
    said = ctl("ledger", "verify", code=FAILURE).stdout
    assert "The ledger was cut" in said, said


def changed(data, sql, **more):
    """A backup after some SQL."""
    path = more["directory"] / "changed.db"
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()
    return path.read_bytes()


@pytest.mark.sqlite
def test_what_cannot_be_restored(grading, tmp_path):
    fill(grading, 30, 3)
    good = take(grading, tmp_path / "backup.db").body
    grading.post("/students", {"FirstName": "Since", "LastName": "Then"})
    before = grading.get("/students").body
    (tmp_path / "foreign.db").unlink(missing_ok=True)
    with sqlite3.connect(tmp_path / "foreign.db") as foreign:
        foreign.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1); PRAGMA user_version=2;")
    foreign.close()
    with sqlite3.connect(tmp_path / "pages.db") as pages:
        pages.executescript("PRAGMA page_size=8192; VACUUM; CREATE TABLE t (a); INSERT INTO t VALUES (1);")
    pages.close()
    at = good.index(b'"LastName":"C"')
    unlock = "DROP TRIGGER ledger_is_not_rewritten;"
    relock = "CREATE TRIGGER ledger_is_not_rewritten BEFORE UPDATE ON ledger  BEGIN SELECT raise(ABORT, 'the ledger only grows'); END;"
    broken = [
        (b"", "it is empty"),
        (b"Dear diary" * 100, "no SQLite database"),
        (good[:50], "no SQLite database"),
        (good[:len(good) // 2], f"{len(good) // 2} of {len(good)} bytes"),
        (good[:-1], f"{len(good) - 1} of {len(good)} bytes"),
        ((tmp_path / "foreign.db").read_bytes(), "none of gradebook-grading"),
        ((tmp_path / "pages.db").read_bytes(), "8192"),
        (changed(good, "PRAGMA user_version=99", directory=tmp_path), "newer version (schema 99"),
        (good[:at] + good[at:].replace(b'"LastName":"C"', b'"LastName":"D"', 1), "the hash of entry"),
        (good[:8192] + bytes(4096) + good[12288:], "damaged"),
        (changed(good, "UPDATE grades SET score_hundredths = 10000 WHERE id = 5", directory=tmp_path), "grade 5 is not as its last entry"),
        (changed(good, "PRAGMA foreign_keys=OFF; DELETE FROM grades WHERE id = 5", directory=tmp_path), "grade 5 is not there"),
        (changed(good, unlock + "UPDATE ledger SET hash = zeroblob(32) WHERE sequence = 9;" + relock, directory=tmp_path), "the hash of entry 9"),
        (changed(good, "DROP TRIGGER ledger_is_not_cut", directory=tmp_path), "trigger ledger_is_not_cut is missing"),
        (changed(good, "CREATE TRIGGER evil AFTER INSERT ON grades BEGIN DELETE FROM sessions; END", directory=tmp_path), "trigger evil is not one of ours"),
    ]
    for data, words in broken:
        answer = restore(grading, data)
        assert answer.status == 422 and words in answer.json["detail"] and "Nothing was changed" in answer.json["detail"], (words, answer)
        assert grading.get("/students").body == before, words
        assert state_files(grading) <= AT_REST - {KEPT}, (words, state_files(grading))
    (grading.state / "restore.db").symlink_to(tmp_path / "backup.db")
    assert "symbolic link" in grading.post("/restore").json["detail"]
    (grading.state / "restore.db").mkdir()
    assert "regular file" in grading.post("/restore").json["detail"]
    (grading.state / "restore.tmp").rmdir()
    assert restore(grading, good).status == 200, "after all this the good one still is"
    for reason in ("x" * 501, 7):
        (grading.state / "restore.db").write_bytes(good)
        answer = grading.post("/restore", {"Reason": reason})
        assert answer.status == 400 and "Reason" in answer.json["detail"]
    assert len(grading.get("/students").json) == 30


@pytest.mark.sqlite
def test_flipped_bits_are_found(grading, tmp_path):
    """Anywhere in the file: refused, or of no consequence (free space): never another content."""
    fill(grading, 10, 2)
    good = take(grading, tmp_path / "backup.db").body
    expected = grading.get("/students").body
    chance = random.Random(SEED)
    used = [at for at, byte in enumerate(good) if byte]
    refused = 0
    for n in range(150):
        at, bit = chance.choice(used), 1 << chance.randrange(8)
        data = bytearray(good)
        data[at] ^= bit
        answer = restore(grading, bytes(data))
        assert answer.status in (200, 422), (SEED, n, at, bit, answer)
        refused += answer.status == 422
        assert grading.get("/students").body == expected, (SEED, n, at, bit)
    print(f"{refused} of 150 were refused (seed {SEED})")
    assert refused >= 100, refused


@pytest.mark.sqlite
def test_a_backup_of_an_earlier_version(cluster, grading, tmp_path):
    from test_grading_ledger import version_one  # pylint: disable=import-outside-toplevel
    students = [(i, (f"First {i}", "Last")) for i in range(1, 6)]
    version_one(tmp_path / "one.db", students, [(n + 1, n % 5 + 1, f"Quiz {n}", "Quiz", 100 * n) for n in range(20)])
    answer = restore(grading, (tmp_path / "one.db").read_bytes())
    assert answer.status == 200 and answer.json["Rows"]["grade"] == 20, answer
    direct = cluster.daemon("grading")
    (direct.state / "grades.db").write_bytes((tmp_path / "one.db").read_bytes())
    direct.start()
    assert grading.get("/students").body == direct.get("/students").body
    assert grading.post("/fsck").json["OK"]
    assert grading.post("/students", {"FirstName": "A", "LastName": "B"}).status == 201


# fsck

def tampered(daemon, sql):
    daemon.stop()
    connection = sqlite3.connect(daemon.state / "grades.db")
    connection.executescript(sql)
    connection.close()
    daemon.start()


@pytest.mark.sqlite
def test_fsck(grading):
    fill(grading, 5, 2)
    answer = grading.post("/fsck")
    head = grading.get("/ledger/head").json
    assert answer.status == 200 and answer.json["OK"] and answer.json["Faults"] == [] and answer.json["FaultCount"] == 0
    assert answer.json["Head"] == {"Sequence": head["Sequence"], "Hash": head["Hash"]} and answer.json["Entries"] == head["Sequence"]
    assert answer.json["Rows"]["student"] == 5 and answer.json["Rows"]["grade"] == 10
    assert answer.json["Checked"] == ["structure", "references", "schema", "ledger", "rows"]
    assert metric(grading, "gradebook_grading_faults") == 0 and metric(grading, "gradebook_grading_last_check_timestamp_seconds") > 0
    assert_tidy(grading)


UNLOCK = "DROP TRIGGER ledger_is_not_rewritten; DROP TRIGGER ledger_is_not_cut;"
RELOCK = ("CREATE TRIGGER ledger_is_not_rewritten BEFORE UPDATE ON ledger  BEGIN SELECT raise(ABORT, 'the ledger only grows'); END;"
          "CREATE TRIGGER ledger_is_not_cut BEFORE DELETE ON ledger  BEGIN SELECT raise(ABORT, 'the ledger only grows'); END;")


@pytest.mark.sqlite
@pytest.mark.parametrize("sql, words", [
    ("UPDATE grades SET score_hundredths = score_hundredths + 1 WHERE id = 3", ["grade 3 is not as its last entry"]),
    ("UPDATE students SET first_name = 'Mallory' WHERE id = 2", ["student 2 is not as its last entry"]),
    ("UPDATE grades SET entry = entry - 1 WHERE id = 4", ["grade 4 is not as its last entry"]),
    ("DELETE FROM grades WHERE id = 3", ["grade 3 is not there, and its last entry"]),
    ("PRAGMA foreign_keys=OFF; DELETE FROM grades WHERE student_id = 2; DELETE FROM students WHERE id = 2",
     ["of enrolments refers to a row of students that is not there", "student 2 is not there"]),
    ("INSERT INTO classes VALUES (77, 1, 1, NULL, 'Nobody''s', NULL, 0, 0)", ["class 77 is there, and the ledger knows nothing of it"]),
    (UNLOCK + "UPDATE ledger SET actor = 'account:1' WHERE sequence = 4;" + RELOCK, ["the hash of entry 4 "]),
    (UNLOCK + "UPDATE ledger SET time_usec = time_usec + 1 WHERE sequence = 4;" + RELOCK, ["the hash of entry 4 "]),
    (UNLOCK + "UPDATE ledger SET new = replace(new, 'N2', 'N3') WHERE kind = 'student' AND row_id = 2;" + RELOCK,
     ["the hash of entry", "student 2 is not as its last entry"]),
    (UNLOCK + "DELETE FROM ledger WHERE sequence BETWEEN 6 AND 7;" + RELOCK, ["entries from 6 to 7 are missing"]),
    ("DROP TRIGGER ledger_is_not_cut", ["the trigger ledger_is_not_cut is missing"]),
    ("CREATE TABLE more (a)", ["the table more is not one of ours"]),
])
def test_fsck_names_faults(grading, sql, words):
    fill(grading, 5, 2)
    if "DELETE FROM students" in sql:
        # The service does not start with what its rows refer to missing; so the file is looked at as one that is restored.
        backup = grading.get("/backup").body
        path = grading.directory / "tampered.db"
        path.write_bytes(backup)
        connection = sqlite3.connect(path)
        connection.executescript(sql)
        connection.close()
        answer = restore(grading, path.read_bytes())
        assert answer.status == 422
        faults = answer.json["Faults"]
    else:
        tampered(grading, sql)
        answer = grading.post("/fsck")
        assert answer.status == 200 and not answer.json["OK"], answer
        faults = answer.json["Faults"]
        assert answer.json["FaultCount"] == len(faults) == metric(grading, "gradebook_grading_faults")
        assert "err: The grades are damaged in" in grading.stderr
        refused = grading.get("/backup")
        assert refused.status == 500 and refused.json["Faults"] == faults, "of what is damaged there is no backup"
        assert_tidy(grading)
    for word in words:
        assert any(word in fault for fault in faults), (word, faults)
    assert len(faults) <= 4, faults


@pytest.mark.sqlite
def test_fsck_finds_a_flipped_bit_in_the_file(grading):
    fill(grading, 40, 3)
    grading.stop()
    data = bytearray((grading.state / "grades.db").read_bytes())
    at = data.index(b'"FirstName":"N17"') + len('"FirstName":"')
    data[at] ^= 1
    (grading.state / "grades.db").write_bytes(data)
    grading.start()
    answer = grading.post("/fsck").json
    assert not answer["OK"] and re.search(r"ledger: the hash of entry \d+", answer["Faults"][0]), answer


# vacuum

@pytest.mark.sqlite
def test_vacuum(grading):
    fill(grading, 20, 3)
    grading.stop()
    fatten(grading, 8)
    with sqlite3.connect(grading.state / "grades.db") as connection:
        connection.execute("DELETE FROM idempotency")
    connection.close()
    grading.start()
    before = grading.get("/students").body
    size = (grading.state / "grades.db").stat().st_size
    assert size > 8 * MIB
    answer = grading.post("/vacuum")
    assert answer.status == 200 and answer.json["Before"] > 8 * MIB > answer.json["After"], answer
    wait_until(lambda: (grading.state / "grades.db").stat().st_size == answer.json["After"], "the file is as small as that")
    assert grading.get("/students").body == before and grading.post("/fsck").json["OK"]
    assert grading.post("/students/1/grades", QUIZ).status == 201
    assert metric(grading, "gradebook_grading_database_bytes") < 4 * MIB
    assert_tidy(grading)
    grading.kill()
    grading.start()
    assert len(grading.get("/students/1").json["Grades"]) == 4 and grading.post("/fsck").json["OK"]


@pytest.mark.sqlite
def test_vacuum_and_fsck_under_load(cluster):
    cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": "10000"}})
    grading = cluster.start("grading")
    fill(grading, 4, 1)
    writers = [Writer(grading, i + 1) for i in range(4)]
    try:
        for _ in range(10):
            assert grading.post("/vacuum", timeout=60).status == 200
            assert grading.post("/fsck", timeout=60).json["OK"]
    finally:
        for w in writers:
            w.stop()
    titles = {s["ID"]: {g["Title"] for g in s["Grades"]} for s in verify_stopped(grading)}
    for w in writers:
        assert {title for title, _, _ in w.acknowledged} <= titles[w.student]


# A full disk

@pytest.fixture
def small_disk(cluster):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    daemon = cluster.daemon("grading")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48M", "gradebook-test", daemon.state], check=True)
    yield daemon
    try:
        daemon.close()
    finally:
        subprocess.run(["umount", daemon.state], check=True)


@pytest.mark.sqlite
def test_a_full_disk(small_disk, tmp_path):
    grading = small_disk.start()
    fill(grading, 10, 2)
    grading.stop()
    fatten(grading, 4)
    grading.start()
    backup = take(grading, tmp_path / "backup.db").body
    before = grading.get("/students").body
    filler = grading.state / "filler"
    free = os.statvfs(grading.state)
    # Room for a copy of a file of 4 MiB in part only.
    for left in (0, MIB, 3 * MIB):
        filler.write_bytes(bytes(max(free.f_bavail * free.f_frsize - left, 0)))
        for path, method in (("/backup", "GET"), ("/fsck", "POST"), ("/vacuum", "POST")):
            answer = grading.request(path, method, timeout=60)
            assert answer.status == 507, (left, path, answer)
        assert state_files(grading) <= AT_REST | {"filler"}
        assert grading.get("/students").body == before
        filler.unlink()
    # The backup to restore has its place; what is copied before, and the log, have none: at different steps.
    seen = set()
    for left in range(0, 18 * MIB, MIB):
        (grading.state / "restore.db").write_bytes(backup)
        free = os.statvfs(grading.state)
        filler.write_bytes(bytes(max(free.f_bavail * free.f_frsize - left, 0)))
        answer = grading.post("/restore", timeout=60)
        assert answer.status in (200, 507), (left, answer)
        seen.add(answer.status)
        filler.unlink()
        assert grading.get("/students").body == before
        assert state_files(grading) <= AT_REST, (left, state_files(grading))
        assert grading.post("/students/1", {}).status == 405
        assert grading.request("/students/1", "PATCH", {"LastName": f"C{left}"}).status == 200, "with room again changes are taken"
        assert grading.request("/students/1", "PATCH", {"LastName": "C"}).status == 200
        before = grading.get("/students").body
        assert grading.post("/fsck", timeout=60).json["OK"]
    assert seen == {200, 507}, seen
    assert grading.post("/vacuum", timeout=60).status == 200
    assert verify_stopped(grading) == json.loads(before)


# kill -9

@pytest.mark.sqlite
@pytest.mark.parametrize("what", ["restore", "backup", "vacuum"])
def test_killed_on_the_way(cluster, tmp_path, what):
    chance = random.Random(f"{SEED} {what}")
    old, grading = cluster.daemon("grading"), cluster.daemon("grading")
    backups, bodies = {}, {}
    for daemon, name in ((old, "Old"), (grading, "New")):
        daemon.start()
        fill(daemon, 30, 2, name)
        daemon.stop()
        fatten(daemon, 6)
        daemon.start()
        backups[name] = take(daemon, tmp_path / f"{name}.db").body
        bodies[name] = daemon.get("/students").body
    old.stop()
    present, done, changed_over = "New", 0, 0
    began = time.monotonic()
    answer = restore(grading, backups["New"]) if what == "restore" else grading.request(f"/{what}", "GET" if what == "backup" else "POST")
    assert answer.status == 200
    span = time.monotonic() - began
    for n in range(KILLS):
        wanted = "Old" if present == "New" else "New"
        ended = []

        def act(ended=ended, wanted=wanted):
            try:
                if what == "restore":
                    ended.append(grading.post("/restore", timeout=60).status)
                else:
                    ended.append(grading.request(f"/{what}", "GET" if what == "backup" else "POST", timeout=60).status)
            except (OSError, http.client.HTTPException):
                pass

        if what == "restore":
            (grading.state / "restore.db").write_bytes(backups[wanted])
        thread = threading.Thread(target=act)
        thread.start()
        time.sleep(chance.random() * span * 2)
        grading.kill()
        thread.join()
        grading.start()
        body = grading.get("/students").body
        where = (SEED, n, wanted, ended)
        assert body in bodies.values(), f"neither the old nor the new: {where}"
        now = next(name for name, known in bodies.items() if known == body)
        assert what == "restore" or now == present, where
        assert ended != [200] or what != "restore" or now == wanted, f"it was acknowledged: {where}"
        assert_tidy(grading)
        assert grading.post("/fsck", timeout=60).json["OK"], where
        if (grading.state / KEPT).exists():
            assert {s["LastName"] for s in verify(grading.state / KEPT)} <= {"Old", "New"}
        done += ended == [200]
        changed_over += now != present
        present = now
    print(f"{KILLS} kills during {what} (seed {SEED}): {done} were acknowledged before, {changed_over} had replaced the content")
    assert verify_stopped(grading) == json.loads(bodies[present])


@pytest.mark.sqlite
def test_ends_in_good_time_during_a_backup(cluster, tmp_path):
    grading = cluster.start("grading")
    fill(grading, 5, 1)
    grading.stop()
    fatten(grading, 48)
    for wait in (0, 0.01, 0.03, 0.06, 0.1, 0.2):
        for path, method in (("/backup", "GET"), ("/fsck", "POST")):
            grading.start()
            ended = []

            def act(ended=ended, path=path, method=method):
                try:
                    ended.append(grading.request(path, method, timeout=60).status)
                except (OSError, http.client.HTTPException):
                    ended.append(None)

            thread = threading.Thread(target=act)
            thread.start()
            time.sleep(wait)
            begin = time.monotonic()
            grading.stop()
            assert time.monotonic() - begin < 10
            thread.join()
            assert ended[0] in (200, 503, None), ended
            assert_tidy(grading)


def test_metrics(grading):
    fill(grading, 3, 2)
    text = grading.get("/metrics").text
    for kind, n in (("student", 3), ("grade", 6), ("class", 1), ("enrolment", 3), ("assessment", 2), ("term", 0)):
        assert f'gradebook_grading_rows{{kind="{kind}"}} {n}\n' in text
    assert metric(grading, "gradebook_grading_ledger_entries") == grading.get("/ledger/head").json["Sequence"]
    assert metric(grading, "gradebook_grading_commit_seconds_count") == metric(grading, "gradebook_grading_commits_total") > 0
    assert metric(grading, "gradebook_grading_commit_seconds_sum") > 0
    assert metric(grading, "gradebook_grading_last_backup_timestamp_seconds") == 0
    for n in range(3):
        grading.post("/students/1/grades", {**QUIZ, "Title": f"k {n % 2}"}, headers={"Idempotency-Key": f"k {n % 2}"})
    assert metric(grading, "gradebook_grading_idempotency_keys") == 2
    grading.kill()
    grading.start()
    assert metric(grading, "gradebook_grading_idempotency_keys") == 2
