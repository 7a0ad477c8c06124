# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tables through the portal: what they would do is shown, only what was shown is done, and it can be taken back."""

import html
import http.client
import re
import urllib.parse
import uuid

import gradebook
import pytest
from fakes import FakeGrading
from gradebook import wait_until
from people import FORM, Person, School
from school import Town, WholeSchool

from test_portal import Portal

LONG = "ID,FirstName,LastName,Title,Type,Score\n"
MIB = 1 << 20


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """One for all tests: each imports into a class of its own."""
    cluster = gradebook.Cluster(tmp_path_factory.mktemp("town"))
    try:
        town = Town(cluster, WholeSchool, portal={"RetrySec": "1s"})
        town.school.open()
        town.portals = [town.portal, cluster.start("portal")]
        wait_until(lambda: town.portals[1].get("/sign-in", token=False).status == 200, "the other portal knows grading")
        yield town
    finally:
        cluster.close()


@pytest.fixture
def ada(town):
    return town.person("ada")


@pytest.fixture
def class_id(town):
    """A class of ada's with Nick in it, who has 85 in Quiz 1."""
    name = f"Class {uuid.uuid4()}"
    number = town.school.make_class(name, "Autumn 2026", None, "ada")
    nick = town.school.students["Carter"]
    town.school.take(number, LONG + f"{nick},Nick,Carter,Quiz 1,Quiz,85\n")
    return number


def multipart(fields, file=None):
    """(type, body) as a browser sends a form with a file in it."""
    boundary, body = uuid.uuid4().hex, b""
    for name, value in fields.items():
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value.encode() + b"\r\n"
    if file:
        name, data = file
        data = data.encode() if isinstance(data, str) else data
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="File"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'.encode() + data + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def choose(person, class_id, file=None, pasted="", portal=None, **fields):
    """From the form to the page that says what the table would do."""
    person.get("/import")
    form = {"csrf": person.forms()["/import/check"]["csrf"], "class": str(class_id), "Pasted": pasted, "overwrite": "yes", **fields}
    kind, body = multipart({k: v for k, v in form.items() if v is not None}, file)
    return person.ask("/import/check", "POST", body, portal=portal, **{"Content-Type": kind})


def imported(person, told=None, **kwargs):
    """From there to the page of what was imported, whose path it returns. On a slow machine the answer is the page that waits, which goes on by
    itself: nothing is told then."""
    page = person.send("/import", **kwargs)
    if page.status == 303:
        path = page.headers["Location"]
        assert told is None or told in person.follow().text, person.page
    else:
        assert page.status == 200 and "http-equiv=" in page.text, page
        path = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page.text)[1]
    assert re.fullmatch(r"/imports/\d+", path)
    assert person.get(path).status == 200, person.page
    return path


def nick_line(town, rest):
    return f"{town.school.students['Carter']},Nick,Carter,{rest}\n"


def score(town, class_id):
    grid = town.grading.get(f"/classes/{class_id}/grid").json
    return {a["Title"]: c["Score"] if c else None for a, c in zip(grid["Assessments"], grid["Students"][0]["Cells"])}


