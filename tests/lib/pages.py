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


GOOD_TABLE = """ID,FirstName,LastName,Title,Type,Score,Comment
,Ada,Lovelace,Quiz 9,Quiz,71.5,Welcome.
,"=HYPERLINK(""http://example.org"")",<b>Bold</b>,Quiz 9,Quiz,85,
,伟,欧阳,Quiz 9,Quiz,90,进步很大
"""
BAD_TABLE = """ID,FirstName,LastName,Title,Type,Score
1,Nick,Carter,Quiz 9,Quiz,eighty-five
,Nobody,Known,Quiz 9,Quiz,85
3,=cmd|'/C calc'!A0,<script>alert(1)</script>,Quiz 9,Qiuz,101
"""


def paste(table):
    """A table into the first class of the form."""
    def then(browser):
        from browser import press
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.ui import Select
        Select(browser.find_element(By.ID, "class")).select_by_index(1)
        browser.find_element(By.ID, "pasted").send_keys(table)
        press(browser, "form.import button[type=submit]")
    return then


PAGES = (
    Page("sign-in", "/sign-in", (NOBODY,)),
    Page("sign-in-wrong", "/sign-in", (NOBODY,), then=send_nothing),
    Page("students", "/students", (ADMIN, TEACHER)),
    Page("student", lambda school: school.path("Carter"), PEOPLE),
    Page("student-wrong", lambda school: school.path("Stone"), (TEACHER,), then=send_nothing),
    Page("student-of-another-class", lambda school: school.path("Jones"), (TEACHER, STUDENT), status=404),
    Page("password", "/password", PEOPLE),
    Page("password-wrong", "/password", (TEACHER,), then=send_nothing),
    Page("import", "/import", (ADMIN, TEACHER)),
    Page("import-nothing", "/import", (TEACHER,), then=send_nothing),
    Page("import-of-student", "/import", (STUDENT,), status=403),
    Page("import-check", "/import", (ADMIN,), then=paste(GOOD_TABLE)),
    Page("import-check-wrong", "/import", (TEACHER,), then=paste(BAD_TABLE)),
    Page("imports", "/imports", (ADMIN, TEACHER)),
    Page("import-done", lambda school: f"/imports/{school.newest_import()}", (ADMIN,)),
    Page("import-gone", "/imports/999999", (TEACHER,), status=404),
    Page("accounts", "/accounts", (ADMIN,)),
    Page("accounts-none", "/accounts?q=nobody+at+all", (ADMIN,)),
    Page("accounts-of-teacher", "/accounts", (TEACHER,), status=403),
    Page("account-new", "/accounts/new", (ADMIN,)),
    Page("account-new-wrong", "/accounts/new", (ADMIN,), then=send_nothing),
    Page("account", lambda school: f"/accounts/{school.account_id('nick')}", (ADMIN,)),
    Page("account-own", lambda school: f"/accounts/{school.account_id('head')}", (ADMIN,)),
    Page("account-disabled", lambda school: f"/accounts/{school.account_id('carol')}", (ADMIN,)),
    Page("account-gone", "/accounts/999999", (ADMIN,), status=404),
    Page("tokens", "/tokens", PEOPLE),
    Page("tokens-wrong", "/tokens", (TEACHER,), then=send_nothing),
    Page("setup-over", "/setup", (NOBODY,)),
    Page("not-found", "/nothing/is/here", (ADMIN, NOBODY), status=404),
    Page("wrong-method", "/sign-out", (ADMIN,), status=405),
)

# (page, who): what a test is made for.
VISITS = [(page, who) for page in PAGES for who in page.who]
VISIT_NAMES = [f"{page.name}-{who or 'nobody'}" for page, who in VISITS]
