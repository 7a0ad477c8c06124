# SPDX-License-Identifier: LGPL-2.1-or-later
"""Following the log: nothing missing and nothing twice, whatever happens to the daemon, the files and the reader meanwhile."""

import http.client
import json
import re
import resource
import signal
import socket
import threading

import pytest
from gradebook import wait_until

NDJSON = {"Content-Type": "application/x-ndjson"}
LOG_STORES = ("files", "postgresql")
SAME = {"test_a_thousand_slow_followers_cost_bounded_memory"}
EVENTS = {"Accept": "text/event-stream"}


def post(log, first, count, size=10, service="t"):
    body = "".join(json.dumps({"Service": service, "Message": f"{n} {'x' * size}"}) + "\n" for n in range(first, first + count))
    answer = log.post("/log", body, headers=NDJSON)
    assert answer.status == 200, answer


def metric(log, name):
    return int(re.search(rf"^{name} (\d+)", log.get("/metrics").text, re.M).group(1))


def has_parts(log, n):
    """It was begun anew while it was followed; in a database that takes more, for this much room."""
    return log.cluster.log_store != "files" or len(list(log.logs.glob("log-*"))) >= n


class EventSource:
    """What a browser makes of text/event-stream: events in order, and the id to come back with."""

    def __init__(self, log, query="", last=None, timeout=20):
        self.connection = http.client.HTTPConnection("127.0.0.1", log.port, timeout=timeout)
        headers = {"Authorization": f"Bearer {log.cluster.token}", **EVENTS, **({"Last-Event-ID": last} if last else {})}
        self.connection.request("GET", f"/log?{query}", headers=headers)
        self.response = self.connection.getresponse()
        self.last = last
        assert self.response.status == 200, self.response.read()

    def next(self):
        """(event, data), or None at the end of the stream."""
        event, data, seen = "message", [], None
        while True:
            line = self.response.readline().decode()
            if not line:
                return None
            line = line.rstrip("\n")
            if not line:
                self.last = seen or self.last
                if data:
                    return event, json.loads("".join(data))
                event = "message"
            elif line.startswith("id: "):
                seen = line[4:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif line.startswith("event: "):
                event = line[7:]

    def number(self):
        event, record = self.next()
        assert event == "message"
        return int(record["Message"].split()[0])

    def close(self):
        self.response.close()
        self.connection.close()


def numbers(source, count):
    return [source.number() for _ in range(count)]


@pytest.fixture
def log(cluster):
    return cluster.start("log")


# ---- the beginning ----

def test_events_begin_with_the_last_ten(log):
    post(log, 0, 50)
    source = EventSource(log, "service=t")
    assert source.response.headers["Content-Type"] == "text/event-stream"
    assert numbers(source, 10) == list(range(40, 50))
    post(log, 50, 3)
    post(log, 100, 3, service="other")
    post(log, 53, 3)
    assert numbers(source, 6) == list(range(50, 56))
    source.close()
    wait_until(lambda: metric(log, "gradebook_log_followers") == 0, "it is gone")


@pytest.mark.parametrize("query, expected", [("n=0", []), ("n=3", [7, 8, 9]), ("order=oldest", list(range(10))), ("grep=%5E%5B5-7%5D", [5, 6, 7])])
def test_where_a_follower_begins(log, query, expected):
    post(log, 0, 10)
    source = EventSource(log, f"service=t&{query}")
    assert numbers(source, len(expected)) == expected
    post(log, 6, 1)
    assert source.number() == 6
    source.close()


@pytest.mark.parametrize("accept, line", [("application/x-ndjson", lambda s: json.loads(s)["Message"]), ("text/plain", lambda s: s.split(": ", 1)[1])])
def test_follow_in_the_other_forms(log, accept, line):
    post(log, 0, 5)
    connection = http.client.HTTPConnection("127.0.0.1", log.port, timeout=10)
    connection.request("GET", "/log?follow=1&n=2&service=t", headers={"Authorization": f"Bearer {log.cluster.token}", "Accept": accept})
    response = connection.getresponse()
    post(log, 5, 2)
    assert [line(response.readline().decode().rstrip("\n")).split()[0] for _ in range(4)] == ["3", "4", "5", "6"]
    connection.close()


# ---- resuming ----

@pytest.mark.parametrize("end", ["stop", "kill"])
def test_resume_over_a_restart(log, end):
    post(log, 0, 20)
    source = EventSource(log, "service=t")
    assert numbers(source, 10) == list(range(10, 20))
    (log.stop if end == "stop" else log.kill)()
    log.start()
    post(log, 20, 5)
    again = EventSource(log, "service=t", source.last)
    assert numbers(again, 5) == list(range(20, 25))
    after = EventSource(log, f"service=t&after={source.last}")
    assert numbers(after, 5) == list(range(20, 25))
    for s in (source, again, after):
        s.close()


def test_resume_before_the_first_event(log):
    """The place is told at once: what comes between two connections is not missed."""
    source = EventSource(log, "service=t&n=0")
    post(log, 0, 1, service="other")
    wait_until(lambda: metric(log, "gradebook_log_followers") == 1, "it follows")
    source.response.readline()
    first = source.response.readline().decode().split(" ")[1].strip()
    source.close()
    post(log, 0, 4)
    again = EventSource(log, "service=t&n=0", first)
    assert numbers(again, 4) == list(range(4))
    again.close()


def test_killed_again_and_again_under_load(cluster):
    """The reader comes back with its last id each time, as a browser does; what was acknowledged comes, once and in order."""
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "1G"}})
    log = cluster.start("log", keep_listener=True)
    acknowledged, got, ended, written = [], [], threading.Event(), threading.Event()

    def has_all():
        return written.is_set() and got and got[-1] >= acknowledged[-1]

    def write():
        n = 0
        while not ended.is_set():
            try:
                post(log, n, 50, 500)
            except (OSError, http.client.HTTPException):
                # Whether it was stored is not known: these numbers are not used again.
                pass
            else:
                acknowledged.extend(range(n, n + 50))
            n += 50

    def follow():
        last = None
        while not has_all():
            try:
                source = EventSource(log, "service=t&order=oldest", last, timeout=5)
                while event := source.next():
                    assert event[0] == "message"
                    got.append(int(event[1]["Message"].split()[0]))
                    last = source.last
                    if has_all():
                        break
            except (OSError, http.client.HTTPException, AssertionError):
                continue

    writer, reader = threading.Thread(target=write), threading.Thread(target=follow)
    writer.start()
    reader.start()
    try:
        for n in range(5):
            wait_until(lambda n=n: len(acknowledged) > 1500 * (n + 1), "lines are written", 30)
            log.kill()
            log.start()
    finally:
        ended.set()
        writer.join(30)
        written.set()
    reader.join(60)
    assert not reader.is_alive(), (len(acknowledged), len(got), acknowledged[-1], got[-1])
    assert got == sorted(set(got)), "nothing twice, and in order"
    missing = sorted(set(acknowledged) - set(got))
    assert not missing, f"{len(missing)} are missing: {missing[:5]} … {missing[-5:]}"
    assert has_parts(log, 4)


