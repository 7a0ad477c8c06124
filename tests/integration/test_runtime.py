# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every daemon gets from the runtime, shown on the smallest of them."""

import http.client
import json
import signal
import socket
import subprocess
import threading

import pytest
from fakes import FakeService
from gradebook import BUILD, free_port, request, wait_until


@pytest.fixture
def attendance(cluster):
    return cluster.start("attendance")


def test_every_daemon_answers_help_and_version():
    for name in ("registry", "log", "grading", "portal", "attendance"):
        binary = BUILD / f"gradebook-{name}"
        shown = subprocess.run([binary, "--help"], capture_output=True, text=True, check=True).stdout
        assert f"gradebook-{name}" in shown and "--check-config" in shown
        assert subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.startswith(f"gradebook-{name} ")
        wrong = subprocess.run([binary, "--nonsense"], capture_output=True, text=True)
        assert wrong.returncode == 1 and "nonsense" in wrong.stderr


def test_no_socket_is_a_clear_message(cluster):
    r = subprocess.run([BUILD / "gradebook-attendance", f"--config-dir={cluster.config}"], capture_output=True, text=True)
    assert r.returncode == 1
    assert "systemctl start gradebook-attendance" in r.stderr


def test_configuration_errors_stop_the_start_with_file_and_line(cluster):
    cluster.configure("attendance", {"Attendance": {"Seats": "many"}})
    r = subprocess.run([BUILD / "gradebook-attendance", f"--config-dir={cluster.config}", "--check-config"], capture_output=True, text=True)
    assert r.returncode == 78
    assert "attendance.conf:2" in r.stderr and "Seats=" in r.stderr and "1000" in r.stderr


def test_no_token_is_a_clear_message(cluster):
    (cluster.credentials / "cluster-token").unlink()
    daemon = cluster.daemon("attendance").launch()
    assert daemon.wait() == 78
    assert "cluster-token" in daemon.stderr


def test_refuses_other_addresses_without_tls(cluster):
    listener = socket.socket()
    listener.bind(("0.0.0.0", 0))
    listener.listen()
    daemon = cluster.daemon("attendance", keep_listener=True)
    daemon.listener.close()
    daemon.listener = listener
    daemon.launch()
    assert daemon.wait() == 78
    assert "AllowPlaintext=yes" in daemon.stderr


def test_advertises_the_host_it_is_told(cluster):
    cluster.configure("gradebook", {"Cluster": {"AdvertiseHost": "localhost"}})
    cluster.start("registry")
    attendance = cluster.start("attendance")
    assert cluster.services()["AttendanceService"] == [f"http://localhost:{attendance.port}"]
    cluster.configure("gradebook", {"Cluster": {"AdvertiseHost": "no host"}})
    attendance.stop()
    attendance.launch()
    assert attendance.wait() == 78
    assert "AdvertiseHost=no host" in attendance.stderr


def test_why_a_start_failed_reaches_the_central_log_with_the_next_start(cluster):
    cluster.start("registry")
    log = cluster.start("log")
    cluster.configure("attendance", {"Attendance": {"Seats": "none"}})
    attendance = cluster.daemon("attendance")
    for _ in range(2):
        attendance.launch()
        assert attendance.wait() == 78
    cluster.configure("attendance", {})
    attendance.start()

    def told():
        return log.get("/log?n=100").text.count("Seats=none")
    wait_until(lambda: told() >= 2, "both failures are in the central log")
    assert told() == 2


def test_routes_answer_as_the_table_says(attendance):
    assert attendance.get("/attendance").json == {"Present": 0}
    head = attendance.request("/attendance", "HEAD")
    assert head.status == 200 and head.body == b"" and head.headers["Content-Length"] == "13"
    wrong = attendance.request("/attendance", "PUT")
    assert wrong.status == 405 and wrong.headers["Allow"] == "GET, HEAD, POST"
    assert wrong.headers["Content-Type"] == "application/problem+json"
    unknown = attendance.get("/nothing")
    assert unknown.status == 404 and unknown.json["status"] == 404
    large = attendance.post("/attendance", b"x" * 10_000_000)
    assert large.status == 413 and "4096" in large.json["detail"]
    assert attendance.get("/attendance").json == {"Present": 0}