def rows(page):
    """The cells of the plan's lines."""
    return [[html.unescape(re.sub("<[^>]*>", "", cell)).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
            for row in re.findall(r'<tr class="\w+">(.*?)</tr>', page.text)]


# Looked at, done, taken back

def test_a_table_is_looked_at_then_imported_and_taken_back(town, ada, class_id):
    page = choose(ada, class_id, ("grades of May.csv", LONG + nick_line(town, "Quiz 1,Quiz,90") + nick_line(town, "Quiz 2,Quiz,70.5")))
    assert page.status == 200, page
    assert "grades of May.csv" in page.text
    assert [[r[0], *r[2:]] for r in rows(page)] == [["2", "Nick Carter", "Quiz 1 (Quiz)", "85", "90"], ["3", "", "Quiz 2 (Quiz)", "", "Quiz 2 (Quiz)"],
                                                   ["3", "Nick Carter", "Quiz 2 (Quiz)", "", "70.5"]]
    assert score(town, class_id) == {"Quiz 1": 85}

    done = imported(ada, "The table is imported.")
    assert score(town, class_id) == {"Quiz 1": 90, "Quiz 2": 70.5}

    assert ada.get("/imports").text.count(f'href="{done}"') == 1
    ada.get(done)
    assert ada.send(f"{done}/undo", {"Reason": "the wrong class"}).status == 303, ada.page
    assert "taken back" in ada.follow().text and f"{done}/undo" not in ada.page.text
    assert score(town, class_id) == {"Quiz 1": 85}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_is_pasted_is_a_table(town, ada, class_id, delimiter, end):
    table = (LONG + nick_line(town, "Quiz 1,Quiz,91")).replace(",", delimiter).replace("\n", end)
    page = choose(ada, class_id, pasted=table)
    assert page.status == 200 and "Pasted table" in page.text, page
    imported(ada)
    assert score(town, class_id) == {"Quiz 1": 91}


def test_the_bytes_that_were_shown_are_those_that_are_imported(town, ada, class_id):
    """Line ends in a cell, U+2028, a byte order mark: no form changes them on their way."""
    comment = "one\r\ntwo\u2028three\U0001f600"
    choose(ada, class_id, ("x.csv", "\ufeffID,Title,Type,Score,Comment\r\n" + f'{town.school.students["Carter"]},Quiz 1,Quiz,85,"{comment}"\r\n'))
    imported(ada)
    grid = town.grading.get(f"/classes/{class_id}/grid").json
    assert grid["Students"][0]["Cells"][0]["Comment"] == comment.replace("\r\n", "\n")


def test_any_portal_goes_on_with_what_another_one_began(town, ada, class_id):
    choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 1,Quiz,92")), portal=town.portals[0])
    imported(ada, portal=town.portals[1])
    assert score(town, class_id) == {"Quiz 1": 92}


def test_the_same_form_sent_twice_imports_once(town, ada, class_id):
    choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 3,Quiz,60")))
    form = ada.forms()["/import"]
    first = ada.post("/import", {**form, "sent": "yes"})
    again = ada.post("/import", {**form, "sent": "yes"})
    assert (first.status, again.status) == (303, 303) and first.headers["Location"] == again.headers["Location"]
    assert score(town, class_id) == {"Quiz 1": 85, "Quiz 3": 60}


def test_nothing_to_do_is_said(town, ada, class_id):
    page = choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 1,Quiz,85")))
    assert page.status == 200 and "nothing to import" in page.text and ">Import</button>" not in page.text


def test_a_long_plan_comes_page_by_page(town, ada, class_id):
    table = LONG + "".join(nick_line(town, f"Paper {n},Homework,{n % 100}") for n in range(120))
    page = choose(ada, class_id, ("x.csv", table))
    first = rows(page)
    assert len(first) == 100 and "1–100 of 240" in page.text
    form = ada.forms()["/import"]
    last = rows(ada.post("/import/check", {**form, "page": "3"}))
    assert len(last) == 40 and last != first and "201–240 of 240" in ada.page.text
    imported(ada)
    assert len(score(town, class_id)) == 121


# What is not imported

def test_only_what_was_shown_is_done(town, ada, class_id):
    """A colleague gives the same grade meanwhile: the page comes again, and says so."""
    choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 1,Quiz,90")))
    town.school.take(class_id, LONG + nick_line(town, "Quiz 1,Quiz,50"))
    page = ada.send("/import")
    assert page.status == 409 and "Somebody has changed something meanwhile" in page.text, page
    assert rows(page)[0][4:] == ["50", "90"]
    assert score(town, class_id) == {"Quiz 1": 50}
    imported(ada)
    assert score(town, class_id) == {"Quiz 1": 90}


def test_errors_come_first_and_nothing_is_imported(town, ada, class_id):
    page = choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 1,Quiz,90") + nick_line(town, "Quiz 1,Qiuz,eighty")))
    assert page.status == 200 and ">Import</button>" not in page.text
    text = re.sub("<[^>]*>", " ", page.text)
    assert re.search(r"things in the table have to be put right|One thing in the table", text)
    assert re.search(r"3\s+5\s+Type", text), text
    form = ada.forms()["/import"]
    assert ada.post("/import", form).status == 422, ada.page        # who presses on all the same
    assert score(town, class_id) == {"Quiz 1": 85}


def test_what_is_there_stays_if_one_wants_that(town, ada, class_id):
    page = choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 1,Quiz,90")), overwrite=None)
    assert "One thing in the table has to be put right." in page.text, page


HOSTILE = ("=HYPERLINK(0)", "+1", "@x", "<img src=x onerror=alert(1)>", "</textarea><script>alert(1)</script>", "\u2028\u2029", "\u202eevil", "x" * 5000, "{{Token}}", "\x00", "\x1b[2J")


@pytest.mark.parametrize("cell", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_cells_are_text(town, ada, class_id, cell):
    """As a student's name, as a title, as a type that is not one, and in the head."""
    quoted = '"' + cell.replace('"', '""') + '"'
    for table in (LONG + nick_line(town, f"{quoted},Quiz,1"), LONG + nick_line(town, f"Quiz 1,{quoted},1"), LONG + f",{quoted},Carter,Quiz 1,Quiz,1\n",
                  f"ID,{quoted}\n1,2\n"):
        page = choose(ada, class_id, (quoted, table))
        assert page.status in (200, 400, 422), page
        assert "<img src=x" not in page.text and "<script>alert" not in page.text and "\x00" not in page.text, page
        page = choose(ada, class_id, pasted=table)
        assert page.status in (200, 400, 422), page
        assert "<img src=x" not in page.text and "<script>alert" not in page.text, page
    assert set(score(town, class_id)) == {"Quiz 1"}


def test_a_form_that_lacks_something_says_what(town, ada, class_id):
    page = choose(ada, "", ("x.csv", LONG))
    assert page.status == 400 and "Choose the class that the table is for." in page.text, page
    page = choose(ada, class_id, pasted="")
    assert page.status == 400 and "Choose a file, or paste a table." in page.text, page
    page = choose(ada, "", pasted="ID,<b>\n")
    assert page.status == 400 and "ID,&lt;b&gt;" in page.text, page
    assert f'<option value="{class_id}" selected>' in choose(ada, class_id, pasted="").text


def test_another_teachers_class(town, ada):
    page = choose(ada, town.school.classes["History 7b"], ("x.csv", LONG))
    assert page.status == 404 and "not yours to change" in page.text, page
    page = choose(ada, 999999, ("x.csv", LONG))
    assert page.status == 404 and "not yours to change" in page.text, page
    history = town.person("head")
    choose(history, town.school.classes["History 7b"], pasted=LONG + ",Ada,Lovelace,Quiz 1,Quiz,5\n")
    done = imported(history)
    assert ada.get(done).status == 404
    assert done not in ada.get("/imports").text


def test_a_locked_class(town):
    head = town.person("head")
    page = choose(head, town.school.classes["Mathematics 6a"], ("x.csv", LONG + ",Ada,Lovelace,Quiz 1,Quiz,5\n"))
    assert page.status in (200, 409) and "locked" in page.text, page


def test_students_import_nothing(town):
    nick = town.person("nick")
    assert nick.get("/import").status == 403
    assert nick.get("/imports").status == 403
    nick.get("/password")
    kind, body = multipart({"csrf": nick.forms()["/password"]["csrf"], "class": str(town.school.classes["Mathematics 7a"])}, ("x.csv", LONG))
    assert nick.ask("/import/check", "POST", body, **{"Content-Type": kind}).status == 403
    assert 'href="/import"' not in nick.get("/password").text


# Large ones

def test_a_table_of_one_megabyte(town):
    head = town.person("head")
    number = town.school.make_class("Large", "Autumn 2026", None, "ada")
    header, comment = LONG.replace("\n", ",Comment\n"), "a long comment, which says the same again. " * 4
    table = header + "".join(f'{500000 + n},First{n},Last{n},Paper {p},Homework,{n % 100},"{comment}"\n' for n in range(500) for p in range(11))
    assert len(table) > MIB
    page = choose(head, number, ("large.csv", table))
    assert page.status == 200 and "<dd>5500</dd>" in page.text, page.status
    imported(head)
    assert "<dd>5500</dd>" in head.page.text


def test_too_long_a_table_is_told_and_another_one_goes(town, ada, class_id):
    for size in (4 * MIB + 1, 7 * MIB):
        page = choose(ada, class_id, ("x.csv", "x" * size))
        assert page.status in (400, 413) and "at most 4 MB" in page.text, (size, page.status)
    page = choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 1,Quiz,90")))
    assert page.status == 200, page


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary=""', "multipart/form-data; boundary=" + 80 * "x",
                                  "multipart/form-data; boundary=\u00e4".encode().decode("latin-1"), "text/csv", "multipart/form-data; boundary=b"])
