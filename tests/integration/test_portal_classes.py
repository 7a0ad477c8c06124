# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages of classes, terms and assessments, with plain forms: each change, what is refused, and who may."""

import re

import gradebook
import pytest
from fakes import FakeGrading
from form_values import form_values
from gradebook import wait_until
from people import Person
from school import SCALE, whole_town


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    cluster = gradebook.Cluster(tmp_path_factory.mktemp("town"))
    try:
        yield whole_town(cluster)
    finally:
        cluster.close()


def send(person, action, nth=0, **fields):
    """The form of the page that is there, with these fields; None: a box without its mark."""
    values = {**form_values(person.page, action, nth), **fields}
    return person.post(action, {name: value for name, value in values.items() if value is not None})


def errors_of(page):
    return re.findall(r'<p class="error" id="(?:\w+?)([A-Z][\w.]*)-error">(.*?)</p>', page.text)


def make_class(town, name, policy=None, **more):
    return town.school.add("/classes", {"Name": name, "Policy": policy, **more})


def row(town, path):
    answer = town.grading.get(path)
    assert answer.status == 200, answer
    return answer.json


def test_an_administrator_makes_a_term_and_a_class(town):
    head = town.person("head")
    head.get("/terms/new")
    assert send(head, "/terms", Name="Summer 2027", Begins="2027-02-01", Ends="2027-07-09").status == 303
    assert "Summer 2027" in head.follow().text and "1 Feb 2027 – 9 Jul 2027" in head.page.text and "The term was added." in head.page.text
    term = next(t["ID"] for t in row(town, "/terms")["Items"] if t["Name"] == "Summer 2027")
    head.get("/classes/new")
    assert send(head, "/classes", Name="Chemistry <8b>", Term=str(term)).status == 303
    made = int(head.page.headers["Location"].rsplit("/", 1)[1])
    assert row(town, f"/classes/{made}")["Term"] == term
    page = head.get("/classes")
    assert "Chemistry &lt;8b&gt;" in page.text and page.text.index("Summer 2027") < page.text.index("Autumn 2026")


def test_a_class_without_a_name_is_not_made(town):
    head = town.person("head")
    head.get("/classes/new")
    page = send(head, "/classes", Name=" ", Term="")
    assert page.status == 400 and errors_of(page) == [("Name", "This is needed.")]


@pytest.mark.parametrize("who, path, status", [
    ("ada", "/classes/new", 403), ("ada", "/terms/new", 403), ("nick", "/classes/new", 403),
    ("ada", "/classes/{History 7b}/settings", 404), ("ada", "/classes/{History 7b}/people", 404), ("ada", "/classes/{History 7b}/history", 404),
    ("nick", "/classes/{Mathematics 7a}/settings", 403), ("nick", "/classes/{Mathematics 7a}/people", 403),
    ("nick", "/classes/{Mathematics 7a}/history", 403), ("nick", "/classes/{Latin 7b}/assessments", 404),
    ("ada", "/classes/{Mathematics 7a}/people/enrol", 403), ("nick", "/classes/{Mathematics 7a}/assessments/new", 403),
    ("nick", "/classes/{Mathematics 7a}/assessments", 200), ("ada", "/classes/{Mathematics 7a}/people", 200),
    ("head", "/classes/0/settings", 404), ("head", "/classes/x/people", 404), ("head", "/assessments/999999", 404), ("head", "/terms/999", 404),
])
def test_who_sees_what(town, who, path, status):
    path = re.sub(r"\{(.+?)\}", lambda m: str(town.school.classes[m[1]]), path)
    page = town.person(who).get(path)
    assert page.status == status, page
    assert "<h1" in page.text


def test_nobody_is_sent_to_sign_in_and_back(town):
    for path in ("/classes", f"/classes/{town.school.classes['Physics 7a']}/settings", f"/assessments/{town.school.assessments['Levers']}"):
        page = town.person().get(path)
        assert page.status == 303 and page.headers["Location"] == f"/sign-in?next={path}"


def test_everybody_sees_their_own_classes(town):
    assert "Physics 7a" in town.person("ada").get("/classes").text and "History 7b" not in town.person("ada").page.text
    nick = town.person("nick").get("/classes").text
    assert "Mathematics 7a" in nick and "/classes/new" not in nick
    assert "七年级" not in nick and "班级" in town.person("head", language="zh-CN").get("/classes").text


