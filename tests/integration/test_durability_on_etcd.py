# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a registry may have told is on its own disk as well, though etcd has it already; and while etcd is away, what is answered as kept is."""

import contextlib
import json
import socket
import sqlite3
import threading

import pytest
from etcd import Etcd
from gradebook import Cluster, request, wait_until
from test_durability import failing, holding, test_nobody_is_told_of_what_is_not_on_disk  # noqa: F401
from test_registry import Peer

PASSING, GONE = 0, 2        # as src/registry/store.h has them
RULES = {"HeartbeatSec": "1s", "RetrySec": "50ms", "PatchTimeoutSec": "10s"}


@pytest.fixture
def make_store(shared_etcd):
    return lambda: {**shared_etcd.store(), **RULES}


@pytest.fixture
def client_and_peer(cluster, holding):  # noqa: F811
    """A registry whose writes can be held, a client, and one that it depends on."""
    registry = cluster.daemon("registry", keep_listener=True, environment=holding[-1]).start()
    client, peer = Peer(registry, "Client", ["A"]), Peer(registry, "A")
    for p in (client, peer):
        p.register()
    wait_until(lambda: client.knows(peer), "the client knows it")
    yield registry, client, peer
    for p in (client, peer):
        if p.server:
            p.die()


def deregister(registry, peer):
    assert registry.request("/services", "DELETE", peer.url, headers={"Content-Type": "text/plain"}).status == 200


def copied(registry):
    """{address: state} in the copy of a registry that does not run."""
    with contextlib.closing(sqlite3.connect(f"file:{registry.state}/registry.db?mode=ro", uri=True)) as db:
        return dict(db.execute("SELECT url, state FROM registrations"))


def test_who_went_and_came_again_around_a_kill_is_told(client_and_peer, holding):  # noqa: F811
    """What etcd has is answered; nobody hears of it before this machine's disk has it, as the next run goes by that."""
    registry, client, peer = client_and_peer
    registry.stop()
    registry.start()
    wait_until(lambda: "RTTMicroseconds" in registry.get("/services/A").json["Services"][0], "it was probed")
    switch = holding[0]
    switch.touch()
    deregister(registry, peer)
    # It answers others meanwhile, and has had time to tell.
    for _ in range(20):
        registry.get("/services")
    assert client.knows(peer)
    registry.kill()
    switch.unlink()
    registry.start()
    wait_until(lambda: client.knows(), "the next run tells that it went")
    peer.register()
    wait_until(lambda: client.knows(peer), "it came again")


def test_who_comes_again_while_the_first_patch_is_on_its_way_is_told(client_and_peer):
    """Of one that went long ago, etcd alone knows; what the client knows of it, nobody. That is no change by which to count."""
    registry, client, peer = client_and_peer
    deregister(registry, peer)
    wait_until(lambda: client.knows(), "the client knows that it went")
    # The next run cannot know whether all heard of it, tells it again, and forgets it.
    registry.stop()
    assert copied(registry)[peer.url] == GONE
    registry.start()
    wait_until(lambda: not registry.get("/services/Client").json["Services"][0]["PatchPending"], "the client knows that it went")
    registry.stop()
    assert peer.url not in copied(registry)
    registry.start()

    client.gate.clear()
    another = Peer(registry, "A")
    another.register()
    wait_until(lambda: len(client.arrived) == len(client.patches) + 1, "the client hears of another, and does not say so")
    registry.kill()
    client.gate.set()
    wait_until(lambda: len(client.arrived) == len(client.patches), "nobody hears that it heard")
    client.gate.clear()
    registry.start()
    wait_until(lambda: len(client.arrived) == len(client.patches) + 1, "the next run tells it again")
    assert {p["URL"] for p in client.arrived[-1]["Added"]} == {another.url}
    peer.register()
    client.gate.set()
    wait_until(lambda: client.knows(another, peer), "the client knows both")
    another.die()


