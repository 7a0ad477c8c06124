# SPDX-License-Identifier: LGPL-2.1-or-later
"""The portal's pages for administrators: the cluster as the registry and the gateway see it, and what gradebook is."""

import contextlib
import html
import http.client
import re
import signal

import pytest

from fakes import FakeGrading, FakeService
from gradebook import free_port, wait_until
from people import Person
from school import Town

ADMIN_PAGES = ("/cluster", "/log")


@pytest.fixture
def town(cluster):
    town = Town(cluster, daemons=("log",))
    town.school.open()
    return town


def section(text, name):
    """The table in the region of this name: rows of texts."""
    region = re.search(rf'<div class="scroll[^"]*" id="{name}".*?</div>', text, re.S)
    body = re.search(r"<tbody>(.*?)</tbody>", region[0], re.S)[1]
    return [[html.unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)]
            for row in re.findall(r"<tr.*?</tr>", body, re.S)]


def row_of(text, name, first):
    return next((row for row in section(text, name) if row[0].startswith(first)), None)


class Stream:
    """The events of a stream, as they come."""

    def __init__(self, person, path, headers=None, timeout=20):
        self.connection = http.client.HTTPConnection("127.0.0.1", person.portal.port, timeout=timeout)
        self.connection.request("GET", path, headers={**person.headers, "Cookie": person._cookie_header("/"), **(headers or {})})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def event(self):
        """The next one: {"event": …, "id": …, "data": …}; None: the stream has ended."""
        fields = {}
        while True:
            line = self.answer.readline().decode()
            if not line:
                return None
            line = line.rstrip("\n")
            if not line and "data" in fields:
                return fields
            name, _, value = line.partition(": ")
            fields[name] = fields["data"] + "\n" + value if name == "data" and "data" in fields else value

    def until(self, condition):
        while True:
            event = self.event()
            assert event, "the stream has ended"
            if condition(event["data"]):
                return event

    def close(self):
        self.connection.close()


@contextlib.contextmanager
def following(*args, **kwargs):
    stream = Stream(*args, **kwargs)
    try:
        yield stream
    finally:
        stream.close()


# ---- who may ----

@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_administrators_alone_see_it(town, path):
    assert town.person("head").get(path).status == 200
    for login in ("ada", "nick"):
        person = town.person(login)
        page = person.get(path)
        assert page.status == 403 and "That is not allowed" in page.text and 'class="button" href="/students"' in page.text
        assert "127.0.0.1" not in page.text and 'href="/about"' in page.text
    nobody = town.person()
    assert nobody.get(path).status == 303
    assert nobody.page.headers["Location"] == f"/sign-in?next={path}"


@pytest.mark.parametrize("path", ("/cluster/events", "/log/follow"))
def test_streams_are_for_administrators_alone(town, path):
    assert town.person("ada").get(path).status == 403
    assert town.person().get(path).status == 401
    stranger = town.person("head")
    session = stranger.cookie("gradebook")
    stranger.get("/about")
    stranger.send("/sign-out")
    answer = town.portal.get(path, token=False, headers={"Cookie": f"gradebook={session}"})
    assert answer.status == 401 and "text/html" not in answer.headers["Content-Type"]


@pytest.mark.parametrize("path", (*ADMIN_PAGES, "/cluster/events", "/log/follow"))
def test_nobody_sees_it_before_there_is_an_administrator(cluster, path):
    """As the gateway has it: the log of a cluster is nobody's meanwhile."""
    town = Town(cluster, daemons=("log",))
    gateway = town.portal.get("/api/LogService/log", token=False)
    assert gateway.status == 401
    page = town.person().get(path)
    assert page.status == 403 and "Set up the first" in html.unescape(page.text)
    if path in ADMIN_PAGES:
        assert 'class="button" href="/setup"' in page.text and 'class="button" href="/students"' not in page.text
    assert town.person().get("/about").status == 200


