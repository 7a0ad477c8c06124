# SPDX-License-Identifier: LGPL-2.1-or-later
"""GET /log: every parameter against a model of the log in Python, pages in both directions, and what a long search costs others."""

import concurrent.futures
import http.client
import json
import random
import re
import secrets
import signal
import socket
import time
import urllib.parse

import pytest
from gradebook import Cluster, wait_until

NDJSON = {"Content-Type": "application/x-ndjson"}
LOG_STORES = ("files", "postgresql")
SAME = {"test_a_search_on_two_threads_is_one_search", "test_a_long_search_holds_up_nobody", "test_more_pages_than_are_made_at_once",
        "test_what_was_asked_before_the_end_is_answered_whole", "test_a_search_does_not_prevent_the_end", "test_a_search_ends_when_its_client_goes",
        "test_an_error_names_the_parameter", "test_an_unknown_parameter_is_refused", "test_the_form_is_chosen_by_accept",
        "test_hits_here_and_there_on_two_threads"}
WORDS = ["grade", "Grade", "stored", "timeout", "connection", "refused", "ünïcode", "\"quoted\"", "back\\slash", "tab\there", "100%", "a+b", "\u4f60\u597d",
         "line\u2028sep", "\u001b[31m", "x" * 300, "ERROR", "error"]
SERVICES = ["alpha", "beta", "gamma.delta", "rare"]
HOSTS = ["school", "annex", "db-1.example.org"]
INSTANCES = ["http://127.0.0.1:6000", "http://127.0.0.1:6001", "cron\\1"]
IDS = [secrets.token_hex(16) for _ in range(20)]
EVENTS = [secrets.token_hex(16) for _ in range(3)]
BASE = 1795383688
FIRST = "2026-11-22T21:41:28"


def stamp(second, usec=0):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)) + f".{usec:06d}Z"


def random_record(rng, n):
    r = {"Time": stamp(BASE + n, rng.randrange(10**6)), "Priority": rng.randrange(8),
         "Service": SERVICES[3] if rng.random() < 0.003 else rng.choice(SERVICES[:3]),
         "Message": " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 6))) + f" #{n}"}
    if rng.random() < 0.7:
        r["Host"] = rng.choice(HOSTS)
    if rng.random() < 0.7:
        r["Instance"] = rng.choice(INSTANCES)
    if rng.random() < 0.3:
        r["RequestID"] = rng.choice(IDS)
    if rng.random() < 0.1:
        r["MessageID"] = rng.choice(EVENTS)
    if rng.random() < 0.1:
        r["Fields"] = {"Message".upper(): '"Message":"grade","Service":"rare"', "HOST": "school"}
    return r


def post(log, items):
    for i in range(0, len(items), 500):
        answer = log.post("/log", "".join(json.dumps(r) + "\n" for r in items[i:i + 500]), headers=NDJSON)
        assert answer.status == 200, answer


class Filled:
    def __init__(self, log, records):
        self.log = log
        self.records = records


def new_cluster(directory, request, database):
    store = request.param
    if store != "files":
        store = request.getfixturevalue("shared_postgres").create_database(database)
    return Cluster(directory, log_store=store)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, request):
    cluster = new_cluster(tmp_path_factory.mktemp("log"), request, "filled")
    # It says nothing itself.
    cluster.configure("gradebook", {"Log": {"Level": "crit"}})
    # Several files, so that pages go over their ends.
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "16M"}})
    log = cluster.start("log")
    rng = random.Random(4)
    records = [random_record(rng, n) for n in range(5000)]
    post(log, records)
    assert metric(log, "gradebook_log_files") >= 2
    yield Filled(log, records)
    cluster.close()


def ask(log, query, accept="application/x-ndjson"):
    if not isinstance(query, str):
        query = urllib.parse.urlencode(query, doseq=True)
    answer = log.get(f"/log?{query}", headers={"Accept": accept}, timeout=60)
    assert answer.status == 200, (query, answer)
    return answer


def found(log, query):
    """The records that were asked for, as they were sent."""
    records = [json.loads(line) for line in ask(log, query).body.splitlines()]
    for r in records:
        assert list(r)[-1] == "Cursor" and "CRC32" not in r
        del r["Received"], r["Cursor"]
    return records


