# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's answers held against the OpenAPI document that it serves: each operation is driven with what the document allows, up to
its limits, and with what it does not. An operation that nothing here can drive fails."""

import datetime
import http.client
import itertools
import re
import time

import gradebook
import openapi
import openapi_samples as samples
import pytest

DOCUMENT = openapi.load()
OPERATIONS = openapi.operations(DOCUMENT)
BY_ID = {o.id: o for o in OPERATIONS}
CHECKER = openapi.Checker(DOCUMENT)

PASSWORD = "grün-Brücke 71 Ahorn"
NOWHERE = 9007199254740991
CSV = "ID,LastName,FirstName,Essay (Exam)\n{},Byron,Ada,{}\n"


class World:
    """A school over HTTP, with everybody who may ask."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.number = itertools.count(1)
        self.term = self.make("/terms", {"Name": "Autumn"})
        self.room = self.new_class(Term=self.term)
        self.assessment = self.new_assessment()
        self.person = self.new_student()
        self.put(self.assessment, self.person, {"Score": 85.5})
        self.admin = self.new_account("admin")
        self.teacher = self.new_account("teacher")
        self.pupil = self.new_account("student", self.person)
        self.make(f"/classes/{self.room}/teachings", {"Account": self.teacher})
        self.sign_in_all()

    def sign_in_all(self):
        self.sessions = {who: self.sign_in(getattr(self, who)) for who in ("admin", "teacher", "pupil")}

    def send(self, method, path, body=None, headers=None, who="cluster", kind="application/json"):
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("Content-Type", kind)
            body = samples.encode(body) if isinstance(body, (dict, list)) else body
        token = {"cluster": True, "nobody": None}.get(who) if who in ("cluster", "nobody") else self.sessions.get(who, who)
        return self.daemon.request(path, method, body, headers=headers, token=token)

    def make(self, path, body):
        answer = self.send("POST", path, body)
        assert answer.status == 201, answer
        return answer.json["ID"]

    def put(self, assessment, student, body):
        answer = self.send("PUT", f"/assessments/{assessment}/grades/{student}", body)
        assert answer.status in (200, 201), answer
        return answer.json["ID"]

    def new_class(self, **more):
        return self.make("/classes", {"Name": "Maths", **more})

    def new_assessment(self, room=None):
        body = {"Title": f"Quiz {next(self.number)}", "Type": "Quiz", "Maximum": 100000, "Released": True}
        return self.make(f"/classes/{room or self.room}/assessments", body)

    def new_student(self, enrol=True):
        student = self.make("/students", {"FirstName": "Ada", "LastName": "Byron"})
        if enrol:
            self.make(f"/classes/{self.room}/enrolments", {"Student": student})
        return student

    def bare_student(self):
        """One whom nothing refers to."""
        student = self.new_student(enrol=False)
        for row in self.send("GET", f"/students/{student}/enrolments").json["Items"]:
            assert self.send("DELETE", f"/enrolments/{row['ID']}").status == 204
        return student

    def new_grade(self):
        return self.put(self.assessment, self.new_student(), {"Score": 1})

    def new_login(self):
        return f"person{next(self.number)}"

    def new_account(self, role="teacher", student=None):
        return self.make("/accounts", {"Login": self.new_login(), "Role": role, "Student": student, "Password": PASSWORD})

    def sign_in(self, account):
        login = self.send("GET", f"/accounts/{account}").json["Login"]
        answer = self.send("POST", "/sessions", {"Login": login, "Password": PASSWORD}, who="nobody")
        assert answer.status == 201, answer
        return answer.json["Token"]

    def new_token(self):
        return self.make("/tokens", {"Account": self.teacher, "Name": "script", "Expires": in_days(30)})

    def new_import(self):
        answer = self.send("POST", f"/imports?class={self.room}", CSV.format(self.new_student(), 7), kind="text/csv")
        assert answer.status == 201, answer
        return answer.json["Import"]

    def new_entry(self):
        """The number of an entry that nothing came after."""
        self.send("PATCH", f"/grades/{self.new_grade()}", {"Comment": "well done"})
        return self.send("GET", "/ledger/head").json["Sequence"]

    def new_set(self):
        entry = self.new_entry()
        return openapi.parse(self.send("GET", f"/ledger?after={entry - 1}").text)["Set"]