def test_followers_while_files_fill_and_are_compressed(cluster):
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "1G"}})
    log = cluster.start("log")
    sources = [EventSource(log, "service=t&n=0") for _ in range(3)] + [EventSource(log, "service=t&n=0&grep=x") for _ in range(3)]
    got = [[] for _ in sources]
    threads = [threading.Thread(target=lambda s=s, g=g: g.extend(numbers(s, 6000))) for s, g in zip(sources, got)]
    for t in threads:
        t.start()
    for n in range(0, 6000, 100):
        post(log, n, 100, 1000)
    for t in threads:
        t.join(30)
    assert all(g == list(range(6000)) for g in got)
    assert has_parts(log, 4)
    for s in sources:
        s.close()


# ---- what was deleted ----

@pytest.fixture
def small(cluster):
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "2M"}})
    return cluster.start("log")


def keep_all(log):
    """From the next line on nothing more is deleted: otherwise the oldest goes also while it is read, after what was written last or when the time has
    come to look, and whoever is there is told again."""
    log.cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "1G"}})
    log.signal(signal.SIGHUP)
    wait_until(lambda: "Configuration read again" in log.stderr, "it is so")


def overwrite(log):
    """Until the oldest file is not the one that it was."""
    before = metric(log, "gradebook_log_expired_files_total")
    for _ in range(200):
        # What cannot be compressed, should the files be.
        body = "".join(json.dumps({"Service": "fill", "Message": random_text(900)}) + "\n" for _ in range(1000))
        assert log.post("/log", body, headers=NDJSON).status == 200
        if metric(log, "gradebook_log_expired_files_total") > before:
            return
    raise AssertionError("nothing is deleted")