def test_chunked_bodies_are_bounded_too(attendance, cluster):
    connection = http.client.HTTPConnection("127.0.0.1", attendance.port, timeout=10)
    connection.request("POST", "/attendance", body=(b"x" * 1000 for _ in range(100)), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked", "Authorization": f"Bearer {cluster.token}"})
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("header", [b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked, chunked",
                                    b"Content-Length: 3\r\nTransfer-Encoding: chunked", b"Content-Length : 3", b"X: a\rContent-Length: 3"])
def test_no_head_has_two_readings(attendance, header):
    with socket.create_connection(("127.0.0.1", attendance.port), 10) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + header + b"\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b""
        while data := s.recv(65536):
            answer += data
    assert answer.count(b"HTTP/1.1 ") == 1 and answer.startswith(b"HTTP/1.1 400") and b"Connection: close" in answer, answer


GET_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


def test_who_is_quiet_keeps_nobody_out(cluster):
    cluster.configure("gradebook", {"HTTP": {"MaxConnections": "3"}, "Cluster": {"RegisterSec": "1h"}})
    attendance = cluster.start("attendance")

    def connect(sent):
        s = socket.create_connection(("127.0.0.1", attendance.port), 10)
        s.sendall(sent)
        return s
    dribbling, idle = connect(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: "), connect(GET_HEALTH)
    assert idle.recv(15) == b"HTTP/1.1 200 OK"
    for _ in range(10):
        assert connect(GET_HEALTH).recv(15) == b"HTTP/1.1 200 OK"
    assert dribbling.recv(1) == b""
    assert attendance.stderr.count("that MaxConnections= allows: for each new one") == 1


def test_one_connection_at_a_time_serves_all(cluster):
    cluster.configure("gradebook", {"HTTP": {"MaxConnections": "1"}, "Cluster": {"RegisterSec": "1h"}})
    attendance = cluster.start("attendance")
    connections = [socket.create_connection(("127.0.0.1", attendance.port), 10) for _ in range(3)]
    for s in connections:
        s.sendall(GET_HEALTH)
    for s in connections:
        answer = b""
        while data := s.recv(65536):
            answer += data
        assert answer.startswith(b"HTTP/1.1 200 OK") and b"Connection: close" in answer


def test_a_page_of_another_site_changes_nothing(open_cluster):
    daemon = open_cluster.start("attendance")
    refused = daemon.post("/attendance", {"Present": 3}, headers={"Sec-Fetch-Site": "cross-site"}, token=None)
    assert refused.status == 403
    assert daemon.get("/attendance", token=None).json == {"Present": 0}
    assert daemon.post("/attendance", {"Present": 3}, headers={"Sec-Fetch-Site": "same-origin"}, token=None).status == 204


def test_the_token_is_needed_except_for_health(attendance):
    assert attendance.get("/healthz", token=None).status == 200
    for path in ("/attendance", "/metrics", "/heartbeat"):
        refused = attendance.get(path, token=None)
        assert refused.status == 401 and refused.headers["WWW-Authenticate"].startswith("Bearer")
        assert attendance.get(path, token="0" * 64).status == 401
        assert attendance.get(path).status == 200


def test_patches_are_applied_once_and_kept_over_a_restart(attendance):
    patch = {"Added": [{"Name": "LogService", "URL": "http://127.0.0.1:1"}], "Removed": None}
    for _ in range(2):
        assert attendance.post("/services", patch).status == 200
    assert attendance.get("/healthz").json["Missing"] == []
    assert "gradebook_providers 1" in attendance.get("/metrics").text
    attendance.stop()
    attendance.start()
    assert attendance.get("/healthz").json["Missing"] == []
    assert attendance.post("/services", {"Removed": patch["Added"]}).status == 200
    assert attendance.get("/healthz").json["Missing"] == ["LogService"]
    bad = attendance.post("/services", {"Added": [{"Name": "LogService"}]})
    assert bad.status == 400 and "URL" in bad.json["detail"]


def test_reload_keeps_the_old_configuration_when_the_new_is_bad(attendance, cluster):
    assert attendance.post("/attendance", {"Present": 31}).status == 400
    cluster.configure("attendance", {"Attendance": {"Seats": "40"}})
    attendance.signal(signal.SIGHUP)
    attendance.wait_notify("RELOADING=1")
    attendance.wait_notify("READY=1")
    assert attendance.post("/attendance", {"Present": 31}).status == 204
    cluster.configure("attendance", {"Attendance": {"Seats": "0"}})
    attendance.signal(signal.SIGHUP)
    attendance.wait_notify("RELOADING=1")
    attendance.wait_notify("READY=1")
    assert attendance.post("/attendance", {"Present": 40}).status == 204
    assert "attendance.conf:2" in attendance.stderr


def test_a_restart_fails_no_request(cluster):
    daemon = cluster.daemon("attendance", keep_listener=True).start()
    stop, failures, served = threading.Event(), [], [0]

    def load():
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)
        while not stop.is_set():
            try:
                connection.request("GET", "/attendance", headers={"Authorization": f"Bearer {cluster.token}"})
                answer = connection.getresponse()
                answer.read()
                served[0] += 1
                if answer.status != 200:
                    failures.append(answer.status)
                if answer.headers["Connection"] == "close":
                    connection.close()
            except OSError as e:
                failures.append(e)
                connection.close()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        for _ in range(5):
            daemon.stop()
            before = served[0]
            daemon.start()
            wait_until(lambda before=before: served[0] > before + 20, "requests are served after the restart")
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert failures == []


def test_an_idle_connection_does_not_hold_up_the_end(attendance):
    with socket.create_connection(("127.0.0.1", attendance.port)) as idle:
        attendance.stop()
        assert idle.recv(1) == b""


def test_registers_is_discovered_and_leaves(cluster):
    cluster.start("registry")
    log = cluster.start("log")
    attendance = cluster.start("attendance")
    assert cluster.services()["AttendanceService"] == [attendance.url]
    assert attendance.get("/healthz").json == {"Status": "ok", "Service": "gradebook-attendance",
                                               "Version": attendance.get("/healthz").json["Version"], "Missing": []}
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert attendance.post("/attendance", {"Present": 7}, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}).status == 204

    def record():
        lines = log.get("/log?n=100", headers={"Accept": "application/x-ndjson"}).text.splitlines()
        return [r for r in map(json.loads, lines) if r["Message"] == "7 students are present"]
    found = wait_until(record, "the line is in the central log")
    assert len(found) == 1 and found[0]["RequestID"] == trace and found[0]["Service"] == "gradebook-attendance"
    attendance.stop()
    assert "AttendanceService" not in cluster.services()


