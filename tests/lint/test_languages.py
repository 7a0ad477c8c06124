# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the portal says, in each language: the same keys with the same placeholders, each used somewhere, and no text outside the tables."""
import pathlib
import re
import sys

import pytest

from tables import SOURCE, STRING, c_text

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from portal_texts import LANGUAGES, TABLES, table, texts  # noqa: E402

TEMPLATES = sorted((SOURCE / "src/portal/templates").glob("*.mustache"))


def used_in_templates():
    found = {}
    for path in TEMPLATES:
        for key in re.findall(r"\{\{> text\.(\w+)\}\}", path.read_text(encoding="utf-8")):
            found.setdefault(key, path.name)
    assert found
    return found


def named_in_sources():
    named = set()
    for path in sorted((SOURCE / "src/portal").glob("*.c")):
        if path.name not in TABLES:
            named.update(s[1:-1] for s in re.findall(STRING, c_text(path.relative_to(SOURCE))))
    return named


@pytest.mark.parametrize("name", TABLES)
def test_keys_are_sorted(name):
    """As the search for them needs it."""
    keys = [key for key, _ in table(name)]
    assert keys == sorted(set(keys))


def test_no_key_is_in_two_tables():
    keys = [key for key, _ in texts("en")]
    assert sorted(keys) == sorted(set(keys))


def test_the_same_placeholders():
    def marks(text):
        return sorted(re.findall(r"\{\{.*?\}\}|</?\w+>", text))
    english, chinese = dict(texts("en")), dict(texts("zh"))
    wrong = [key for key in english if marks(english[key]) != marks(chinese[key])]
    assert not wrong, wrong


def test_texts_are_texts():
    for language in LANGUAGES:
        for key, text in texts(language):
            assert text.strip() and not re.search(r"\{\{[^\w]", text), f"{language}: {key}"
            assert not re.search(r"<(?!/?code>)", text), f"{language}: {key} has a tag that is not for texts"
    untranslated = [key for key, text in texts("zh") if not re.search(r"[\u4e00-\u9fff]", text)]
    assert not untranslated, untranslated


def test_every_key_is_there_and_used():
    keys = {key for key, _ in texts("en")}
    templates = used_in_templates()
    missing = [f"{name}: text.{key}" for key, name in templates.items() if key not in keys]
    assert not missing, missing
    unused = keys - set(templates) - named_in_sources()
    assert not unused, sorted(unused)


def test_sources_name_keys_that_are_there():
    keys = {key for key, _ in texts("en")}
    pattern = r'\b(?:page_fail\(\s*\w+, \w+, \d+, |language_text\([\w>.-]+, |language_format\([\w>.-]+, |reply_key\(\w+, \d+, |reply_again\(\w+, \d+, |return |error_key = |_error = )"([A-Z]\w+)"'
    named = {}
    for path in sorted((SOURCE / "src/portal").glob("*.c")):
        for key in re.findall(pattern, c_text(path.relative_to(SOURCE))):
            named[key] = path.name
    assert len(named) > 20
    missing = [f"{name}: {key}" for key, name in named.items() if key not in keys and key not in ("GET", "POST")]
    assert not missing, missing


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_text_outside_the_tables(path):
    text = re.sub(r"\{\{!.*?\}\}|<pre.*?</pre>|\{\{.*?\}\}", " ", path.read_text(encoding="utf-8"), flags=re.S)
    for attribute, value in re.findall(r'\b(aria-label|alt|title|placeholder)="([^"]*)"', text):
        assert not value.strip(), f"{path.name}: {attribute}"
    words = re.findall(r"[^\W\d_]{2,}", re.sub(r"<[^>]*>", " ", text))
    assert not set(words) - {"中文", "English"}, f"{path.name}: {words}"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_inline_code(path):
    """As the policy that goes out with every page forbids it."""
    text = path.read_text(encoding="utf-8")
    wrong = re.findall(r"<script(?![^>]*\ssrc=)[^>]*>|<style\b|\sstyle=|\son\w+=|javascript:|(?:src|href|action)=\"https?:", text)
    assert not wrong, wrong


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_changes_has_a_token(path):
    forms = re.findall(r'<form[^>]*method="post".*?</form>', path.read_text(encoding="utf-8"), flags=re.S)
    for form in forms:
        assert 'name="csrf"' in form, form[:100]
