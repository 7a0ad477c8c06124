# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signing in at the portal: when it is needed, what the browser keeps, what another site cannot do, and that nobody gets another's page."""

import concurrent.futures
import datetime
import json
import re
import urllib.parse

import gradebook
import pytest
from fakes import FakeGrading
from gradebook import wait_until
from people import CODE, PASSWORD, Person, School

GRADE = {"Title": "Essay", "Type": "Homework", "Score": "92.5"}
OTHER = "the quick brown fox 9"
SESSION = "__Host-gradebook"
NEXT_MONTH = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Town:
    """A cluster with its school and a portal, or two."""

    def __init__(self, cluster, portals=1, portal=None, grading=None):
        self.cluster = cluster
        cluster.configure("portal", {"Portal": {"RetrySec": "1s", **(portal or {})}})
        cluster.configure("grading", grading or {})
        cluster.configure("gradebook", {"HTTP": {"RequestTimeoutSec": "3s"}})
        cluster.start("registry")
        self.grading = cluster.daemon("grading", keep_listener=True).start()
        self.school = School(self.grading)
        self.portals = [cluster.start("portal") for _ in range(portals)]
        self.portal = self.portals[0]
        for one in self.portals:
            wait_until(lambda one=one: one.get("/sign-in", token=False).status == 200, "the portal knows grading")

    def person(self, login=None, **kwargs):
        person = Person(self.portal, **kwargs)
        if login:
            person.sign_in(login)
            assert person.page.status == 303, person.page
        return person


@pytest.fixture
def town(cluster):
    return Town(cluster)


@pytest.fixture(scope="module")
def open_town(tmp_path_factory):
    """One for all tests that leave it as it was."""
    cluster = gradebook.Cluster(tmp_path_factory.mktemp("town"))
    try:
        town = Town(cluster)
        town.school.open()
        yield town
    finally:
        cluster.close()


def heading(answer):
    return re.search(r"<h1>(.*?)</h1>", answer.text)[1]


def assert_to_sign_in(answer, next_page=None):
    assert answer.status == 303, answer
    assert answer.headers["Location"] == "/sign-in" + (f"?next={next_page}" if next_page else ""), answer.headers["Location"]
    assert answer.headers["Cache-Control"] == "no-store" and answer.body == b""


# When it is needed

def test_open_until_there_is_an_administrator(town):
    visitor = town.person()
    path = town.school.path("Carter")
    for page in ("/students", path):
        answer = visitor.get(page)
        assert answer.status == 200 and 'href="/setup"' in answer.text and "Sign out" not in answer.text
    visitor.send(path + "/grades", GRADE)
    assert visitor.page.status == 303 and len(town.school.grades("Carter")) == 2
    # A teacher alone changes nothing of it, the first administrator does, while all is running.
    town.school.account("early", "teacher")
    assert visitor.get("/students").status == 200
    town.school.open()
    assert_to_sign_in(visitor.get("/students"), "/students")
    assert_to_sign_in(visitor.get(path), path)
    assert_to_sign_in(visitor.post(path + "/grades", GRADE), path)
    assert len(town.school.grades("Carter")) == 2
    assert visitor.get("/sign-in").status == 200 and "/setup" not in visitor.page.text
    town.portal.stop()
    town.portal.start()
    wait_until(lambda: visitor.get("/students").status == 303, "a portal that has only just started knows it, too")


def test_a_session_of_former_times_does_not_keep_one_out(town):
    """A cookie from before the data was made anew, while the pages are open."""
    visitor = town.person()
    visitor.cookies[SESSION, "/"] = "gbs_" + "b" * 43
    assert_to_sign_in(visitor.get("/students"), "/students")
    assert visitor.follow().status == 200 and visitor.cookie(SESSION) is None and 'href="/setup"' in visitor.page.text
    assert visitor.get("/students").status == 200


def test_always_if_so_configured(cluster):
    town = Town(cluster, portal={"SignIn": "yes"})
    visitor = town.person()
    assert_to_sign_in(visitor.get("/students"), "/students")
    assert_to_sign_in(visitor.post("/students/1/grades", GRADE), "/students/1")
    assert len(town.school.grades("Carter")) == 1
    assert 'href="/setup"' in visitor.get("/sign-in").text
    town.school.open()
    assert town.person("ada").follow().status == 200


