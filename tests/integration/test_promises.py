# SPDX-License-Identifier: LGPL-2.1-or-later
"""What DESIGN.md and gradebook(7) promise, where no one daemon's tests show it: each of these was seen to fail when the code
behind it was broken on purpose."""

import http.client
import os
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from fakes import FakeGrading, FakeService
from gradebook import BUILD, SOURCE, free_port, spooled, wait_until

sys.path.insert(0, str(SOURCE / "tests" / "lint"))

import tables  # noqa: E402

ALL = ["registry", "log", "grading", "portal"]
NDJSON = {"Content-Type": "application/x-ndjson"}
GRADE = {"Title": "Quiz 1", "Type": "Quiz", "Score": "85"}


# 2: a record is stored once, and what was refused may come again

def test_what_the_disk_refused_is_no_duplicate_when_it_comes_again(cluster, tmp_path):
    switch = tmp_path / "no-fsync"
    log = cluster.daemon("log", environment={"LD_PRELOAD": str(BUILD / "fail-fsync.so"), "FAIL_FSYNC": str(switch),
                                             "ASAN_OPTIONS": "verify_asan_link_order=0"}).start()
    source = secrets.token_hex(16)

    def post(sequence):
        return log.post("/log", f'{{"Service":"test","Message":"message {sequence}","Source":"{source}","Sequence":{sequence}}}\n', headers=NDJSON)
    assert post(1).json == {"Stored": 1, "Duplicates": 0, "Suppressed": 0}
    switch.touch()
    assert post(2).status >= 500
    switch.unlink()
    assert post(2).json == {"Stored": 1, "Duplicates": 0, "Suppressed": 0}
    assert post(2).json == {"Stored": 0, "Duplicates": 1, "Suppressed": 0}
    assert log.get("/log?n=1000&service=test").text.count("message 2") == 1


# 3: nobody's providers are emptied

@pytest.mark.parametrize("lost", ["restart", "kill", "kill and lost disk"])
def test_a_registry_that_knows_nobody_yet_empties_nobodys_list(cluster, lost):
    """The provider never registers again, so that what its dependant still knows is what the registry did not take away."""
    registry = cluster.start("registry")
    assert registry.post("/services", {"ServiceName": "LogService", "ServiceURL": f"http://127.0.0.1:{free_port()}"}).status == 200
    attendance = cluster.start("attendance")
    assert attendance.get("/healthz").json["Missing"] == []
    for _ in range(2):
        getattr(registry, lost.split()[0].replace("restart", "stop"))()
        if "disk" in lost:
            for path in registry.state.glob("registry.db*"):
                path.unlink()
        # Told that it lost its registry, so that the next registration is known to be one with the new process.
        wait_until(lambda: "gradebook_registered 0" in attendance.get("/metrics").text, "the loss is noticed")
        registry.start()
        wait_until(lambda: "gradebook_registered 1" in attendance.get("/metrics").text, "it registered again")
        assert attendance.get("/healthz").json["Missing"] == []
        wait_until(lambda: "AttendanceService" in cluster.services(), "the registry knows it")
        assert attendance.get("/healthz").json["Missing"] == []


@pytest.mark.parametrize("returns", ["all", "all but one"])
def test_a_registry_that_was_cut_off_takes_nobody_away(cluster, returns):
    """To the registry, peers that all fall silent at once look like its own cable pulled out. Whoever answers first afterwards
    must not be told that the others went."""
    cluster.configure("registry", {"Registry": {"HeartbeatSec": "300ms", "HeartbeatTimeoutSec": "200ms", "RetrySec": "50ms", "PatchTimeoutSec": "500ms"}})
    cluster.configure("gradebook", {"Cluster": {"RegisterSec": "60s"}})
    registry = cluster.start("registry")
    log, attendance, grading = (cluster.start(name, keep_listener=True) for name in ("log", "attendance", "grading"))
    peers = [log, attendance, grading]

    def states():
        return {s["ServiceName"]: s["State"] for s in registry.get("/services").json["Services"]}

    def soft_failures():
        return sum(int(line.split()[1]) for line in registry.get("/metrics").text.splitlines()
                   if line.startswith('gradebook_registry_heartbeats_total{outcome="soft'))
    wait_until(lambda: len(states()) == 3 and all("LastCheck" in s for s in registry.get("/services").json["Services"]), "all were probed")
    for p in peers:
        p.signal(signal.SIGSTOP)
    wait_until(lambda: "nobody else was heard" in registry.stderr, "the registry notices that it hears nobody")
    before = soft_failures()
    wait_until(lambda: soft_failures() > before + 9, "it goes on asking")
    assert set(states().values()) <= {"passing", "suspect"}
    attendance.signal(signal.SIGCONT)
    wait_until(lambda: "is heard again" in registry.stderr, "the first is heard")
    before = soft_failures()
    wait_until(lambda: soft_failures() > before, "another is still silent, which alone says nothing yet")
    grading.signal(signal.SIGCONT)
    if returns == "all":
        log.signal(signal.SIGCONT)
    if returns == "all":
        wait_until(lambda: states() == {"LogService": "passing", "AttendanceService": "passing", "GradingService": "passing"}, "all are back")
        assert "Lost" not in attendance.stderr + grading.stderr
        # The silence of one, while others are heard, is its own.
        log.signal(signal.SIGSTOP)
    wait_until(lambda: states()["LogService"] == "critical", "the one that hangs is critical")
    wait_until(lambda: "Lost LogService" in attendance.stderr and "Lost LogService" in grading.stderr, "the dependants are told")
    log.signal(signal.SIGCONT)
    wait_until(lambda: attendance.get("/healthz").json["Missing"] == [], "and of its return")


