# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several registries that share their registrations in etcd: one dies, etcd is away, compacts, loses its leader, refuses the password."""

import collections
import http.client
import json
import signal
import socket
import threading
import time

import pytest
from etcd import Etcd, encode
from gradebook import Cluster, free_port, wait_until
from test_registry import Peer
from tls import SecureCluster

RULES = {"HeartbeatSec": "300ms", "HeartbeatTimeoutSec": "200ms", "RetrySec": "50ms", "PatchTimeoutSec": "500ms", "ForgetSec": "1h"}
TAKEN_OVER_SECONDS = 5


@pytest.fixture
def etcd(tmp_path):
    """For one test alone, which may do to it what it likes."""
    e = Etcd(tmp_path).start()
    yield e
    e.kill()


def make_cluster(tmp_path, etcd, **registry):
    c = Cluster(tmp_path, registry={**RULES, "Store": "etcd", "Endpoints": etcd.endpoints, **registry})
    c.configure("gradebook", {"Log": {"Ship": "no"}})
    return c


@pytest.fixture
def shared(tmp_path, etcd):
    c = make_cluster(tmp_path, etcd)
    yield c
    c.close()


class Registries:
    """Several of one cluster; services know all of them."""

    def __init__(self, cluster, n):
        self.cluster = cluster
        self.all = [cluster.daemon("registry", port=free_port()) for _ in range(n)]
        for r in self.all:
            r.launch()
        for r in self.all:
            r.wait_notify("READY=1")
        cluster.configure("gradebook", {"Cluster": {"RegistryURL": " ".join(r.url for r in self.all)}, "Log": {"Ship": "no"}})
        wait_until(lambda: all(metric(r, "registries") == n for r in self.all), "they know each other")

    def __getitem__(self, i):
        return self.all[i]

    def owner(self, peer):
        """The one that heartbeats it: it alone knows when it was checked last."""
        return next((r for r in self.all if r.process.poll() is None and "RTTMicroseconds" in listed(r).get(peer.url, {})), None)


def listed(registry):
    return {s["ServiceURL"]: s for s in registry.get("/services").json["Services"]}


def metric(registry, name):
    return int(registry.get("/metrics").text.split(f"\ngradebook_registry_{name} ")[1].split("\n")[0])


def states(registry):
    return {url: s["State"] for url, s in listed(registry).items()}


class Crowd:
    """Peers that register with the registries in turn, and a client of each registry that depends on them."""

    def __init__(self, registries, n):
        self.clients = [Peer(r, "Client", ["A"]) for r in registries.all]
        self.peers = [Peer(registries[i % len(registries.all)], "A") for i in range(n)]
        for p in (*self.clients, *self.peers):
            p.register(headers={"Gradebook-Instance": p.url[-5:]})

    def all_know(self, *peers):
        return all(c.knows(*peers) for c in self.clients)

    def never_emptied(self):
        """Nobody was told that one has gone which had not."""
        return not [p for c in self.clients for p in c.patches if p["Removed"]]

    def close(self):
        for p in (*self.clients, *self.peers):
            if p.server:
                p.die()


@pytest.fixture
def make_crowd():
    made = []

    def make(*args):
        made.append(Crowd(*args))
        return made[-1]
    yield make
    for crowd in made:
        crowd.close()