def test_every_page_needs_a_session(open_town):
    visitor = open_town.person()
    for path in ("/students", "/students/1", "/students/99", "/password"):
        assert_to_sign_in(visitor.get(path), path)
    for path in ("/students/1/grades", "/password"):
        assert_to_sign_in(visitor.post(path, GRADE), path.removesuffix("/grades"))
    assert_to_sign_in(visitor.post("/sign-out", {}))
    for path in ("/sign-in", "/setup"):
        assert visitor.get(path).status == 200
    # What looks like a session and is none, or a token in the place of one.
    head = {"Gradebook-Session": open_town.person("head").cookie(SESSION)}
    token = open_town.grading.post("/tokens", {"Name": "x", "Expires": NEXT_MONTH}, headers=head)
    assert token.status == 201, token
    values = ["gbs_" + "a" * 43, "none", "", "gbs_", "gbs_" + "a" * 44, "x" * 3000, "gbs_" + "%0d%0a" * 7 + "a", "None", '"none"', token.json["Token"]]
    for value in values:
        answer = open_town.portal.get("/students", token=False, headers={"Cookie": f"{SESSION}={value}"})
        assert_to_sign_in(answer, "/students")
    # The header between the services is not the visitor's to send, nor does the cluster token make a page of somebody.
    for headers in ({"Gradebook-Session": "none"}, {"Gradebook-Account": "ID=1&Role=admin&Student=0&Name=x"}):
        assert_to_sign_in(open_town.portal.get("/students", token=False, headers=headers), "/students")
    assert_to_sign_in(open_town.portal.get("/students"), "/students")


def test_a_grading_of_another_make_knows_no_accounts(cluster):
    portal, fake = cluster.start("portal"), FakeGrading()
    assert portal.post("/services", {"Added": [{"Name": "GradingService", "URL": fake.url}]}).status == 200
    visitor = Person(portal)
    assert visitor.get("/students").status == 200 and "/setup" not in visitor.page.text
    for path in ("/sign-in", "/setup"):
        assert visitor.get(path).status == 404 and "no accounts" in visitor.page.text
    fake.close()


def test_a_portal_with_the_wrong_token_says_so(town):
    town.school.open()
    session = town.person("ada")
    (town.cluster.credentials / "cluster-token").write_text("0" * 64 + "\n")
    other = town.cluster.daemon("portal")
    other.launch()
    other.wait_notify("READY=1")
    assert other.request("/services", "POST", {"Added": [{"Name": "GradingService", "URL": town.grading.url}]}, token="0" * 64).status == 200
    for visitor in (town.person(), session):
        answer = visitor.get("/students", portal=other)
        assert answer.status == 502 and "cluster token is missing or wrong" in answer.text, answer


# The first administrator

def test_the_first_administrator(town):
    code = re.search(CODE, town.grading.stderr)[1]
    head = town.person()
    head.get("/students")
    head.get("/setup")
    assert "journalctl -u gradebook-grading" in head.page.text
    form = {"Code": code, "Login": "head", "Name": "The <Head>", "Password": PASSWORD, "Again": PASSWORD}

    def wrong(status, field=None, **change):
        head.get("/setup")
        answer = head.send("/setup", {**form, **change})
        assert answer.status == status and answer.text.count('aria-invalid="true"') == (field is not None), answer.text
        if field:
            assert re.search(rf'id="{field}"[^>]*aria-invalid="true"[^>]*aria-describedby="[^"]*{field}-error"', answer.text)
        assert PASSWORD not in answer.text and 'value="The &lt;Head&gt;"' in answer.text
        assert town.grading.get("/setup").json == {"Needed": True}

    wrong(400, "code", Code="")
    wrong(400, "login", Login="")
    wrong(400, "password", Password="", Again="")
    wrong(400, "again", Again="other")
    wrong(400, "password", Password="password123", Again="password123")
    wrong(400, "login", Login="with a space")
    wrong(403, "code", Code="abcd-" * 6 + "abcd")
    head.get("/setup")
    fields = head.forms()["/setup"]
    assert Person(town.portal).post("/setup", {**form, **fields}).status == 403    # another browser's form
    assert head.post("/setup", form).status == 403
    assert town.grading.get("/setup").json == {"Needed": True}

    head.get("/setup")
    assert head.send("/setup", {**form, "Code": code.upper()}).status == 303
    assert head.attributes[SESSION] == {"path": "/", "httponly": "", "samesite": "Lax", "secure": ""}
    assert head.follow().status == 200 and "The &lt;Head&gt;" in head.page.text and "administrator" in head.page.text
    assert 'href="/setup"' not in head.page.text
    assert "There is an administrator already" in head.get("/setup").text and "/setup" not in head.forms()


