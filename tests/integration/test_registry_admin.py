# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an administrator gets from the registry: its page, its backups, its audit."""

import base64
import hashlib
import json
import os
import re

import pytest
from fakes import FakeService
from gradebook import request, wait_until

@pytest.fixture
def registry(cluster):
    return cluster.start("registry")


def register(registry, name, port, **members):
    answer = registry.post("/services", {"ServiceName": name, "ServiceURL": f"http://127.0.0.1:{port}", **members})
    assert answer.status == 200, answer


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


# ---- the page ----

def test_page(registry):
    register(registry, "Cook", 8, RequiredServices=["Bakery", "*"])
    register(registry, "Bakery", 9)
    register(registry, "Bakery", 10, RequiredServices=["Mill"])
    page = registry.get("/")
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>1 required service is missing</h1>" in page.text
    assert "3 instances" in page.text and "http://127.0.0.1:10" in page.text
    words = re.search(r"<desc[^>]*>(.*?)</desc>", page.text)[1]
    assert "Cook requires Bakery and every other service." in words and "Bakery requires Mill." in words
    assert page.text.count('<g class="node') == 3 and page.text.count('<path class="edge') == 2
    assert re.search(r'<g class="node missing".*?Mill: not registered', page.text)
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in page.text and " style=" not in page.text
    style = registry.get("/style.css")
    assert style.status == 200 and style.headers["Content-Type"] == "text/css; charset=utf-8" and ".node" in style.text


def test_page_escapes(registry):
    register(registry, "Cook", "8/a&amp;b'c")
    text = registry.get("/").text
    assert "8/a&amp;amp;b&#39;c</span>" in text


def test_page_refreshes(registry):
    assert "http-equiv" not in registry.get("/").text
    assert '<meta http-equiv="refresh" content="5">' in registry.get("/?refresh=5").text
    for wrong in ("1", "x", "", "3601"):
        assert registry.get(f"/?refresh={wrong}").status == 400


def test_page_needs_the_token(registry):
    """A browser can send no Bearer; it asks for a password where it is told Basic."""
    for path in ("/", "/style.css"):
        refused = registry.get(path, token=None)
        assert refused.status == 401 and refused.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert "127.0.0.1" not in refused.text
        for user in ("", "admin", "anybody"):
            assert request(registry.url + path, headers=basic(user, registry.cluster.token)).status == 200
        for wrong in ("", "x", registry.cluster.token[:-1], registry.cluster.token + "0", "a:" + registry.cluster.token, "x" * 2000):
            assert request(registry.url + path, headers=basic("admin", wrong)).status == 401
        for garbage in ("Basic", "Basic !!!", "Basic " + base64.b64encode(registry.cluster.token.encode()).decode(), "Basic YTpi!"):
            assert request(registry.url + path, headers={"Authorization": garbage}).status == 401
    # For the page alone.
    refused = request(registry.url + "/services", headers=basic("admin", registry.cluster.token))
    assert refused.status == 401 and refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_page_of_an_open_registry(open_cluster):
    registry = open_cluster.start("registry")
    assert registry.get("/", token=None).status == 200


def test_page_is_bounded(registry):
    for i in range(520):
        register(registry, f"S{i}", i + 1, RequiredServices=[f"S{i // 2}"])
    text = registry.get("/").text
    assert text.count('<g class="node') == 60 and text.count("<tr ") == 501
    assert "20 more, all no worse" in text and "460 more are not drawn" in text


# ---- backups ----

class Dependant(FakeService):
    """Keeps the patches that it is sent."""

    def __init__(self):
        self.patches = []
        super().__init__()

    def answer(self, handler, body):
        if handler.command == "POST":
            self.patches.append(json.loads(body))
        self.send(handler, 200, "")

    def changes(self):
        """Every change that it was told, as (+ or -, URL), in order."""
        return [(sign, p["URL"]) for patch in list(self.patches) for sign, member in (("+", "Added"), ("-", "Removed"))
                for p in patch[member] or []]

    def knows(self):
        known = set()
        for sign, provider in self.changes():
            (known.add if sign == "+" else known.discard)(provider)
        return known


@pytest.fixture
def dependant(registry):
    d = Dependant()
    answer = registry.post("/services", {"ServiceName": "Diner", "ServiceURL": d.url, "RequiredServices": ["Cook"],
                                         "ServiceUpdateURL": d.url + "/services", "HeartbeatURL": d.url + "/heartbeat"})
    assert answer.status == 200
    yield d
    d.close()


def urls(registry):
    return {s["ServiceURL"].rpartition(":")[2] for s in registry.get("/services").json["Services"] if s["ServiceName"] == "Cook"}


def url(port):
    return f"http://127.0.0.1:{port}"


def seal(backup):
    """With the checksum that belongs to what is in it now."""
    text = json.dumps(backup["Registrations"], separators=(",", ":"), ensure_ascii=False)
    return {**backup, "Checksum": "sha256:" + hashlib.sha256(text.encode()).hexdigest()}


