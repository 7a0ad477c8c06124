# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages of students: the list, one student with classes and averages, a grade with its history, the report card, what students see of themselves."""

import html
import json
import re
import urllib.parse

import gradebook
import pytest
from fakes import FakeGrading
from people import Person
from school import Town, whole_town


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    cluster = gradebook.Cluster(tmp_path_factory.mktemp("town"))
    try:
        yield whole_town(cluster)
    finally:
        cluster.close()


def text_of(part):
    return html.unescape(re.sub(r"<[^>]*>", "", part)).strip()


def rows(page):
    return [[text_of(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)] for row in re.findall(r"<tr.*?>(.*?)</tr>", page.text, re.S)]


def names(page):
    return [row[0] for row in rows(page)[1:]]


def heading(page):
    return text_of(re.search(r"<h1>(.*?)</h1>", page.text, re.S)[1])


def links(page):
    return [html.unescape(link) for link in re.findall(r'<a[^>]*? href="(.*?)"', page.text)]


def first_grade(town, last_name):
    return town.grading.get(town.school.path(last_name) + "/grades").json["Items"][0]


# The list

@pytest.mark.parametrize("typed, found", [
    ("carter", ["Nick Carter"]), ("Nick CARTER", ["Nick Carter"]), ("carter nick", ["Nick Carter"]), ("rt ick", ["Nick Carter"]),
    ("张伟", ["伟 张"]), ("伟张", ["伟 张"]), ("欧阳", ["秀英 欧阳"]), ("garcia", ["Sofía García Márquez"]), ("MULLER zoe", ["Zoë Müller"]),
    ("o’brien", ["Olivia O’Brien"]), ("1", ["Nick Carter"]), ("nobody", []), ("<script>", []), ("%00", []),
])
def test_finding_students(town, typed, found):
    head = town.person("head")
    page = head.get("/students?q=" + urllib.parse.quote(typed))
    assert page.status == 200 and names(page) == found
    assert f'value="{html.escape(typed)}"' in page.text and "<script>" not in page.text
    assert f"{len(found)} of 24 students" in page.text or not found and typed in html.unescape(page.text)
    assert "/students" in links(page)


@pytest.mark.parametrize("sort, key, reverse", [
    ("name", lambda s: (s["LastName"].replace("Å", "a").lower(), s["FirstName"].lower()), False), ("grades", lambda s: s["GradeCount"], False),
    ("-grades", lambda s: -s["GradeCount"], False), ("average", lambda s: s["Average"], False), ("-average", lambda s: -s["Average"], False),
])
def test_sorting_students(town, sort, key, reverse):
    answer = town.grading.get("/students", headers={"Prefer": "return=minimal"})
    assert answer.headers["Preference-Applied"] == "return=minimal"
    students = answer.json
    key_of = sort.lstrip("-")
    known = [s for s in students if s["Average"] is not None] if key_of == "average" else students
    expected = sorted(known, key=key) + [s for s in students if s not in known]
    page = town.person("head").get("/students?sort=" + sort)
    shown = rows(page)[1:]
    assert [row[2] for row in shown] == ["–" if s["Average"] is None else f"{s['Average']:.1f}%" for s in expected] or key_of != "average"
    assert [row[1] for row in shown] == [str(s["GradeCount"]) for s in expected] or key_of != "grades"
    if key_of == "name":
        assert [row[0] for row in shown] == [f"{s['FirstName']} {s['LastName']}" for s in expected]
    column = {"name": 0, "grades": 1, "average": 2}[key_of]
    directions = re.findall(r'<th scope="col"[^>]*aria-sort="(\w+)"', page.text)
    assert directions == ["none" if i != column else "descending" if sort[0] == "-" else "ascending" for i in range(3)]
    # The head of the column turns it round.
    assert f"/students?sort={'' if sort[0] == '-' else '-'}{key_of}" in links(page)


def test_turning_pages(town):
    head = town.person("head")
    for number in range(100):
        town.grading.post("/students", {"FirstName": f"Extra{number:02}", "LastName": "Turner & Sons"})
    page = head.get("/students?q=turner+%26+sons&sort=-name&page=2")
    assert "Showing 51–100 of 100" in page.text and len(names(page)) == 50 and names(page)[0] == "Extra49 Turner & Sons"
    assert "/students?q=turner%20%26%20sons&sort=-name" in links(page) and not any("page=3" in link for link in links(page))
    page = head.get("/students?q=turner&page=1")
    assert "Showing 1–50 of 100" in page.text and "/students?q=turner&page=2" in links(page)
    # What is beyond is the last one, and what is none is the first one.
    assert "Showing 51–100 of 100" in head.get("/students?q=turner&page=99999999999").text
    for wrong in ("0", "-1", "x", "", "18446744073709551616"):
        assert "Showing 1–50 of 100" in head.get(f"/students?q=turner&page={wrong}").text
    assert head.get("/students?sort=nothing").status == 200
    zh = town.person("head", language="zh").get("/students?q=turner")
    assert "显示第 1–50 名，共 100 名" in zh.text