def test_the_code_cannot_be_guessed(town):
    visitor = town.person()
    form = {"Code": "a" * 28, "Login": "x", "Password": PASSWORD, "Again": PASSWORD}
    visitor.get("/setup")
    answers = [visitor.send("/setup", form) for _ in range(6)]
    assert [a.status for a in answers] == [403] * 5 + [429]
    assert re.search(r"Wait \d+ (seconds|minutes)", answers[-1].text)


# Signing in and out

def test_cookies_on_this_machine_over_tls_and_elsewhere(cluster):
    town = Town(cluster)
    town.school.open()
    strict = {"path": "/", "httponly": "", "samesite": "Lax", "secure": ""}
    plain = {"path": "/", "httponly": "", "samesite": "Lax"}
    for host in ("localhost", "localhost:5005", "127.0.0.1:80", "[::1]:5005", "LocalHost"):
        person = town.person("ada", host=host)
        assert person.attributes[SESSION] == strict and person.follow().status == 200
        assert "Strict-Transport-Security" not in person.page.headers
    for host in ("school.example", "localhost.example", "127.0.0.1.example", "localhost:x", "10.0.0.1:5005"):
        person = town.person("ada", host=host)
        assert person.attributes["gradebook"] == plain and SESSION not in person.attributes and person.follow().status == 200
        # The other name is not looked at: whoever can set one cannot set the other.
        assert_to_sign_in(town.portal.get("/students", token=False, headers={"Host": host, "Cookie": f"{SESSION}={person.cookie('gradebook')}"}), "/students")
    assert_to_sign_in(town.portal.get("/students", token=False, headers={"Cookie": f"gradebook={person.cookie('gradebook')}"}), "/students")
    cluster.configure("portal", {"Portal": {"HTTPS": "yes"}})
    town.portal.signal(1)
    wait_until(lambda: "Strict-Transport-Security" in town.portal.get("/sign-in", token=False).headers, "the configuration is read")
    person = town.person("ada", host="school.example")
    assert person.attributes[SESSION] == strict and "max-age" in person.page.headers["Strict-Transport-Security"]
    assert "max-age" in person.follow().headers["Strict-Transport-Security"]


def test_wrong_login_and_wrong_password_are_the_same(open_town):
    pages = []
    for login, password in (("ada", "wrong horse"), ("nobody", PASSWORD), ("ADA\x7f", PASSWORD), ("ada", "x" * 200)):
        visitor = open_town.person().sign_in(login, password)
        assert visitor.page.status == 403 and SESSION not in visitor.attributes
        assert password not in visitor.page.text
        pages.append(re.sub(r'value="[^"]*"', "", visitor.page.text))
    assert len(set(re.sub(r"request \w+", "", page) for page in pages)) == 1 and "Login or password is wrong" in pages[0]
    visitor = open_town.person().sign_in("", "")
    assert visitor.page.status == 400 and visitor.page.text.count('aria-invalid="true"') == 2
    open_town.person("ada")


def test_tries_are_counted_by_the_browsers_address(town):
    town.school.open()
    visitor = town.person()
    visitor.get("/sign-in")
    answers = [visitor.send("/sign-in", {"Login": "emma", "Password": "wrong"}) for _ in range(6)]
    assert [a.status for a in answers] == [403] * 5 + [429]
    assert re.search(r"Wait \d+ (seconds|minutes)", answers[-1].text) and int(answers[-1].headers["Retry-After"]) > 0
    assert 'value="emma"' in answers[-1].text
    town.person("ada")
    sessions = town.grading.get(f"/sessions?account={town.school.account_id('ada')}").json["Items"]
    assert [s["Client"] for s in sessions] == ["127.0.0.1"]     # without the port, which is another one for each connection


