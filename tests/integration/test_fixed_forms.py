# SPDX-License-Identifier: LGPL-2.1-or-later
"""The forms of the protocol exactly as other implementations speak them, sent by curl, without a token."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


def curl(*arguments):
    """Status and body."""
    out = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", *arguments], capture_output=True, text=True, check=True).stdout
    body, _, status = out.rpartition("\n")
    return int(status), body


class Peer:
    """A service of another make: no token, no trace, HTTP/1.0."""

    def __init__(self):
        peer = self
        self.patches = []
        self.heartbeats = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                peer.heartbeats += 1
                self.send_response(200)
                self.end_headers()

            def do_POST(self):
                peer.patches.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def peer():
    p = Peer()
    yield p
    p.close()


def registration(peer, name="ReportService", **members):
    return json.dumps({"ServiceName": name, "ServiceURL": peer.url, "RequiredServices": ["LogService"],
                       "ServiceUpdateURL": peer.url + "/services", "HeartbeatURL": peer.url + "/heartbeat", **members})


def test_registration_patch_and_deregistration(open_cluster, peer):
    registry = open_cluster.start("registry")
    log = open_cluster.start("log")
    assert curl(registry.url + "/services", "-d", registration(peer))[0] == 200
    # The patch was there before the answer.
    assert peer.patches == [{"Added": [{"Name": "LogService", "URL": log.url}], "Removed": []}]
    assert open_cluster.services()["ReportService"] == [peer.url]
    assert curl("-X", "DELETE", registry.url + "/services", "-d", peer.url)[0] == 200
    assert curl("-X", "DELETE", registry.url + "/services", "-d", peer.url)[0] == 404
    assert "ReportService" not in open_cluster.services()


@pytest.mark.parametrize("members", [{"RequiredServices": None}, {"RequiredServices": []}, {}])
def test_the_newcomer_gets_a_patch_even_when_it_is_empty(open_cluster, peer, members):
    registry = open_cluster.start("registry")
    assert curl(registry.url + "/services", "-d", registration(peer, **members))[0] == 200
    assert peer.patches == [{"Added": [], "Removed": []}]


def test_optional_members_may_be_absent(open_cluster, peer):
    registry = open_cluster.start("registry")
    least = json.dumps({"ServiceName": "ReportService", "ServiceURL": peer.url})
    assert curl(registry.url + "/services", "-d", least)[0] == 200
    assert open_cluster.services()["ReportService"] == [peer.url]
    assert peer.patches == []


def test_patch_and_heartbeat_of_our_own_services(open_cluster):
    grading = open_cluster.start("grading")
    assert curl(grading.url + "/heartbeat")[0] == 200
    for body in ('{"Added":[{"Name":"LogService","URL":"http://127.0.0.1:4000"}],"Removed":[]}', '{"Added":null,"Removed":null}', "{}",
                 '{"Removed":[{"Name":"LogService","URL":"http://127.0.0.1:4000"}]}'):
        assert curl(grading.url + "/services", "-d", body)[0] == 200


def test_log_line(open_cluster):
    log = open_cluster.start("log")
    assert curl(log.url + "/log", "-H", "Content-Type: text/plain", "-d", "one line of text")[0] == 200
    assert curl(log.url + "/log", "-d", "another, as curl sends it by itself")[0] == 200
    assert curl(log.url + "/log", "-H", "Content-Type: text/plain", "-d", "")[0] == 400
    status, text = curl(log.url + "/log?n=10")
    assert status == 200 and "one line of text" in text and "another, as curl sends it by itself" in text


def test_grading(open_cluster):
    grading = open_cluster.start("grading")
    assert curl(grading.url + "/students") == (200, "[]")
    assert curl(grading.url + "/students", "-d", '{"ID":1,"FirstName":"Nick","LastName":"Carter"}')[0] == 201
    status, body = curl(grading.url + "/students/1/grades", "-d", '{"Title":"Quiz 1","Type":"Quiz","Score":85}')
    assert status == 201 and json.loads(body) == {"Title": "Quiz 1", "Type": "Quiz", "Score": 85}
    status, body = curl(grading.url + "/students/1")
    student = {"ID": 1, "FirstName": "Nick", "LastName": "Carter", "Grades": [{"Title": "Quiz 1", "Type": "Quiz", "Score": 85}]}
    assert status == 200 and json.loads(body) == student
    assert json.loads(curl(grading.url + "/students")[1]) == [student]
    assert curl(grading.url + "/students/2")[0] == 404
    assert curl(grading.url + "/students/2/grades", "-d", '{"Title":"Quiz 1","Type":"Quiz","Score":85}')[0] == 404


def test_portal(open_cluster):
    _, grading = open_cluster.start("registry", "grading")
    portal = open_cluster.start("portal")
    assert curl(grading.url + "/students", "-d", '{"ID":1,"FirstName":"Nick","LastName":"Carter"}')[0] == 201
    for score in ("85", "94", "82"):
        status, _ = curl(portal.url + "/students/1/grades", "-d", "Title=Quiz", "-d", "Type=Quiz", "-d", f"Score={score}")
        assert status == 303
    head = subprocess.run(["curl", "-si", portal.url + "/"], capture_output=True, text=True, check=True).stdout
    assert head.startswith("HTTP/1.1 308") and "\nLocation: /students\n" in head
    status, page = curl(portal.url + "/students")
    assert status == 200 and "Nick" in page and "87.0%" in page
    status, page = curl(portal.url + "/students/1")
    assert status == 200 and all(name in page for name in ('name="Title"', 'name="Type"', 'name="Score"'))


@pytest.mark.parametrize("method, service, path, body", [
    ("POST", "registry", "/services", '{"ServiceName":"A","ServiceURL":"http://127.0.0.1:9"}'),
    ("DELETE", "registry", "/services", "http://127.0.0.1:9"),
    ("POST", "grading", "/services", "{}"),
    ("POST", "log", "/log", "a line"),
    ("POST", "grading", "/students/1/grades", '{"Title":"Quiz 1","Type":"Quiz","Score":85}'),
    ("GET", "grading", "/students", None),
    ("GET", "log", "/log", None),
    ("GET", "portal", "/api/GradingService/students", None),
])
def test_without_a_token_where_one_is_needed(cluster, method, service, path, body):
    daemon = cluster.start(service)
    arguments = ["-X", method, daemon.url + path] + (["-d", body] if body else [])
    assert curl(*arguments)[0] == 401
    assert curl(*arguments, "-H", "Authorization: Bearer " + "0" * 64)[0] == 401
    assert curl(*arguments, "-H", f"Authorization: Bearer {cluster.token}")[0] != 401