@pytest.fixture
def embedded_alone(registry_store):
    if registry_store:
        pytest.skip("etcd restores its own")


def test_backup(registry):
    register(registry, "Cook", 8, RequiredServices=["Mill"])
    answer = registry.get("/backup")
    backup = answer.json
    assert answer.headers["Cache-Control"] == "no-store"
    assert (backup["Format"], backup["Version"]) == ("gradebook-registry-backup", 1)
    item, = backup["Registrations"]
    assert item["Registration"]["ServiceURL"] == url(8) and item["Registration"]["RequiredServices"] == ["Mill"]
    assert item["State"] == "passing" and item["Since"].endswith("Z")
    assert seal(backup) == backup


@pytest.mark.usefixtures("embedded_alone")
def test_restore_tells_the_difference(registry, dependant):
    register(registry, "Cook", 1)
    register(registry, "Cook", 2)
    backup = registry.get("/backup").json
    registry.request("/services", "DELETE", url(1), headers={"Content-Type": "text/plain"})
    register(registry, "Cook", 2, RequiredServices=["Mill"])
    register(registry, "Cook", 3)
    wait_until(lambda: len(dependant.changes()) == 4, "the dependant knows 2 and 3")
    del dependant.patches[:]
    answer = registry.post("/restore", backup)
    assert answer.status == 200 and answer.json == {"Registrations": 3, "Added": 1, "Changed": 1, "Removed": 1}
    wait_until(lambda: ("-", url(3)) in dependant.changes(), "the dependant hears that 3 is gone")
    # In one patch, so that there is no moment with less than before or after; of 2 nothing.
    assert len(dependant.patches) == 1 and dependant.changes() == [("+", url(1)), ("-", url(3))]
    assert urls(registry) == {"1", "2"}
    # The same again changes nothing and tells nobody.
    assert registry.post("/restore", json.dumps(backup, indent=2), headers={"Content-Type": "application/json"}).json["Changed"] == 0
    register(registry, "Cook", 4)
    wait_until(lambda: len(dependant.patches) == 2, "the next patch")
    assert dependant.changes()[2:] == [("+", url(4))]


@pytest.mark.usefixtures("embedded_alone")
def test_restore_drains(registry, dependant):
    """Which instances are drained is a part of the backup, for those that stay as they are too."""
    text = {"Content-Type": "text/plain"}
    for port in (1, 2, 3):
        register(registry, "Cook", port)
    assert registry.request("/services/drain", "PUT", url(1), headers=text).status == 200
    assert registry.request("/services/drain", "PUT", url(2), headers=text).status == 200
    backup = registry.get("/backup").json
    assert registry.request("/services/drain", "DELETE", url(1), headers=text).status == 200
    assert registry.request("/services/drain", "PUT", url(3), headers=text).status == 200
    assert registry.request("/services", "DELETE", url(2), headers=text).status == 200
    assert registry.post("/restore", backup).status == 200

    def states():
        return {s["ServiceURL"]: s["State"] for s in registry.get("/services/Cook").json["Services"]}
    expected = {url(1): "draining", url(2): "draining", url(3): "passing"}
    assert states() == expected
    registry.kill()
    registry.start()
    assert states() == expected
    wait_until(lambda: dependant.knows() == {url(3)}, "the dependant has the one that is not drained")
    page = registry.get("/").text
    assert page.count('class="badge draining"') == 2 and "2 of 4 instances are draining" in page
    for line in (r"127\.0\.0\.1:\d+ drained http://127\.0\.0\.1:1\.", r"127\.0\.0\.1:\d+ took http://127\.0\.0\.1:1 back into service\."):
        assert re.search(line, registry.stderr), line


@pytest.mark.usefixtures("embedded_alone")
def test_restore_is_durable(cluster, registry):
    for port in (1, 2, 3):
        register(registry, "Cook", port)
    backup = registry.get("/backup").json
    registry.request("/services", "DELETE", url(1), headers={"Content-Type": "text/plain"})
    register(registry, "Cook", 9)
    assert registry.post("/restore", backup).status == 200
    registry.kill()
    registry.start()
    assert urls(registry) == {"1", "2", "3"}