def test_what_is_kept_here_is_on_disk(tmp_path, failing):  # noqa: F811
    switch, environment = failing
    etcd = Etcd(tmp_path).start()
    cluster = Cluster(tmp_path, registry={**RULES, **etcd.store(), "Prefix": "/gradebook/"})
    service = {"ServiceName": "ReportService", "ServiceURL": "http://127.0.0.1:9"}
    refused, another = ({**service, "ServiceURL": f"http://127.0.0.1:{port}"} for port in (10, 11))

    def register(body):
        return request(cluster.registry_url + "/services", "POST", body, token=cluster.token)

    def listed():
        return {s["ServiceURL"] for s in registry.get("/services").json["Services"]}

    try:
        registry = cluster.daemon("registry", environment=environment).start()
        etcd.kill()
        wait_until(lambda: "etcd is away" in registry.status, "its status says so")
        switch.touch()
        assert register(service).status >= 500
        assert listed() == set() and "are not in etcd yet" not in registry.status
        switch.unlink()
        answer = register(service)
        assert answer.status == 200 and answer.headers["Gradebook-Kept"] == "here"

        # One that is kept stays as it was if its end cannot be.
        switch.touch()
        answer = registry.request("/services", "DELETE", service["ServiceURL"], headers={"Content-Type": "text/plain"})
        assert answer.status >= 500
        assert register(refused).status >= 500
        # Two of one address on their way at a time, the second to another name: neither is.
        answers = []
        threads = [threading.Thread(target=lambda n=name: answers.append(register({**refused, "ServiceName": n}).status)) for name in ("A", "B")]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert min(answers) >= 500 and listed() == {service["ServiceURL"]}
        assert "gradebook_registry_unshared 1\n" in registry.get("/metrics").text
        switch.unlink()
        assert register(another).status == 200
        registry.kill()
        registry.start()
        kept = {service["ServiceURL"], another["ServiceURL"]}
        assert listed() == kept
        etcd.start()
        wait_until(lambda: {*etcd.keys("/gradebook/registrations/")} == kept, "etcd has both", timeout=20)
    finally:
        cluster.close()
        etcd.kill()


def test_a_stop_while_this_machines_disk_is_waited_for(tmp_path, holding):  # noqa: F811
    """What has waited longer than a stop does is completed by its end."""
    switch, _, environment = holding
    etcd = Etcd(tmp_path).start()
    cluster = Cluster(tmp_path, registry={**RULES, **etcd.store()})
    cluster.configure("gradebook", {"HTTP": {"DrainTimeoutSec": "50ms"}})
    try:
        registry = cluster.daemon("registry", environment=environment).start()
        etcd.kill()
        wait_until(lambda: "etcd is away" in registry.status, "its status says so")
        switch.touch()
        body = json.dumps({"ServiceName": "A", "ServiceURL": "http://127.0.0.1:9"})
        with socket.create_connection(("127.0.0.1", registry.port)) as s:
            s.sendall(f"POST /services HTTP/1.1\r\nHost: r\r\nAuthorization: Bearer {cluster.token}\r\nContent-Type: application/json\r\n"
                      f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            wait_until(switch.with_name("hold-fsync.waits").exists, "a commit waits for the disk")
            registry.process.terminate()
            wait_until(lambda: "Stopped" in registry.stderr, "it has left its loop")
            switch.unlink()
            registry.stop()
        registry.start()
        assert [s["ServiceURL"] for s in registry.get("/services").json["Services"]] == ["http://127.0.0.1:9"]
    finally:
        switch.unlink(missing_ok=True)
        cluster.close()
        etcd.kill()


def test_what_could_not_be_copied_is_copied_later(cluster, failing):  # noqa: F811
    switch, environment = failing
    registry = cluster.daemon("registry", environment=environment).start()
    services = [{"ServiceName": "A", "ServiceURL": f"http://127.0.0.1:{port}"} for port in (9, 10)]
    switch.touch()
    for service in services:
        assert registry.post("/services", service).status == 200
    wait_until(lambda: "copy of what is in etcd cannot be written" in registry.stderr, "it is said")
    switch.unlink()
    wait_until(lambda: "copy of what is in etcd is whole again" in registry.stderr, "and that it is mended", timeout=20)
    registry.stop()
    assert copied(registry) == {s["ServiceURL"]: PASSING for s in services}


def test_a_list_longer_than_the_queue_of_the_disk_is_copied(cluster, shared_etcd):
    registry = cluster.daemon("registry").start()
    one = {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:9"}
    assert registry.post("/services", one).status == 200
    prefix = f"/test-{shared_etcd.n_prefixes}/registrations/"
    known = shared_etcd.keys(prefix)[one["ServiceURL"]]
    registry.stop()

    def value(url):
        return {**known, "Registration": {**known["Registration"], "ServiceURL": url}}
    urls = [f"http://127.0.{n // 250}.{n % 250 + 1}:9" for n in range(9000)]
    for at in range(0, len(urls), 100):
        shared_etcd.put({prefix + url: value(url) for url in urls[at:at + 100]})
    registry.start()
    wait_until(lambda: "\ngradebook_registry_copy_behind 0\n" in registry.get("/metrics").text, "it is copied", timeout=30)
    registry.stop()
    assert copied(registry).keys() >= set(urls)