def random_text(size):
    import secrets
    return secrets.token_urlsafe(size)[:size]


def test_relist_when_the_place_was_deleted(small):
    post(small, 0, 1)
    source = EventSource(small, "service=t&n=1")
    assert source.number() == 0
    source.close()
    for _ in range(2):
        post(small, 1, 1000, 900)
    overwrite(small)
    overwrite(small)
    keep_all(small)
    post(small, 5000, 1)
    for again in (EventSource(small, "service=t", source.last), EventSource(small, f"service=t&after={source.last}")):
        assert again.next() == ("relist", {})
        assert again.last != source.last
        while again.number() != 5000:
            pass
        again.close()
    assert metric(small, "gradebook_log_relists_total") == 2
    told = EventSource(small, "service=t", source.last)
    told.next()
    once = EventSource(small, "service=t", told.last)
    assert once.number() == 5000, "who was told and comes back is not told again"
    told.close()
    once.close()
    connection = http.client.HTTPConnection("127.0.0.1", small.port, timeout=10)
    connection.request("GET", f"/log?follow=1&after={source.last}", headers={"Authorization": f"Bearer {small.cluster.token}"})
    assert connection.getresponse().status == 410
    connection.close()


@pytest.mark.parametrize("last", ["00000000-0000000000000000", "nonsense", "1"])
def test_an_id_of_another_log_lists_anew(log, last):
    post(log, 0, 5)
    source = EventSource(log, "service=t", last)
    assert source.next() == ("relist", {})
    assert numbers(source, 5) == list(range(5))
    source.close()


# ---- many ----

def test_a_quiet_follower_is_told_the_place(log):
    """Every 15 s, so that it finds its place again however much came that it does not follow."""
    source = EventSource(log, "service=t&n=0", timeout=30)
    while source.response.readline() != b"\n":
        pass
    post(log, 0, 100, service="other")
    assert source.response.readline() == b": alive\n"
    place = source.response.readline().decode().split(" ")[1].strip()
    source.close()
    newest = json.loads(log.get("/log?n=1&service=other", headers={"Accept": "application/x-ndjson"}).text)["Cursor"]
    assert place > newest
    post(log, 7, 1)
    again = EventSource(log, "service=t&n=0", place)
    assert again.number() == 7
    again.close()


def test_a_thousand_slow_followers_cost_bounded_memory(cluster):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("a thousand connections need more open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    sockets = []
    try:
        log = cluster.start("log")
        for n in range(1000):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", log.port))
            s.sendall(f"GET /log?follow=1&n=0{'&grep=x' if n % 2 else ''} HTTP/1.1\r\nHost: x\r\n"
                      f"Authorization: Bearer {cluster.token}\r\n\r\n".encode())
            sockets.append(s)
        wait_until(lambda: metric(log, "gradebook_log_followers") == 1000, "all follow", 30)
        assert log.get("/log?follow=1").status == 503
        for n in range(40):
            post(log, n * 1000, 1000, 400)
        # All are at work on it, and none keeps more than a little.
        wait_until(lambda: metric(log, "gradebook_log_followers") == 1000 and log.get("/log?n=1").status == 200, "pages are answered", 30)
        rss = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{log.pid}/status", encoding="ascii").read()).group(1))
        if b"libasan" not in open(log.binary, "rb").read():
            assert rss < 32 * 1024
    finally:
        for s in sockets:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