def test_two_share_everything(shared, make_crowd):
    registries = Registries(shared, 2)
    crowd = make_crowd(registries, 12)
    wait_until(lambda: crowd.all_know(*crowd.peers), "all clients know all")
    assert states(registries[0]) == states(registries[1]) and set(states(registries[0]).values()) == {"passing"}

    # Each is heartbeated by one, and each registry has its share.
    wait_until(lambda: all(registries.owner(p) for p in crowd.peers), "all are heartbeated")
    counts = collections.Counter(registries.owner(p).port for p in crowd.peers)
    assert len(counts) == 2 and sum(metric(r, "owned") for r in registries.all) == 14
    begin = [len(p.heartbeats) for p in crowd.peers]
    started = time.monotonic()
    wait_until(lambda: time.monotonic() > started + 1.5, "five intervals")
    assert all(3 <= len(p.heartbeats) - n <= 8 for p, n in zip(crowd.peers, begin)), "two heartbeat one"

    # What one finds, says or is told all know.
    victim = crowd.peers[0]
    victim.die()
    wait_until(lambda: crowd.all_know(*crowd.peers[1:]), "all clients know of the death")
    wait_until(lambda: all(states(r)[victim.url] == "critical" for r in registries.all), "so do the registries")
    victim.listen()
    wait_until(lambda: crowd.all_know(*crowd.peers), "and of its return")
    other = registries[1]
    assert other.request("/services/drain", "PUT", victim.url, headers={"Content-Type": "text/plain"}).status == 200
    wait_until(lambda: crowd.all_know(*crowd.peers[1:]) and states(registries[0])[victim.url] == "draining", "it is drained for all")
    assert registries[0].request("/services/drain", "DELETE", victim.url, headers={"Content-Type": "text/plain"}).status == 200
    wait_until(lambda: crowd.all_know(*crowd.peers), "and taken back")
    gone = crowd.peers[1]
    assert other.request("/services", "DELETE", gone.url, headers={"Content-Type": "text/plain"}).status == 200
    wait_until(lambda: crowd.all_know(crowd.peers[0], *crowd.peers[2:]) and gone.url not in states(registries[0]), "it has gone for all")


def test_who_is_answered_sees_what_was_before(shared):
    """Registered with one, its dependant with the other at once after: the first patch has it."""
    registries = Registries(shared, 2)
    for i in range(20):
        provider, dependant = Peer(registries[i % 2], f"P{i}"), Peer(registries[1 - i % 2], "D", [f"P{i}"])
        provider.register()
        answer = dependant.register()
        assert dependant.patches and dependant.knows(provider), dependant.patches
        assert answer.json["Providers"] == [{"Name": provider.name, "URL": provider.url}]
        provider.die()
        dependant.die()


def test_healthy_services_write_nothing(shared, etcd, make_crowd):
    registries = Registries(shared, 2)
    crowd = make_crowd(registries, 20)
    wait_until(lambda: crowd.all_know(*crowd.peers), "all clients know all")
    for p in crowd.peers:
        p.registry = registries[1] if p.registry is registries[0] else registries[0]
    revision = etcd.revision()
    for _ in range(3):
        for p in crowd.peers:
            p.register(headers={"Gradebook-Instance": p.url[-5:]})
    beats = sum(len(p.heartbeats) for p in crowd.peers)
    wait_until(lambda: sum(len(p.heartbeats) for p in crowd.peers) > beats + 100, "time goes on")
    assert etcd.revision() == revision


def test_a_killed_registry_is_taken_over(shared, make_crowd):
    registries = Registries(shared, 3)
    crowd = make_crowd(registries, 12)
    attendance = shared.start("attendance")
    wait_until(lambda: crowd.all_know(*crowd.peers) and all(registries.owner(p) for p in crowd.peers), "all clients know all")
    killed = registries.owner(crowd.peers[0])
    orphans = [p for p in crowd.peers if registries.owner(p) is killed]
    left = [r for r in registries.all if r is not killed]

    killed.kill()
    died = time.monotonic()
    beats = [len(p.heartbeats) for p in orphans]
    wait_until(lambda: all(len(p.heartbeats) > n for p, n in zip(orphans, beats)), "the others heartbeat them", timeout=TAKEN_OVER_SECONDS)
    print(f"{len(orphans)} services taken over {time.monotonic() - died:.1f} s after their registry was killed")
    assert all(registries.owner(p) in left for p in orphans)

    # A death is found, and clients that were the dead one's hear of it.
    orphans[0].die()
    living = [p for p in crowd.peers if p is not orphans[0]]
    wait_until(lambda: crowd.all_know(*living), "all clients know of a death", timeout=TAKEN_OVER_SECONDS)
    assert all(r == {"Name": "A", "URL": orphans[0].url} for c in crowd.clients for p in c.patches for r in p["Removed"]), "a list was emptied"
    # A daemon goes on to the next.
    wait_until(lambda: "not registered" not in attendance.status, "it is registered with another one")
    wait_until(lambda: states(left[0])[attendance.url] == "passing", "and all know it")

    # Back, it gets back its own and no other.
    killed.start()
    wait_until(lambda: all(metric(r, "registries") == 3 for r in registries.all), "it is one of them again")
    wait_until(lambda: all(registries.owner(p) is killed for p in orphans[1:]), "it heartbeats what was its own")
    assert states(killed) == states(left[0])


