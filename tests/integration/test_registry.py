# SPDX-License-Identifier: LGPL-2.1-or-later
"""The registry against small peers that speak the fixed forms and nothing more."""

import http.server
import json
import random
import socket
import threading
import time

import pytest
from gradebook import free_port, request, wait_until

RULES = {"Registry": {"HeartbeatSec": "300ms", "HeartbeatTimeoutSec": "200ms", "RetrySec": "50ms", "PatchTimeoutSec": "500ms"}}


class Peer:
    """A service with a heartbeat and an update URL. What it is told is in patches; providers is what follows from it."""

    def __init__(self, registry, name, requires=(), port=None, listen=True):
        self.registry = registry
        self.name = name
        self.requires = list(requires)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.patches = []
        self.arrived = []           # patches, with those that wait or were refused
        self.heartbeats = []
        self.refuse = 0             # so many patches are answered 500
        self.alive = 200            # what the heartbeat answers
        self.failures = []          # before that: what the next ones are answered
        self.delay = 0              # seconds before any answer
        self.gate = threading.Event()
        self.gate.set()             # cleared: patches wait
        self.server = None
        if listen:
            self.listen()

    def listen(self):
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status):
                if peer.delay:
                    threading.Event().wait(peer.delay)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                peer.heartbeats.append(time.monotonic())
                self.answer(peer.failures.pop() if peer.failures else peer.alive)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                peer.arrived.append(json.loads(body))
                peer.gate.wait(10)
                if peer.refuse > 0:
                    peer.refuse -= 1
                    self.answer(500)
                    return
                peer.patches.append(json.loads(body))
                self.answer(200)

            def log_message(self, *args):
                pass

            def handle(self):
                peer.connections.add(self.connection)
                try:
                    super().handle()
                except OSError:
                    pass
                finally:
                    peer.connections.discard(self.connection)

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, *args):
                pass

        self.connections = set()
        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def record(self, **changes):
        record = {"ServiceName": self.name, "ServiceURL": self.url, "RequiredServices": self.requires,
                  "ServiceUpdateURL": self.url + "/services", "HeartbeatURL": self.url + "/heartbeat"}
        record.update(changes)
        return record

    def register(self, headers=None, **changes):
        answer = self.registry.post("/services", self.record(**changes), headers=headers)
        assert answer.status == 200, answer
        return answer

    def deregister(self):
        return self.registry.request("/services", "DELETE", self.url, headers={"Content-Type": "text/plain"})

    @property
    def providers(self):
        known = set()
        for patch in list(self.patches):
            for p in patch["Added"]:
                known.add((p["Name"], p["URL"]))
            for p in patch["Removed"]:
                known.discard((p["Name"], p["URL"]))
        return known

    def knows(self, *peers):
        return self.providers == {(p.name, p.url) for p in peers}

    def die(self):
        """As a killed process: the listener goes, and every connection."""
        self.server.shutdown()
        self.server.server_close()
        for c in list(self.connections):
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server = None


@pytest.fixture
def registry(cluster):
    cluster.configure("registry", RULES)
    return cluster.start("registry")


@pytest.fixture
def peers(registry):
    made = []

    def make(name, *args, **kwargs):
        made.append(Peer(registry, name, *args, **kwargs))
        return made[-1]
    yield make
    for p in made:
        p.gate.set()
        if p.server:
            p.die()


def state(registry, peer):
    for s in registry.get("/services").json["Services"]:
        if s["ServiceURL"] == peer.url:
            return s["State"]
    return None


def test_first_patch_comes_before_the_answer_even_an_empty_one(peers):
    alone = peers("Alone", ["Nobody"])
    answer = alone.register()
    assert alone.patches == [{"Added": [], "Removed": []}]
    assert answer.json["Providers"] == []

    log = peers("LogService")
    log.register()
    assert log.patches == [{"Added": [], "Removed": []}]

    client = peers("Client", ["LogService"])
    answer = client.register()
    assert client.patches == [{"Added": [{"Name": "LogService", "URL": log.url}], "Removed": []}]
    assert answer.json["Providers"] == [{"Name": "LogService", "URL": log.url}]