def model(records, q):
    """What the log should answer, as written in gradebook-log(8)."""
    def passes(r):
        pattern = q.get("grep")
        services = q.get("service", [])
        services = [services] if isinstance(services, str) else services
        if services and r["Service"] not in services:
            return False
        for member, name in (("Instance", "instance"), ("Host", "host"), ("RequestID", "request"), ("MessageID", "message-id")):
            if name in q and r.get(member) != q[name]:
                return False
        if r["Priority"] > q.get("priority", 7) or r["Time"] < q.get("since", "") or r["Time"] > q.get("until", "9"):
            return False
        if pattern:
            case = q.get("case", "ignore" if pattern == pattern.lower() else "sensitive")
            if not re.search(pattern, r["Message"], re.IGNORECASE if case == "ignore" else 0):
                return False
        return True

    passed = [r for r in records if passes(r)]
    n = q.get("n", 100)
    if q.get("order") == "newest":
        return passed[::-1][:n]
    if q.get("order") == "oldest":
        return passed[:n]
    return passed[-n:] if n else []


ALONE = [{}, {"n": 0}, {"n": 1}, {"n": 10000}, {"service": "alpha"}, {"service": ["alpha", "rare"]}, {"service": "rare"}, {"service": "nobody"},
         {"instance": INSTANCES[0]}, {"instance": INSTANCES[2]}, {"host": HOSTS[0]}, {"host": HOSTS[2]}, {"priority": 0}, {"priority": 3},
         {"since": stamp(BASE + 2500)}, {"until": stamp(BASE + 2500)}, {"since": stamp(BASE + 100), "until": stamp(BASE + 200)},
         {"request": IDS[0]}, {"message-id": EVENTS[0]}, {"order": "newest"}, {"order": "oldest"},
         {"grep": "grade"}, {"grep": "Grade"}, {"grep": "grade", "case": "sensitive"}, {"grep": "GRADE", "case": "ignore"},
         {"grep": "\"quoted\""}, {"grep": "tab\there"}, {"grep": "\u4f60\u597d"}, {"grep": "ünï"}, {"grep": "ÜNÏ", "case": "ignore"},
         {"grep": "back\\\\slash"}, {"grep": "^(grade|stored)"}, {"grep": "e{2,}|r{2,}"}, {"grep": "#4[0-9]{3}$"}, {"grep": "x" * 300},
         {"grep": "nothing of this"}, {"grep": "Service"}, {"grep": "#77"}, {"grep": "."}, {"grep": "a+b"}]


@pytest.mark.parametrize("query", ALONE, ids=repr)
def test_each_parameter(filled, query):
    for extra in ({}, {"n": 10000}, {"n": 10000, "order": "oldest"}, {"n": 10000, "order": "newest"}):
        q = {**extra, **query}
        assert found(filled.log, q) == model(filled.records, q)


def random_query(rng):
    q = {"n": rng.choice([0, 1, 7, 100, 1000, 10000])}
    if rng.random() < 0.4:
        q["service"] = rng.sample(SERVICES, rng.randrange(1, 4))
    if rng.random() < 0.3:
        q["host"] = rng.choice(HOSTS)
    if rng.random() < 0.2:
        q["instance"] = rng.choice(INSTANCES)
    if rng.random() < 0.4:
        q["priority"] = rng.randrange(8)
    if rng.random() < 0.1:
        q["request"] = rng.choice(IDS)
    if rng.random() < 0.1:
        q["message-id"] = rng.choice(EVENTS)
    a, b = sorted((rng.randrange(5000), rng.randrange(5000)))
    if rng.random() < 0.3:
        q["since"] = stamp(BASE + a)
    if rng.random() < 0.3:
        q["until"] = stamp(BASE + b)
    if rng.random() < 0.5:
        q["grep"] = rng.choice(["grade", "Grade", "time.*grade", "error", "ERROR", "#.*7", "\"", "tab\t", "\u001b", "o", "^stored", "refused #"])
        if rng.random() < 0.5:
            q["case"] = rng.choice(["sensitive", "ignore"])
    if rng.random() < 0.6:
        q["order"] = rng.choice(["newest", "oldest"])
    return q