def test_what_is_no_form_is_refused(town, ada, kind):
    for body in (b"", b"--b", b"--b\r\n", b"--\r\n\r\n--", b"--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nx"):
        page = ada.ask("/import/check", "POST", body, **{"Content-Type": kind})
        assert page.status in (400, 403), page
    assert ada.get("/import").status == 200


# Who sends it

def test_a_form_without_our_token_goes_nowhere(town, ada, class_id):
    before = town.grading.get("/ledger/head").json["Sequence"]
    for token in (None, "", "x" * 43):
        page = choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 1,Quiz,90")), csrf=token)
        assert page.status == 403 and "Your table is still here" in page.text and "Quiz 1 (Quiz)" not in page.text, page
    choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 1,Quiz,90")))
    form = ada.forms()["/import"]
    assert ada.post("/import", {**form, "csrf": "x" * 43}).status == 403
    # What is then on the page may be checked again, and only that.
    assert list(ada.forms())[-1] == "/import/check"
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert ada.post("/import", form, **headers).status == 403
        assert ada.post("/import/check", form, **headers).status == 403
    assert town.grading.get("/ledger/head").json["Sequence"] == before


def test_a_session_that_ends_between_the_look_and_the_doing(town, class_id):
    ada = town.person("ada")
    choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 1,Quiz,93")))
    assert town.grading.request(f"/sessions?account={town.school.account_id('ada')}", "DELETE").status in (200, 204)
    page = ada.send("/import")
    assert page.status == 403 and "Your session has ended" in page.text and 'href="/sign-in?next=/import"' in page.text, page
    kept = ada.forms()["/import/check"]
    # Signs in on another page; the form is of the old session then, and is only looked at.
    assert ada.sign_in("ada").page.status == 303
    page = ada.post("/import/check", kept)
    assert page.status == 403 and "Your table is still here" in page.text
    assert ada.send("/import/check").status == 200, ada.page
    imported(ada)
    assert score(town, class_id) == {"Quiz 1": 93}