@pytest.mark.parametrize("required", [None, [], "absent"])
def test_optional_members_may_be_absent(registry, peers, required):
    record = {"ServiceName": "Plain", "ServiceURL": "http://127.0.0.1:1"}
    if required != "absent":
        record["RequiredServices"] = required
    assert registry.post("/services", record).status == 200
    assert registry.get("/services/Plain").json["Services"][0]["State"] == "passing"


def test_dependants_hear_of_those_who_come_and_go(peers):
    client = peers("Client", ["LogService"])
    client.register()
    first, second, other = peers("LogService"), peers("LogService"), peers("Other")
    first.register()
    second.register()
    other.register()
    wait_until(lambda: client.knows(first, second), "the client knows both")
    assert first.deregister().status == 200
    wait_until(lambda: client.knows(second), "the client knows that the first is gone")
    assert first.deregister().status == 404
    assert client.patches[-1] == {"Added": [], "Removed": [{"Name": "LogService", "URL": first.url}]}


def test_a_star_requires_everything(peers):
    client = peers("Client", ["*"])
    client.register()
    other = peers("Other")
    other.register()
    wait_until(lambda: client.knows(client, other), "the client knows all")


def test_registering_again_replaces(registry, peers):
    client = peers("Client", ["A", "B"])
    client.register()
    service = peers("A")
    service.register()
    service.register()
    wait_until(lambda: client.knows(service), "the client knows it once")
    service.name = "B"
    service.register()
    wait_until(lambda: client.knows(service), "the client knows it under its new name")
    assert len(registry.get("/services").json["Services"]) == 2
    assert registry.get("/services/A").status == 404


def test_nothing_is_told_twice(peers):
    client = peers("Client", ["A"])
    client.register()
    service = peers("A")
    for _ in range(5):
        service.register()
    wait_until(lambda: client.knows(service), "the client knows it")
    marker = peers("A")
    marker.register()
    wait_until(lambda: client.knows(service, marker), "the client knows the marker")
    assert client.patches == [{"Added": [], "Removed": []},
                              {"Added": [{"Name": "A", "URL": service.url}], "Removed": []},
                              {"Added": [{"Name": "A", "URL": marker.url}], "Removed": []}]


def test_a_dependant_that_fails_is_told_again(peers):
    client = peers("Client", ["A"])
    client.register()
    client.refuse = 3
    service = peers("A")
    service.register()
    wait_until(lambda: client.knows(service), "the patch arrived in the end")
    assert client.refuse == 0


def test_a_first_patch_that_fails_refuses_nobody(registry, peers):
    service = peers("A")
    service.register()
    client = peers("Client", ["A"])
    client.refuse = 1
    assert client.register().json["Providers"] == [{"Name": "A", "URL": service.url}]
    wait_until(lambda: client.knows(service), "the patch came later")


def test_patches_come_in_order_and_what_waits_is_one(peers):
    client = peers("Client", ["A"])
    client.register()
    client.gate.clear()
    a, b, c = peers("A"), peers("A"), peers("A")
    a.register()
    b.register()
    c.register()
    b.deregister()
    client.gate.set()
    wait_until(lambda: client.knows(a, c), "the client knows those that are left")
    assert len(client.patches) <= 4


def restart(cluster, registry, **keys):
    registry.stop()
    cluster.configure("registry", {"Registry": {**RULES["Registry"], **keys}})
    registry.start()


def test_a_slow_dependant_delays_nobody(cluster, registry, peers):
    restart(cluster, registry, PatchTimeoutSec="1min")
    slow = peers("Slow", ["A"])
    slow.register()
    quick = peers("Quick", ["A"])
    quick.register()
    slow.gate.clear()
    service = peers("A")
    service.register()
    wait_until(lambda: quick.knows(service), "the quick one knows")
    assert not slow.knows(service)
    slow.gate.set()
    wait_until(lambda: slow.knows(service), "the slow one knows in the end")