def test_peers_that_hang_delay_a_start_and_an_end_and_prevent_neither(cluster):
    """They accept connections, and never answer: a registry, and a central log that has been found."""
    class Silent(FakeService):
        def __init__(self, port=0):
            self.over = threading.Event()
            super().__init__(port)

        def answer(self, handler, body):
            self.over.wait(60)

    silent = [Silent(cluster.registry_port), Silent()]
    try:
        attendance = cluster.daemon("attendance", keep_listener=True)
        begin = time.monotonic()
        attendance.start()
        assert time.monotonic() - begin < 2
        wait_until(lambda: "not registered" in attendance.status, "the status line says so")
        assert attendance.get("/healthz").status == 200
        assert attendance.post("/services", {"Added": [{"Name": "LogService", "URL": silent[1].url}]}).status == 200
        wait_until(lambda: silent[1].requests, "lines are on their way to the central log")
        begin = time.monotonic()
        attendance.stop()
        assert time.monotonic() - begin < 6
        # What could not be delivered is kept.
        assert spooled(attendance)[-1]["Message"] == "Stopped"
    finally:
        for s in silent:
            s.over.set()
            s.close()


class Brief(FakeService):
    """Speaks HTTP/1.0, as small peers do: each connection ends with its answer, so that its end says nothing."""

    def answer(self, handler, body):
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.send_header("Content-Length", "0")
        handler.end_headers()


def test_a_refused_connection_is_a_death_without_further_tries(cluster):
    cluster.configure("registry", {"Registry": {"HeartbeatSec": "300ms", "RetrySec": "250ms", "FailureThreshold": "100"}})
    registry = cluster.start("registry")
    peer = Brief()
    record = {"ServiceName": "A", "ServiceURL": peer.url, "HeartbeatURL": peer.url + "/heartbeat"}
    assert registry.post("/services", record).status == 200
    try:
        wait_until(lambda: len(peer.requests) >= 3, "it is probed")
        assert cluster.services() == {"A": [peer.url]}
    finally:
        peer.close()
    wait_until(lambda: registry.get("/services/A").json["Services"][0]["State"] == "critical", "its death is known")


# 4: a restart fails no request, and doubles none

