# SPDX-License-Identifier: LGPL-2.1-or-later
"""The way of a log line into the central log: every line, once, whatever happens to the log service meanwhile."""

import http.server
import json
import threading

import pytest
from gradebook import wait_until

PREFIXES = ("emerg: ", "alert: ", "crit: ", "err: ", "warning: ", "notice: ", "info: ", "debug: ")


def introduce(daemon, url):
    """What the registry would tell it."""
    answer = daemon.post("/services", {"Added": [{"Name": "LogService", "URL": url}], "Removed": []})
    assert answer.status == 200, answer


def central(log, name="attendance"):
    answer = log.get(f"/log?n=10000&service=gradebook-{name}", headers={"Accept": "application/x-ndjson"})
    return [json.loads(line) for line in answer.text.splitlines()]


def said(daemon):
    """The messages on its stderr; their fields stand behind them."""
    return [line.split(": ", 1)[1] for line in daemon.stderr.splitlines() if line.startswith(PREFIXES)]


def assert_all_there_once(log, daemon):
    def complete():
        return len(central(log)) >= len(said(daemon))
    wait_until(complete, f"{len(said(daemon))} lines in the central log, which has {[r['Message'] for r in central(log)]}")
    stored = central(log)
    lines = said(daemon)
    assert len(stored) == len(lines)
    for r in stored:
        match = [line for line in lines if line.startswith(r["Message"])]
        assert match, f"{r['Message']} is not on stderr"
        lines.remove(match[0])
    for source in {r["Source"] for r in stored}:
        numbers = [r["Sequence"] for r in stored if r["Source"] == source]
        assert numbers == list(range(1, len(numbers) + 1))


class Foreign:
    """Another implementation of the log service; answer(number, content type) gives the status, or None for no answer."""

    def __init__(self, answer):
        self.posts = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.posts.append((self.path, self.headers["Content-Type"], body))
                status = answer(len(outer.posts), self.headers["Content-Type"])
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def foreign():
    made = []

    def make(answer):
        made.append(Foreign(answer))
        return made[-1]

    yield make
    for f in made:
        f.close()


def make_noise(daemon, times=1):
    """Reloads: each logs a line at least."""
    for _ in range(times):
        daemon.signal(1)
        daemon.wait_notify("READY=1")


def test_every_line_arrives_once_from_the_first_to_the_last(open_cluster):
    log, attendance = open_cluster.start("log", "attendance")
    introduce(attendance, log.url)
    make_noise(attendance, 5)
    assert_all_there_once(log, attendance)
    messages = [r["Message"] for r in central(log)]
    assert any("Authentication=none" in m for m in messages)
    assert all(r["Instance"] == attendance.url for r in central(log))
    attendance.stop()
    assert_all_there_once(log, attendance)
    assert [r["Message"] for r in central(log)][-1] == "Stopped"


def test_lines_of_an_outage_arrive_once(open_cluster):
    log, attendance = open_cluster.start("log", "attendance")
    introduce(attendance, log.url)
    for _ in range(3):
        assert_all_there_once(log, attendance)
        log.kill()
        make_noise(attendance, 3)
        log.start()
    assert_all_there_once(log, attendance)


def test_what_could_not_be_sent_before_the_end_is_sent_at_the_next_start(open_cluster):
    log = open_cluster.start("log")
    attendance = open_cluster.daemon("attendance", keep_listener=True).start()
    spool = attendance.state / "log-spool.ndjson"
    make_noise(attendance, 2)
    attendance.stop()
    first = [json.loads(line) for line in spool.read_text().splitlines()]
    assert [r["Sequence"] for r in first] == list(range(1, len(first) + 1)) and first[-1]["Message"] == "Stopped"
    assert spool.stat().st_mode & 0o777 == 0o600

    attendance.start()
    attendance.stop()
    both = [json.loads(line) for line in spool.read_text().splitlines()]
    assert [r for r in both if r["Source"] == first[0]["Source"]] == first and len({r["Source"] for r in both}) == 2

    attendance.start()
    introduce(attendance, log.url)
    assert_all_there_once(log, attendance)
    assert len({r["Source"] for r in central(log)}) == 3
    wait_until(lambda: not spool.exists(), "the spool is removed")


def test_a_damaged_spool_is_said_and_the_rest_is_sent(open_cluster):
    log = open_cluster.start("log")
    attendance = open_cluster.daemon("attendance", keep_listener=True).start()
    attendance.stop()
    spool = attendance.state / "log-spool.ndjson"
    n = len(spool.read_text().splitlines())
    with open(spool, "a") as f:
        f.write('{"Time":"2026-11-22T2')
    attendance.start()
    introduce(attendance, log.url)
    wait_until(lambda: len(central(log)) >= 2 * n, "the lines of both runs")
    assert "1 of its lines are lost" in attendance.stderr


def test_a_lost_answer_is_sent_again_as_it_was(open_cluster, foreign):
    peer = foreign(lambda n, _: None if n <= 2 else 200)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    wait_until(lambda: len(peer.posts) >= 3, "three attempts")
    assert peer.posts[0] == peer.posts[1] == peer.posts[2]
    assert peer.posts[0][:2] == ("/log", "application/x-ndjson")