def test_parameters_combined(filled):
    rng = random.Random(7)
    matched = 0
    for _ in range(300):
        q = random_query(rng)
        expected = model(filled.records, q)
        assert found(filled.log, q) == expected, q
        matched += len(expected) > 0
    assert matched > 100


def test_several_services_may_be_named(filled):
    assert found(filled.log, "service=rare&service=alpha&service=rare&n=50") == model(filled.records, {"service": ["rare", "alpha"], "n": 50})


def test_an_id_in_capitals_and_a_traceparent(filled):
    expected = model(filled.records, {"request": IDS[1]})
    assert expected and found(filled.log, {"request": IDS[1].upper()}) == expected
    assert found(filled.log, {"request": f"00-{IDS[1]}-00f067aa0ba902b7-01"}) == expected


def test_relative_times(filled):
    log = filled.log
    assert found(log, {"since": "-1h", "grep": "#"}) == [] or time.time() > BASE - 3600
    mark = secrets.token_hex(8)
    assert log.post("/log", f"now {mark}", headers={"Content-Type": "text/plain"}).status == 200
    for query, there in ({"since": "-1min"}, True), ({"until": "now"}, True), ({"since": "-1h", "until": "now"}, True), ({"until": "-1min"}, False), \
            ({"since": "-2h 30min", "until": "-1min"}, False):
        assert bool(ask(log, {**query, "service": "unknown", "grep": mark}).text) is there, query


# ---- forms ----

def test_json_and_text_say_the_same(filled):
    q = {"n": 200, "service": "alpha"}
    expected = model(filled.records, q)
    answer = ask(filled.log, q, "application/json").json
    assert [r["Message"] for r in answer["Records"]] == [r["Message"] for r in expected]
    lines = ask(filled.log, q, "text/plain").body.decode().split("\n")[:-1]
    assert len(lines) == 200
    for line, r in zip(lines, expected):
        shown = re.sub(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", lambda m: f"\\x{ord(m.group()):02x}", r["Message"])
        instance = f"[{r['Instance']}]" if "Instance" in r else ""
        assert line == f"{r['Time'][:19]}+0000 {r.get('Host', '-')} alpha{instance}: {shown}"


@pytest.mark.parametrize("accept, kind", [("application/json", "application/json"), ("application/x-ndjson, application/json", "application/x-ndjson"),
                                          ("text/html,*/*", "text/plain; charset=utf-8"), ("APPLICATION/JSON", "application/json")])
def test_the_form_is_chosen_by_accept(filled, accept, kind):
    assert ask(filled.log, "n=1", accept).headers["Content-Type"] == kind


def test_an_empty_answer(filled):
    assert ask(filled.log, "grep=nothing+of+this", "application/json").json == {"Records": []}
    assert ask(filled.log, "n=0", "application/json").json == {"Records": []}
    assert ask(filled.log, "grep=nothing+of+this").body == b""


# ---- pages ----

def pages(log, query, n, order=None):
    """All records, page by page."""
    place = ""
    step = {"newest": "before", "oldest": "after", None: "before"}[order]
    for _ in range(100000):
        page = ask(log, f"{query}&n={n}{f'&order={order}' if order else ''}{place}", "application/json").json
        yield page["Records"]
        if "Next" not in page:
            return
        assert len(page["Records"]) == n
        place = f"&{step}={page['Next']}"
    raise AssertionError("pages without end")


@pytest.mark.parametrize("query, n", [("service=rare", 1), *[(q, n) for n in (7, 1000) for q in (
    "service=alpha", "service=rare", "grep=grade", "priority=2&grep=%23.*7", "host=school")]])
def test_pages_hold_each_record_once(filled, query, n):
    q = {k: v[0] for k, v in urllib.parse.parse_qs(query).items()}
    if "priority" in q:
        q["priority"] = int(q["priority"])
    expected = [r["Message"] for r in model(filled.records, {**q, "n": 10000})]
    for order in ("newest", "oldest", None):
        got = [[r["Message"] for r in page] for page in pages(filled.log, query, n, order)]
        if order is None:
            got.reverse()
        flat = [m for page in got for m in page]
        assert flat == (expected[::-1] if order == "newest" else expected), order


def test_the_window_between_two_cursors(filled):
    records = [json.loads(line) for line in ask(filled.log, "n=10000&service=alpha&order=oldest").body.splitlines()]
    a, b = records[100]["Cursor"], records[400]["Cursor"]
    middle = [r["Message"] for r in records[101:400]]
    window = f"service=alpha&after={a}&before={b}"
    assert [r["Message"] for r in found(filled.log, f"{window}&n=1000")] == middle
    assert [r["Message"] for r in found(filled.log, f"{window}&n=1000&order=newest")] == middle[::-1]
    assert [r["Message"] for r in found(filled.log, f"{window}&n=5")] == middle[-5:]
    assert [r["Message"] for r in found(filled.log, f"{window}&n=5&order=oldest")] == middle[:5]
    assert found(filled.log, f"service=alpha&after={b}&before={a}") == []


def test_pages_while_lines_arrive(cluster):
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "1G"}})
    log = cluster.start("log")
    post(log, [{"Service": "t", "Message": f"{n} {'x' * 300}"} for n in range(3000)])
    written = []

    def write():
        for n in range(3000, 12000, 50):
            post(log, [{"Service": "t", "Message": f"{i} {'x' * 300}"} for i in range(n, n + 50)])
            written.append(n + 50)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        backwards = [int(r["Message"].split()[0]) for page in pages(log, "service=t", 97, "newest") for r in page]
        assert backwards == list(range(backwards[0], -1, -1))
        forwards = [int(r["Message"].split()[0]) for page in pages(log, "service=t", 97, "oldest") for r in page]
        assert forwards == list(range(len(forwards))) and len(forwards) >= backwards[0]
        writing.result(60)
    assert len(written) == 180
    assert [int(r["Message"].split()[0]) for page in pages(log, "service=t", 1000, "oldest") for r in page] == list(range(12000))