@pytest.mark.parametrize("name, path", [("registry", "/services"), ("log", "/log?n=1"), ("grading", "/students/1"), ("portal", "/students")])
def test_one_that_stops_says_so_before_it_lets_go_of_a_connection(cluster, name, path):
    """Also where an answer is one made once for all: a client that is told nothing sends its next request into nothing."""
    fake = FakeGrading()
    daemon = cluster.daemon(name, keep_listener=True).start()
    try:
        if name == "grading":
            assert daemon.post("/students", {"ID": 1, "FirstName": "Nick", "LastName": "Carter"}).status == 201
        if name == "portal":
            assert daemon.post("/services", {"Added": [{"Name": "GradingService", "URL": fake.url}]}).status == 200
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)

        def ask():
            connection.request("GET", path, headers={"Authorization": f"Bearer {cluster.token}"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            return answer.headers["Connection"]
        for _ in range(3):
            assert ask() is None
        daemon.signal(signal.SIGTERM)
        daemon.wait_notify("STOPPING=1")
        wait_until(lambda: ask() == "close", "it says that it closes the connection")
        connection.close()
        assert daemon.wait() == 0
    finally:
        fake.close()


@pytest.mark.parametrize("half", [b"GET /healthz HTTP/1.1\r\nHost: a", b"POST /services HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{"],
                         ids=["head", "body"])
def test_a_client_that_never_ends_its_request_does_not_prevent_an_end(cluster, half):
    cluster.configure("gradebook", {"HTTP": {"DrainTimeoutSec": "1s"}})
    attendance = cluster.daemon("attendance", keep_listener=True).start()
    with socket.create_connection(("127.0.0.1", attendance.port)) as client:
        client.sendall(half)
        wait_until(lambda: "gradebook_http_connections 2" in attendance.get("/metrics").text, "the connection is there")
        begin = time.monotonic()
        attendance.stop()
        assert time.monotonic() - begin < 5
    assert attendance.process.returncode == 0


@pytest.mark.parametrize("path", ["/students/1", "/api/GradingService/students/1"])
def test_a_read_that_met_the_end_of_a_process_is_asked_again(cluster, path):
    """The connection was accepted by a process that ended before it read the request: the next one behind the same socket answers."""
    class Ending(FakeGrading):
        ending = True

        def answer(self, handler, body):
            if not self.ending:
                super().answer(handler, body)
            self.ending, handler.close_connection = False, True

    grading = Ending()
    try:
        portal = cluster.start("portal")
        assert portal.post("/services", {"Added": [{"Name": "GradingService", "URL": grading.url}]}).status == 200
        answer = portal.get(path)
        assert answer.status == 200 and "Nick" in answer.text, answer
        assert grading.count("GET", "/students/1") == 2
    finally:
        grading.close()


@pytest.mark.parametrize("way", ["form", "gateway"])
def test_a_grade_is_never_sent_twice_though_its_answer_is_lost(cluster, way):
    """A client library repeats a request of its own accord when a connection that it used before turns out dead."""
    class Forgetful(FakeGrading):
        def answer(self, handler, body):
            if handler.command == "GET":
                super().answer(handler, body)
                return
            with self.lock:
                self.find(handler, body)
            handler.close_connection = True

    grading = Forgetful()
    try:
        portal = cluster.start("portal")
        assert portal.post("/services", {"Added": [{"Name": "GradingService", "URL": grading.url}]}).status == 200
        for _ in range(3):
            assert portal.get("/students/1").status == 200
        if way == "form":
            answer = portal.post("/students/1/grades", "Title=Quiz&Type=Quiz&Score=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
        else:
            assert portal.get("/api/GradingService/students/1").status == 200
            answer = portal.post("/api/GradingService/students/1/grades", GRADE)
        # The form says so to whoever sent it, and what to do.
        assert answer.status == (503 if way == "form" else 502), answer
        assert way != "form" or "The grade may not be saved" in answer.text
        assert grading.count("POST", "/students/1/grades") == 1
        assert len(grading.students[1]["Grades"]) == 4
    finally:
        grading.close()


# 5: nobody without the token gets in, by no route

# What a page of the portal asks for is a session, and not the token: the next test is theirs.
PUBLIC = {("*", "GET", "/healthz"), ("grading", "POST", "/sessions"), ("grading", "GET", "/setup"), ("grading", "POST", "/setup"),
          ("grading", "GET", "/openapi.json")}


def routes(daemon):
    """(method, path) of all that need the token: those of its table and of the runtime's, without the few for everybody."""
    fields = ["method", "path", "handler", "body_max", "flags"]
    rows = [(daemon, row) for row in tables.c_table(daemon, "Route", fields)]
    rows += [("*", row) for row in tables.c_table("src/runtime/service-routes.c", "Route", fields)]
    found = {(owner, tables.c_string(row["method"]), tables.c_string(row["path"])) for owner, row in rows}
    return sorted((method, path) for owner, method, path in found - PUBLIC if owner != "portal" or path.startswith("/api/"))


# The pages that come before a session, and what a browser gets for them.
BEFORE_A_SESSION = {"/", "/sign-in", "/sign-out", "/sign-out-everywhere", "/setup", "/language/{code}", "/assets/{name}"}


def test_every_page_but_those_for_everybody_needs_a_session(cluster):
    cluster.configure("portal", {"Portal": {"SignIn": "yes"}})
    portal = cluster.start("portal")
    rows = tables.c_table("portal", "Route", ["method", "path", "handler", "body_max", "flags"])
    pages = [(tables.c_string(row["method"]), tables.c_string(row["path"])) for row in rows]
    needed = [(method, path) for method, path in pages if path not in BEFORE_A_SESSION and not path.startswith("/api/")]
    assert len(needed) > 50 and {path for _, path in pages} >= BEFORE_A_SESSION
    for method, path in needed:
        form = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        answer = portal.request(re.sub(r"\{.*?\}", "1", path), method, b"" if method == "POST" else None, form, token=False)
        # A stream of events says it in a way that scripts understand.
        refused = answer.status == 401 or (answer.status in (403, 415) and method == "POST")
        assert refused or (answer.status == 303 and answer.headers["Location"].startswith("/sign-in")), f"{method} {path}: {answer}"


@pytest.mark.parametrize("daemon", ALL)
def test_every_route_but_those_for_everybody_needs_the_token(cluster, daemon):
    d = cluster.start(daemon)
    needed = routes(daemon)
    assert len(needed) >= 3
    for method, path in needed:
        for name in ("{id}", "{grade}", "{name}", "{service}", "{rest...}"):
            path = path.replace(name, "1")
        method = "POST" if method == "*" else method
        for token in (False, "0" * 64, cluster.token[:-1], cluster.token + "0"):
            answer = d.request(path, method, b"" if method != "GET" else None, token=token)
            assert answer.status == 401, f"{method} {path} with the token {token}: {answer}"


# 6: a full disk

@pytest.fixture
def registry_on_a_small_disk(cluster):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    daemon = cluster.daemon("registry")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "gradebook-test", daemon.state], check=True)
    try:
        yield daemon
    finally:
        daemon.close()
        subprocess.run(["umount", daemon.state], check=True)


def test_a_registry_on_a_full_disk_refuses_newcomers_and_keeps_its_peers(cluster, registry_on_a_small_disk):
    registry = registry_on_a_small_disk.start()
    log = cluster.start("log")
    attendance = cluster.start("attendance")
    wait_until(lambda: registry.get("/services/LogService").json["Services"][0].get("LastCheck"), "the log was probed")
    kept = 1

    def post(n):
        return registry.post("/services", {"ServiceName": "A", "ServiceURL": f"http://127.0.0.1:9/{n}-{'x' * 1000}"})
    assert post(0).status == 200
    with open(registry.state / "filler", "ab", buffering=0) as filler:
        for size in (65536, 4096):
            try:
                while filler.write(b"x" * size) == size:
                    pass
            except OSError:
                pass
    while (answer := post(kept)).status == 200:
        kept += 1
        assert kept < 1000, "the disk never was full"
    assert answer.status == 507 and answer.headers["Content-Type"] == "application/problem+json", answer
    assert post(kept).status == 507
    assert len(registry.get("/services/A").json["Services"]) == kept
    assert attendance.get("/healthz").json["Missing"] == []
    # A death is still noticed and told.
    log.kill()
    wait_until(lambda: attendance.get("/healthz").json["Missing"] == ["LogService"], "the dependant hears of a death")

    (registry.state / "filler").unlink()
    assert post(kept).status == 200
    registry.kill()
    registry.start()
    assert len(registry.get("/services/A").json["Services"]) == kept + 1


# 7: the watchdog

@pytest.mark.parametrize("daemon", [*ALL, "attendance"])
def test_the_watchdog_is_told_of_life_as_long_as_there_is_any(cluster, daemon):
    """Where this failed, systemd would kill a healthy daemon every WatchdogSec=, or never a hung one."""
    d = cluster.daemon(daemon, environment={"WATCHDOG_USEC": "400000"}).start()
    for _ in range(3):
        d.wait_notify("WATCHDOG=1", timeout=5)
    # While it stops it lives as well: a long drain must not look like a hang.
    assert d.get("/healthz").status == 200


def test_the_units_have_a_watchdog_and_are_restarted():
    units = sorted(pathlib.Path(SOURCE / "systemd").glob("gradebook-*.service.in"))
    found = []
    for unit in units:
        lines = [line.strip() for line in unit.read_text().splitlines()]
        if "Type=notify" not in lines:
            continue
        found.append(unit.name)
        assert any(line.startswith("WatchdogSec=") and line not in ("WatchdogSec=", "WatchdogSec=0") for line in lines), unit.name
        assert "Restart=on-failure" in lines or "Restart=always" in lines, unit.name
    assert found == sorted(f"gradebook-{name}{instance}.service.in" for name in ALL for instance in ("", "@"))
