# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input to every route: the right 4xx, problem+json (or a page, from the portal) that names the member, nothing changed."""

import errno
import re
import socket

import pytest

GRADE = {"Title": "Quiz 1", "Type": "Quiz", "Score": 85}
NICK = {"ID": 1, "FirstName": "Nick", "LastName": "Carter"}

# For every route that takes a JSON object.
NO_OBJECT = [b"", b"{", b"[]", b"null", b"1", b'"text"', b"NaN", b"{}{}", b'{"a":1}x', b"{'a':1}", b'{"a":\x80}', b'{"a":"\xed\xa0\x80"}',
             b'{"a":"\xc0\xaf"}', b"\x00", b'{"a":' * 1000 + b"1" + b"}" * 1000, b"[" * 100000, b"\xff\xfe{}", b'{"a":"\x01"}']
JSON_ROUTES = [("registry", "/services"), ("grading", "/services"), ("grading", "/students"), ("grading", "/students/1/grades")]

# Member by member: route, body, the name that the answer must have in its detail.
MEMBERS = [
    ("grading", "/students/1/grades", {**GRADE, "Score": "85"}, "Score"),
    ("grading", "/students/1/grades", {**GRADE, "Score": 101}, "Score"),
    ("grading", "/students/1/grades", {**GRADE, "Score": -1}, "Score"),
    ("grading", "/students/1/grades", {**GRADE, "Score": 85.555}, "Score"),
    ("grading", "/students/1/grades", {**GRADE, "Score": None}, "Score"),
    ("grading", "/students/1/grades", {**GRADE, "Score": True}, "Score"),
    ("grading", "/students/1/grades", b'{"Title":"Q","Type":"Quiz","Score":1e999}', "Score"),
    ("grading", "/students/1/grades", b'{"Title":"Q","Type":"Quiz","Score":99999999999999999999999999}', "Score"),
    ("grading", "/students/1/grades", {"Title": "Q", "Type": "Quiz"}, "Score"),
    ("grading", "/students/1/grades", {**GRADE, "Type": "Essay"}, "Type"),
    ("grading", "/students/1/grades", {**GRADE, "Type": 1}, "Type"),
    ("grading", "/students/1/grades", {"Title": "Q", "Score": 85}, "Type"),
    ("grading", "/students/1/grades", {**GRADE, "Title": ""}, "Title"),
    ("grading", "/students/1/grades", {**GRADE, "Title": "x" * 5000}, "Title"),
    ("grading", "/students/1/grades", {**GRADE, "Title": "a\nb"}, "Title"),
    ("grading", "/students/1/grades", {**GRADE, "Title": ["Quiz"]}, "Title"),
    ("grading", "/students", {"FirstName": "Nick"}, "LastName"),
    ("grading", "/students", {**NICK, "FirstName": 1}, "FirstName"),
    ("grading", "/students", {**NICK, "ID": 0}, "ID"),
    ("grading", "/students", {**NICK, "ID": -1}, "ID"),
    ("grading", "/students", {**NICK, "ID": 1.5}, "ID"),
    ("grading", "/students", {**NICK, "ID": 2 ** 64}, "ID"),
    ("grading", "/students", {**NICK, "ID": "1"}, "ID"),
    ("grading", "/services", {"Added": {}}, "Added"),
    ("grading", "/services", {"Added": [1]}, "Added"),
    ("grading", "/services", {"Removed": [{"Name": "LogService"}]}, "URL"),
    ("registry", "/services", {"ServiceURL": "http://127.0.0.1:9"}, "ServiceName"),
    ("registry", "/services", {"ServiceName": "A"}, "ServiceURL"),
    ("registry", "/services", {"ServiceName": "A b", "ServiceURL": "http://127.0.0.1:9"}, "ServiceName"),
    ("registry", "/services", {"ServiceName": 7, "ServiceURL": "http://127.0.0.1:9"}, "ServiceName"),
    ("registry", "/services", {"ServiceName": "A", "ServiceURL": "ftp://127.0.0.1:9"}, "ServiceURL"),
    ("registry", "/services", {"ServiceName": "A", "ServiceURL": "http://user:pw@127.0.0.1:9"}, "ServiceURL"),
    ("registry", "/services", {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:99999"}, "ServiceURL"),
    ("registry", "/services", {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:9", "HeartbeatURL": 1}, "HeartbeatURL"),
    ("registry", "/services", {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:9", "ServiceUpdateURL": "x"}, "ServiceUpdateURL"),
    ("registry", "/services", {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:9", "RequiredServices": "LogService"}, "RequiredServices"),
    ("registry", "/services", {"ServiceName": "A", "ServiceURL": "http://127.0.0.1:9", "RequiredServices": [1]}, "RequiredServices"),
]

ALL = ["registry", "log", "grading", "portal"]
WRONG_METHODS = [("registry", "PUT", "/services"), ("grading", "DELETE", "/students"), ("grading", "PUT", "/students/1"),
                 ("grading", "PATCH", "/students/1/grades"), ("log", "DELETE", "/log"), ("portal", "PUT", "/students"),
                 ("portal", "POST", "/students/1"), *((name, "POST", "/healthz") for name in ALL), *((name, "DELETE", "/metrics") for name in ALL)]
PATHS = ["/../etc/passwd", "/students/../students/1", "/%2e%2e/etc/passwd", "/students/%2e%2e/1", "//students", "/students//1", "/students/1%00",
         "/students/1%2fgrades", "/students/%zz", "/students/%", "/students/1/", "/students/\\..\\1", "/students/%ff", "/students/0", "/students/-1",
         "/students/1e0", "/students/18446744073709551616", "/students/" + "1" * 3000, "/students/..;/1", "/students/１"]


@pytest.fixture(scope="module")
def daemons(tmp_path_factory):
    import gradebook
    cluster = gradebook.Cluster(tmp_path_factory.mktemp("bad-input"))
    try:
        names = dict(zip(ALL, cluster.start(*ALL)))
        assert names["grading"].post("/students", NICK).status == 201
        assert names["grading"].post("/students/1/grades", GRADE).status == 201
        yield names
    finally:
        cluster.close()


@pytest.fixture
def unchanged(daemons):
    def state():
        services = sorted((s["ServiceName"], s["ServiceURL"]) for s in daemons["registry"].get("/services").json["Services"])
        return daemons["grading"].get("/students").json, services
    before = state()
    yield
    assert state() == before


def is_problem(answer, status):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == status and answer.json["title"] and answer.json["detail"]
    # By which the lines about it are found in the journal and the central log.
    assert re.fullmatch("[0-9a-f]{32}", answer.json["requestId"])
    return answer.json["detail"]


@pytest.mark.parametrize("service, path", JSON_ROUTES)
@pytest.mark.parametrize("body", NO_OBJECT, ids=lambda b: repr(b[:20]))
def test_no_json_object(daemons, unchanged, service, path, body):
    # 413 where what is wrong is the length first of all.
    answer = daemons[service].post(path, body, headers={"Content-Type": "application/json"})
    is_problem(answer, 413 if answer.status == 413 and len(body) > 4096 else 400)


@pytest.mark.parametrize("service, path, body, member", MEMBERS, ids=[f"{m[0]}{m[1]}-{m[3]}-{n}" for n, m in enumerate(MEMBERS)])
def test_the_detail_names_the_member(daemons, unchanged, service, path, body, member):
    assert member in is_problem(daemons[service].post(path, body), 400)


@pytest.mark.parametrize("service, path", [*JSON_ROUTES, ("log", "/log"), ("portal", "/students/1/grades")])
def test_ten_megabytes(daemons, unchanged, service, path):
    answer = daemons[service].post(path, b"x" * 10_000_000)
    assert answer.status == 413
    assert daemons[service].get("/healthz").status == 200


@pytest.mark.parametrize("service, method, path", WRONG_METHODS)
def test_wrong_method(daemons, unchanged, service, method, path):
    answer = daemons[service].request(path, method)
    assert answer.status == 405 and answer.headers["Allow"]
    assert method not in answer.headers["Allow"].split(", ")


@pytest.mark.parametrize("service", ALL)
@pytest.mark.parametrize("path", PATHS, ids=lambda p: p[:24])
def test_path_tricks(daemons, unchanged, service, path):
    with socket.create_connection(("127.0.0.1", daemons[service].port), 10) as s:
        token = daemons[service].cluster.token
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode())
        head = b""
        while chunk := s.recv(65536):
            head += chunk
    assert head.split(b" ")[1] in (b"400", b"404"), head[:300]


@pytest.mark.parametrize("service", ALL)
@pytest.mark.parametrize("raw", [b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
                                 b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100000 + b"\r\n\r\n",
                                 b"POST /services HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
                                 b"POST /services HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"],
                         ids=["garbage", "version", "long-path", "long-header", "negative-length", "two-lengths"])
def test_what_is_no_http(daemons, unchanged, service, raw):
    with socket.create_connection(("127.0.0.1", daemons[service].port), 10) as s:
        try:
            s.sendall(raw)
            s.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := s.recv(65536):
                answer += chunk
        except OSError as e:
            # The service may have ended the connection before all of it was sent, or before our own end of it.
            assert e.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN), e
            answer = b""
    assert b" 200 " not in answer.split(b"\r\n")[0]
    assert daemons[service].get("/healthz").status == 200


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a\x00b", b"\n", b"\xed\xa0\x80"])
def test_log_lines(daemons, unchanged, body):
    is_problem(daemons["log"].post("/log", body, headers={"Content-Type": "text/plain"}), 400)


RECORD = {"Service": "test", "Message": "m"}
SOURCE = "0" * 32


@pytest.mark.parametrize("query, record, name", [
    ("", {**RECORD, "Host": "a b"}, "Host"), ("", {**RECORD, "Host": "x" * 254}, "Host"), ("", {**RECORD, "Host": ["a"]}, "Host"),
    ("", {**RECORD, "Host": "a\u0000"}, "NUL"), ("", {**RECORD, "Source": SOURCE, "Sequence": -1}, "Sequence"),
    ("", {**RECORD, "Source": SOURCE[:31], "Sequence": 1}, "Source"), ("", {**RECORD, "Source": SOURCE, "Sequence": 2 ** 63}, "Sequence"),
    ("?acknowledged=-1", {**RECORD, "Source": SOURCE, "Sequence": 1}, "acknowledged"),
    ("?acknowledged=", {**RECORD, "Source": SOURCE, "Sequence": 1}, "acknowledged"),
    ("?acknowledged=1e3", {**RECORD, "Source": SOURCE, "Sequence": 1}, "acknowledged"),
    ("?acknowledged=9223372036854775808", {**RECORD, "Source": SOURCE, "Sequence": 1}, "acknowledged"),
    ("?acknowledged=1", RECORD, "acknowledged"), ("?service=a", RECORD, "service"), ("?host=a", RECORD, "host"), ("?priority=1", RECORD, "priority"),
    ("?acknowledge=1", RECORD, "acknowledged")])
def test_log_records(daemons, unchanged, query, record, name):
    assert name in is_problem(daemons["log"].post(f"/log{query}", record), 400)


def test_log_batch_of_two_sources(daemons, unchanged):
    body = "\n".join('{"Service":"a","Message":"m","Source":"%s","Sequence":1}' % (c * 32) for c in "ab")
    answer = daemons["log"].post("/log?acknowledged=0", body, headers={"Content-Type": "application/x-ndjson"})
    assert "acknowledged" in is_problem(answer, 400)


@pytest.mark.parametrize("query, name", [("service=a%20b", "service"), ("service=", "service"), ("host=a%2fb", "host"), ("host=", "host"),
                                         ("priority=8", "priority"), ("priority=-1", "priority"), ("priority=", "priority"), ("priority=loud", "priority"),
                                         ("acknowledged=1", "acknowledged"), ("sevice=a", "service")])
def test_log_parameters_of_text(daemons, unchanged, query, name):
    assert name in is_problem(daemons["log"].post(f"/log?{query}", "a line", headers={"Content-Type": "text/plain"}), 400)


@pytest.mark.parametrize("fields", ["", "Title=Quiz", "Title=&Type=Quiz&Score=1", "Title=Q&Type=Essay&Score=1", "Title=Q&Type=Quiz&Score=NaN",
                                    "Title=Q&Type=Quiz&Score=1e3", "Title=Q&Type=Quiz&Score=85.555", "Title=Q&Type=Quiz&Score=",
                                    "Title=%ff&Type=Quiz&Score=1", "Title=%zz&Type=Quiz&Score=1", "Title=a%00b&Type=Quiz&Score=1",
                                    "Title=" + "x" * 500 + "&Type=Quiz&Score=1"])
def test_forms(daemons, unchanged, fields):
    answer = daemons["portal"].post("/students/1/grades", fields, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 400 and "text/html" in answer.headers["Content-Type"] and "<h1" in answer.text
