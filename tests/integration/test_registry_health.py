# SPDX-License-Identifier: LGPL-2.1-or-later
"""How fast the registry knows the truth, and when it does not believe what it sees."""

import signal
import statistics
import time

import pytest
from fakes import FakeService
from gradebook import wait_until
from test_registry import RULES, Peer, peers, registry, restart, state  # noqa: F401


def entry(registry, peer):
    return next(s for s in registry.get("/services").json["Services"] if s["ServiceURL"] == peer.url)


def elapsed(begin, condition, what, timeout=10):
    wait_until(condition, what, timeout)
    return time.monotonic() - begin


def drain(registry, peer, method="PUT"):
    return registry.request("/services/drain", method, peer.url, headers={"Content-Type": "text/plain"})


# ---- what a failure costs ----

@pytest.mark.parametrize("keep_listener", [True, False])
def test_a_killed_daemon_is_known_within_a_quarter_of_a_second(cluster, keep_listener):
    """With the defaults; whether systemd keeps the socket, so that nobody refuses a connection, or not; before its first probe."""
    registry = cluster.start("registry")
    client = Peer(registry, "Client", ["AttendanceService"])
    client.register()
    daemon = cluster.daemon("attendance", keep_listener=keep_listener)
    provider = {("AttendanceService", daemon.url)}
    took = []
    for _ in range(5):
        daemon.start()
        wait_until(lambda: client.providers == provider, "the client knows it")
        daemon.kill()
        took.append(elapsed(time.monotonic(), lambda: not client.providers, "the client knows of its death"))
    assert statistics.median(took) < 0.25, took
    client.die()


def test_a_clean_stop_is_known_when_it_ends(cluster):
    registry = cluster.start("registry")
    client = Peer(registry, "Client", ["AttendanceService"])
    client.register()
    daemon = cluster.start("attendance", keep_listener=True)
    wait_until(lambda: client.providers, "the client knows it")
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: not client.providers, "the client knows that it goes")
    daemon.wait()
    client.die()


def test_a_hung_daemon_is_known_after_the_threshold(cluster):
    cluster.configure("registry", RULES)
    registry = cluster.start("registry")
    client = Peer(registry, "Client", ["AttendanceService"])
    client.register()
    daemon = cluster.start("attendance", keep_listener=True)
    wait_until(lambda: client.providers, "the client knows it")
    wait_until(lambda: registry.get("/services/AttendanceService").json["Services"][0].get("RTTMicroseconds"), "it was probed")
    daemon.signal(signal.SIGSTOP)
    took = elapsed(time.monotonic(), lambda: not client.providers, "the client knows that it hangs")
    # HeartbeatSec until the next probe, then FailureThreshold times HeartbeatTimeoutSec and RetrySec; and some for a busy machine.
    assert 2 * 0.2 < took < 0.3 + 3 * (0.2 + 0.05) + 1, took
    assert "is suspect" in registry.stderr
    daemon.signal(signal.SIGCONT)
    wait_until(lambda: client.providers, "it is back")
    client.die()


# ---- the registry's own absence ----

def test_a_registry_that_slept_accuses_nobody(registry, peers):
    services = [peers("A") for _ in range(5)]
    client = peers("Client", ["A"])
    for p in (*services, client):
        p.register()
    leased = {"ServiceName": "Leased", "ServiceURL": "http://127.0.0.1:1"}
    assert registry.post("/services", leased).status == 200
    wait_until(lambda: client.knows(*services), "all are known")
    wait_until(lambda: all(s.heartbeats for s in services), "all were probed")
    told = len(client.patches)

    # Between the probes' beginning and their answers, at any time of the interval, and for many intervals.
    for seconds in (0.5, 0.7, 2):
        beats = [len(s.heartbeats) for s in services]
        registry.signal(signal.SIGSTOP)
        stopped = time.monotonic()
        wait_until(lambda: time.monotonic() > stopped + seconds, "a pause", seconds + 5)
        registry.signal(signal.SIGCONT)
        wait_until(lambda: all(len(s.heartbeats) > n + 2 for s, n in zip(services, beats)), "probing goes on")
    assert not [p for p in client.patches[told:] if p["Removed"]]
    assert "The registry itself did not run for" in registry.stderr
    assert "critical" not in registry.stderr

    # It accuses again, when there is a reason.
    services[0].die()
    wait_until(lambda: client.knows(*services[1:]), "the client hears of a death")