def test_leaves_a_registry_that_has_not_answered_yet(cluster):
    answer = threading.Event()

    class Slow(FakeService):
        def answer(self, handler, body):
            if handler.command == "POST":
                answer.wait(10)
            self.send(handler, 200, "")
    registry = Slow(port=cluster.registry_port)
    attendance = cluster.daemon("attendance").launch()
    wait_until(lambda: registry.requests, "the registration is on its way")
    attendance.stop()
    answer.set()
    registry.close()
    assert [(r[0], r[3]) for r in registry.requests[1:]] == [("DELETE", attendance.url.encode())]


def test_a_busy_registry_is_told_of_the_end(cluster):
    """One that was not would probe the socket, which systemd keeps, and so start what was stopped."""
    class Busy(FakeService):
        def answer(self, handler, body):
            if handler.command == "DELETE":
                threading.Event().wait(0.7)
            self.send(handler, 200, "")
    registry = Busy(port=cluster.registry_port)
    attendance = cluster.start("attendance")
    wait_until(lambda: "Registered" in attendance.stderr, "it is registered")
    attendance.stop()
    registry.close()
    assert "Could not deregister" not in attendance.stderr


def test_reload_moves_to_another_registry(cluster):
    cluster.start("registry")
    attendance = cluster.start("attendance")
    assert "AttendanceService" in cluster.services()
    other = cluster.start("registry", port=free_port())
    cluster.configure("gradebook", {"Cluster": {"RegistryURL": other.url, "RegisterSec": "1h"}, "Log": {"Ship": "no"}})
    attendance.signal(signal.SIGHUP)
    wait_until(lambda: [s["ServiceURL"] for s in other.get("/services").json["Services"]] == [attendance.url], "the new registry knows it")
    assert cluster.services() == {}
    assert f"with the registry {other.url}" in attendance.stderr and "Ship=" in attendance.stderr
    attendance.stop()
    assert other.get("/services").json["Services"] == []