def test_cursors_hold_over_a_restart_and_end_with_the_store(cluster, filled):
    log = cluster.start("log")
    post(log, [{"Service": "t", "Message": str(n)} for n in range(10)])
    cursor = json.loads(ask(log, "service=t&n=5").text.splitlines()[0])["Cursor"]
    for end in (log.stop, log.kill):
        end()
        log.start()
        assert [r["Message"] for r in found(log, f"service=t&after={cursor}")] == ["6", "7", "8", "9"]
    foreign = json.loads(ask(filled.log, "n=1").text)["Cursor"]
    for name in ("before", "after"):
        answer = log.get(f"/log?{name}={foreign}")
        assert answer.status == 400 and f"'{name}'" in answer.json["detail"], answer


def test_a_deleted_place_is_410(cluster):
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "3M", "Compress": "no"}})
    log = cluster.start("log")
    post(log, [{"Service": "t", "Message": "first"}])
    cursor = json.loads(ask(log, "service=t&n=1").text)["Cursor"]
    for n in range(8):
        post(log, [{"Service": "t", "Message": "x" * 1000} for _ in range(1000)])
    for name in ("before", "after"):
        answer = log.get(f"/log?{name}={cursor}")
        assert answer.status == 410 and f"'{name}'" in answer.json["detail"], answer


# ---- bad questions ----

BAD = [("n=-1", "n"), ("n=10001", "n"), ("n=", "n"), ("n=1.5", "n"), ("n=1&n=2", "n"), ("service=a/b", "service"), ("service=", "service"),
       ("&".join(f"service=s{n}" for n in range(17)), "service"), ("instance=", "instance"), ("host=", "host"), ("host=" + "x" * 2000, "host"),
       ("priority=8", "priority"), ("priority=loud", "priority"), ("since=yesterday", "since"), ("since=-", "since"), ("since=-1fortnight", "since"),
       ("until=2026-13-01T00:00:00Z", "until"), ("since=-1h&until=-2h", "since"), ("grep=", "grep"), ("grep=(", "grep"), ("grep=%5B", "grep"),
       ("grep=" + "a" * 513, "grep"), ("grep=%zz", "grep"), ("grep=%ff", "grep"), ("grep=a%00b", "grep"),
       ("grep=" + urllib.parse.quote("((a{1,100}){1,100}){1,100}"), "grep"), ("grep=" + "(" * 60 + ")" * 60, "grep"),
       ("case=ignore", "case"), ("grep=a&case=maybe", "case"), ("request=12", "request"),
       ("request=00-" + "0" * 32 + "-00f067aa0ba902b7-01", "request"), ("request=" + "g" * 32, "request"), ("message-id=1", "message-id"),
       ("order=random", "order"), ("before=x", "before"), ("after=", "after"), ("after=00000000-0000000000000000", "after"),
       ("before=1-2", "before"), ("follow=maybe", "follow"), ("follow=1&before=00000000-0000000000000000", "before"),
       ("follow=1&order=newest", "order"), ("follow=1&until=now", "until")]