POLICIES = [
    None,
    {},
    {"Method": "mean", "Blank": "zero"},
    {"Method": "assessments", "DropLowest": {"Quiz": 1, "Homework": 100}},
    {"Method": "types", "TypeWeights": {"Quiz": 12.5, "Test": 0, "Exam": 1000, "Homework": 0.01}, "DropLowest": {"Exam": 2}, "Scale": SCALE},
    {"TypeWeights": {"Quiz": 20}, "Scale": [{"Letter": "A +", "From": 92.25}, {"Letter": "优秀", "From": 90}, {"Letter": "<&>\"", "From": 0}]},
    {"Scale": [{"Letter": f"L{n:02}", "From": 1000 - n} for n in range(20)]},
]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_form_keeps_every_policy(town, policy):
    head, made = town.person("head"), make_class(town, "Kept", policy)
    before = row(town, f"/classes/{made}/averages")["Policy"]
    path = f"/classes/{made}/settings"
    head.get(path)
    assert send(head, path, Name="Kept well").status == 303
    assert row(town, f"/classes/{made}")["Name"] == "Kept well"
    assert row(town, f"/classes/{made}/averages")["Policy"] == before


def test_a_policy_is_set_by_the_form(town):
    ada = town.person("ada")
    path = f"/classes/{town.school.classes['Physics 7a']}/settings"
    ada.get(path)
    fields = {"Method": "types", "TypeWeights.Quiz": "30", "TypeWeights.Exam": "70.5", "DropLowest.Quiz": "1", "Blank": "zero", "Scale": "A 90\r\n\r\n  B  80.5"}
    assert send(ada, path, **fields).status == 303
    assert row(town, path.removesuffix("/settings"))["Policy"] == {
        "Method": "types", "Blank": "zero", "TypeWeights": {"Quiz": 30, "Exam": 70.5}, "DropLowest": {"Quiz": 1},
        "Scale": [{"Letter": "A", "From": 90}, {"Letter": "B", "From": 80.5}]}
    assert "The class was saved." in ada.follow().text
    assert form_values(ada.page, path)["Scale"] == "A 90\nB 80.5"


@pytest.mark.parametrize("fields, field, words", [
    ({"Method": "types"}, "TypeWeights.Quiz", "must give a weight over 0"),
    ({"TypeWeights.Exam": "1000.01"}, "TypeWeights.Exam", "number from 0 to 1000"),
    ({"TypeWeights.Exam": "much"}, "TypeWeights.Exam", "two decimals"),
    ({"DropLowest.Test": "1.5"}, "DropLowest.Test", "whole number from 0 to 100"),
    ({"DropLowest.Test": "101"}, "DropLowest.Test", "whole number from 0 to 100"),
    ({"Scale": "A 90\nB 90"}, "Scale", "less than that of the letter before"),
    ({"Scale": "A 90\nB"}, "Scale", "Line 2 is not a letter"),
    ({"Scale": "Excellent 90"}, "Scale", "1 to 8 characters"),
    ({"Scale": "\n".join(f"L{n} {99 - n}" for n in range(21))}, "Scale", "20"),
])
def test_a_wrong_policy_is_refused_beside_its_field(town, fields, field, words):
    head, made = town.person("head"), make_class(town, "Wrong")
    path = f"/classes/{made}/settings"
    head.get(path)
    page = send(head, path, **fields)
    assert page.status == 400, page
    assert [name for name, _ in errors_of(page)] == [field] and words in errors_of(page)[0][1], errors_of(page)
    kept = form_values(page, path)
    assert all(kept[name] == value for name, value in fields.items())
    assert row(town, f"/classes/{made}")["Policy"] is None


def test_two_change_the_settings_at_the_same_time(town):
    made = make_class(town, "Both", {"Method": "mean", "DropLowest": {"Quiz": 1}})
    path, one, two = f"/classes/{made}/settings", town.person("head"), town.person("head")
    one.get(path)
    two.get(path)
    send(one, path, **{"DropLowest.Quiz": "2"})
    page = send(two, path, Name="Mine")
    assert page.status == 409 and dict(errors_of(page)) == {"Name": "It is “Both” now.", "DropLowest.Quiz": "It is “2” now."}
    assert row(town, f"/classes/{made}")["Name"] == "Both"
    assert send(two, path).status == 303
    assert row(town, f"/classes/{made}")["Name"] == "Mine"


