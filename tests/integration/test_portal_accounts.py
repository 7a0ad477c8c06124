# SPDX-License-Identifier: LGPL-2.1-or-later
"""Accounts as an administrator looks after them, and everybody's own API tokens."""

import re

import gradebook
import pytest
from gradebook import wait_until
from people import PASSWORD, Person
from school import Town, WholeSchool

OTHER = "the quick brown fox 9"


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """One for all tests: each has accounts of its own."""
    cluster = gradebook.Cluster(tmp_path_factory.mktemp("town"))
    try:
        town = Town(cluster, WholeSchool)
        town.school.open()
        yield town
    finally:
        cluster.close()


@pytest.fixture
def head(town):
    return town.person("head")


@pytest.fixture
def account(town, request):
    """A teacher of this test's own: (ID, login)."""
    login = "t-" + re.sub(r"\W", "-", request.node.name)[-40:]
    return town.school.account(login, "teacher", Name="A <Teacher>"), login


def row(town, account_id):
    return town.grading.get(f"/accounts/{account_id}").json


# The list

def test_the_list_finds_by_name_login_and_role(town, head):
    page = head.get("/accounts")
    assert page.status == 200 and all(name in page.text for name in ("The Head", "Ada &lt;Byron&gt;", "Robert Hooke", "disabled", "no password")), page
    for query, found in (("q=HOOKE", {"bob"}), ("q=bob", {"bob"}), ("q=%3CByron", {"ada"}), ("role=admin", {"head"}), ("q=nick&role=teacher", set())):
        assert set(re.findall(r'<td class="wide quiet login"[^>]*>([^<]*)</td>', head.get(f"/accounts?{query}").text)) == found, query
    assert "No account fits this." in head.page.text


def test_a_long_list_comes_page_by_page(town, head):
    for n in range(60):
        town.school.add("/accounts", {"Login": f"many{n:02}", "Role": "teacher"})
    page = head.get("/accounts?q=many")
    assert "1–50 of 60" in page.text and "page=1" not in page.text
    page = head.get("/accounts?q=many&role=&page=2")
    assert "51–60 of 60" in page.text and page.text.count("many5") == 20 and "page=1" in page.text


@pytest.mark.parametrize("login", ["ada", "nick"])
def test_only_administrators_see_them(town, login, account):
    person = town.person(login)
    for path in ("/accounts", "/accounts/new"):
        assert person.get(path).status == 403, path
    assert person.get(f"/accounts/{account[0]}").status in (403, 404)
    csrf = person.get("/password") and person.forms()["/password"]["csrf"]
    for path, fields in (("/accounts", {"Login": "x1", "Role": "admin"}), (f"/accounts/{account[0]}", {"Login": "x", "Role": "admin"}), *(
            (f"/accounts/{account[0]}/{act}", {"Password": OTHER}) for act in ("disable", "enable", "password", "sign-out", "delete"))):
        assert person.post(path, {"csrf": csrf, **fields}).status in (403, 404), path
    assert row(town, account[0])["Role"] == "teacher"


def test_without_a_session_one_signs_in(town):
    for path in ("/accounts", "/accounts/new", "/accounts/1", "/tokens", "/import", "/imports", "/imports/1"):
        page = Person(town.portal).get(path)
        assert page.status == 303 and page.headers["Location"].startswith("/sign-in?next="), path


# A new one

def test_a_new_account_signs_in(town, head):
    head.get("/accounts/new")
    page = head.send("/accounts", {"Login": "grace", "Name": "Grace Hopper", "Role": "teacher", "Password": OTHER})
    assert page.status == 303, page
    assert "The account is made." in head.follow().text and OTHER not in head.page.text
    assert town.person().sign_in("grace", OTHER).page.status == 303


