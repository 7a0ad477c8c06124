# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is pulled from the registry: filtered lists, the index, blocking queries, the stream of events."""

import http.client
import http.server
import json
import random
import socket
import statistics
import threading
import time

import pytest
from gradebook import free_port, request, wait_until

RULES = {"HeartbeatSec": "300ms", "HeartbeatTimeoutSec": "200ms", "RetrySec": "50ms", "LeaseSec": "1h", "KeepAliveSec": "200ms"}


@pytest.fixture
def registry(cluster):
    cluster.configure("registry", {"Registry": RULES})
    return cluster.start("registry")


def record(name, port, **members):
    return {"ServiceName": name, "ServiceURL": f"http://127.0.0.1:{port}", "RequiredServices": [], **members}


def register(registry, name, port, **members):
    """One that is not probed: it stays passing as long as the test lasts."""
    answer = registry.post("/services", record(name, port, **members))
    assert answer.status == 200, answer
    return f"http://127.0.0.1:{port}"


def deregister(registry, port):
    return registry.request("/services", "DELETE", f"http://127.0.0.1:{port}", headers={"Content-Type": "text/plain"}).status


def urls(answer):
    assert answer.status == 200, answer
    return sorted(s["ServiceURL"].rsplit(":", 1)[1] for s in answer.json["Services"])


def index(registry, path="/services"):
    return int(registry.get(path).headers["Gradebook-Index"])


class Call:
    """A request on a thread of its own."""

    def __init__(self, registry, path, **kwargs):
        self.answer = self.ended = None
        self.begun = time.monotonic()

        def run():
            self.answer = registry.get(path, timeout=30, **kwargs)
            self.ended = time.monotonic()
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def wait(self):
        self.thread.join(30)
        assert self.answer, "no answer"
        return self.answer