def test_of_several_registries_the_next_takes_over(cluster):
    first, second = cluster.daemon("registry").start(), cluster.daemon("registry", port=free_port()).start()
    cluster.configure("gradebook", {"Cluster": {"RegistryURL": f"http://127.0.0.1:{free_port()}, {first.url} {second.url}"}})
    attendance = cluster.start("attendance")
    assert cluster.services() == {"AttendanceService": [attendance.url]}
    first.kill()
    wait_until(lambda: [s["ServiceURL"] for s in second.get("/services").json["Services"]] == [attendance.url], "the next one knows it")
    wait_until(lambda: "not registered" not in attendance.status, "its status says nothing of it any more")
    first.start()
    attendance.signal(signal.SIGHUP)
    attendance.wait_notify("READY=1")
    assert attendance.stderr.count("Registered AttendanceService") == 2 and f"with the registry {second.url}" in attendance.stderr
    run = subprocess.run([BUILD / "gradebookctl", f"--config-dir={cluster.config}", f"--token-file={cluster.credentials / 'cluster-token'}",
                          "--json", "services"], stdout=subprocess.PIPE, check=True, timeout=20)
    assert json.loads(run.stdout)["Services"][0]["ServiceURL"] == attendance.url
    attendance.stop()
    assert second.get("/services").json["Services"] == []


def test_killed_is_noticed_at_once(cluster):
    cluster.configure("registry", {"Registry": {"HeartbeatSec": "1min"}})
    cluster.start("registry")
    attendance = cluster.start("attendance")
    url = cluster.registry_url + "/services"

    def probed():
        return request(url, token=cluster.token).json["Services"][0].get("LastCheck")
    wait_until(probed, "the registry has had a heartbeat")
    attendance.kill()
    wait_until(lambda: "AttendanceService" not in cluster.services(), "the registry sees the death long before the next heartbeat")


# One of several

INSTANCE = {"GRADEBOOK_UNIT_INSTANCE": "7001"}


@pytest.mark.parametrize("name", ["registry", "log", "grading"])
def test_an_instance_with_a_store_of_its_own_does_not_start(cluster, name):
    daemon = cluster.daemon(name, environment=INSTANCE).launch()
    assert daemon.wait() == 78
    assert f"Not starting gradebook-{name}@7001.service as one of several: " in daemon.stderr
    assert [path.name for path in daemon.state.iterdir()] == ["log.spool"]


def test_an_instance_that_shares_what_is_kept_starts(cluster):
    cluster.configure("log", {"Store": {"SeparateFiles": "yes"}})
    for name in ("log", "portal", "attendance"):
        cluster.daemon(name, environment=INSTANCE).start()