def test_everybody_signed_in_sees_what_it_is(town):
    for login, helps in (("head", True), ("ada", False), ("nick", False)):
        page = town.person(login).get("/about")
        assert page.status == 200 and "gradebook 0.1.0" in page.text
        assert "All services are well" in page.text
        assert ("man 7 gradebook" in page.text) == helps
    chinese = town.person("ada", language="zh").get("/about")
    assert "所有服务均正常" in chinese.text and 'lang="zh-Hans"' in chinese.text


def test_links_lead_only_where_one_may_go(town):
    assert {"/cluster", "/log", "/about"} <= set(re.findall(r'<a href="([^"]+)"', town.person("head").get("/about").text))
    for login in ("ada", "nick"):
        links = re.findall(r'<a href="([^"]+)"', town.person(login).get("/about").text)
        assert "/about" in links and "/cluster" not in links and "/log" not in links


# ---- the cluster ----

def test_services_and_instances(town):
    page = town.person("head").get("/cluster")
    assert page.status == 200 and "All services are well" in page.text
    assert [row[:3] for row in section(page.text, "services")] == [
        [name, "passing", "1/1 passing"] for name in ("GradingService", "LogService", "Portald")]
    assert row_of(page.text, "services", "GradingService")[3:] == ["LogService", "Portald"]
    instance = row_of(page.text, "instances", "GradingService")
    assert town.grading.url in instance[0] and instance[1] == "passing" and instance[3] == "0.1.0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", instance[2])
    assert "<svg" in page.text and page.text.count('class="node ') == 3 and page.text.count('class="edge') == 3


def test_nothing_secret_and_no_raw_error_is_on_it(town):
    person = town.person("head")
    town.grading.kill()
    wait_until(lambda: b'"critical"' in town.registry.get("/services").body, "the registry knows")
    town.grading.start()
    page = person.get("/cluster").text
    assert town.cluster.token not in page and "refused" not in page and "Bearer" not in page


def test_a_service_dies_and_returns(town):
    """On reload, without any script."""
    person = town.person("head")
    assert row_of(person.get("/cluster").text, "services", "LogService")[1] == "passing"
    town.log.kill()
    wait_until(lambda: row_of(person.get("/cluster").text, "services", "LogService")[1] == "critical", "the page says that the log is down")
    assert "Does not answer: LogService" in person.page.text
    assert 'class="edge broken"' in person.page.text
    assert row_of(person.page.text, "instances", "LogService")[4] == "none"
    town.log.start()
    wait_until(lambda: row_of(person.get("/cluster").text, "services", "LogService")[1] == "passing", "the page says that the log is back")
    assert "All services are well" in person.page.text


def test_it_is_pushed_to_who_follows(town):
    head, chinese = town.person("head"), town.person("head", language="zh")
    with following(head, "/cluster/events") as english_stream, following(chinese, "/cluster/events") as chinese_stream:
        assert english_stream.status == 200 and english_stream.answer.headers["Content-Type"] == "text/event-stream"
        assert "All services are well" in english_stream.event()["data"]
        chinese_stream.until(lambda text: "所有服务均正常" in text)
        town.log.kill()
        event = english_stream.until(lambda text: "Does not answer: LogService" in text)
        assert event["event"] == "cluster" and row_of(event["data"], "services", "LogService")[1] == "critical"
        chinese_stream.until(lambda text: "没有应答：LogService" in text)
        town.log.start()
        english_stream.until(lambda text: "All services are well" in text)


def test_many_who_follow_are_one_question_to_the_registry(town):
    people = [town.person("head") for _ in range(3)]
    with contextlib.ExitStack() as stack:
        for person in people:
            stack.enter_context(following(person, "/cluster/events")).until(lambda text: "All services are well" in text)

        def watchers():
            return int(re.search(r"^gradebook_registry_watchers (\d+)", town.registry.get("/metrics").text, re.M)[1])
        wait_until(lambda: watchers() == 1, "the portal waits for changes")


def test_no_more_than_so_many_follow(town):
    person = town.person("head")
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            assert stack.enter_context(following(person, "/cluster/events")).status == 200
        answer = person.get("/cluster/events")
        assert answer.status == 503 and answer.headers["Retry-After"]
        assert person.get("/cluster").status == 200
    wait_until(lambda: follows(person), "there is room again")