@pytest.mark.parametrize("next_page, goes_to", [
    ("/students/2", "/students/2"), ("/password", "/password"), ("/students?x=1&y=%2F", "/students?x=1&y=%2F"),
    ("//evil.example", None), ("https://evil.example/", None), ("/\\evil.example", None), ("\\\\evil.example", None), ("/students\r\nX: y", None),
    ("javascript:alert(1)", None), ("/..//evil.example", None), ("/./x", None), (" /students/2", None), ("", None), ("students", None),
    ("/sign-in?next=/x", None), ("/sign-out", None), ("/api/GradingService/students", None), ("/x" * 300, None), ("/\u4e2d", None),
    ("/students//evil.example", None), ("/#x", None), ("/<script>", None), ("/\t/evil.example", None),
])
def test_after_signing_in_one_stays_here(open_town, next_page, goes_to):
    visitor = open_town.person().sign_in("ada", path="/sign-in?next=" + urllib.parse.quote(next_page, safe=""))
    assert visitor.page.status == 303 and visitor.page.headers["Location"] == (goes_to or "/students")
    assert len(visitor.page.headers.get_all("Location")) == 1 and "X" not in visitor.page.headers
    # Nor if somebody makes the form send it.
    visitor.get("/sign-in")
    visitor.send("/sign-in", {"Login": "ada", "Password": PASSWORD, "next": next_page})
    assert visitor.page.headers["Location"] == (goes_to or "/students")


def test_the_session_is_another_one_after_each_sign_in(open_town):
    ada = open_town.person("ada")
    first = ada.cookie(SESSION)
    ada.sign_in("ada")
    second = ada.cookie(SESSION)
    assert first != second
    ended = open_town.portal.get("/students", token=False, headers={"Cookie": f"{SESSION}={first}"})
    assert_to_sign_in(ended, "/students")
    assert ada.get("/students").status == 200
    # One that somebody has put there beforehand is not taken over.
    visitor = open_town.person()
    visitor.cookies[SESSION, "/"] = "gbs_" + "b" * 43
    visitor.sign_in("ada")
    assert visitor.page.status == 303 and visitor.cookie(SESSION) != "gbs_" + "b" * 43


def test_signing_out(open_town):
    ada, elsewhere = open_town.person("ada"), open_town.person("ada")
    session = ada.cookie(SESSION)
    ada.get("/students")
    ada.send("/sign-out")
    assert ada.page.headers["Location"] == "/sign-in?signed-out=1" and ada.cookie(SESSION) is None
    assert "You are signed out" in ada.follow().text
    assert_to_sign_in(open_town.portal.get("/students", token=False, headers={"Cookie": f"{SESSION}={session}"}), "/students")
    assert elsewhere.get("/students").status == 200
    third = open_town.person("ada")
    third.get("/password")
    third.send("/sign-out-everywhere")
    assert third.page.status == 303 and third.cookie(SESSION) is None
    assert_to_sign_in(elsewhere.get("/students"), "/students")


def test_signing_out_while_grading_is_away(town):
    town.school.open()
    ada = town.person("ada")
    ada.get("/students")
    fields = ada.forms()["/sign-out"]
    town.grading.kill()
    town.grading.listener.close()
    town.grading.listener = None
    answer = ada.post("/sign-out", fields)
    assert answer.status == 503 and "has forgotten your session" in answer.text and ada.cookie(SESSION) is None