def test_a_newcomer_whose_first_patch_hangs_is_accepted_within_the_timeout(registry, peers):
    client = peers("Client", ["A"])
    client.gate.clear()
    begin = time.monotonic()
    client.register()
    assert 0.3 < time.monotonic() - begin < 2
    client.gate.set()


def test_one_that_registers_before_it_listens_is_accepted(registry, peers):
    watcher = peers("Watcher", ["Early"])
    watcher.register()
    early = peers("Early", listen=False)
    early.register()
    assert state(registry, early) == "passing"
    early.listen()
    wait_until(lambda: early.heartbeats, "it is probed")
    wait_until(lambda: state(registry, early) == "passing", "it passes")
    wait_until(lambda: watcher.knows(early), "the watcher knows it")
    wait_until(lambda: early.patches, "it gets its first patch once it listens")
    assert not any(p["Removed"] for p in watcher.patches)


def test_one_that_never_listens_becomes_critical(registry, peers):
    watcher = peers("Watcher", ["Ghost"])
    watcher.register()
    ghost = peers("Ghost", listen=False)
    ghost.register()
    wait_until(lambda: any(p["Removed"] for p in watcher.patches), "the watcher hears that it is not there")
    assert state(registry, ghost) == "critical"


def test_death_is_known_at_once_and_return_as_well(cluster, registry, peers):
    restart(cluster, registry, HeartbeatSec="1min", RetrySec="300ms")
    client = peers("Client", ["A"])
    client.register()
    service = peers("A")
    service.register()
    wait_until(lambda: registry.get("/services/A").json["Services"][0].get("RTTMicroseconds"), "it was probed")
    service.die()
    wait_until(lambda: client.knows(), "the client hears of the death, long before the next heartbeat", 20)
    entry = registry.get("/services/A").json["Services"][0]
    assert entry["State"] == "critical" and entry["LastError"]
    service.listen()
    wait_until(lambda: client.knows(service), "the client hears of the return")
    assert state(registry, service) == "passing"


def test_a_death_is_known_though_systemd_keeps_the_socket(cluster):
    cluster.configure("registry", {"Registry": {"HeartbeatSec": "1min"}})
    registry = cluster.start("registry")
    watcher = Peer(registry, "Watcher", ["AttendanceService"])
    watcher.register()
    attendance = cluster.start("attendance", keep_listener=True)
    wait_until(lambda: watcher.providers == {("AttendanceService", attendance.url)}, "the watcher knows it")
    wait_until(lambda: registry.get("/services/AttendanceService").json["Services"][0].get("LastCheck"), "it was probed")
    attendance.kill()
    wait_until(lambda: watcher.providers == set(), "the watcher hears of the death, long before the next heartbeat", 20)
    attendance.start()
    wait_until(lambda: watcher.providers == {("AttendanceService", attendance.url)}, "and of the return")
    watcher.die()


def test_one_that_fails_softly_is_removed_after_the_threshold(registry, peers):
    client = peers("Client", ["A"])
    client.register()
    service = peers("A")
    service.register()
    wait_until(lambda: client.knows(service) and service.heartbeats, "all is well")
    service.alive = 500
    wait_until(lambda: client.knows(), "the client hears of it")
    assert "500" in registry.get("/services/A").json["Services"][0]["LastError"]
    service.alive = 200
    wait_until(lambda: client.knows(service), "it is back")


def test_one_failure_is_none(registry, peers):
    client = peers("Client", ["A"])
    client.register()
    service = peers("A")
    service.register()
    wait_until(lambda: client.knows(service) and len(service.heartbeats) > 2, "all is well")
    service.failures = [503]
    wait_until(lambda: not service.failures, "it failed once")
    before = len(service.heartbeats)
    wait_until(lambda: len(service.heartbeats) > before + 2, "it is well again")
    assert not any(p["Removed"] for p in client.patches)


