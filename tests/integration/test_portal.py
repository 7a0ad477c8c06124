# SPDX-License-Identifier: LGPL-2.1-or-later
"""The portal's pages and its gateway, over a grading service in python and over the real one."""

import concurrent.futures
import html
import http.client
import re
import signal
import socket
import threading
import urllib.parse

import pytest
from fakes import FakeGrading, FakeService
from gradebook import BUILD, free_port, request, wait_until

HTML = "text/html; charset=utf-8"


class Portal:
    """A portal that is told of its providers by hand, as the registry would."""

    def __init__(self, cluster):
        cluster.configure("portal", {"Portal": {"RetrySec": "1s"}, "Gateway": {"TimeoutSec": "2s", "GatewayMaxBody": "1M"}})
        cluster.configure("gradebook", {"HTTP": {"RequestTimeoutSec": "2s"}})
        self.cluster = cluster
        self.daemon = cluster.start("portal")

    def provide(self, name, url):
        answer = self.daemon.post("/services", {"Added": [{"Name": name, "URL": url}], "Removed": []})
        assert answer.status == 200, answer

    def withdraw(self, name, url):
        answer = self.daemon.post("/services", {"Added": [], "Removed": [{"Name": name, "URL": url}]})
        assert answer.status == 200, answer

    def get(self, path, **kwargs):
        kwargs.setdefault("token", False)
        return self.daemon.get(path, **kwargs)

    def submit(self, path, fields, **headers):
        return self.daemon.post(path, urllib.parse.urlencode(fields), token=False,
                                headers={"Content-Type": "application/x-www-form-urlencoded", **headers})

    def api(self, path, method="GET", **kwargs):
        return self.daemon.request("/api" + path, method, **kwargs)


@pytest.fixture
def portal(cluster):
    return Portal(cluster)


@pytest.fixture
def grading(portal):
    fake = FakeGrading()
    portal.provide("GradingService", fake.url)
    yield fake
    fake.gate.set()
    fake.close()


GRADE = {"Title": "Quiz 3", "Type": "Quiz", "Score": "91.5"}


# Pages

def test_root_redirects_to_the_students(portal):
    answer = portal.get("/")
    assert answer.status == 308 and answer.headers["Location"] == "/students"