def test_lock_archive_and_delete(town):
    made, head = make_class(town, "Short-lived"), town.person("head")
    path = f"/classes/{made}"
    head.get(path + "/settings")
    assert send(head, path + "/state").status == 303 and row(town, path)["Locked"]
    page = head.follow()
    assert "This class is locked" in page.text and f'action="{path}/settings"' not in page.text
    send(head, path + "/state")
    assert not row(town, path)["Locked"]
    head.follow()
    send(head, path + "/state", nth=1)
    assert row(town, path)["Archived"]
    assert "Short-lived" not in head.get("/classes").text and "Short-lived" in head.get("/classes?archived=yes").text
    head.get(path + "/settings")
    assert send(head, path + "/delete").status == 303 and head.page.headers["Location"] == "/classes"
    assert town.grading.get(path).status == 404


def test_a_locked_term_is_unlocked(town):
    term = town.school.add("/terms", {"Name": "Old", "Locked": True})
    head = town.person("head")
    page = head.get(f"/terms/{term}")
    assert "This term is locked" in page.text and f"/terms/{term}/delete" not in page.text
    assert send(head, f"/terms/{term}/state").status == 303 and not row(town, f"/terms/{term}")["Locked"]
    head.follow()
    assert send(head, f"/terms/{term}", Ends="2026-01-01", Begins="2026-02-01").status == 400
    head.get(f"/terms/{term}")
    assert send(head, f"/terms/{term}/delete").status == 303 and town.grading.get(f"/terms/{term}").status == 404


def test_a_teacher_changes_neither_term_nor_lock(town):
    physics, ada = town.school.classes["Physics 7a"], town.person("ada")
    page = ada.get(f"/classes/{physics}/settings")
    assert 'name="Term"' not in page.text and f"/classes/{physics}/state" not in page.text
    token = form_values(page, f"/classes/{physics}/settings")["csrf"]
    assert ada.post(f"/classes/{physics}/state", {"csrf": token, "Locked": "yes"}).status == 403
    assert not row(town, f"/classes/{physics}")["Locked"]


def test_students_are_added_several_at_once_and_taken_out(town):
    made, head = make_class(town, "Chosen"), town.person("head")
    path = f"/classes/{made}/people"
    page = head.get(f"{path}/enrol?q=ar")
    assert "Nick Carter" in page.text and "Emma Stone" not in page.text
    nick, omar = town.school.students["Carter"], town.school.students["Haddad"]
    assert send(head, f"{path}/enrol?q=ar").status == 400 and "at least one" in head.page.text
    assert send(head, f"{path}/enrol?q=ar", **{f"s{nick}": "yes", f"s{omar}": "yes"}).status == 303
    page = head.follow()
    assert "They are in the class." in page.text and "Nick Carter" in page.text and "Omar Haddad" in page.text
    assert "Nick Carter" not in head.get(f"{path}/enrol?q=carter").text
    enrolment = next(e["ID"] for e in row(town, f"/classes/{made}/enrolments")["Items"] if e["Student"] == nick)
    head.get(path)
    assert send(head, f"/classes/{made}/enrolments/{enrolment}/end").status == 303
    assert [e["Student"] for e in row(town, f"/classes/{made}/enrolments")["Items"]] == [omar]


def test_one_of_several_is_in_the_class_meanwhile(town):
    made, head = make_class(town, "Race"), town.person("head")
    action = f"/classes/{made}/people/enrol"
    head.get(action)
    nick, emma = town.school.students["Carter"], town.school.students["Stone"]
    town.school.add(f"/classes/{made}/enrolments", {"Student": emma})
    page = send(head, action, nth=1, **{f"s{nick}": "yes", f"s{emma}": "yes"})
    assert page.status == 409 and "It was not accepted" in page.text and "Nick Carter" not in page.text
    assert {e["Student"] for e in row(town, f"/classes/{made}/enrolments")["Items"]} == {nick, emma}


