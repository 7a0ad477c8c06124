# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is not one's own: no form is sent by another site or with another's token, and what somebody may not see is as if it were not there."""

import json
import re
import urllib.parse

import gradebook
import openapi
import pytest
from form_values import values_to_send
from gradebook import SOURCE
from pages import FORMS, TEACHER
from people import FORM
from school import whole_town

ROUTES = re.findall(r'\{ "(\S+)", "(/\S*)", ', (SOURCE / "src/portal/routes.c").read_text())
POSTS = [path for method, path in ROUTES if method == "POST"]
NOT_THERE = 987654321


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    cluster = gradebook.Cluster(tmp_path_factory.mktemp("town"))
    try:
        yield whole_town(cluster)
    finally:
        cluster.close()


# Forms

def test_every_form_is_tried():
    assert POSTS and sorted({form.route for form in FORMS}) == sorted(POSTS)


def state_of(town):
    """All that a form might have changed: every row, every session, every service."""
    accounts = town.grading.get("/accounts").json["Items"]
    sessions = [[s["Began"] for s in town.grading.get(f"/sessions?account={a['ID']}").json["Items"]] for a in accounts]
    services = [(s["ServiceURL"], s["State"]) for s in town.registry.get("/services").json["Services"]]
    return town.grading.get("/ledger/head").json["Sequence"], sessions, services


@pytest.mark.parametrize("form", FORMS, ids=[form.route for form in FORMS])
def test_a_form_is_sent_from_its_own_page_alone(town, form):
    school, person = town.school, town.person(form.who)
    other = town.person("bob" if form.who != "bob" else TEACHER)
    path = form.path_in(school)
    fields = form.values(person, school, path)
    others = values_to_send(other.get("/password") if form.who else town.person().get("/sign-in"), "", {})["csrf"]
    token, before = fields.pop("csrf"), state_of(town)
    origin = town.portal.url
    for wrong in (None, "", "x", others, token[:-1], token + "a", token.swapcase()):
        answer = person.post(path, {**fields, **({} if wrong is None else {"csrf": wrong})})
        assert answer.status == 403, (wrong, answer)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
                    {"Sec-Fetch-Site": "cross-site", "Origin": origin}, {"Origin": origin + ".evil.example"}, {"Origin": "http://localhost@evil.example"}):
        answer = person.post(path, {**fields, "csrf": token}, **headers)
        assert answer.status == 403, (headers, answer)
    # What a form of another site can send without asking: it is no form of ours.
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x"):
        answer = person.ask(path, "POST", urllib.parse.urlencode({**fields, "csrf": token}), **{"Content-Type": kind})
        assert answer.status in (400, 403, 415), (kind, answer)
    # Nor by the address: a token there is none, and a link changes nothing.
    answer = person.ask(path + "?" + urllib.parse.urlencode({**fields, "csrf": token}), "POST", "", **{"Content-Type": FORM})
    assert answer.status in (400, 403), answer
    assert state_of(town) == before
    answer = person.post(path, {**fields, "csrf": token}, **{"Sec-Fetch-Site": "same-origin", "Origin": origin})
    assert answer.status == form.done, answer


# What is not there for somebody

def things(school, tokens):
    """{kind, as paths have it: {login: (an ID that it may not see, ...)}}."""
    grading, students, classes, assessments = school.grading, school.students, school.classes, school.assessments

    def first(path):
        return grading.get(path).json["Items"][0]["ID"]

    imports = {row["Class"]: row["Import"] for row in grading.get("/imports").json["Items"]}
    emma, head = school.account_id("emma"), school.account_id("head")
    maths, history = classes["Mathematics 7a"], classes["History 7b"]
    return {
        "students": {"ada": (students["Jones"],), "bob": (students["Fischer"],), "nick": (students["Stone"], students["Jones"])},
        "classes": {"ada": (history, classes["Latin 7b"]), "bob": (maths,), "nick": (classes["Latin 7b"],)},
        "assessments": {"ada": (assessments["The Danube"],), "bob": (assessments["Quiz 2"],), "nick": (assessments["Final exam"], assessments["Rome"])},
        "grades": {"ada": (first(f"/students/{students['Jones']}/grades"),), "bob": (first(f"/students/{students['Fischer']}/grades"),),
                   "nick": (first(f"/students/{students['Stone']}/grades"),)},
        "enrolments": {"ada": (first(f"/classes/{history}/enrolments"),), "bob": (first(f"/classes/{maths}/enrolments"),)},
        "teachings": {"ada": (first(f"/classes/{history}/teachings"),), "bob": (first(f"/classes/{maths}/teachings"),)},
        "accounts": {login: (emma, head) for login in ("ada", "bob", "nick")},
        "imports": {"ada": (imports[history],), "bob": (imports[maths],), "nick": (imports[maths],)},
        "ledger": {login: (1, imports[maths]) for login in ("bob", "nick")},
        "sets": {login: (imports[maths],) for login in ("bob", "nick")},
        "tokens": {"bob": (tokens["ada"]["ID"],), "nick": (tokens["ada"]["ID"],)},
        "terms": {},    # everybody may know of them
    }


