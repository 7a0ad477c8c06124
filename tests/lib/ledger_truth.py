# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ledger of gradebook-grading, read and verified without any of its code: see src/wire/ledger-entry.h."""

import hashlib
import json
import shutil
import sqlite3
import tempfile
import pathlib

MEMBERS = "Sequence Time Set Actor Client RequestID Action Kind ID StudentID ClassID Version Old New Reason".split()

TYPES = ("Quiz", "Test", "Exam", "Homework")
STATES = ("graded", "blank", "missing", "excused", "late", "absent")

# The tables behind the rows: their columns, and how each is written in JSON.
TABLES = {
    "class": ("classes", {"Term": "term_id", "Name": "name", "Policy": "policy", "Locked": "locked", "Archived": "archived"}),
    "student": ("students", {"FirstName": "first_name", "LastName": "last_name", "DefaultClass": "default_class_id"}),
    "enrolment": ("enrolments", {"Class": "class_id", "Student": "student_id"}),
    "assessment": ("assessments", {"Class": "class_id", "Title": "title", "Type": "type", "Maximum": "maximum_hundredths",
                                   "Weight": "weight_hundredths", "Due": "due", "Released": "released", "ExtraCredit": "extra_credit"}),
    "grade": ("grades", {"Student": "student_id", "Assessment": "assessment_id", "State": "state", "Score": "score_hundredths",
                         "Comment": "comment"}),
}


def digest(e):
    text = "gradebook-ledger-1\n" + e["Previous"] + "\n"
    for name in MEMBERS:
        value = e[name]
        text += "-\n" if value is None else f"{len(str(value).encode())}:{value}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def entries(daemon):
    """All of them, as the service has them, page by page."""
    found = []
    while True:
        answer = daemon.get(f"/ledger?after={found[-1]['Sequence'] if found else 0}&limit=10000", timeout=60)
        assert answer.status == 200, answer
        page = [json.loads(line) for line in answer.text.splitlines()]
        if not page:
            return found
        found += page


def verify(found):
    """Fails with the first entry that is wrong."""
    previous = "0" * 64
    time = ""
    for number, e in enumerate(found, 1):
        assert e["Sequence"] == number, f"entry {e['Sequence']} stands where {number} should"
        assert e["Previous"] == previous, f"entry {number} does not follow the one before"
        assert digest(e) == e["Hash"], f"entry {number} has another hash than its content"
        assert e["Time"] >= time, f"entry {number} is older than the one before"
        previous, time = e["Hash"], e["Time"]


def apply(rows, e):
    """Takes one entry into rows, {(kind, id): row}; fails where its old is not what was there."""
    key = (e["Kind"], e["ID"])
    before = rows.get(key)
    old = json.loads(e["Old"]) if e["Old"] else None
    new = json.loads(e["New"]) if e["New"] else None
    assert old == before, f"entry {e['Sequence']} says that {key} was {old}; it was {before}"
    assert {"create": (False, True), "update": (True, True), "delete": (True, False)}[e["Action"]] == (old is not None, new is not None), e
    if new is None:
        del rows[key]
    else:
        assert new["ID"] == e["ID"] and new["Version"] == e["Version"], e
        rows[key] = new


def replay(found):
    """{(kind, id): row} as the ledger leaves it."""
    rows = {}
    for e in found:
        apply(rows, e)
    return rows


def hundredths(value):
    return value / 100 if value % 100 else value // 100


def file_copy(state):
    """A connection to a copy of what a killed or stopped daemon has left, its write-ahead log included."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="gradebook-ledger-"))
    for name in ("grades.db", "grades.db-wal"):
        if (state / name).exists():
            shutil.copy(state / name, directory / name)
    connection = sqlite3.connect(directory / "grades.db")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    shutil.rmtree(directory)
    return connection


def table_rows(connection):
    """{(kind, id): row} as the tables have it, in the form of the ledger."""
    rows = {}
    for kind, (table, members) in TABLES.items():
        columns = list(members.values())
        for row in connection.execute(f"SELECT id, version, {', '.join(columns)} FROM {table}"):
            found = {"ID": row[0], "Version": row[1]}
            for member, value in zip(members, row[2:]):
                if member in ("Locked", "Archived", "Released", "ExtraCredit"):
                    value = bool(value)
                elif member == "Type":
                    value = TYPES[value]
                elif member == "State":
                    value = STATES[value]
                elif member in ("Score", "Maximum", "Weight"):
                    value = hundredths(value)
                elif member == "Policy" and value is not None:
                    value = json.loads(value)
                found[member] = value
            if kind == "grade" and found["State"] not in ("graded", "late"):
                found["Score"] = None
            rows[kind, row[0]] = found
    return rows


def simple_view(rows):
    """The students with their grades in the fixed form, as GET /students has them."""
    students = {i: {"ID": i, "FirstName": row["FirstName"], "LastName": row["LastName"], "Grades": []}
                for (kind, i), row in sorted(rows.items()) if kind == "student"}
    for (kind, _), row in sorted(rows.items()):
        if kind == "grade" and row["Score"] is not None:
            assessment = rows["assessment", row["Assessment"]]
            students[row["Student"]]["Grades"].append({"Title": assessment["Title"], "Type": assessment["Type"], "Score": row["Score"]})
    return list(students.values())
