# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tables through the portal: what they would do is shown, only what was shown is done, and it can be taken back."""

import html
import re
import uuid

import pytest
from fakes import FakeGrading
from gradebook import wait_until
from people import Person
from school import Town, WholeSchool

LONG = "ID,FirstName,LastName,Title,Type,Score\n"
MIB = 1 << 20


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """One for all tests: each imports into a class of its own."""
    import gradebook
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


def nick_line(town, rest):
    return f"{town.school.students['Carter']},Nick,Carter,{rest}\n"


def scores(town, class_id):
    return {row["Title"]: [g["Score"] for g in town.grading.get(f"/classes/{class_id}/grid").json["Students"][0]["Cells"]]
            for row in town.grading.get(f"/classes/{class_id}/assessments").json["Items"][:1]}


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
    assert [[r[0], *r[2:]] for r in rows(page)] == [["2", "Nick Carter", "Quiz 1 (Quiz)", "85", "90"], ["3", "Nick Carter", "Quiz 2 (Quiz)", "", "Quiz 2 (Quiz)"],
                                                   ["3", "Nick Carter", "Quiz 2 (Quiz)", "", "70.5"]] or rows(page)
    assert score(town, class_id) == {"Quiz 1": 85}

    assert ada.send("/import").status == 303, ada.page
    done = ada.page.headers["Location"]
    assert re.fullmatch(r"/imports/\d+", done)
    assert "The table is imported." in ada.follow().text
    assert score(town, class_id) == {"Quiz 1": 90, "Quiz 2": 70.5}

    assert ada.get("/imports").text.count(f'href="{done}"') == 1
    ada.get(done)
    assert ada.send(f"{done}/undo", {"Reason": "the wrong class"}).status == 303, ada.page
    assert "taken back" in ada.follow().text and f"{done}/undo" not in ada.page.text
    assert score(town, class_id) == {"Quiz 1": 85}
