# SPDX-License-Identifier: LGPL-2.1-or-later
"""gradebookctl log and trace with the real log service: what both mean by a page, a cursor, a pattern, an end."""

import datetime
import json
import re
import threading

import pytest

import gradebook
from ctl import FAILURE, OK, Ctl, Running

LOG_STORES = ("files", "postgresql")

BEGIN = datetime.datetime(2026, 11, 22, 10, tzinfo=datetime.timezone.utc)
ID = "4bf92f3577b34da6a3ce929d0e0e4736"


class Log:
    """The log service, and what was put into it; its own lines, which come unasked, are told from these by their service."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.n = 0

    def record(self, message=None, service="cook", priority=6, **members):
        time = BEGIN + datetime.timedelta(seconds=self.n)
        self.n += 1
        return {"Time": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "Priority": priority, "Service": service,
                "Message": message or f"line {self.n - 1}", **members}

    def post(self, records):
        for i in range(0, len(records), 1000):
            body = "".join(json.dumps(r) + "\n" for r in records[i:i + 1000])
            answer = self.daemon.post("/log", body, headers={"Content-Type": "application/x-ndjson"})
            assert answer.status == 200, answer

    def fill(self, n, **members):
        self.post([self.record(**members) for _ in range(n)])

    def add(self, message=None, **members):
        self.post([self.record(message, **members)])


@pytest.fixture
def log(cluster):
    cluster.start("registry")
    daemon = cluster.daemon("log", keep_listener=True).start()
    gradebook.wait_until(lambda: "LogService" in cluster.services(), "the log is registered")
    return Log(daemon)


@pytest.fixture
def ctl(cluster):
    return Ctl(cluster)


def messages(done):
    return [json.loads(line)["Message"] for line in done.stdout.splitlines()]


def lines(first, last):
    return [f"line {i}" for i in range(first, last + 1)]


def test_all_by_pages(log, ctl):
    log.fill(5000)
    assert messages(ctl("log", "-u", "cook", "-o", "json")) == lines(0, 4999)
    assert messages(ctl("log", "-u", "c?ok", "-r", "-o", "json")) == lines(0, 4999)[::-1]
    assert messages(ctl("log", "-u", "cook", "-n", "3", "-o", "json")) == lines(4997, 4999)
    assert messages(ctl("log", "-u", "coo*", "-n", "3", "-o", "json")) == lines(4997, 4999)
    assert messages(ctl("log", "-u", "cook", "-rn", "3", "-o", "json")) == lines(4997, 4999)[::-1]
    everything = [json.loads(line) for line in ctl("log", "-o", "json").stdout.splitlines()]
    assert len({r["Cursor"] for r in everything}) == len(everything) and all("CRC32" not in r for r in everything)
    assert ctl("log", "-u", "cook", "-n", "1").stdout == "Nov 22 11:23:19 - cook: line 4999\n"


def test_choice(log, ctl):
    log.post([log.record(f"{service} {priority} WHAT+ever&more", service, priority, Host=f"host{priority % 2}")
              for service in ("cook", "baker") for priority in range(8)])
    both = ("log", "-u", "cook", "-u", "baker.service", "-o", "json")
    assert len(messages(ctl(*both))) == 16
    assert len(messages(ctl(*both, "-p", "warning"))) == 10
    assert {m.split()[1] for m in messages(ctl(*both, "-p", "notice..err"))} == {"3", "4", "5"}
    assert len(messages(ctl(*both, "--host", "host1"))) == 8
    assert len(messages(ctl(*both, "-g", r"[0-3] what\+ever&more$"))) == 8
    assert messages(ctl(*both, "-g", "What")) == [] and len(messages(ctl(*both, "-g", "What", "--case-sensitive=no"))) == 16
    assert messages(ctl(*both, "-g", "what", "--case-sensitive")) == []
    assert messages(ctl(*both, "-S", "2026-11-22 10:00:01", "-U", "2026-11-22 10:00:02")) == ["cook 1 WHAT+ever&more", "cook 2 WHAT+ever&more"]
    assert messages(ctl("log", "-u", "cook", "-S", "tomorrow", "-o", "json")) == []
    done = ctl("log", "-g", "(", code=FAILURE)
    assert "'grep'" in done.stderr and done.stdout == ""
    assert 'did you mean "baker"?' in ctl("log", "-u", "bakr").stderr


def test_cursors(log, ctl):
    log.fill(20)
    everything = ctl("log", "-u", "cook", "-o", "json").stdout.splitlines()
    cursors = [json.loads(line)["Cursor"] for line in everything]
    assert messages(ctl("log", "-u", "cook", "--after-cursor", cursors[16], "-o", "json")) == lines(17, 19)
    assert messages(ctl("log", "-u", "cook", "-c", cursors[17], "-o", "json")) == lines(17, 19)
    assert messages(ctl("log", "-c", cursors[5], "-n", "2", "-o", "json")) == lines(5, 6)
    assert messages(ctl("log", "-u", "cook", "-r", "-c", cursors[2], "-o", "json")) == lines(0, 2)[::-1]
    shown = re.search(r"-- cursor: (\S+)\n$", ctl("log", "-u", "cook", "-n", "2", "--show-cursor").stdout)[1]
    assert shown == cursors[-1]
    log.add()
    assert messages(ctl("log", "-u", "cook", "--after-cursor", shown, "-o", "json")) == lines(20, 20)
    assert "cursor" in ctl("log", "--after-cursor", "00000000" + shown[8:], code=FAILURE).stderr
    assert "cursor" in ctl("log", "--after-cursor", "nonsense", code=FAILURE).stderr


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_follow_over_restarts(log, ctl, end):
    """What is written while the reader is cut off is shown afterwards, once, in its place."""
    log.fill(30)
    with Running(ctl, "log", "-u", "cook", "-f", "-o", "cat") as follower:
        follower.shows("line 29\n")
        for i in range(4):
            getattr(log.daemon, end)()
            log.daemon.start()
            log.fill(500)
            # The next restart comes while it reads or has not come back yet.
            if i % 2:
                follower.shows(f"line {log.n - 1}\n")
        follower.shows(f"line {log.n - 1}\n")
        assert follower.interrupt() == OK
        assert follower.text.splitlines() == lines(20, log.n - 1)
        assert set(follower.errors.splitlines()) <= {"gradebookctl: LogService does not answer; going on when it does"}


def test_follow_while_it_is_written(log, ctl):
    stop = threading.Event()

    def write():
        while not stop.is_set():
            log.fill(7)

    writer = threading.Thread(target=write)
    with Running(ctl, "log", "-u", "cook", "-f", "-n", "all", "-o", "cat") as follower:
        writer.start()
        try:
            gradebook.wait_until(lambda: log.n > 2000, "2000 lines are written", 30)
        finally:
            stop.set()
            writer.join()
        follower.shows(f"line {log.n - 1}\n")
        assert follower.interrupt() == OK
        assert follower.text.splitlines() == lines(0, log.n - 1)


def test_gaps(log, ctl):
    assert ctl("log", "--gaps").stdout == "No line is known to be missing.\n"
    log.post([log.record(Source="5" * 32, Sequence=n, Host="tower", Instance="http://a:1") for n in (1, 2, 6, 7, 9)])
    shown = ctl("log", "--gaps").stdout.splitlines()
    assert [line.split(None, 2)[2] for line in shown[:2]] == [
        "3  cook                  tower         missing (3 to 5), http://a:1", "1  cook                  tower         missing (8), http://a:1"]
    assert shown[2:] == ["4 lines were missing in 2 gaps when these were found; 0 were suppressed."]


def test_trace(log, ctl):
    log.post([log.record("from the portal", "gradebook-portal", RequestID=ID), log.record("another"),
              log.record("from grading", "gradebook-grading", 4, RequestID=ID)])
    shown = ctl("trace", f"00-{ID}-00f067aa0ba902b7-01").stdout.splitlines()
    assert shown[0] == f"Request {ID} of 2026-11-22 10:00:00: 2 lines of 2 services within 2000.000 ms"
    assert [line.split()[1:4] for line in shown[3:]] == [["0.000", "+0.000", "gradebook-portal"], ["2000.000", "+2000.000", "gradebook-grading"]]


def test_trace_through_the_services(cluster, ctl, log):
    """A page that a browser asks for leaves lines in the portal and in grading, and its id finds them."""
    grading, portal = cluster.start("grading", "portal")
    gradebook.wait_until(lambda: {"GradingService", "Portald"} <= set(cluster.services()), "all are registered")
    header = {"traceparent": f"00-{ID}-00f067aa0ba902b7-01"}
    gradebook.wait_until(lambda: portal.get("/students", headers=header).status == 200, "the portal finds grading")
    # The page of an error says which request it was.
    error = portal.get("/students/4711", headers=header)
    assert error.status == 404 and f"404 Not Found, request {ID}" in error.text

    def traced():
        done = ctl("trace", ID, code=None)
        return done.returncode == OK and "gradebook-grading" in done.stdout and "gradebook-portal" in done.stdout and done.stdout
    gradebook.wait_until(traced, "both services' lines are in the log")
    lines = [line for line in ctl("trace", ID, "--json").stdout.splitlines()]
    told = {(r["Service"], r["Message"]) for r in json.loads(lines[0])}
    assert {("gradebook-portal", "GET /students/4711: 404 Not Found"), ("gradebook-grading", "GET /students/4711: 404 Not Found")} <= told

    grading.stop()
    page = portal.get("/students", token=None)
    assert page.status >= 500
    shown = re.search(r"request ([0-9a-f]{32})", page.text)[1]
    gradebook.wait_until(lambda: "GET /students: 503 Service Unavailable" in ctl("trace", shown, code=None).stdout, "what failed is in the log")


def test_changes_are_traced_always(cluster, ctl, log):
    """Without debug lines, too: who changed something through the portal, and what became of it."""
    cluster.configure("gradebook", {"Log": {"Level": "info"}})
    grading, portal = cluster.start("grading", "portal")
    gradebook.wait_until(lambda: {"GradingService", "Portald"} <= set(cluster.services()), "all are registered")
    assert grading.post("/students", {"FirstName": "Ada", "LastName": "Lovelace"}).status == 201
    header = {"traceparent": f"00-{ID}-00f067aa0ba902b7-01", "Content-Type": "application/x-www-form-urlencoded"}
    gradebook.wait_until(lambda: portal.get("/students/1").status == 200, "the portal finds grading")
    assert portal.post("/students/1/grades", "Title=Quiz+1&Type=Quiz&Score=97", headers=header).status == 303
    gradebook.wait_until(lambda: "POST /students/1/grades: 303 See Other" in ctl("trace", ID, code=None).stdout, "the portal's line is in the log")
    gradebook.wait_until(lambda: len(ctl.json("trace", ID)) == 2, "grading's line is, too")
    assert {r["Service"] for r in ctl.json("trace", ID)} == {"gradebook-portal", "gradebook-grading"}
