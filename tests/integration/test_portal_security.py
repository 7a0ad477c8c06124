# SPDX-License-Identifier: LGPL-2.1-or-later
"""What holds for every page and every form of the tables in tests/lib/pages.py: no text becomes markup, no parameter becomes a header, no other
site frames a page or sends a form."""

import contextlib
import re
import urllib.parse

import evil
import gradebook
import pytest
from gradebook import SOURCE
from pages import FORMS, NOBODY, PAGES, VISIT_NAMES, VISITS
from school import WholeSchool, Town

ROUTES = re.findall(r'\{ "(\S+)", "(/\S*)", ', (SOURCE / "src/portal/routes.c").read_text())
QUERIES = sorted(set(re.findall(r'request_query\([^,]+, "([^"]+)"\)', "".join(path.read_text() for path in (SOURCE / "src/portal").glob("*.c")))))
assert ROUTES and QUERIES
SHOWN = {"student", "assessment", "account"}    # of what taint() gives a text to, what stands on a page


class Visitors:
    """A town whose people are signed in once."""

    def __init__(self, cluster, site_name="Hilltop School"):
        self.town = Town(cluster, WholeSchool, ("log",), {"SiteName": site_name})
        self.town.school.open()
        self.people = {}

    @property
    def school(self):
        return self.town.school

    def get(self, page, who, query=""):
        if who not in self.people:
            self.people[who] = self.town.person(who)
        return self.people[who].get(page.path_in(self.school) + query)


@pytest.fixture(scope="module")
def clusters(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        def make(name):
            cluster = gradebook.Cluster(tmp_path_factory.mktemp(name))
            stack.callback(cluster.close)
            return cluster
        yield make


@pytest.fixture(scope="module")
def visitors(clusters):
    return Visitors(clusters("town"))


# No text becomes markup

@pytest.fixture(scope="module")
def two_towns(clusters):
    """Alike, but for what all is called."""
    towns = []
    for site_name, texts in (("</title><x-evil>{{7*7}}", evil.Evil()), ("Hilltop", evil.plain())):
        visitors = Visitors(clusters("town"), site_name)
        evil.taint(visitors.town, texts)
        visitors.texts = texts
        towns.append(visitors)
    return towns


@pytest.mark.parametrize("page, who", VISITS, ids=VISIT_NAMES)
def test_what_things_are_called_is_text(two_towns, page, who):
    evils, plains = two_towns
    dangerous, harmless = (visitors.get(page, who) for visitors in two_towns)
    assert dangerous.status == harmless.status == page.status
    assert evil.faults(dangerous.text, evils.texts) == []
    assert evil.Shape(dangerous.text).parts == evil.Shape(harmless.text).parts


def test_what_things_are_called_is_shown(two_towns):
    """Somewhere, each kind: so that the test above is one."""
    seen = [set().union(*(evil.numbers(evil.Shape(visitors.get(page, who).text)) for page, who in VISITS)) for visitors in two_towns]
    assert seen[0] == seen[1] and {two_towns[0].texts.kinds[n] for n in seen[0]} >= SHOWN


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_what_the_address_says_is_text(visitors, page):
    who = page.who[0]
    for name in QUERIES:
        plain = visitors.get(page, who, f"?{name}=plain")
        for text in evil.TEXTS:
            answer = visitors.get(page, who, f"?{name}={urllib.parse.quote(text, safe='')}")
            assert answer.status == plain.status, (name, text)
            assert evil.faults(answer.text, evil.Evil()) == [], (name, text)
            assert evil.Shape(answer.text).parts == evil.Shape(plain.text).parts, (name, text)


@pytest.mark.parametrize("form", [form for form in FORMS if form.fields], ids=[form.route for form in FORMS if form.fields])
def test_what_is_typed_is_text(visitors, form):
    """Whatever becomes of it: the form again, most often."""
    person, path = visitors.town.person(form.who), form.path_in(visitors.school)
    person.get(form.page_in(visitors.school))
    token = token_of(person)
    for text in evil.TEXTS:
        shapes = {}
        for typed in (text, "plain"):
            answer = person.post(path, {**{name: typed for name in form.fields_in(visitors.school)}, "csrf": token})
            assert evil.faults(answer.text, evil.Evil()) == [], (typed, answer)
            shapes.setdefault(answer.status, set()).add(frozenset(evil.Shape(answer.text).parts))
        assert all(len(different) == 1 for different in shapes.values()), text


def token_of(person):
    """That of any form of the page: it is the session's."""
    return next(fields["csrf"] for fields in person.forms().values() if "csrf" in fields)
