# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what: each role at each route of gradebook-grading, with what is its own and what is not. One table says what is expected;
a route that is not in it fails the test.

A change that is allowed is asked for with an If-Match that nothing has: rights come first, so it ends in 409 and leaves the world as it
was for the next one."""

import json
import re

import gradebook
import grading_database
import pytest

PASSWORD = "a horse of another colour"
NOT_THERE = 987654321
STALE = {"If-Match": '"v987654321"'}
ACCOUNTS = {  # login: role, whose
    "admin": ("admin", None),
    "teacher": ("teacher", None),           # of class A
    "colleague": ("teacher", None),         # of class B
    "student": ("student", "student"),      # in class A
    "classmate": ("student", "classmate"),  # in class A
    "stranger": ("student", "stranger"),    # in class B
    "disabled": ("teacher", None),          # taught class A
    "expired": ("admin", None),
    "spare": ("teacher", None),             # nobody's, to be changed
}
KNOWN = ("cluster", "admin", "teacher", "colleague", "student", "classmate", "stranger")
NOBODY = ("disabled", "expired", "forged", "none")
EVERYBODY = " ".join(KNOWN)
PEOPLE = "teacher colleague student classmate stranger"
ADMINS = "cluster admin"
TEACHERS = f"{ADMINS} teacher"
CLASS_A = f"{TEACHERS} student classmate"


def read(route, target, ok, seen="", **more):
    """Who may read it gets 200, who may know of it (seen) 403; for all others it is not there."""
    return {"route": route, "target": target, "ok": ok, "seen": seen, "status": 200, **more}


def change(route, target, ok, seen="", body=None, **more):
    """Who may see it and not change it (seen) gets 403; for all others it is not there."""
    return {"route": route, "target": target, "ok": ok, "seen": seen, "body": body or {}, "status": 409, **more}


def make(route, target, ok, seen="", body=None, **more):
    return change(route, target, ok, seen, body, **{"status": 201, **more})


GRADE = {"Title": "Rights", "Type": "Quiz", "Score": 1}
QUIZ = {"Title": "Rights", "Type": "Quiz", "Released": True}
# The names of a target are those of the world below; "id" is the route's parameter.
TABLE = [
    read("GET /students", {}, EVERYBODY, items={"cluster": "student classmate stranger", "admin": "student classmate stranger",
         "teacher": "student classmate", "colleague": "stranger", "student": "student", "classmate": "classmate", "stranger": "stranger"},
         kind="student"),
    make("POST /students", {}, ADMINS, body={"FirstName": "A", "LastName": "B"}),
    read("GET /students/{id}", {"id": "student student"}, f"{TEACHERS} student"),
    change("PATCH /students/{id}", {"id": "student student"}, ADMINS, "teacher student", {"LastName": "C"}),
    change("DELETE /students/{id}", {"id": "student student"}, ADMINS, "teacher student"),
    read("GET /students/{id}/grades", {"id": "student student"}, f"{TEACHERS} student"),
    make("POST /students/{id}/grades", {"id": "student student"}, TEACHERS, "student", GRADE),
    read("GET /students/{id}/grades/{grade}", {"id": "student student", "grade": "grade student"}, f"{TEACHERS} student"),
    read("GET /students/{id}/grades/{grade}", {"id": "student student", "grade": "grade draft"}, TEACHERS),
    read("GET /students/{id}/enrolments", {"id": "student student"}, f"{TEACHERS} student"),
    read("GET /students/{id}/averages", {"id": "student student"}, f"{TEACHERS} student"),

    read("GET /terms", {}, EVERYBODY),
    make("POST /terms", {}, ADMINS, "teacher colleague student classmate stranger", {"Name": "Rights"}),
    read("GET /terms/{id}", {"id": "term"}, EVERYBODY),
    change("PATCH /terms/{id}", {"id": "term"}, ADMINS, "teacher colleague student classmate stranger", {"Name": "Other"}),
    change("DELETE /terms/{id}", {"id": "term"}, ADMINS, "teacher colleague student classmate stranger"),

    read("GET /classes", {}, EVERYBODY, kind="class", items={"teacher": "A", "colleague": "B", "student": "A", "classmate": "A", "stranger": "B"}),
    make("POST /classes", {}, ADMINS, body={"Name": "Rights"}),
    read("GET /classes/{id}", {"id": "class A"}, CLASS_A),
    change("PATCH /classes/{id}", {"id": "class A"}, TEACHERS, "student classmate", {"Name": "Other"}),
    change("DELETE /classes/{id}", {"id": "class A"}, TEACHERS, "student classmate"),
    read("GET /classes/{id}/assessments", {"id": "class A"}, CLASS_A, kind="assessment",
         items={"teacher": "A draft", "student": "A", "classmate": "A"}),
    make("POST /classes/{id}/assessments", {"id": "class A"}, TEACHERS, "student classmate", QUIZ),
    read("GET /classes/{id}/enrolments", {"id": "class A"}, CLASS_A, kind="enrolment",
         items={"teacher": "student classmate", "student": "student", "classmate": "classmate"}),
    make("POST /classes/{id}/enrolments", {"id": "class A"}, ADMINS, "teacher student classmate", {"Student": "student spare"}, status=(201, 409)),
    read("GET /classes/{id}/teachings", {"id": "class A"}, CLASS_A, kind="teaching", items={"teacher": "A", "student": "", "classmate": ""}),
    make("POST /classes/{id}/teachings", {"id": "class A"}, ADMINS, "teacher student classmate", {"Account": "account spare"}, status=(201, 409)),
    read("GET /classes/{id}/grid", {"id": "class A"}, CLASS_A),
    read("GET /classes/{id}/averages", {"id": "class A"}, CLASS_A),
    read("GET /classes/{id}/statistics", {"id": "class A"}, CLASS_A),

    read("GET /assessments/{id}", {"id": "assessment A"}, CLASS_A),
    read("GET /assessments/{id}", {"id": "assessment draft"}, TEACHERS),
    change("PATCH /assessments/{id}", {"id": "assessment A"}, TEACHERS, "student classmate", {"Title": "Other"}),
    change("PATCH /assessments/{id}", {"id": "assessment draft"}, TEACHERS, body={"Title": "Other"}),
    change("DELETE /assessments/{id}", {"id": "assessment A"}, TEACHERS, "student classmate"),
    change("DELETE /assessments/{id}", {"id": "assessment draft"}, TEACHERS),
    read("GET /assessments/{id}/statistics", {"id": "assessment A"}, CLASS_A),
    read("GET /assessments/{id}/statistics", {"id": "assessment draft"}, TEACHERS),
    read("GET /assessments/{id}/grades/{student}", {"id": "assessment A", "student": "student student"}, f"{TEACHERS} student"),
    read("GET /assessments/{id}/grades/{student}", {"id": "assessment draft", "student": "student student"}, TEACHERS),
    change("PUT /assessments/{id}/grades/{student}", {"id": "assessment A", "student": "student student"}, TEACHERS, "student classmate", {"Score": 2}),
    change("PUT /assessments/{id}/grades/{student}", {"id": "assessment draft", "student": "student student"}, TEACHERS, body={"Score": 2}),

    read("GET /enrolments/{id}", {"id": "enrolment student"}, f"{TEACHERS} student"),
    change("DELETE /enrolments/{id}", {"id": "enrolment student"}, ADMINS, "teacher student"),
    read("GET /teachings/{id}", {"id": "teaching A"}, TEACHERS),
    change("DELETE /teachings/{id}", {"id": "teaching A"}, ADMINS, "teacher"),
    read("GET /grades/{id}", {"id": "grade student"}, f"{TEACHERS} student"),
    read("GET /grades/{id}", {"id": "grade draft"}, TEACHERS),
    change("PATCH /grades/{id}", {"id": "grade student"}, TEACHERS, "student", {"Score": 2}),
    change("PATCH /grades/{id}", {"id": "grade draft"}, TEACHERS, body={"Score": 2}),
    change("DELETE /grades/{id}", {"id": "grade student"}, TEACHERS, "student"),
    change("DELETE /grades/{id}", {"id": "grade draft"}, TEACHERS),

    make("POST /imports", {"?class": "class A"}, TEACHERS, "student classmate", status=200, table="ID,FirstName,LastName\n"),
    read("GET /imports", {}, EVERYBODY),
    read("GET /imports/{id}", {"id": "import A"}, TEACHERS),
    make("POST /imports/{id}/undo", {"id": "import A"}, TEACHERS, status=(200, 409)),
    read("GET /classes/{id}/export", {"id": "class A"}, TEACHERS, seen="student classmate"),
    read("GET /students/{id}/export", {"id": "student student"}, f"{ADMINS} student", seen="teacher"),
    read("GET /export", {}, ADMINS, seen="teacher colleague student classmate stranger"),
    read("GET /ledger", {}, ADMINS, seen=PEOPLE),
    read("GET /ledger/head", {}, ADMINS, seen=PEOPLE),
    read("POST /ledger/check", {}, ADMINS, seen=PEOPLE),
    read("GET /students/{id}/history", {"id": "student student"}, TEACHERS, seen="student"),
    read("GET /classes/{id}/history", {"id": "class A"}, TEACHERS, seen="student classmate"),
    read("GET /grades/{id}/history", {"id": "grade student"}, TEACHERS, seen="student"),
    read("GET /grades/{id}/history", {"id": "grade draft"}, TEACHERS),
    make("POST /ledger/{sequence}/undo", {"sequence": "entry changed"}, TEACHERS, status=409),
    make("POST /ledger/sets/{set}/undo", {"set": "entry changed"}, TEACHERS, status=409),

    read("GET /ledger", {}, ADMINS, "teacher colleague student classmate stranger"),
    read("GET /ledger/head", {}, ADMINS, "teacher colleague student classmate stranger"),
    read("POST /ledger/check", {}, ADMINS, "teacher colleague student classmate stranger"),
    change("POST /ledger/{sequence}/undo", {"sequence": "entry classmate"}, TEACHERS),
    change("POST /ledger/sets/{set}/undo", {"set": "entry classmate"}, TEACHERS),
    change("POST /ledger/{sequence}/undo", {"sequence": "entry account"}, "", ADMINS),
    change("POST /ledger/{sequence}/undo", {"sequence": "entry teaching"}, "", "teacher", only=("teacher", "colleague", "student", "classmate", "stranger")),
    read("GET /grades/{id}/history", {"id": "grade student"}, TEACHERS, "student"),
    read("GET /grades/{id}/history", {"id": "grade draft"}, TEACHERS),
    read("GET /students/{id}/history", {"id": "student student"}, TEACHERS, "student"),
    read("GET /classes/{id}/history", {"id": "class A"}, TEACHERS, "student classmate"),
    read("GET /students/{id}", {"id": "student student", "?at": "2100-01-01T00:00:00Z"}, TEACHERS, "student"),
    read("GET /accounts/{id}", {"id": "account student", "?at": "2100-01-01T00:00:00Z"}, ADMINS, "student"),
    read("GET /grades/{id}", {"id": "grade draft", "?at": "2100-01-01T00:00:00Z"}, TEACHERS),
    read("GET /assessments/{id}", {"id": "assessment draft", "?at": "2100-01-01T00:00:00Z"}, TEACHERS),

    # The expired token of this world was made behind the service's back, and of what is damaged there is no backup.
    read("GET /backup", {}, ADMINS, seen=PEOPLE, status=500),
    read("POST /fsck", {}, ADMINS, seen=PEOPLE),
    read("POST /vacuum", {}, ADMINS, seen=PEOPLE),
    make("POST /restore", {}, ADMINS, seen=PEOPLE, status=409),

    make("POST /sessions", {}, EVERYBODY, public=True, status=400),
    read("GET /setup", {}, EVERYBODY, public=True),
    make("POST /setup", {}, EVERYBODY, public=True, status=409),
    read("GET /openapi.json", {}, EVERYBODY, public=True),
    read("GET /sessions", {}, "admin teacher colleague student classmate stranger", instead={"cluster": 400}),
    read("GET /sessions", {"?account": "account student"}, f"{ADMINS} student"),
    change("DELETE /sessions", {}, "admin teacher colleague student classmate stranger", status=204, fresh=True, instead={"cluster": 400}),
    change("DELETE /sessions", {"?account": "account spare"}, ADMINS, status=204),
    read("GET /sessions/current", {}, EVERYBODY),
    change("DELETE /sessions/current", {}, "admin teacher colleague student classmate stranger", status=204, fresh=True, by="session"),
    make("POST /sessions/current/rotate", {}, "admin teacher colleague student classmate stranger", fresh=True, by="session"),

    read("GET /accounts", {}, EVERYBODY, kind="account", items={r: r for r in KNOWN if r not in ("cluster", "admin")}),
    make("POST /accounts", {}, ADMINS, body={"Login": "with a space", "Role": "teacher"}, status=400),
    read("GET /accounts/{id}", {"id": "account student"}, f"{ADMINS} student"),
    change("PATCH /accounts/{id}", {"id": "account student"}, ADMINS, "student", {"Name": "Other"}),
    change("DELETE /accounts/{id}", {"id": "account student"}, ADMINS, "student"),
    change("PUT /accounts/{id}/password", {"id": "account spare"}, ADMINS, body={"Password": PASSWORD}, status=204),
    change("PUT /accounts/{id}/password", {"id": "account teacher"}, "teacher", body={"Password": PASSWORD}, status=400, only=("teacher", "colleague", "student")),
    read("GET /tokens", {}, EVERYBODY, kind="token", items={r: r for r in KNOWN if r not in ("cluster", "admin")}),
    make("POST /tokens", {}, "admin teacher colleague student classmate stranger", by="session", by_token=403,
         body={"Name": "rights", "Expires": "2000-01-01T00:00:00Z"}, status=400, instead={"cluster": 400}),
    make("POST /tokens", {}, "", "admin teacher colleague student classmate stranger", {"Account": "account spare", "Name": "r", "Expires": "2000-01-01T00:00:00Z"},
         instead={"cluster": 400}),
    read("GET /tokens/{id}", {"id": "token student"}, f"{ADMINS} student"),
    change("DELETE /tokens/{id}", {"id": "token student"}, f"{ADMINS} student"),
]
# Two parameters of which the first may be seen: the second tells nothing either.
PROBES = [
    ("student", "/assessments/{assessment A}/grades/{}", "student classmate"),
    ("student", "/assessments/{assessment A}/grades/{}", "student stranger"),
    ("teacher", "/assessments/{assessment A}/grades/{}", "student stranger"),
    ("student", "/students/{student student}/grades/{}", "grade classmate"),
    ("student", "/students/{student student}/grades/{}", "grade draft"),
    ("teacher", "/students/{student student}/grades/{}", "grade stranger"),
    ("student", "/students?class={}", "class B"),
    ("teacher", "/students?class={}", "class B"),
    ("teacher", "/tokens?account={}", "account colleague"),
    ("teacher", "/accounts?login={}", "login colleague"),
]


class World:
    """Two classes with their people. ids: "student student", "class A", … to the number."""

    def __init__(self, directory, database=None):
        self.cluster = gradebook.Cluster(directory, grading_database=database)
        self.daemon = self.cluster.start("grading")
        self.ids, self.tokens, self.api_tokens = {}, {}, {}
        self.rows()
        self.people()
        self.age()

    def make(self, name, path, body):
        answer = self.daemon.post(path, body)
        assert answer.status == 201, (path, body, answer)
        if name:
            self.ids[name] = answer.json["ID"]
        return answer.json

    def rows(self):
        self.make("term", "/terms", {"Name": "Autumn"})
        for name in "AB":
            self.make(f"class {name}", "/classes", {"Name": name, "Term": self.ids["term"]})
        for name, of in (("A", "A"), ("draft", "A"), ("B", "B")):
            self.make(f"assessment {name}", f"/classes/{self.ids['class ' + of]}/assessments",
                      {"Title": name, "Type": "Quiz", "Released": name != "draft"})
        for name, of in (("student", "A"), ("classmate", "A"), ("stranger", "B"), ("spare", None)):
            more = {"DefaultClass": self.ids[f"class {of}"]} if of else {}
            self.make(f"student {name}", "/students", {"FirstName": name, "LastName": "X", **more})
        imported = self.daemon.post(f"/imports?class={self.ids['class A']}", "ID,Imported (Quiz)\n", headers={"Content-Type": "text/csv"})
        assert imported.status == 201, imported
        self.ids["import A"] = imported.json["Import"]
        for who, assessment, grade in (("student", "A", "student"), ("student", "draft", "draft"), ("classmate", "A", "classmate"), ("stranger", "B", "stranger")):
            path = f"/assessments/{self.ids['assessment ' + assessment]}/grades/{self.ids['student ' + who]}"
            answer = self.daemon.request(path, "PUT", {"Score": 50})
            assert answer.status in (200, 201), answer
            self.ids[f"grade {grade}"] = answer.json["ID"]
        # An entry whose row was changed since, so that undoing it is refused at last.
        made = self.make(None, f"/classes/{self.ids['class A']}/assessments", {"Title": "changed", "Type": "Quiz"})
        self.ids["entry changed"] = self.daemon.get("/ledger/head").json["Sequence"]
        assert self.daemon.request(f"/assessments/{made['ID']}", "PATCH", {"Weight": 2}).status == 200
        # Not the last word on this grade, so that it cannot be undone.
        path = f"/assessments/{self.ids['assessment A']}/grades/{self.ids['student classmate']}"
        assert self.daemon.request(path, "PUT", {"Score": 51}).status == 200
        for of in "AB":
            for row in self.daemon.get(f"/classes/{self.ids['class ' + of]}/enrolments").json["Items"]:
                name = next(k for k, v in self.ids.items() if k.startswith("student ") and v == row["Student"])
                self.ids[f"enrolment {name.split()[1]}"] = row["ID"]

    def people(self):
        for login, (role, student) in ACCOUNTS.items():
            body = {"Login": login, "Role": role, "Password": PASSWORD}
            if student:
                body["Student"] = self.ids[f"student {student}"]
            self.make(f"account {login}", "/accounts", body)
            self.ids[f"login {login}"] = login
        for login, of in (("teacher", "A"), ("colleague", "B"), ("disabled", "A")):
            self.make(f"teaching {of}" if login != "disabled" else None, f"/classes/{self.ids['class ' + of]}/teachings", {"Account": self.ids[f"account {login}"]})
        for login in ACCOUNTS:
            self.tokens[login] = self.sign_in(login)
            token = self.make(f"token {login}", "/tokens", {"Account": self.ids[f"account {login}"], "Name": "rights", "Expires": "2027-06-01T00:00:00Z"})
            self.api_tokens[login] = token["Token"]
        assert self.daemon.request(f"/accounts/{self.ids['account disabled']}", "PATCH", {"Disabled": True}).status == 200
        for line in self.daemon.get("/ledger?limit=1000").text.splitlines():
            e = json.loads(line)
            for name, kind, row in (("classmate", "grade", "grade classmate"), ("account", "account", "account spare"), ("teaching", "teaching", "teaching A")):
                if (e["Kind"], e["ID"], e["Version"]) == (kind, self.ids[row], 1):
                    self.ids[f"entry {name}"] = e["Sequence"]
        self.tokens["forged"] = "gbs_" + "A" * 43
        self.api_tokens["forged"] = "gbt_" + "A" * 43

    def age(self):
        """What belongs to "expired" is over."""
        self.daemon.stop()
        db = grading_database.connect(self.daemon)
        with db:
            assert db.execute("UPDATE sessions SET expires_usec = 1 WHERE account_id = ?", (self.ids["account expired"],)).rowcount == 1
            assert db.execute("UPDATE tokens SET expires_usec = 1 WHERE account_id = ?", (self.ids["account expired"],)).rowcount == 1
        db.close()
        self.daemon.start()

    def sign_in(self, login):
        answer = self.daemon.post("/sessions", {"Login": login, "Password": PASSWORD}, token=None)
        assert answer.status == 201, (login, answer)
        return answer.json["Token"]

    def value(self, text):
        return self.ids.get(text, text) if isinstance(text, str) else text

    def ways(self, role, entry):
        """Everything that a role can carry: (what it is, token, headers)."""
        if role == "cluster":
            return [("cluster", self.cluster.token, {})]
        if role == "none":
            return [("nothing", None, {}), ("a session without the peer's token", None, {"Gradebook-Session": self.tokens["admin"]})]
        if entry.get("fresh"):
            token = self.sign_in(role) if role in KNOWN else self.tokens[role]
            return [("session", token, {})]
        return [("session", self.tokens[role], {}), ("portal", self.cluster.token, {"Gradebook-Session": self.tokens[role]}),
                ("token", self.api_tokens[role], {}), ("portal token", self.cluster.token, {"Gradebook-Session": self.api_tokens[role]})]

    def ask(self, entry, token, headers, missing=False):
        method, path = entry["route"].split()
        query = []
        for name, value in entry["target"].items():
            number = str(NOT_THERE if missing and value in self.ids else self.value(value))
            if name.startswith("?"):
                query.append(f"{name[1:]}={number}")
            path = path.replace("{" + name + "}", number)
        body = {k: self.value(v) for k, v in entry["body"].items()} if "body" in entry else b""
        if method == "DELETE":
            body = b""
        if "table" in entry:
            body, headers = entry["table"], {**headers, "Content-Type": "text/csv"}
        headers = {**headers, **(STALE if method in ("PATCH", "PUT", "DELETE") else {})}
        return self.daemon.request(path + ("?" + "&".join(query) if query else ""), method, body, headers, token)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(tmp_path_factory, request):
    database = None
    if request.param == "postgresql":
        server = request.getfixturevalue("shared_postgres")
        server.sql("CREATE DATABASE rights")
        database = server.url("rights")
    w = World(tmp_path_factory.mktemp("rights"), database)
    yield w
    w.cluster.close()


def bare(answer, number=None):
    """What an answer says, without what differs with each request, and without the number that was asked for."""
    try:
        body = json.loads(answer.body) if answer.body else None
    except ValueError:
        body = answer.body
    if isinstance(body, dict):
        body.pop("requestId", None)
        if number and "detail" in body:
            body["detail"] = re.sub(rf"\b{number}\b", "#", body["detail"])
    return answer.status, body


def routes():
    text = (gradebook.SOURCE / "src/grading/routes.c").read_text()
    table = re.search(r"const Route grading_routes\[\] = \{(.*?)\n\};", text, flags=re.S)[1]
    found = [f"{method} {path}" for method, path in re.findall(r'\{ "(\w+)", "([^"]+)",', table)]
    assert len(found) == table.count("{ ") and found
    return found


def test_every_route_is_in_the_table():
    assert set(routes()) == {entry["route"] for entry in TABLE}


# Where the grades are in PostgreSQL, that has ways of its own.
OF_A_FILE = ("GET /backup", "POST /vacuum", "POST /restore")


def expected(entry, role, way):
    """(statuses, whether it must look like what is not there)."""
    if entry.get("public"):
        return (entry["status"],), False
    if role in NOBODY:
        return (401,), False
    if role in entry.get("instead", {}):
        return (entry["instead"][role],), False
    if "by" in entry and "token" in way:
        return (entry.get("by_token", 404),), False
    if role in entry["ok"].split():
        status = entry["status"]
        return status if isinstance(status, tuple) else (status,), False
    if role in entry.get("seen", "").split():
        return (403,), False
    return (404,), bool(entry["target"])


def names_of(world, kind, answer):
    rows = answer.json if isinstance(answer.json, list) else answer.json["Items"]
    by_id = {v: k.split()[1] for k, v in world.ids.items() if k.startswith(kind + " ")}
    return {by_id.get(row["ID"], f"{kind} {row['ID']}") for row in rows}


def check(world, entry, role, wrong):
    for way, token, headers in world.ways(role, entry):
        answer = world.ask(entry, token, headers)
        statuses, hidden = expected(entry, role, way)
        if world.cluster.grading_database and entry["route"] in OF_A_FILE and statuses[0] not in (401, 403):
            statuses = (501,)
        where = f"{role} ({way}), {entry['route']} {entry['target']}"
        if answer.status not in statuses:
            wrong.append(f"{where}: {answer} and not {statuses}")
        elif hidden and bare(answer) != bare(world.ask(entry, token, headers, missing=True)):
            wrong.append(f"{where}: {bare(answer)} differs from what is not there: {bare(world.ask(entry, token, headers, missing=True))}")
        elif answer.status == 200 and role in entry.get("items", {}):
            # "spare", and rows without a name, are what the changes of this test were made of.
            seen = {name for name in names_of(world, entry["kind"], answer) if name != "spare" and " " not in name}
            should = set(entry["items"][role].split())
            if seen != should:
                wrong.append(f"{where}: sees {seen} and not {should}")
        if role in KNOWN and role != "cluster" and entry.get("fresh"):
            world.tokens[role] = world.sign_in(role)


@pytest.mark.parametrize("role", KNOWN + NOBODY)
def test_rights(world, role):
    wrong = []
    for entry in TABLE:
        if role in entry.get("only", (role,)):
            check(world, entry, role, wrong)
    assert not wrong, "\n" + "\n".join(wrong)


def test_who_is_nobody_hears_the_same(world):
    for path in ("/students", f"/students/{world.ids['student student']}", f"/students/{NOT_THERE}", "/sessions/current"):
        said = {json.dumps(bare(world.daemon.get(path, token=tokens[role]))) for role in ("disabled", "expired", "forged")
                for tokens in (world.tokens, world.api_tokens)}
        assert len(said) == 1 and said.pop().startswith("[401"), path


@pytest.mark.parametrize("role,path,name", PROBES)
def test_what_may_not_be_seen_is_not_there(world, role, path, name):
    path = re.sub(r"\{([^}]+)\}", lambda m: str(world.ids[m[1]]), path)
    for method, body in (("GET", b""), ("PUT", {"Score": 1})):
        if method == "PUT" and not path.startswith("/assessments"):
            continue
        foreign = world.daemon.request(path.replace("{}", str(world.ids[name])), method, body, token=world.tokens[role])
        missing = world.daemon.request(path.replace("{}", str(NOT_THERE)), method, body, token=world.tokens[role])
        assert bare(foreign, world.ids[name]) == bare(missing, NOT_THERE), (method, path, foreign, missing)


def test_nothing_became_of_it_all(world):
    """The changes that were refused left things as they were."""
    for name, path in (("student student", "/students"), ("class A", "/classes"), ("assessment A", "/assessments"), ("grade student", "/grades"),
                       ("account student", "/accounts"), ("term", "/terms"), ("token student", "/tokens"), ("teaching A", "/teachings")):
        answer = world.daemon.get(f"{path}/{world.ids[name]}")
        assert answer.status == 200 and answer.json.get("Version", 1) == 1, (name, answer)