def test_grading_away_keeps_the_table(town, class_id):
    ada = town.person("ada")
    choose(ada, class_id, ("x.csv", LONG + nick_line(town, "Quiz 1,Quiz,94")))
    town.grading.stop()
    try:
        page = ada.send("/import")
        assert page.status in (502, 503, 504) and "Your table is still here" in page.text, page
        assert ada.send("/import").status in (502, 503, 504), ada.page
    finally:
        town.grading.start()
    wait_until(lambda: Person(town.portal).get("/sign-in").status == 200, "grading is back")
    imported(ada)
    assert score(town, class_id) == {"Quiz 1": 94}


def begin_run(person, form):
    """POST /import whose answer is read as it comes: the open response."""
    connection = http.client.HTTPConnection("127.0.0.1", person.portal.port, timeout=60)
    connection.request("POST", "/import", urllib.parse.urlencode(form), {**person.headers, "Cookie": person._cookie_header("/import"), "Content-Type": FORM})
    return connection.getresponse()


@pytest.mark.sqlite
@pytest.mark.parametrize("end", ["done", "killed", "left"])
def test_an_import_that_takes_long_says_so_and_goes_on(cluster, tmp_path, end):
    """The disk is slow: the page comes in two parts, and no script is needed."""
    switch = tmp_path / "hold-fsync"
    town = Town(cluster, School, environment={"LD_PRELOAD": str(gradebook.BUILD / "hold-fsync.so"), "HOLD_FSYNC": str(switch), "ASAN_OPTIONS": "verify_asan_link_order=0"})
    town.school.open()
    ada = town.person("ada")
    choose(ada, town.school.class_id, ("x.csv", LONG + nick_line(town, "Quiz 2,Quiz,90")))
    form = {**ada.forms()["/import"], "sent": "yes"}        # without another look, which might wait for the disk too
    switch.touch()
    answer = begin_run(ada, form)
    assert answer.status == 200 and "default-src 'none'" in answer.getheader("Content-Security-Policy")
    first = answer.read1().decode()
    assert "The table is being imported" in first and "</html>" not in first
    if end == "done":
        switch.unlink()
        assert re.search(r'<meta http-equiv="refresh" content="0; url=/imports/\d+">', answer.read().decode())
    elif end == "killed":
        town.grading.kill()
        switch.unlink()
        last = answer.read().decode()
        assert "It is not known whether the table was imported." in last and last.rstrip().endswith("</html>")
        town.grading.start()
        wait_until(lambda: Person(town.portal).get("/sign-in").status == 200, "grading is back")
        kept = {name: html.unescape(value) for name, value in re.findall(r'name="([^"]*)" value="([^"]*)"', last.split("<form class", 1)[1])}
        assert kept["sent"] == "yes" and kept["key"] == form["key"]
        assert ada.post("/import", kept).status in (200, 303), ada.page
    else:
        answer.close()
        switch.unlink()
        wait_until(lambda: town.grading.get("/imports").json["Items"], "it is imported all the same")
    assert {g["Title"]: g["Score"] for g in town.school.grades("Carter")}["Quiz 2"] == 90
    assert town.portal.get("/healthz", token=False).status == 200


