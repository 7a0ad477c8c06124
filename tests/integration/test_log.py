# SPDX-License-Identifier: LGPL-2.1-or-later
"""The central log: durable before the answer, stored once, readable whatever happened to its files and its disk."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import secrets
import socket
import subprocess

import pytest
from gradebook import wait_until

NDJSON = {"Content-Type": "application/x-ndjson"}
LOG_STORES = ("files", "postgresql")
SAME = {"test_empty_is_refused", "test_bad_text_is_refused", "test_wrong_methods", "test_without_the_token_nothing_is_stored_or_shown",
        "test_batch_limits", "test_a_bad_question_is_refused", "test_head_of_a_stream_has_no_body", "test_a_line_of_text_is_stored"}
TEXT = {"Content-Type": "text/plain"}


@pytest.fixture
def log(cluster):
    return cluster.start("log")


def records(log, query=""):
    answer = log.get(f"/log?{query if 'n=' in query else 'n=10000&' + query}", headers={"Accept": "application/x-ndjson"})
    assert answer.status == 200, answer
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert all(r.pop("Cursor") for r in found)
    return found


def messages(log, query="", own=False):
    return [r["Message"] for r in records(log, query) if own or r["Service"] != "gradebook-log"]


def record(n, source=None, **members):
    r = {"Service": "test", "Message": f"message {n}", **members}
    if source:
        r.update(Source=source, Sequence=n)
    return r


def batch(log, items):
    body = "".join(json.dumps(r) + "\n" for r in items)
    return log.post("/log", body, headers=NDJSON)


def live_file(log):
    return log.logs / "central.ndjson"


def refused(answer, status, word):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert word in answer.json["detail"], answer


class Follower:
    """GET /log?follow=1, line by line."""

    def __init__(self, log, query="n=0", **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", log.port, timeout=10)
        self.connection.request("GET", f"/log?follow=1&{query}", headers={"Authorization": f"Bearer {log.cluster.token}", **headers})
        self.response = self.connection.getresponse()

    def line(self):
        return self.response.readline().decode().rstrip("\n")

    def line_with(self, text):
        while text not in (line := self.line()):
            assert line, f"the stream ended before {text}"
        return line

    def close(self):
        self.response.close()
        self.connection.close()


# ---- one line of text ----

@pytest.mark.parametrize("headers", [TEXT, {}, {"Content-Type": "text/plain; charset=utf-8"},
                                     {"Content-Type": "application/x-www-form-urlencoded"}])
def test_a_line_of_text_is_stored(log, headers):
    answer = log.post("/log", "Müller & 'Söhne' said \"100%=a+b\"\n", headers=headers)
    assert (answer.status, answer.body) == (200, b"")
    r = [r for r in records(log) if r["Service"] == "unknown"]
    assert [x["Message"] for x in r] == ["Müller & 'Söhne' said \"100%=a+b\""]
    assert list(r[0]) == ["Time", "Received", "Priority", "Service", "Message"] and r[0]["Priority"] == 6


def test_curl_as_in_the_manual(open_cluster):
    log = open_cluster.start("log")
    code = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "a line of text", f"{log.url}/log"],
                          capture_output=True, text=True, check=True).stdout
    assert code == "200"
    shown = subprocess.run(["curl", "-s", f"{log.url}/log?n=1&service=unknown"], capture_output=True, text=True, check=True).stdout
    assert shown.endswith("+0000 - unknown: a line of text\n")


def test_several_lines_are_several_records(log):
    assert log.post("/log?service=import", "one\r\n\ntwo\nthree").status == 200
    assert messages(log, "service=import") == ["one", "two", "three"]


def test_without_the_token_nothing_is_stored_or_shown(log):
    assert messages(log) == []
    assert log.post("/log", "a line", token=False).status == 401
    assert log.post("/log", "a line", token="0" * 64).status == 401
    assert log.get("/log", token=False).status == 401
    assert messages(log) == []


@pytest.mark.parametrize("headers, body", [(TEXT, b""), (TEXT, b"\n"), (TEXT, b"\r\n"), (TEXT, b"\n\n\n"), (NDJSON, b""), (NDJSON, b"\n\n")])
def test_empty_is_refused(log, body, headers):
    refused(log.post("/log", body, headers=headers), 400, "empty")
    assert messages(log) == []


def test_bad_text_is_refused(log):
    refused(log.post("/log", b"\xff\xfe", headers=TEXT), 400, "UTF-8")
    refused(log.post("/log", b"a\0b", headers=TEXT), 400, "UTF-8")
    refused(log.post("/log", b"x" * 65537, headers=TEXT), 413, "65536")
    refused(log.post("/log", b"good\n" + b"x" * 65537, headers=TEXT), 413, "65536")
    assert log.post("/log", b"x" * (10 << 20), headers=TEXT).status == 413
    refused(log.post("/log?service=a%20b", "x"), 400, "service")
    refused(log.post("/log?sevice=a", "x"), 400, "service")
    refused(log.post("/log", "x", headers={"Content-Type": "image/png"}), 415, "Content-Type")
    refused(log.post("/log", "x", headers={"Content-Encoding": "br"}), 415, "Content-Encoding")
    assert messages(log) == []
    assert log.post("/log", b"x" * 65536, headers=TEXT).status == 200


def test_wrong_methods(log):
    for method in ("PUT", "DELETE", "PATCH"):
        answer = log.request("/log", method)
        assert answer.status == 405 and "GET" in answer.headers["Allow"] and "POST" in answer.headers["Allow"]
    assert log.get("/logs").status == 404
    head = log.request("/log", "HEAD")
    assert head.status == 200 and head.body == b""


# ---- records ----

def test_a_record_keeps_all_it_has(log):
    r = {"Time": "2026-11-22T21:41:28.123456Z", "Priority": 3, "Service": "gradebook-grading", "Instance": "http://127.0.0.1:6000",
         "RequestID": "0af7651916cd43dd8448eb211c80319c", "MessageID": "97125db863b84684b72d33e818cb4623",
         "Message": "tab\there, \u001b[31m, \u4f60\u597d, \"quoted\" \\ \u007f", "Source": secrets.token_hex(16), "Sequence": 7,
         "Fields": {"STUDENT": "1", "TITLE": "Quiz \"1\""}}
    answer = log.post("/log", r)
    assert answer.status == 200 and answer.json == {"Stored": 1, "Duplicates": 0, "Suppressed": 0}
    stored = records(log, "service=gradebook-grading")[0]
    assert stored.pop("Received")
    assert stored == r
    shown = log.get("/log?service=gradebook-grading").text
    assert shown == ("2026-11-22T21:41:28+0000 - gradebook-grading[http://127.0.0.1:6000]: tab\there, \\x1b[31m, \u4f60\u597d, \"quoted\" \\ \\x7f\n")


@pytest.mark.parametrize("bad, word", [({"Message": "x"}, "Service"), ({"Service": "x"}, "Message"),
                                       ({"Service": "x", "Message": 1}, "Message"), ({"Service": "x", "Message": "m", "Priority": 8}, "Priority"),
                                       ({"Service": "x", "Message": "m", "Sequence": 1}, "Source"), ([], "record")])
def test_a_batch_is_stored_whole_or_not_at_all(log, bad, word):
    answer = batch(log, [record(1), bad, record(3)])
    assert answer.status == 400 and "Line 2" in answer.json["detail"], answer
    assert messages(log) == []


def test_batch_limits(log):
    refused(batch(log, [record(n) for n in range(1001)]), 413, "1000")
    assert messages(log) == []
    answer = batch(log, [record(n) for n in range(1000)])
    assert answer.json == {"Stored": 1000, "Duplicates": 0, "Suppressed": 0}
    assert messages(log) == [f"message {n}" for n in range(1000)]


def test_what_is_sent_again_is_stored_once(log):
    a, b = secrets.token_hex(16), secrets.token_hex(16)
    assert batch(log, [record(n, a) for n in (1, 2, 3)]).json == {"Stored": 3, "Duplicates": 0, "Suppressed": 0}
    assert batch(log, [record(n, a) for n in (2, 3, 4)] + [record(1, b)]).json == {"Stored": 2, "Duplicates": 2, "Suppressed": 0}
    assert batch(log, [record(5, a), record(5, a)]).json == {"Stored": 1, "Duplicates": 1, "Suppressed": 0}
    for restart in (log.stop, log.kill):
        restart()
        log.start()
        assert batch(log, [record(n, a) for n in (4, 5)] + [record(1, b)]).json == {"Stored": 0, "Duplicates": 3, "Suppressed": 0}
    assert len(messages(log)) == 6


def test_repeats_at_the_same_time_are_stored_once(log):
    source = secrets.token_hex(16)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: batch(log, [record(n, source) for n in range(1, 101)]).json, range(16)))
    assert sum(a["Stored"] for a in answers) == 100
    assert sum(a["Duplicates"] for a in answers) == 1500
    assert messages(log) == [f"message {n}" for n in range(1, 101)]


# ---- durable ----

def test_what_was_answered_survives_kill(log):
    for n in range(3):
        acknowledged = []

        def post(i):
            try:
                if log.post("/log", f"line {n}-{i}", headers=TEXT).status == 200:
                    acknowledged.append(f"line {n}-{i}")
                if i == 150:
                    log.signal(9)
            except (OSError, http.client.HTTPException):
                pass

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(post, range(300)))
        log.kill()
        log.start()
        stored = messages(log)
        assert len(acknowledged) >= 140
        assert not set(acknowledged) - set(stored)
        assert len(stored) == len(set(stored))


@pytest.mark.files_only
def test_a_torn_line_is_cut_and_the_rest_is_intact(log):
    assert log.post("/log", "whole").status == 200
    log.kill()
    torn = b'{"Time":"2026-11-22T21:41:28.123456Z","Received":"2026-11-22T2'
    with open(live_file(log), "ab") as f:
        f.write(torn)
    log.start()
    assert log.post("/log", "next").status == 200
    assert messages(log) == ["whole", "next"]
    wait_until(lambda: any(f"torn, as after a crash: {len(torn)} bytes" in m for m in messages(log, own=True)), "the log says what was cut")
    for line in live_file(log).read_text().splitlines():
        json.loads(line)


@pytest.mark.files_only
def test_damage_in_the_middle_hides_nothing_else(log):
    for text in ("one", "two", "three"):
        assert log.post("/log?service=t", text).status == 200
    log.stop()
    data = live_file(log).read_bytes()
    at = data.index(b'"Message":"two"')
    live_file(log).write_bytes(data[:at] + b"\0\0\xff\xfe" + data[at + 4:])
    log.start()
    assert messages(log, "service=t") == ["one", "three"]
    assert [line.split(": ")[1] for line in log.get("/log?service=t").text.splitlines()] == ["one", "three"]


@pytest.mark.files_only
def test_two_daemons_cannot_write_one_log(cluster, log):
    second = cluster.daemon("log")
    second.logs.rmdir()
    second.logs.symlink_to(log.logs)
    second.launch()
    assert second.wait() != 0
    assert "Another process" in second.stderr
    assert log.post("/log", "still here").status == 200


@pytest.mark.files_only
def test_files_are_rotated_and_the_oldest_deleted(cluster):
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "3M", "Compress": "no"}})
    log = cluster.start("log")
    source = secrets.token_hex(16)
    text = "x" * 1000
    for n in range(40):
        assert batch(log, [record(n * 100 + i + 1, source, Message=f"{n * 100 + i + 1} {text}") for i in range(100)]).status == 200
    files = sorted(p.name for p in log.logs.glob("log-*.ndjson"))
    assert 1 <= len(files) <= 3
    assert sum(p.stat().st_size for p in log.logs.glob("*")) < (3 << 20) + (1 << 18)
    assert sorted(p.stem for p in log.logs.glob("*.index")) == sorted(["central", *(name.removesuffix(".ndjson") for name in files)])
    assert all(":" not in name for name in files)
    last = [int(m.split()[0]) for m in messages(log, "service=test")]
    assert last == list(range(last[0], 4001)) and 1000 < len(last) < 4000
    log.kill()
    log.start()
    assert batch(log, [record(n, source) for n in (1, 3999, 4000)]).json == {"Stored": 0, "Duplicates": 3, "Suppressed": 0}
    assert "A file of the central log is full" in log.stderr


# ---- a full disk ----

@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    path = tmp_path / "disk"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", path]).returncode != 0:
        pytest.skip("mount is not allowed here")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def log_on(cluster, disk):
    log = cluster.daemon("log")
    log.logs.rmdir()
    log.logs.symlink_to(disk)
    return log.start()


@pytest.mark.files_only
def test_a_full_disk_refuses_writes_and_recovers_by_itself(cluster, small_disk):
    log = log_on(cluster, small_disk)
    hog = small_disk / "hog"
    stored = []
    text = "x" * 10000

    hog.write_bytes(b"\0" * (1 << 20))
    while (answer := log.post("/log?service=t", f"{len(stored)} {text}", headers=TEXT)).status == 200:
        stored.append(f"{len(stored)} {text}")
        assert len(stored) < 1000
    refused(answer, 507, "No space left")
    assert messages(log, "service=t") == stored
    assert log.post("/log?service=t", text, headers=TEXT).status == 507
    assert "cannot write" in log.stderr and log.stderr.count("cannot write (") == 1
    assert "gradebook_log_failed 1" in log.get("/metrics").text
    for line in live_file(log).read_bytes().splitlines():
        json.loads(line)

    hog.unlink()
    wait_until(lambda: "can write again" in log.stderr, "the log says that it can write again")
    assert log.post("/log?service=t", "space", headers=TEXT).status == 200
    assert messages(log, "service=t") == stored + ["space"]
    own = wait_until(lambda: (found := [m for m in messages(log, own=True) if m.startswith("The central log can")])[1:] and found, "it says so here too")
    assert len(own) == 2 and "cannot write" in own[0] and "can write again" in own[1]


@pytest.mark.files_only
def test_what_was_written_ahead_of_a_failed_commit_is_taken_back(cluster, small_disk):
    """A long body goes to the disk while it is still rendered: of one that does not fit nothing stays, and the next one stands right behind the last."""
    log = log_on(cluster, small_disk)
    assert log.post("/log?service=t", "before", headers=TEXT).status == 200
    size = live_file(log).stat().st_size
    long = "".join(f"{n:06} {'x' * 90}\n" for n in range(10000))       # rendered, more than the disk has; a part of it fits
    refused(log.post("/log?service=t", long, headers=TEXT), 507, "No space left")
    assert messages(log, "service=t") == ["before"]
    wait_until(lambda: "can write again" in log.stderr, "the log says that it can write again")
    assert log.post("/log?service=t", "after", headers=TEXT).status == 200
    assert messages(log, "service=t") == ["before", "after"]
    lines = live_file(log).read_bytes()
    assert "before" in json.loads(lines[:size].splitlines()[-1])["Message"] and not any(b"xxx" in line for line in lines.splitlines())
    log.kill()
    log.start()
    assert messages(log, "service=t") == ["before", "after"]
    assert log.post("/log?service=t", long[:200_000], headers=TEXT).status == 200
    assert messages(log, "service=t&n=10000")[-1] == long[:200_000].splitlines()[-1]


# ---- reading ----

def test_the_last_lines_by_filter(log):
    source = secrets.token_hex(16)
    wanted = secrets.token_hex(16)
    for n in range(1, 2001, 500):
        batch(log, [record(i, source, Service=f"s{i % 3}", Priority=i % 8, **({"RequestID": wanted} if i % 100 == 0 else {}))
                    for i in range(n, n + 500)])
    assert messages(log, "n=3&service=s1") == ["message 1993", "message 1996", "message 1999"]
    assert messages(log, "n=2&priority=err") == ["message 1995", "message 2000"] == messages(log, "n=2&priority=3")
    assert {r["Priority"] for r in records(log, "priority=err&n=50&service=s0")} == {0, 1, 2, 3}
    assert messages(log, f"request={wanted}") == [f"message {n}" for n in range(100, 2001, 100)]
    assert messages(log, f"request={wanted}&service=s0&n=1") == ["message 1800"]
    assert messages(log, "n=0") == []
    assert len(log.get("/log").text.splitlines()) == 100


@pytest.mark.parametrize("query, word", [("n=-1", "'n'"), ("n=10001", "'n'"), ("n=", "'n'"), ("n=1.5", "'n'"), ("follow=maybe", "'follow'"),
                                         ("priority=8", "'priority'"), ("priority=loud", "'priority'"), ("service=a/b", "'service'"),
                                         ("request=12", "'request'"), ("lines=3", "'n'"), ("n=1&x", "'n'")])
def test_a_bad_question_is_refused(log, query, word):
    refused(log.get(f"/log?{query}"), 400, word)


def test_a_long_answer(log):
    text = "\u00e9" * 20000
    for n in range(50):
        assert log.post("/log?service=long", f"{n} {text}", headers=TEXT).status == 200
    assert messages(log, "service=long") == [f"{n} {text}" for n in range(50)]
    assert messages(log, "service=long&n=7") == [f"{n} {text}" for n in range(43, 50)]


def test_follow_shows_what_comes(log):
    log.post("/log?service=t", "before 1")
    log.post("/log?service=t", "before 2")
    f = Follower(log, "n=1&service=t")
    assert f.line().endswith("t: before 2")
    for n in range(100):
        log.post("/log?service=t", f"line {n}")
        log.post("/log?service=other", f"other {n}")
    assert [f.line().split(": ", 1)[1] for _ in range(100)] == [f"line {n}" for n in range(100)]
    assert "gradebook_log_followers 1" in log.get("/metrics").text
    f.close()
    wait_until(lambda: "gradebook_log_followers 0" in log.get("/metrics").text, "the follower is gone")


def test_follow_over_rotation_misses_nothing(cluster):
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "16M"}})
    log = cluster.start("log")
    f = Follower(log, "n=0&service=test", Accept="application/x-ndjson")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        reading = pool.submit(lambda: [json.loads(f.line())["Sequence"] for _ in range(4000)])
        source = secrets.token_hex(16)
        for n in range(40):
            batch(log, [record(n * 100 + i + 1, source, Message="x" * 1000) for i in range(100)])
        assert reading.result(20) == list(range(1, 4001))
    assert int(re.search(r"^gradebook_log_files (\d+)", log.get("/metrics").text, re.M)[1]) >= 4
    f.close()


def test_followers_are_bounded(cluster):
    cluster.configure("log", {"Read": {"MaxFollowers": "2"}})
    log = cluster.start("log")
    a, b = Follower(log), Follower(log)
    refused(log.get("/log?follow=1"), 503, "MaxFollowers=")
    assert log.get("/log").status == 200
    a.close()
    wait_until(lambda: "gradebook_log_followers 1" in log.get("/metrics").text, "the first is gone")
    c = Follower(log)
    assert c.response.status == 200
    b.close()
    c.close()


def test_a_follower_that_takes_nothing_is_cut_off(cluster):
    cluster.configure("log", {"Read": {"FollowerTimeoutSec": "1s"}})
    log = cluster.start("log")
    s = socket.create_connection(("127.0.0.1", log.port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(f"GET /log?follow=1&n=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {log.cluster.token}\r\n\r\n".encode())
    wait_until(lambda: "gradebook_log_followers 1" in log.get("/metrics").text, "the follower is there")

    def fill():
        batch(log, [record(n, Message="x" * 900) for n in range(1000)])
        return "gradebook_log_followers_cut_total 1" in log.get("/metrics").text

    wait_until(fill, "the follower is cut off", 30)
    rss = [line for line in pathlib.Path(f"/proc/{log.pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    if b"libasan" not in pathlib.Path(log.binary).read_bytes():
        assert int(rss[0].split()[1]) < 64 * 1024
    s.close()


def test_stop_ends_followers_in_good_order(log):
    f = Follower(log)
    log.post("/log", "last words")
    assert f.line_with("last words")
    log.stop()
    while f.line():
        pass
    assert f.response.isclosed() or f.response.read() == b""
    log.start()
    assert "Stopped" in messages(log, own=True)


# ---- configuration ----

def test_reload_changes_limits_and_keeps_them_when_they_are_wrong(cluster, log):
    cluster.configure("log", {"Store": {"LineMax": "100"}})
    log.signal(1)
    wait_until(lambda: log.post("/log", "x" * 101, headers=TEXT).status == 413, "the limit holds")
    cluster.configure("log", {"Store": {"LineMax": "200", "MaxFileSize": "1G", "MaxUse": "1G"}})
    log.signal(1)
    wait_until(lambda: "MaxFileSize=" in log.stderr, "the error is said")
    assert log.post("/log", "x" * 101, headers=TEXT).status == 413
    assert log.post("/log", "x" * 100, headers=TEXT).status == 200


def test_a_reader_that_takes_nothing_does_not_break_the_end(cluster):
    cluster.configure("gradebook", {"HTTP": {"DrainTimeoutSec": "300ms"}})
    log = cluster.start("log")
    for _ in range(20):
        batch = "\n".join([json.dumps({"Service": "test", "Message": "x" * 4000})] * 200)
        assert log.post("/log", batch, headers=NDJSON).status == 200
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", log.port))
        reader.sendall(f"GET /log?n=10000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {cluster.token}\r\n\r\n".encode())
        assert reader.recv(1) == b"H"
        log.stop()
    assert "did not end in time" in log.stderr and "Stopped" in log.stderr


@pytest.mark.parametrize("query", ["n=1", "follow=1"])
def test_head_of_a_stream_has_no_body(log, cluster, query):
    with socket.create_connection(("127.0.0.1", log.port), 10) as s:
        s.sendall(f"HEAD /log?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {cluster.token}\r\n\r\n".encode())
        answer = b""
        while data := s.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 200 OK") and answer.endswith(b"\r\n\r\n") and answer.count(b"\r\n\r\n") == 1, answer
    wait_until(lambda: "gradebook_log_followers 0\n" in log.get("/metrics").text, "nobody follows")