def test_a_list_is_used_again_for_the_same_question(town):
    ada = town.person("ada")

    def rendered():
        return int(re.search(r"^gradebook_portal_pages_rendered_total (\d+)$", town.portal.get("/metrics").text, re.M)[1])

    ada.get("/students?q=e")
    before = rendered()
    for _ in range(5):
        assert "Nick Carter" in ada.get("/students?q=e").text
    assert rendered() == before
    assert "Nick Carter" not in ada.get("/students?q=stone").text and rendered() == before + 1


def test_a_service_of_another_make_is_asked_as_ever(cluster):
    portal, fake = cluster.start("portal"), FakeGrading()
    assert portal.post("/services", {"Added": [{"Name": "GradingService", "URL": fake.url}]}).status == 200
    visitor = Person(portal)
    assert names(visitor.get("/students?q=EMMA&sort=name")) == ["Emma Stone"]
    page = visitor.get("/students/3")
    assert page.status == 200 and rows(page)[1][0] == "Quiz 1" and "/report" not in page.text
    assert {path for _, path, _, _ in fake.requests} == {"/students", "/students/3"}
    fake.close()


# A student

def test_a_student_has_classes_and_averages(town):
    ada, head = town.person("ada"), town.person("head")
    path = town.school.path("Carter")
    page = ada.get(path)
    averages = town.grading.get(path + "/averages").json["Items"]
    for item in averages:
        shown = item["Name"] in page.text
        assert shown == (item["Name"] in ("Mathematics 7a", "Physics 7a")), item["Name"]
        if shown:
            assert f"{item['SoFar']['Average']:g}%" in page.text
    assert "Average so far" in page.text and "With blanks as zero" in page.text and "How this was computed" in page.text
    grade = first_grade(town, "Carter")
    assert f"{path}/grades/{grade['ID']}" in links(page) and f"/assessments/{grade['Assessment']}" in links(page)
    assert f"{path}/report" in links(page) and not any("/export" in link for link in links(page))
    assert f"/api/GradingService{path}/export" in links(head.get(path)) and "History 7b" in head.page.text
    export = head.get(f"/api/GradingService{path}/export")
    assert export.status == 200 and "attachment" in export.headers["Content-Disposition"] and "Ledger" in export.json
    assert ada.get(f"/api/GradingService{path}/export").status == 403
    zh = town.person("ada", language="zh").get(path)
    assert "目前平均分" in zh.text and "满分 100，得 85，即 85%" in zh.text


def test_how_an_average_was_computed(town):
    page = town.person("ada").get(town.school.path("Carter"))
    steps = [text_of(step) for step in re.findall(r"<li>(.*?)</li>", page.text[page.text.index("<details"):], re.S)]
    assert "Quiz 1 (Quiz): 85 of 100 is 85%" in steps
    assert any(step.endswith("is 0% (absent), with the weight 2") for step in steps)
    assert any(step.endswith("dropped, as one of the lowest of its type") for step in steps)
    assert "期中考试: does not count: excused" in steps
    explained = town.grading.get(town.school.path("Carter") + "/averages?explain").json["Items"][0]
    assert f"Rounded to two decimals: {explained['SoFar']['Average']:g}%" in steps and f"That is {explained['SoFar']['Letter']}" in steps


# A grade

def test_changing_a_grade(town):
    ada, path = town.person("ada"), town.school.path("Fischer")
    before = first_grade(town, "Fischer")
    page = f"{path}/grades/{before['ID']}"
    assert heading(ada.get(page)) == before["Title"]
    ada.send(page, {"State": "late", "Score": "12.5", "Comment": "Shown\r\nevery <step>", "Reason": "second look"})
    assert ada.page.status == 303 and ada.page.headers["Location"] == path
    assert "The grade was saved." in ada.follow().text and "Shown\nevery &lt;step&gt;" in ada.page.text
    now = first_grade(town, "Fischer")
    assert (now["State"], now["Score"], now["Comment"], now["Version"]) == ("late", 12.5, "Shown\nevery <step>", before["Version"] + 1)
    history = town.grading.get(f"/grades/{before['ID']}/history").json["Items"][0]
    assert history["Reason"] == "second look" and history["ActorName"] == "Ada <Byron>"
    shown = ada.get(page).text
    assert "Ada &lt;Byron&gt;: second look" in shown and re.search(r"<del>.*?</del>.*?<ins>.*?12\.5", shown, re.S)


