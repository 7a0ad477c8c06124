# SPDX-License-Identifier: LGPL-2.1-or-later
"""A portal with several providers of one service, without a registry: who gets the requests, and what a bad provider costs."""

import collections
import concurrent.futures
import contextlib
import http.client
import json
import re
import socket
import threading
import time

import pytest
from fakes import FakeService
from gradebook import WIRE_NAMES, free_port, wait_until

EJECT_SECONDS = 1


class Provider(FakeService):
    """Answers 200 with its own URL; or after a while, or with another status, or not at all, or without an end."""

    def __init__(self, port=0):
        self.status = 200
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Semaphore(0)
        super().__init__(port)

    @property
    def hits(self):
        with self.lock:
            return len(self.requests)

    def answer(self, handler, body):
        status = self.status
        if not self.gate.is_set():
            self.waiting.release()
            self.gate.wait(30)
        if status == "reset once":
            self.status = 200
        if status in ("reset", "reset once"):
            handler.close_connection = True
            return
        if status == "endless":
            handler.send_response(200)
            handler.send_header("Connection", "close")
            handler.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    handler.wfile.write(b"line\n")
                    handler.wfile.flush()
                    threading.Event().wait(0.01)
            return
        self.send(handler, status, {"URL": self.url})


class Portal:
    """It learns its providers from the patches that a registry would send; there is none."""

    def __init__(self, cluster, timeout="2s", **balancing):
        balancing = {"SlowStartSec": "0", "EjectSec": f"{EJECT_SECONDS}s", **balancing}
        cluster.configure("portal", {"Portal": {"RetrySec": "1s"}, "Gateway": {"TimeoutSec": timeout, "BreakerFailures": "0", "BreakerPercent": "0"}})
        cluster.configure("gradebook", {"HTTP": {"RequestTimeoutSec": "2s"}, "Balancing": balancing})
        self.cluster = cluster
        self.daemon = cluster.start("portal")

    def patch(self, added=(), removed=()):
        answer = self.daemon.post("/services", {"Added": list(added), "Removed": list(removed)})
        assert answer.status == 200, answer

    def provide(self, *providers, **members):
        self.patch([{"Name": "Many", "URL": getattr(p, "url", p), **members} for p in providers])

    def get(self, method="GET"):
        return self.daemon.request("/api/Many/x", method)

    def get_many(self, n, threads=8):
        """How many answers of each status came."""
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            return collections.Counter(a.status for a in pool.map(lambda _: self.get(), range(n)))

    def metric(self, name, service="Many"):
        text = self.daemon.get("/metrics").text
        found = re.search(rf'^{name}(?:\{{service="{service}"\}})? (\d+)$', text, flags=re.M)
        return int(found[1]) if found else None


@pytest.fixture
def portal(cluster):
    return Portal(cluster)


@pytest.fixture
def providers():
    made = []

    def make(n=1):
        new = [Provider() for _ in range(n)]
        made.extend(new)
        return new if n > 1 else new[0]
    yield make
    for p in made:
        p.gate.set()
        p.close()


def test_all_get_their_share(portal, providers):
    fakes = providers(3)
    portal.provide(*fakes)
    assert portal.get_many(300) == {200: 300}
    for fake in fakes:
        assert 50 <= fake.hits <= 150, [f.hits for f in fakes]
    assert portal.metric("gradebook_provider_requests") == 0
    assert portal.metric("gradebook_providers_ejected") == 0


def test_weights_from_the_registry(portal, providers):
    light, heavy = providers(2)
    portal.provide(light)
    portal.provide(heavy, Weight=900)
    assert portal.get_many(400, threads=1) == {200: 400}
    assert light.hits < 80, (light.hits, heavy.hits)


def test_a_newcomer_starts_slowly(cluster, providers):
    portal = Portal(cluster, SlowStartSec="1h")
    old, new = providers(2)
    portal.provide(old)
    portal.daemon.stop()
    # What was in the file is no newcomer.
    portal.daemon.start()
    portal.provide(new)
    assert portal.get_many(400, threads=1) == {200: 400}
    assert 5 <= new.hits < 90, (old.hits, new.hits)


