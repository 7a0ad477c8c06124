# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files in etc/ show every key of the tables in src/, commented out, at its default, and nothing else."""
import re

import pytest

from conftest import SOURCE

# The table of each file.
TABLES = {
    "gradebook.conf": "src/runtime/common-config.c",
    "grading.conf": "src/grading/conf.c",
    "log.conf": "src/log/conf.c",
    "portal.conf": "src/portal/conf.c",
    "registry.conf": "src/registry/conf.c",
}
MACROS = {"GRADEBOOK_PORTAL_DATADIR": "@portaldatadir@"}


def text_value(text):
    return text[1:-1] if text.startswith('"') else MACROS[text]


def table_keys(path):
    """{(section, key): default} of a ConfigItem table, in its order, whether its members are named or not."""
    source = (SOURCE / path).read_text()
    keys = {}
    for section, key, default in re.findall(r'\{\s*"(\w+)",\s*"(\w+)",\s*CONFIG_\w+,\s*[\w(]+\([^()]*\),\s*("[^"]*"|\w+)', source):
        keys[section, key] = text_value(default)
    for section, key, rest in re.findall(r'\.section = "(\w+)",\s*\.key = "(\w+)",(.*?)\.help', source, re.DOTALL):
        keys[section, key] = text_value(re.search(r'\.fallback = ("[^"]*"|\w+)', rest)[1])
    assert len(keys) == source.count("CONFIG_") - source.count("CONFIG_END") - source.count("_CONFIG_"), f"{path} is written in a way this test cannot read"
    return keys


def file_keys(name):
    keys = {}
    section = None
    for number, line in enumerate((SOURCE / "etc" / name).read_text().splitlines(), 1):
        where = f"etc/{name}:{number}: {line}"
        assert len(line) <= 120, f"{where}: too long"
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif match := re.fullmatch(r"#(\w+)=(.*)", line):
            assert (section, match[1]) not in keys, f"{where}: there twice"
            keys[section, match[1]] = match[2]
        else:
            assert not line or line.startswith("# "), f"{where}: neither comment nor section nor #Key=default"
    return keys


@pytest.mark.parametrize("name", TABLES)
def test_file_shows_the_table(name):
    assert list(file_keys(name).items()) == list(table_keys(TABLES[name]).items())


def test_every_table_has_its_file():
    found = {str(path.relative_to(SOURCE)) for path in (SOURCE / "src").glob("*/*.c") if "CONFIG_END" in path.read_text()}
    assert found == set(TABLES.values())


@pytest.mark.parametrize("name", TABLES)
def test_every_key_is_explained(name):
    lines = (SOURCE / "etc" / name).read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#\w+=", line):
            assert lines[number - 1].startswith("# "), f"etc/{name}:{number + 1}: {line} has no explanation above it"


def test_installed_files_are_complete(installed):
    files = {path.name: path.read_text() for path in installed.rglob("*/gradebook/*.conf")}
    assert set(files) == set(TABLES)
    assert not any("@" in text for text in files.values())