def test_a_students_account_needs_the_student(town, head):
    student = town.school.students["Okafor"]
    head.get(f"/accounts/new?student={student}")
    assert head.forms()["/accounts"]["Student"] == str(student)
    for number, wrong in (("", "This is needed."), ("x", "A number has"), ("999999", "Student")):
        page = head.send("/accounts", {"Login": "noah", "Role": "student", "Student": number})
        assert page.status == 400 and wrong in page.text, page
        assert 'value="noah"' in page.text
    assert head.send("/accounts", {"Login": "noah", "Role": "student", "Student": student}).status == 303, head.page
    assert row(town, town.school.account_id("noah"))["Student"] == student


def test_what_grading_does_not_take_is_said_and_no_password_comes_back(town, head):
    for fields, status, wrong in (
            ({"Login": "ada"}, 409, "already"), ({"Login": "two words"}, 400, "Login"), ({"Password": "password"}, 400, "Password"),
            ({"Password": "short"}, 400, "Password"), ({"Role": "king"}, 400, "Choose one of these."), ({"Login": ""}, 400, "This is needed.")):
        head.get("/accounts/new")
        page = head.send("/accounts", {"Login": "newone", "Name": "<b>", "Role": "teacher", "Password": OTHER, **fields})
        assert page.status == status and wrong in page.text, (fields, page)
        assert fields.get("Password", OTHER) not in re.sub(r'type="password"|name="Password"|id="[^"]*"', "", page.text) or fields.get("Password") == "password"
        assert 'value="&lt;b&gt;"' in page.text
    assert town.grading.get("/accounts?login=newone").json["Items"] == []


# One of them

def test_an_account_is_changed_disabled_and_enabled(town, head, account):
    number, login = account
    path = f"/accounts/{number}"
    person = town.person(login)
    assert "A &lt;Teacher&gt;" in head.get(path).text
    assert head.send(path, {"Name": "新名字", "Login": login, "Role": "teacher"}).status == 303, head.page
    assert "The account is saved." in head.follow().text and row(town, number)["Name"] == "新名字"
    assert head.send(f"{path}/disable").status == 303, head.page
    assert "The account is disabled." in head.follow().text
    assert row(town, number)["Disabled"] and person.get("/students").status == 303
    assert head.send(f"{path}/enable").status == 303, head.page
    head.follow()
    assert not row(town, number)["Disabled"]
    assert head.send(f"{path}/delete").status == 303, head.page
    assert head.follow().status == 200 and "The account is deleted." in head.page.text
    assert head.get(path).status == 404


def test_somebody_else_changed_it_meanwhile(town, head, account):
    path = f"/accounts/{account[0]}"
    head.get(path)
    old = head.forms()[path]
    town.school.change(path, {"Name": "Theirs"})
    page = head.post(path, {**old, "Login": account[1], "Name": "Mine", "Role": "teacher"})
    assert page.status == 409 and "Theirs" in page.text and 'value="Mine"' in page.text, page
    assert row(town, account[0])["Name"] == "Theirs"


def test_a_password_that_is_set_ends_the_sessions(town, head, account):
    number, login = account
    person = town.person(login)
    head.get(f"/accounts/{number}")
    page = head.send(f"/accounts/{number}/password", {"Password": "12345678"})
    assert page.status == 400 and 'value="12345678"' not in page.text, page
    assert head.send(f"/accounts/{number}/password", {"Password": OTHER}).status == 303, head.page
    assert OTHER not in head.follow().text
    assert person.get("/students").status == 303
    assert town.person().sign_in(login, OTHER).page.status == 303


def test_sessions_are_listed_and_ended(town, head, account):
    number, login = account
    one, two = town.person(login), town.person(login)
    page = head.get(f"/accounts/{number}")
    assert page.text.count('<tr><th scope="row" class="time" translate="no">') == 2, page
    assert head.send(f"/accounts/{number}/sign-out").status == 303, head.page
    assert "Nowhere at this time." in head.follow().text
    assert {one.get("/students").status, two.get("/students").status} == {303}