def test_a_slow_one_gets_few(cluster, providers):
    portal = Portal(cluster, timeout="1min")
    slow, *fast = providers(3)
    slow.gate.clear()
    portal.provide(slow, *fast)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(portal.get) for _ in range(4)]
        while not slow.waiting.acquire(timeout=0.01):
            answers.append(pool.submit(portal.get))
        # Only what hangs is still there, so that the others always have less to do.
        wait_until(lambda: portal.metric("gradebook_provider_requests") == slow.hits == sum(not a.done() for a in answers),
                   "the others have answered")
        before = slow.hits
        assert portal.get_many(200, threads=1) == {200: 200}
        assert slow.hits == before
        slow.gate.set()
        assert all(a.result().status == 200 for a in answers)
    assert portal.metric("gradebook_provider_requests") == 0


def test_one_that_refuses_fails_nothing(portal, providers):
    good = providers(2)
    dead = f"http://127.0.0.1:{free_port()}"
    portal.provide(dead, *good)
    assert portal.get_many(400) == {200: 400}
    # Each refusal was repeated elsewhere, and there were few.
    assert 1 <= portal.metric("gradebook_retries_total") < 40
    assert portal.metric("gradebook_retry_budget_exhausted_total") == 0


def test_one_that_breaks_connections_fails_nothing(portal, providers):
    good, bad = providers(2)
    bad.status = "reset"
    portal.provide(good, bad)
    assert portal.get_many(400) == {200: 400}
    assert 1 <= bad.hits < 60, (good.hits, bad.hits)


def test_one_that_answers_500_is_ejected_and_comes_back(portal, providers):
    good, bad = providers(2)
    bad.status = 500
    portal.provide(good, bad)
    wait_until(lambda: portal.get_many(40) and portal.metric("gradebook_providers_ejected") == 1, "the bad one is ejected", 20)
    assert portal.metric("gradebook_provider_ejections_total") == 1
    assert f"Many at {bad.url} keeps failing: it gets no requests for 1s." in portal.daemon.stderr
    before = bad.hits
    assert portal.get_many(100) == {200: 100}
    assert bad.hits <= before + 1

    # Tested with one request at a time, ever later while it is bad.
    wait_until(lambda: portal.get() and portal.metric("gradebook_provider_ejections_total") == 2, "it is tested", 20)
    assert bad.hits == before + 1
    assert "it gets no requests for 2s" in portal.daemon.stderr

    bad.status = 200
    wait_until(lambda: portal.get().status == 200 and portal.metric("gradebook_providers_ejected") == 0, "it is back", 20)
    assert f"Many at {bad.url} answers again" in portal.daemon.stderr
    before = bad.hits
    assert portal.get_many(200) == {200: 200}
    assert 50 <= bad.hits - before <= 150


def test_idle_traffic_finds_a_bad_one_soon(portal, providers):
    """One request at a time: the good one is always idle, and so always the better choice as long as a failure weighs."""
    good, bad = providers(2)
    bad.status = 500
    portal.provide(good, bad)
    wait_until(lambda: portal.get() and portal.metric("gradebook_providers_ejected") == 1, "the bad one is ejected", 5)
    assert bad.hits == 3


def test_never_the_last_never_more_than_half(portal, providers):
    fakes = providers(4)
    for fake in fakes:
        fake.status = 500
    portal.provide(*fakes)
    assert portal.get_many(200) == {500: 200}
    assert portal.metric("gradebook_providers_ejected") == 2

    # The rest goes, and what is left is asked although it was ejected.
    for fake in fakes[1:]:
        portal.patch(removed=[{"Name": "Many", "URL": fake.url}])
    before = fakes[0].hits
    assert portal.get_many(20) == {500: 20}
    assert fakes[0].hits == before + 20