def test_in_chinese(town, class_id):
    ada = town.person("ada", language="zh")
    page = choose(ada, class_id, pasted=LONG + nick_line(town, "Quiz 1,Quiz,95"))
    assert "检查导入内容" in page.text and "粘贴的表格" in page.text, page
    imported(ada, "表格已导入。")


# What goes out

def test_downloads_are_plain_links(town, ada, class_id):
    page = ada.get("/import")
    link = f"/api/GradingService/classes/{class_id}/export"
    assert f'href="{link}"' in page.text and 'href="/api/GradingService/export"' not in page.text
    answer = ada.get(link)
    assert answer.status == 200 and answer.text.lstrip("\ufeff").startswith("ID,"), answer
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=") and answer.headers["Content-Type"].startswith("text/csv")
    head = town.person("head")
    assert 'href="/api/GradingService/export"' in head.get("/import").text
    answer = head.get("/api/GradingService/export")
    assert answer.status == 200 and 'filename="gradebook.ndjson"' in answer.headers["Content-Disposition"]
    assert ada.get("/api/GradingService/export").status == 403


def test_a_grading_service_without_tables_says_so(cluster):
    portal, fake = Portal(cluster), FakeGrading()
    try:
        portal.provide("GradingService", fake.url)
        for path, words in (("/import", "takes no tables"), ("/imports", "takes no tables"), ("/accounts", "no accounts"), ("/tokens", "no API tokens")):
            page = portal.get(path)
            assert page.status == 404 and words in page.text, (path, page)
    finally:
        fake.gate.set()
        fake.close()
