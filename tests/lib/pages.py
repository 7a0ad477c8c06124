# SPDX-License-Identifier: LGPL-2.1-or-later
"""The portal's pages and forms, one row each. Tests that hold for all of them go through these tables: a new one is tested by its row here."""

import re
from typing import Callable, NamedTuple

from form_values import values_to_send
from people import PASSWORD

"""The portal's pages, one row each. Tests that hold for every page go through this table: a new page is tested by its row here."""



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


def of_class(name, rest=""):
    return lambda school: f"/classes/{school.classes[name]}{rest}"


def of_assessment(title, rest=""):
    return lambda school: f"/assessments/{school.assessments[title]}{rest}"


def grade_of(last_name):
    """The page of that one's first grade."""
    def path(school):
        grade = school.grading.get(school.path(last_name) + "/grades").json["Items"][0]["ID"]
        return f"{school.path(last_name)}/grades/{grade}"
    return path


def open_all(browser):
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
def row_path(school, last_name):
    return f"/classes/{school.classes['Mathematics 7a']}/students/{school.students[last_name]}"


def send_wrong_score(browser):
    from browser import press
    field = browser.find_element("css selector", ".row-form input[inputmode]")
    field.clear()
    field.send_keys("a lot")
    press(browser, ".row-actions button")
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
    Page("classes", "/classes", PEOPLE),
    Page("class-new", "/classes/new", (ADMIN,)),
    Page("class-new-wrong", "/classes/new", (ADMIN,), then=send_nothing),
    Page("terms", "/terms", (ADMIN,)),
    Page("term-new", "/terms/new", (ADMIN,)),
    Page("term", lambda school: f"/terms/{school.terms['Autumn 2026']}", (ADMIN,)),
    Page("term-locked", lambda school: f"/terms/{school.terms['Spring 2026']}", (ADMIN,)),
    Page("class-settings", of_class("Mathematics 7a", "/settings"), (ADMIN, TEACHER)),
    Page("class-settings-locked", of_class("Mathematics 6a", "/settings"), (ADMIN,)),
    Page("class-settings-of-another", of_class("History 7b", "/settings"), (TEACHER,), status=404),
    Page("class-people", of_class("Mathematics 7a", "/people"), (ADMIN, TEACHER)),
    Page("class-people-none", of_class("Latin 7b", "/people"), (ADMIN,)),
    Page("class-enrol", of_class("Physics 7a", "/people/enrol"), (ADMIN,)),
    Page("class-history", of_class("Mathematics 7a", "/history"), (ADMIN, TEACHER)),
    Page("class-history-entry", lambda school: school.first_entry("Mathematics 7a"), (ADMIN, TEACHER)),
    Page("assessments", of_class("Mathematics 7a", "/assessments"), PEOPLE),
    Page("assessments-none", of_class("Latin 7b", "/assessments"), (ADMIN,)),
    Page("assessment-new", of_class("Physics 7a", "/assessments/new"), (TEACHER,)),
    Page("assessment-new-wrong", of_class("Physics 7a", "/assessments/new"), (TEACHER,), then=send_nothing),
    Page("assessment", of_assessment("期中考试"), PEOPLE),
    Page("assessment-draft", of_assessment("Final exam"), (TEACHER,)),
    Page("assessment-edit", of_assessment("Levers", "/edit"), (ADMIN, TEACHER)),
    Page("assessment-of-another", of_assessment("The Danube"), (TEACHER,), status=404),
    Page("students-found", "/students?q=e&sort=-average", (TEACHER,)),
    Page("students-none-found", "/students?q=Zebra", (TEACHER,)),
    Page("student-explained", lambda school: school.path("Fischer"), (TEACHER,), then=open_all),
    Page("report", lambda school: school.path("Carter") + "/report", PEOPLE),
    Page("my-grades", "/my-grades", (STUDENT,), then=open_all),
    Page("grade", grade_of("Fischer"), (ADMIN, TEACHER), then=open_all),
    Page("grade-of-others", grade_of("Carter"), (STUDENT,), status=403),
    Page("grade-not-there", lambda school: school.path("Carter") + "/grades/999999", (TEACHER,), status=404),
    Page("class", lambda school: f"/classes/{school.classes['Mathematics 7a']}", (ADMIN, TEACHER)),
    Page("class-empty", lambda school: f"/classes/{school.classes['Latin 7b']}", (ADMIN,)),
    Page("class-locked", lambda school: f"/classes/{school.classes['Mathematics 6a']}", (ADMIN,)),
    Page("class-of-another", lambda school: f"/classes/{school.classes['History 7b']}", (TEACHER,), status=404),
    Page("class-for-a-student", lambda school: f"/classes/{school.classes['Mathematics 7a']}", (STUDENT,), status=403),
    Page("class-row", lambda school: row_path(school, "Carter"), (ADMIN, TEACHER)),
    Page("class-row-wrong", lambda school: row_path(school, "Stone"), (TEACHER,), status=200, then=send_wrong_score),
    Page("password", "/password", PEOPLE),
    Page("cluster", "/cluster", (ADMIN,)),
    Page("cluster-of-admins", "/cluster", (TEACHER, STUDENT), status=403),
    Page("log", "/log", (ADMIN,)),
    Page("log-errors", "/log?priority=3", (ADMIN,)),
    Page("log-wrong", "/log?since=never&request=it", (ADMIN,), status=422),
    Page("log-of-request", "/log?request=0123456789abcdef0123456789abcdef", (ADMIN,)),
    Page("log-of-admins", "/log", (TEACHER, STUDENT), status=403),
    Page("about", "/about", PEOPLE),
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


