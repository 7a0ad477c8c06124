# SPDX-License-Identifier: LGPL-2.1-or-later
"""The gateway: who may, what of a request passes, how much one client may ask, and services that keep failing."""

import concurrent.futures
import socket
import threading
import time

import pytest
from fakes import FakeService
from gateway import OK, SESSION, TOKEN, Gate, People, RawPeer, answer_ok, read_head, read_response
from gradebook import free_port, request, wait_until


@pytest.fixture
def gate(cluster):
    return Gate(cluster)


@pytest.fixture
def people(gate):
    fake = People()
    gate.provide("GradingService", fake.url)
    yield fake
    fake.close()


@pytest.fixture
def echo(gate):
    fake = FakeService()
    gate.provide("Echo", fake.url)
    yield fake
    fake.close()


def lower(headers):
    return {k.lower(): v for k, v in headers.items()}


def seen(answer):
    assert answer.status == 200, answer
    return lower(answer.json["headers"])


# Who may

@pytest.mark.parametrize("credential", [SESSION, TOKEN])
def test_a_credential_is_passed_on_to_grading(gate, people, credential):
    people.known[credential] = 7, "student"
    headers = seen(gate.api("/GradingService/x", token=credential))
    assert headers["gradebook-session"] == credential and headers["authorization"] == f"Bearer {gate.cluster.token}"
    assert "gradebook-account" not in headers
    private = gate.api("/GradingService/x", token=credential)
    assert private.headers["Cache-Control"] == "private, no-cache"


def test_what_only_a_proxy_may_say_never_passes(gate, people, echo):
    people.known[SESSION] = 7, "admin"
    forged = {"Gradebook-Session": TOKEN, "Gradebook-Account": "account:1; role=admin", "Forwarded": "for=192.0.2.1", "X-Forwarded-For": "192.0.2.1",
              "X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https", "X-Real-IP": "192.0.2.1", "Gradebook-Instance": "evil"}
    for service, token in (("GradingService", SESSION), ("Echo", SESSION), ("Echo", gate.cluster.token)):
        headers = seen(gate.api(f"/{service}/x", token=token, headers=forged))
        assert headers["forwarded"].startswith('for="127.0.0.1:') and headers["forwarded"].endswith(f';proto=http;host="127.0.0.1:{gate.daemon.port}"')
        assert headers.get("gradebook-session") == (SESSION if service == "GradingService" else None)
        assert headers.get("gradebook-account") == ("account:7; role=admin" if (service, token) == ("Echo", SESSION) else None)
        assert not {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "gradebook-instance"} & set(headers)


def test_other_services_are_for_administrators_unless_opened(cluster):
    gate = Gate(cluster, OpenServices="Library Echo", AccountCacheSec="0")
    people, echo = People(), FakeService()
    for name, peer in (("GradingService", people), ("Echo", echo), ("Shut", echo), ("LogService", echo)):
        gate.provide(name, peer.url)
    people.known[TOKEN] = 9, "teacher"
    assert seen(gate.api("/Echo/x", token=TOKEN))["gradebook-account"] == "account:9; role=teacher"
    for name in ("Shut", "LogService", "Nobody"):
        answer = gate.api(f"/{name}/x", token=TOKEN)
        assert (answer.status, answer.headers["Content-Type"]) == (403, "application/problem+json"), name
    people.known[TOKEN] = 9, "admin"
    assert seen(gate.api("/Shut/x", token=TOKEN))["gradebook-account"] == "account:9; role=admin"
    assert gate.api("/Nobody/x", token=TOKEN).status == 404
    for peer in (people, echo):
        peer.close()


@pytest.mark.parametrize("path", ["services", "%73ervices", "%73%65%72%76%69%63%65%73", "heartbeat", "metrics", "metric%73"])
def test_what_peers_ask_one_another_is_not_for_people(gate, people, path):
    people.known[SESSION] = 1, "admin"
    for method in ("GET", "POST"):
        assert gate.api(f"/GradingService/{path}", method, token=SESSION).status == 403
    assert gate.api("/GradingService/services2", token=SESSION).status == 200
    assert gate.as_cluster("/GradingService/metrics").status == 200