def test_a_peer_that_closes_idle_connections_is_no_corpse(peers):
    client = peers("Client", ["A"])
    client.register()
    service = peers("A")
    service.register()
    for _ in range(3):
        before = len(service.heartbeats)
        wait_until(lambda: len(service.heartbeats) > before, "it is probed")
        for c in list(service.connections):
            c.shutdown(socket.SHUT_RDWR)
    before = len(service.heartbeats)
    wait_until(lambda: len(service.heartbeats) > before + 2, "it is probed further")
    assert client.knows(service) and not any(p["Removed"] for p in client.patches)


def test_hanging_peers_delay_no_other(registry, peers):
    hanging = [peers("Hanging") for _ in range(20)]
    for p in hanging:
        p.register()
        p.delay = 5
    client = peers("Client", ["A"])
    client.register()
    service = peers("A")
    service.register()
    wait_until(lambda: len(service.heartbeats) > 3, "it is probed among those that hang")
    gaps = [b - a for a, b in zip(service.heartbeats, service.heartbeats[1:])]
    # One after the other, those that hang would take four seconds.
    assert max(gaps) < 2, gaps
    service.die()
    begin = time.monotonic()
    wait_until(lambda: client.knows(), "the client hears of the death among those that hang")
    assert time.monotonic() - begin < 2
    wait_until(lambda: all(state(registry, p) == "critical" for p in hanging), "those that hang are critical")


def test_without_a_heartbeat_the_lease_decides(cluster, peers, registry):
    registry.stop()
    cluster.configure("registry", {"Registry": {**RULES["Registry"], "LeaseSec": "1s", "ForgetSec": "1s"}})
    registry.start()
    record = {"ServiceName": "Leased", "ServiceURL": "http://127.0.0.1:1", "HeartbeatURL": ""}
    assert registry.post("/services", record).status == 200
    wait_until(lambda: registry.get("/services/Leased").json["Services"][0]["State"] == "critical", "the lease ends")
    assert registry.post("/services", record).status == 200
    assert registry.get("/services/Leased").json["Services"][0]["State"] == "passing"
    wait_until(lambda: registry.get("/services/Leased").status == 404, "it is forgotten")


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_restart_forgets_nobody_and_removes_nobody(registry, peers, end):
    log, other = peers("LogService"), peers("Other")
    client = peers("Client", ["LogService", "Other"])
    for p in (log, other, client):
        p.register()
    dead = peers("Other")
    dead.register()
    wait_until(lambda: client.knows(log, other, dead), "all are known")
    wait_until(lambda: dead.heartbeats, "it was seen")
    dead.die()
    wait_until(lambda: client.knows(log, other), "the dead one is not")
    wait_until(lambda: state(registry, dead) == "critical", "the registry says so")
    told = len(client.patches)

    getattr(registry, end)()
    registry.start()
    assert {s["ServiceURL"] for s in registry.get("/services").json["Services"]} == {p.url for p in (log, other, client, dead)}
    beats = len(log.heartbeats)
    wait_until(lambda: len(log.heartbeats) > beats + 2, "probing goes on")
    assert client.knows(log, other)
    removed = [r["URL"] for p in client.patches[told:] for r in p["Removed"]]
    # After a kill it may not know any more that all had heard of the death: told twice is better than never.
    assert removed in ([], [dead.url] if end == "kill" else [])
    dead.listen()
    wait_until(lambda: client.knows(log, other, dead), "the dead one comes back")
    dead.deregister()
    wait_until(lambda: client.knows(log, other), "it leaves")


def test_death_during_an_absence_is_told_after_it(registry, peers):
    service = peers("A")
    client = peers("Client", ["A"])
    service.register()
    client.register()
    registry.kill()
    service.die()
    registry.start()
    wait_until(lambda: client.knows(), "the client hears of the death")


def test_deregistration_survives_a_kill(registry, peers):
    client = peers("Client", ["A"])
    client.register()
    service = peers("A")
    service.register()
    wait_until(lambda: client.knows(service), "the client knows it")
    client.gate.clear()
    assert service.deregister().status == 200
    registry.kill()
    client.gate.set()
    registry.start()
    assert registry.get("/services/A").status == 404
    wait_until(lambda: client.knows(), "the client hears of the end")