def test_a_death_while_the_registry_slept_is_known_an_interval_later(registry, peers):
    service, client = peers("A"), peers("Client", ["A"])
    service.register()
    client.register()

    def is_between_probes():
        beats = len(service.heartbeats), len(client.heartbeats)
        return beats[0] > 1 and time.monotonic() - service.heartbeats[-1] < 0.05 and \
            f'heartbeats_total{{outcome="success"}} {sum(beats)}\n' in registry.get("/metrics").text
    # An answer that lay there at the awakening would be its last word, and its death after that is believed at once.
    wait_until(is_between_probes, "it was probed, and the answer is known")
    registry.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    service.die()
    wait_until(lambda: time.monotonic() > stopped + 1, "a pause")
    begin = time.monotonic()
    registry.signal(signal.SIGCONT)
    took = elapsed(begin, lambda: client.knows(), "the client hears of the death")
    assert took > 0.2, "it had no fresh interval"
    assert took < 3 * 0.3 + 1


# ---- drain ----

def test_a_drained_instance_gets_no_traffic_whatever_happens(registry, peers):
    service, other, client = peers("A", ["B"]), peers("A"), peers("Client", ["A"])
    for p in (service, other, client):
        p.register()
    wait_until(lambda: client.knows(service, other), "both are known")

    assert drain(registry, service).status == 200
    assert drain(registry, service).status == 200
    wait_until(lambda: client.knows(other), "the client drops it")
    assert entry(registry, service)["State"] == "draining"
    assert f"A at {service.url} is draining" in registry.stderr
    told = len(client.patches)

    # It is probed on and told what it requires.
    beats = len(service.heartbeats)
    wait_until(lambda: len(service.heartbeats) > beats + 2, "it is probed on")
    needed = peers("B")
    needed.register()
    wait_until(lambda: service.knows(needed), "it hears of what it requires")

    # A restart of it, hard or in good order, of the registry, a death: nothing takes it back.
    service.register(headers={"Gradebook-Instance": "one"})
    service.register(headers={"Gradebook-Instance": "two"}, Weight=200)
    assert service.deregister().status == 200
    service.register()
    registry.kill()
    registry.start()
    assert entry(registry, service)["State"] == "draining"
    service.die()
    wait_until(lambda: state(registry, service) == "critical", "it died")
    service.listen()
    wait_until(lambda: state(registry, service) == "draining", "it is back, and drains")
    registry.stop()
    registry.start()
    assert state(registry, service) == "draining"
    beats = len(service.heartbeats)
    wait_until(lambda: len(service.heartbeats) > beats + 1, "it is probed on")
    assert client.knows(other)
    assert not [p for p in client.patches[told:] if any(a["URL"] == service.url for a in p["Added"])]

    # Draining is no new traffic, even for the last one.
    assert drain(registry, other).status == 200
    wait_until(lambda: client.knows(), "the client drops the last one")

    assert drain(registry, service, "DELETE").status == 200
    wait_until(lambda: client.knows(service), "it is back")
    assert state(registry, service) == "passing"
    assert f"A at {service.url} is drained no more" in registry.stderr
    registry.kill()
    registry.start()
    assert state(registry, service) == "passing"


def test_a_drained_one_that_is_critical(registry, peers):
    service, client = peers("A"), peers("Client", ["A"])
    service.register()
    client.register()
    wait_until(lambda: service.heartbeats, "it was probed")
    service.die()
    wait_until(lambda: state(registry, service) == "critical" and client.knows(), "it is dead, and the client knows")
    assert drain(registry, service).status == 200
    assert state(registry, service) == "critical"
    service.listen()
    wait_until(lambda: state(registry, service) == "draining", "it is back, and drains")
    assert client.knows()
    assert drain(registry, service, "DELETE").status == 200
    wait_until(lambda: client.knows(service), "it is taken back")


def test_what_cannot_be_drained(registry, peers):
    service = peers("A")
    for method in ("PUT", "DELETE"):
        assert drain(registry, service, method).status == 404
        assert registry.request("/services/drain", method, "nonsense").status == 400
        assert registry.request("/services/drain", method, b"x" * 70000).status == 413
        assert registry.request("/services/drain", method, service.url, token=None).status == 401
    service.register()
    assert drain(registry, service, "DELETE").status == 200
    # A service may be called so.
    service = peers("drain")
    service.register()
    assert registry.get("/services/drain").json["Services"][0]["ServiceURL"] == service.url