class Form(NamedTuple):
    route: str                      # the POST in src/portal/routes.c
    who: str | None                 # a login, or nobody
    fields: dict | Callable = {}    # what is filled in, or what makes it of a WholeSchool; what else the form has comes from its page
    path: Callable | None = None    # makes the route's path of a WholeSchool, where it has a parameter; each time of something new
    page: str | Callable | None = None      # where the form stands, or what makes it of the path; None: at its path
    done: int = 303                 # the status of a good one
    before: "Form | None" = None    # the form whose answer is the page

    def path_in(self, school):
        return self.path(school) if self.path else self.route

    def open(self, person, school, path):
        """The page that has the form."""
        if self.before:
            self.before.send(person, school, self.before.path_in(school))
        else:
            person.get(self.page(path) if callable(self.page) else self.page or path)
        return person.page

    def values(self, person, school, path, fields=None):
        """What a browser sends, with the token."""
        return values_to_send(self.open(person, school, path), path, self.fields_in(school) if fields is None else fields)

    def send(self, person, school, path):
        return person.post(path, self.values(person, school, path))

    def fields_in(self, school):
        return self.fields(school) if callable(self.fields) else self.fields


def new_class(rest):
    return lambda school: f"/classes/{school.add('/classes', {'Name': 'A class'})}{rest}"


def new_term(rest):
    return lambda school: f"/terms/{school.add('/terms', {'Name': 'A term'})}{rest}"


def new_assessment(rest):
    def path(school):
        row = {"Title": "Assessed", "Type": "Test", "Maximum": 20}
        return f"/assessments/{school.add('/classes/%d/assessments' % school.classes['Physics 7a'], row)}{rest}"
    return path


def new_member(kind, of):
    """Of a new class: the path that ends what somebody is there."""
    def path(school):
        room = new_class("")(school)
        return f"{room}/{kind}/{school.add(f'{room}/{kind}', of(school))}/end"
    return path


def changed_grade(rest):
    """The page of a grade that was just changed; {} in rest is the change."""
    def path(school):
        test, student = new_assessment("")(school), school.students["Fischer"]
        for score in (7, 8):
            answer = school.grading.request(f"{test}/grades/{student}", "PUT", {"Score": score})
            assert answer.status in (200, 201), answer
        entry = school.grading.get(f"/grades/{answer.json['ID']}/history").json["Items"][0]["Sequence"]
        return f"/students/{student}/grades/{answer.json['ID']}{rest.replace('{}', str(entry))}"
    return path


def new_account(rest, **more):
    def path(school):
        number = school.account(f"extra{len(school.grading.get('/accounts').json['Items'])}", "teacher")
        if more:
            school.change(f"/accounts/{number}", more)
        return f"/accounts/{number}{rest}"
    return path


def new_import(rest):
    def path(school):
        title = f"Sheet {len(school.assessments)}"
        school.take(school.classes["Mathematics 7a"], f"ID,FirstName,LastName,Title,Type,Score\n{school.students['Carter']},Nick,Carter,{title},Quiz,7\n")
        return f"/imports/{school.newest_import()}{rest}"
    return path


def without(tail, then=""):
    """Of a path."""
    return lambda path: re.sub(tail + "$", "", path) + then