def test_nobody_becomes_the_cluster_through_the_portal_itself(gate, people):
    people.known[SESSION] = 1, "admin"
    gate.provide("Portald", gate.daemon.url)
    assert gate.api("/Portald/api/GradingService/x", token=SESSION).status == 403
    assert seen(gate.as_cluster("/Portald/api/GradingService/x")).get("gradebook-session") is None


@pytest.mark.parametrize("credential", [None, "x", "gbs_short", "gbx_" + "s" * 43, SESSION + "A", SESSION[:-1] + "!", "0" * 64])
def test_others_are_nobody(gate, people, credential):
    answer = gate.api("/GradingService/x", token=credential or False)
    assert answer.status == 401 and answer.headers["WWW-Authenticate"] == 'Bearer realm="gradebook"'
    assert answer.headers["Content-Type"] == "application/problem+json" and people.requests == []


def test_what_grading_does_not_know_is_nobody(gate, people):
    assert gate.api("/GradingService/x", token=SESSION).status == 401
    assert people.asked() == 1
    people.known[SESSION] = 1, "student"
    assert gate.api("/GradingService/x", token=SESSION).status == 200


def cookie(text, name="gradebook"):
    return {"Cookie": f"a=b; {name}={text}; c=d"}


def test_a_cookie_reads(gate, people):
    people.known[SESSION] = 7, "student"
    for name in ("gradebook", "__Host-gradebook"):
        assert seen(gate.api("/GradingService/x", headers=cookie(SESSION, name)))["gradebook-session"] == SESSION
    # The prefixed one counts; a browser takes it from this site alone.
    both = {"Cookie": f"gradebook={TOKEN}; __Host-gradebook={SESSION}"}
    assert seen(gate.api("/GradingService/x", headers=both))["gradebook-session"] == SESSION
    for wrong in (cookie(SESSION, "xgradebook"), cookie(SESSION, "gradebookx"), cookie(TOKEN), cookie(SESSION + "x"), cookie("")):
        assert gate.api("/GradingService/x", headers=wrong).status == 401, wrong
    # A token in Authorization goes before it.
    people.known[TOKEN] = 8, "teacher"
    assert seen(gate.api("/GradingService/x", token=TOKEN, headers=cookie(SESSION)))["gradebook-session"] == TOKEN
    assert "gradebook-session" not in seen(gate.as_cluster("/GradingService/x", headers=cookie(SESSION)))