# ---- flap damping ----

def flap(registry, peer, times):
    for _ in range(times):
        wait_until(lambda: entry(registry, peer).get("RTTMicroseconds"), "it was probed")
        peer.die()
        wait_until(lambda: state(registry, peer) == "critical", "it is dead")
        peer.listen()
        peer.register()
        wait_until(lambda: state(registry, peer) == "passing", "it is back")


def test_a_restless_one_is_held_out_until_it_is_calm(cluster, peers, registry):
    restart(cluster, registry, FlapHalfLifeSec="2s", SuppressThreshold="250", ReuseThreshold="50")
    calm, restless, client = peers("A"), peers("A"), peers("Client", ["A"])
    for p in (calm, restless, client):
        p.register()
    flap(registry, restless, 1)
    wait_until(lambda: client.knows(calm, restless), "once is nothing")
    for _ in range(10):
        flap(registry, restless, 1)
        if entry(registry, restless).get("Held"):
            break
    assert entry(registry, restless)["Held"] is True
    assert entry(registry, restless)["State"] == "passing"
    assert "Held" not in entry(registry, calm)
    # What the client is told from here on is looked at below.
    told = wait_until(lambda: (n := len(client.patches)) and client.knows(calm) and n, "the client is told that it went, and no more")
    assert f"A at {restless.url} is held out of its dependants' lists for" in registry.stderr
    assert "gradebook_registry_held 1" in registry.get("/metrics").text

    # A restart of the registry does not forget it.
    registry.kill()
    registry.start()
    assert entry(registry, restless).get("Held") is True
    assert not [p for p in client.patches[told:] if any(a["URL"] == restless.url for a in p["Added"])]

    # Nobody else is left: better a restless one than none.
    calm.die()
    wait_until(lambda: client.knows(restless), "it stands in")
    assert "no calmer one of its name is left" in registry.stderr
    calm.listen()
    calm.register()
    wait_until(lambda: client.knows(calm) or client.knows(calm, restless), "the calm one is back")

    wait_until(lambda: client.knows(calm, restless), "it has been calm", 30)
    assert "Held" not in entry(registry, restless)
    assert "it has been calm" in registry.stderr or "Held" not in entry(registry, restless)


def test_the_last_one_is_never_held_out(cluster, peers, registry):
    restart(cluster, registry, FlapHalfLifeSec="1min", SuppressThreshold="150", ReuseThreshold="50")
    service, client = peers("A"), peers("Client", ["A"])
    service.register()
    client.register()
    flap(registry, service, 4)
    wait_until(lambda: client.knows(service), "it is used")
    assert "held out" not in registry.stderr

    # The next runs of the registry know it too, without a moment in which nobody is there.
    told = len(client.patches)
    for end in (registry.stop, registry.kill):
        end()
        beats = len(service.heartbeats)
        registry.start()
        wait_until(lambda: len(service.heartbeats) > beats + 1, "it is probed")
        assert not [p for p in client.patches[told:] if p["Removed"]] and client.knows(service)

    # Two restless ones: one of them at least.
    other = peers("A")
    other.register()
    wait_until(lambda: client.knows(other), "the calm one is used alone")
    flap(registry, other, 4)
    wait_until(lambda: len(client.providers) == 1, "one of them is used")


def test_restarts_in_good_order_hold_nobody_out(registry, peers):
    services, client = [peers("A") for _ in range(3)], peers("Client", ["A"])
    for p in (*services, client):
        p.register()
    for _ in range(5):
        for p in services:
            assert p.deregister().status == 200
            p.register()
    wait_until(lambda: client.knows(*services), "all are used")
    assert "held out" not in registry.stderr


def test_work_on_a_drained_one_costs_it_nothing(cluster, peers, registry):
    restart(cluster, registry, SuppressThreshold="150", ReuseThreshold="50")
    service, other, client = peers("A"), peers("A"), peers("Client", ["A"])
    for p in (service, other, client):
        p.register()
    assert drain(registry, service).status == 200
    for _ in range(3):
        beats = len(service.heartbeats)
        wait_until(lambda: len(service.heartbeats) > beats + 1, "it is probed")
        service.die()
        wait_until(lambda: state(registry, service) == "critical", "it is dead")
        service.listen()
        service.register()
        wait_until(lambda: state(registry, service) == "draining", "it is back, and drains")
    assert drain(registry, service, "DELETE").status == 200
    wait_until(lambda: client.knows(service, other), "it is used at once")


