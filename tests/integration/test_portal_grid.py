# SPDX-License-Identifier: LGPL-2.1-or-later
"""A class on one page and a row of it as a form, without a browser: what is saved, what is in conflict, who may, and how it is sent."""

import gzip
import html
import re
import urllib.request

import pytest
from gradebook import wait_until
from people import PASSWORD
from school import whole_town


@pytest.fixture
def town(cluster):
    return whole_town(cluster)


class Row:
    """One student's form in Physics 7a, as one person sees it. Fields are named by the assessment's title."""

    def __init__(self, town, login="ada", last="Carter", person=None, **kwargs):
        self.town, self.person = town, person or town.person(login, **kwargs)
        self.student = town.school.students[last]
        self.path = f"/classes/{town.school.classes['Physics 7a']}/students/{self.student}"
        self.load()

    def load(self):
        return self.person.get(self.path)

    def name(self, member, title):
        return f"{member}-{self.town.school.assessments[title]}"

    def shown(self, member, title):
        """What stands in a field."""
        name, text = self.name(member, title), self.person.page.text
        if member == "State":
            select = re.search(rf'<select id="[^"]*" name="{name}".*?</select>', text, re.S)[0]
            chosen = re.search(r'<option value="(\w*)" selected', select)
            return chosen[1] if chosen else ""      # a browser shows the first one
        if member == "Comment":
            return html.unescape(re.search(rf'<textarea id="[^"]*" name="{name}".*?>\n(.*?)</textarea>', text, re.S)[1])
        return re.search(rf'name="{name}" value="([^"]*)"', text)[1]

    def fields(self):
        titles = [t for t in ("Levers", "Pendulum, measured and explained", "Forces")]
        return {self.name(m, t): self.shown(m, t) for t in titles for m in ("Score", "State", "Comment")}

    def save(self, changes, **kwargs):
        typed = {self.name(member, title): value for (member, title), value in changes.items()}
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', self.person.page.text))
        return self.person.post(self.path, {**hidden, **self.fields(), **typed}, **kwargs)

    def error(self, title):
        found = re.search(rf'id="error-{self.town.school.assessments[title]}">([^<]*)<', self.person.page.text)
        return found and found[1]

    def grade(self, title):
        answer = self.town.grading.get(f"/assessments/{self.town.school.assessments[title]}/grades/{self.student}")
        return answer.json if answer.status == 200 else None


def test_a_row_is_saved(town):
    row = Row(town)
    before = row.grade("Forces")
    answer = row.save({("Score", "Levers"): "18,5", ("State", "Levers"): "late", ("Comment", "Levers"): "Well\r\ndone <b>",
                       ("State", "Pendulum, measured and explained"): "missing", ("Score", "Pendulum, measured and explained"): ""})
    assert answer.status == 303 and answer.headers["Location"] == row.path
    page = row.person.follow()
    assert "All is saved." in page.text
    levers = row.grade("Levers")
    assert (levers["State"], levers["Score"], levers["Comment"]) == ("late", 18.5, "Well\ndone <b>")
    assert row.grade("Pendulum, measured and explained")["State"] == "missing"
    assert row.grade("Forces") == before        # nobody has touched it: not a version more
    assert row.shown("Score", "Levers") == "18.5" and row.shown("State", "Levers") == "late" and "done &lt;b&gt;</textarea>" in page.text
    # Sent again from the browser's history: once.
    version = row.grade("Levers")["Version"]
    assert row.save({}).status == 303 and "nothing was changed" in row.person.follow().text
    assert row.grade("Levers")["Version"] == version


@pytest.mark.parametrize("changes, said", [
    ({("Score", "Levers"): "a lot"}, "A number has digits"),
    ({("Score", "Levers"): "20.01"}, "more than the assessment"),
    ({("State", "Levers"): "late", ("Score", "Levers"): ""}, "needs its score"),
    ({("State", "Levers"): "excused", ("Score", "Levers"): "3"}, "cannot have both"),
    ({("State", "Levers"): "tired"}, "Choose one"),
    ({("Comment", "Levers"): "x" * 2001}, "too long"),
])
def test_what_is_wrong_is_said_and_the_rest_is_saved(town, changes, said):
    row = Row(town)
    before = row.grade("Levers")
    answer = row.save({**changes, ("Score", "Forces"): "41", ("State", "Forces"): ""})
    assert answer.status == 409 and said in row.error("Levers") and "Some is saved" in answer.text
    assert row.grade("Levers") == before and row.grade("Forces")["Score"] == 41
    assert "Ada &lt;Byron&gt;" in answer.text
    if said == "Choose one":    # a choice that there is not cannot be shown again
        assert row.shown("State", "Levers") == ""
    else:   # and where there is nothing else to save: it is still one's own page
        assert "Ada &lt;Byron&gt;" in row.save({}).text and "Not saved yet" in row.person.page.text
        for (member, title), value in changes.items():
            assert row.shown(member, title) == value
    assert row.save({("Score", "Levers"): "5", ("State", "Levers"): "", ("Comment", "Levers"): ""}).status == 303
    assert row.grade("Levers")["Score"] == 5