def in_days(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def cluster_of_module(tmp_path_factory):
    cluster = gradebook.Cluster(tmp_path_factory.mktemp("openapi"))
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def world(cluster_of_module):
    return World(cluster_of_module.start("grading"))


# What the path names: something of its own for each request that changes it.
TARGETS = {
    "/students/{id}": lambda w: {"id": w.bare_student()},
    "/terms/{id}": lambda w: {"id": w.make("/terms", {"Name": "Spring"})},
    "/classes/{id}": lambda w: {"id": w.new_class()},
    "/assessments/{id}": lambda w: {"id": w.new_assessment()},
    "/enrolments/{id}": lambda w: {"id": w.make(f"/classes/{w.room}/enrolments", {"Student": w.new_student(enrol=False)})},
    "/teachings/{id}": lambda w: {"id": w.make(f"/classes/{w.room}/teachings", {"Account": w.new_account()})},
    "/grades/{id}": lambda w: {"id": w.new_grade()},
    "/accounts/{id}": lambda w: {"id": w.new_account()},
    "/accounts/{id}/password": lambda w: {"id": w.new_account()},
    "/tokens/{id}": lambda w: {"id": w.new_token()},
    "/imports/{id}": lambda w: {"id": w.new_import()},
    "/imports/{id}/undo": lambda w: {"id": w.new_import()},
    "/ledger/{sequence}/undo": lambda w: {"sequence": w.new_entry()},
    "/ledger/sets/{set}/undo": lambda w: {"set": w.new_set()},
    "/assessments/{id}/grades/{student}": lambda w: {"id": w.assessment, "student": w.person},
    "/students/{id}/grades/{grade}": lambda w: {"id": w.person, "grade": w.put(w.assessment, w.person, {"Score": 85.5})},
}
# Where something that all share will do: of what noun it is.
SHARED = {"students": "person", "classes": "room", "assessments": "assessment"}


def target(w, o):
    """Values for the parameters of the path."""
    names = re.findall(r"\{(\w+)\}", o.path)
    if not names:
        return {}
    if o.path in TARGETS:
        return TARGETS[o.path](w)
    noun = o.path.split("/")[1]
    assert names == ["id"] and (noun in SHARED or f"/{noun}/{{id}}" in TARGETS), f"nothing here can drive {o.method} {o.path}"
    return {"id": getattr(w, SHARED[noun])} if noun in SHARED else TARGETS[f"/{noun}/{{id}}"](w)


def url(o, parameters, query=""):
    return re.sub(r"\{(\w+)\}", lambda m: str(parameters[m[1]]), o.path) + query


# What a member of a request refers to.
REFERENCES = {
    "Term": lambda w: w.term, "Class": lambda w: w.room, "DefaultClass": lambda w: w.room, "Student": lambda w: w.bare_student(),
    "Account": lambda w: w.new_account(), "Login": lambda w: w.new_login(), "Password": lambda w: PASSWORD,
    "Policy": lambda w: {"Method": "mean"},
}


def settle(w, body):
    """What depends on another member."""
    if "Role" in body:
        body["Student"] = w.bare_student() if body["Role"] == "student" else None
    if body.get("State", "graded") not in ("graded", "late") and "Score" in body:
        body["Score"] = None
    elif "State" in body and body.get("Score") is None:
        body["Score"] = 1
    if body.get("Begins") and body.get("Ends"):
        body["Ends"] = max(body["Begins"], body["Ends"])
    return body


def value_of(w, name, schema):
    return REFERENCES[name](w) if name in REFERENCES else samples.good(DOCUMENT, schema)[0]


def make_body(w, o):
    """All members that the schema has, each at its plainest."""
    if o.id == "post_import":
        return CSV.format(w.new_student(), 7)
    if o.body is None:
        return None
    if "properties" not in o.body:
        return {}
    body = {name: value_of(w, name, schema) for name, schema in o.body["properties"].items()}
    if o.id == "post_session":
        body["Login"] = w.send("GET", f"/accounts/{w.new_account()}").json["Login"]
    if o.id == "post_token":
        body.update(Account=w.teacher, Expires=in_days(20))
    if o.id == "post_student":
        body["ID"] = None
    return settle(w, body)


QUERIES = {"post_import": lambda w: f"?class={w.room}", "get_sessions": lambda w: f"?account={w.pupil}"}
SELF = ("delete_session", "rotate_session", "delete_sessions")


def who_for(w, o):
    """By whom it can be asked: the cluster has no session of its own."""
    if o.id in SELF:
        return w.sign_in(w.new_account())
    return "nobody" if o.public else "cluster"


def send(w, o, parameters=None, body=None, query=None, headers=None, who=None, head=False):
    parameters = target(w, o) if parameters is None else parameters
    if query is None:
        query = QUERIES[o.id](w) if o.id in QUERIES else ""
    answer = w.send("HEAD" if head else o.method, url(o, parameters, query), body, headers, who or who_for(w, o), o.body_type)
    CHECKER.check(o, answer, head)
    return answer


def expect(answer, status, name=""):
    assert answer.status == status, f"{answer}, and not {status}"
    if status >= 400 and name:
        assert name in answer.json["detail"], f"{answer} does not name {name}"
    return answer


# /setup has a school of its own, in which there is no administrator yet.
@pytest.fixture
def nobody_yet(cluster):
    daemon = cluster.start("grading")
    code = re.search(r"good until the next start: (\S+)", daemon.stderr)[1]

    class NobodyYet:
        def send(self, method, path, body=None, headers=None, who="nobody", kind="application/json"):
            body = samples.encode(body) if isinstance(body, (dict, list)) else body
            return daemon.request(path, method, body, headers={"Content-Type": kind, **(headers or {})}, token=None)

    return NobodyYet(), code


def test_setup(nobody_yet):
    w, code = nobody_yet
    o = BY_ID["post_setup"]
    plain = {"Code": code, "Login": "head", "Name": "x", "Password": PASSWORD, "Reason": "x"}
    refuse_wrong_bodies(w, o, plain)
    expect(send(w, o, body={**plain, "Code": "aaaa-bbbb"}, who="nobody"), 403, "'Code'")
    assert expect(send(w, o, body=plain, who="nobody"), 201).json["Role"] == "admin"
    expect(send(w, o, body=plain, who="nobody"), 409)


# The document itself

def test_the_document_is_served(world):
    answer = world.daemon.get("/openapi.json", token=None)
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    served = openapi.parse(answer.text)
    assert served == openapi.parse(samples.encode(DOCUMENT)), "not the one in src/grading/openapi"
    assert list(served["paths"]) == list(DOCUMENT["paths"])
    assert world.daemon.get("/openapi.json", token=None, headers={"If-None-Match": answer.headers["ETag"]}).status == 304
    assert world.daemon.request("/openapi.json", "HEAD", token=None).headers["Content-Length"] == str(len(answer.body))


# Valid requests: each success that is documented is seen

def drive_students(w, o):
    body = make_body(w, o)
    first = send(w, o, body=body)
    yield first
    known = {**body, "ID": first.json["ID"]}
    yield expect(send(w, o, body=known), 200)
    # Repeated with a key it is the same answer again, and not an empty one.
    answers = [send(w, o, body=known, headers={"Idempotency-Key": "known"}) for _ in range(2)]
    assert answers[0].body == answers[1].body
    yield from answers


def drive_cells(w, o):
    where = {"id": w.new_assessment(), "student": w.person}
    for status, headers in ((201, {"If-None-Match": "*"}), (200, {"If-Match": "*"})):
        yield expect(send(w, o, where, make_body(w, o), headers=headers), status)
    expect(send(w, o, where, make_body(w, o), headers={"If-None-Match": "*"}), 409)


def drive_imports(w, o):
    table = make_body(w, o)
    yield expect(send(w, o, body=table, query=f"?class={w.room}&dry-run"), 200)
    yield expect(send(w, o, body=table), 201)
    yield expect(send(w, o, body=table), 200)
    wrong = expect(send(w, o, body=table.replace(",7\n", ",seven\n")), 422)
    assert wrong.json["ErrorCount"] == 1 and "Essay" in wrong.json["Errors"][0]["Member"]


def drive_restore(w, o):
    """Into the state that it is in already."""
    expect(send(w, o), 409, "restore.db")
    (w.daemon.state / "restore.db").write_bytes(b"none")
    expect(send(w, o), 422)
    (w.daemon.state / "restore.db").write_bytes(w.send("GET", "/backup").body)
    yield expect(send(w, o, body=make_body(w, o)), 200)
    w.sign_in_all()


DRIVERS = {"post_restore": drive_restore, "post_student": drive_students, "put_cell": drive_cells, "post_import": drive_imports}


@pytest.mark.parametrize("o", [o for o in OPERATIONS if o.id != "post_setup"], ids=str)
def test_valid_requests_get_what_is_documented(world, o):
    if o.id in DRIVERS:
        seen = {answer.status for answer in DRIVERS[o.id](world, o)}
    else:
        who = who_for(world, o)
        parameters, body = target(world, o), make_body(world, o)
        answer = send(world, o, parameters, body, who=who)
        assert answer.status < 300, answer
        seen = {answer.status}
        if o.takes("If-None-Match"):
            seen.add(expect(send(world, o, parameters, who=who, headers={"If-None-Match": answer.headers["ETag"]}), 304).status)
    assert seen == o.successes(), "some that is documented was not seen"


@pytest.mark.parametrize("o", [o for o in OPERATIONS if o.method == "GET"], ids=str)
def test_head_is_get_without_the_body(world, o):
    who, parameters = who_for(world, o), target(world, o)
    get, head = (send(world, o, parameters, who=who, head=head) for head in (False, True))
    assert head.status == get.status == 200
    for name in {"Content-Type", "Content-Length", "ETag"} & set(get.headers):
        # How long it takes, and how much it counts, are other figures each time.
        if (o.id, name) not in {("get_metrics", "Content-Length"), ("get_sessions", "ETag"), ("get_session", "ETag")}:
            assert head.headers[name] == get.headers[name], name


# Bodies

def refuse_wrong_bodies(w, o, plain, parameters=None, who="nobody"):
    parameters = parameters or {}
    for name in o.body.get("required", ()):
        expect(send(w, o, parameters, {key: value for key, value in plain.items() if key != name}, who=who), 400, f"'{name}'")
    for name, schema in o.body["properties"].items():
        for value in samples.bad(DOCUMENT, schema):
            expect(send(w, o, parameters, {**plain, name: value}, who=who), 400, f"'{name}'")
    if o.body_required:
        for body in ("", "[]", "{", "null", "\x00"):
            expect(send(w, o, parameters, body, who=who), 400)


WITH_BODY = [o for o in OPERATIONS if o.body and "properties" in o.body and o.id != "post_setup"]


def owner(w, o, parameters):
    """Only who sets the own password needs to know the old one."""
    return w.sign_in(parameters["id"]) if o.id == "put_password" else who_for(w, o)


@pytest.mark.parametrize("o", WITH_BODY, ids=str)
def test_wrong_bodies_are_refused_by_name(world, o):
    parameters = target(world, o)
    who = owner(world, o, parameters)
    plain = make_body(world, o)
    refuse_wrong_bodies(world, o, plain, parameters, who)


# Their limits are not in the schema alone.
NOT_BY_SCHEMA = {"Login", "Password", "OldPassword", "Expires", "Code", *(name for name in REFERENCES if name not in ("Policy",))}


@pytest.mark.parametrize("o", [o for o in WITH_BODY if o.id not in ("post_session", "put_password", "post_restore")], ids=str)
def test_what_the_schema_allows_is_taken(world, o):
    for name, schema in o.body["properties"].items():
        if name in NOT_BY_SCHEMA:
            continue
        for value in samples.good(DOCUMENT, schema):
            # The IDs of others, and what no ID can come behind.
            if (o.id, name) == ("post_student", "ID") and value is not None:
                continue
            parameters = target(world, o)
            body = settle(world, {**make_body(world, o), name: value})
            if name == "Score" and value is None:
                body.update(State="blank", Score=None)
            answer = send(world, o, parameters, body)
            assert answer.status < 300, f"{name}: {value!r}: {answer}"
    required = {name: value for name, value in make_body(world, o).items() if name in o.body.get("required", ())}
    if o.id == "post_token":
        required["Account"] = world.teacher
    if "Role" in required:
        required = settle(world, required)
    assert send(world, o, body=required).status < 300, "the required members are enough"


LIMITS = {"post_import": 32 << 20, "post_services": 8 << 20}


@pytest.mark.parametrize("o", [o for o in OPERATIONS if o.body_type], ids=str)
def test_a_body_that_is_too_long(world, o):
    """Asked before it is sent, as of 32 MiB must be, since much too much is not read to its end."""
    size = LIMITS.get(o.id, 64 << 10) + 1
    path = url(o, target(world, o), QUERIES[o.id](world) if o.id in QUERIES else "")
    connection = http.client.HTTPConnection("127.0.0.1", world.daemon.port, timeout=10)
    connection.putrequest(o.method, path)
    connection.putheader("Authorization", f"Bearer {world.daemon.cluster.token}")
    for name, value in (("Content-Type", o.body_type), ("Content-Length", size), ("Expect", "100-continue")):
        connection.putheader(name, str(value))
    connection.endheaders()
    answer = gradebook.Answer(connection.getresponse())
    connection.close()
    CHECKER.check(o, expect(answer, 413))


@pytest.mark.parametrize("o", [o for o in OPERATIONS if not o.body_type], ids=str)
def test_a_body_where_none_is_taken(world, o):
    answer = expect(world.send(o.method, url(o, target(world, o)), "{}", who=who_for(world, o)), 413)
    CHECKER.check_value({"$ref": "#/components/schemas/Problem"}, answer.json, o.id)


# Parameters

WITH_QUERY = [(o, p) for o in OPERATIONS for p in o.parameters if p["in"] == "query"]


@pytest.mark.parametrize("o, parameter", WITH_QUERY, ids=lambda value: value["name"] if isinstance(value, dict) else str(value))
def test_query_parameters(world, o, parameter):
    name, who = parameter["name"], who_for(world, o)
    others = "" if name in ("class", "account") or o.id not in QUERIES else QUERIES[o.id](world)
    join = "&" if others else "?"
    wrong = samples.bad_queries(DOCUMENT, parameter)
    for value in wrong:
        expect(send(world, o, body=make_body(world, o), query=f"{others}{join}{name}={samples.quote(value)}", who=who), 400, f"'{name}'")
    if parameter.get("required") or o.id == "get_sessions":
        expect(send(world, o, body=make_body(world, o), query="", who=who), 400, f"'{name}'")
    for value in [str(world.room)] if (o.id, name) == ("post_import", "class") else samples.good_queries(DOCUMENT, parameter):
        if name == "at":
            value = in_days(1)
        answer = send(world, o, body=make_body(world, o), query=f"{others}{join}{name}={samples.quote(value)}", who=who)
        # Sessions of an account that is not there are not, either.
        assert answer.status < 300 or (name == "account" and o.id.endswith("_sessions") and answer.status == 404), f"{name}={value}: {answer}"


WITH_PATH = [o for o in OPERATIONS if "{" in o.path]


@pytest.mark.parametrize("o", WITH_PATH, ids=str)
def test_what_is_not_there(world, o):
    plain = target(world, o)
    body = make_body(world, o)
    for name in plain:
        for value in ("x", "0", "-1", str(NOWHERE), "18446744073709551616"):
            answer = send(world, o, {**plain, name: value}, body)
            # The student of a cell is a matter of who is enrolled.
            expect(answer, 400 if (o.id, name, value) == ("put_cell", "student", str(NOWHERE)) else 404)
    expect(world.send(o.method, url(o, {name: "%zz" for name in plain})), 400)


# Versions and keys

@pytest.mark.parametrize("o", [o for o in OPERATIONS if o.takes("If-Match")], ids=str)
def test_another_version(world, o):
    parameters, body = target(world, o), make_body(world, o)
    conflict = expect(send(world, o, parameters, body, headers={"If-Match": '"v4711"'}), 409)
    assert conflict.json["Current"]["Version"] >= 1 and conflict.json["ChangedBy"] == "cluster" and conflict.json["ChangedAt"]
    assert conflict.json.get("Yours") == body
    for wrong in ("v1", '"x1"', '"v0"', "1"):
        expect(send(world, o, parameters, body, headers={"If-Match": wrong}), 400, "'If-Match'")


@pytest.mark.parametrize("o", [o for o in OPERATIONS if o.takes("Idempotency-Key")], ids=str)
def test_a_request_that_is_sent_twice(world, o):
    parameters, body = target(world, o), make_body(world, o)
    if o.id in ("post_account",):
        body.pop("Password")
    headers = {"Idempotency-Key": f"{o.id}-{time.monotonic_ns()}"}
    first, second = (send(world, o, parameters, body, headers=headers) for _ in range(2))
    assert first.status < 300 and first.headers["Idempotency-Replayed"] is None, first
    assert second.headers["Idempotency-Replayed"] == "true", second
    assert (second.status, second.body) == (first.status, first.body)
    assert [second.headers[name] for name in ("ETag", "Location")] == [first.headers[name] for name in ("ETag", "Location")]
    query = (QUERIES[o.id](world) + "&" if o.id in QUERIES else "?") + "again=yes"
    expect(send(world, o, parameters, body, headers=headers, query=query), 422, "'Idempotency-Key'")
    for wrong in (" ", "x" * 201):
        expect(send(world, o, parameters, body, headers={"Idempotency-Key": wrong}), 400, "'Idempotency-Key'")


# Who asks

@pytest.mark.parametrize("who", ["nobody", "admin", "teacher", "pupil", "gbs_" + "A" * 43, "gbt_" + "A" * 43, "rubbish"])
@pytest.mark.parametrize("o", [o for o in OPERATIONS if o.id not in SELF], ids=str)
def test_whoever_asks_gets_what_is_documented(world, o, who):
    """Which of them is for the matrix of rights to test: here each is an answer that the document has."""
    answer = send(world, o, body=make_body(world, o), who=who)
    if o.public:
        assert answer.status != 401, answer
    elif who not in ("admin", "teacher", "pupil"):
        expect(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    else:
        # There is nothing to restore.
        assert answer.status in (401, 403, 404) or answer.status < 300 or (o.id == "post_restore" and answer.status == 409), answer


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_other_methods_are_not_allowed(world, path):
    methods = {o.method for o in OPERATIONS if o.path == path}
    allowed = sorted(methods | ({"HEAD"} if "GET" in methods else set()))
    parameters = {name: 1 for name in re.findall(r"\{(\w+)\}", path)}
    for method in {"GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"} - set(allowed):
        answer = world.send(method, re.sub(r"\{(\w+)\}", lambda m: str(parameters[m[1]]), path))
        assert answer.status == 405 and sorted(answer.headers["Allow"].split(", ")) == allowed, answer
        CHECKER.check_value({"$ref": "#/components/schemas/Problem"}, answer.json, f"{method} {path}")


def test_a_path_that_is_not_there(world):
    answer = world.send("GET", "/students/1/marks")
    assert answer.status == 404
    CHECKER.check_value({"$ref": "#/components/schemas/Problem"}, answer.json, "GET /students/1/marks")


# What only somebody, or only a certain state, gets to see

def test_another_type_of_body(world):
    assert [o.id for o in OPERATIONS if "415" in o.responses] == ["post_import"], "JSON is known by what it is"
    o = BY_ID["post_import"]
    CHECKER.check(o, expect(world.send("POST", f"/imports?class={world.room}", "{}", kind="application/json"), 415, "Content-Type"))


@pytest.mark.parametrize("o", [BY_ID[name] for name in SELF], ids=str)
def test_whoever_has_no_session(world, o):
    for who, status in (("nobody", 401), ("gbs_" + "A" * 43, 401), ("cluster", 400 if o.id == "delete_sessions" else 404)):
        expect(send(world, o, who=who), status)


@pytest.mark.parametrize("o", [o for o in OPERATIONS if o.takes("at")], ids=str)
def test_students_do_not_look_back(world, o):
    own = {"/students/{id}": world.person, "/accounts/{id}": world.pupil, "/classes/{id}": world.room, "/terms/{id}": world.term}
    parameters = {"id": own[o.path]} if o.path in own else target(world, o)
    answer = send(world, o, parameters, query=f"?at={in_days(1)}", who="pupil")
    assert answer.status == 403 if o.path in own else answer.status in (403, 404), answer


@pytest.mark.parametrize("o", [BY_ID[name] for name in ("undo_entry", "undo_set", "undo_import")], ids=str)
def test_what_was_changed_since_is_listed(world, o):
    parameters = target(world, o)
    expect(send(world, o, parameters), 200)
    conflicts = expect(send(world, o, parameters), 409).json["Conflicts"]
    assert conflicts and all(c["ChangedBy"] == "cluster" and c["ChangedIn"] > c["Sequence"] for c in conflicts)


RESULTS = (("graded", "Quiz", {}), ("late", "Quiz", {}), ("missing", "Exam", {}), ("excused", "Exam", {}), ("blank", "Exam", {}), ("graded", "Test", {}),
           ("graded", "Exam", {"Weight": 0}), ("graded", "Exam", {"ExtraCredit": True}), ("absent", "Homework", {}))


def test_every_step_of_an_average(world):
    """Whatever the policy: the explanations are in the document."""
    letters = [{"Letter": "A", "From": 90}, {"Letter": "B", "From": 12.5}]
    plain = {"TypeWeights": {"Quiz": 20, "Exam": 79.5}, "DropLowest": {"Quiz": 1}, "Scale": letters}
    policies = [None, *({**plain, "Method": method, "Blank": blank}
                        for method in ("mean", "types", "assessments") for blank in ("ignored", "zero"))]
    steps, reasons = set(), set()
    for policy in policies:
        room = world.new_class(Policy=policy)
        full, empty = (world.bare_student() for _ in range(2))
        for student in (full, empty):
            world.make(f"/classes/{room}/enrolments", {"Student": student})
        for state, kind, more in RESULTS:
            row = world.make(f"/classes/{room}/assessments", {"Title": state, "Type": kind, "Maximum": 7.5, **more})
            world.put(row, full, {"State": state, **({"Score": 3.25} if state in ("graded", "late") else {})})
        send(world, BY_ID["get_grid"], {"id": room})
        for o, number in ((BY_ID["get_averages_of_class"], room), (BY_ID["get_averages_of_student"], full)):
            answer = send(world, o, {"id": number}, query="?explain")
            for item in answer.json["Items"]:
                for explained in item["Explanation"].values():
                    steps |= {step["Step"] for step in explained["Steps"]}
                    reasons |= {ignored["Reason"] for ignored in explained["Ignored"]}
    schema = DOCUMENT["components"]["schemas"]
    assert steps == set(schema["Step"]["properties"]["Step"]["enum"])
    assert reasons >= set(schema["ExplainedItem"]["properties"]["Reason"]["enum"]) - {"ExtraCreditAlone"}


def test_statistics_of_few(world):
    room = world.new_class()
    world.make(f"/classes/{room}/enrolments", {"Student": world.person})
    row = world.new_assessment(room)
    for o, parameters in ((BY_ID["get_statistics_of_class"], {"id": room}), (BY_ID["get_statistics_of_assessment"], {"id": row})):
        assert expect(send(world, o, parameters, who="pupil"), 200).json["Withheld"] is True
        assert "Withheld" not in expect(send(world, o, parameters, who="admin"), 200).json


def test_too_many_tries(world):
    o = BY_ID["post_session"]
    body = {"Login": world.send("GET", f"/accounts/{world.new_account()}").json["Login"], "Password": "not this one"}
    answers = [send(world, o, body=body, who="nobody") for _ in range(6)]
    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
