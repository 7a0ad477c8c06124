# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tables that come in and go out: each row's outcome, all or nothing, and that what is exported imports again without a change."""

import contextlib
import csv
import io
import json
import random
import socket
import threading
import time

import grading_database
import pytest
from ctl import FAILURE, NOT_FOUND, USAGE, Ctl
from gradebook import wait_until

LONG = "ID,FirstName,LastName,Title,Type,Score\n"
GRID = 'ID,LastName,FirstName,Quiz 1 (Quiz),"Lab (Homework, of 30)"\n'
NICK = "1,Carter,Nick,85,20.5\n"
ANN = "2,Lee,Ann,late 90,missing\n"


@pytest.fixture
def grading(cluster):
    return cluster.start("grading")


def table(daemon, text, timeout=60, **query):
    path = "/imports?" + "&".join(f"{name.replace('_', '-')}={value}" for name, value in {"class": 1, **query}.items())
    return daemon.post(path, text, headers={"Content-Type": "text/csv"}, timeout=timeout)


def head(daemon):
    return daemon.get("/ledger/head").json["Sequence"]


def done(answer, status=201):
    assert answer.status == status, answer
    return answer.json


def outcomes(report):
    return [(c["Line"], c["Kind"], c["Action"], c["Old"], c["New"]) for c in report["Changes"]]


def faults(answer):
    assert answer.status == 422, answer
    return [(e["Line"], e["Column"], e["Detail"]) for e in answer.json["Errors"]]


# Before anything is read

