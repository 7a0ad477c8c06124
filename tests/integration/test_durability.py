# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is answered as saved is on the disk: a kill leaves the kernel's cache alone, so here the disk itself refuses."""

import pytest
from gradebook import BUILD, request

NICK = {"ID": 1, "FirstName": "Nick", "LastName": "Carter"}
GRADE = {"Title": "Quiz 1", "Type": "Quiz", "Score": 85}


@pytest.fixture
def failing(tmp_path):
    """The file whose existence makes every fsync() fail, and what to start a daemon with."""
    switch = tmp_path / "no-fsync"
    environment = {"LD_PRELOAD": str(BUILD / "fail-fsync.so"), "FAIL_FSYNC": str(switch), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    return switch, environment


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
