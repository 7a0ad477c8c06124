# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writers that change grades until the service is gone, and know of each row what must be in it: what was acknowledged once, and what was
under way when the connection broke at most once."""

import http.client
import json
import random
import threading

import ledger_truth


class Refused(Exception):
    """An answer that must not come."""


class Operation:
    """A change of one grade: of which title, the request, and the row before and after it, as (score, version) or None."""

    def __init__(self, title, method, path, body, before, after, key):  # pylint: disable=too-many-arguments,too-many-positional-arguments
        self.title, self.method, self.path, self.body = title, method, path, body
        self.before, self.after, self.key = before, after, key

    @property
    def headers(self):
        return {"Idempotency-Key": self.key} if self.key else {}


class Writer:
    """One student of its own, and grades that nobody else touches; all writers together turn one shared grade as well."""

    def __init__(self, daemon, seed, name, student, shared):
        self.daemon, self.name, self.student, self.shared = daemon, name, student, shared
        self.random = random.Random(f"{seed} {name}")
        self.grades = {}                # title: (id, score, version) of those that are there
        self.gone = {}                  # title: (id, score, version) of those that were deleted
        self.open = None                # the operation under way
        self.students = {}              # last name: acknowledged
        self.open_student = None
        self.shared_acknowledged = self.shared_asked = 0
        self.acknowledged = self.unknown = self.full = self.repeated = 0
        self.n = 0
        self.failure = None
        self.thread = self.connection = None
        self.enough = False             # set by whoever wants it to end without a kill
        self.may_be_away = False        # the database: a 503 then says no more than a connection that breaks, and the writer ends likewise

    def begin(self):
        self.enough = False
        self.thread = threading.Thread(target=self._run, name=self.name)
        self.thread.start()

    def _run(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=20)
        try:
            while not self.enough:
                self._step()
        except (OSError, http.client.HTTPException):
            pass
        except Exception as e:  # pylint: disable=broad-exception-caught
            self.failure = e
        finally:
            self.connection.close()

    def _ask(self, method, path, body=None, headers=None):
        headers = {"Authorization": f"Bearer {self.daemon.cluster.token}", "Content-Type": "application/json", **(headers or {})}
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status == 503 and self.may_be_away:
            raise ConnectionError(body.decode())
        return answer, body

    def _step(self):
        what = self.random.random()
        if what < 0.05:
            self._add_student()
        elif what < 0.15:
            self._turn_shared()
        else:
            self._change_grade()

    def _key(self):
        return f"{self.name}-{self.n}" if self.random.random() < 0.5 else None

    # -- a grade of one's own --

    def _choose(self):
        self.n += 1
        what = self.random.random()
        score = self.random.randrange(10001)
        if what < 0.4 or not self.grades:
            title = f"{self.name}-{self.n}"
            return Operation(title, "POST", f"/students/{self.student}/grades", {"Title": title, "Type": "Test", "Score": score / 100}, None,
                             (score, 1), self._key())
        title = self.random.choice(list(self.grades))
        number, before, version = self.grades[title]
        if what < 0.7:
            score = score if score != before else score - 1 if score else 1
            return Operation(title, "PATCH", f"/grades/{number}", {"Score": score / 100, "Reason": "again"}, (before, version),
                             (score, version + 1), self._key())
        if what < 0.85 or not self.gone:
            return Operation(title, "DELETE", f"/grades/{number}", None, (before, version), None, None)
        title = self.random.choice(list(self.gone))
        number, score, version = self.gone[title]
        _, body = self._ask("GET", f"/grades/{number}/history?limit=1")
        item = json.loads(body)["Items"][0]
        if item["Action"] != "delete":
            raise Refused(f"{self.name}: grade {number} was deleted, and its last entry is {item}")
        return Operation(title, "POST", f"/ledger/{item['Sequence']}/undo", {"Reason": "back"}, None, (score, version + 1), self._key())

    def _change_grade(self):
        operation = self._choose()
        self.open = operation
        answer, body = self._ask(operation.method, operation.path, operation.body, operation.headers)
        if answer.status == 507:
            self.full += 1
            self.open = None
            return
        if answer.status not in (200, 201, 204):
            raise Refused(f"{self.name}: {operation.method} {operation.path} {operation.body}: {answer.status} {body[:300]}")
        number = int(answer.headers["Location"].rsplit("/", 1)[1]) if answer.headers["Location"] else None
        self._note(operation, number)
        self.acknowledged += 1
        self.open = None

    def _note(self, operation, number=None):
        title = operation.title
        if operation.after is None:
            number, score, version = self.grades.pop(title)
            self.gone[title] = (number, score, version + 1)
            return
        known = self.grades.pop(title, None) or self.gone.pop(title, None)
        self.grades[title] = (number or known[0], *operation.after)

    # -- what several touch --

    def _turn_shared(self):
        answer, body = self._ask("GET", f"/grades/{self.shared}")
        if answer.status != 200:
            raise Refused(f"{self.name}: the shared grade answers {answer.status}")
        row = json.loads(body)
        self.shared_asked += 1
        answer, body = self._ask("PATCH", f"/grades/{self.shared}", {"Score": (row["Version"] % 10000 + 1) / 100},
                                 {"If-Match": answer.headers["ETag"]})
        if answer.status not in (200, 409, 507):
            raise Refused(f"{self.name}: changing the shared grade: {answer.status} {body[:300]}")
        self.shared_acknowledged += answer.status == 200
        self.shared_asked -= answer.status != 200

    def _add_student(self):
        self.n += 1
        name = f"{self.name}-{self.n}"
        self.open_student = (name, self._key())
        answer, body = self._ask("POST", "/students", {"FirstName": "New", "LastName": name},
                                 {"Idempotency-Key": self.open_student[1]} if self.open_student[1] else None)
        if answer.status not in (201, 507):
            raise Refused(f"{self.name}: adding a student: {answer.status} {body[:300]}")
        if answer.status == 201:
            self.students[name] = json.loads(body)["ID"]
        self.open_student = None

    # -- when the service is back --

    def settle(self, truth):
        """Holds what the replayed ledger has against what was acknowledged. What was under way is repeated where it has a key."""
        if self.failure:
            raise AssertionError(f"{self.failure!r}") from self.failure
        mine = truth.grades_of(self.student)
        operation, self.open = self.open, None
        for title, (number, score, version) in self.grades.items():
            if operation and operation.title == title:
                continue
            assert title in mine, f"{title} was acknowledged and is lost"
            assert mine[title] == (number, score, version), f"{title} is {mine[title]}, and {(number, score, version)} was acknowledged"
        for title in mine:
            assert title in self.grades or (operation and operation.title == title), f"{title} is there, and was deleted or never asked for"
        if operation:
            self._settle_open(operation, mine.get(operation.title))
        names = truth.students_named(self.name + "-")
        for name, number in self.students.items():
            assert names.get(name) == [number], f"student {name}: {names.get(name)}, and {number} was acknowledged"
        opened, self.open_student = self.open_student, None
        for name, numbers in names.items():
            assert len(numbers) == 1 and (name in self.students or (opened and opened[0] == name)), f"student {name} is there as {numbers}"
        if opened:
            self._settle_student(*opened, names.get(opened[0]))

    def _settle_open(self, operation, found):
        state = found[1:] if found else None
        assert state in (operation.before, operation.after), f"{operation.title} is {state}: neither {operation.before} nor {operation.after}"
        happened = state == operation.after
        self.unknown += 1
        number = found[0] if found else None
        if operation.key:
            answer = self.daemon.request(operation.path, operation.method, operation.body, headers=operation.headers)
            assert answer.status in (200, 201), f"{operation.title}, repeated with its key: {answer}"
            assert (answer.headers["Idempotency-Replayed"] == "true") == happened, f"{operation.title}: {answer.headers}"
            if answer.headers["Location"]:
                number = int(answer.headers["Location"].rsplit("/", 1)[1])
            self.repeated += 1
            happened = True
        if happened:
            self._note(operation, number)

    def _settle_student(self, name, key, numbers):
        if key:
            answer = self.daemon.post("/students", {"FirstName": "New", "LastName": name}, headers={"Idempotency-Key": key})
            assert answer.status == 201 and (not numbers or answer.json["ID"] == numbers[0]), answer
            numbers = [answer.json["ID"]]
            self.repeated += 1
        if numbers:
            self.students[name] = numbers[0]


class Truth:
    """The ledger, verified and replayed with python alone; each time only what is new, which hangs on what was verified before."""

    def __init__(self):
        self.sequence, self.hash, self.time = 0, "0" * 64, ""
        self.rows = {}
        self.grade_ids = {}             # title: ids that a grade of this title ever had

    def catch_up(self, daemon):
        while True:
            answer = daemon.get(f"/ledger?after={max(self.sequence - 1, 0)}&limit=10000", timeout=60)
            assert answer.status == 200, answer
            page = [json.loads(line) for line in answer.text.splitlines()]
            if self.sequence:
                assert page, f"entry {self.sequence} is not there any more"
                assert page[0]["Hash"] == self.hash, f"entry {self.sequence} is another than before"
                page = page[1:]
            if not page:
                return
            for e in page:
                self._take(e)

    def _take(self, e):
        assert e["Sequence"] == self.sequence + 1 and e["Previous"] == self.hash and e["Time"] >= self.time, e
        assert ledger_truth.digest(e) == e["Hash"], f"entry {e['Sequence']} has another hash than its content"
        ledger_truth.apply(self.rows, e)
        if e["Kind"] == "grade" and e["New"]:
            title = self.rows["assessment", json.loads(e["New"])["Assessment"]]["Title"]
            self.grade_ids.setdefault(title, set()).add(e["ID"])
            assert len(self.grade_ids[title]) == 1, f"grade {title} was made {len(self.grade_ids[title])} times"
        self.sequence, self.hash, self.time = e["Sequence"], e["Hash"], e["Time"]

    def grades_of(self, student):
        """{title: (id, score in hundredths, version)}"""
        return {self.rows["assessment", row["Assessment"]]["Title"]: (i, round(row["Score"] * 100), row["Version"])
                for (kind, i), row in self.rows.items() if kind == "grade" and row["Student"] == student}

    def students_named(self, prefix):
        found = {}
        for (kind, i), row in self.rows.items():
            if kind == "student" and row["LastName"].startswith(prefix):
                found.setdefault(row["LastName"], []).append(i)
        return found