CHECK = Form("/import/check", ADMIN, lambda school: {"class": school.classes["Mathematics 7a"], "Pasted": GOOD_TABLE}, page="/import", done=200)
FORMS = (
    Form("/students/{id}/grades", TEACHER, {"Title": "Essay", "Type": "Homework", "Score": "92.5"}, lambda school: school.path("Carter") + "/grades",
         page=without("/grades")),
    Form("/students/{id}/grades/{grade}", TEACHER, {"State": "late", "Score": "7", "Comment": "Late", "Reason": "Looked again"}, changed_grade("")),
    Form("/students/{id}/grades/{grade}/delete", TEACHER, {}, changed_grade("/delete"), page=without("/delete")),
    Form("/students/{id}/grades/{grade}/undo/{sequence}", TEACHER, {"Reason": "A slip"}, changed_grade("/undo/{}"), page=without(r"/undo/\d+")),
    Form("/classes", ADMIN, {"Name": "Chemistry"}, page="/classes/new"),
    Form("/classes/{id}/settings", ADMIN, {"Name": "Biology"}, new_class("/settings")),
    Form("/classes/{id}/state", ADMIN, {}, new_class("/state"), page=without("/state", "/settings")),
    Form("/classes/{id}/delete", ADMIN, {}, new_class("/delete"), page=without("/delete", "/settings")),
    Form("/classes/{id}/assessments", TEACHER, {"Title": "Waves", "Type": "Test"}, of_class("Physics 7a", "/assessments"), page=without("", "/new")),
    Form("/classes/{id}/students/{student}", TEACHER, lambda school: {f"Comment-{school.assessments['Levers']}": "Well done", f"State-{school.assessments['Levers']}": "missing",
         f"Score-{school.assessments['Levers']}": ""}, lambda school: f"/classes/{school.classes['Physics 7a']}/students/{school.students['Carter']}"),
    Form("/classes/{id}/people/enrol", ADMIN, lambda school: {f"s{school.students['Carter']}": "yes"}, new_class("/people/enrol")),
    Form("/classes/{id}/enrolments/{row}/end", ADMIN, {}, new_member("enrolments", lambda school: {"Student": school.students["Carter"]}),
         page=without(r"/enrolments/\d+/end", "/people")),
    Form("/classes/{id}/teachings", ADMIN, lambda school: {"Account": school.account_id("bob")}, new_class("/teachings"), page=without("/teachings", "/people")),
    Form("/classes/{id}/teachings/{row}/end", ADMIN, {}, new_member("teachings", lambda school: {"Account": school.account_id("bob")}),
         page=without(r"/teachings/\d+/end", "/people")),
    Form("/classes/{id}/history/{sequence}", ADMIN, {"Reason": "A slip"}, lambda school: school.last_change()),
    Form("/assessments/{id}", TEACHER, {"Title": "Levers and more"}, new_assessment(""), page=without("", "/edit")),
    Form("/assessments/{id}/release", TEACHER, {}, new_assessment("/release"), page=without("/release")),
    Form("/assessments/{id}/delete", TEACHER, {}, new_assessment("/delete"), page=without("/delete", "/edit")),
    Form("/terms", ADMIN, {"Name": "Summer 2027", "Begins": "2027-02-01"}, page="/terms/new"),
    Form("/terms/{id}", ADMIN, {"Name": "Winter 2027"}, new_term("")),
    Form("/terms/{id}/state", ADMIN, {}, new_term("/state"), page=without("/state")),
    Form("/terms/{id}/delete", ADMIN, {}, new_term("/delete"), page=without("/delete")),
    CHECK,
    Form("/import", ADMIN, before=CHECK),
    Form("/imports/{id}/undo", TEACHER, {}, new_import("/undo"), page=without("/undo")),
    Form("/accounts", ADMIN, {"Login": "grace", "Name": "Grace Hopper", "Role": "teacher", "Password": "another horse 9"}, page="/accounts/new"),
    Form("/accounts/{id}", ADMIN, {"Name": "Annie Cannon"}, new_account("")),
    Form("/accounts/{id}/disable", ADMIN, {}, new_account("/disable"), page=without("/disable")),
    Form("/accounts/{id}/enable", ADMIN, {}, new_account("/enable", Disabled=True), page=without("/enable")),
    Form("/accounts/{id}/password", ADMIN, {"Password": "another horse 9"}, new_account("/password"), page=without("/password")),
    Form("/accounts/{id}/sign-out", ADMIN, {}, new_account("/sign-out"), page=without("/sign-out")),
    Form("/accounts/{id}/delete", ADMIN, {}, new_account("/delete"), page=without("/delete")),
    Form("/tokens", TEACHER, {"Name": "A script", "Days": "30"}, done=200),
    Form("/tokens/{id}/end", TEACHER, {}, lambda school: f"/tokens/{school.token(TEACHER)['ID']}/end", page="/tokens"),
    Form("/sign-in", NOBODY, {"Login": TEACHER, "Password": PASSWORD}),
    Form("/sign-out", TEACHER, page="/password"),
    Form("/sign-out-everywhere", TEACHER, page="/password"),
    Form("/setup", NOBODY, {"Code": "abcd", "Login": "second", "Password": PASSWORD, "Again": PASSWORD}, page="/sign-in", done=409),
    Form("/password", "emma", {"OldPassword": PASSWORD, "Password": "another horse 9", "Again": "another horse 9"}),
)