def test_a_clean_stop_is_taken_over_at_once(shared, make_crowd):
    registries = Registries(shared, 2)
    crowd = make_crowd(registries, 6)
    wait_until(lambda: crowd.all_know(*crowd.peers), "all clients know all")
    registries[0].stop()
    wait_until(lambda: metric(registries[1], "registries") == 1 and metric(registries[1], "owned") == 8, "the other has all", timeout=1)
    assert crowd.never_emptied()


PREFIX = "/gradebook/"


def said(etcd, peer, state):
    """The peer's registration with another state, as etcd would have it from another registry: {key: value}."""
    key = next(k for k in etcd.keys(PREFIX) if k.startswith("registrations/") and k.endswith(peer.url))
    return {PREFIX + key: {**etcd.keys(PREFIX)[key], "State": state, "Since": time.time_ns() // 1000}}


def test_what_another_says_late_is_put_right(shared, etcd):
    """A registry that just had it and has it no more says that it is dead; its owner knows better, and all others believe the owner in the end."""
    registries = Registries(shared, 2)
    peer = Peer(registries[0], "A")
    peer.register()
    owner = wait_until(lambda: registries.owner(peer), "it has an owner")
    etcd.put(said(etcd, peer, "critical"))
    other = next(r for r in registries.all if r is not owner)
    wait_until(lambda: states(other)[peer.url] == "critical", "the other heard it")
    assert states(owner)[peer.url] == "passing"
    wait_until(lambda: states(other)[peer.url] == "passing", "it is put right", timeout=5)
    assert states(owner)[peer.url] == "passing"


def test_what_a_new_owner_said_before_it_was_known_as_that(shared, etcd):
    """It comes back, and writes how its own are before its place among the others is there."""
    registries = Registries(shared, 1)
    peers = [Peer(registries[0], "A") for _ in range(4)]
    for peer in peers:
        peer.register()
        wait_until(lambda p=peer: registries.owner(p), "it has an owner")
    # Of fifty each owns one in fifty: of four, hardly three stay with us.
    others = {f"{PREFIX}registries/{n:016x}": {"URL": f"http://localhost:{n}"} for n in range(1, 50)}
    etcd.put({k: v for peer in peers for k, v in said(etcd, peer, "critical").items()} | others)
    wait_until(lambda: metric(registries[0], "registries") == 50, "the others are there")
    wait_until(lambda: sum(states(registries[0])[p.url] == "critical" for p in peers) >= 2, "their word counts", timeout=5)


def test_a_leased_one_belongs_to_who_hears_it(tmp_path, etcd):
    cluster = make_cluster(tmp_path, etcd, LeaseSec="2s")
    try:
        registries = Registries(cluster, 2)
        record = {"ServiceName": "Leased", "ServiceURL": "http://127.0.0.1:1"}

        def renew(registry):
            assert registry.post("/services", record, headers={"Gradebook-Instance": "one"}).status == 200

        # With either for longer than the lease: it passes.
        for registry in (registries[0], registries[1]):
            end = time.monotonic() + 3
            while time.monotonic() < end:
                renew(registry)
                assert {states(r).get(record["ServiceURL"], "passing") for r in registries.all} == {"passing"}
                threading.Event().wait(0.3)
        # The one that heard it goes, and it is silent: the other ends its lease.
        registries[1].kill()
        wait_until(lambda: states(registries[0])[record["ServiceURL"]] == "critical", "its lease has run out", timeout=10)
    finally:
        cluster.close()


def test_an_index_of_another_registry_is_answered_in_full(shared):
    registries = Registries(shared, 2)
    Peer(registries[0], "A", listen=False).register(HeartbeatURL=None, ServiceUpdateURL=None)
    wait_until(lambda: len(listed(registries[1])) == 1, "both know it")
    for mine, other in ((registries[0], registries[1]), (registries[1], registries[0])):
        index = mine.get("/services").json["Index"]
        begin = time.monotonic()
        answer = other.get(f"/services?index={index}&wait=10s")
        assert time.monotonic() < begin + 2 and len(answer.json["Services"]) == 1
        assert answer.json["Index"] % 65536 == other.get("/services").json["Index"] % 65536 != index % 65536
        # From there on it waits.
        begin = time.monotonic()
        assert other.get(f"/services?index={answer.json['Index']}&wait=1s").status == 200
        assert time.monotonic() > begin + 0.9
        # A stream is told to list anew.
        connection = http.client.HTTPConnection("127.0.0.1", other.port, timeout=5)
        connection.request("GET", "/events", headers={"Last-Event-ID": str(index), "Authorization": f"Bearer {shared.token}"})
        assert b"event: relist" in connection.getresponse().read1()
        connection.close()


def test_etcd_is_away_and_back(shared, etcd, make_crowd):
    registries = Registries(shared, 2)
    crowd = make_crowd(registries, 6)
    wait_until(lambda: crowd.all_know(*crowd.peers), "all clients know all")

    etcd.kill()
    wait_until(lambda: all("etcd is away" in r.status for r in registries.all), "their status says so")
    assert all(metric(r, "etcd_away") == 1 for r in registries.all)
    assert all("etcd is away" in r.stderr for r in registries.all)
    # They go on: with what they know, with heartbeats, with patches to their own, and with what comes.
    beats = [len(p.heartbeats) for p in crowd.peers]
    wait_until(lambda: all(len(p.heartbeats) > n + 2 for p, n in zip(crowd.peers, beats)), "heartbeats go on")
    assert set(states(registries[0]).values()) == {"passing"} and states(registries[0]) == states(registries[1])
    new, gone = Peer(registries[0], "A"), crowd.peers[0]
    answer = new.register()
    assert answer.headers["Gradebook-Kept"] == "here"
    answer = registries[1].request("/services", "DELETE", gone.url, headers={"Content-Type": "text/plain"})
    assert answer.status == 200 and answer.headers["Gradebook-Kept"] == "here"
    # Who is known here alone is heartbeated and told here.
    beats = len(new.heartbeats)
    wait_until(lambda: len(new.heartbeats) > beats + 2, "the newcomer is heartbeated")
    wait_until(lambda: metric(registries[0], "unshared") == 1 == metric(registries[1], "unshared"), "it is said what etcd lacks")
    assert new.url in states(registries[0]) and new.url not in states(registries[1])
    # One that is restarted meanwhile begins with what it had, and still knows what etcd lacks.
    registries[0].kill()
    registries[0].start()
    assert new.url in states(registries[0]) and "etcd is away" in registries[0].stderr

    etcd.start()
    known = [*crowd.peers[1:], new]
    wait_until(lambda: all(set(states(r)) == {p.url for p in (*known, *crowd.clients)} for r in registries.all), "they agree again", timeout=20)
    wait_until(lambda: all(metric(r, "etcd_away") == 0 == metric(r, "unshared") for r in registries.all), "nothing is left to be brought")
    wait_until(lambda: crowd.all_know(*known), "all clients know all")
    assert {r["URL"] for c in crowd.clients for p in c.patches for r in p["Removed"]} <= {gone.url}, "a list was emptied"
    stored = etcd.keys("/gradebook/registrations/")
    assert stored[gone.url].get("Gone") and new.url in stored
    assert "Gradebook-Kept" not in new.register().headers
    new.die()


def test_a_stop_while_something_is_on_its_way_to_etcd(shared, etcd):
    """One is sent, another one waits behind it. Nobody waits for them any more, and still they are kept."""
    registries = Registries(shared, 1)
    etcd.members[0].process.send_signal(signal.SIGSTOP)
    for n in (1, 2):
        body = json.dumps({"ServiceName": "A", "ServiceURL": f"http://127.0.0.1:{n}"})
        with socket.create_connection(("127.0.0.1", registries[0].port)) as s:
            s.sendall(f"POST /services HTTP/1.1\r\nHost: r\r\nAuthorization: Bearer {shared.token}\r\nContent-Type: application/json\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            wait_until(lambda k=n: f"gradebook_http_open_requests {k + 1}\n" in registries[0].get("/metrics").text, "it waits")
    registries[0].stop()
    etcd.members[0].process.send_signal(signal.SIGCONT)
    registries[0].start()
    wait_until(lambda: {"http://127.0.0.1:1", "http://127.0.0.1:2"} <= set(states(registries[0])), "they are there")


def test_a_lost_etcd_is_filled_again(shared, etcd, make_crowd):
    """All keys go at once, as when leases run out: nobody is removed."""
    registries = Registries(shared, 2)
    crowd = make_crowd(registries, 6)
    wait_until(lambda: crowd.all_know(*crowd.peers), "all clients know all")
    stored = etcd.keys("/gradebook/registrations/")
    etcd.call("/kv/deleterange", {"key": encode("/gradebook/"), "range_end": encode("/gradebook0")})
    wait_until(lambda: set(etcd.keys("/gradebook/registrations/")) == set(stored), "they are there again")
    wait_until(lambda: all(metric(r, "registries") == 2 for r in registries.all), "so are the registries")
    assert crowd.never_emptied() and len(states(registries[0])) == 8


def test_after_a_compaction_there_is_a_new_list(shared, etcd):
    registries = Registries(shared, 2)
    stays, goes = (Peer(registries[0], "A", listen=False) for _ in range(2))
    for p in (stays, goes):
        p.register(HeartbeatURL=None, ServiceUpdateURL=None)
    wait_until(lambda: set(states(registries[1])) == {stays.url, goes.url}, "the other knows both")
    # It stands still while things happen, and what happened is compacted before it goes on.
    registries[1].signal(signal.SIGSTOP)
    try:
        etcd.kill()
        etcd.start()
        wait_until(lambda: metric(registries[0], "etcd_away") == 0 and "Gradebook-Kept" not in goes.deregister().headers, "etcd is back")
        new = Peer(registries[0], "A", listen=False)
        new.register(HeartbeatURL=None, ServiceUpdateURL=None)
        etcd.compact()
    finally:
        registries[1].signal(signal.SIGCONT)
    wait_until(lambda: set(states(registries[1])) == {stays.url, new.url}, "the other knows what happened", timeout=20)
    assert metric(registries[1], "etcd_lists_total") >= 1


def test_a_wrong_password_is_told(tmp_path, etcd):
    etcd.call("/auth/role/add", {"name": "gradebook"})
    etcd.call("/auth/role/grant", {"name": "gradebook", "perm": {"permType": "READWRITE", "key": encode("/gradebook/"),
                                                                "range_end": encode("/gradebook0")}})
    for user, password, role in (("root", "r", "root"), ("gradebook", "open-sesame", "gradebook")):
        etcd.call("/auth/user/add", {"name": user, "password": password})
        etcd.call("/auth/user/grant", {"user": user, "role": role})
    etcd.call("/auth/enable", {})
    cluster = make_cluster(tmp_path, etcd, User="gradebook")
    try:
        registry = cluster.daemon("registry")
        registry.launch()
        assert registry.wait() != 0
        assert "etcd-password" in registry.stderr and "LoadCredential=" in registry.stderr

        (cluster.credentials / "etcd-password").write_text("open-barley\n")
        registry.start()
        assert "authentication failed" in registry.stderr
        wait_until(lambda: "etcd is away" in registry.status and "authentication failed" in registry.status, "its status says so")
        answer = registry.post("/services", {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:1"})
        assert answer.status == 200 and answer.headers["Gradebook-Kept"] == "here"
        registry.stop()
        assert "open-barley" not in registry.stderr

        (cluster.credentials / "etcd-password").write_text("open-sesame\n")
        registry.start()
        wait_until(lambda: metric(registry, "unshared") == 0 == metric(registry, "etcd_away"), "what was kept is brought to etcd")
        assert "Gradebook-Kept" not in registry.post("/services", {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:2"}).headers
    finally:
        cluster.close()


def test_etcd_over_tls_asks_for_a_certificate(tmp_path):
    cluster = SecureCluster(tmp_path)
    etcd = Etcd(tmp_path, authority=cluster.authority).start()
    try:
        cluster.registry = {"Store": "etcd", "Endpoints": etcd.endpoints}
        cluster.configure("registry", {})
        registry = cluster.start("registry")
        assert "etcd is away" not in registry.status
        cluster.authority.sign("gradebook-attendance", roles=["gradebook-attendance", "gradebook-attendanceservice"])
        attendance = cluster.start("attendance")
        assert "registered" not in attendance.status
        answer = registry.get("/services").json["Services"]
        assert [s["ServiceURL"] for s in answer] == [attendance.url] and metric(registry, "etcd_away") == 0 == metric(registry, "unshared")
        other = cluster.daemon("registry", port=free_port()).start()
        assert set(states(other)) == {attendance.url}
    finally:
        cluster.close()
        etcd.kill()


def test_an_unreachable_etcd_delays_a_start_and_prevents_none(tmp_path):
    cluster = Cluster(tmp_path, registry={"Store": "etcd", "Endpoints": f"http://127.0.0.1:{free_port()} http://127.0.0.1:{free_port()}"})
    try:
        begin = time.monotonic()
        registry = cluster.start("registry")
        assert time.monotonic() < begin + 4 and "etcd is away" in registry.status
        answer = registry.post("/services", {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:1", "RequiredServices": ["B"]})
        # Nobody may take for granted that it knows all.
        assert answer.json["Settled"] is False
    finally:
        cluster.close()


def test_the_leader_of_three_is_killed(tmp_path, make_crowd):
    etcd = Etcd(tmp_path, members=3).start()
    cluster = make_cluster(tmp_path, etcd)
    try:
        registries = Registries(cluster, 2)
        crowd = make_crowd(registries, 6)
        wait_until(lambda: crowd.all_know(*crowd.peers), "all clients know all")
        leader = etcd.leader()
        kept = []
        ended = threading.Event()

        def register():
            n = 0
            while not ended.is_set():
                n += 1
                url = f"http://127.0.0.1:1/{n}"
                answer = registries[n % 2].post("/services", {"ServiceName": "Many", "ServiceURL": url})
                assert answer.status == 200, answer
                kept.append((url, answer.headers.get("Gradebook-Kept")))
                ended.wait(0.02)
        thread = threading.Thread(target=register)
        thread.start()
        wait_until(lambda: len(kept) > 20, "registrations come")
        leader.kill()
        others = [m for m in etcd.members if m is not leader]
        wait_until(lambda: all(m.is_healthy() for m in others), "there is a new leader", timeout=20)
        n = len(kept)
        wait_until(lambda: len(kept) > n + 20, "registrations go on", timeout=20)
        ended.set()
        thread.join()
        wait_until(lambda: all(metric(r, "unshared") == 0 == metric(r, "etcd_away") for r in registries.all), "all is in etcd", timeout=20)
        urls = {url for url, _ in kept}
        for r in registries.all:
            wait_until(lambda r=r: urls <= set(states(r)), "each registry knows all that was answered")
        assert crowd.never_emptied()
        print(f"{len(kept)} registrations, {sum(1 for _, k in kept if k)} of them kept on one machine meanwhile")

        # Without a quorum they go on as well.
        others[0].kill()
        wait_until(lambda: all("etcd is away" in r.status for r in registries.all), "their status says so", timeout=20)
        assert registries[0].post("/services", {"ServiceName": "Late", "ServiceURL": "http://127.0.0.1:1/late"}).headers["Gradebook-Kept"]
        assert crowd.never_emptied()
        etcd.start()
        wait_until(lambda: all("http://127.0.0.1:1/late" in states(r) for r in registries.all), "all know what came", timeout=20)
    finally:
        cluster.close()
        etcd.kill()


def test_a_restore_is_etcds(shared):
    registry = shared.start("registry")
    backup = registry.get("/backup").json
    answer = registry.post("/restore", backup)
    assert answer.status == 409 and "etcdctl snapshot" in answer.json["detail"]


def test_an_embedded_store_is_brought_along(tmp_path, etcd):
    cluster = Cluster(tmp_path, registry=RULES)
    try:
        registry = cluster.start("registry")
        assert registry.post("/services", {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:1"}).status == 200
        registry.stop()
        cluster.registry = {**RULES, "Store": "etcd", "Endpoints": etcd.endpoints}
        cluster.configure("registry", {})
        registry.start()
        wait_until(lambda: "http://127.0.0.1:1" in etcd.keys("/gradebook/registrations/"), "it is in etcd")
        assert states(cluster.daemon("registry", port=free_port()).start()) == {"http://127.0.0.1:1": "passing"}
    finally:
        cluster.close()