def test_an_unchanged_registration_does_not_touch_the_disk(registry, peers):
    header = {"Gradebook-Instance": "0123456789abcdef"}
    service = peers("A")
    service.register(headers=header)
    wait_until(lambda: service.heartbeats, "it is probed")
    files = [registry.state / f"registry.db{suffix}" for suffix in ("", "-wal")]

    def stamps():
        return [(f.stat().st_mtime_ns, f.stat().st_size) for f in files if f.exists()]
    last = [stamps(), time.monotonic()]

    def calm():
        if stamps() != last[0]:
            last[:] = [stamps(), time.monotonic()]
        return time.monotonic() - last[1] > 1.3
    wait_until(calm, "what was marked is on the disk")
    patches = len(service.patches)
    for _ in range(50):
        service.register(headers=header)
    beats = len(service.heartbeats)
    wait_until(lambda: len(service.heartbeats) > beats + 4, "time goes on")
    assert stamps() == last[0]
    assert len(service.patches) == patches

    service.register(headers={"Gradebook-Instance": "another"})
    assert len(service.patches) == patches + 1


def test_the_journal_tells_the_story(registry, peers):
    service = peers("A")
    service.register()
    wait_until(lambda: service.heartbeats, "it is probed")
    service.die()
    wait_until(lambda: state(registry, service) == "critical", "it is critical")
    service.listen()
    wait_until(lambda: state(registry, service) == "passing", "it is back")
    service.deregister()
    for line in ("registered", "is critical", "is back", "deregistered"):
        assert f"A at {service.url} {line}" in registry.stderr


def test_status_and_metrics(registry, peers):
    service = peers("A")
    service.register()
    text = registry.get("/metrics").text
    assert 'gradebook_registry_registrations{state="passing"} 1' in text
    assert 'gradebook_registry_patches_total{outcome="taken"} 1' in text
    more = ", 1 of them heartbeated here; 1 registry" if registry.cluster.registry else ""
    wait_until(lambda: registry.status == f"Serving {registry.url}; 1 service, 1 passing{more}", "its status says so")


