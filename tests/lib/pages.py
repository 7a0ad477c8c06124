# SPDX-License-Identifier: LGPL-2.1-or-later
"""The portal's pages, one row each. Tests that hold for every page go through this table: a new page is tested by its row here."""

from typing import Callable, NamedTuple

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