def test_another_password(town):
    town.school.open()
    emma, elsewhere = town.person("emma"), town.person("emma")

    def change(old, new, again=None):
        emma.get("/password")
        assert "emma" in emma.page.text
        return emma.send("/password", {"OldPassword": old, "Password": new, "Again": again or new})

    for answer, status, field in ((change("", OTHER), 400, "old"), (change(PASSWORD, ""), 400, "new"), (change(PASSWORD, OTHER, "x"), 400, "again"),
                                  (change("wrong horse", OTHER), 403, "old"), (change(PASSWORD, "password1"), 400, "new"), (change(PASSWORD, "short"), 400, "new")):
        assert answer.status == status and re.findall(r'id="(\w+)-error"', answer.text) == [field], answer.text
        assert PASSWORD not in answer.text and OTHER not in answer.text
    assert elsewhere.get("/password").status == 200
    emma.get("/password")
    assert emma.post("/password", {"OldPassword": PASSWORD, "Password": OTHER, "Again": OTHER}).status == 403
    assert change(PASSWORD, OTHER).headers["Location"] == "/password?saved=1"
    assert "Your password is another one now" in emma.follow().text
    assert_to_sign_in(elsewhere.get("/password"), "/password")
    assert town.person().sign_in("emma").page.status == 403
    assert town.person().sign_in("emma", OTHER).page.status == 303


# What another site cannot do

def test_a_form_without_the_right_token_changes_nothing(open_town):
    ada, emma = open_town.person("ada"), open_town.person("emma")
    path = open_town.school.path("Carter")
    before = open_town.school.grades("Carter")
    ada.get(path)
    token = ada.forms()[path + "/grades"]["csrf"]
    assert token != ada.cookie(SESSION) and token not in ada.cookie(SESSION) and ada.cookie(SESSION) not in ada.page.text
    emma.get("/students")
    emma.follow()
    others = emma.forms()["/sign-out"]["csrf"]
    assert others != token
    for wrong in (None, "", "x", others, token[:-1], token + "a", token.swapcase(), "A" * 43, "A" * 86):
        fields = {**GRADE, **({"csrf": wrong} if wrong is not None else {})}
        answer = ada.post(path + "/grades", fields)
        assert answer.status == 403 and 'value="Essay"' in answer.text and 'value="92.5"' in answer.text, answer
        assert ada.post("/sign-out", fields).status == 403 and ada.post("/sign-out-everywhere", fields).status == 403
        assert ada.post("/password", {**fields, "OldPassword": PASSWORD, "Password": OTHER, "Again": OTHER}).status == 403
    assert open_town.school.grades("Carter") == before and ada.get("/students").status == 200
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
                    {"Origin": "http://127.0.0.1"}, {"Origin": f"http://127.0.0.1:{open_town.portal.port}.evil.example"},
                    {"Sec-Fetch-Site": "none", "Origin": "https://evil.example"}):
        for action in (path + "/grades", "/sign-out", "/password", "/sign-in", "/setup"):
            answer = ada.post(action, {**GRADE, "csrf": token}, **headers)
            assert answer.status == 403, (headers, action)
    assert open_town.school.grades("Carter") == before and ada.get(path).status == 200
    # The form that was shown again is a good one, and so is what a browser sends with it.
    ada.post(path + "/grades", GRADE)
    ada.send(path + "/grades", GRADE, **{"Sec-Fetch-Site": "same-origin", "Origin": open_town.portal.url})
    assert ada.page.status == 303 and len(open_town.school.grades("Carter")) == len(before) + 1
    ada.get(path)
    assert ada.send(path + "/grades", {**GRADE, "Title": "Second"}, Origin=open_town.portal.url).status == 303


def test_nobody_is_signed_in_as_somebody_else(open_town):
    """Login CSRF: a form that another browser got, or no browser at all."""
    attacker, victim = open_town.person(), open_town.person()
    attacker.get("/sign-in")
    fields = {**attacker.forms()["/sign-in"], "Login": "ada", "Password": PASSWORD}
    assert victim.post("/sign-in", fields).status == 403 and SESSION not in victim.attributes
    victim.get("/sign-in")
    assert victim.post("/sign-in", fields).status == 403
    assert victim.post("/sign-in", {"Login": "ada", "Password": PASSWORD}).status == 403
    assert 'value="ada"' in victim.page.text and victim.send("/sign-in", {"Login": "ada", "Password": PASSWORD}).status == 303


def test_the_headers_of_what_is_refused(open_town):
    """As every page's, in test_portal_security.py."""
    ada = open_town.person("ada")
    for page in (ada.post("/students/1/grades", GRADE), ada.post("/sign-out", {}), open_town.person().sign_in("ada", "wrong").page):
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert page.headers["X-Content-Type-Options"] == "nosniff" and page.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", page.text)