@pytest.mark.parametrize("typed, status, said", [
    ({"State": "graded", "Score": ""}, 400, "Enter the score."), ({"State": "graded", "Score": "abc"}, 400, "A number has digits"),
    ({"State": "graded", "Score": "1.234"}, 400, "A number has digits"), ({"State": "graded", "Score": "20.01"}, 400, "Score"),
    ({"State": "nothing", "Score": "1"}, 400, "Choose one of these."), ({"State": "graded", "Score": "1", "Comment": "x" * 2001}, 400, "too long"),
])
def test_what_is_wrong_changes_nothing(town, typed, status, said):
    ada, path = town.person("ada"), town.school.path("Okafor")
    before = first_grade(town, "Okafor")
    page = f"{path}/grades/{before['ID']}"
    ada.get(page)
    ada.send(page, {"Comment": "kept <b>", **typed})
    assert ada.page.status == status and said in html.unescape(ada.page.text), ada.page.text
    assert f'value="{typed["Score"]}"' in ada.page.text and "<title>Error: " in ada.page.text
    assert first_grade(town, "Okafor") == before


@pytest.mark.parametrize("state", ["missing", "excused", "absent"])
def test_what_has_no_score_loses_it(town, state):
    ada, path = town.person("ada"), town.school.path("Müller")
    page = f"{path}/grades/{first_grade(town, 'Müller')['ID']}"
    ada.get(page)
    assert ada.send(page, {"State": state, "Score": "7"}).status == 303
    assert (first_grade(town, "Müller")["State"], first_grade(town, "Müller")["Score"]) == (state, None)
    ada.get(page)
    ada.send(page, {"State": "blank", "Score": ""})
    ada.get(page)
    # A score for what had none is meant to count.
    assert ada.send(page, {"State": "blank", "Score": "9"}).status == 303
    assert (first_grade(town, "Müller")["State"], first_grade(town, "Müller")["Score"]) == ("graded", 9)


def test_two_who_change_the_same(town):
    ada, head, path = town.person("ada"), town.person("head"), town.school.path("Patel")
    page = f"{path}/grades/{first_grade(town, 'Patel')['ID']}"
    ada.get(page)
    head.get(page)
    assert head.send(page, {"State": "graded", "Score": "11"}).status == 303
    ada.send(page, {"State": "graded", "Score": "17"})
    assert ada.page.status == 409 and "Somebody else has changed this" in ada.page.text and "The Head" in ada.page.text and "account:" not in ada.page.text
    assert "It is “11” now." in ada.page.text and 'value="17"' in ada.page.text
    assert first_grade(town, "Patel")["Score"] == 11
    ada.send(page, {"State": "graded", "Score": "17"})
    assert ada.page.status == 303 and first_grade(town, "Patel")["Score"] == 17


def undo_of(person):
    return next(action for action in person.forms() if "/undo/" in action)


def test_undoing_deleting_and_bringing_back(town):
    ada, path = town.person("ada"), town.school.path("Silva")
    before = first_grade(town, "Silva")
    page = f"{path}/grades/{before['ID']}"
    ada.get(page)
    ada.send(page, {"State": "graded", "Score": "1"})
    ada.get(page)
    assert ada.send(undo_of(ada), {"Reason": "wrong row"}).status == 303 and ada.page.headers["Location"] == page
    assert "The change was undone." in ada.follow().text and "wrong row" in ada.page.text
    assert {**first_grade(town, "Silva"), "Version": 0} == {**before, "Version": 0}
    ada.send(page + "/delete")
    assert ada.page.status == 303 and ada.page.headers["Location"] == page
    assert "The grade was deleted." in ada.follow().text and page not in ada.forms() and page + "/delete" not in ada.forms()
    assert page not in links(town.person("ada").get(path))
    ada.send(undo_of(ada))
    assert "The change was undone." in ada.follow().text and page in ada.forms()
    assert {**first_grade(town, "Silva"), "Version": 0} == {**before, "Version": 0} or first_grade(town, "Silva")["ID"] == before["ID"]


