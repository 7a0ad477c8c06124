# SPDX-License-Identifier: LGPL-2.1-or-later
"""A town with the whole cluster in it, and a school that is worth looking at: terms, classes, people, and grades in every state."""

import csv
import io
import random
import time

from gradebook import wait_until
from people import PASSWORD, Person, School

NAMES = (
    ("Mia", "Fischer"), ("Noah", "Okafor"), ("Olivia", "O’Brien"), ("芳", "王"), ("Liam", "van der Berg"), ("Zoë", "Müller"), ("静", "李"),
    ("Arjun", "Patel"), ("Sofía", "García Márquez"), ("Lucas", "Silva"), ("秀英", "欧阳"), ("Chloé", "Dubois"), ("Ivan", "Petrov"), ("Hana", "Satō"),
    ("Wolfgang Amadeus", "Wolfeschlegelsteinhausenbergerdorff"), ("敏", "刘"), ("Grace", "Kim"), ("Omar", "Haddad"), ("Ingrid", "Åström"),
    ("强", "赵"), ("Ruby", "Jones"))
FIVE = [("Nick", "Carter", (85, 94, 82)), ("Roberto", "Baggio", (100, 100, 81)), ("Emma", "Stone", (67, 0, 75)),
        ("zhangsan", "san", (44, 0, 66)), ("xiaoqiao", "qiao", (23, 0, 44))]
SCALE = [{"Letter": letter, "From": least} for letter, least in (("A", 90), ("B", 80), ("C", 70), ("D", 60), ("F", 0))]
BY_TYPE = {"Method": "types", "TypeWeights": {"Quiz": 20, "Homework": 20, "Test": 20, "Exam": 40}, "DropLowest": {"Quiz": 1}, "Scale": SCALE}

# Title, Type, Maximum, Weight, Due, Released, ExtraCredit
MATHS = (("Quiz 2", "Quiz", 20, 1, "2026-09-11", "yes", "no"), ("Fractions", "Homework", 30, 1, "2026-09-18", "yes", "no"),
         ("Mid-term test", "Test", 100, 2, "2026-10-16", "yes", "no"), ("期中考试", "Exam", 100, 3, "2026-11-06", "yes", "no"),
         ("A puzzle for the holidays", "Homework", 10, 0.5, "2026-12-24", "yes", "yes"), ("Quiz 3", "Quiz", 20, 1, "", "yes", "no"),
         ("Final exam", "Exam", 100, 4, "2027-01-22", "no", "no"))
PHYSICS = (("Levers", "Quiz", 20, 1, "2026-09-14", "yes", "no"), ("Pendulum, measured and explained", "Homework", 25, 1, "2026-10-02", "yes", "no"),
           ("Forces", "Test", 60, 1, "2026-11-13", "yes", "no"))
HISTORY = (("The Danube", "Homework", 100, 1, "2026-10-09", "yes", "no"), ("Rome", "Test", 40, 1, "", "no", "no"))
COMMENTS = ("Well done.", "Shown every step; the last one has a sign wrong.\nLook at it again.", "进步很大，继续努力！", "Was ill on the day, writes it on Friday.")
COLUMNS = ("ID", "FirstName", "LastName", "Title", "Type", "Maximum", "Weight", "Due", "Released", "ExtraCredit", "State", "Score", "Comment")


def add_five_students(grading):
    """The five of a first look, of README.md."""
    for number, (first, last, scores) in enumerate(FIVE, 1):
        assert grading.post("/students", {"ID": number, "FirstName": first, "LastName": last}).status == 201
        for title, kind, score in zip(("Quiz 1", "Final Exam", "Quiz 2"), ("Quiz", "Exam", "Quiz"), scores):
            assert grading.post(f"/students/{number}/grades", {"Title": title, "Type": kind, "Score": score}).status == 201


def table(rows):
    out = io.StringIO()
    csv.writer(out).writerows([COLUMNS, *rows])
    return out.getvalue()


