# SPDX-License-Identifier: LGPL-2.1-or-later
"""The portal's pages and forms, one row each. Tests that hold for all of them go through these tables: a new one is tested by its row here."""

from typing import Callable, NamedTuple

from people import PASSWORD

ADMIN, TEACHER, STUDENT, NOBODY = "head", "ada", "nick", None     # logins in WholeSchool
PEOPLE = (ADMIN, TEACHER, STUDENT)


class Page(NamedTuple):
    name: str                   # of its pictures too
    path: str | Callable        # or what makes it of a WholeSchool
    who: tuple                  # who may look: each of them does
    status: int = 200
    then: Callable | None = None    # what is done with the browser there, such as to send a form that is wrong

    def path_in(self, school):
        return self.path(school) if callable(self.path) else self.path


def send_nothing(browser):
    from browser import press   # where there is a browser, there is selenium
    press(browser)


PAGES = (
    Page("sign-in", "/sign-in", (NOBODY,)),
    Page("sign-in-wrong", "/sign-in", (NOBODY,), then=send_nothing),
    Page("students", "/students", (ADMIN, TEACHER)),
    Page("student", lambda school: school.path("Carter"), PEOPLE),
    Page("student-wrong", lambda school: school.path("Stone"), (TEACHER,), then=send_nothing),
    Page("student-of-another-class", lambda school: school.path("Jones"), (TEACHER, STUDENT), status=404),
    Page("password", "/password", PEOPLE),
    Page("password-wrong", "/password", (TEACHER,), then=send_nothing),
    Page("setup-over", "/setup", (NOBODY,)),
    Page("not-found", "/nothing/is/here", (ADMIN, NOBODY), status=404),
    Page("wrong-method", "/sign-out", (ADMIN,), status=405),
)

# (page, who): what a test is made for.
VISITS = [(page, who) for page in PAGES for who in page.who]
VISIT_NAMES = [f"{page.name}-{who or 'nobody'}" for page, who in VISITS]


class Form(NamedTuple):
    route: str                      # the POST in src/portal/routes.c
    who: str | None                 # a login, or nobody
    fields: dict | Callable = {}    # what is filled in, or what makes it of a WholeSchool; the token comes from the page
    path: Callable | None = None    # makes the route's path of a WholeSchool, where it has a parameter
    page: str | Callable = "/password"      # one with a form of the same session
    done: int = 303                 # the status of a good one

    def path_in(self, school):
        return self.path(school) if self.path else self.route

    def page_in(self, school):
        return self.page(school) if callable(self.page) else self.page

    def fields_in(self, school):
        return self.fields(school) if callable(self.fields) else self.fields


FORMS = (
    Form("/students/{id}/grades", TEACHER, {"Title": "Essay", "Type": "Homework", "Score": "92.5"}, lambda school: school.path("Carter") + "/grades"),
    Form("/sign-in", NOBODY, {"Login": TEACHER, "Password": PASSWORD}, page="/sign-in"),
    Form("/sign-out", TEACHER),
    Form("/sign-out-everywhere", TEACHER),
    Form("/setup", NOBODY, {"Code": "abcd", "Login": "second", "Password": PASSWORD, "Again": PASSWORD}, page="/sign-in", done=409),
    Form("/password", "emma", {"OldPassword": PASSWORD, "Password": "another horse 9", "Again": "another horse 9"}),
)