@pytest.mark.parametrize("token", [None, "wrong", "gbs_" + 43 * "A", "gbt_" + 43 * "A"])
def test_nobody_sends_a_table_who_may_not_ask(grading, token):
    """A table is large: the service takes none of it from somebody it does not know."""
    lines = ["POST /imports?class=1 HTTP/1.1", "Host: localhost", "Content-Type: text/csv", "Content-Length: 30000000", "Expect: 100-continue"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    with socket.create_connection(("127.0.0.1", grading.port), 10) as s:
        s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = s.recv(4096)
    assert answer.startswith(b"HTTP/1.1 401 "), answer
    assert b"100 Continue" not in answer


# What rows do

def test_each_outcome_of_a_grid(grading):
    report = done(table(grading, GRID + NICK + ANN))
    assert outcomes(report) == [
        (1, "assessment", "add", None, "Quiz 1 (Quiz)"), (1, "assessment", "add", None, "Lab (Homework, of 30)"),
        (2, "student", "add", None, "Nick Carter"), (2, "grade", "add", None, "85"), (2, "grade", "add", None, "20.5"),
        (3, "student", "add", None, "Ann Lee"), (3, "grade", "add", None, "late 90"), (3, "grade", "add", None, "missing")]
    assert (report["Rows"], report["Added"], report["Changed"], report["Unchanged"]) == (2, 8, 0, 0)

    report = done(table(grading, GRID + "1,Carter,Nick,85,\n2,Lee,Ann,91,excused\n"))
    # An empty cell says nothing, and a score alone leaves late what is late.
    assert outcomes(report) == [(2, "grade", "unchanged", "85", "85"), (3, "grade", "change", "late 90", "late 91"), (3, "grade", "change", "missing", "excused")]
    report = done(table(grading, GRID + "2,Lee,Ann,graded 91,graded 0\n1,Carter,Nick,,\n"))
    assert outcomes(report) == [(2, "grade", "change", "late 91", "91"), (2, "grade", "change", "excused", "0"), (3, "student", "unchanged", None, None)]
    assert [e["Assessment"] for e in report["Changes"]] == ["Quiz 1 (Quiz)", "Lab (Homework, of 30)", None]
    assert [g["Title"] for g in grading.get("/students/1").json["Grades"]] == ["Quiz 1", "Lab"]


@pytest.mark.both_databases
def test_each_outcome_of_a_long_table(grading):
    header = "ID,FirstName,LastName,Title,Type,Score,State,Comment,Maximum,Weight,Due,Released,ExtraCredit\n"
    report = done(table(grading, header +
                        ',,,Quiz 1,Quiz,,,,,2.5,2026-11-27,yes,no\n'
                        '1,Nick,Carter,Quiz 1,Quiz,85,,"well, ""done""\r\nthere",,2.5,,,\n'
                        "1,Nick,Carter,Lab,Homework,30,late,,30,,,,yes\n"
                        "1,Nick,Carter,Lab,Homework,,absent,,50,,,,\n"
                        "2,Ann,Lee,,,,,,,,,,\n"
                        "1,Nick,Carter,Quiz 1,Quiz,85,,,,,,,\n"))
    assert outcomes(report) == [
        (2, "assessment", "add", None, "Quiz 1 (Quiz)"), (2, "assessment", "change", "1", "2.5"), (2, "assessment", "change", None, "2026-11-27"),
        (2, "assessment", "change", "no", "yes"), (3, "student", "add", None, "Nick Carter"), (3, "grade", "add", None, '85 "well, "done"\nthere"'),
        (5, "assessment", "add", None, "Lab (Homework, of 30)"), (5, "assessment", "change", "no", "yes"), (5, "grade", "add", None, "late 30"),
        (6, "assessment", "add", None, "Lab (Homework, of 50)"), (6, "grade", "add", None, "absent"), (7, "student", "add", None, "Ann Lee"),
        (8, "grade", "unchanged", "85", "85")]
    assert grading.get("/grades/1").json["Comment"] == 'well, "done"\nthere'

    header = "ID,Title,Type,Score,Comment\n"
    assert outcomes(done(table(grading, header + "1,Quiz 1,Quiz,,better\n"))) == [
        (2, "grade", "change", '85 "well, "done"\nthere"', '85 "better"')]
    # Lab has two maxima: one must be told.
    assert faults(table(grading, header + "1,Lab,Homework,3,\n")) == [(2, 2, 'there are several assessments "Lab" (Homework): give the maximum')]
    done(table(grading, "ID,Title,Type,Score,Maximum\n1,Lab,Homework,3,50\n"))


def test_encodings_delimiters_and_line_ends(grading):
    rows = [["ID", "FirstName", "LastName", "Title", "Type", "Score"], ["1", "Zoë", 'O"Hara; von', "Essay,\tthe", "Homework", "9.25"], ["2", "张", "三", "😀", "Exam", "0"]]
    n = 0
    for mark in ("", "\ufeff"):
        for delimiter in ",;\t":
            for end in ("\n", "\r\n", "\r"):
                out = io.StringIO()
                csv.writer(out, delimiter=delimiter, lineterminator=end).writerows([row[:3] + [row[3].replace("\t", " ")] + row[4:] for row in rows])
                report = done(table(grading, mark + out.getvalue()), 200 if n else 201)
                assert (report["Added"], report["Unchanged"]) == ((0, 2) if n else (6, 0)), (mark, delimiter, end)
                n += 1
    # A decimal comma where no cell ends at one.
    assert done(table(grading, "ID;Title;Type;Score\n1;Essay, the;Homework;9,5\n"))["Changes"][0]["New"] == "9.5"
    assert faults(table(grading, 'ID,Title,Type,Score\n1,"Essay, the",Homework,"9,5"\n')) == [(2, 4, "Score must be a number with at most two decimals")]


def test_formulas_are_neutralised_and_come_back(grading):
    titles = ["=1+1", "+1", "-1", "@SUM(A1)", "'x", "''=1", "＝1", "plain"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["FirstName", "LastName", "Title", "Type", "Score"])
    for title in titles:
        writer.writerow(["'=cmd", "'+Lee", "'" + title if title != "plain" else title, "Quiz", 1])
    done(table(grading, out.getvalue()))
    assert [g["Title"] for g in grading.get("/students/1").json["Grades"]] == titles
    for layout in ("grid", "long"):
        text = grading.get(f"/classes/1/export?layout={layout}").text
        for row in csv.reader(io.StringIO(text)):
            assert not any(cell[:1] in "=+-@＝" for cell in row if cell), row
        assert done(table(grading, text), 200)["Added"] == 0


def test_names_without_an_id(grading):
    done(table(grading, LONG + "7,Ann,Lee,Q,Quiz,1\n8,Bob,Lee,Q,Quiz,2\n9,Bob,Lee,Q,Quiz,3\n"))
    # Ann is one; of the Bobs there are two; Cid is new, and gets the next ID, which is nobody's below.
    answer = table(grading, LONG + ",Ann,Lee,Q,Quiz,4\n,Bob,Lee,Q,Quiz,5\n")
    assert faults(answer) == [(3, 1, "there are several students called Bob Lee: give the ID")]
    report = done(table(grading, LONG + ",Ann,Lee,Q,Quiz,4\n,Cid,Ho,Q,Quiz,5\n10,Dan,Ho,Q,Quiz,6\n,Dan,Ho,Q,Quiz,6\n"))
    assert outcomes(report) == [(2, "grade", "change", "1", "4"), (3, "student", "add", None, "Cid Ho"), (3, "grade", "add", None, "5"),
                                (4, "student", "add", None, "Dan Ho"), (4, "grade", "add", None, "6"), (5, "grade", "unchanged", "6", "6")]
    assert [s["ID"] for s in grading.get("/students").json] == [7, 8, 9, 10, 11]


def test_several_assessments_of_one_name(grading):
    grading.post("/students", {"ID": 1, "FirstName": "Nick", "LastName": "Carter"})
    for score in (1, 2):
        grading.post("/students/1/grades", {"Title": "Q", "Type": "Quiz", "Score": score})
    text = grading.get("/classes/1/export").text
    assert text.splitlines()[0] == 'ID,LastName,FirstName,Q (Quiz),"Q (Quiz, no. 2)"'
    assert outcomes(done(table(grading, text.replace(",2\r", ",3\r")))) == [(2, "grade", "unchanged", "1", "1"), (2, "grade", "change", "2", "3")]
    assert faults(table(grading, 'ID,"Q (Quiz, no. 4)"\n1,5\n')) == [(1, 2, 'there is no number 4 of "Q" (Quiz), and none before it')]
    assert done(table(grading, 'ID,"Q (Quiz, no. 3)"\n1,5\n'))["Added"] == 2


ERRORS = [
    # The header
    ("", 1, None, "the header is missing"),
    ("ID,FirstName,LastName,Title,Type\n", 1, None, "column Score is missing"),
    ("ID,FirstName,LastName,Titel,Type,Score\n", 1, 4, 'unknown column "Titel": did you mean Title?'),
    ("ID,FirstName,LastName,Title,Type,Score,Average\n", 1, 7, 'unknown column "Average"'),
    ("ID,FirstName,LastName,Title,Type,Score,id\n", 1, 7, "column ID is there twice"),
    ("LastName,Quiz 1 (Quiz)\n", 1, None, "column FirstName is missing"),
    ("ID,Quiz 1\n", 1, 2, 'unknown column "Quiz 1": an assessment\'s is called "TITLE (TYPE)"'),
    ("ID,Quiz 1 (Riddle)\n", 1, 2, "unknown column"),
    ('ID,"Quiz 1 (Quiz, of 0)"\n', 1, 2, "unknown column"),
    ('ID,Q (Quiz),"Q (Quiz, of 100)"\n', 1, 3, "is there twice"),
    # Cells
    (GRID + "1,Carter\n", 2, 3, "2 cells, where the header has 5"),
    (GRID + '1,Carter,Nick,"85,\n', 2, 4, "a closing quotation mark is missing"),
    (GRID + 'x,"Car\n\nter",Nick,85,\n', 2, 1, 'ID "x" is not a whole number'),
    (GRID + '1,"Car\nter",Nick,,\n', 2, 2, "LastName must be a text of 1 to 100 characters"),
    (GRID + '1,"Carter",Nick,85,"31"\n', 2, 5, "Score must be a number from 0 to 30"),
    (GRID + "1,Carter,Nick,8 5,\n", 2, 4, "the cell must be empty, a score"),
    (GRID + "1,Carter,Nick,1e1,\n", 2, 4, "the cell must be empty, a score"),
    (GRID + "1,Carter,Nick,85.123,\n", 2, 4, "the cell must be empty, a score"),
    (GRID + "1,Carter,Nick,late,\n", 2, 4, "a score is missing, which the state late needs"),
    (GRID + "1,Carter,Nick,missing 5,\n", 2, 4, "there is no score where the state is missing"),
    (GRID + ",,,85,\n", 2, 1, "the row names no student"),
    (GRID + ",Carter,,85,\n", 2, 3, "FirstName must be a text"),
    (GRID + "0,Carter,Nick,85,\n", 2, 1, 'ID "0" is not'),
    (GRID + NICK + "1,Cave,Nick,85,\n", 3, 1, "ID 1 is Nick Carter in line 2"),
    (GRID + NICK + "1,Carter,Nick,86,\n", 3, 4, "Quiz 1 (Quiz) of Nick Carter is 85 in line 2"),
    (LONG + "1,Nick,Carter,Quiz 1,Riddle,5\n", 2, 5, "Type must be one of"),
    (LONG + "1,Nick,Carter,,Quiz,5\n", 2, 4, "Title is empty"),
    (LONG + "1,Nick,Carter,Quiz 1,,5\n", 2, 5, "Type is empty"),
    (LONG + "1,Nick,Carter,Quiz 1,Quiz,\n", 2, 6, "Score is empty"),
    (LONG + "1,Nick,Carter,Quiz 1,Quiz,100.01\n", 2, 6, "Score must be a number from 0 to 100"),
    (LONG + ",,,Quiz 1,Quiz,5\n", 2, 1, "a grade needs a student"),
    (LONG + "1,Nick,Carter," + "x" * 201 + ",Quiz,5\n", 2, 4, "Title must be a text of 1 to 200"),
    ("ID,FirstName,LastName,Title,Type,Score,State\n1,N,C,Q,Quiz,5,gone\n", 2, 7, "State must be one of"),
    ("ID,FirstName,LastName,Title,Type,Score,Maximum\n1,N,C,Q,Quiz,5,0\n", 2, 7, "Maximum must be a number"),
    ("ID,FirstName,LastName,Title,Type,Score,Number\n1,N,C,Q,Quiz,5,0\n", 2, 7, "Number must be a whole number"),
    ("ID,FirstName,LastName,Title,Type,Score,Due\n1,N,C,Q,Quiz,5,2026-02-29\n", 2, 7, "'Due' must be a date"),
    ("ID,FirstName,LastName,Title,Type,Score,Released\n1,N,C,Q,Quiz,5,perhaps\n", 2, 7, "Released must be yes or no"),
    ("ID,FirstName,LastName,Title,Type,Score,Weight\n1,N,C,Q,Quiz,5,-1\n", 2, 7, "'Weight' must be a number"),
    ("ID,FirstName,LastName,Title,Type,Score,Weight\n1,N,C,Q,Quiz,5,1\n2,A,L,Q,Quiz,5,2\n", 3, 7, "Weight of Q (Quiz) is 1 in line 2"),
    ("ID,FirstName,LastName,Title,Type,Score,Comment\n1,N,C,Q,Quiz,5," + "x" * 2001 + "\n", 2, 7, "Comment must be a text of at most 2000"),
]


@pytest.mark.both_databases
@pytest.mark.parametrize("text, line, column, detail", ERRORS, ids=range(len(ERRORS)))
def test_each_error_has_its_place(open_cluster, text, line, column, detail):
    grading = open_cluster.start("grading")
    before = head(grading)
    answer = table(grading, text)
    errors = answer.json["Errors"]
    assert answer.status == 422 and any((e["Line"], e["Column"]) == (line, column) and detail in e["Detail"] for e in errors), errors
    assert answer.json["ErrorCount"] == len(errors) == 1
    dry = done(table(grading, text, dry_run="yes"), 200)
    assert dry["Errors"] == errors
    assert head(grading) == before and grading.get("/students").json == []


def test_quoted_line_breaks_are_counted(grading):
    text = "ID,FirstName,LastName,Title,Type,Score,Comment\n" + '1,N,C,Q,Quiz,5,"a\nb\r\nc"\n\n' + '2,A,L,Q,Quiz,x,"d\n"\n'
    assert faults(table(grading, text)) == [(6, 6, "Score must be a number with at most two decimals")]


def test_errors_are_bounded_and_in_order(grading):
    text = LONG + "".join(f"{i},A,B,Q,Quiz,{'x' if i % 2 else 101}\n" for i in range(1, 1502)) + "x,A,B,,,\n"
    answer = table(grading, text)
    errors = answer.json["Errors"]
    assert answer.status == 422 and answer.json["ErrorCount"] == 1502 and len(errors) == 1000
    assert [e["Line"] for e in errors] == sorted(e["Line"] for e in errors)


def test_what_is_refused_before_it_is_read(grading):
    assert grading.post("/imports?class=1", GRID, headers={"Content-Type": "application/json"}).status == 415
    assert grading.post("/imports?class=1", GRID, headers={"Content-Type": "text/csv"}, token=None).status == 401
    assert table(grading, GRID, **{"class": 2}).status == 404
    for query in ({"class": "x"}, {"dry_run": "perhaps"}, {"name": "%0A"}, {"reason": "x" * 501}, {"overwrite": "?"}, {"released": 2}):
        answer = table(grading, GRID, **query)
        assert answer.status == 400 and next(iter(query)).replace("_", "-") in answer.json["detail"], query
    # Who goes on sending may find the connection closed before the answer is read.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        assert table(grading, GRID + NICK + "\n" * (32 << 20)).status == 413
    assert grading.get("/students").json == []
    assert grading.get("/classes/1/export?layout=wide").status == 400
    for path in ("/classes/2/export", "/students/5/export", "/imports/5", "/imports/x"):
        assert grading.get(path).status == 404, path


def test_overwrite_no_keeps_what_is_there(grading):
    done(table(grading, GRID + NICK))
    assert faults(table(grading, GRID + NICK.replace("85", "86"), overwrite="no")) == [(2, 4, "Quiz 1 (Quiz) of Nick Carter is 85 already")]
    assert done(table(grading, GRID + NICK + ANN, overwrite="no"))["Added"] == 3


# All or nothing, and the dry run

def test_a_dry_run_changes_nothing_and_is_the_real_run(grading):
    texts = [GRID + NICK + ANN, GRID + "1,Carter,Nick,86,\n,Ho,Cid,1,2\n", LONG + ",Dan,Ho,Essay,Homework,5\n,Ann,Lee,Essay,Homework,6\n"]
    for text in texts:
        before, students = head(grading), grading.get("/students").body
        dry = done(table(grading, text, dry_run="yes"), 200)
        assert dry["DryRun"] and dry["Import"] is None
        assert head(grading) == before and grading.get("/students").body == students
        report = done(table(grading, text))
        assert report["Import"] == before + 1
        # To the IDs of what is new.
        assert {**report, "Import": None, "DryRun": True} == dry


def test_the_same_again_changes_nothing(grading):
    text = GRID + NICK + ANN
    done(table(grading, text))
    before = head(grading)
    report = done(table(grading, text), 200)
    assert report["Import"] is None and (report["Added"], report["Changed"], report["Unchanged"]) == (0, 0, 4)
    assert head(grading) == before and len(grading.get("/imports").json["Items"]) == 1


def test_one_set_with_its_reason(grading):
    table(grading, GRID + NICK, name="a%20b.csv")
    done(table(grading, GRID + ANN, reason="late%20work"))
    entries = [json.loads(line) for line in grading.get("/ledger").text.splitlines()]
    sets = {e["Set"]: e["Reason"] for e in entries if e["Set"] > 1}
    assert sorted(sets.values()) == ["Import of a b.csv", "late work"]


@pytest.mark.both_databases
def test_list_and_undo(grading):
    before = grading.get("/students").json
    first = done(table(grading, GRID + NICK + ANN, name="a.csv"))["Import"]
    second = done(table(grading, GRID + "1,Carter,Nick,99,1\n"))["Import"]
    items = grading.get("/imports").json["Items"]
    assert [(i["Import"], i["Name"], i["Added"], i["Changed"], i["UndoneBy"]) for i in items] == [(second, None, 0, 2, None), (first, "a.csv", 8, 0, None)]
    assert items[1]["Actor"] == "cluster" and items[1]["Reason"] == "Import of a.csv" and items[1]["Class"] == 1
    page = grading.get("/imports?limit=1").json
    assert [i["Import"] for i in page["Items"]] == [second] and page["Next"] == second
    assert [i["Import"] for i in grading.get(f"/imports?before={second}").json["Items"]] == [first]

    # What somebody changed since is not taken back, and then nothing is.
    assert grading.post(f"/imports/{first}/undo").status == 409
    assert grading.post(f"/imports/{first + 1}/undo").status == 404
    undone = grading.post(f"/imports/{second}/undo")
    assert undone.status == 200
    assert grading.get("/students/1").json["Grades"][0]["Score"] == 85
    assert grading.get(f"/imports/{second}").json["UndoneBy"] == undone.json["First"]
    # Undone too, the undoing leaves it standing.
    assert grading.post(f"/ledger/sets/{undone.json['First']}/undo").status == 200
    assert grading.get(f"/imports/{second}").json["UndoneBy"] is None

    third = done(table(grading, "ID,FirstName,LastName\n5,Cid,Ho\n"))["Import"]
    assert grading.post(f"/imports/{third}/undo").status == 200
    assert before == [] and [s["ID"] for s in grading.get("/students").json] == [1, 2]


def state(daemon):
    return [json.loads(line) for line in daemon.get("/export").text.splitlines()[1:]]


def many(students, assessments, score=50):
    rows = [LONG] + [f"{s},First{s},Last{s},Assessment {a},Quiz,{(s * a + score) % 101}\n" for s in range(1, students + 1) for a in range(assessments)]
    return "".join(rows)


@pytest.mark.both_databases
def test_killed_in_the_midst_there_is_all_or_nothing(cluster):
    grading = cluster.start("grading")
    text = many(300, 10)
    seen = set()
    delay = 0.005
    # Longer and longer, until the machine, however slow it is, had the time.
    while seen != {True, False} or delay < 0.4:
        assert delay < 20, f"with every delay: {seen}"
        delay *= 1.7
        answers = []

        def post(answers=answers, text=text):
            with contextlib.suppress(OSError, ConnectionError):
                answers.append(table(grading, text).status)

        before = state(grading)
        thread = threading.Thread(target=post)
        thread.start()
        time.sleep(delay)
        grading.kill()
        thread.join()
        grading.start()
        after = state(grading)
        n = len(after) - len(before)
        assert n in (0, 300 * 2 + 10 + 300 * 10), n
        assert n > 0 or answers != [201]
        seen.add(n > 0)
        if n > 0:
            imports = grading.get("/imports").json["Items"]
            assert [i["UndoneBy"] is None for i in imports] == [True] + [False] * (len(imports) - 1)
            assert grading.post(f"/imports/{imports[0]['Import']}/undo", timeout=30).status == 200
            assert state(grading) == before


@pytest.mark.sqlite
def test_a_full_disk_takes_nothing_of_it(cluster, make_disk):
    grading = cluster.daemon("grading")
    grading.state = make_disk("12M")
    grading.start()
    # Nobody of the large table, which would be refused for that.
    done(table(grading, GRID + "5001,Carter,Nick,85,20.5\n"))
    before = state(grading)
    answer = table(grading, many(1000, 20))
    assert answer.status == 507, answer
    assert state(grading) == before and grading.get("/imports").json["Items"][0]["Rows"] == 1
    done(table(grading, GRID + "5002,Lee,Ann,late 90,missing\n"))


# Exports

LETTERS = ["a", "Z", "é", "张", "三", "😀", '"', "'", ",", ";", "=", "+", "-", "@", "(", ")", " ", "\\", "<", "&", "%", "＝", "0"]


def hostile(rng, most, more=()):
    while True:
        text = "".join(rng.choice([*LETTERS, *more]) for _ in range(rng.randint(1, most)))
        if text.strip():
            return text


def random_table(rng):
    """A long table, each assessment and student once, with cells that a spreadsheet would spoil."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=rng.choice(",;\t"))
    guard = lambda text: "'" + text if text[0] in "=+-@＝'\t\n" else text  # noqa: E731
    writer.writerow(["ID", "FirstName", "LastName", "Title", "Type", "Score", "Maximum", "State", "Comment", "Weight", "Due", "Released", "ExtraCredit"])
    assessments = {}
    for _ in range(rng.randint(1, 8)):
        key = (guard(hostile(rng, 12)), rng.choice(["Quiz", "Test", "Exam", "Homework"]), rng.choice(["100", "30", "0.5", "12.34"]))
        assessments[key] = None
        writer.writerow(["", "", "", key[0], key[1], "", key[2], "", "", rng.choice(["1", "0", "2.5"]), rng.choice(["", "2026-11-27"]),
                         rng.choice(["yes", "no"]), rng.choice(["yes", "no"])])
    for student in range(1, rng.randint(2, 8)):
        name = [student, guard(hostile(rng, 8)), guard(hostile(rng, 8))]
        writer.writerow([*name, *[""] * 10])
        for title, kind, maximum in rng.sample(sorted(assessments), rng.randint(0, len(assessments))):
            state_word = rng.choice(["graded", "late", "blank", "missing", "excused", "absent"])
            score = f"{rng.randint(0, int(float(maximum) * 100)) / 100:.2f}" if state_word in ("graded", "late") else ""
            comment = guard(hostile(rng, 30, ["\n", "\t"])) if rng.random() < 0.4 else ""
            writer.writerow([*name, title, kind, score, maximum, state_word, comment, "", "", "", ""])
    return out.getvalue()


@pytest.mark.sqlite
@pytest.mark.parametrize("seed", range(12))
def test_what_is_exported_imports_again_without_a_change(cluster, tmp_path, seed):
    rng = random.Random(seed)
    first, second = cluster.start("grading"), cluster.daemon("grading").start()
    done(table(first, random_table(rng)))
    rows, last = state(first), head(first)
    for layout in ("grid", "long"):
        text = first.get(f"/classes/1/export?layout={layout}").text
        report = done(table(first, text), 200)
        assert (report["Added"], report["Changed"], report["Errors"]) == (0, 0, [])
        assert head(first) == last
    # All of the class is in the long table: in an empty gradebook it makes the same.
    done(table(second, text))
    assert second.get("/classes/1/export?layout=long").text == text
    strip = lambda rows: sorted(json.dumps({k: v for k, v in r["Row"].items() if k not in ("ID", "Version", "Assessment")}) for r in rows)  # noqa: E731
    assert strip(state(second)) == strip(rows)


def test_an_export_is_as_of_one_entry(grading):
    done(table(grading, many(200, 10)))
    stop = threading.Event()

    def change():
        n = 0
        while not stop.is_set():
            n += 1
            table(grading, "ID,Assessment 0 (Quiz),Assessment 1 (Quiz)\n" + "".join(f"{s},{n % 101},{n % 101}\n" for s in range(1, 201)))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        seen = set()
        for _ in range(20):
            rows = list(csv.DictReader(io.StringIO(grading.get("/classes/1/export").text)))
            cells = {row[f"Assessment {a} (Quiz)"] for row in rows for a in (0, 1)}
            # Each import says the same of all: a half of one would show.
            assert len(cells) == 1 or not seen, cells
            if len(cells) == 1:
                seen.add(cells.pop())
    finally:
        stop.set()
        thread.join()
    assert len(seen) > 1


def test_a_large_export_goes_through_a_file_and_leaves_none(grading):
    done(table(grading, many(1000, 20)))
    before = sorted(p.name for p in grading.state.iterdir())
    answer = grading.get("/export", timeout=60)
    lines = answer.text.splitlines()
    assert len(answer.body) > 1 << 20 and len(lines) == 1 + 1 + 1000 * 2 + 20 + 20000
    assert int(answer.headers["Ledger-Sequence"]) == json.loads(lines[0])["Sequence"] == head(grading)
    kinds = [json.loads(line)["Kind"] for line in lines[1:]]
    assert kinds == sorted(kinds, key=["class", "student", "enrolment", "assessment", "grade"].index)
    assert sorted(p.name for p in grading.state.iterdir()) == before
    assert grading.get("/classes/1/export?layout=long").text.count("\n") == 1 + 20 + 20000


def test_all_about_one_person(grading):
    done(table(grading, GRID + NICK + ANN))
    answer = grading.get("/students/2/export")
    person = answer.json
    assert person["Student"]["LastName"] == "Lee" and "student-2.json" in answer.headers["Content-Disposition"]
    assert [(g["Grade"]["State"], g["Assessment"]["Title"]) for g in person["Grades"]] == [("late", "Quiz 1"), ("missing", "Lab")]
    assert [e["Class"]["ID"] for e in person["Enrolments"]] == [1] and person["Accounts"] == []
    assert {e["StudentID"] for e in person["Ledger"]} == {2} and len(person["Ledger"]) == 4


# Large

@pytest.mark.sqlite
def test_a_hundred_thousand_rows(grading):
    text = many(5000, 20)
    pauses, stop = [], threading.Event()
    grading.post("/students", {"ID": 6000, "FirstName": "A", "LastName": "B"})

    def read():
        while not stop.is_set():
            begin = time.monotonic()
            assert grading.get("/students/6000").status == 200
            pauses.append(time.monotonic() - begin)

    thread = threading.Thread(target=read)
    thread.start()
    begin = time.monotonic()
    report = done(table(grading, text))
    took = time.monotonic() - begin
    stop.set()
    thread.join()
    assert report["Added"] == 5000 + 20 + 100000 and report["Unchanged"] == 0
    assert len(report["Changes"]) == 10000 and report["ChangesLeftOut"] == report["Added"] - 10000
    print(f"100,000 rows in {took:.2f} s; {len(pauses)} reads meanwhile, the slowest {max(pauses) * 1e3:.0f} ms")
    assert took < 20 and max(pauses) < 1
    again = done(table(grading, text), 200)
    assert again["Unchanged"] == 100000 and len(again["Changes"]) == 2000
    begin = time.monotonic()
    changed = done(table(grading, many(5000, 20, score=51)))
    print(f"100,000 changed in {time.monotonic() - begin:.2f} s")
    assert changed["Changed"] == 100000 and time.monotonic() - begin < 15
    # One line of the journal for all of each.
    assert wait_until(lambda: "Imported a table into class 1" in grading.stderr, "the line of the import")
    assert grading.stderr.count("Imported a table") == 2 and grading.stderr.count("Changed grade") == 0


# gradebookctl

@pytest.fixture
def ctl(cluster):
    cluster.start("registry", "grading")
    wait_until(lambda: "GradingService" in cluster.services(), "grading is registered")
    return Ctl(cluster)


def test_ctl_imports_and_exports(ctl, tmp_path):
    path = tmp_path / "grades.csv"
    path.write_text(GRID + NICK + ANN)
    dry = ctl("import", "--class=1", "--dry-run", path)
    assert dry.stdout.splitlines()[0].split() == ["LINE", "ACTION", "WHAT", "STUDENT", "ASSESSMENT", "OLD", "NEW"]
    assert dry.stdout.splitlines()[-1] == "2 students added, 4 grades added, 0 changed, 0 unchanged (dry run: nothing was done)"
    real = ctl("import", "--class", "1", "--reason", "term & end", path)
    assert real.stdout == "2 students added, 4 grades added, 0 changed, 0 unchanged (import 2)\n"
    out = tmp_path / "out.csv"
    ctl("export", "class", "1", "-o", out)
    assert out.read_text().splitlines()[1:] == ["1,Carter,Nick,85,20.5", "2,Lee,Ann,late 90,missing"]
    assert not list(tmp_path.glob("*.part"))
    assert ctl("import", "--class=1", out).stdout == "0 students added, 0 grades added, 0 changed, 4 unchanged\n"
    assert ctl("export", "class", "1", "--long").stdout.count("\n") == 1 + 2 + 4
    assert json.loads(ctl("export", "student", "1").stdout)["Ledger"][0]["Reason"] == "term & end"
    assert ctl("export", "all").stdout.count("\n") == 1 + 1 + 2 + 2 + 2 + 4


def test_ctl_tells_errors_by_line_and_column(ctl, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(GRID + "1,Carter,Nick,85,31\nx,Lee,Ann,,\n")
    for option in ([], ["-n"]):
        failed = ctl("import", "--class=1", *option, path, code=FAILURE)
        assert f"{path}:2:5: Score must be a number from 0 to 30 with at most two decimals\n{path}:3:1: ID \"x\" is not" in failed.stderr
        assert failed.stderr.endswith(f"gradebookctl: {path} has 2 errors: nothing was changed\n")
    path.write_bytes(GRID.encode() + b"1,Car\0ter,Nick,,\n")
    assert f"{path}:2: the file contains a NUL\n" in ctl("import", "--class=1", path, code=FAILURE).stderr
    assert "--class=ID is missing" in ctl("import", path, code=USAGE).stderr
    ctl("import", "--class=9", path.with_suffix(".none"), code=NOT_FOUND)
    path.write_text(GRID + NICK)
    assert "There is no class" in ctl("import", "--class=9", path, code=NOT_FOUND).stderr
    assert "There is no class" in ctl("export", "class", "9", "-o", tmp_path / "none.csv", code=NOT_FOUND).stderr
    assert not (tmp_path / "none.csv").exists() and not (tmp_path / "none.csv.part").exists()


@pytest.mark.both_databases
def test_the_list_of_imports_survives_a_restart(cluster):
    grading = cluster.start("grading")
    done(table(grading, GRID + NICK, name="a.csv"))
    before = grading.get("/imports").body
    grading.stop()
    with contextlib.closing(grading_database.connect(grading)) as db:
        assert db.execute("SELECT count(*) FROM imports").fetchone() == (1,)
    grading.start()
    assert grading.get("/imports").body == before


# Who

PASSWORD = "a horse of another colour"


class School:
    """A class A with a teacher and Nick in it, and a class B with Ann."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.classes = [daemon.post("/classes", {"Name": name}).json["ID"] for name in "AB"]
        for n, (number, name) in enumerate(((1, "Nick"), (2, "Ann"))):
            assert daemon.post("/students", {"ID": number, "FirstName": name, "LastName": "Lee", "DefaultClass": self.classes[n]}).status == 201
        self.teacher = self.account("teacher", "teacher")
        self.nick = self.account("nick", "student", Student=1)
        accounts = {a["Login"]: a["ID"] for a in daemon.get("/accounts").json["Items"]}
        assert daemon.post(f"/classes/{self.classes[0]}/teachings", {"Account": accounts["teacher"]}).status == 201

    def account(self, login, role, **more):
        assert self.daemon.post("/accounts", {"Login": login, "Role": role, "Password": PASSWORD, **more}).status == 201
        return self.daemon.post("/sessions", {"Login": login, "Password": PASSWORD}, token=None).json["Token"]

    def table(self, token, text, of=0, **query):
        path = f"/imports?class={self.classes[of]}" + "".join(f"&{name}={value}" for name, value in query.items())
        return self.daemon.post(path, text, headers={"Content-Type": "text/csv"}, token=token)


@pytest.fixture
def school(grading):
    return School(grading)


def test_a_teacher_imports_into_a_class_of_its_own_and_adds_nobody(school):
    report = done(school.table(school.teacher, "ID,LastName,FirstName,Quiz 1 (Quiz)\n1,Lee,Nick,85\n"))
    assert (report["Added"], report["Class"]) == (2, school.classes[0])
    assert school.daemon.get(f"/imports/{report['Import']}", token=school.teacher).json["Actor"].startswith("account:")
    before = head(school.daemon)
    # Somebody new, somebody of another class by ID or by name: the same answer for who is there and who is not.
    stranger = "there is no student {} in the class: only an administrator adds one"
    assert faults(school.table(school.teacher, "ID,LastName,FirstName,Quiz 1 (Quiz)\n2,Lee,Ann,1\n3,Lee,Bob,1\n,Lee,Ann,1\n,Lee,Bob,1\n")) == [
        (2, 1, stranger.format("with ID 2")), (3, 1, stranger.format("with ID 3")), (4, 1, stranger.format("Ann Lee")), (5, 1, stranger.format("Bob Lee"))]
    assert school.table(school.teacher, "ID,Quiz 1 (Quiz)\n2,85\n", of=1).status == 404
    assert school.table(school.nick, "ID,Quiz 1 (Quiz)\n1,100\n").status == 403
    assert head(school.daemon) == before
    assert [s["ID"] for s in school.daemon.get("/students", token=school.teacher).json] == [1]


def test_an_administrator_brings_students_into_a_class(school):
    header = "ID,LastName,FirstName,Quiz 1 (Quiz)\n"
    a = school.classes[0]
    assert faults(school.table(True, header + ",Lee,Ann,5\n")) == [
        (2, 1, "there is a Ann Lee already, with ID 2, who is not in the class: give this ID, or a new one")]
    report = done(school.table(True, header + "2,Lee,Ann,5\n,Ho,Cid,6\n9,Lee,Ann,7\n"))
    assert outcomes(report)[1:] == [(2, "enrolment", "add", None, "Ann Lee"), (2, "grade", "add", None, "5"), (3, "student", "add", None, "Cid Ho"),
                                    (3, "grade", "add", None, "6"), (4, "student", "add", None, "Ann Lee"), (4, "grade", "add", None, "7")]
    assert len(school.daemon.get(f"/classes/{a}/enrolments").json["Items"]) == 4
    # Where a new student's grades in the fixed form go: the class that it came into.
    cid = next(s["ID"] for s in school.daemon.get("/students").json if s["FirstName"] == "Cid")
    school.daemon.post(f"/students/{cid}/grades", {"Title": "Fixed", "Type": "Quiz", "Score": 1})
    assert school.daemon.get(f"/classes/{a}/export").text.splitlines()[0] == "ID,LastName,FirstName,Quiz 1 (Quiz),Fixed (Quiz)"
    # Drafts, unless it is said.
    assert [g["Title"] for g in school.daemon.get("/students/1", token=school.nick).json["Grades"]] == []
    done(school.table(True, "ID,Quiz 2 (Quiz)\n1,5\n", released="yes"))
    assert [g["Title"] for g in school.daemon.get("/students/1", token=school.nick).json["Grades"]] == ["Quiz 2"]


def test_a_student_gets_its_own_without_drafts(school):
    done(school.table(True, "ID,Quiz 1 (Quiz)\n1,5\n"))
    done(school.table(True, "ID,Quiz 2 (Quiz)\n1,6\n", released="yes"))
    own, all_of_it = school.daemon.get("/students/1/export", token=school.nick), school.daemon.get("/students/1/export").json
    assert [g["Assessment"]["Title"] for g in own.json["Grades"]] == ["Quiz 2"] and "Ledger" not in own.json
    assert [g["Assessment"]["Title"] for g in all_of_it["Grades"]] == ["Quiz 1", "Quiz 2"] and len(all_of_it["Ledger"]) >= 4
    assert [a["Login"] for a in own.json["Accounts"]] == ["nick"] and "argon2" not in own.text and "argon2" not in json.dumps(all_of_it)
    assert "argon2" not in school.daemon.get("/export").text


def test_a_locked_class_takes_no_table(school):
    a = school.classes[0]
    assert school.daemon.request(f"/classes/{a}", "PATCH", {"Locked": True}).status == 200
    for query in ({}, {"dry-run": "yes"}):
        answer = school.table(True, "ID,Quiz 1 (Quiz)\n1,5\n", **query)
        assert answer.status == 409 and "The class is locked" in answer.json["detail"]


def test_comments_from_elsewhere_come_back(school):
    done(school.table(True, "ID,Quiz 1 (Quiz),Quiz 2 (Quiz)\n1,5,6\n"))
    a = school.classes[0]
    grades = school.daemon.get("/students/1/grades").json
    rows = grades["Items"] if isinstance(grades, dict) else grades
    for row, comment in zip(rows, ('=HYPERLINK("x")\n\ttwo, "lines"; 张三 😀', "'=x"), strict=True):
        assert school.daemon.request(f"/grades/{row['ID']}", "PATCH", {"Comment": comment}).status == 200
    text = school.daemon.get(f"/classes/{a}/export?layout=long").text
    assert "\"'=HYPERLINK(" in text and "''=x" in text
    report = done(school.table(True, text), 200)
    assert (report["Added"], report["Changed"], report["Unchanged"]) == (0, 0, 2 + 2)


def test_the_limits_of_the_service_are_a_tables_too(cluster):
    cluster.configure("grading", {"Grading": {"MaxStudents": 2, "MaxGradesPerStudent": 2}})
    grading = cluster.start("grading")
    assert faults(table(grading, "ID,FirstName,LastName\n1,A,B\n2,C,D\n,E,F\n4,G,H\n")) == [
        (line, 1, "there are 2 students already, the most there may be (MaxStudents=)") for line in (4, 5)]
    assert grading.get("/students").json == []
    done(table(grading, "ID,FirstName,LastName,A (Quiz),B (Quiz)\n1,A,B,1,2\n"))
    assert faults(table(grading, "ID,A (Quiz),C (Quiz)\n1,3,3\n")) == [
        (2, 3, "the student has 2 grades already, the most there may be (MaxGradesPerStudent=)")]