def test_an_undo_that_comes_too_late(town):
    ada, path = town.person("ada"), town.school.path("Dubois")
    page = f"{path}/grades/{first_grade(town, 'Dubois')['ID']}"
    ada.get(page)
    ada.send(page, {"State": "graded", "Score": "3"})
    ada.get(page)
    late, fields = undo_of(ada), ada.forms()[undo_of(ada)]
    ada.send(page, {"State": "graded", "Score": "4"})
    assert ada.post(late, fields).status == 409 and 'role="alert"' in ada.page.text and first_grade(town, "Dubois")["Score"] == 4
    assert ada.post(page + "/undo/0", fields).status == 404 and ada.post(page + "/undo/x", fields).status == 404


def test_what_is_typed_outlives_the_session(town):
    ada, path = town.person("ada"), town.school.path("Fischer")
    page = f"{path}/grades/{first_grade(town, 'Fischer')['ID']}"
    before = first_grade(town, "Fischer")
    ada.get(page)
    fields = ada.forms()[page]
    elsewhere = town.person("ada")
    elsewhere.get("/password")
    elsewhere.send("/sign-out-everywhere")
    ada.post(page, {**fields, "State": "graded", "Score": "3.25", "Comment": "kept"})
    assert ada.page.status == 303 and ada.page.headers["Location"] == "/sign-in?next=" + page
    ada.sign_in("ada", path=ada.page.headers["Location"])
    assert ada.follow().status == 200 and 'value="3.25"' in ada.page.text and "What you typed is still here" in ada.page.text
    assert first_grade(town, "Fischer") == before
    assert ada.send(page, {"State": "graded", "Score": "3.25"}).status == 303 and first_grade(town, "Fischer")["Score"] == 3.25


def test_the_form_that_adds_a_grade_says_what_is_wrong(town):
    ada, path = town.person("ada"), town.school.path("Patel")
    ada.get(path)
    ada.send(path + "/grades", {"Title": "", "Type": "Quiz", "Score": "101"})
    assert ada.page.status == 400 and re.findall(r'id="(\w+)-error"', ada.page.text) == ["title", "score"]
    assert "Mathematics 7a" in ada.page.text and 'value="101"' in ada.page.text
    ada.send(path + "/grades", {"Title": "Added here", "Type": "Quiz", "Score": "77"})
    assert "Added here was added with a score of 77" in ada.follow().text and 'class="new"' in ada.page.text
    assert 'class="new"' not in ada.get(path).text


# Who sees and does what

def test_rights(town):
    nick, ada, bob = (town.person(login) for login in ("nick", "ada", "bob"))
    own, other = town.school.path("Carter"), town.school.path("Stone")
    grade = first_grade(town, "Carter")["ID"]
    of_other = first_grade(town, "Stone")["ID"]
    ada.get(f"{own}/grades/{grade}")
    for person, path, status in (
            (nick, f"{own}/grades/{grade}", 403), (nick, f"{other}/grades/{of_other}", 404), (nick, f"{other}/report", 404), (nick, f"{own}/report", 200),
            (bob, f"{own}/grades/{grade}", 404), (bob, f"{other}/report", 200), (ada, f"{other}/grades/{grade}", 404),
            (ada, f"{own}/grades/999999", 404), (ada, f"{own}/grades/0", 404), (ada, f"{own}/grades/x", 404), (ada, "/students/0/report", 404),
            (ada, "/my-grades", 303), (town.person(), "/my-grades", 303), (town.person(), f"{own}/grades/{grade}", 303)):
        assert person.get(path).status == status, (path, person.page)
    before = first_grade(town, "Carter")
    token = nick.get("/my-grades") and nick.forms()["/sign-out"]["csrf"]
    for tail in ("", "/delete", f"/undo/{town.grading.get(f'/grades/{grade}/history').json['Items'][0]['Sequence']}"):
        assert nick.post(f"{own}/grades/{grade}{tail}", {"csrf": token, "State": "graded", "Score": "20"}).status in (403, 404)
        assert ada.post(f"{own}/grades/{grade}{tail}", {"State": "graded", "Score": "20"}).status == 403     # without the form's token
        assert town.person().post(f"{own}/grades/{grade}{tail}", {"State": "graded", "Score": "20"}).status == 303
    assert first_grade(town, "Carter") == before


