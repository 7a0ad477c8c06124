# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is answered as saved is on the disk: a kill leaves the kernel's cache alone, so here the disk itself refuses."""

import pytest
from fakes import FakeService
from gradebook import BUILD, request, wait_until
from test_discovery import Stream
from test_registry import Peer

NICK = {"ID": 1, "FirstName": "Nick", "LastName": "Carter"}
GRADE = {"Title": "Quiz 1", "Type": "Quiz", "Score": 85}


@pytest.fixture
def failing(tmp_path):
    """The file whose existence makes every fsync() fail, and what to start a daemon with."""
    switch = tmp_path / "no-fsync"
    environment = {"LD_PRELOAD": str(BUILD / "fail-fsync.so"), "FAIL_FSYNC": str(switch), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    return switch, environment


@pytest.mark.sqlite
def test_a_grade_is_acknowledged_only_when_it_is_on_disk(cluster, failing):
    switch, environment = failing
    grading = cluster.daemon("grading", environment=environment).start()
    assert grading.post("/students", NICK).status == 201
    before = grading.get("/students/1").json
    switch.touch()
    assert grading.post("/students/1/grades", GRADE).status >= 500
    assert grading.post("/students", {**NICK, "ID": 2}).status >= 500
    assert grading.get("/students/1").json == before
    switch.unlink()
    assert grading.post("/students/1/grades", GRADE).status == 201
    grading.kill()
    grading.start()
    assert grading.get("/students/1").json["Grades"] == [GRADE]
    assert grading.get("/students/2").status == 404


def test_a_log_line_is_acknowledged_only_when_it_is_on_disk(cluster, failing):
    switch, environment = failing
    log = cluster.daemon("log", environment=environment).start()
    assert log.post("/log", "before").status == 200
    switch.touch()
    assert log.post("/log", "refused").status >= 500
    assert log.get("/log").status == 200
    switch.unlink()
    assert log.post("/log", "after").status == 200
    log.kill()
    log.start()
    messages = [line.rpartition(": ")[2] for line in log.get("/log?n=1000").text.splitlines()]
    assert messages.count("before") == messages.count("after") == 1 and "refused" not in messages


def test_a_registration_is_acknowledged_only_when_it_is_on_disk(cluster, failing):
    switch, environment = failing
    registry = cluster.daemon("registry", environment=environment).start()
    switch.touch()
    service = {"ServiceName": "ReportService", "ServiceURL": "http://127.0.0.1:9"}
    assert request(cluster.registry_url + "/services", "POST", service, token=cluster.token).status >= 500
    assert cluster.services() == {}
    switch.unlink()
    assert registry.post("/services", service).status == 200
    registry.kill()
    registry.start()
    assert cluster.services() == {"ReportService": ["http://127.0.0.1:9"]}


@pytest.fixture
def holding(tmp_path):
    """The file whose existence makes every fsync() wait, the one that lets one through, and what to start a daemon with."""
    switch = tmp_path / "hold-fsync"
    environment = {"LD_PRELOAD": str(BUILD / "hold-fsync.so"), "HOLD_FSYNC": str(switch), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    yield switch, switch.with_name("hold-fsync.pass"), environment
    switch.unlink(missing_ok=True)


def test_nobody_is_told_of_what_is_not_on_disk(cluster, holding):
    """Two die, one while the death of the other is being written: what is told then is the first alone."""
    switch, let_through, environment = holding
    cluster.configure("registry", {"Registry": {"HeartbeatSec": "1s", "RetrySec": "50ms"}})
    registry = cluster.daemon("registry", keep_listener=True, environment=environment).start()
    client = Peer(registry, "Client", ["Cook"])
    client.register()
    cooks = [FakeService() for _ in range(3)]

    def entry(cook):
        return next(s for s in registry.get("/services/Cook").json["Services"] if s["ServiceURL"] == cook.url)

    def queued():
        """Writes that are not on disk."""
        lines = registry.get("/metrics").text.splitlines()
        return int(next(line for line in lines if line.startswith("gradebook_registry_store_queue ")).split()[1])

    def knows(*expected):
        return client.providers == {("Cook", cook.url) for cook in expected}

    for cook in cooks:
        assert registry.post("/services", {"ServiceName": "Cook", "ServiceURL": cook.url, "HeartbeatURL": cook.url}).status == 200
    wait_until(lambda: knows(*cooks), "the client knows all")
    wait_until(lambda: not registry.get("/services/Client").json["Services"][0]["PatchPending"], "the registry knows that it does")
    # After a stop in good order all is on disk: the next write is that of the first death.
    registry.stop()
    registry.start()
    for cook in cooks:
        wait_until(lambda cook=cook: "RTTMicroseconds" in entry(cook), "it was probed")
    stream = Stream(registry, "?service=Cook")
    first, second, third = cooks

    waits = switch.with_name("hold-fsync.waits")
    switch.touch()
    for cook in (first, second):
        cook.close()
        wait_until(lambda cook=cook: entry(cook)["State"] == "critical", "the registry knows of its death")
        wait_until(waits.exists, "the first is being written: the second is not in the same write")
    # It answers others meanwhile, and has had time to tell.
    for _ in range(20):
        registry.get("/services")
    assert knows(*cooks) and stream.events == []
    # The first write to a new log takes more than one.
    before = queued()
    while queued() == before:
        let_through.touch()
        wait_until(lambda: not let_through.exists() and waits.exists(), "one is let through, and the next waits")
        registry.get("/services")
    wait_until(lambda: knows(second, third), "the client hears of the first")
    wait_until(lambda: stream.names() == ["critical", "removed"], "and so do all who follow")
    assert {data["ServiceURL"] for _, data in stream.events} == {first.url}
    for _ in range(20):
        registry.get("/services")
    assert knows(second, third) and len(stream.events) == 2

    registry.kill()
    switch.unlink()
    registry.start()
    assert entry(first)["State"] == "critical"
    wait_until(lambda: knows(third), "the client hears of the second from the next run")
    client.die()
    third.close()