def test_what_was_chosen_is_kept_over_signing_in(town):
    made, head = make_class(town, "Long break"), town.person("head")
    action = f"/classes/{made}/people/enrol"
    page = head.get(action)
    values = {**form_values(page, action, 1), f"s{town.school.students['Carter']}": "yes"}
    town.grading.request(f"/sessions?account={town.school.account_id('head')}", "DELETE")
    assert head.post(action, values).status == 303 and head.page.headers["Location"].startswith("/sign-in?next=")
    assert row(town, f"/classes/{made}/enrolments")["Items"] == []
    head.sign_in("head", path=head.page.headers["Location"])
    assert f"s{town.school.students['Carter']}" in form_values(head.follow(), action, 1)
    assert send(head, action, nth=1).status == 303 and len(row(town, f"/classes/{made}/enrolments")["Items"]) == 1


def test_teachers_come_and_go(town):
    made, head = make_class(town, "Taught"), town.person("head")
    path = f"/classes/{made}"
    bob = town.school.account_id("bob")
    page = head.get(path + "/people")
    assert "Caroline Herschel" not in page.text    # who may not sign in
    assert send(head, path + "/teachings", Account=str(bob)).status == 303 and "Robert Hooke" in head.follow().text
    assert town.person("bob").get(path + "/people").status == 200
    teaching = row(town, path + "/teachings")["Items"][0]["ID"]
    assert send(head, f"{path}/teachings/{teaching}/end").status == 303 and "Nobody teaches this class yet" in head.follow().text
    told = head.get(path + "/history").text
    assert "Teacher taken out · Robert Hooke" in told and "Teacher added · Robert Hooke" in told


def test_an_assessment_from_its_first_day_to_its_last(town):
    ada, physics = town.person("ada"), town.school.classes["Physics 7a"]
    ada.get(f"/classes/{physics}/assessments/new")
    action = f"/classes/{physics}/assessments"
    page = send(ada, action, Title="", Type="", Maximum="0")
    assert page.status == 400 and {name for name, _ in errors_of(page)} == {"Title", "Type"}
    page = send(ada, action, Title="Lab", Type="Homework", Maximum="0")
    assert page.status == 400 and [name for name, _ in errors_of(page)] == ["Maximum"]
    assert send(ada, action, Maximum="12.5", Weight="0.5", Due="2026-12-01").status == 303
    assert "Lab" in ada.follow().text and "Draft" in ada.page.text and "1 Dec 2026" in ada.page.text
    lab = next(a for a in row(town, action)["Items"] if a["Title"] == "Lab")
    assert (lab["Maximum"], lab["Weight"], lab["Released"], lab["ExtraCredit"]) == (12.5, 0.5, False, False)
    path, nick = f"/assessments/{lab['ID']}", town.person("nick")
    assert nick.get(path).status == 404
    ada.get(path)
    assert send(ada, path + "/release").status == 303 and "It is released" in ada.follow().text
    assert nick.get(path).status == 200
    ada.get(path + "/edit")
    assert send(ada, path, Title="Lab work", ExtraCredit="yes", Released="yes").status == 303
    assert row(town, path)["ExtraCredit"] and row(town, path)["Title"] == "Lab work"
    ada.get(path)
    send(ada, path + "/release")
    assert not row(town, path)["Released"] and nick.get(path).status == 404
    ada.get(path + "/edit")
    assert send(ada, path + "/delete").status == 303 and ada.page.headers["Location"] == action
    assert town.grading.get(path).status == 404


def test_one_with_grades_is_not_deleted(town):
    ada, path = town.person("ada"), f"/assessments/{town.school.assessments['Levers']}"
    ada.get(path + "/edit")
    page = send(ada, path + "/delete")
    assert page.status == 409 and "It was not accepted" in page.text
    assert row(town, path)["Title"] == "Levers"


def test_the_statistics_are_gradings(town):
    path = f"/assessments/{town.school.assessments['Fractions']}"
    told = row(town, path + "/statistics")["Statistics"]
    page = town.person("ada").get(path).text
    figures = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert {name: float(value) for name, value in figures.items()} == {
        "Scores": told["Count"], "Mean": told["Mean"], "Median": told["Median"], "Lower quartile": told["LowerQuartile"],
        "Upper quartile": told["UpperQuartile"], "Lowest": told["Minimum"], "Highest": told["Maximum"], "Standard deviation": told["Deviation"]}
    bins = [int(n) for n in re.findall(r'–\d+ %</th><td class="number">(\d+)</td>', page)]
    assert bins == told["Histogram"][:10]
    assert [int(n) for n in re.findall(r'class="chart-count"[^>]*>(\d+)<', page)] == [n for n in told["Histogram"] if n > 0]
    heights = {int(h) for h in re.findall(r'class="chart-bar"[^>]* height="(\d+)"', page)}
    assert max(heights) == 140