@pytest.fixture(scope="module")
def tokens(town):
    """{login: its API token, as it was answered}."""
    return {login: town.school.token(login) for login in ("ada", "bob", "nick")}


@pytest.fixture(scope="module")
def hidden(town, tokens):
    return things(town.school, tokens)


def test_what_may_not_be_seen_is_there(town, hidden):
    """So that the tests below are some."""
    for kind in set(hidden) - {"ledger", "sets"}:
        for number in {number for numbers in hidden[kind].values() for number in numbers}:
            assert town.grading.get(f"/{kind}/{number}").status == 200, (kind, number)


def bare(answer, number):
    """Without what differs in every answer, and with the number that was asked for as one and the same."""
    text = re.sub(r"[0-9a-f]{32}", "", answer.text)
    text = re.sub(r'(name="(?:key|csrf)" value=")[^"]*', r"\1", text)
    return answer.status, *(re.sub(rf"(?<!\d){number}(?!\d)", "N", part) for part in (answer.headers["Location"] or "", text))


def asked_both(ask, path, number):
    """The answers about what may not be seen and about what is not there."""
    real, none = bare(ask(path.replace("{}", str(number))), number), bare(ask(path.replace("{}", str(NOT_THERE))), NOT_THERE)
    # The number may stand there by chance, too.
    return real, (none[0], *(re.sub(rf"(?<!\d){number}(?!\d)", "N", text) for text in none[1:]))


def inner(school, path, number):
    """The path with what belongs to what may not be seen: a grade of that student, somebody of that class."""
    def first(where, member):
        return (school.grading.get(where).json["Items"] or [{member: 1}])[0][member]

    at = f"/{path.split('/')[1]}/{number}"
    found = {"grade": lambda: first(f"{at}/grades", "ID"), "student": lambda: first(f"{at}/enrolments", "Student"),
             "row": lambda: first(f"{at}/{path.split('/')[3]}", "ID"), "sequence": lambda: first(f"{at}/history", "Sequence")}
    return re.sub(r"\{(\w+)\}", lambda m: str(found[m[1]]()), path.replace("{id}", "{}"))


PAGES_OF_ONE = [(method, path) for method, path in ROUTES if "{id}" in path]


@pytest.mark.parametrize("method, path", PAGES_OF_ONE, ids=[f"{method} {path}" for method, path in PAGES_OF_ONE])
def test_a_page_of_what_may_not_be_seen(town, hidden, method, path):
    forms = [form for form in FORMS if form.route == path]
    for login, numbers in hidden[path.split("/")[1]].items():
        person = town.person(login)
        token = values_to_send(person.get("/password"), "", {})["csrf"]
        before = state_of(town)
        for number in numbers:
            for fields in [form.fields_in(town.school) for form in forms] if method == "POST" else [{}]:
                def ask(where, fields=fields):
                    return person.get(where) if method == "GET" else person.post(where, {**fields, "csrf": token, "key": "k" * 22})
                real, none = asked_both(ask, inner(town.school, path, number), number)
                assert real == none and real[0] not in (200, 201, 500), (login, number, real)
        assert state_of(town) == before


OPERATIONS = sorted({(method.upper(), path) for path, item in openapi.load()["paths"].items() for method in item
                     if method in ("get", "post", "put", "patch", "delete") and "{" in path})


@pytest.mark.parametrize("method, path", OPERATIONS, ids=[f"{method} {path}" for method, path in OPERATIONS])
def test_an_answer_about_what_may_not_be_seen(town, hidden, tokens, method, path):
    """Through the gateway, of every path of the service."""
    kind = re.search(r"/(\w+)/\{", path)[1]
    where = re.sub(r"\{\w+\}", "1", re.sub(r"\{\w+\}", "{}", path, count=1))
    for login, numbers in hidden[kind].items():
        before = state_of(town)
        for number in numbers:
            def ask(address):
                body = None if method in ("GET", "DELETE") else json.dumps({"Reason": "x"})
                headers = {"Authorization": f"Bearer {tokens[login]['Token']}", **({"Content-Type": "application/json"} if body else {})}
                return town.portal.request("/api/GradingService" + address, method, body, headers, token=False)
            real, none = asked_both(ask, where, number)
            assert real == none and real[0] >= 400, (login, number, real, none)
        assert state_of(town) == before