def test_two_have_the_same_row(town):
    one, two = Row(town), Row(town, "head")
    assert one.save({("Score", "Levers"): "11", ("State", "Levers"): ""}).status == 303
    answer = two.save({("Score", "Levers"): "12", ("State", "Levers"): "", ("Comment", "Forces"): "not touched by the other"})
    assert answer.status == 409 and "11" in two.error("Levers") and two.shown("Score", "Levers") == "12"
    assert two.grade("Levers")["Score"] == 11 and two.grade("Forces")["Comment"] == "not touched by the other"
    # Sent again it is meant.
    assert two.save({}).status == 303 and two.grade("Levers")["Score"] == 12
    # Both the same: there is nothing to decide.
    one.load(), two.load()
    assert one.save({("Score", "Levers"): "13"}).status == 303 and two.save({("Score", "Levers"): "13"}).status == 303


def test_grading_is_away(town):
    row = Row(town)
    town.grading.stop()
    answer = row.save({("Score", "Levers"): "7", ("State", "Levers"): "", ("Comment", "Forces"): "kept"})
    assert answer.status in (503, 504) and "still here" in answer.text and "Nick Carter" in answer.text and "Levers" in answer.text
    assert row.shown("Score", "Levers") == "7" and row.shown("Comment", "Forces") == "kept"
    town.grading.start()
    wait_until(lambda: town.person("ada").page.status == 303, "grading is there again")
    assert row.save({}).status == 303 and row.grade("Levers")["Score"] == 7 and row.grade("Forces")["Comment"] == "kept"