class Stream:
    """A client of GET /events, as the standard has it; what it got is in events as (event, data), and in last the newest number that it knows."""

    def __init__(self, registry, query="", last=None, read=True):
        self.connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=30)
        headers = {"Authorization": f"Bearer {registry.cluster.token}"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.connection.request("GET", "/events" + query, headers=headers)
        self.response = self.connection.getresponse()
        self.events, self.comments, self.last, self.ended, self.broken = [], 0, last, False, False
        if read:
            threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        event, data = None, None
        try:
            for raw in self.response:
                field, _, value = raw.decode().rstrip("\n").partition(": ")
                if field == "id":
                    self.last = int(value)
                elif field == "event":
                    event = value
                elif field == "data":
                    data = json.loads(value)
                elif field == "":
                    if value:
                        self.comments += 1
                    elif data is not None:
                        self.events.append((event, data))
                        event, data = None, None
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            self.broken = True
        self.ended = True

    def names(self):
        return [e for e, _ in self.events]

    def wait_for(self, *names):
        try:
            wait_until(lambda: self.names() == list(names), f"events {names}")
        except AssertionError as e:
            raise AssertionError(f"{e}, but {self.names()}") from None

    def close(self):
        self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def waiting(registry):
    text = registry.get("/metrics").text
    return int(next(line for line in text.splitlines() if line.startswith("gradebook_registry_watchers ")).split()[1])


# ---- lists ----

def test_filters(registry):
    register(registry, "A", 7001, Tags=["blue", "new"], Metadata={"zone": "a:b"})
    register(registry, "A", 7002, Tags=["blue"], Metadata={"zone": "c"})
    register(registry, "B", 7003, Tags=["green"])
    assert urls(registry.get("/services")) == ["7001", "7002", "7003"]
    assert urls(registry.get("/services/A")) == ["7001", "7002"]
    assert urls(registry.get("/services/A?tag=new")) == ["7001"]
    assert urls(registry.get("/services?tag=blue&tag=new")) == urls(registry.get("/services?tag=blue,new")) == ["7001"]
    assert urls(registry.get("/services?meta=zone:a%3Ab")) == ["7001"]
    assert urls(registry.get("/services?meta=zone:c")) == ["7002"]
    assert urls(registry.get("/services?meta=zone:")) == urls(registry.get("/services?meta=colour:c")) == []
    assert urls(registry.get("/services?state=passing,suspect")) == ["7001", "7002", "7003"]
    assert urls(registry.get("/services/B?state=critical")) == []
    ghost = free_port()
    register(registry, "B", ghost, HeartbeatURL=f"http://127.0.0.1:{ghost}/heartbeat")
    wait_until(lambda: urls(registry.get("/services/B?state=critical")) == [str(ghost)], "the ghost is critical")
    assert urls(registry.get("/services/B?state=passing")) == ["7003"]
    assert urls(registry.get("/services/B?state=passing&state=critical")) == sorted(["7003", str(ghost)])
    assert registry.get("/services/C?state=passing").status == 404


@pytest.mark.parametrize("query, named", [
    ("colour=blue", "colour"), ("state=well", "state"), ("state=", "state"), ("tag=%21", "tag"), ("tag=a,,b", "tag"),
    ("meta=zone", "meta"), ("meta=:a", "meta"), ("index=-1", "index"), ("index=x", "index"), ("index=1&wait=11min", "wait"),
    ("index=1&wait=soon", "wait"), ("wait=1s", "wait"), ("after=1", "after"), ("tag=%zz", "query"), ("tag=%ff", "query"),
    ("%3Cb%3E=1", "unknown"), ("&".join(["tag=a"] * 33), "tag"),
])
def test_a_bad_query_is_named(registry, query, named):
    for path in "/services", "/services/A":
        answer = registry.get(f"{path}?{query}")
        assert answer.status == 400 and named in answer.json["detail"], answer
        assert "<" not in answer.text
    assert registry.get("/services").json["Services"] == []


def test_events_refuse_a_bad_query(registry):
    for query, named in ("state=passing", "state"), ("after=x", "after"), ("service=%20", "service"):
        answer = registry.get(f"/events?{query}")
        assert answer.status == 400 and f"'{named}'" in answer.json["detail"], answer


def test_the_list_is_current_though_it_is_kept(registry):
    for round_ in range(20):
        register(registry, "A", 7001, Tags=[f"t{round_}"])
        assert registry.get("/services/A").json["Services"][0]["Tags"] == [f"t{round_}"]
        assert urls(registry.get("/services")) == ["7001"]
        register(registry, "B", 7001)
        assert registry.get("/services/A").status == 404
        assert urls(registry.get("/services/B")) == ["7001"]
        assert deregister(registry, 7001) == 200
        assert registry.get("/services/B").status == 404 and registry.get("/services").json["Services"] == []


def test_etag(registry):
    register(registry, "A", 7001)
    answer = registry.get("/services/A")
    assert answer.headers["ETag"] == f'W/"{answer.json["Index"]}"' and answer.headers["Gradebook-Index"] == str(answer.json["Index"])
    again = registry.get("/services/A", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", answer.headers["ETag"])
    register(registry, "B", 7002)
    assert registry.get("/services/A", headers={"If-None-Match": answer.headers["ETag"]}).status == 304
    register(registry, "A", 7003)
    assert urls(registry.get("/services/A", headers={"If-None-Match": answer.headers["ETag"]})) == ["7001", "7003"]


# ---- the hash of a view ----

def test_a_registration_is_answered_by_what_the_dependant_holds(registry):
    client = record("Client", 7001, RequiredServices=["A", "B"])

    def answer(held=None):
        return registry.post("/services", client, headers={"Gradebook-View": held} if held else {}).json
    empty = answer()
    # Its own start is not settled yet: a registry without its state vouches for nothing.
    assert empty["Providers"] == [] and empty["Settled"] is False
    assert answer(empty["Hash"])["Providers"] == []
    registry.stop()
    registry.start()
    assert answer(empty["Hash"]) == {"Providers": None, "Settled": True, "Hash": empty["Hash"]}
    register(registry, "A", 7002, Weight=7)
    register(registry, "A", 7003)
    register(registry, "C", 7004)
    full = answer(empty["Hash"])
    assert sorted(p["URL"][-4:] for p in full["Providers"]) == ["7002", "7003"]
    hash_ = 0xcbf29ce484222325
    for byte in b"A http://127.0.0.1:7002 7\nA http://127.0.0.1:7003 100\n":
        hash_ = (hash_ ^ byte) * 0x100000001b3 % 2**64
    assert full["Hash"] == f"{hash_:016x}"
    assert answer(full["Hash"])["Providers"] is None
    assert len(answer()["Providers"]) == len(answer("nonsense")["Providers"]) == 2, "who says nothing gets all"
    register(registry, "A", 7003, Weight=50)
    assert len(answer(full["Hash"])["Providers"]) == 2
    metrics = registry.get("/metrics").text
    assert 'gradebook_registry_views_total{outcome="same"} 2' in metrics


class Between:
    """Stands between a daemon and the registry: takes patches in the daemon's place, and loses some."""

    def __init__(self, registry):
        self.registry, self.losing = registry, False
        self.lost, self.answers, self.daemon = [], [], None
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {k: v for k, v in self.headers.items() if k.startswith("Gradebook-") or k in ("Content-Type", "Authorization")}
                answer = between.handle(self.command, self.path, body, headers)
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            do_POST = do_DELETE = forward

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def handle(self, method, path, body, headers):
        target = self.registry.url
        if path == "/patches":
            if self.losing:
                self.lost.append(json.loads(body))
                return 200, b""
            target, path = self.daemon, "/services"
        elif method == "POST":
            registration = json.loads(body)
            self.daemon = registration["ServiceURL"]
            body = json.dumps({**registration, "ServiceUpdateURL": self.url + "/patches"})
        answer = request(target + path, method, body, headers)
        if target == self.registry.url and method == "POST":
            self.answers.append(answer.json)
        return answer.status, answer.body


def test_a_lost_patch_heals_itself(registry, cluster):
    between = Between(registry)
    cluster.configure("gradebook", {"Cluster": {"RegistryURL": between.url, "RegisterSec": "1s"}})
    register(registry, "LogService", 7001)
    # One that starts with nothing vouches for nothing yet; one that knows something does.
    registry.stop()
    registry.start()
    attendance = cluster.start("attendance")

    def known():
        line = next(x for x in attendance.get("/metrics").text.splitlines() if x.startswith("gradebook_providers "))
        return int(line.split()[1])
    wait_until(lambda: known() == 1, "it knows the one")
    wait_until(lambda: between.answers[-1]["Providers"] is None, "and the registry knows that it does")

    for change, count in (lambda: register(registry, "LogService", 7002), 2), (lambda: deregister(registry, 7001), 1):
        between.losing, n = True, len(between.lost)
        change()
        wait_until(lambda: len(between.lost) > n, "the patch was sent, and lost")
        wait_until(lambda: known() == count, "the next registration made up for it")
        wait_until(lambda: between.answers[-1]["Providers"] is None, "and all is well")
    assert "differed from what was known here" in attendance.stderr
    attendance.stop()
    between.server.shutdown()


# ---- the index ----

def test_each_name_has_its_index(registry):
    register(registry, "A", 7001)
    register(registry, "B", 7002)
    a, b, everything = index(registry, "/services/A"), index(registry, "/services/B"), index(registry)
    assert a < b == everything
    register(registry, "B", 7003)
    assert index(registry, "/services/A") == a and index(registry, "/services/B") == index(registry) > b
    register(registry, "A", 7001)
    assert registry.get("/services/A").json["Index"] > a, "a peer that does not say which process it is may be another"


def test_the_index_never_goes_back(registry):
    """Neither over a kill nor over a stop, though all changes came faster than the clock's microseconds allow for."""
    seen = [index(registry)]
    for number in range(4):
        register(registry, "A", 7001 + number)
        seen.append(index(registry, "/services/A"))
        (registry.kill if number % 2 else registry.stop)()
        registry.start()
        seen += [index(registry, "/services/A"), index(registry)]
    assert seen == sorted(seen) and len(set(seen[::3])) == len(seen[::3]), seen
    # A clock that is behind what was given already.
    kept = registry.state / "index"
    registry.stop()
    ahead = int(kept.read_text()) + 3600 * 1000000
    kept.write_text(f"{ahead}\n")
    registry.start()
    assert index(registry) >= ahead
    # A damaged file is said, and costs nothing but the promise.
    registry.stop()
    kept.write_text("what?\n")
    registry.start()
    assert "Ignoring the index" in registry.stderr and index(registry) < ahead


# ---- blocking queries ----

def test_a_blocking_query_answers_at_the_change(registry):
    register(registry, "A", 7001)
    register(registry, "A", 7003)
    took = []
    for _ in range(5):
        assert deregister(registry, 7003) == 200
        n = index(registry, "/services/A")
        call = Call(registry, f"/services/A?index={n}&wait=20s")
        wait_until(lambda: waiting(registry) == 1, "it waits")
        register(registry, "B", 7002)
        register(registry, "A", 7003)
        begin = time.monotonic()
        answer = call.wait()
        assert urls(answer) == ["7001", "7003"] and answer.json["Index"] > n
        took.append(call.ended - begin)
        assert waiting(registry) == 0
    assert statistics.median(took) < 0.25, took
    # What is over already answers at once; so does what this registry never gave.
    for i in 0, n, answer.json["Index"] + 1000000000:
        begin = time.monotonic()
        assert urls(registry.get(f"/services/A?index={i}&wait=20s")) == ["7001", "7003"]
        assert time.monotonic() - begin < 5


def test_a_blocking_query_waits_for_a_name_that_is_not_there(registry):
    answer = registry.get("/services/A")
    assert answer.status == 404
    call = Call(registry, f"/services/A?index={answer.headers['Gradebook-Index']}&wait=20s")
    wait_until(lambda: waiting(registry) == 1, "it waits")
    register(registry, "A", 7001)
    assert urls(call.wait()) == ["7001"]
    n = call.answer.json["Index"]
    call = Call(registry, f"/services/A?index={n}&wait=20s")
    wait_until(lambda: waiting(registry) == 1, "it waits")
    assert deregister(registry, 7001) == 200
    assert call.wait().status == 404 and int(call.answer.headers["Gradebook-Index"]) > n


def test_a_blocking_query_ends_with_its_time(registry):
    register(registry, "A", 7001, Tags=["blue"])
    for path in "/services", "/services/A", "/services/A?tag=blue":
        n = index(registry, path)
        begin = time.monotonic()
        answer = registry.get(f"{path}{'&' if '?' in path else '?'}index={n}&wait=300ms")
        assert urls(answer) == ["7001"] and answer.json["Index"] == n
        assert 0.3 <= time.monotonic() - begin < 5


def test_health_wakes_who_waits(registry):
    ghost = free_port()
    register(registry, "A", ghost, HeartbeatURL=f"http://127.0.0.1:{ghost}/heartbeat")
    n = index(registry, "/services/A")
    answer = registry.get(f"/services/A?index={n}&wait=20s")
    assert answer.json["Index"] > n
    wait_until(lambda: registry.get("/services/A").json["Services"][0]["State"] == "critical", "it is critical")


def test_heartbeats_wake_nobody(registry, cluster):
    attendance = cluster.start("attendance")
    path = "/services/AttendanceService"

    def checked():
        return registry.get(path).json["Services"][0].get("LastCheck")
    first = wait_until(checked, "it was probed")
    n = index(registry, path)
    wait_until(lambda: checked() > first, "it was probed again, and the list says so")
    assert index(registry, path) == n
    attendance.stop()


def test_who_waits_is_bounded_and_let_go(cluster):
    cluster.configure("registry", {"Registry": {**RULES, "MaxWatchers": 3}})
    registry = cluster.start("registry")
    n = index(registry)
    calls = [Call(registry, f"/services?index={n}&wait=20s") for _ in range(2)]
    stream = Stream(registry)
    wait_until(lambda: waiting(registry) == 3, "all three wait")
    for path in f"/services?index={n}&wait=20s", "/events":
        answer = registry.get(path)
        assert answer.status == 503 and "MaxWatchers=" in answer.json["detail"]
    assert registry.get("/services").status == 200, "who does not wait is served"
    stream.close()
    wait_until(lambda: waiting(registry) == 2, "the stream's going is seen")
    with socket.create_connection(("127.0.0.1", registry.port)) as s:
        s.sendall(f"GET /services?index={n}&wait=5min HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {cluster.token}\r\n\r\n".encode())
        wait_until(lambda: waiting(registry) == 3, "it waits")
    wait_until(lambda: waiting(registry) == 2, "the client's going is seen")
    # A stop answers who waits; it does not wait for them.
    begin = time.monotonic()
    registry.stop()
    assert time.monotonic() - begin < 5
    assert [c.wait().status for c in calls] == [200, 200]


def test_who_waits_leaves_connections_to_others(cluster):
    cluster.configure("gradebook", {"HTTP": {"MaxConnections": 8}})
    cluster.configure("registry", {"Registry": RULES})
    registry = cluster.start("registry")
    streams = [Stream(registry) for _ in range(4)]
    answer = registry.get("/events")
    assert answer.status == 503 and "MaxConnections=" in answer.json["detail"]
    register(registry, "A", 7001)
    for stream in streams:
        stream.wait_for("registered", "added")


# ---- events ----

def step(cluster):
    """From one index to the next: of several registries each has numbers of its own."""
    return 65536 if cluster.registry else 1


def test_events_tell_every_change(registry, cluster):
    stream = Stream(registry)
    assert stream.response.headers["Content-Type"] == "text/event-stream"
    url = register(registry, "A", 7001)
    assert deregister(registry, 7001) == 200
    stream.wait_for("registered", "added", "deregistered", "removed")
    ids = [data["Index"] for _, data in stream.events]
    assert ids == list(range(ids[0], ids[0] + 4 * step(cluster), step(cluster))) and stream.last == ids[-1]
    assert all(data["ServiceName"] == "A" and data["ServiceURL"] == url for _, data in stream.events)
    wait_until(lambda: stream.comments > 1, "a quiet stream is kept alive")

    stream.events.clear()
    attendance = cluster.start("attendance")
    wait_until(lambda: registry.get("/services/AttendanceService").json["Services"][0].get("LastCheck"), "it was probed")
    attendance.kill()
    stream.wait_for("registered", "added", "critical", "removed")
    data = stream.events[2][1]
    assert (data["State"], data["OldState"]) == ("critical", "passing") and data["Reason"]
    registry.stop()
    wait_until(lambda: stream.ended, "a stop ends the stream")
    assert not stream.broken, "in good order"


def test_events_of_a_new_name_at_an_address(registry):
    register(registry, "A", 7001)
    stream = Stream(registry)
    n = index(registry, "/services/A")
    register(registry, "B", 7001)
    stream.wait_for("deregistered", "removed", "registered", "added")
    assert [data["ServiceName"] for _, data in stream.events] == ["A", "A", "B", "B"]
    assert index(registry, "/services/A") > n


def test_events_of_draining(registry):
    url = register(registry, "A", 7001)
    stream = Stream(registry)
    assert registry.request("/services/drain", "PUT", url, headers={"Content-Type": "text/plain"}).status == 200
    assert urls(registry.get("/services/A?state=draining")) == ["7001"] and urls(registry.get("/services/A?state=passing")) == []
    assert registry.request("/services/drain", "DELETE", url, headers={"Content-Type": "text/plain"}).status == 200
    assert urls(registry.get("/services/A?state=passing")) == ["7001"]
    stream.wait_for("draining", "removed", "passing", "added")


def test_events_of_one_that_comes_and_goes(cluster):
    cluster.configure("registry", {"Registry": {**RULES, "SuppressThreshold": 50, "ReuseThreshold": 40, "FlapHalfLifeSec": "1s"}})
    registry = cluster.start("registry")
    register(registry, "A", 7001)
    stream = Stream(registry)

    def round_():
        register(registry, "A", 7002)
        assert deregister(registry, 7002) == 200
    for _ in range(4):
        round_()
    register(registry, "A", 7002)
    wait_until(lambda: "held" in stream.names(), "it is held")
    held = registry.get("/services/A").json
    assert [s.get("Held", False) for s in held["Services"] if s["ServiceURL"].endswith("2")] == [True]
    wait_until(lambda: stream.names()[-2:] == ["released", "added"], "it has calmed down")
    assert not any(s.get("Held") for s in registry.get("/services/A").json["Services"])


def test_events_of_some_services(registry):
    stream, both = Stream(registry, "?service=B"), Stream(registry, "?service=B,C&service=D")
    for number, name in enumerate("ABCD"):
        register(registry, name, 7001 + number)
    both.wait_for(*["registered", "added"] * 3)
    stream.wait_for("registered", "added")
    assert {data["ServiceName"] for _, data in stream.events} == {"B"}
    wait_until(lambda: stream.last == index(registry), "it does not fall behind though its service is quiet")


def test_the_largest_events_arrive_whole_and_in_order(registry):
    """Far more than a stream keeps for itself, of registrations with every member at its limit; the slashes are escaped in JSON."""
    first, n = index(registry), 100
    values = {f"key-{k}": "\U0001d11e" * 256 for k in range(32)}
    tags = [f"{k:064}" for k in range(32)]
    expected = []
    for k in range(n):
        url = f"http://127.0.0.1:{k + 1}/"
        url += "/" * (2048 - len(url))
        record = {"ServiceName": "n" * 64, "ServiceURL": url, "Metadata": values, "Tags": tags}
        answer = registry.post("/services", json.dumps(record, ensure_ascii=False), headers={"Content-Type": "application/json"})
        assert answer.status == 200, answer
        expected += [("registered", url), ("added", url)]
    stream = Stream(registry, f"?after={first}")
    wait_until(lambda: len(stream.events) == 2 * n or stream.ended, "all events")
    assert [(event, data["ServiceURL"]) for event, data in stream.events] == expected
    assert len(json.dumps(stream.events).encode()) > 4 * 65536
    stream.close()



def test_events_go_on_where_they_were(registry):
    stream = Stream(registry)
    register(registry, "A", 7001)
    stream.wait_for("registered", "added")
    stream.close()
    register(registry, "A", 7002)
    for back in Stream(registry, last=stream.last), Stream(registry, f"?after={stream.last}"), \
            Stream(registry, "?after=1", last=stream.last):
        back.wait_for("registered", "added")
        assert {d["ServiceURL"][-4:] for _, d in back.events} == {"7002"}
    # The list's index is a place to begin without a gap.
    n = index(registry)
    register(registry, "A", 7003)
    Stream(registry, f"?after={n}").wait_for("registered", "added")


def test_a_gap_is_told(registry):
    stream = Stream(registry)
    register(registry, "A", 7001)
    stream.wait_for("registered", "added")
    last = stream.last
    registry.kill()
    registry.start()
    # Of another run, never given, no number at all.
    for kwargs in {"last": last}, {"last": last + 10**12}, {"last": "x"}, {"query": "?after=0"}, {"query": f"?after={2**64 - 1}"}:
        back = Stream(registry, **kwargs)
        back.wait_for("relist")
        assert back.events[0][1] == {"Index": index(registry)} and back.last == index(registry)
        register(registry, "B", 7002)
        wait_until(lambda: back.names()[:2] == ["relist", "registered"], "it goes on from there")
        back.close()


def test_one_that_does_not_read_is_cut(cluster, registry):
    lazy, reader = Stream(registry, read=False), Stream(registry)
    lazy.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    path = "x" * 1900
    # Until more is on its way than all buffers hold, and more was told than the registry keeps.
    for number in range(10000):
        url = f"http://127.0.0.1:7001/{path}{number % 2}"
        assert registry.post("/services", {"ServiceName": "A", "ServiceURL": url}).status == 200
        assert registry.request("/services", "DELETE", url, headers={"Content-Type": "text/plain"}).status == 200
        if number * 4 * len(path) > 4 << 20 and "is cut" in registry.stderr:
            break
    wait_until(lambda: "is cut" in registry.stderr, "the one that does not read is cut")
    wait_until(lambda: waiting(registry) == 1, "and forgotten")
    wait_until(lambda: reader.last == index(registry), "the one that reads has all")
    ids = [data["Index"] for _, data in reader.events]
    assert ids == list(range(ids[0], ids[-1] + 1, step(cluster))), "without a gap"
    # Back again, it is told that it missed something.
    back = Stream(registry, last=ids[0] - 1)
    back.wait_for("relist")


def test_events_need_the_token(registry):
    assert registry.get("/events", token=None).status == 401


# ---- both ways of following, against the truth ----

class Follower:
    """Lists, follows the events from there, lists anew when it is told to or comes back: its list is the registry's."""

    def __init__(self, registry):
        self.registry, self.stream, self.listed, self.relists = registry, None, {}, 0
        self.done = 0

    def list(self, path="/services"):
        answer = self.registry.get(path)
        self.listed = {s["ServiceURL"]: s["ServiceName"] for s in answer.json["Services"]}
        return answer.json["Index"]

    def catch_up(self):
        """Applies what has come; whether it is where the registry is."""
        if self.stream is None or (self.stream.ended and self.done == len(self.stream.events)):
            last = self.stream.last if self.stream else self.list()
            try:
                self.stream = Stream(self.registry, last=last)
                self.done = 0
            except OSError:
                return False
        while self.done < len(self.stream.events):
            event, data = self.stream.events[self.done]
            if event == "relist":
                self.relists += 1
                # What happened since is in the list as well; applying it twice changes nothing once all is applied.
                self.list()
            elif event == "registered":
                self.listed[data["ServiceURL"]] = data["ServiceName"]
            elif event == "deregistered" and self.listed.get(data["ServiceURL"]) == data["ServiceName"]:
                del self.listed[data["ServiceURL"]]
            self.done += 1
        return self.stream.last == index(self.registry) and self.done == len(self.stream.events)


class Waiter:
    """Knows a service by blocking queries alone."""

    def __init__(self, registry, name):
        self.registry, self.name, self.urls, self.index, self.stopped = registry, name, None, 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped:
            try:
                answer = self.registry.get(f"/services/{self.name}?index={self.index}&wait=20s", timeout=30)
            except (OSError, http.client.HTTPException):
                continue
            assert answer.status in (200, 404), answer
            got = int(answer.headers["Gradebook-Index"])
            assert got >= self.index, "the index went back"
            self.index = got
            self.urls = {s["ServiceURL"] for s in answer.json["Services"]} if answer.status == 200 else set()


@pytest.mark.parametrize("seed", range(3))
def test_who_follows_knows_the_truth(cluster, seed):
    dice = random.Random(seed)
    cluster.configure("registry", {"Registry": {**RULES, "SuppressThreshold": 0}})
    registry = cluster.daemon("registry", keep_listener=True).start()
    follower, names, truth = Follower(registry), ["A", "B", "C"], {}
    waiters = [Waiter(registry, name) for name in names]

    def agree():
        if not follower.catch_up() or follower.listed != truth:
            return False
        return all(w.urls == {u for u, n in truth.items() if n == w.name} for w in waiters)

    def state():
        return f"all agree on {truth}; the follower has {follower.listed}, the waiters {[w.urls for w in waiters]}"
    for _ in range(8):
        for _ in range(dice.randrange(1, 30)):
            port, name = dice.randrange(7001, 7009), dice.choice(names)
            if dice.random() < 0.6:
                truth[register(registry, name, port)] = name
            else:
                there = truth.pop(f"http://127.0.0.1:{port}", None)
                assert deregister(registry, port) == (200 if there else 404)
            if dice.random() < 0.3:
                follower.catch_up()
        kind = dice.random()
        if kind < 0.4:
            (registry.kill if kind < 0.2 else registry.stop)()
            registry.start()
        if dice.random() < 0.7:
            wait_until(agree, state)
    wait_until(agree, state)
    for w in waiters:
        w.stopped = True
    registry.stop()
