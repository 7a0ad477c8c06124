# SPDX-License-Identifier: LGPL-2.1-or-later
"""Texts that would be more than text on a page that does not escape them, put wherever somebody or something can have put them; and what a page
is built of, to see whether they were."""

import html.parser
import re
import time
import urllib.parse

# Each would leave an element or an attribute with evil in its name, or would be worked out.
TEXTS = (
    '"><script x-evil>alert(1)</script>', "' onevil='alert(1)' x='", '" onevil="alert(1)" x="', "</textarea><x-evil>", "</script><x-evil>", "</title><svg evil>",
    "javascript:alert('evil')", "{{7*7}}{{{Name}}}", "{{> head}}{{#Me}}", "&lt;x-evil&gt;&quot;", "<!-- evil -->", "]]><x-evil>", "a\u2028b\u2029c",
    "\u202eevil\u2066", "`${alert(1)}`", "x onevil=alert(1)", "\\u003cx-evil\\u003e", "%3Cx-evil%3E", "<x-evil", "𝕏\ufeff\u200b")


class Evil:
    """Hands one of the texts out after another, each with its number: to be known again."""

    def __init__(self, texts=TEXTS):
        self.texts = texts
        self.given = {}     # number: the text
        self.kinds = {}     # number: of what

    def text(self, kind, most=100):
        number = len(self.given)
        self.kinds[number] = kind
        text = self.texts[number % len(self.texts)][:most - 8] + f"~{number}~"
        # No login has a space, and HTML does not need one.
        self.given[number] = re.sub(r"\s", "/", text) if kind == "login" else text
        return self.given[number]


def plain():
    """As many texts that mean nothing."""
    return Evil(("harmless",))


def taint(town, evil):
    """All that has a text is called otherwise."""
    school, grading = town.school, town.grading

    def change(path, **members):
        answer = grading.request(path, "PATCH", members)
        assert answer.status == 200, (path, members, answer)

    for number in school.names:
        change(f"/students/{number}", FirstName=evil.text("student"), LastName=evil.text("student"))
    for number in school.assessments.values():
        if not locked(grading, number):
            change(f"/assessments/{number}", Title=evil.text("assessment", 200), Reason=evil.text("reason", 200))
    for grade in [g for number in school.names for g in grading.get(f"/students/{number}/grades").json["Items"]]:
        if not locked(grading, grade["Assessment"]) and grade["ID"] % 3 == 0:
            change(f"/grades/{grade['ID']}", Comment=evil.text("comment", 200), Reason=evil.text("reason", 200))
    for name, number in school.classes.items():
        if name != "Mathematics 6a":
            change(f"/classes/{number}", Name=evil.text("class", 200))
    change(f"/terms/{school.terms['Autumn 2026']}", Name=evil.text("term", 200))
    for account in grading.get("/accounts").json["Items"]:
        change(f"/accounts/{account['ID']}", Name=evil.text("account"))
    for _ in TEXTS:
        login = evil.text("login", 64)
        answer = grading.post("/accounts", {"Login": login, "Role": "teacher", "Name": evil.text("account")})
        assert answer.status == 201, answer
    next_month = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 30 * 86400))
    head = {"Gradebook-Session": school.session("head")}
    for _ in TEXTS:
        answer = grading.post("/tokens", {"Name": evil.text("token"), "Expires": next_month}, headers=head)
        assert answer.status == 201, answer
    take_tables(town, evil)
    write_lines(town, evil)


def locked(grading, assessment):
    return grading.get(f"/classes/{grading.get(f'/assessments/{assessment}').json['Class']}").json["Name"] == "Mathematics 6a"


def take_tables(town, evil):
    """Imports that are called so, by a teacher."""
    headers = {"Content-Type": "text/csv", "Gradebook-Session": town.school.session("ada")}
    first, last = (town.grading.get(town.school.path("Stone")).json[name] for name in ("FirstName", "LastName"))
    for n in range(len(TEXTS)):
        query = urllib.parse.urlencode({"class": town.school.classes["Mathematics 7a"], "name": evil.text("import"), "reason": evil.text("reason"), "released": "yes"})
        row = ",".join('"' + text.replace('"', '""') + '"' for text in (str(town.school.students["Stone"]), first, last, f"Sheet {n}", "Quiz", "5", evil.text("comment")))
        answer = town.grading.post(f"/imports?{query}", f"ID,FirstName,LastName,Title,Type,Score,Comment\n{row}\n", headers=headers)
        assert answer.status == 201, answer


def write_lines(town, evil):
    for _ in TEXTS:
        answer = town.log.post("/log?service=library&priority=err", evil.text("line", 200), headers={"Content-Type": "text/plain; charset=utf-8"})
        assert answer.status == 200, answer
    # A service's name is letters and digits, and its address nearly so; this is what gets through.
    path = "%3Cx-evil%3E/'onevil='&lt;x-evil&gt;" if len(evil.texts) > 1 else "plain"
    assert town.registry.post("/services", {"ServiceName": "library", "ServiceURL": f"http://127.0.0.1:9/{path}"}).status == 200


class Shape(html.parser.HTMLParser):
    """What a page is built of: .parts, a set of (elements around and itself, attributes); .data, all its texts and attributes' values; .urls."""

    VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
    URLS = {"href", "src", "action", "formaction", "data", "poster", "cite", "srcset", "xlink:href"}

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.parts, self.urls, self.names, self.pieces = [], set(), [], set(), []
        self.feed(page)
        self.close()
        self.data = "\n".join(self.pieces)

    def handle_starttag(self, tag, attrs):
        self.parts.add((*self.open, tag, tuple(sorted(name for name, _ in attrs))))
        self.names.update([tag, *(name for name, _ in attrs)])
        self.urls += [value for name, value in attrs if name in self.URLS and value is not None]
        self.pieces += [value for _, value in attrs if value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        self.pieces.append(data)

    def handle_comment(self, data):
        self.parts.add((*self.open, "a comment"))

    handle_decl = handle_pi = unknown_decl = handle_comment


def numbers(shape):
    """Which of the texts are on the page."""
    return {int(n) for n in re.findall(r"~(\d+)~", shape.data + urllib.parse.unquote_plus("\n".join(shape.urls)))}


def written_out(text):
    """As the log shows it: what has no shape, or changes that of others, by its number."""
    unseen = r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
    return re.sub(unseen, lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 0x100 else f"\\u{ord(m[0]):04x}", text)


def faults(page, evil, is_log=False):
    """What is wrong with a page on which those texts stand; on the log's they are written out."""
    shape = Shape(page)
    found = [f"<{name}>" for name in shape.names if "evil" in name]
    found += [url for url in shape.urls if not re.match(r"/(?!/)|#|\?|$", url)]
    everything = shape.data + urllib.parse.unquote_plus("\n".join(shape.urls))
    found += [f"not as it was written: {evil.given[n]!r}" for n in numbers(shape) if n in evil.given
              and evil.given[n] not in everything and not (is_log and written_out(evil.given[n]) in everything)]
    return found
