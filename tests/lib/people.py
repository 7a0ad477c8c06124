# SPDX-License-Identifier: LGPL-2.1-or-later
"""People in front of the portal: a browser without a screen, which keeps cookies and fills in forms, and the school that they belong to."""

import html
import re
import urllib.parse

PASSWORD = "a horse of another colour"
CODE = r"good until the next start: ([a-z0-9-]+)"
FORM = "application/x-www-form-urlencoded"


class Person:
    """Keeps what Set-Cookie says, by name and path; sends forms with the hidden fields of the page that it is on."""

    def __init__(self, portal, language="en", host=None):
        self.portal = portal
        self.headers = {"Accept-Language": language, **({"Host": host} if host else {})}
        self.cookies = {}       # (name, path): value
        self.attributes = {}    # name: those of the last Set-Cookie
        self.page = None        # the last answer

    def _cookie_header(self, path):
        return "; ".join(f"{name}={value}" for (name, scope), value in self.cookies.items()
                         if path == scope or path.startswith(scope.rstrip("/") + "/") or scope == "/")

    def ask(self, path, method="GET", body=None, portal=None, **headers):
        cookie = self._cookie_header(path.split("?")[0])
        headers = {**self.headers, **({"Cookie": cookie} if cookie else {}), **headers}
        self.page = (portal or self.portal).request(path, method, body, headers, token=False)
        for text in self.page.headers.get_all("Set-Cookie") or []:
            pair, *attributes = [part.strip() for part in text.split(";")]
            name, value = pair.split("=", 1)
            values = {a.split("=")[0].lower(): a.partition("=")[2] for a in attributes}
            self.attributes[name] = values
            self.cookies[name, values.get("path", "/")] = value
            if values.get("max-age") == "0":
                del self.cookies[name, values.get("path", "/")]
        return self.page

    def get(self, path, **kwargs):
        return self.ask(path, **kwargs)

    def follow(self):
        while self.page.status in (303, 308):
            self.ask(self.page.headers["Location"])
        return self.page

    def forms(self):
        """{action: {name: value}} of the page's forms: what a browser sends if nothing is typed."""
        found = {}
        for action, text in re.findall(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', self.page.text, re.S):
            found[action] = {html.unescape(name): html.unescape(value) for name, value in
                             re.findall(r'<input[^>]*?name="([^"]*)"[^>]*?value="([^"]*)"', text)}
        return found

    def send(self, action, fields=None, **kwargs):
        """The form of the page that is there, filled in."""
        return self.post(action, {**self.forms()[action], **(fields or {})}, **kwargs)

    def post(self, path, fields, **headers):
        return self.ask(path, "POST", urllib.parse.urlencode(fields), **{"Content-Type": FORM, **headers})

    def sign_in(self, login, password=PASSWORD, path="/sign-in"):
        self.get(path)
        self.send("/sign-in", {"Login": login, "Password": password})
        return self

    def cookie(self, name):
        return next((value for (n, _), value in self.cookies.items() if n == name), None)


class School:
    """The real grading with one class; make() adds an account to it. Nobody can sign in before open() has made the administrator."""

    def __init__(self, grading):
        self.grading = grading
        self.students = {}
        for first, last in (("Nick", "Carter"), ("Emma", "Stone"), ("伟", "张")):
            self.students[last] = self.add("/students", {"FirstName": first, "LastName": last})
        self.grade(self.students["Carter"], "Quiz 1", 85)
        self.grade(self.students["Stone"], "Quiz 1", 67)

    def add(self, path, body):
        answer = self.grading.post(path, body)
        assert answer.status == 201, (path, answer)
        return answer.json["ID"] if "ID" in answer.json else answer.json

    def grade(self, student, title, score):
        return self.add(f"/students/{student}/grades", {"Title": title, "Type": "Quiz", "Score": score})

    def account(self, login, role, **more):
        return self.add("/accounts", {"Login": login, "Role": role, "Password": PASSWORD, **more})

    def account_id(self, login):
        return next(a["ID"] for a in self.grading.get("/accounts").json["Items"] if a["Login"] == login)

    @property
    def class_id(self):
        return self.grading.get("/classes").json["Items"][0]["ID"]

    def open(self):
        self.account("head", "admin", Name="The Head")
        teacher = self.account("ada", "teacher", Name="Ada <Byron>")
        self.add(f"/classes/{self.class_id}/teachings", {"Account": teacher})
        self.account("nick", "student", Name="Nick", Student=self.students["Carter"])
        self.account("emma", "student", Student=self.students["Stone"])
        return self

    def grades(self, last_name):
        return self.grading.get(f"/students/{self.students[last_name]}").json["Grades"]

    def path(self, last_name):
        return f"/students/{self.students[last_name]}"