def test_a_full_disk_ejects_nobody(portal, providers):
    full, other = providers(2)
    full.status = 507
    portal.provide(full, other)
    portal.get_many(100)
    assert portal.metric("gradebook_providers_ejected") == 0
    assert full.hits >= 20


def test_the_only_one_is_asked_again(portal, providers):
    """Its connection broke since its process died; its socket outlives it."""
    only = providers()
    portal.provide(only)
    only.status = "reset once"
    assert portal.get().status == 200
    assert only.hits == 2


def test_the_head_of_a_stream_is_the_verdict(portal, providers):
    """A stream may go on for ever: what it is worth is known when it begins."""
    good, bad = providers(2)
    bad.status = 500
    portal.provide(good, bad)
    wait_until(lambda: portal.get_many(40) and portal.metric("gradebook_providers_ejected") == 1, "the bad one is ejected", 20)
    good.status = bad.status = "endless"
    streams = []

    def open_stream():
        connection = http.client.HTTPConnection("127.0.0.1", portal.daemon.port, timeout=10)
        connection.request("GET", "/api/Many/x", headers={"Authorization": f"Bearer {portal.cluster.token}"})
        streams.append((connection, connection.getresponse()))
        return portal.metric("gradebook_providers_ejected") == 0
    wait_until(open_stream, "one of the streams has shown that it is good", 20)
    assert portal.metric("gradebook_provider_requests") == len(streams)
    for connection, response in streams:
        response.close()
        connection.close()
    # Nobody waits for them any more, and so they count no more.
    wait_until(lambda: portal.metric("gradebook_provider_requests") == 0, "the streams have ended")


def test_a_change_is_not_repeated(portal, providers):
    fakes = providers(3)
    for fake in fakes:
        fake.status = "reset"
    portal.provide(*fakes)
    assert portal.get("POST").status == 502
    assert sum(f.hits for f in fakes) == 1
    assert portal.get("GET").status == 502
    assert sum(f.hits for f in fakes) == 1 + 3
    assert portal.metric("gradebook_retries_total") == 2


def test_a_change_that_found_no_connection_is_repeated(portal, providers):
    good = providers()
    portal.provide(good, *(f"http://127.0.0.1:{free_port()}" for _ in range(2)))
    for i in range(20):
        answer = portal.daemon.post("/api/Many/x", json.dumps({"Number": i}), headers={"Content-Type": "application/x-number"})
        assert answer.status == 200 and answer.json["URL"] == good.url
    # Each once, and whole.
    assert [json.loads(r[3])["Number"] for r in good.requests] == list(range(20))
    assert {r[2]["Content-Type"] for r in good.requests} == {"application/x-number"}
    assert portal.metric("gradebook_retries_total") >= 1


def test_a_host_that_is_lost_costs_time_and_no_answer(cluster, providers):
    portal = Portal(cluster)
    cluster.configure("portal", {"Gateway": {"TimeoutSec": "6s"}})
    portal.daemon.stop()
    portal.daemon.start()
    good = providers()
    # Its backlog is full: the kernel drops what else comes, as for a host that is gone.
    lost = socket.create_server(("127.0.0.1", 0), backlog=0)
    full = [socket.socket() for _ in range(2)]
    for s in full:
        s.setblocking(False)
        s.connect_ex(lost.getsockname())
    portal.provide(f"http://127.0.0.1:{lost.getsockname()[1]}", good)
    assert portal.get_many(16) == {200: 16}
    assert portal.metric("gradebook_retries_total") >= 1
    for s in (lost, *full):
        s.close()


def test_pages_are_repeated_after_503(portal, providers):
    busy, good = providers(2)
    busy.status = 503
    portal.patch([{"Name": "GradingService", "URL": f.url} for f in (busy, good)])
    for _ in range(50):
        portal.daemon.get("/students", token=False)
    assert busy.hits >= 1
    assert good.hits == 50
    assert portal.metric("gradebook_retries_total", "GradingService") == busy.hits