def test_students_see_their_own_grade_and_no_figures_of_few(town):
    made = make_class(town, "Four")
    people = [town.school.students[name] for name in ("Carter", "Stone", "Fischer", "Okafor", "O’Brien")]
    for student in people:
        town.school.add(f"/classes/{made}/enrolments", {"Student": student})
    test = town.school.add(f"/classes/{made}/assessments", {"Title": "Small", "Type": "Test", "Released": True})
    for n, student in enumerate(people[:4]):
        assert town.grading.request(f"/assessments/{test}/grades/{student}", "PUT", {"Score": 60 + n}).status == 201
    page = town.person("nick").get(f"/assessments/{test}").text
    assert "at least five have a score" in page and "<svg" not in page and "Nick Carter" in page and "Emma Stone" not in page
    assert town.grading.request(f"/assessments/{test}/grades/{people[4]}", "PUT", {"Score": 100}).status == 201
    page = town.person("nick").get(f"/assessments/{test}").text
    assert "<svg" in page and "Emma Stone" not in page and "Nick Carter" in page


def test_the_history_tells_and_takes_back(town):
    made, head = make_class(town, "Told"), town.person("head")
    nick = town.school.students["Carter"]
    town.school.add(f"/classes/{made}/enrolments", {"Student": nick})
    test = town.school.add(f"/classes/{made}/assessments", {"Title": "Once", "Type": "Test"})
    grade = f"/assessments/{test}/grades/{nick}"
    town.grading.request(grade, "PUT", {"Score": 60})
    town.grading.request(grade, "PUT", {"Score": 66, "State": "late", "Reason": "look <again>"})
    page = head.get(f"/classes/{made}/history").text
    newest = page.split('<div class="entry-head">')[1]
    for part in ("Grade changed", "Nick Carter", "Once", "<del>60</del>", "<ins>66</ins>", "<ins>Late</ins>", "look &lt;again&gt;"):
        assert part in newest, (part, newest)
    action = re.search(rf'href="(/classes/{made}/history/\d+)"', newest)[1]
    head.get(action)
    assert send(head, action, Reason="a slip").status == 303 and "It was taken back." in head.follow().text
    assert row(town, grade)["Score"] == 60 and "a slip" in head.page.text
    head.get(action)
    page = send(head, action)
    assert page.status == 409 and "It was not accepted" in page.text
    assert head.get(f"/classes/{made}/history/999999").status == 200 and "no such entry" in head.page.text


def test_the_history_goes_page_by_page(town):
    head = town.person("head")
    path = f"/classes/{town.school.classes['Mathematics 7a']}/history"
    seen, at = [], path
    while at:
        page = head.get(at).text
        seen += [int(n) for n in re.findall(r'class="unseen"> (\d+)</span>', page)]
        older = re.search(r'href="([^"]*\?before=\d+)"', page)
        at = older and older[1]
    told = [item["Sequence"] for item in row(town, f"{path}?limit=1000")["Items"]]
    assert seen == told and len(told) > 60


def test_grading_is_away(town):
    ada, physics = town.person("ada"), town.school.classes["Physics 7a"]
    ada.get(f"/classes/{physics}/assessments/new")
    action = f"/classes/{physics}/assessments"
    town.grading.kill()
    page = send(ada, action, Title="Stays here", Type="Quiz")
    assert page.status == 504 and form_values(page, action)["Title"] == "Stays here"
    assert ada.get("/classes").status == 504
    town.grading.start()
    wait_until(lambda: ada.get("/classes").status == 200, "the portal has grading again")
    assert ada.post(action, form_values(page, action)).status == 303
    assert ada.post(action, form_values(page, action)).status == 303
    assert [a["Title"] for a in row(town, action)["Items"]].count("Stays here") == 1


def test_a_grading_service_without_classes(cluster):
    fake = FakeGrading()
    try:
        portal = cluster.start("portal")
        portal.post("/services", {"Added": [{"Name": "GradingService", "URL": fake.url}], "Removed": []})
        person = Person(portal)
        assert person.get("/students").status == 200
        page = person.get("/classes")
        assert page.status == 404 and "does not keep classes" in page.text
    finally:
        fake.close()