@pytest.mark.parametrize("size", [20, 2000])
def test_the_session_has_ended(town, size):
    row = Row(town)
    comment = "kept " * (size // 5)
    assert town.grading.request(f"/sessions?account={town.school.account_id('ada')}", "DELETE").status == 204
    answer = row.save({("Score", "Levers"): "6", ("State", "Levers"): "", ("Comment", "Levers"): comment, ("Comment", "Forces"): comment})
    if size < 1000:
        assert answer.status == 303 and "/sign-in?next=" in answer.headers["Location"]
        row.person.sign_in("ada", PASSWORD)
        row.load()
        assert "What you typed is still here" in row.person.page.text
    else:       # too long for a cookie: it waits in the form
        assert answer.status == 403 and "signed out" in answer.text
        kept = row.person.page
        row.person.sign_in("ada", PASSWORD)
        row.person.page = kept
        assert row.save({}).status == 403 and "from before you signed in" in row.person.page.text
    assert row.shown("Score", "Levers") == "6" and row.shown("Comment", "Forces").strip() == comment.strip()
    assert row.save({}).status == 303 and row.grade("Levers")["Score"] == 6 and row.grade("Forces")["Comment"] == comment.strip()


def test_who_may(town):
    maths, history = town.school.classes["Mathematics 7a"], town.school.classes["History 7b"]
    carter = town.school.students["Carter"]
    for login, path, status in (
            ("ada", f"/classes/{maths}", 200), ("head", f"/classes/{history}", 200), ("ada", f"/classes/{history}", 404),
            ("ada", f"/classes/{history}/students/{carter}", 404), ("ada", f"/classes/{maths}/students/999999", 404), ("ada", "/classes/0", 404),
            ("ada", "/classes/x", 404), ("ada", f"/classes/{maths}/students/x", 404),
            ("nick", f"/classes/{maths}", 403), ("nick", f"/classes/{maths}/students/{carter}", 403), ("nick", f"/classes/{history}", 403)):
        answer = town.person(login).get(path)
        assert answer.status == status, (login, path, answer)
        if status != 200:
            assert "Quiz 2" not in answer.text and "The Danube" not in answer.text
    assert town.person().get(f"/classes/{maths}").status == 303
    # A form is a page's own: not without its token, and not from elsewhere; and a student's is refused by grading.
    row = Row(town)
    before = row.grade("Levers")
    assert row.save({("Score", "Levers"): "1", ("State", "Levers"): ""}, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    row.load()
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', row.person.page.text))
    typed = {**hidden, **row.fields(), row.name("Score", "Levers"): "1", row.name("State", "Levers"): ""}
    assert row.person.post(row.path, {**typed, "csrf": ""}).status == 403
    nick = town.person("nick")
    nick.get("/password")
    token = re.search(r'name="csrf" value="([^"]*)"', nick.page.text)[1]
    answer = nick.post(row.path, {**typed, "csrf": token})
    assert answer.status == 409 and "may not" in answer.text and row.grade("Levers") == before


def test_a_locked_class_is_only_read(town):
    page = town.person("bob").get(f"/classes/{town.school.classes['Mathematics 6a']}")
    assert page.status == 200 and "locked" in page.text and "data-locked" in page.text and "New assessment" not in page.text


def test_drafts_and_averages(town):
    page = town.person("ada", language="zh").get(f"/classes/{town.school.classes['Mathematics 7a']}")
    assert page.status == 200 and re.search(r"Final exam</a> .*?草稿", page.text) and "Carter Nick" in page.text and "缺交" in page.text
    averages = town.grading.get(f"/classes/{town.school.classes['Mathematics 7a']}/averages").json["Items"]
    for item in averages[:5]:
        row = re.search(rf'<tr data-id="{item["Student"]}".*', page.text)[0]
        for member in ("SoFar", "BlanksAsZero"):
            assert f'<td>{item[member]["Average"]}' in row


def fetch(town, person, path, **headers):
    request = urllib.request.Request(f"{town.portal.url}{path}", headers={"Cookie": person._cookie_header(path), **headers})
    try:
        return urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as e:
        return e


def test_a_large_class_is_sent_small_and_once(town):
    path, ada = f"/classes/{town.school.big_class()}", town.person("ada")
    plain = fetch(town, ada, path)
    text = plain.read()
    packed = fetch(town, ada, path, **{"Accept-Encoding": "gzip"})
    body = packed.read()
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(body) == text and text.count(b"<tr data-id") == 480 and text.count(b"<td") == 480 * 20
    assert len(body) < 300 << 10 and len(text) < 512 << 10, (len(body), len(text))
    assert plain.headers["Content-Encoding"] is None and "no-store" in packed.headers["Cache-Control"]
    for refused in ("gzip;q=0", "br", "identity"):
        assert fetch(town, ada, path, **{"Accept-Encoding": refused}).headers["Content-Encoding"] is None
    # A script asks whether it has become another page.
    tag = packed.headers["ETag"]
    assert f'data-tag="{tag[3:-1]}"'.encode() in text
    same = fetch(town, ada, path, **{"If-None-Match": tag, "Accept-Encoding": "gzip"})
    assert same.status == 304 and same.read() == b""
    student = re.search(rb'<tr data-id="(\d+)"', text)[1].decode()
    assessment = re.search(rb'<th scope="col" data-id="(\d+)"', text)[1].decode()
    assert town.grading.request(f"/assessments/{assessment}/grades/{student}", "PUT", {"Score": 1.25}).status == 200
    other = fetch(town, ada, path, **{"If-None-Match": tag})
    assert other.status == 200 and b"<td>1.25</td>" in other.read()


def test_no_two_pages_have_the_same_token(town):
    """What is compressed with other texts must not be found out by how long that is."""
    ada = town.person("ada")
    path = f"/classes/{town.school.classes['Physics 7a']}/students/{town.school.students['Carter']}"
    tokens = {re.search(r'name="csrf" value="([^"]*)"', ada.get(path).text)[1] for _ in range(5)}
    assert len(tokens) == 5


def test_a_script_may_save_with_the_session_only_from_a_page_of_ours(town):
    ada = town.person("ada")
    path = f"/api/GradingService/assessments/{town.school.assessments['Levers']}/grades/{town.school.students['Carter']}"
    row = Row(town, person=ada)
    before = row.grade("Levers")
    body = b'{"State":"graded","Score":2}'
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://elsewhere.example"},
                    {"Origin": "null"}):
        assert ada.ask(path, "PUT", body, **headers, **{"Content-Type": "application/json"}).status == 403, headers
    assert row.grade("Levers") == before
    assert ada.ask(path, "PUT", body, **{"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}).status in (200, 201)
    assert row.grade("Levers")["Score"] == 2