def test_all_tries_share_one_deadline(cluster, providers):
    portal = Portal(cluster, timeout="3s")
    fakes = providers(3)
    for fake in fakes:
        fake.gate.clear()
    portal.provide(*fakes)
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(portal.get)
        first = wait_until(lambda: next((f for f in fakes if f.hits), None), "one is asked")
        # Two of the three seconds are gone when its connection breaks; the next one never answers.
        wait_until(lambda: time.monotonic() - started > 2, "two seconds have passed")
        first.status = "reset"
        first.close()
        assert answer.result().status == 504
    assert 2.9 < time.monotonic() - started < 4.9
    assert sum(f.hits for f in fakes) == 2


def test_the_budget_bounds_what_is_added(cluster, providers):
    portal = Portal(cluster, RetryPercent="10", EjectSec="1h")
    fakes = providers(2)
    for fake in fakes:
        fake.status = "reset"
    portal.provide(*fakes)
    started = time.monotonic()
    n = 1500
    assert portal.get_many(n) == {502: n}
    # What the bucket held, a tenth of the requests, ten a second; without a budget it would be two for each.
    allowed = 250 + n * 0.1 + 10 * (time.monotonic() - started) + 1
    retries = portal.metric("gradebook_retries_total")
    assert 250 <= retries <= allowed
    assert sum(f.hits for f in fakes) == n + retries
    assert portal.metric("gradebook_retry_budget_exhausted_total") > 0


def test_no_retries_with_a_budget_of_none(cluster, providers):
    portal = Portal(cluster, RetryPercent="0")
    fakes = providers(2)
    for fake in fakes:
        fake.status = "reset"
    portal.provide(*fakes)
    assert portal.get_many(20) == {502: 20}
    assert sum(f.hits for f in fakes) == 20
    assert portal.metric("gradebook_retries_total") == 0


def test_traffic_goes_on_without_a_registry(cluster):
    """Two logs, a portal; the registry dies for good, then one log, and the portal is started anew."""
    cluster.configure("gradebook", {"Balancing": {"EjectSec": "1s"}})
    registry = cluster.start("registry")
    logs = [cluster.daemon("log").start() for _ in range(2)]
    portal = cluster.daemon("portal", keep_listener=True).start()
    wait_until(lambda: sorted(cluster.services().get("LogService", [])) == sorted(d.url for d in logs), "both are registered")

    def ask(n):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = pool.map(lambda _: portal.get("/api/LogService/log?n=1"), range(n))
            return collections.Counter(a.status for a in answers)
    assert ask(50) == {200: 50}
    registry.kill()
    assert ask(50) == {200: 50}
    logs[0].kill()
    assert ask(200) == {200: 200}
    portal.stop()
    portal.start()
    assert ask(200) == {200: 200}


@pytest.mark.parametrize("end,provider,path", [
    ("stop", "log", "/api/LogService/log?n=1"),
    ("stop", "grading", "/students"),
    # A stream whose head was passed on before its provider died is cut, and shown to be; a page is not.
    ("kill", "grading", "/students"),
])
def test_restarts_and_deaths_fail_no_read(cluster, end, provider, path):
    """Two providers whose sockets outlive them, as systemd's do, end in turn under load from a portal."""
    cluster.configure("gradebook", {"Balancing": {"EjectSec": "500ms", "SlowStartSec": "1s"}})
    cluster.start("registry")
    daemons = [cluster.daemon(provider, keep_listener=True).start() for _ in range(2)]
    portal = cluster.start("portal")
    wait_until(lambda: len(cluster.services().get(WIRE_NAMES[provider], [])) == 2, "both are registered")
    stop, answers = threading.Event(), []

    def load():
        while not stop.is_set():
            try:
                answers.append(portal.get(path).status)
            except (OSError, http.client.HTTPException) as e:
                answers.append(repr(e))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        for daemon in daemons * 3:
            getattr(daemon, end)()
            daemon.start()
            before = len(answers)
            wait_until(lambda before=before: len(answers) > before + 50, "reads are answered")
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert collections.Counter(answers) == {200: len(answers)}