def test_a_peer_that_takes_only_text_gets_text(open_cluster, foreign):
    peer = foreign(lambda _, kind: 200 if kind.startswith("text/plain") else 415)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    make_noise(attendance, 2)

    def texts():
        return [body for _, kind, body in peer.posts if kind.startswith("text/plain")]
    wait_until(lambda: len(texts()) >= len(said(attendance)), "each line as text")
    assert len(texts()) == len(said(attendance))
    assert texts()[0].startswith("gradebook-attendance: warning: Authentication=none") and "\n" not in texts()[0]
    assert sum(kind == "application/x-ndjson" for _, kind, _ in peer.posts) == 1


def test_a_line_that_is_refused_in_every_form_stands_in_nobodys_way_and_is_counted(open_cluster, foreign):
    peer = foreign(lambda n, kind: 415 if kind != "text/plain; charset=utf-8" else 400 if n == 2 else 200)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    make_noise(attendance)
    wait_until(lambda: len([1 for _, kind, _ in peer.posts if kind.startswith("text/plain")]) >= len(said(attendance)), "all lines were offered")
    wait_until(lambda: "gradebook_log_pending_lines 0" in attendance.get("/metrics").text, "none waits")
    assert "gradebook_log_dropped_lines_total 1" in attendance.get("/metrics").text
    bodies = [body for _, kind, body in peer.posts if kind.startswith("text/plain")]
    assert len(bodies) == len(set(bodies)) == len(said(attendance))


def test_a_full_queue_drops_the_least_important_and_says_how_many(open_cluster, foreign):
    open_cluster.configure("gradebook", {"Log": {"QueueMax": "64K"}})
    attendance = open_cluster.start("attendance")
    keys = {f"Unknown{'x' * 1000}{n}": "1" for n in range(10)}
    open_cluster.configure("attendance", {"Attendance": keys})
    make_noise(attendance, 12)
    wait_until(lambda: "gradebook_log_dropped_lines_total 0" not in attendance.get("/metrics").text, "lines are dropped")

    peer = foreign(lambda *_: 200)
    introduce(attendance, peer.url)

    def arrived():
        return [json.loads(line) for _, _, body in peer.posts for line in body.splitlines()]
    wait_until(lambda: "gradebook_log_pending_lines 0" in attendance.get("/metrics").text, "all is sent")
    notices = [r for r in arrived() if r.get("MessageID") == "b8ab2aeca6f249c3a885c51a02c22352"]
    dropped = sum(int(r["Fields"]["DROPPED"]) for r in notices)
    gaps = sum(b["Sequence"] - a["Sequence"] - 1 for a, b in zip(arrived(), arrived()[1:]))
    assert dropped == gaps > 0
    assert len(said(attendance)) == len(arrived()) + dropped
    assert f"gradebook_log_dropped_lines_total {dropped}" in attendance.get("/metrics").text
    # What comes later follows without a gap, and is told of none.
    n = len(arrived())
    open_cluster.configure("attendance", {})
    make_noise(attendance, 3)
    wait_until(lambda: len(arrived()) >= n + 3, "later lines arrive")
    assert sum(b["Sequence"] - a["Sequence"] - 1 for a, b in zip(arrived(), arrived()[1:])) == dropped


def test_a_gap_is_told_even_if_the_daemon_ends_before_it_can(open_cluster):
    open_cluster.configure("gradebook", {"Log": {"QueueMax": "64K"}})
    attendance = open_cluster.start("attendance")
    open_cluster.configure("attendance", {"Attendance": {f"Unknown{'x' * 1000}{n}": "1" for n in range(10)}})
    make_noise(attendance, 12)
    wait_until(lambda: "gradebook_log_dropped_lines_total 0" not in attendance.get("/metrics").text, "lines are dropped")
    attendance.stop()
    kept = [json.loads(line) for line in (attendance.state / "log-spool.ndjson").read_text().splitlines()]
    told = sum(int(r["Fields"]["DROPPED"]) for r in kept if r.get("MessageID") == "b8ab2aeca6f249c3a885c51a02c22352")
    assert told == len(said(attendance)) - len(kept) > 0


def test_an_outage_is_told_once(open_cluster, foreign):
    reachable = threading.Event()
    peer = foreign(lambda *_: 200 if reachable.is_set() else 503)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    wait_until(lambda: "cannot be reached (it answers 503)" in attendance.stderr, "the outage is told")
    reachable.set()
    wait_until(lambda: "is reached again" in attendance.stderr, "its end is told")
    assert attendance.stderr.count("cannot be reached") == 1


def test_shipping_can_be_switched_off(open_cluster, foreign):
    open_cluster.configure("gradebook", {"Log": {"Ship": "no"}})
    peer = foreign(lambda *_: 200)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    make_noise(attendance)
    attendance.stop()
    assert peer.posts == [] and not (attendance.state / "log-spool.ndjson").exists()
