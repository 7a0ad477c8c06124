# SPDX-License-Identifier: LGPL-2.1-or-later
"""The central log in a browser: looked through, followed, and the way of one request."""

import contextlib
import datetime
import html
import json
import re
import urllib.parse

import pytest

from fakes import FakeService
from gradebook import wait_until
from school import Town
from test_portal_cluster import following


@pytest.fixture
def town(cluster):
    town = Town(cluster, daemons=("log",))
    town.school.open()
    return town


def write(town, *records):
    """Records of another program, from now on, a millisecond apart."""
    begin = datetime.datetime.now(datetime.timezone.utc)
    lines = []
    for n, record in enumerate(records):
        record = {"Message": record} if isinstance(record, str) else record
        time = (begin + datetime.timedelta(milliseconds=n)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        lines.append(json.dumps({"Time": time, "Priority": 6, "Service": "library", **record}, ensure_ascii=False))
    answer = town.log.post("/log", "\n".join(lines), headers={"Content-Type": "application/x-ndjson"})
    assert answer.status == 200, answer


def rows(text):
    """Of each line: its texts, and its class."""
    found = []
    for name, row in re.findall(r'<tr role="row" class="line ([\w-]+)">(.*?)</tr>', text, re.S):
        found.append([html.unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in re.findall(r"<td.*?</td>", row, re.S)] + [name])
    return found


def messages(text):
    return [row[3] for row in rows(text)]


def ask(**query):
    return "/log?" + urllib.parse.urlencode({"service": "library", **query})


def links(text):
    return {html.unescape(words): html.unescape(path) for path, words in re.findall(r'<a href="(/log[^"]*)">([^<]*)</a>', text)}


# ---- looking through ----

def test_newest_first_page_by_page(town):
    write(town, *[f"line {n}" for n in range(120)])
    person = town.person("head")
    page = person.get(ask())
    assert messages(page.text) == [f"line {n}" for n in range(119, 69, -1)]
    page = person.get(links(page.text)["Older"])
    assert messages(page.text) == [f"line {n}" for n in range(69, 19, -1)]
    page = person.get(links(page.text)["Older"])
    assert messages(page.text) == [f"line {n}" for n in range(19, -1, -1)]
    assert "Older" not in links(page.text) and "Newest" in links(page.text)
    page = person.get(links(page.text)["Newer"])
    assert messages(page.text) == [f"line {n}" for n in range(69, 19, -1)]
    page = person.get(links(person.get(links(page.text)["Newer"]).text)["Newer"])
    assert messages(page.text) == [] and "No line fits" in page.text
    write(town, "and one more")
    assert messages(person.get(links(page.text)["Newer"]).text) == ["and one more"]


def test_each_filter(town):
    other = "http://127.0.0.1:7001"
    write(town, "calm (1+1) [a]", {"Message": "bad things", "Priority": 3}, {"Message": "odd things", "Priority": 4},
          {"Message": "from there", "Instance": other}, {"Message": "old", "Time": "2026-01-02T03:04:05Z"})
    person = town.person("head")
    assert messages(person.get(ask(priority=3)).text) == ["bad things"]
    assert messages(person.get(ask(priority=4)).text) == ["odd things", "bad things"]
    assert messages(person.get(ask(text="THINGS")).text) == ["odd things", "bad things"]
    assert messages(person.get(ask(text="(1+1) [a]")).text) == ["calm (1+1) [a]"]
    assert messages(person.get(ask(text=".*")).text) == []
    assert messages(person.get(ask(instance=other)).text) == ["from there"]
    assert messages(person.get(ask(until="2026-01-02T03:04:06Z")).text) == ["old"]
    assert messages(person.get(ask(since="2026-01-02T03:04", until="2026-01-02 03:05")).text) == ["old"]
    assert "old" not in messages(person.get(ask(since="-1h")).text) and messages(person.page.text)
    assert messages(person.get("/log?service=nobody").text) == []
    assert 'value="nobody"' in person.page.text


def test_a_line_says_its_priority_in_a_word(town):
    write(town, {"Message": "m", "Priority": 3, "Instance": "http://127.0.0.1:7001"})
    row = rows(town.person("head").get(ask()).text)[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", row[0])
    assert row[1:4] == ["error", "library http://127.0.0.1:7001", "m"] and row[-1] == "bad"
    assert rows(town.person("head", language="zh").get(ask()).text)[0][1] == "错误"


@pytest.mark.parametrize("query, word", [({"since": "never"}, "2026-11-27 10:02"), ({"until": "-x"}, "2026-11-27 10:02"),
                                         ({"request": "12345"}, "32 of the characters"), ({"text": "x" * 201}, "too long"),
                                         ({"text": "a\x07b"}, "no text may have"), ({"instance": "y" * 3000}, "too long")])
def test_what_is_wrong_is_said_beside_it(town, query, word):
    page = town.person("head").get(ask(**query))
    name, = query
    assert page.status == 422 and 'aria-invalid="true"' in page.text
    assert word in re.search(rf'id="{name}-error">(.*?)</p>', page.text)[1]


def test_a_cursor_of_another_log(town):
    for place in ("before", "after"):
        page = town.person("head").get(ask(**{place: "1f00ba42-000000000001e240"}))
        assert page.status == 400 and "did not take the question" in page.text and "/log" in links(page.text).values()


def test_the_way_of_a_request(town):
    person = town.person("head")
    person.get(town.school.path("Carter"))
    path = urllib.parse.quote(town.school.path("Carter"))

    def trace():
        page = person.get(f"/log?text={path}")
        found = re.search(r'href="/log\?request=([0-9a-f]{32})"', page.text)
        lines = rows(person.get(f"/log?request={found[1]}").text) if found else []
        return len({row[2].split()[0] for row in lines}) > 1 and lines
    lines = wait_until(trace, "both services' lines are there")
    assert lines[0][0].endswith("+0.000 ms") and [row[0] for row in lines] == sorted(row[0] for row in lines)
    assert {row[2].split()[0] for row in lines} == {"gradebook-portal", "gradebook-grading"}
    number = re.search(r"<code>([0-9a-f]{32})</code>", person.page.text)[1]
    assert rows(person.get(f"/log?request=Request+{number.upper()}.").text) == lines
    assert "no line of this request" in person.get(f"/log?request={'0' * 31}1").text


def test_the_way_is_in_the_order_of_time(town):
    """Services ship their lines when they can: one that is asked may be sooner than the one that asks."""
    number = "5" * 32
    write(town, *[{"Message": f"at {second}", "RequestID": number, "Time": f"2026-11-27T08:00:{second:02}Z"} for second in (3, 1, 2)])
    lines = rows(town.person("head").get(f"/log?request={number}").text)
    assert [row[3] for row in lines] == ["at 1", "at 2", "at 3"]
    assert [row[0].split()[-2] for row in lines] == ["+0.000", "+1000.000", "+2000.000"]


def test_an_error_page_names_a_request_that_the_log_knows(town):
    person = town.person("head")
    number = re.search(r"request ([0-9a-f]{32})", person.get("/students/987654").text)[1]
    wait_until(lambda: rows(person.get(f"/log?request={number}").text), "its lines are there")


# ---- following ----

def test_new_lines_come_as_rows(town):
    write(town, "first")
    person = town.person("head")
    follow = html.unescape(re.search(r'data-follow="([^"]*)"', person.get(ask(text="x")).text)[1])
    assert follow.startswith("/log/follow?")
    follow = html.unescape(re.search(r'data-follow="([^"]*)"', person.get(ask()).text)[1])
    write(town, "between")
    with following(person, follow) as stream:
        assert stream.status == 200 and stream.answer.headers["Content-Type"] == "text/event-stream"
        event = stream.event()
        assert event["event"] == "line" and messages(event["data"]) == ["between"]
        write(town, {"Message": "of another", "Service": "else"}, "second")
        assert messages(stream.event()["data"]) == ["second"]
    write(town, "third")
    with following(person, follow, {"Last-Event-ID": event["id"]}) as stream:
        assert [messages(stream.event()["data"]) for _ in range(2)] == [["second"], ["third"]]


def test_no_more_than_a_page_shows_is_passed_on(town):
    person = town.person("head")
    write(town, "first")
    with following(person, ask(n=1).replace("/log?", "/log/follow?")) as stream:
        assert messages(stream.event()["data"]) == ["first"]
        write(town, {"Message": "m", "Fields": {"SECRET": "field-secret"}, "Source": "f" * 32, "Sequence": 1})
        data = stream.event()["data"]
        assert messages(data) == ["m"] and "field-secret" not in data and "f" * 32 not in data


def test_no_more_than_so_many_follow(town):
    person = town.person("head")
    with contextlib.ExitStack() as stack:
        for _ in range(32):
            assert stack.enter_context(following(person, "/log/follow")).status == 200
        answer = person.get("/log/follow")
        assert answer.status == 503 and answer.headers["Retry-After"]


@pytest.mark.parametrize("query", ["request=" + "a" * 32, "since=never"])
def test_what_cannot_be_followed(town, query):
    assert town.person("head").get(f"/log/follow?{query}").status == 400


def test_the_stream_ends_with_the_log(town):
    with following(town.person("head"), "/log/follow?service=nobody") as stream:
        assert stream.status == 200
        town.log.stop()
        assert stream.event() is None


# ---- the log is away, or of another make ----

def test_the_log_is_away(town):
    person = town.person("head")
    assert person.get("/log").status == 200
    town.log.stop()
    page = wait_until(lambda: (p := person.get("/log?text=typed")).status == 503 and p, "the page says so")
    assert "The central log does not answer" in page.text and page.headers["Refresh"] == "1" and page.headers["Retry-After"] == "1"
    assert 'value="typed"' in page.text and "127.0.0.1" not in page.text
    assert person.get("/log/follow").status == 503
    town.log.start()
    wait_until(lambda: person.get("/log").status == 200, "it is back")


class FixedLog(FakeService):
    """Takes lines, and nothing else."""

    def answer(self, handler, body):
        if handler.command == "POST" and handler.path.split("?")[0] in ("/log", "/services"):
            self.send(handler, 200, "", "text/plain")
        elif handler.path == "/heartbeat":
            self.send(handler, 200, "alive", "text/plain")
        else:
            self.send(handler, 405 if handler.path.startswith("/log") else 404, "<b>no words for people</b>", "text/plain")


@pytest.fixture
def other_log(cluster):
    town = Town(cluster)
    town.school.open()
    log = FixedLog()
    town.registry.post("/services", {"ServiceName": "LogService", "ServiceURL": log.url})
    yield town, log
    log.close()


def test_a_log_that_cannot_be_searched(other_log):
    town, log = other_log
    person = town.person("head")
    page = wait_until(lambda: (p := person.get("/log")).status == 200 and p, "the portal knows the log")
    assert "cannot be searched" in page.text and "no words for people" not in page.text
    assert person.get("/log/follow").status == 503


@pytest.mark.parametrize("body", ["[]", '{"Records":"no"}', '{"Records":[1,{"Message":7}]}', "<html>"])
def test_a_log_that_answers_something_else(other_log, body):
    town, log = other_log
    log.answer = lambda handler, _: log.send(handler, 200, body)
    page = wait_until(lambda: (p := town.person("head").get("/log")).status == 200 and p, "the portal knows the log")
    assert "cannot be searched" in page.text


# ---- hostile lines ----

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> \"'&amp; {{Message}}"


def test_lines_are_shown_as_text(town):
    write(town, {"Message": HOSTILE, "Service": "library", "Instance": "\"><script>alert(2)</script>"})
    person = town.person("head")
    with following(person, "/log/follow?service=library") as stream:
        for text in (person.get(ask()).text, stream.event()["data"]):
            assert messages(text) == [HOSTILE]
            assert "<script>alert" not in text and "<img src=x" not in text


def test_what_cannot_be_seen_is_written_out(town):
    town.log.post("/log?service=library", "bell \x07 escape \x1b[31m red \x7f end".encode())
    write(town, {"Message": "turned \u202egnp.exe zero\u200bwidth \u0085next"})
    person = town.person("head")
    shown = messages(person.get(ask()).text)
    assert "turned \\u202egnp.exe zero\\u200bwidth \\x85next" in shown
    assert "bell \\x07 escape \\x1b[31m red \\x7f end" in shown
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\u200b]", person.page.text)


def test_long_lines_are_cut(town):
    for _ in range(5):
        write(town, *["字" * 20000] * 10)     # a batch is at most 1 MiB
    page = town.person("head").get(ask())
    assert messages(page.text)[0].startswith("字" * 666 + "… 60000 bytes")
    assert len(page.body) < 300_000


def test_a_slow_reader_costs_no_more_than_its_buffer(town):
    """Who does not read is not read for: the log's lines wait at the log, and all come in the end."""
    person = town.person("head")
    write(town, "first")
    with following(person, "/log/follow?service=library") as stream:
        assert messages(stream.event()["data"]) == ["first"]
        for n in range(20):
            write(town, *[f"{n}-{k} " + "y" * 1900 for k in range(400)])
        assert person.get(ask()).status == 200
        for n in range(20):
            for k in range(400):
                assert messages(stream.event()["data"])[0].startswith(f"{n}-{k} ")