@pytest.mark.usefixtures("embedded_alone")
def test_restore_into_an_empty_registry(cluster, registry, tmp_path):
    """What the administrator does whose disk was lost: who lives is found at once, and of a dead one nobody is told."""
    cluster.configure("registry", {"Registry": {"HeartbeatSec": "1h", "HeartbeatTimeoutSec": "200ms", "RetrySec": "50ms"}})
    registry.stop()
    registry.start()
    alive, dead, diner = FakeService(), FakeService(), Dependant()
    for peer in (alive, dead):
        answer = registry.post("/services", {"ServiceName": "Cook", "ServiceURL": peer.url, "HeartbeatURL": peer.url + "/heartbeat"})
        assert answer.status == 200
    assert registry.post("/services", {"ServiceName": "Diner", "ServiceURL": diner.url, "RequiredServices": ["Cook"],
                                       "ServiceUpdateURL": diner.url, "HeartbeatURL": diner.url}).status == 200
    backup = registry.get("/backup").json
    registry.kill()
    for file in registry.state.glob("registry.db*"):
        file.unlink()
    dead.close()
    del diner.patches[:]
    registry.start()
    assert registry.get("/services").json["Services"] == []
    assert registry.post("/restore", backup).json["Added"] == 3
    wait_until(lambda: ("+", alive.url) in diner.changes(), "the living one is seen, though the interval is an hour")

    def entry(peer):
        return next(s for s in registry.get("/services").json["Services"] if s["ServiceURL"] == peer.url)
    wait_until(lambda: "LastError" in entry(dead), "the dead one was probed")
    assert entry(dead)["State"] == "critical"
    assert not [change for change in diner.changes() if change[1] == dead.url] and ("-", alive.url) not in diner.changes()
    # Nor does another run of the registry say so.
    registry.kill()
    registry.start()
    late = Dependant()
    assert registry.post("/services", {"ServiceName": "Guest", "ServiceURL": late.url, "RequiredServices": ["Cook"],
                                       "ServiceUpdateURL": late.url}).status == 200
    assert late.changes() == [("+", alive.url)]
    late.close()
    alive.close()
    diner.close()


@pytest.mark.usefixtures("embedded_alone")
def test_restore_refuses(registry):
    register(registry, "Cook", 8)
    register(registry, "Cook", 9)
    good = registry.get("/backup").json
    item = good["Registrations"][0]
    wrong = [
        ({**good, "Format": "x"}, "this is no backup"),
        ({**good, "Version": 2}, "of a newer registry"),
        ({**good, "Checksum": "sha256:" + "0" * 64}, "damaged or was changed"),
        ({**good, "Registrations": good["Registrations"][:1]}, "damaged or was changed"),
        ({k: v for k, v in good.items() if k != "Registrations"}, "'Registrations' is missing"),
        (seal({**good, "Registrations": [item, item]}), "has a ServiceURL twice"),
        (seal({**good, "Registrations": [item, 5]}), "Registrations[1]: "),
        (seal({**good, "Registrations": [{**item, "State": "well"}]}), "Registrations[0]: Member 'State'"),
        (seal({**good, "Registrations": [{**item, "Since": "today"}]}), "Registrations[0]: Member 'Since'"),
        (seal({**good, "Registrations": [{**item, "Registration": None}]}), "Registrations[0]: "),
        (seal({**good, "Registrations": [{**item, "Registration": {**item["Registration"], "ServiceURL": "x"}}]}),
         "Registrations[0]: Member 'ServiceURL'"),
    ]
    for document, why in wrong:
        answer = registry.post("/restore", document)
        assert answer.status == 400 and why in answer.json["detail"], (document, answer)
    assert urls(registry) == {"8", "9"}
    assert registry.post("/restore", good, token=None).status == 401
    assert registry.get("/backup", token=None).status == 401
    assert registry.post("/restore", seal({**good, "Registrations": []})).json["Removed"] == 2
    assert urls(registry) == set()


# ---- the record of what was done by hand ----

@pytest.mark.usefixtures("embedded_alone")
def test_audit(registry):
    register(registry, "Cook", 8)
    backup = registry.get("/backup").json
    assert registry.post("/restore", backup).status == 200
    registry.request("/services", "DELETE", url(8), headers={"Content-Type": "text/plain"})
    for line in (r"127\.0\.0\.1:\d+ took a backup of 1 registrations\.",
                 r"127\.0\.0\.1:\d+ restored a backup of 1 registrations: 0 added, 0 changed, 0 removed\.",
                 r"Cook at http://127\.0\.0\.1:8 deregistered, by 127\.0\.0\.1:\d+\."):
        assert re.search(line, registry.stderr), line


# ---- metrics ----

def test_histograms(registry, dependant):
    def metrics():
        return dict(line.rsplit(" ", 1) for line in registry.get("/metrics").text.splitlines() if not line.startswith("#"))
    wait_until(lambda: int(metrics()["gradebook_registry_heartbeat_seconds_count"]) > 0, "a probe was counted")
    before = int(metrics()["gradebook_registry_patch_lag_seconds_count"])
    register(registry, "Cook", 1)
    wait_until(lambda: dependant.changes(), "the dependant was told")
    wait_until(lambda: int(metrics()["gradebook_registry_patch_lag_seconds_count"]) == before + 1, "its patch was counted")
    assert 0 < float(metrics()["gradebook_registry_patch_lag_seconds_sum"]) < 5
    wait_until(lambda: metrics()["gradebook_registry_store_queue"] == "0", "all is on disk")
