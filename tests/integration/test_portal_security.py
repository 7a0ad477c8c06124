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
SHOWN = {"student", "assessment", "account", "class", "term", "comment", "reason", "login", "token", "import", "line"}     # of what taint() gives a text to, what stands on a page


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
    assert evil.faults(dangerous.text, evils.texts, is_log=page.name.startswith("log")) == []
    assert evil.Shape(dangerous.text).parts == evil.Shape(harmless.text).parts


def test_what_things_are_called_is_shown(two_towns):
    """Somewhere, each kind: so that the test above is one."""
    seen = set()
    for page, who in VISITS:
        evils, plains = (evil.numbers(evil.Shape(visitors.get(page, who).text)) for visitors in two_towns)
        assert len(evils) == len(plains), (page.name, who)      # others, where things stand in order
        seen |= evils
    assert SHOWN - {two_towns[0].texts.kinds[n] for n in seen} == set()


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_what_the_address_says_is_text(visitors, page):
    def query(text):
        return "?" + "&".join(f"{name}={urllib.parse.quote(text, safe='')}" for name in QUERIES)

    plain = visitors.get(page, page.who[0], query("plain"))
    for text in evil.TEXTS:
        answer = visitors.get(page, page.who[0], query(text))
        assert answer.status == plain.status, text
        assert evil.faults(answer.text, evil.Evil()) == [], text
        assert evil.Shape(answer.text).parts == evil.Shape(plain.text).parts, text


@pytest.mark.parametrize("form", [form for form in FORMS if form.fields], ids=[form.route for form in FORMS if form.fields])
def test_what_is_typed_is_text(visitors, form):
    """Whatever becomes of it: the form again, most often."""
    person, path, names = visitors.town.person(form.who), form.path_in(visitors.school), form.fields_in(visitors.school)
    for text in evil.TEXTS:
        shapes = {}
        for typed in (text, "plain"):
            answer = person.post(path, form.values(person, visitors.school, path, {name: typed for name in names}))
            assert evil.faults(answer.text, evil.Evil()) == [], (typed, answer)
            shapes.setdefault(answer.status, set()).add(frozenset(evil.Shape(answer.text).parts))
        assert all(len(different) == 1 for different in shapes.values()), text


# No parameter becomes a header, no other site frames a page

def policy_of(answer):
    return dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))


@pytest.mark.parametrize("page, who", VISITS, ids=VISIT_NAMES)
def test_the_headers_of_a_page(visitors, page, who):
    answer = visitors.get(page, who)
    policy = policy_of(answer)
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"
    assert set(value for name, value in policy.items() if name != "img-src") <= {"'none'", "'self'"} and policy["img-src"] in ("'self'", "'self' data:"), policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin" and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].lower() == "text/html; charset=utf-8"


def test_the_headers_of_what_pages_load(visitors):
    found = {url for page, who in VISITS for url in evil.Shape(visitors.get(page, who).text).urls if url.startswith("/assets/")}
    assert len(found) >= 2
    for url in found:
        answer = visitors.town.portal.get(url, token=False)
        assert answer.status == 200 and answer.headers["X-Content-Type-Options"] == "nosniff", (url, dict(answer.headers))
        assert policy_of(answer)["frame-ancestors"] == "'none'" and "Set-Cookie" not in answer.headers


CRLF = ("1%0d%0aX-Evil:%20y", "1%0aX-Evil:%20y", "1%0dX-Evil:%20y", "%0d%0a%0d%0a<x-evil>", "1;%20Domain=evil.example", "%E5%98%8A%E5%98%8DX-Evil:y", "//evil.example",
        "%2F%2Fevil.example", "..%2F..%2Fevil.example", "https:%2F%2Fevil.example")

COOKIE = r"[\w-]+=[\w.%&=+-]*; Path=/[\w/-]*(; Max-Age=\d+)?(; HttpOnly)?; SameSite=(Lax|Strict)(; Secure)?"


def header_faults(answer):
    """Headers that are nobody's, or lead elsewhere."""
    found = [name for name in answer.headers if "evil" in name.lower()]
    found += [value for value in answer.headers.get_all("Location") or [] if not re.match(r"/(?![/\\])", value) or re.search(r"[\s<>]", value)]
    found += [value for value in answer.headers.get_all("Set-Cookie") or [] if not re.fullmatch(COOKIE, value)]
    return found + (["<x-evil>"] if "<x-evil>" in answer.text else [])


STREAMS = {"/cluster/events", "/log/follow"}     # what an administrator gets there has no end


@pytest.mark.parametrize("who", ["head", "ada", "nick", NOBODY])
def test_no_parameter_becomes_a_header(visitors, who):
    """In the path, in the query and in a cookie, of every route."""
    person = visitors.town.person(who)
    kept = dict(person.cookies)
    for method, route in ROUTES:
        for text in CRLF if method != "*" and not (who == "head" and route in STREAMS) else ():
            # All at once, as each is looked at by itself.
            query = "&".join(f"{name}={text}" for name in QUERIES)
            for path in (re.sub(r"\{[^}]*\}", text, route), re.sub(r"\{[^}]*\}", "1", route) + "?" + query):
                person.cookies = dict(kept)
                answer = person.ask(path) if method == "GET" else person.post(path, {"csrf": "x", "Title": urllib.parse.unquote(text), "next": urllib.parse.unquote(text)})
                assert header_faults(answer) == [], (method, path)
        for name in ("lang", "gradebook-added", "gradebook-typed", "gradebook-form", "__Host-gradebook", "gradebook"):
            for text in CRLF if method == "GET" else ():
                answer = visitors.town.portal.get(re.sub(r"\{[^}]*\}", "1", route), token=False, headers={"Cookie": f"{name}={text}", "Referer": f"http://127.0.0.1/{text}"})
                assert header_faults(answer) == [], (route, name, text)
