# SPDX-License-Identifier: LGPL-2.1-or-later
"""What wire/ledger-entry.h says about the hash is true: the program in its comment agrees with the entries that the unit test
verifies in C."""
import hashlib
import json
import re

from conftest import SOURCE, text_of
from tables import man_sections


def documented_program():
    found = re.search(r"^ \*   text = .*?^ \*   assert .*?$", text_of("src/wire/ledger-entry.h"), flags=re.S | re.M)
    assert found, "no program in src/wire/ledger-entry.h"
    return re.sub(r"^ \*   ", "", found.group(), flags=re.M)


def test_the_documented_program_verifies_the_ledger():
    program = compile(documented_program(), "ledger-entry.h", "exec")
    entries = [json.loads(line) for line in (SOURCE / "tests/data/ledger.ndjson").read_text(encoding="utf-8").split("\n")[:-1]]
    assert [e["Sequence"] for e in entries] == [1, 2, 3, 4]
    for before, e in zip([{"Hash": "0" * 64}] + entries, entries):
        assert e["Previous"] == before["Hash"]
        exec(program, {"e": e, "hashlib": hashlib})  # pylint: disable=exec-used


def test_the_man_page_has_the_same_program():
    shown = re.search(r"^\.EX\n(.*?)^\.EE", man_sections("gradebook-grading.8")["LEDGER FORMAT"], flags=re.S | re.M)[1]
    for roff, character in ((r"\-", "-"), (r"\(aq", "'"), (r"\(ha", "^"), (r"\(ti", "~"), (r"\e", "\\")):
        shown = shown.replace(roff, character)
    assert shown == documented_program() + "\n"


def test_it_notices_a_change():
    program = compile(documented_program(), "ledger-entry.h", "exec")
    line = (SOURCE / "tests/data/ledger.ndjson").read_text(encoding="utf-8").split("\n")[0]
    e = json.loads(line.replace("85.50", "85.5"))
    try:
        exec(program, {"e": e, "hashlib": hashlib})  # pylint: disable=exec-used
    except AssertionError:
        return
    raise AssertionError("a changed score has the same hash")