# ---- a registration's own rules ----

def test_a_registration_has_its_own_rules(cluster, peers, registry):
    restart(cluster, registry, HeartbeatSec="1h", HeartbeatMinSec="200ms")
    fast, slow, client = peers("A"), peers("B"), peers("Client", ["A", "B"])
    fast.register(HeartbeatSec="100ms", FailureThreshold=1, ForgetSec=1, Tags=["blue"], Metadata={"zone": "a"}, Weight=7)
    slow.register()
    client.register()
    registry.kill()
    registry.start()
    known = entry(registry, fast)
    assert (known["HeartbeatSec"], known["FailureThreshold"], known["ForgetSec"]) == ("100ms", 1, 1)
    assert (known["Tags"], known["Metadata"], known["Weight"]) == (["blue"], {"zone": "a"}, 7)
    assert {"Name": "A", "URL": fast.url, "Weight": 7} in client.patches[0]["Added"]
    assert {"Name": "B", "URL": slow.url} in client.patches[0]["Added"]

    wait_until(lambda: len(fast.heartbeats) > 8, "it is probed often")
    gaps = [b - a for a, b in zip(fast.heartbeats[3:], fast.heartbeats[4:])]
    assert statistics.median(gaps) > 0.15, "more often than HeartbeatMinSec= allows"
    assert len(slow.heartbeats) <= 1
    fast.alive = 500
    wait_until(lambda: state(registry, fast) == "critical", "one failure is enough")
    wait_until(lambda: state(registry, fast) is None, "it is forgotten")


def test_a_changed_weight_is_told(peers):
    service, client = peers("A"), peers("Client", ["A"])
    service.register()
    client.register()
    service.register(Weight=300)
    wait_until(lambda: client.patches[-1]["Added"] == [{"Name": "A", "URL": service.url, "Weight": 300}], "the client hears of it")
    service.register()
    wait_until(lambda: client.patches[-1]["Added"] == [{"Name": "A", "URL": service.url}], "and of the default")
    assert not any(p["Removed"] for p in client.patches)


# ---- who shares a connection ----

def test_all_services_of_one_process_are_known_to_be_dead_at_once(cluster):
    """One process, one port, three services: the registry asks them all on the same connection."""
    cluster.configure("registry", {"Registry": {"HeartbeatSec": "1h", "HeartbeatTimeoutSec": "1s", "RetrySec": "50ms"}})
    registry = cluster.start("registry")
    names = ("First", "Second", "Third")
    client = Peer(registry, "Client", list(names))
    client.register()
    process = FakeService()
    for name in names:
        url = f"{process.url}/{name}"
        assert registry.post("/services", {"ServiceName": name, "ServiceURL": url, "HeartbeatURL": url + "/heartbeat"}).status == 200
        # One after the other, so that each finds the connection that the last left.
        wait_until(lambda: "RTTMicroseconds" in registry.get("/services/" + name).json["Services"][0], f"{name} was probed")
    wait_until(lambda: len(client.providers) == 3, "the client knows all")
    process.close()
    wait_until(lambda: not client.providers, "the client knows that all are gone", 3)
    client.die()


def test_without_a_heartbeat_a_lost_connection_tells_nothing(registry, peers):
    client = peers("Client", ["A"])
    record = client.record()
    del record["HeartbeatURL"]
    assert registry.post("/services", record).status == 200
    assert client.patches and client.connections
    client.die()
    # It answers others meanwhile, and has had time to notice.
    for _ in range(20):
        assert registry.get("/services").status == 200
    assert state(registry, client) == "passing"


# ---- who is forgotten ----

def test_who_is_forgotten_is_forgotten_on_disk(cluster):
    cluster.configure("registry", {"Registry": {"LeaseSec": "1s", "ForgetSec": "1s"}})
    registry = cluster.daemon("registry", keep_listener=True).start()
    assert registry.post("/services", {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:1"}).status == 200
    wait_until(lambda: not registry.get("/services").json["Services"], "it is forgotten")
    registry.stop()
    registry.start()
    assert registry.get("/services").json["Services"] == []
    assert "Recovered" not in registry.stderr