def test_the_last_administrator_stays(town, head):
    """Grading's word, on the page, and nobody is locked out."""
    number = town.school.account_id("head")
    for act, fields in (("", {"Login": "head", "Name": "The Head", "Role": "teacher"}), ("/disable", {}), ("/delete", {})):
        head.get(f"/accounts/{number}")
        page = head.send(f"/accounts/{number}{act}", fields)
        assert page.status == 409 and "administrator" in page.text and 'role="alert"' in page.text, (act, page)
    assert head.get("/accounts").status == 200
    head.get(f"/accounts/{number}")
    assert f"/accounts/{number}/password" not in head.forms()
    assert 'href="/password"' in head.page.text


def test_grading_away_keeps_the_form_but_no_password(cluster):
    town = Town(cluster)
    town.school.open()
    head = town.person("head")
    head.get("/accounts/new")
    form = head.forms()["/accounts"]
    town.grading.stop()
    page = head.post("/accounts", {**form, "Login": "secretive", "Role": "teacher", "Password": OTHER})
    assert page.status in (502, 503, 504) and 'value="secretive"' in page.text and OTHER not in page.text, page
    assert head.post("/accounts", {**form, "Login": "late", "Role": "teacher"}).status in (502, 503, 504), head.page
    town.grading.start()
    wait_until(lambda: Person(town.portal).get("/sign-in").status == 200, "grading is back")
    assert head.send("/accounts", {"Role": "teacher"}).status == 303, head.page
    assert len(town.grading.get("/accounts?login=late").json["Items"]) == 1


# API tokens

def test_a_token_is_shown_once_and_ended(town, account):
    person = town.person(account[1])
    assert 'href="/tokens"' in person.get("/password").text
    assert "You have no API tokens." in person.get("/tokens").text
    page = person.send("/tokens", {"Name": "<script>", "Days": "30"})
    assert page.status == 200 and page.headers["Cache-Control"] == "no-store", page
    secret = re.search(r'value="(gbt_[^"]*)"', page.text)[1]
    assert "<script>" not in page.text.split("</head>")[1]
    assert town.grading.request("/sessions/current", headers={"Authorization": f"Bearer {secret}"}, token=False).json["Account"]["ID"] == account[0]
    page = person.get("/tokens")
    assert "&lt;script&gt;" in page.text and secret not in page.text
    assert "API tokens of this account" in town.person("head").get(f"/accounts/{account[0]}").text
    action = next(a for a in person.forms() if a.endswith("/end"))
    assert person.send(action).status == 303, person.page
    assert "The API token has ended." in person.follow().text
    assert town.grading.request("/sessions/current", headers={"Authorization": f"Bearer {secret}"}, token=False).status == 401


def test_a_token_needs_a_name(town, account):
    person = town.person(account[1])
    person.get("/tokens")
    page = person.send("/tokens", {"Name": "", "Days": "30"})
    assert page.status == 400 and "This is needed." in page.text
    page = person.send("/tokens", {"Name": "x", "Days": "99999"})
    assert page.status == 400 and "Choose one of these." in page.text


def test_tokens_are_ones_own(town, head, account):
    person = town.person(account[1])
    person.get("/tokens")
    person.send("/tokens", {"Name": "of the teacher", "Days": "7"})
    assert "of the teacher" not in head.get("/tokens").text
    person.get("/tokens")
    action = next(a for a in person.forms() if a.endswith("/end"))
    ada = town.person("ada")
    ada.get("/tokens")
    assert ada.post(action, {"csrf": ada.forms()["/tokens"]["csrf"]}).status in (403, 404)
    assert "of the teacher" in person.get("/tokens").text


def test_in_chinese(town):
    head = town.person("head", language="zh")
    for path, words in (("/accounts", "账户"), ("/accounts/new", "添加账户"), (f"/accounts/{town.school.account_id('ada')}", "设置密码"), ("/tokens", "API 令牌")):
        page = head.get(path)
        assert page.status == 200 and words in page.text, page