def follows(person):
    with following(person, "/cluster/events") as stream:
        return stream.status == 200


def test_a_stop_ends_the_streams(town):
    with following(town.person("head"), "/cluster/events") as stream:
        stream.until(lambda text: "All services are well" in text)
        town.portal.stop()
        while stream.event():
            pass


def test_what_the_gateway_sees(town):
    person, name = town.person("head"), "Quarrel"
    bad = FakeService()
    bad.answer = lambda handler, body: bad.send(handler, 200 if handler.path in ("/heartbeat", "/services") else 503, "no")
    try:
        answer = town.registry.post("/services", {"ServiceName": name, "ServiceURL": bad.url, "HeartbeatURL": f"{bad.url}/heartbeat"})
        assert answer.status == 200
        wait_until(lambda: person.get(f"/api/{name}/x").status == 503, "the gateway knows it")
        assert row_of(person.get("/cluster").text, "gateway", name)[1] == "closed"
        wait_until(lambda: "left alone" in person.get(f"/api/{name}/x").text, "its breaker opens")
        row = row_of(person.get("/cluster").text, "gateway", name)
        assert row[1] == "open" and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", row[2])
        assert int(row[4]) >= 10 and int(row[5]) >= 1 and int(row[3]) >= int(row[4])
        assert row_of(person.page.text, "instances", name)[3] == "–"
    finally:
        bad.close()


def test_draining_and_missing(town):
    person = town.person("head")
    answer = town.registry.post("/services", {"ServiceName": "Lonely", "ServiceURL": f"http://127.0.0.1:{free_port()}", "RequiredServices": ["Nowhere"]})
    assert answer.status == 200
    wait_until(lambda: "Missing: Nowhere" in person.get("/cluster").text, "the page names who is missing")
    assert row_of(person.page.text, "services", "Nowhere")[1:] == ["missing", "missing", "none", "Lonely"]
    assert town.registry.request("/services/drain", "PUT", town.log.url, headers={"Content-Type": "text/plain"}).status == 200
    wait_until(lambda: row_of(person.get("/cluster").text, "instances", "LogService")[1] == "draining", "the page says that it drains")
    assert row_of(person.page.text, "instances", "LogService")[4] == "none"


# ---- somebody is away ----

def test_the_registry_is_away(town):
    person = town.person("head")
    before = section(person.get("/cluster").text, "services")
    town.registry.kill()
    wait_until(lambda: "The registry does not answer" in person.get("/cluster").text, "the page says so")
    assert person.page.status == 200 and "what it said last" in person.page.text
    assert section(person.page.text, "services") == before
    assert '<noscript><meta http-equiv="refresh"' in person.page.text
    assert "nobody can say now" in person.get("/about").text
    town.registry.start()
    wait_until(lambda: "The registry does not answer" not in person.get("/cluster").text, "it is back by itself")


def test_the_registry_was_never_there(town):
    """Nobody had looked before: what is shown is whom the portal was told of."""
    person = town.person("head")
    town.registry.kill()
    page = person.get("/cluster")
    assert page.status == 200 and "whom the portal itself was last told of" in page.text
    assert {row[0].split()[0] for row in section(page.text, "instances")} == {"GradingService", "LogService", "Portald"}
    assert {row[1] for row in section(page.text, "instances")} == {"unknown"}


@pytest.mark.parametrize("path", ("/cluster", "/log", "/about"))
def test_grading_is_away(town, path):
    """Nobody can say who it is: the page says so, and asks again by itself."""
    person = town.person("head")
    person.get(path)
    town.grading.stop()
    page = wait_until(lambda: (p := person.get(path)).status in (502, 503, 504) and p, "the page says so")
    assert page.headers["Refresh"] and "127.0.0.1" not in page.text
    town.grading.start()
    wait_until(lambda: person.get(path).status == 200, "it is back")