@pytest.mark.parametrize("query, name", BAD, ids=lambda x: x[:40])
def test_an_error_names_the_parameter(filled, query, name):
    answer = filled.log.get(f"/log?{query}")
    assert answer.status == 400, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert f"'{name}'" in answer.json["detail"], answer


@pytest.mark.parametrize("query", ["lines=3", "n=1&x", "N=1", "n%3D1", "grep", "=1"])
def test_an_unknown_parameter_is_refused(filled, query):
    assert filled.log.get(f"/log?{query}").status == 400


def test_a_cursor_behind_the_end_is_refused(filled):
    cursor = json.loads(ask(filled.log, "n=1").text)["Cursor"]
    beyond = cursor[:9] + "00ffffffffffffff"
    for name in ("before", "after"):
        answer = filled.log.get(f"/log?{name}={beyond}")
        assert answer.status == 400 and f"'{name}'" in answer.json["detail"], answer


def test_a_json_answer_cannot_follow(filled):
    answer = filled.log.get("/log?follow=1", headers={"Accept": "application/json"})
    assert answer.status == 400 and "'follow'" in answer.json["detail"]


# ---- what a search may cost ----

def test_a_slow_pattern_ends_with_an_error(cluster):
    log = cluster.start("log")
    post(log, [{"Service": "t", "Message": "a" * 60 + "!"}])
    pattern = urllib.parse.quote("^(a+)+$")
    answer = log.get(f"/log?grep={pattern}&service=t")
    assert answer.status == 400 and "'grep'" in answer.json["detail"], answer
    # Once an answer has begun, its connection is broken instead.
    post(log, [{"Service": "s", "Message": "aaaa"}] * 3000 + [{"Service": "s", "Message": "a" * 60 + "!"}])
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        log.get(f"/log?grep={pattern}&service=s&order=oldest&n=10000")
    wait_until(lambda: "takes too long" in log.stderr, "the log says why")
    assert log.get("/log?n=1").status == 200


@pytest.fixture(scope="module")
def large(tmp_path_factory, request):
    """A log in which a search takes a while."""
    cluster = new_cluster(tmp_path_factory.mktemp("large"), request, "large")
    cluster.configure("gradebook", {"Log": {"Level": "warning"}})
    log = cluster.start("log")
    text = {"Content-Type": "text/plain"}
    for part in range(64):
        body = "\n".join([f"dense {part} {n}" for n in range(1000)] if part % 9 == 0 else [f"line {n} " + "abcdefghij " * 20 for n in range(4000)])
        assert log.post("/log?service=t", body, headers=text, timeout=60).status == 200
    yield log
    cluster.close()


SLOW = "/log?order=oldest&n=1&grep=" + urllib.parse.quote("([a-j]+ )+nothing")


def metric(log, name):
    return int(re.search(rf"^{name} (\d+)", log.get("/metrics").text, re.M).group(1))


class Asking:
    """A request whose answer is not waited for."""

    def __init__(self, log, path):
        self.socket = socket.create_connection(("127.0.0.1", log.port), 60)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {log.cluster.token}\r\n\r\n".encode())

    def is_answered(self):
        self.socket.setblocking(False)
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False
        finally:
            self.socket.setblocking(True)


def test_a_long_search_holds_up_nobody(large):
    before = metric(large, "gradebook_log_scanned_bytes_total")
    searches = [Asking(large, SLOW) for _ in range(4)]
    wait_until(lambda: metric(large, "gradebook_log_scanned_bytes_total") > before, "they have begun")
    reads = posts = 0
    while not any(s.is_answered() for s in searches) and reads < 100:
        assert large.get("/log?n=10").status == 200
        reads += 1
        assert large.post("/log?service=other", f"{reads}").status == 200
        posts += 1
    assert reads >= 100 and posts >= 100, "a hundred of each were answered while the first search was under way"
    for s in searches:
        s.socket.close()