BAD = [
    b"", b"{", b"[]", b'"x"', b"null", b"NaN", b'{"ServiceName":"A"}', b"\xff\xfe", b"[" * 5000,
    json.dumps({"ServiceName": 5, "ServiceURL": "http://h:1"}).encode(),
    json.dumps({"ServiceName": "", "ServiceURL": "http://h:1"}).encode(),
    json.dumps({"ServiceName": "a b", "ServiceURL": "http://h:1"}).encode(),
    json.dumps({"ServiceName": "A" * 100, "ServiceURL": "http://h:1"}).encode(),
    json.dumps({"ServiceName": "A", "ServiceURL": "ftp://h:1"}).encode(),
    json.dumps({"ServiceName": "A", "ServiceURL": "http://u:p@h:1"}).encode(),
    json.dumps({"ServiceName": "A", "ServiceURL": "http://h:99999"}).encode(),
    json.dumps({"ServiceName": "A", "ServiceURL": "http://h:1", "RequiredServices": "B"}).encode(),
    json.dumps({"ServiceName": "A", "ServiceURL": "http://h:1", "RequiredServices": [1]}).encode(),
    json.dumps({"ServiceName": "A", "ServiceURL": "http://h:1", "RequiredServices": ["B"] * 1000}).encode(),
    json.dumps({"ServiceName": "A", "ServiceURL": "http://h:1", "HeartbeatURL": 7}).encode(),
    json.dumps({"ServiceName": "A", "ServiceURL": "http://h:1", "ServiceUpdateURL": "x"}).encode(),
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_bad_registrations_are_400_and_change_nothing(registry, body):
    answer = registry.post("/services", body, headers={"Content-Type": "application/json"})
    assert answer.status == 400 and answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["detail"]
    assert registry.get("/services").json["Services"] == []


@pytest.mark.parametrize("body", [b"", b"   ", b"nonsense", b"http://h:1\x00x", b"http://h:1 http://h:2"])
def test_bad_deregistrations_are_400(registry, body):
    assert registry.request("/services", "DELETE", body, headers={"Content-Type": "text/plain"}).status == 400


def test_routes_and_limits(registry):
    assert registry.get("/services/Nobody").status == 404
    assert registry.get("/nothing").status == 404
    wrong = registry.request("/services", "PUT", b"{}")
    assert wrong.status == 405 and set(wrong.headers["Allow"].split(", ")) >= {"GET", "HEAD", "POST", "DELETE"}
    assert registry.post("/services", b" " * 10_000_000).status == 413
    assert registry.request("/services", "DELETE", b"http://nobody.example:1").status == 404
    assert registry.request("/services", "HEAD").status == 200


def test_only_so_many_are_registered(cluster):
    cluster.configure("registry", {"Registry": {"MaxRegistrations": "3"}})
    registry = cluster.start("registry")

    def post(i):
        return registry.post("/services", {"ServiceName": "A", "ServiceURL": f"http://127.0.0.1:{i}"}).status
    assert [post(i) for i in (1, 2, 3, 4, 1)] == [200, 200, 200, 503, 200]
    assert registry.request("/services", "DELETE", b"http://127.0.0.1:1").status == 200
    assert post(4) == 200


def test_a_token_is_asked_for(registry):
    for method, body in (("POST", b"{}"), ("DELETE", b"http://h:1"), ("GET", None)):
        assert registry.request("/services", method, body, token=False).status == 401
        assert registry.request("/services", method, body, token="wrong").status == 401


def test_without_authentication_curl_is_enough(open_cluster):
    registry = open_cluster.start("registry")
    record = {"ServiceName": "GradingService", "ServiceURL": "http://127.0.0.1:6000", "RequiredServices": ["LogService"]}
    assert registry.post("/services", record, token=False).status == 200
    assert registry.request("/services", "DELETE", "http://127.0.0.1:6000\n", token=False).status == 200


def test_many_register_at_once(registry, peers):
    client = peers("Client", ["A"])
    client.register()
    urls = [f"http://127.0.0.1:{20000 + i}" for i in range(200)]
    failures = []

    def register(share):
        for url in share:
            answer = registry.post("/services", {"ServiceName": "A", "ServiceURL": url})
            if answer.status != 200:
                failures.append(answer)
    threads = [threading.Thread(target=register, args=(urls[i::8],)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    wait_until(lambda: client.providers == {("A", u) for u in urls}, "the client knows all")
    registry.kill()
    registry.start()
    assert len(registry.get("/services/A").json["Services"]) == 200


@pytest.mark.parametrize("seed", range(4))
def test_after_any_history_dependants_know_the_truth(registry, peers, seed):
    random_ = random.Random(seed)
    made = [peers(name, requires) for name, requires in
            (("A", ["B"]), ("A", []), ("B", ["A", "C"]), ("B", ["*"]), ("C", ["A"]), ("C", ["B", "C"]))]
    registered = set()

    def start(p):
        """As a process that starts: it knows nothing, listens, and registers."""
        if not p.server:
            p.patches.clear()
            p.listen()
            p.register()
            registered.add(p)

    def die(p):
        if p.server:
            p.die()

    def leave(p):
        if p in registered:
            p.deregister()
            registered.discard(p)
            p.patches.clear()

    def fail_to_listen(p):
        p.refuse = random_.randint(0, 3)

    def restart_registry(p):
        if random_.random() < 0.2:
            random_.choice([registry.kill, registry.stop])()
            registry.start()

    for p in made:
        p.register()
        registered.add(p)
    for _ in range(80):
        random_.choice([start, start, die, leave, fail_to_listen, restart_registry])(random_.choice(made))
    for p in made:
        if p.server and p not in registered:
            p.register()
            registered.add(p)

    alive = [p for p in made if p.server]
    for p in alive:
        expected = [q for q in alive if q.name in p.requires or "*" in p.requires]
        wait_until(lambda p=p, expected=expected: p.knows(*expected), f"{p.name} {p.url} knows {[q.url for q in expected]} and not {p.providers}")