def test_a_grading_service_without_accounts(cluster):
    """Nobody can be known to be an administrator, and nobody is taken for one."""
    grading = FakeGrading()
    try:
        registry = cluster.start("registry")
        portal = cluster.start("portal")
        registry.post("/services", {"ServiceName": "GradingService", "ServiceURL": grading.url})
        person = Person(portal)
        wait_until(lambda: person.get("/students").status == 200, "the portal knows grading")
        for path in ADMIN_PAGES:
            page = person.get(path)
            assert page.status == 403 and "has no accounts" in page.text
        assert person.get("/about").status == 200
        assert person.get("/students").status == 200
    finally:
        grading.close()


# ---- hostile neighbours ----

HOSTILE_URL = "http://127.0.0.1:1/<script>alert(1)</script>"


class FakeRegistry(FakeService):
    """A registry of another make: it lists what it is told to, and waits for nothing."""

    def __init__(self, services):
        self.services = services
        super().__init__()

    def answer(self, handler, body):
        if handler.path == "/services" and handler.command == "GET":
            self.send(handler, 200, {"Services": self.services})
        else:
            self.send(handler, 200, {"Providers": None})


def show(cluster, services, wanted):
    fake = FakeRegistry(services)
    town = Town(cluster, daemons=("log",))
    town.school.open()
    try:
        cluster.configure("gradebook", {"Cluster": {"RegistryURL": fake.url}})
        town.portal.signal(signal.SIGHUP)
        person = town.person("head")
        return wait_until(lambda: wanted in (p := person.get("/cluster")).text and p, f"the page has {wanted}")
    finally:
        fake.close()


def test_names_and_addresses_are_shown_as_text(cluster):
    service = {"ServiceName": "Good", "ServiceURL": HOSTILE_URL, "State": "<b>passing</b>", "Since": "yesterday",
               "RequiredServices": ["<img src=x onerror=alert(1)>", "A" * 5000, 7, None], "LastError": "raw words of a socket"}
    page = show(cluster, [service, "no object", {"ServiceName": 5}, {"ServiceName": "Ctl\u0007", "ServiceURL": "http://x"},
                          {"ServiceName": "Long", "ServiceURL": "http://h/" + "y" * 3000}], "Long")
    assert "<script>alert" not in page.text and "<img src=x" not in page.text and "<b>passing" not in page.text
    assert html.escape(HOSTILE_URL) in page.text and "raw words" not in page.text
    assert row_of(page.text, "instances", "Good")[1] == "unknown"
    assert "\u0007" not in page.text


def test_who_does_not_read_is_cut(cluster):
    """The portal holds one middle of the page for each who follows, and not for long."""
    services = [{"ServiceName": f"S{n}", "ServiceURL": f"http://127.0.0.1:1/{n}/" + "x" * 8000, "State": "critical"} for n in range(500)]
    fake = FakeRegistry(services)
    town = Town(cluster, daemons=("log",))
    town.school.open()
    try:
        cluster.configure("gradebook", {"Cluster": {"RegistryURL": fake.url}})
        town.portal.signal(signal.SIGHUP)
        person = town.person("head")
        wait_until(lambda: "S499" in person.get("/cluster").text, "the page has the list")

        def is_cut():
            # Each answer of the registry is another list, so that there is always something to send.
            services[0]["State"] = "passing" if services[0]["State"] == "critical" else "critical"
            return "is cut" in town.portal.stderr
        with following(person, "/cluster/events", timeout=60) as stream:
            assert stream.status == 200
            wait_until(is_cut, "who does not read is cut", timeout=60)
        assert person.get("/cluster").status == 200
    finally:
        fake.close()


def test_a_long_list_is_cut(cluster):
    services = [{"ServiceName": f"S{n % 70}", "ServiceURL": f"http://127.0.0.1:1/{n}", "State": "critical", "RequiredServices": None} for n in range(600)]
    page = show(cluster, services, "S69")
    assert len(section(page.text, "instances")) == 500
    assert "100 more, all no worse" in page.text and "10 more are not drawn" in page.text