def test_a_search_ends_when_its_client_goes(large):
    before = metric(large, "gradebook_log_scanned_bytes_total")
    search = Asking(large, SLOW)
    wait_until(lambda: metric(large, "gradebook_log_scanned_bytes_total") > before, "it has begun")
    assert not search.is_answered()
    search.socket.close()
    wait_until(lambda: metric(large, "gradebook_http_open_requests") == 1, "only this question is open", 60)
    assert metric(large, "gradebook_log_scanned_bytes_total") - before < (60 << 20) // 2


@pytest.mark.parametrize("n", [10000, 8000, 5000, 4001, 100, 1])
@pytest.mark.parametrize("pattern", ["dense", "[d]ense"])
def test_a_search_on_two_threads_is_one_search(large, pattern, n):
    """Much is found here and there, and nothing for a long while between."""
    expected = [f"dense {part} {i}" for part in range(0, 64, 9) for i in range(1000)]
    q = {"grep": pattern, "n": n}
    for order, lines in ("oldest", expected[:n]), ("newest", expected[::-1][:n]), (None, expected[-n:]):
        query = {**q, **({"order": order} if order else {})}
        assert [r["Message"] for r in found(large, query)] == lines, order
        answer = ask(large, query, "application/json").json
        assert [r["Message"] for r in answer["Records"]] == lines, order
        assert ("Next" in answer) == (n < 8000)


def test_hits_here_and_there_on_two_threads(large):
    for n in (10000, 37):
        expected = ["line 77 " + "abcdefghij " * 20] * min(n, 56)
        for order in ("&order=oldest", "&order=newest", ""):
            assert [r["Message"] for r in found(large, f"grep=%5Eline+77+&n={n}{order}")] == expected
    pages_of_seven = [len(page) for page in pages(large, "grep=line+77+", 7, "oldest")]
    assert pages_of_seven == [7] * 8


def test_more_pages_than_are_made_at_once(large):
    """Those beyond wait in line, and all are answered."""
    query = "/log?n=1&order=oldest&grep=" + urllib.parse.quote("[j] line 3999")
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: large.get(query, timeout=60).status, range(100)))
    assert answers == [200] * 100


def ask_many(log, n, path):
    """Requests under way, of which a few are at work and the others wait in line."""
    before = metric(log, "gradebook_log_searches_total")
    asking = [Asking(log, path) for _ in range(n)]
    wait_until(lambda: metric(log, "gradebook_log_searches_total") == before + n, "all have come")
    assert not any(a.is_answered() for a in asking[-10:]), "some are still under way"
    return asking


def answers(asking):
    got = []
    for a in asking:
        response = http.client.HTTPResponse(a.socket)
        response.begin()
        got.append((response.status, response.read()))
        a.socket.close()
    return got


def test_what_was_asked_before_the_end_is_answered_whole(large):
    """Also what still waits in line: promise 4."""
    query = "/log?n=3&order=oldest&grep=" + urllib.parse.quote("[j] line 3999")
    expected = large.get(query, timeout=60).text.encode()
    large.cluster.configure("gradebook", {"HTTP": {"DrainTimeoutSec": "60s"}, "Log": {"Level": "warning"}})
    large.signal(signal.SIGHUP)
    large.wait_notify("READY=1")
    asking = ask_many(large, 80, query)
    large.signal(signal.SIGTERM)
    large.wait_notify("STOPPING=1")
    assert answers(asking) == [(200, expected)] * 80
    assert large.wait(60) == 0
    large.start()


def test_a_search_does_not_prevent_the_end(large):
    """When DrainTimeoutSec= is over it is told so, as are those in line."""
    large.cluster.configure("gradebook", {"HTTP": {"DrainTimeoutSec": "1s"}, "Log": {"Level": "warning"}})
    large.signal(signal.SIGHUP)
    large.wait_notify("READY=1")
    asking = ask_many(large, 80, SLOW)
    large.signal(signal.SIGTERM)
    for status, body in answers(asking):
        assert status == 503 and json.loads(body)["detail"] == "The service is stopping"
    assert large.wait(30) == 0
    large.start()