class WholeSchool(School):
    """head is the administrator; ada teaches Mathematics 7a and Physics 7a, bob History 7b, Latin 7b, which is empty, and Mathematics 6a of a
    locked term; nick and emma are students. Each is signed in with PASSWORD."""

    def open(self):
        super().open()
        self.names = {}         # ID: (first, last)
        self.assessments = {}   # title: ID
        self.classes = {}       # name: ID
        self.terms = {"Autumn 2026": self.add("/terms", {"Name": "Autumn 2026", "Begins": "2026-08-31", "Ends": "2027-01-29"}),
                      "Spring 2026": self.add("/terms", {"Name": "Spring 2026", "Begins": "2026-02-02", "Ends": "2026-07-10"})}
        maths = self.class_id
        self.change(f"/classes/{maths}", {"Name": "Mathematics 7a", "Term": self.terms["Autumn 2026"], "Policy": BY_TYPE})
        self.classes["Mathematics 7a"] = maths
        physics = self.make_class("Physics 7a", "Autumn 2026", {"Method": "assessments", "Blank": "zero", "Scale": SCALE}, "ada")
        bob = self.account("bob", "teacher", Name="Robert Hooke")
        history = self.make_class("History 7b", "Autumn 2026", None, bob)
        self.make_class("Latin 7b", "Autumn 2026", None, bob)
        old = self.make_class("Mathematics 6a", "Spring 2026", BY_TYPE, bob)
        for last, number in self.students.items():
            self.names[number] = {"Carter": ("Nick", "Carter"), "Stone": ("Emma", "Stone"), "张": ("伟", "张")}[last]
        for n, (first, last) in enumerate(NAMES):
            number = self.add("/students", {"FirstName": first, "LastName": last, "DefaultClass": maths if n < 15 else history})
            self.names[number] = first, last
            self.students[last] = number
        everybody = list(self.names)
        self.fill(maths, MATHS, everybody[:18])
        self.fill(physics, PHYSICS, everybody[:12])
        self.fill(history, HISTORY, [everybody[0], *everybody[18:]])
        self.fill(old, (("Last year’s exam", "Exam", 100, 1, "2026-06-26", "yes", "no"),), everybody[:5])
        self.change(f"/terms/{self.terms['Spring 2026']}", {"Locked": True})
        self.account("carol", "teacher", Name="Caroline Herschel")
        self.change(f"/accounts/{self.account_id('carol')}", {"Disabled": True})
        self.add("/accounts", {"Login": "mia", "Role": "student", "Student": self.students["Fischer"]})
        return self

    def make_class(self, name, term, policy, teacher):
        self.classes[name] = self.add("/classes", {"Name": name, "Term": self.terms[term], "Policy": policy})
        self.add(f"/classes/{self.classes[name]}/teachings", {"Account": self.account_id(teacher) if isinstance(teacher, str) else teacher})
        return self.classes[name]

    def change(self, path, members):
        answer = self.grading.request(path, "PATCH", members)
        assert answer.status == 200, (path, answer)

    def take(self, class_id, text):
        answer = self.grading.post(f"/imports?class={class_id}&name=grades.csv", text, headers={"Content-Type": "text/csv"}, timeout=120)
        assert answer.status == 201, answer
        for row in self.grading.get(f"/classes/{class_id}/assessments").json["Items"]:
            self.assessments.setdefault(row["Title"], row["ID"])

    def fill(self, class_id, assessments, students):
        """The same grades in every run: most are graded, and each other state is there."""
        dice, rows = random.Random(f"class {class_id}"), []
        for title, kind, maximum, *rest in assessments:
            for number in students:
                state = dice.choices(("graded", "late", "missing", "excused", "absent", "blank", None), (70, 6, 5, 4, 4, 4, 7))[0]
                if state is None:
                    continue
                score = round(maximum * min(1, dice.gauss(0.78, 0.16)), 1) if state in ("graded", "late") else ""
                comment = dice.choice(COMMENTS) if dice.random() < 0.12 else ""
                rows.append((number, *self.names[number], title, kind, maximum, *rest, state, score, comment))
        self.take(class_id, table(rows))

    def first_entry(self, name):
        """The page of the newest entry in the history of a class."""
        path = f"/classes/{self.classes[name]}/history"
        return f"{path}/{self.grading.get(path + '?limit=1').json['Items'][0]['Sequence']}"

    def newest_import(self):
        return self.grading.get("/imports?limit=1").json["Items"][0]["Import"]

    def session(self, login):
        answer = self.grading.post("/sessions", {"Login": login, "Password": PASSWORD})
        assert answer.status == 201, answer
        return answer.json["Token"]

    def token(self, login):
        """A new API token of somebody, as it was answered."""
        next_month = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 30 * 86400))
        answer = self.grading.post("/tokens", {"Name": "A program", "Expires": next_month}, headers={"Gradebook-Session": self.session(login)})
        assert answer.status == 201, answer
        return answer.json

    def last_change(self):
        """The page of an entry that can be taken back: a new class has just been called otherwise."""
        path = f"/classes/{self.add('/classes', {'Name': 'Called otherwise'})}"
        self.change(path, {"Name": "Called so"})
        return f"{path}/history/{self.grading.get(path + '/history?limit=1').json['Items'][0]['Sequence']}"

    def big_class(self, students=480, assessments=18, teacher="ada"):
        """Another class, as large as asked for; returns its ID."""
        class_id = self.make_class(f"All {students} of them", "Autumn 2026", {"Method": "mean"}, teacher)
        first, dice = max(self.names) + 1000, random.Random("a big class")
        rows = [(first + s, f"First{s:03}", f"Last{s:03}", f"Paper {a + 1}", "Homework", 100, 1, "", "yes", "no", "graded", dice.randint(0, 400) / 4, "")
                for a in range(assessments) for s in range(students)]
        self.take(class_id, table(rows))
        return class_id


class Town:
    """A cluster with a portal that knows its grading, which keeps the school."""

    def __init__(self, cluster, school=School, daemons=(), portal=None, environment=None):
        self.cluster = cluster
        cluster.configure("portal", {"Portal": {"RetrySec": "1s", "SiteName": "Hilltop School", **(portal or {})}})
        self.registry = cluster.start("registry")
        for name in daemons:
            setattr(self, name, cluster.start(name))
        self.grading = cluster.daemon("grading", keep_listener=True, environment=environment).start()
        self.school = school(self.grading)
        self.portal = cluster.start("portal")
        wait_until(lambda: self.portal.get("/sign-in", token=False).status == 200, "the portal knows grading")
        self.url = f"http://localhost:{self.portal.port}"

    def person(self, login=None, **kwargs):
        """Somebody without a screen, who is signed in if a login is named."""
        person = Person(self.portal, **kwargs)
        if login:
            assert person.sign_in(login, PASSWORD).page.status == 303, person.page
        return person


def whole_town(cluster, portal=None):
    town = Town(cluster, WholeSchool, ("log",), portal)
    town.school.open()
    return town