# Who sees what

def test_each_role_sees_its_own(open_town):
    school = open_town.school
    head, ada, nick, emma = (open_town.person(login) for login in ("head", "ada", "nick", "emma"))
    assert "The Head" in head.get("/students").text and "administrator" in head.page.text and "Emma Stone" in head.page.text
    assert "Ada &lt;Byron&gt;" in ada.get("/students").text and "teacher" in ada.page.text
    assert school.path("Carter") + "/grades" in {**head.forms(), **(ada.get(school.path("Carter")) and ada.forms())}
    for student, own, other in ((nick, "Carter", "Stone"), (emma, "Stone", "Carter")):
        assert student.get("/").headers["Location"] == "/students"
        assert student.get("/students").headers["Location"] == school.path(own)
        page = student.follow()
        assert page.status == 200 and own in page.text and other not in page.text and "/grades" not in page.text
        assert student.get(school.path(other)).status == 404 and other not in student.page.text
        token = student.get(school.path(own)) and student.forms()["/sign-out"]["csrf"]
        before = school.grades(own)
        assert student.post(school.path(own) + "/grades", {**GRADE, "csrf": token}).status == 403
        assert student.post(school.path(other) + "/grades", {**GRADE, "csrf": token}).status == 404
        assert school.grades(own) == before


def test_what_is_not_released_is_not_shown(open_town):
    school = open_town.school
    nick, ada = open_town.person("nick"), open_town.person("ada")
    assessment = school.add(f"/classes/{school.class_id}/assessments", {"Title": "Secret draft", "Type": "Exam", "Released": False})
    answer = open_town.grading.request(f"/assessments/{assessment}/grades/{school.students['Carter']}", "PUT", {"Score": 12})
    assert answer.status in (200, 201), answer
    assert "Secret draft" in ada.get(school.path("Carter")).text
    assert "Secret draft" not in nick.get(school.path("Carter")).text and nick.page.status == 200


def test_who_changed_a_grade_is_on_record(open_town):
    ada = open_town.person("ada")
    path = open_town.school.path("Stone")
    ada.get(path)
    ada.send(path + "/grades", {**GRADE, "Title": "On record"})
    assert ada.page.status == 303 and "On record was added" in ada.follow().text
    entries = [json.loads(line) for line in open_town.grading.get("/ledger?limit=1000").text.splitlines()]
    last = [e for e in entries if e["Kind"] == "grade"][-1]
    assert last["Actor"] == f"account:{open_town.school.account_id('ada')}" and "On record" in json.dumps(entries)


def test_never_anothers_page(cluster):
    """Many at once, of all roles and in both languages, at the same paths through two portals, while sessions end and begin."""
    town = Town(cluster, portals=2)
    school = town.school.open()
    people = [("head", "The Head", "en"), ("ada", "Ada &lt;Byron&gt;", "zh"), ("nick", "Nick", "en"), ("emma", "emma", "zh")]
    wrong = []

    def visit(number):
        login, name, language = people[number % len(people)]
        person = Person(town.portals[number % 2], language)
        person.sign_in(login)
        session = person.cookie(SESSION)
        for turn in range(25):
            for path in ("/students", school.path("Carter"), school.path("Stone")):
                page = person.ask(path, portal=town.portals[(number + turn) % 2])
                if page.status == 200:
                    shown = re.search(r'class="my-name">(.*?)<', page.text)[1]
                    tokens = set(re.findall(r'name="csrf" value="(.*?)"', page.text))
                    mine = person.forms()["/sign-out"]["csrf"]
                    if shown != name or tokens != {mine} or f'lang="{"zh-Hans" if language == "zh" else "en"}"' not in page.text.split("<head>")[0]:
                        wrong.append((login, path, shown, tokens))
                    if login in ("nick", "emma") and path != school.path({"nick": "Carter", "emma": "Stone"}[login]):
                        wrong.append((login, path))
                elif not (page.status == 303 and path == "/students" and login in ("nick", "emma")) and page.status != 404:
                    wrong.append((login, path, page))
            if turn % 8 == 7:
                person.get(school.path("Stone") if login == "emma" else school.path("Carter"))
                person.send("/sign-out")
                gone = person.ask("/students", Cookie=f"{SESSION}={session}")
                if gone.status != 303 or not gone.headers["Location"].startswith("/sign-in"):
                    wrong.append((login, "signed out", gone))
                person.sign_in(login)
                session = person.cookie(SESSION)
        return person

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(visit, n) for n in range(12)]:
            done.result()
    assert not wrong, wrong[:5]
    # A visitor without a session gets none of what was made for them.
    for portal in town.portals:
        for path in ("/students", school.path("Carter")):
            assert_to_sign_in(portal.get(path, token=False), path)