def test_a_change_by_cookie_must_come_from_a_page_of_ours(gate, people):
    people.known[SESSION] = 7, "teacher"
    host = f"127.0.0.1:{gate.daemon.port}"
    good = [{"Sec-Fetch-Site": "same-origin"}, {"Origin": f"http://{host}"}, {"Origin": f"https://{host}"},
            {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{host}"}]
    bad = [{}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": ""},
           {"Origin": "null"}, {"Origin": "http://evil.example"}, {"Origin": f"http://{host}.evil.example"}, {"Origin": host},
           {"Origin": f"http://evil.example/?://{host}"}, {"Origin": f"ftp://{host}"}, {"Sec-Fetch-Site": "cross-site", "Origin": f"http://{host}"}]
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for extra in good:
            assert gate.api("/GradingService/x", method, body=b"1", headers={**cookie(SESSION), **extra}).status == 200, extra
        passed = len(people.requests)
        for extra in bad:
            answer = gate.api("/GradingService/x", method, body=b"1", headers={**cookie(SESSION), **extra})
            assert answer.status == 403, (method, extra)
        assert len(people.requests) == passed
    # Nobody sends a token in Authorization by accident.
    assert gate.api("/GradingService/x", "POST", body=b"1", token=SESSION).status == 200


def test_grading_is_asked_once_in_a_while(cluster):
    gate = Gate(cluster, AccountCacheSec="30s")
    people = People()
    gate.provide("GradingService", people.url)
    people.known[SESSION] = 7, "student"
    for _ in range(20):
        assert gate.api("/GradingService/x", token=SESSION).status == 200
    assert people.asked() == 1
    # Never beyond the end that grading tells.
    people.known[TOKEN] = 8, "student"
    people.expires = int(time.time()) + 2
    assert gate.api("/GradingService/x", token=TOKEN).status == 200
    wait_until(lambda: time.time() > people.expires, "the session ended")
    del people.known[TOKEN]
    assert gate.api("/GradingService/x", token=TOKEN).status == 401
    people.close()


def test_nobody_gets_in_while_grading_cannot_say_who_it_is(gate, people, echo):
    for status, seen_status in ((503, 503), (500, 502), (404, 502), (200, 502)):
        people.down = status
        assert gate.api("/Echo/x", token=SESSION).status == seen_status
    people.close()
    assert gate.api("/Echo/x", token=SESSION).status in (502, 503)
    assert echo.requests == []


def test_without_a_cluster_token_people_are_still_people(open_cluster):
    gate = Gate(open_cluster)
    people, echo = People(), FakeService()
    gate.provide("GradingService", people.url)
    gate.provide("Echo", echo.url)
    people.known[SESSION] = 7, "student"
    assert gate.api("/Echo/x").status == 200
    assert gate.api("/Echo/x", token=SESSION).status == 403
    assert seen(gate.api("/GradingService/x", headers=cookie(SESSION)))["gradebook-session"] == SESSION
    people.close()
    echo.close()


# What passes

def test_headers_of_the_connection_end_here(gate, echo):
    headers = seen(gate.as_cluster("/Echo/x", headers={
        "Connection": "close, If-Match, tracestate", "If-Match": '"1"', "tracestate": "a=b", "If-None-Match": '"2"', "TE": "trailers", "Trailer": "X-End",
        "Upgrade": "websocket", "Keep-Alive": "timeout=5", "Proxy-Authorization": "Basic eDp4", "Proxy-Connection": "keep-alive", "Via": "1.0 other",
        "traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "Accept-Encoding": "gzip", "Expect": "nothing"}))
    assert headers["if-none-match"] == '"2"' and headers["via"] == "1.0 other, 1.1 gradebook-portal" and headers["accept-encoding"] == "gzip"
    assert headers["traceparent"].split("-")[1] == "0123456789abcdef0123456789abcdef"
    assert not {"if-match", "tracestate", "te", "trailer", "upgrade", "keep-alive", "proxy-authorization", "proxy-connection", "connection", "expect"} & set(headers)


def test_headers_of_the_providers_connection_end_here(gate):
    class Odd(FakeService):
        def answer(self, handler, body):
            self.send(handler, 200, b"x", "text/plain", [("Connection", "ETag"), ("ETag", '"e"'), ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
                                                         ("Proxy-Authenticate", "Basic"), ("Trailer", "X"), ("Upgrade", "h2c"),
                                                         ("Content-Encoding", "x-thing"), ("Location", "//evil.example/")])

    odd = Odd()
    gate.provide("Odd", odd.url)
    headers = lower(gate.as_cluster("/Odd/x").headers)
    assert "last-modified" in headers and headers["content-encoding"] == "x-thing"
    assert not {"etag", "proxy-authenticate", "trailer", "upgrade", "location"} & set(headers)
    odd.close()


def exchange(gate, data, n=1, end=False):
    """The statuses of n answers to these bytes; 0: the connection ended. With end nothing more can come."""
    with gate.connect() as s:
        s.sendall(data)
        if end:
            s.shutdown(socket.SHUT_WR)
        return [read_response(s)[0] for _ in range(n)]


SMUGGLED = b"GET /api/Raw/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def test_no_request_is_smuggled(gate):
    raw = RawPeer(answer_ok)
    gate.provide("Raw", raw.url)
    auth = f"Host: portal\r\nAuthorization: Bearer {gate.cluster.token}\r\n".encode()

    def send(*lines, body=b"", start=b"POST /api/Raw/x HTTP/1.1\r\n"):
        return exchange(gate, start + auth + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body, end=True)[0]

    cases = [
        ((b"Content-Length: 5", b"Transfer-Encoding: chunked"), b"0\r\n\r\n" + SMUGGLED),
        ((b"Transfer-Encoding: chunked", b"Content-Length: 5"), b"0\r\n\r\n" + SMUGGLED),
        ((b"Content-Length: 5", b"Content-Length: 6"), b"hello!"),
        ((b"Content-Length: 5", b"Content-Length: 5"), b"hello"),
        ((b"Content-Length: 5, 5",), b"hello"),
        ((b"Content-Length: +5",), b"hello"),
        ((b"Content-Length: -1",), b""),
        ((b"Content-Length: 0x5",), b"hello"),
        ((b"Content-Length : 5",), b"hello"),
        ((b"Content-Length:5\x0b",), b"hello"),
        ((b"Content-Length: 99999999999999999999999",), b"hello"),
        ((b"Transfer-Encoding: gzip, chunked",), b"0\r\n\r\n"),
        ((b"Transfer-Encoding: identity",), b"hello"),
        ((b"Transfer-Encoding: xchunked",), b"0\r\n\r\n"),
        ((b"Transfer-Encoding : chunked",), b"0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), b"0\r\n\r\n"),
        ((b"X-A: b\r\n Transfer-Encoding: chunked",), b""),
        ((b"If-Match: a\rX-B: c",), b""),
        ((b"If-Match: a\x7f",), b""),
        ((b"If-\x01Match: a",), b""),
    ]
    for lines, body in cases:
        status = send(*lines, body=body)
        # Refused, cut, or (a folded line) one request and no more.
        assert status in (0, 400, 413) or (status == 200 and b"\r\n " in lines[0]), (lines, status)
    for chunks in (b"x\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n",
                   b"fffffffffffffffffff\r\nhello", b"5\r\nhello\r\n"):
        assert send(b"Transfer-Encoding: chunked", body=chunks) != 200, chunks
    assert not any(b"smuggled" in record for record in raw.records)
    for record in raw.records:
        head = bytes(record).partition(b"\r\n\r\n")[0].lower()
        assert head.count(b"content-length:") + head.count(b"transfer-encoding:") <= 1 and b"\r\n " not in head, record
    # A NUL hides what is behind it from libmicrohttpd: it goes no further.
    exchange(gate, gate.head("GET", "/Raw/x", "If-Match: a\0b"))
    assert not any(b"\0" in record for record in raw.records) and b"If-Match: a\r\n" in raw.records[-1]
    raw.close()


def test_no_path_means_another(gate):
    raw = RawPeer(answer_ok)
    gate.provide("Raw", raw.url)
    auth = f"\r\nAuthorization: Bearer {gate.cluster.token}\r\n\r\n".encode()

    def get(target, host=b"portal"):
        return exchange(gate, b"GET " + target + b" HTTP/1.1\r\nHost: " + host + auth)[0]

    for target in (b"/api/Raw/../x", b"/api/Raw/./x", b"/api/Raw/%2e%2e/x", b"/api/Raw/%2E./x", b"/api/Raw/.%2e", b"/api/Raw/a%2fb", b"/api/Raw/a%2Fb",
                   b"/api/Raw/a%00b", b"/api/Raw/a%", b"/api/Raw/a%0", b"/api/Raw/a%zz", b"/api/Raw/%ff", b"/api/Raw/%c0%ae", b"/api/Raw/%ed%a0%80",
                   b"/api/Raw/\xff", b"/api/Raw/a\\b", b"/api/Raw/a?b\xff", b"/api/Raw/a?b\"c", b"/api/Raw%00/x", b"/api/Raw%2fx/y", b"/api/..%2fRaw/x",
                   b"http://evil.example/api/Raw/x", b"http://portal/api/Raw/x", b"//api/Raw/x", b"api/Raw/x", b"*", b"/api//x", b"/api/Raw@evil/x",
                   b"/api/Raw:80/x", b"/api/Raw/" + b"a" * 40000, b"/api/Raw/x#y", b"/api/" + b"R" * 65 + b"/x"):
        assert get(target) in (0, 400, 404, 405, 414, 431), target
    assert raw.records == []
    # What passes, passes byte by byte.
    for target in (b"/a%20b//c;d=e/%E4%BD%A0?x=%2e%2e/&y=a+b%2F", b"/%61?", b"/", b"/a:b@c/!$&'()*+,;=~"):
        assert get(b"/api/Raw" + target) == 200, target
        assert raw.records[-1].split(b"\r\n\r\n")[-2].startswith(b"GET " + target.rstrip(b"?") + b" HTTP/1.1\r\n"), (target, raw.records[-1])
    # A Host that would end the quotes of Forwarded.
    assert get(b"/api/Raw/x", b"a\\\"b") in (200, 400)
    for record in raw.records:
        assert record.count(b"GET ") == record.count(b"\r\n\r\n")
    raw.close()


def test_an_answer_cannot_be_split(gate):
    def odd(peer, connection, record):
        if read_head(connection, record):
            connection.sendall(b"HTTP/1.1 200 OK\r\nETag: \"a\"\rSet-Cookie: gradebook=evil\r\nContent-Length: 2\r\n\r\nok")

    raw = RawPeer(odd)
    gate.provide("Odd", raw.url)
    with gate.connect() as s:
        s.sendall(gate.head("GET", "/Odd/x"))
        _, headers, _ = read_response(s)
    assert "set-cookie" not in headers
    raw.close()


# How much

def test_a_client_may_ask_so_often(cluster):
    gate = Gate(cluster, ClientRate="1", ClientBurst="5", ClientRequests="0")
    people = People()
    gate.provide("GradingService", people.url)
    people.known.update({SESSION: (7, "student"), TOKEN: (8, "student")})
    answers = [gate.api("/GradingService/x", token=SESSION) for _ in range(12)]
    statuses = [a.status for a in answers]
    assert statuses[:5] == [200] * 5 and 429 in statuses[5:], statuses
    refused = next(a for a in answers if a.status == 429)
    assert int(refused.headers["Retry-After"]) >= 1 and refused.headers["Content-Type"] == "application/problem+json"
    # Another account is another client, at the same address; peers are not counted.
    assert gate.api("/GradingService/x", token=TOKEN).status == 200
    assert all(gate.as_cluster("/GradingService/x").status == 200 for _ in range(20))
    assert gate.metric("gradebook_portal_gateway_limited_total") == statuses.count(429)
    wait_until(lambda: gate.api("/GradingService/x", token=SESSION).status == 200, "time gives tokens back")
    people.close()


def test_who_makes_credentials_up_shares_one_bucket(cluster):
    gate = Gate(cluster, ClientRate="1", ClientBurst="10")
    people = People()
    gate.provide("GradingService", people.url)
    statuses = [gate.api("/GradingService/x", token="gbs_" + f"{i:042}" + "A").status for i in range(30)]
    assert statuses[:10] == [401] * 10 and statuses.count(429) >= 15, statuses
    assert people.asked() <= 14
    people.close()


def test_a_client_may_have_so_many_under_way(cluster):
    gate = Gate(cluster, ClientRequests="3")
    release = threading.Event()
    inside = threading.Semaphore(0)

    class Slow(People):
        def answer(self, handler, body):
            if handler.path == "/slow":
                inside.release()
                release.wait(10)
            super().answer(handler, body)

    people = Slow()
    gate.provide("GradingService", people.url)
    people.known[SESSION] = 7, "student"
    assert gate.api("/GradingService/x", token=SESSION).status == 200
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(gate.api, "/GradingService/slow", token=SESSION) for _ in range(3)]
        for _ in slow:
            assert inside.acquire(timeout=5)
        assert gate.api("/GradingService/x", token=SESSION).status == 429
        release.set()
        assert [s.result().status for s in slow] == [200] * 3
    assert gate.api("/GradingService/x", token=SESSION).status == 200
    people.close()


# Services that keep failing

def state(gate, name):
    return gate.metric(f'gradebook_portal_breaker_state{{service="{name}"}}')


def test_a_service_that_keeps_failing_is_left_alone(cluster):
    gate = Gate(cluster, BreakerFailures="4", BreakerOpenSec="1s")

    class Sick(FakeService):
        status = 503

        def answer(self, handler, body):
            self.send(handler, self.status, {})

    sick, well = Sick(), FakeService()
    gate.provide("Sick", sick.url)
    gate.provide("Well", well.url)
    for _ in range(4):
        assert gate.as_cluster("/Sick/x", "POST", body=b"").status == 503
    assert state(gate, "Sick") == 2 and "keeps failing" in gate.daemon.stderr
    asked = len(sick.requests)
    began = time.monotonic()
    answer = gate.as_cluster("/Sick/x")
    assert answer.status == 503 and 1 <= int(answer.headers["Retry-After"]) <= 2 and time.monotonic() - began < 0.5
    assert len(answer.headers.get_all("Retry-After")) == 1 and "left alone" in answer.json["detail"]
    assert len(sick.requests) == asked and gate.metric('gradebook_portal_breaker_refused_total{service="Sick"}') >= 1
    assert gate.as_cluster("/Well/x").status == 200 and state(gate, "Well") == 0

    # One probe at a time, and a failed one opens it again.
    wait_until(lambda: len(sick.requests) > asked or gate.as_cluster("/Sick/x", "POST", body=b"") is None, "a probe went")
    assert state(gate, "Sick") == 2 and len(sick.requests) == asked + 1
    sick.status = 200
    wait_until(lambda: gate.as_cluster("/Sick/x").status == 200, "the service is back")
    assert state(gate, "Sick") == 0 and "answers again" in gate.daemon.stderr
    assert all(gate.as_cluster("/Sick/x").status == 200 for _ in range(10))
    sick.close()
    well.close()


def test_a_service_that_is_gone_is_answered_for_at_once(cluster):
    gate = Gate(cluster, BreakerFailures="3", BreakerOpenSec="30s")
    gate.provide("Gone", f"http://127.0.0.1:{free_port()}")
    assert [gate.as_cluster("/Gone/x").status for _ in range(5)] == [502, 502, 502, 503, 503]


def test_ordinary_errors_open_nothing(cluster):
    gate = Gate(cluster, BreakerFailures="2")

    class Wrong(FakeService):
        def answer(self, handler, body):
            self.send(handler, int(handler.path[1:]), {})

    wrong = Wrong()
    gate.provide("Wrong", wrong.url)
    for status in (400, 404, 409, 500, 501, 507, 429):
        for _ in range(4):
            assert gate.as_cluster(f"/Wrong/{status}").status == status
    assert state(gate, "Wrong") == 0
    wrong.close()


# With the real services

def test_kills_of_the_provider_fail_no_safe_request(cluster):
    _, grading, portal = cluster.start("registry", "grading", "portal", keep_listener=True)
    wait_until(lambda: portal.get("/api/GradingService/students").status == 200, "the portal knows the grading service")
    assert grading.post("/students", {"ID": 1, "FirstName": "Nick", "LastName": "Carter"}).status == 201
    stop = threading.Event()

    def read():
        n = 0
        while not stop.is_set():
            answer = request(f"{portal.url}/api/GradingService/students/1", token=cluster.token, timeout=30)
            assert answer.status == 200, answer
            n += 1
        return n

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        for i in range(4):
            stop.wait(0.5)
            grading.kill() if i % 2 else grading.stop()
            grading.start()
        stop.wait(0.5)
        stop.set()
        assert min(r.result() for r in readers) > 10


def test_people_of_the_real_grading(cluster):
    _, grading, portal = cluster.start("registry", "grading", "portal")
    wait_until(lambda: portal.get("/api/GradingService/students").status == 200, "the portal knows the grading service")
    password = "a horse of another colour"
    for number in (1, 2):
        assert grading.post("/students", {"ID": number, "FirstName": "A", "LastName": "B"}).status == 201
    tokens = {}
    for login, role, more in (("head", "admin", {}), ("nick", "student", {"Student": 1})):
        made = grading.post("/accounts", {"Login": login, "Role": role, "Password": password, **more})
        assert made.status == 201, made
        tokens[login] = grading.post("/sessions", {"Login": login, "Password": password}, token=None).json["Token"]
    assert [portal.get(f"/api/GradingService/students/{n}", token=tokens["nick"]).status for n in (1, 2)] == [200, 404]
    assert portal.get("/api/GradingService/students/2", token=tokens["head"]).status == 200
    current = portal.get("/api/GradingService/sessions/current", token=False, headers={"Cookie": f"__Host-gradebook={tokens['nick']}"})
    assert current.json["Account"]["Login"] == "nick"
    changed = portal.post("/api/GradingService/students", {"FirstName": "C", "LastName": "D"}, token=tokens["nick"])
    assert changed.status in (403, 404) and len(grading.get("/students").json) == 2
    assert portal.post("/api/GradingService/services", {"Added": [], "Removed": []}, token=tokens["head"]).status == 403
    assert portal.get("/api/LogService/log", token=tokens["nick"]).status == 403
    # What is over for grading is over here.
    assert portal.request("/api/GradingService/sessions/current", "DELETE", token=tokens["nick"]).status == 204
    assert portal.get("/api/GradingService/students/1", token=tokens["nick"]).status == 401