def rows(text):
    return [[html.unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
            for row in re.findall(r"<tr.*?>(.*?)</tr>", text, re.S)]


def test_list_shows_name_and_average(portal, grading):
    answer = portal.get("/students")
    assert answer.status == 200 and answer.headers["Content-Type"] == HTML
    assert rows(answer.text)[1:] == [["Nick Carter", "3", "87.0%"], ["Roberto Baggio", "3", "93.7%"], ["Emma Stone", "3", "47.3%"],
                                     ["zhangsan san", "3", "36.7%"], ["xiaoqiao qiao", "3", "22.3%"]]
    assert '<a href="/students/1">Nick Carter</a>' in answer.text


def test_student_shows_grades_and_the_form(portal, grading):
    answer = portal.get("/students/1")
    assert answer.status == 200
    assert rows(answer.text)[1:] == [["Quiz 1", "Quiz", "85"], ["Final Exam", "Exam", "94"], ["Quiz 2", "Quiz", "82"]]
    assert '<form method="post" action="/students/1/grades"' in answer.text
    for name in ("Title", "Type", "Score"):
        assert f'name="{name}"' in answer.text
    assert re.findall(r"<option.*?>(.*?)</option>", answer.text) == ["Quiz", "Test", "Exam", "Homework"]


def test_pages_carry_the_security_headers(portal, grading):
    for path in ("/students", "/students/1", "/students/99", "/nothing"):
        headers = portal.get(path).headers
        policy = headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
            assert part in policy, path
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"


def test_nothing_to_show_is_said(portal, grading):
    grading.students.clear()
    assert "There are no students yet" in portal.get("/students").text
    grading.add(7, "Ada", "Lovelace")
    assert rows(portal.get("/students").text)[1:] == [["Ada Lovelace", "0", "–"]]
    page = portal.get("/students/7").text
    assert "No grades yet" in page and "<dd>–</dd>" in page


def test_what_people_typed_is_escaped(portal, grading):
    evil = "<script>alert('x')</script>\"&"
    grading.add(6, evil, evil, [(evil, "Quiz", 50)])
    for path in ("/students", "/students/6"):
        text = portal.get(path).text
        assert "<script" not in text
        assert html.escape(evil, quote=False).split("'")[0] in text
    answer = portal.submit("/students/6/grades", {"Title": evil, "Type": evil, "Score": evil})
    assert answer.status == 400 and "<script" not in answer.text

    saved = portal.submit("/students/6/grades", {**GRADE, "Title": evil})
    shown = portal.get("/students/6", headers={"Cookie": saved.headers["Set-Cookie"].split(";")[0]})
    assert 'role="status"' in shown.text and "<script" not in shown.text
    # What a service behind us says is no more to be trusted.
    grading.refuse = (400, evil)
    refused = portal.submit("/students/6/grades", GRADE)
    assert refused.status == 400 and "&lt;script" in refused.text and "<script" not in refused.text


@pytest.mark.parametrize("path", ["/students/99", "/students/0", "/students/abc", "/students/-1", "/students/1.5",
                                  "/students/9007199254740992", "/students/18446744073709551616", "/students/1/", "/nothing",
                                  "/students/1%20", "/assets/nothing.css"])
def test_unknown_is_a_404_page(portal, grading, path):
    answer = portal.get(path)
    assert answer.status == 404 and answer.headers["Content-Type"] == HTML
    assert "Page not found" in answer.text


def test_other_errors_are_pages_too(portal, grading):
    answer = portal.daemon.request("/students", "DELETE", token=False)
    assert (answer.status, answer.headers["Content-Type"], answer.headers["Allow"]) == (405, HTML, "GET, HEAD")
    answer = portal.get("/students/%2e%2e")
    assert (answer.status, answer.headers["Content-Type"]) == (400, HTML)
    answer = portal.submit("/students/1/grades", {"Title": "x" * 100_000, "Type": "Quiz", "Score": "1"})
    assert (answer.status, answer.headers["Content-Type"]) == (413, HTML)
    answer = portal.daemon.post("/students/1/grades", GRADE, token=False)
    assert (answer.status, answer.headers["Content-Type"]) == (415, HTML)


def test_programs_get_problems(portal, grading):
    answer = portal.get("/nothing", headers={"Accept": "application/json"})
    assert answer.headers["Content-Type"] == "application/problem+json" and answer.json["status"] == 404
    for path in ("/api/nothing", "/services"):
        answer = portal.daemon.post(path, {}, token=False)
        assert answer.headers["Content-Type"] == "application/problem+json", path


def test_stylesheet_is_kept_for_good(portal, grading):
    url = re.search(r'<link rel="stylesheet" href="(.*?)">', portal.get("/students").text).group(1)
    plain = portal.get(url)
    packed = portal.get(url, headers={"Accept-Encoding": "gzip, br"})
    assert plain.status == packed.status == 200
    assert plain.headers["Content-Type"].startswith("text/css") and "immutable" in plain.headers["Cache-Control"]
    assert packed.headers["Content-Encoding"] == "gzip" and len(packed.body) < len(plain.body)
    assert "Content-Encoding" not in portal.get(url, headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_head_has_no_body(portal, grading):
    answer = portal.daemon.request("/students", "HEAD", token=False)
    assert answer.status == 200 and answer.body == b"" and int(answer.headers["Content-Length"]) > 500


# The form

def test_adding_a_grade(portal, grading):
    answer = portal.submit("/students/1/grades", GRADE)
    assert answer.status == 303 and answer.headers["Location"] == "/students/1"
    assert grading.students[1]["Grades"][-1] == {"Title": "Quiz 3", "Type": "Quiz", "Score": 91.5}
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/students/1" in cookie

    shown = portal.get("/students/1", headers={"Cookie": cookie.split(";")[0]})
    assert '<tr id="grade-4" class="new">' in shown.text and 'role="status"' in shown.text
    assert "Quiz 3 was added with a score of 91.5" in shown.text
    assert "Max-Age=0" in shown.headers["Set-Cookie"]
    again = portal.get("/students/1")
    assert "class=\"new\"" not in again.text and "Set-Cookie" not in again.headers and "Quiz 3" in again.text


@pytest.mark.parametrize("cookie", ["gradebook-added=", "gradebook-added=0123456789abcdef", "gradebook-added=zz", "a=b",
                                    "gradebook-added=0123456789abcdef0"])
def test_a_cookie_of_nothing_changes_nothing(portal, grading, cookie):
    answer = portal.get("/students/1", headers={"Cookie": cookie})
    assert answer.status == 200 and 'class="new"' not in answer.text and 'role="status"' not in answer.text


@pytest.mark.parametrize("change, field", [
    ({"Title": ""}, "title"), ({"Title": "   "}, "title"), ({"Title": "x" * 201}, "title"), ({"Title": "a\tb"}, "title"),
    ({"Type": "Essay"}, "type"), ({"Type": ""}, "type"), ({"Type": "quiz"}, "type"),
    ({"Score": ""}, "score"), ({"Score": "abc"}, "score"), ({"Score": "100.01"}, "score"), ({"Score": "-1"}, "score"),
    ({"Score": "1.234"}, "score"), ({"Score": "NaN"}, "score"), ({"Score": "1e999"}, "score"), ({"Score": "85%"}, "score"),
])
def test_bad_input_is_told_at_its_field(portal, grading, change, field):
    typed = {**GRADE, "Title": "Kept <b>", **change}
    answer = portal.submit("/students/1/grades", typed)
    assert answer.status == 400 and answer.headers["Content-Type"] == HTML
    assert "Nick Carter" in answer.text and "Final Exam" in answer.text
    assert re.findall(r'id="(\w+)-error"', answer.text) == [field]
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"[^>]*aria-describedby="[^"]*{field}-error"', answer.text)
    assert f'value="{html.escape(typed["Title"])}"' in answer.text
    assert f'value="{html.escape(typed["Score"])}"' in answer.text
    assert len(grading.students[1]["Grades"]) == 3 and grading.count("POST", "/students/1/grades") == 0


@pytest.mark.parametrize("body", ["", "Title=a", "%", "Title=%ff&Type=Quiz&Score=1", "Title=%00&Type=Quiz&Score=1", "\xff\xfe", "&&&===",
                                  "Title=a&Type=Quiz&Score=" + "9" * 5000,
                                  "a&" * 1000 + "Title=a&Type=Quiz&Score=1"])
def test_broken_forms_are_400(portal, grading, body):
    answer = portal.daemon.post("/students/1/grades", body.encode("latin-1"), token=False,
                                headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 400 and answer.headers["Content-Type"] == HTML
    assert grading.count("POST", "/students/1/grades") == 0


def test_what_grading_has_against_it_is_shown(portal, grading):
    grading.refuse = 409, "The term is <locked>"
    answer = portal.submit("/students/1/grades", GRADE)
    assert answer.status == 400 and "The term is &lt;locked&gt;" in answer.text and 'value="Quiz 3"' in answer.text
    assert portal.submit("/students/99/grades", GRADE).status == 404


def test_another_sites_form_is_refused(portal, grading):
    for site in ("cross-site", "same-site"):
        answer = portal.submit("/students/1/grades", GRADE, **{"Sec-Fetch-Site": site})
        assert answer.status == 403 and answer.headers["Content-Type"] == HTML
    assert len(grading.students[1]["Grades"]) == 3
    for site in ("same-origin", "none"):
        assert portal.submit("/students/1/grades", GRADE, **{"Sec-Fetch-Site": site}).status == 303


# When grading is away

def assert_waiting_page(answer, status):
    assert answer.status == status and answer.headers["Content-Type"] == HTML
    assert answer.headers["Retry-After"] == "1" and answer.headers["Refresh"] == "1"
    assert '<meta http-equiv="refresh" content="1">' in answer.text
    assert "The grades are not available right now" in answer.text


def test_no_grading_and_recovery(portal):
    for path in ("/students", "/students/1"):
        assert_waiting_page(portal.get(path), 503)
    fake = FakeGrading()
    portal.provide("GradingService", fake.url)
    assert portal.get("/students").status == 200
    fake.close()
    wait_until(lambda: portal.get("/students").status == 503, "the page says that grading is away")
    assert_waiting_page(portal.get("/students/1"), 503)
    fake = FakeGrading(fake.port)
    wait_until(lambda: portal.get("/students/1").status == 200, "the page is back")
    fake.close()


def test_silence_is_a_504_page(portal, grading):
    grading.gate.clear()
    assert_waiting_page(portal.get("/students"), 504)


def test_nonsense_from_grading_is_a_502_page(portal):
    class Odd(FakeService):
        body = "[]", 200

        def answer(self, handler, body):
            self.send(handler, self.body[1], self.body[0])

    fake = Odd()
    portal.provide("GradingService", fake.url)
    for body in ("{}", "[", "[1]", '[{"ID":"x"}]', "\xff", "null", ""):
        fake.body = body, 200
        answer = portal.get("/students")
        assert answer.status == 502 and "The grades are not available right now" in answer.text, body
    fake.body = "{}", 500
    assert_waiting_page(portal.get("/students"), 502)
    fake.close()


def test_what_was_typed_stays_while_grading_is_away(portal):
    answer = portal.submit("/students/1/grades", GRADE)
    assert answer.status == 503 and "The grade is not saved yet" in answer.text
    assert 'value="Quiz 3"' in answer.text and 'value="91.5"' in answer.text and "<option selected>Quiz" in answer.text
    assert "Refresh" not in answer.headers and "http-equiv" not in answer.text
    wrong = portal.submit("/students/1/grades", {**GRADE, "Score": "abc"})
    assert wrong.status == 503 and 'value="abc"' in wrong.text and "score-error" in wrong.text


def test_a_post_that_may_have_been_saved_says_so(portal, grading):
    grading.gate.clear()
    answer = portal.submit("/students/1/grades", GRADE)
    assert answer.status == 504 and "The grade may not be saved" in answer.text and 'value="Quiz 3"' in answer.text
    grading.gate.set()
    assert grading.count("POST", "/students/1/grades") == 1


# Sharing

def test_who_comes_meanwhile_shares_the_next_answer(portal, grading):
    grading.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        first = pool.submit(portal.get, "/students/1")
        assert grading.waiting.acquire(timeout=5)
        grading.students[1]["FirstName"] = "Changed"
        later = [pool.submit(portal.get, "/students/1") for _ in range(10)]
        wait_until(lambda: metric(portal, "gradebook_portal_data_requests_total") == 11, "all have asked")
        grading.gate.set()
        assert "Nick Carter" in first.result().text
        assert all("Changed Carter" in f.result().text for f in later)
    assert grading.count("GET", "/students/1") == 2


def metric(portal, name):
    found = re.search(rf"^{re.escape(name)} (\d+)$", portal.daemon.get("/metrics").text, re.M)
    return int(found.group(1))


def test_who_saved_sees_it(portal, grading):
    stop = threading.Event()

    def read():
        while not stop.is_set():
            assert portal.get("/students/1").status == 200

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(6)]
        try:
            for i in range(40):
                answer = portal.submit("/students/1/grades", {**GRADE, "Title": f"Round {i}"})
                assert answer.status == 303
                assert f"Round {i}<" in portal.get("/students/1").text
        finally:
            stop.set()
        for reader in readers:
            reader.result()


def test_a_change_that_keeps_the_length_is_shown(portal, grading):
    assert "93.7%" in portal.get("/students").text and ">81<" in portal.get("/students/2").text
    grading.students[2]["Grades"][2]["Score"] = 91
    assert "97.0%" in portal.get("/students").text and ">91<" in portal.get("/students/2").text


def test_pages_are_used_again_while_nothing_changes(portal, grading):
    for _ in range(5):
        portal.get("/students")
    assert metric(portal, "gradebook_portal_pages_rendered_total") == 1
    assert metric(portal, "gradebook_portal_data_fetches_total") == 5
    grading.students[1]["LastName"] = "Other"
    assert "Nick Other" in portal.get("/students").text
    assert metric(portal, "gradebook_portal_pages_rendered_total") == 2


def test_conditional_requests_upstream(portal):
    class Tagged(FakeGrading):
        def answer(self, handler, body):
            if handler.headers.get("If-None-Match") == '"one"':
                handler.send_response(304)
                handler.send_header("ETag", '"one"')
                handler.end_headers()
            else:
                self.send(handler, 200, list(self.students.values()), headers=[("ETag", '"one"')])

    fake = Tagged()
    portal.provide("GradingService", fake.url)
    texts = {portal.get("/students").text for _ in range(3)}
    assert len(texts) == 1 and "Nick Carter" in texts.pop()
    assert [h.get("If-None-Match") for _, _, h, _ in fake.requests] == [None, '"one"', '"one"']
    fake.close()


def test_trace_is_passed_on(portal, grading):
    trace = "0af7651916cd43dd8448eb211c80319c"
    portal.get("/students", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    sent = grading.requests[-1][2]["traceparent"]
    assert sent.split("-")[1] == trace and "b7ad6b7169203331" not in sent
    traced = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    assert portal.submit("/students/1/grades", GRADE, **traced).status == 303
    for method, path in (("POST", "/GradingService/students/1/grades"), ("GET", "/GradingService/students/1")):
        assert portal.api(path, method, body=GRADE if method == "POST" else None, headers=traced).status < 300
    spans = [headers["traceparent"].split("-") for _, _, headers, _ in grading.requests[-3:]]
    assert {span[1] for span in spans} == {trace}
    assert len({span[2] for span in spans} | {"b7ad6b7169203331"}) == 4, "each hop is a span of its own"


def test_unknown_students_cost_no_memory(portal, grading):
    connection = http.client.HTTPConnection("127.0.0.1", portal.daemon.port, timeout=10)
    for i in range(100, 400):
        connection.request("GET", f"/students/{i}")
        assert connection.getresponse().read()
    connection.close()
    assert metric(portal, "gradebook_portal_cache_entries") == 0


def test_reload_takes_new_templates_and_keeps_the_old_on_error(portal, grading, tmp_path):
    import shutil
    from gradebook import SOURCE
    data = tmp_path / "data"
    for folder in ("templates", "assets"):
        shutil.copytree(SOURCE / "src" / "portal" / folder, data / folder)
    portal.cluster.configure("portal", {"Portal": {"DataDirectory": str(data), "SiteName": "Hogwarts & Co"}})
    portal.daemon.signal(signal.SIGHUP)
    wait_until(lambda: "Hogwarts &amp; Co" in portal.get("/students").text, "the new name")
    (data / "templates" / "students.mustache").write_text("{{#Students}} never closed")
    portal.cluster.configure("portal", {"Portal": {"DataDirectory": str(data), "SiteName": "Third"}})
    portal.daemon.signal(signal.SIGHUP)
    wait_until(lambda: "students.mustache:" in portal.daemon.stderr, "the complaint with file and line")
    assert "Hogwarts &amp; Co" in portal.get("/students").text


def test_stopping_answers_who_waits(portal, grading):
    grading.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        page = pool.submit(portal.get, "/students")
        saved = pool.submit(portal.submit, "/students/1/grades", GRADE)
        assert grading.waiting.acquire(timeout=5) and grading.waiting.acquire(timeout=5)
        portal.daemon.stop()
        assert page.result().status in (503, 504)
        assert 'value="Quiz 3"' in saved.result().text


# The gateway

@pytest.fixture
def echo(portal):
    fake = FakeService()
    portal.provide("Echo", fake.url)
    yield fake
    fake.close()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_gateway_passes_the_request(portal, echo, method):
    body = "" if method == "GET" else '{"a":"ü"}'
    answer = portal.api("/Echo/a/b%20c?x=1&y=%26", method, body=body.encode(), headers={
        "Content-Type": "application/x-thing", "Accept": "application/thing", "If-Match": '"1"', "Connection": "keep-alive, X-Secret",
        "X-Secret": "1", "Cookie": "a=b", "TE": "trailers"})
    seen = answer.json
    assert (seen["method"], seen["path"], seen["query"], seen["body"]) == (method, "/a/b%20c", "x=1&y=%26", body)
    headers = {k.lower(): v for k, v in seen["headers"].items()}
    assert headers["accept"] == "application/thing" and headers["if-match"] == '"1"'
    assert headers["authorization"] == f"Bearer {portal.cluster.token}"
    assert body == "" or headers["content-type"] == "application/x-thing"
    head = portal.api("/Echo/a", "HEAD")
    assert head.status == 200 and head.body == b"" and head.headers["Content-Type"] == "application/json"
    assert not {"x-secret", "cookie", "te", "connection"} & set(headers)


def test_gateway_passes_the_answer(portal):
    class Created(FakeService):
        def answer(self, handler, body):
            self.send(handler, 201, "made", "text/x-made", [("Location", "/things/1"), ("ETag", '"e"'), ("Set-Cookie", "a=b"),
                                                            ("Keep-Alive", "timeout=5"), ("X-Powered-By", "python")])

    fake = Created()
    portal.provide("Maker", fake.url)
    answer = portal.api("/Maker/things", "POST", body=b"")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (201, b"made", "text/x-made")
    assert answer.headers["Location"] == "/api/Maker/things/1" and answer.headers["ETag"] == '"e"'
    assert "Set-Cookie" not in answer.headers and "X-Powered-By" not in answer.headers
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    fake.close()


def test_gateway_needs_the_token(portal, echo):
    answer = portal.api("/Echo/x", token=False)
    assert answer.status == 401 and answer.headers["Content-Type"] == "application/problem+json"
    assert echo.requests == []


def test_gateway_refusals(portal, echo):
    assert portal.api("/Nobody/x").status == 404
    away = portal.api("/GradingService/students")
    assert away.status == 503 and int(away.headers["Retry-After"]) > 0
    assert portal.api("/Echo/x", "OPTIONS").status == 405
    assert portal.api("/Echo/x", "TRACE").status == 405
    assert portal.api("/Echo").status == 404
    assert portal.api("/Echo/x", "POST", body=b"x" * (1 << 20)).status == 200
    assert portal.api("/Echo/x", "POST", body=b"x" * ((1 << 20) + 1)).status == 413
    count = len(echo.requests)
    for path in ("/Echo/../x", "/Echo/%2e%2e/x", "/Echo/a%2fb", "/Echo/a%00b", "/Echo/a%", "/Ec%00ho/x", "/Echo/a\\b", "/Echo/a|b", "/Echo/a%0"):
        assert portal.api(path).status == 400, path
    assert portal.api("/E%20cho/x").status == 404
    assert len(echo.requests) == count
    for path in ("/Nobody/x", "/GradingService/students", "/Echo/../x"):
        assert portal.api(path).headers["Content-Type"] == "application/problem+json"


def test_gateway_tells_upstream_failures_apart(portal):
    portal.provide("Gone", f"http://127.0.0.1:{free_port()}")
    assert portal.api("/Gone/x").status == 502
    silent = socket.create_server(("127.0.0.1", 0))
    portal.provide("Silent", f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert portal.api("/Silent/x").status == 504
    silent.close()

    fake = FakeService()
    portal.provide("Once", fake.url)
    assert portal.api("/Once/x").status == 200
    portal.withdraw("Once", fake.url)
    fake.close()
    wait_until(lambda: portal.api("/Once/x").status == 503, "a service that was there is away, not unknown", 15)


def test_gateway_streams_at_the_clients_pace(portal):
    block, n = b"x" * 65536, 800
    sent = []
    more = threading.Event()

    class Long(FakeService):
        def answer(self, handler, body):
            handler.send_response(200)
            handler.send_header("Content-Type", "application/octet-stream")
            handler.send_header("Connection", "close")
            handler.end_headers()
            handler.wfile.write(b"first\n")
            handler.wfile.flush()
            more.wait(10)
            for i in range(n):
                handler.wfile.write(block)
                sent.append(i)
            handler.close_connection = True

    fake = Long()
    portal.provide("Long", fake.url)
    connection = http.client.HTTPConnection("127.0.0.1", portal.daemon.port, timeout=20)
    connection.request("GET", "/api/Long/follow", headers={"Authorization": f"Bearer {portal.cluster.token}"})
    response = connection.getresponse()
    assert response.readline() == b"first\n"    # long before the end
    more.set()
    # Nobody reads: what is under way is bounded by buffers, and the portal does not grow.
    stuck = [0, -1]

    def is_stuck():
        stuck[0], stuck[1] = stuck[1], len(sent)
        return stuck[0] == stuck[1] and stuck[0] > 0

    import time
    deadline = time.monotonic() + 10
    while not is_stuck() and time.monotonic() < deadline:
        threading.Event().wait(0.3)
    assert len(sent) < n
    assert rss_bytes(portal.daemon.pid) < 200 << 20
    rest = response.read()
    assert len(rest) == n * len(block)
    connection.close()
    fake.close()


def test_gateway_passes_the_head_before_the_first_byte(portal):
    go = threading.Event()

    class Patient(FakeService):
        def answer(self, handler, body):
            handler.send_response(200)
            handler.send_header("Content-Type", "text/plain")
            handler.send_header("Content-Length", "5")
            handler.end_headers()
            handler.wfile.flush()
            go.wait(20)
            handler.wfile.write(b"line\n")

    fake = Patient()
    portal.provide("Patient", fake.url)
    connection = http.client.HTTPConnection("127.0.0.1", portal.daemon.port, timeout=10)
    connection.request("GET", "/api/Patient/x", headers={"Authorization": f"Bearer {portal.cluster.token}"})
    response = connection.getresponse()     # not after TimeoutSec=, and not a 504
    assert response.status == 200 and response.headers["Content-Type"] == "text/plain"
    # A silence of more than any timeout is no fault of an answer that began.
    assert not go.wait(3)
    go.set()
    assert response.read() == b"line\n"
    connection.close()
    fake.close()


def rss_bytes(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * 4096


def test_gateway_ends_the_call_of_a_client_that_left(portal):
    gone = threading.Event()

    class Endless(FakeService):
        def answer(self, handler, body):
            handler.send_response(200)
            handler.send_header("Content-Type", "text/plain")
            handler.send_header("Connection", "close")
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b"line\n")
                    handler.wfile.flush()
                    threading.Event().wait(0.01)
            except OSError:
                gone.set()

    fake = Endless()
    portal.provide("Endless", fake.url)
    connection = http.client.HTTPConnection("127.0.0.1", portal.daemon.port, timeout=10)
    connection.request("GET", "/api/Endless/x", headers={"Authorization": f"Bearer {portal.cluster.token}"})
    response = connection.getresponse()
    assert response.readline() == b"line\n"
    assert metric(portal, "gradebook_portal_gateway_open") == 1
    response.close()
    connection.close()
    assert gone.wait(10)
    wait_until(lambda: metric(portal, "gradebook_portal_gateway_open") == 0, "the passage ended")
    fake.close()


def test_gateway_shows_that_an_answer_was_cut(portal):
    class Cut(FakeService):
        def answer(self, handler, body):
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b"half")
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True

    fake = Cut()
    portal.provide("Cut", fake.url)
    with pytest.raises((http.client.IncompleteRead, ConnectionError, http.client.RemoteDisconnected)):
        portal.api("/Cut/x")
    fake.close()


def test_stopping_ends_streams(portal):
    class Endless(FakeService):
        def answer(self, handler, body):
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(b"line\n")
            handler.wfile.flush()
            threading.Event().wait(30)

    fake = Endless()
    portal.provide("Endless", fake.url)
    connection = http.client.HTTPConnection("127.0.0.1", portal.daemon.port, timeout=10)
    connection.request("GET", "/api/Endless/x", headers={"Authorization": f"Bearer {portal.cluster.token}"})
    assert connection.getresponse().readline() == b"line\n"
    portal.daemon.stop()
    connection.close()
    fake.close()


def test_a_client_that_takes_nothing_does_not_break_the_end(cluster):
    block, sent = b"x" * 65536, [0]

    class Large(FakeService):
        def answer(self, handler, body):
            handler.send_response(200)
            handler.send_header("Content-Length", str(800 * len(block)))
            handler.end_headers()
            for sent[0] in range(800):
                handler.wfile.write(block)

    cluster.configure("gradebook", {"HTTP": {"DrainTimeoutSec": "300ms"}})
    portal, fake = cluster.start("portal"), Large()
    assert portal.post("/services", {"Added": [{"Name": "Large", "URL": fake.url}]}).status == 200
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", portal.port))
        client.sendall(f"GET /api/Large/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {cluster.token}\r\n\r\n".encode())
        before = [None]

        def is_stuck():
            before.append(sent[0])
            return before[-1] > 0 and before[-8:] == 8 * [before[-1]]
        wait_until(is_stuck, "all buffers are full")
        portal.stop()
    # Cut at the deadline at the latest; portal.stop() sees that the end was a good one.
    assert "Stopped" in portal.stderr
    fake.close()


def test_an_answer_that_nobody_takes_is_cut_at_the_deadline(cluster):
    """No stream, which the portal itself would end: a page that is longer than what the kernel holds for a connection."""
    cluster.configure("gradebook", {"HTTP": {"DrainTimeoutSec": "300ms"}})
    portal, fake = cluster.daemon("portal", keep_listener=True), FakeGrading(sample=False)
    # Its connections inherit that.
    portal.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    portal.start()
    for number in range(1, 3000):
        fake.add(number, "First", 100 * "x")
    assert portal.post("/services", {"Added": [{"Name": "GradingService", "URL": fake.url}]}).status == 200
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", portal.port))
        client.sendall(b"GET /students HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"
        portal.stop()
    assert "1 connections did not end in time and are cut" in portal.stderr
    assert "Stopped" in portal.stderr
    fake.close()


# With the real services

needs_grading = pytest.mark.skipif(not (BUILD / "gradebook-grading").exists() or not (BUILD / "gradebook-registry").exists(),
                                   reason="the daemons are not built")


@needs_grading
def test_with_the_real_grading(cluster):
    cluster.start("registry", "grading")
    portal = cluster.start("portal")
    wait_until(lambda: portal.get("/students", token=False).status == 200, "the portal knows grading")
    added = portal.post("/api/GradingService/students", {"FirstName": "Nick", "LastName": "Carter"})
    assert added.status == 201, added
    number = added.json["ID"]
    body = urllib.parse.urlencode(GRADE)
    for _ in range(3):
        answer = portal.post(f"/students/{number}/grades", body, token=False, headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status == 303 and answer.headers["Location"] == f"/students/{number}"
    assert rows(portal.get(f"/students/{number}", token=False).text)[1:] == [["Quiz 3", "Quiz", "91.5"]] * 3
    assert rows(portal.get("/students", token=False).text)[1:] == [["Nick Carter", "3", "91.5%"]]
    assert request(f"{portal.url}/api/GradingService/students/{number}", token=cluster.token).json["FirstName"] == "Nick"


@needs_grading
def test_following_the_real_log(cluster):
    cluster.configure("portal", {"Gateway": {"TimeoutSec": "1s"}})
    cluster.start("registry")
    log, portal = cluster.start("log", "portal")
    wait_until(lambda: portal.get("/api/LogService/log").status == 200, "the portal knows the log")
    connection = http.client.HTTPConnection("127.0.0.1", portal.port, timeout=10)
    connection.request("GET", "/api/LogService/log?follow=1", headers={"Authorization": f"Bearer {cluster.token}"})
    response = connection.getresponse()
    assert response.status == 200
    assert log.post("/log", "a line to follow", headers={"Content-Type": "text/plain"}).status == 200
    while "a line to follow" not in response.readline().decode():
        pass
    connection.close()