def test_a_page_is_made_again_when_its_people_change(town):
    """The body that a page is made of stays the same here, and the page must not."""
    school = town.school.open()
    ada = town.person("ada")
    assert "teacher" in ada.get(school.path("Carter")).text
    account = f"/accounts/{school.account_id('ada')}"
    assert town.grading.request(account, "PATCH", {"Name": "Augusta"}).status == 200
    assert "Augusta" in ada.get(school.path("Carter")).text
    assert town.grading.request(account, "PATCH", {"Disabled": True}).status == 200
    assert_to_sign_in(ada.get(school.path("Carter")), school.path("Carter"))


# The end of a session, and of the service

def test_what_was_typed_outlives_the_session(cluster):
    town = Town(cluster, grading={"Sessions": {"SessionIdleSec": "2s"}})
    path = town.school.open().path("Carter")
    ada = town.person("ada")
    ada.get(path)
    fields = ada.forms()[path + "/grades"]
    typed = {"Title": "Kept <b>; & 中文", "Type": "Exam", "Score": "77.5"}
    account = town.school.account_id("ada")
    wait_until(lambda: town.grading.get(f"/sessions?account={account}").json["Items"] == [], "the session has ended", 15)
    assert_to_sign_in(ada.post(path + "/grades", {**fields, **typed}), path)
    kept = ada.attributes["gradebook-typed"]
    assert kept["path"] == path and "httponly" in kept and int(kept["max-age"]) == 900
    assert town.school.grades("Carter") == [{"Title": "Quiz 1", "Type": "Quiz", "Score": 85}]
    ada.follow()
    ada.send("/sign-in", {"Login": "ada", "Password": PASSWORD})
    page = ada.follow()
    assert page.status == 200 and "What you typed is still here" in page.text
    assert 'value="Kept &lt;b&gt;; &amp; 中文"' in page.text and 'value="77.5"' in page.text and "<option selected>Exam" in page.text
    assert ada.cookie("gradebook-typed") is None
    ada.send(path + "/grades", typed)
    assert ada.page.status == 303 and town.school.grades("Carter")[-1] == {"Title": typed["Title"], "Type": "Exam", "Score": 77.5}
    assert "What you typed" not in ada.get(path).text


def test_any_portal_answers(cluster):
    town = Town(cluster, portals=2)
    path = town.school.open().path("Carter")
    one, two = town.portals
    ada = town.person()
    ada.ask("/sign-in", portal=one)
    assert ada.ask("/sign-in", "POST", urllib.parse.urlencode({**ada.forms()["/sign-in"], "Login": "ada", "Password": PASSWORD}), portal=two,
                   **{"Content-Type": "application/x-www-form-urlencoded"}).status == 303
    ada.ask(path, portal=one)
    body = urllib.parse.urlencode({**ada.forms()[path + "/grades"], **GRADE})
    one.stop()
    assert ada.ask(path + "/grades", "POST", body, portal=two, **{"Content-Type": "application/x-www-form-urlencoded"}).status == 303
    assert len(town.school.grades("Carter")) == 2