def test_what_a_student_sees(town):
    nick = town.person("nick")
    assert nick.get("/students").headers["Location"] == town.school.path("Carter")
    for path in ("/my-grades", town.school.path("Carter")):
        page = nick.get(path)
        assert page.status == 200 and heading(page) == "My grades" and 'href="/my-grades" aria-current="page"' in page.text
        assert "Mathematics 7a" in page.text and "Final exam" not in page.text and "Rome" not in page.text
        assert page.text.count("<form") == 1 and "/grades/" not in page.text and "/assessments/" not in page.text
        figures = nick.get(f"/api/GradingService/classes/{town.school.classes['Mathematics 7a']}/statistics").json
        assert f"{figures['SoFar']['Mean']:g}%" in page.text
        # Five learn in that one, and not all of them have an average.
        assert nick.get(f"/api/GradingService/classes/{town.school.classes['Mathematics 6a']}/statistics").json.get("Withheld")
        assert "shown once five of its students have an average" in page.text
        assert nick.get(path).text == page.text
    assert heading(town.person("nick", language="zh").get("/my-grades")) == "我的成绩"


def test_the_report_card(town):
    path = town.school.path("Carter")
    page = town.person("head").get(path + "/report")
    averages = {item["Name"]: item for item in town.grading.get(path + "/averages").json["Items"]}
    assert heading(page) == "Nick Carter" and page.text.index("Autumn 2026") < page.text.index("Spring 2026")
    for row in rows(page):
        if row[0] in averages:
            so_far = averages[row[0]]["SoFar"]
            assert row[1] == f"{so_far['Average']:g}%" and row[2:] in ([], [so_far["Letter"] or ""]), row
    assert {row[0] for row in rows(page)} >= set(averages)
    assert re.search(r"made on \d+ \w+ \d{4}", page.text)


def test_nobody_has_to_sign_in_yet(cluster):
    town = Town(cluster)
    visitor = town.person()
    path = town.school.path("Carter")
    page = visitor.get(path)
    assert rows(page)[1:] == [["Quiz 1", "Quiz", "85"]] and path + "/grades" in visitor.forms()
    grade = f"{path}/grades/{first_grade(town, 'Carter')['ID']}"
    visitor.get(grade)
    assert visitor.send(grade, {"State": "graded", "Score": "86"}).status == 303 and first_grade(town, "Carter")["Score"] == 86
    assert visitor.get("/my-grades").status == 303 and visitor.get(path + "/report").status == 200


def test_grading_away(cluster):
    town = whole_town(cluster)
    ada, path = town.person("ada"), town.school.path("Carter")
    page = f"{path}/grades/{first_grade(town, 'Carter')['ID']}"
    ada.get(page)
    fields = ada.forms()[page]
    town.grading.kill()
    town.grading.listener.close()
    town.grading.listener = None
    for away in ("/students?q=x", path, page, path + "/report", "/my-grades"):
        assert ada.get(away).status == 503 and heading(ada.page) == "The grades are not available right now", away
    kept = ada.post(page, {**fields, "State": "graded", "Score": "55"})
    assert kept.status == 503 and 'value="55"' in kept.text and page in ada.forms()
    town.grading.keep_listener = False
    town.grading.start()
    gradebook.wait_until(lambda: ada.get(path).status == 200, "the page is back")


def test_the_short_list_is_that_of_the_fixed_form(town):
    whole = town.grading.get("/students").json
    short = town.grading.get("/students", headers={"Prefer": "handling=lenient, return=minimal"})
    assert "Grades" not in short.text
    for a, b in zip(whole, short.json, strict=True):
        scores = [round(100 * grade["Score"]) for grade in a["Grades"]]
        average = (2 * sum(scores) + 10 * len(scores)) // (20 * len(scores)) / 10 if scores else None
        assert b == {"ID": a["ID"], "FirstName": a["FirstName"], "LastName": a["LastName"], "GradeCount": len(scores), "Average": average}
    # Each has its own tag, and none is taken for the other.
    tag = short.headers["ETag"]
    assert town.grading.get("/students", headers={"If-None-Match": tag}).status == 200
    assert town.grading.get("/students", headers={"If-None-Match": tag, "Prefer": "return=minimal"}).status == 304
    for other in ("", "return=representation", "return=minimalist", "x-return=minimal"):
        answer = town.grading.get("/students", headers={"Prefer": other})
        assert "Grades" in answer.json[0] and "Preference-Applied" not in answer.headers and answer.headers["Vary"] == "Prefer"
    # A teacher's is of what that one sees.
    ada = town.person("ada").get("/api/GradingService/students", **{"Prefer": "return=minimal"})
    assert ada.status == 200 and json.dumps(ada.json)
