# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one client may do to the registry, and have it do to others."""

import concurrent.futures
import http.client
import json

import pytest
from gradebook import request
from test_registry import Peer, peers, registry  # noqa: F401


def record(port, host="127.0.0.1", **changes):
    return {"ServiceName": "A", "ServiceURL": f"http://{host}:{port}", **changes}


def post_from(address, daemon, body):
    """POST /services from another address of the loopback; its status and headers."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10, source_address=(address, 0))
    connection.request("POST", "/services", json.dumps(body), {"Authorization": f"Bearer {daemon.cluster.token}",
                                                               "Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers


def test_one_address_registers_so_many(cluster):
    cluster.configure("registry", {"Registry": {"MaxPerSource": "3"}})
    registry = cluster.start("registry")
    for port in (1, 2, 3):
        assert registry.post("/services", record(port)).status == 200
    answer = registry.post("/services", record(4))
    assert answer.status == 429 and "MaxPerSource=" in answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    # What is there may be renewed and changed, others may come, and who goes makes room.
    assert registry.post("/services", record(1)).status == 200
    assert registry.post("/services", record(1, RequiredServices=["B"])).status == 200
    assert post_from("127.0.0.2", registry, record(5))[0] == 200
    assert registry.request("/services", "DELETE", "http://127.0.0.1:2").status == 200
    assert registry.post("/services", record(4)).status == 200
    assert registry.post("/services", record(6)).status == 429
    assert len(registry.get("/services").json["Services"]) == 4

    # Who renews after a restart of the registry counts again.
    registry.kill()
    registry.start()
    for port in (1, 3, 4):
        assert registry.post("/services", record(port)).status == 200
    assert registry.post("/services", record(6)).status == 429


def test_many_at_once_do_not_slip_through(cluster):
    cluster.configure("registry", {"Registry": {"MaxPerSource": "5"}})
    registry = cluster.start("registry")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda port: registry.post("/services", record(port)).status, range(1, 65)))
    assert (statuses.count(200), statuses.count(429)) == (5, 59)


def test_one_address_changes_so_much(cluster):
    cluster.configure("registry", {"Registry": {"RegistrationsPerSec": "1", "RegistrationsBurst": "3"}})
    registry = cluster.start("registry")
    statuses = [registry.post("/services", record(port)).status for port in range(1, 9)]
    assert statuses[:3] == [200] * 3 and 429 in statuses[3:]
    answer = registry.post("/services", record(20))
    assert answer.status == 429 and "RegistrationsPerSec=" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "1"
    # Renewals are no changes; another address has its own share; an end is a change.
    for _ in range(20):
        assert registry.post("/services", record(1), headers={"Gradebook-Instance": "one"}).status == 200
    assert post_from("127.0.0.2", registry, record(30))[0] == 200
    assert 429 in [registry.request("/services", "DELETE", f"http://127.0.0.1:{port}").status for port in (1, 2, 3)]


def test_a_thousand_at_once_are_no_flood(registry):
    for port in range(1, 1001):
        assert registry.post("/services", record(port)).status == 200
    assert len(registry.get("/services/A").json["Services"]) == 1000


@pytest.mark.parametrize("member", ["ServiceURL", "ServiceUpdateURL", "HeartbeatURL"])
@pytest.mark.parametrize("target", ["http://192.0.2.1:80", "http://[2001:db8::1]:80/x", "http://other.example/x", "http://[::ffff:192.0.2.1]"])
def test_nobody_has_the_registry_talk_to_others(registry, member, target):
    answer = registry.post("/services", record(1, **{member: target}))
    assert answer.status == 403 and f"Member '{member}'" in answer.json["detail"], answer
    assert registry.get("/services").json["Services"] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1.2.3"])
def test_one_machine_needs_no_setting(registry, host):
    assert registry.post("/services", record(1, host)).status == 200


def test_foreign_targets_can_be_allowed(cluster):
    cluster.configure("registry", {"Registry": {"AllowForeignTargets": "yes"}})
    registry = cluster.start("registry")
    assert registry.post("/services", record(1, "other.example")).status == 200


def test_a_wrong_token_tells_nothing(registry):
    """Whatever is asked for, and however wrong the token is: the same answer."""
    assert registry.post("/services", record(1)).status == 200
    tokens = [None, "x", registry.cluster.token[:-1], registry.cluster.token + "x", registry.cluster.token[:-1] + "\u007e", "0" * 64]
    questions = [("GET", "/services", None), ("GET", "/services/A", None), ("GET", "/services/B", None),
                 ("POST", "/services", json.dumps(record(1))), ("POST", "/services", "{"), ("DELETE", "/services", "http://127.0.0.1:1"),
                 ("DELETE", "/services", "http://127.0.0.1:2"), ("PUT", "/services/drain", "http://127.0.0.1:1")]
    answers = set()
    for token in tokens:
        for method, path, body in questions:
            answer = request(registry.url + path, method, body, token=token)
            assert answer.status == 401
            problem = answer.json
            problem.pop("requestId", None)
            answers.add((json.dumps(problem, sort_keys=True), answer.headers["WWW-Authenticate"]))
    assert len(answers) == 1
    assert len(registry.get("/services").json["Services"]) == 1