def test_grading_away_is_said_in_words(town):
    town.school.open()
    ada, path = town.person("ada"), town.school.path("Carter")
    ada.get(path)
    fields = ada.forms()[path + "/grades"]
    ada.get("/password")
    password = ada.forms()["/password"]
    visitor = town.person()
    visitor.get("/sign-in")
    entry = visitor.forms()["/sign-in"]
    town.grading.kill()
    town.grading.listener.close()
    town.grading.listener = None
    for page in ("/students", path, "/sign-in", "/setup", "/password"):
        answer = ada.get(page)
        assert answer.status == 503 and heading(answer) == "The grades are not available right now" and answer.headers["Refresh"] == "1", page
    kept = ada.post(path + "/grades", {**fields, **GRADE})
    assert kept.status == 503 and 'value="Essay"' in kept.text and ada.forms()[path + "/grades"]["csrf"]
    tried = visitor.post("/sign-in", {**entry, "Login": "emma", "Password": PASSWORD})
    assert tried.status == 503 and 'value="emma"' in tried.text and PASSWORD not in tried.text
    assert "The service that keeps the grades" in tried.text and 'role="alert"' in tried.text
    changed = ada.post("/password", {**password, "OldPassword": PASSWORD, "Password": OTHER, "Again": OTHER})
    assert changed.status == 503 and PASSWORD not in changed.text and OTHER not in changed.text
    town.grading.keep_listener = False
    town.grading.start()
    wait_until(lambda: ada.get(path).status == 200, "the page is back")
    assert ada.post(path + "/grades", {**fields, **GRADE}).status == 303


# Languages

@pytest.mark.parametrize("accept, language", [
    ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"), ("zh", "zh-Hans"), ("ZH-Hant", "zh-Hans"), ("en-GB,zh;q=0.5", "en"), ("fr", "en"), ("", "en"), ("fr,zh;q=0.2,en;q=0.1", "zh-Hans"),
    ("en;q=0,zh;q=0.001", "zh-Hans"), ("zhx", "en"), ("*", "en"), (",;,=q;;", "en"), ("en;q=0.5 , zh;q=0.8", "zh-Hans"),
])
def test_language_by_the_browsers_wish(open_town, accept, language):
    page = open_town.person(language=accept).get("/sign-in")
    assert f'<html lang="{language}">' in page.text
    assert heading(page) == {"en": "Sign in", "zh-Hans": "登录"}[language]


def test_language_by_choice(open_town):
    ada = open_town.person("ada")
    path = open_town.school.path("张")
    assert heading(ada.get(path)) == "伟 张"
    for referer, back in ((open_town.portal.url + path, path), (None, "/students"), ("https://evil.example/students/1", "/students"),
                          (open_town.portal.url + "//evil.example", "/students"), (open_town.portal.url + path + "/grades", path),
                          (open_town.portal.url + "/sign-in?next=/students/2", "/sign-in?next=/students/2"), (open_town.portal.url + "/sign-out", "/students")):
        answer = ada.get("/language/zh", **({"Referer": referer} if referer else {}))
        assert answer.status == 303 and answer.headers["Location"] == back
    assert ada.attributes["lang"] == {"path": "/", "max-age": "31536000", "httponly": "", "samesite": "Lax"}
    page = ada.get(path)
    assert heading(page) == "张伟" and '<html lang="zh-Hans">' in page.text and "添加成绩" in page.text
    assert '<option value="Quiz" selected>测验</option>' in page.text
    assert "Carter Nick" in ada.get("/students").text and re.search(r"\d\d\.\d%", ada.page.text)
    ada.get(path)
    ada.send(path + "/grades", {"Title": "口试", "Type": "Exam", "Score": "88"})
    assert "已添加“口试”，分数 88" in ada.follow().text and "考试" in ada.page.text
    ada.send(path + "/grades", {"Title": "", "Type": "", "Score": "x"})
    assert ada.page.status == 400 and "请输入标题" in ada.page.text and "请选择一种类型" in ada.page.text and "<title>错误：" in ada.page.text
    assert heading(ada.get("/students/99")) == "找不到页面" and "没有编号为 99 的学生" in ada.page.text
    ada.get("/language/en")
    assert heading(ada.get(path)) == "伟 张"
    assert ada.get("/language/fr").status == 404
    for site in ("cross-site", "same-site"):
        assert ada.get("/language/zh", **{"Sec-Fetch-Site": site}).headers["Location"] == "/students" and "Set-Cookie" not in ada.page.headers
