# SPDX-License-Identifier: LGPL-2.1-or-later
"""Accounts, sessions, API tokens and the way in for the first administrator: how one gets in, how one is kept out, and that what is secret
stays so."""

import concurrent.futures
import http.client
import os
import pty
import re
import select
import statistics
import subprocess
import time
import urllib.parse

import gradebook
import grading_database
import pytest
from ctl import Ctl, ENVIRONMENT, NOT_FOUND, FAILURE, USAGE

PASSWORD = "a horse of another colour"
OTHER = "the quick brown fox 9"
WRONG = "not the horse you look for"
CODE = r"good until the next start: ([a-z0-9-]+)"


@pytest.fixture
def grading(cluster):
    return cluster.start("grading")


def problem(answer, status, member=""):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert member in answer.json["detail"], answer
    return answer


def account(daemon, login, role="teacher", password=PASSWORD, **more):
    answer = daemon.post("/accounts", {"Login": login, "Role": role, **({"Password": password} if password else {}), **more})
    assert answer.status == 201, answer
    assert answer.headers["Location"] == f"/accounts/{answer.json['ID']}"
    return answer.json["ID"]


def source(number):
    """Another address for each number, as the portal says it."""
    return {"Forwarded": f"for=10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}


def try_in(daemon, login, password=PASSWORD, **kwargs):
    kwargs.setdefault("token", None)
    return daemon.post("/sessions", {"Login": login, "Password": password}, **kwargs)


def sign_in(daemon, login, password=PASSWORD, **kwargs):
    answer = try_in(daemon, login, password, **kwargs)
    assert answer.status == 201, answer
    return answer.json["Token"]


def is_in(daemon, token):
    answer = daemon.get("/sessions/current", token=token)
    assert answer.status in (200, 401), answer
    return answer.status == 200


def metric(daemon, name):
    return next(int(line.split()[1]) for line in daemon.get("/metrics").text.splitlines() if line.startswith(name + " "))


# The first administrator

def test_the_first_administrator(grading):
    code = re.search(CODE, grading.stderr)[1]
    assert re.fullmatch(r"([a-km-np-z2-9]{4}-){6}[a-km-np-z2-9]{4}", code)
    body = {"Code": code, "Login": "head", "Name": "The Head", "Password": PASSWORD}
    problem(grading.post("/setup", {**body, "Code": "abcd-" * 6 + "abcd"}, token=None), 403, "Code")
    problem(grading.post("/setup", {**body, "Code": ""}, token=None), 400, "Code")
    problem(grading.post("/setup", {**body, "Password": "password123"}, token=None), 400, "Password")
    problem(grading.post("/setup", {**body, "Login": ""}, token=None), 400, "Login")
    made = grading.post("/setup", {**body, "Code": code.upper().replace("-", " "), "Role": "student"}, token=None)
    assert made.status == 201 and made.json["Role"] == "admin" and made.json["Name"] == "The Head", made
    assert grading.get("/accounts", token=sign_in(grading, "head")).json["Items"] == [made.json]
    problem(grading.post("/setup", {**body, "Login": "again"}, token=None), 409)
    grading.stop()
    text = grading.stderr
    grading.start()
    assert not re.search(CODE, grading.stderr[len(text):])
    problem(grading.post("/setup", body, token=None), 409)


def test_no_code_where_the_command_line_made_an_administrator(grading):
    code = re.search(CODE, grading.stderr)[1]
    account(grading, "head", "admin")
    problem(grading.post("/setup", {"Code": code, "Login": "x", "Password": PASSWORD}, token=None), 409)


def test_the_code_cannot_be_guessed_by_trying(grading):
    body = {"Code": "a" * 28, "Login": "x", "Password": PASSWORD}
    answers = [grading.post("/setup", body, token=None) for _ in range(7)]
    assert [a.status for a in answers] == [403] * 5 + [429] * 2
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def passed_on(daemon, session, path="/students", **kwargs):
    return daemon.request(path, headers={"Gradebook-Session": session}, **kwargs)


def test_the_portal_asks_for_nobody(grading):
    """As the cluster until there is an administrator, and no longer: also for changes, and also while that one is there again."""
    for path in ("/students", "/students?limit=1"):
        answer = passed_on(grading, "none", path)
        assert answer.status == 200 and answer.headers["Gradebook-Setup"] == "needed" and "Gradebook-Account" not in answer.headers
    assert passed_on(grading, "none", "/students/1").status == 404
    assert grading.get("/setup", token=None).json == {"Needed": True}
    account(grading, "teacher")
    assert passed_on(grading, "none").status == 200
    number = account(grading, "head", "admin")
    for path, method in (("/students", "GET"), ("/students", "POST"), ("/accounts", "GET"), ("/setup-is-over", "GET")):
        answer = passed_on(grading, "none", path, method=method, body={"FirstName": "A", "LastName": "B"} if method == "POST" else None)
        assert answer.status == (404 if "over" in path else 401), answer
        assert "over" in path or answer.headers["Gradebook-Session"] == "needed" and "Gradebook-Setup" not in answer.headers
    assert grading.get("/setup", token=None).json == {"Needed": False}
    assert grading.get("/students").json == [] and grading.get("/students").status == 200
    # The last administrator cannot be disabled, but for a moment there may be none: then it is as in the beginning.
    assert grading.request(f"/accounts/{number}", "DELETE").status in (204, 409)
    expected = 200 if grading.get("/setup", token=None).json["Needed"] else 401
    assert passed_on(grading, "none").status == expected
    # Without the cluster's token it says nothing at all.
    assert passed_on(grading, "none", token=None).status == 401
    assert "Gradebook-Session" not in passed_on(grading, "none", token=None).headers


def test_the_portal_is_told_who_it_is(grading):
    student = grading.post("/students", {"FirstName": "Nick", "LastName": "Carter"}).json["ID"]
    number = account(grading, "nick", "student", Name="卡特 & Söhne\u2028", Student=student)
    token = sign_in(grading, "nick")
    for path in ("/students", f"/students/{student}", "/students/99", "/sessions/current"):
        told = urllib.parse.parse_qs(passed_on(grading, token, path).headers["Gradebook-Account"])
        assert told == {"ID": [str(number)], "Role": ["student"], "Student": [str(student)], "Name": ["卡特 & Söhne\u2028"]}
    assert "Gradebook-Account" not in grading.get("/students", token=token).headers
    for bad in ("gbs_" + "a" * 43, "None", "none ", "x", ""):
        answer = passed_on(grading, bad)
        assert answer.status == 401, (bad, answer)
    assert passed_on(grading, "gbs_" + "a" * 43).headers["Gradebook-Session"] == "ended"


# Sessions

@pytest.mark.both_databases
def test_a_session(grading):
    number = account(grading, "Ada", Name="Ada Byron")
    answer = try_in(grading, "aDA")
    assert answer.status == 201 and answer.headers["Cache-Control"] == "no-store"
    token = answer.json["Token"]
    assert re.fullmatch(r"gbs_[\w-]{43}", token) and answer.json["IdleSeconds"] == 1800
    assert answer.json["Account"]["Login"] == "Ada" and "Password" not in answer.json["Account"]
    me = grading.get("/sessions/current", token=token).json
    assert (me["Actor"], me["By"], me["Account"]["ID"], me["Expires"]) == (f"account:{number}", "session", number, answer.json["Expires"])
    assert grading.get("/sessions/current", headers={"Gradebook-Session": token}).json["Actor"] == f"account:{number}"
    cluster = grading.get("/sessions/current").json
    assert (cluster["Actor"], cluster["By"], cluster["Account"]) == ("cluster", "cluster", None)
    second = sign_in(grading, "Ada", headers=source(1), token=grading.cluster.token)
    sessions = grading.get("/sessions", token=second).json["Items"]
    assert [s["Current"] for s in sessions] == [False, True] and sessions[1]["Client"] == "10.0.0.1"
    assert grading.get(f"/sessions?account={number}").json["Items"] == [{**s, "Current": False, "Used": t["Used"]} for s, t in
                                                                      zip(sessions, grading.get(f"/sessions?account={number}").json["Items"])]


def test_what_is_not_valid_never_becomes_the_cluster(cluster, open_cluster):
    for c in (cluster, open_cluster):
        grading = c.start("grading")
        cluster_token = c.token if c is cluster else None
        for bad in ("", "gbs_" + "A" * 43, "gbs_short", "anything", c.token):
            assert grading.get("/students", headers={"Gradebook-Session": bad}, token=cluster_token).status == 401, bad
        for bad in ("gbs_" + "A" * 43, "gbt_" + "A" * 43, "gbs_", "gbt_x"):
            assert grading.get("/students", token=bad).status == 401, bad
        assert grading.get("/students", token=cluster_token).status == 200
    assert open_cluster.daemons[0].get("/sessions/current", token=None).json["Actor"] == "anonymous"


def test_with_authentication_none_a_session_is_an_account(open_cluster):
    grading = open_cluster.start("grading")
    assert grading.post("/accounts", {"Login": "ada", "Role": "teacher", "Password": PASSWORD}, token=None).status == 201
    token = sign_in(grading, "ada")
    for way in ({"token": token}, {"token": None, "headers": {"Gradebook-Session": token}}):
        assert grading.get("/sessions/current", **way).json["Actor"] == "account:1"
        assert grading.post("/students", {"FirstName": "A", "LastName": "B"}, **way).status == 404


@pytest.mark.both_databases
def test_rotation(grading):
    account(grading, "ada")
    old = sign_in(grading, "ada")
    expires = grading.get("/sessions/current", token=old).json["Expires"]
    # All eight are on their way before the first is on disk.
    connections = [http.client.HTTPConnection("127.0.0.1", grading.port, timeout=10) for _ in range(8)]
    for c in connections:
        c.connect()
    for c in connections:
        c.request("POST", "/sessions/current/rotate", headers={"Authorization": f"Bearer {old}"})
    answers = [gradebook.Answer(c.getresponse()) for c in connections]
    for c in connections:
        c.close()
    done = [a for a in answers if a.status == 201]
    assert len(done) == 1 and {a.status for a in answers} == {201, 401}, answers
    new = done[0].json["Token"]
    assert not is_in(grading, old) and is_in(grading, new) and done[0].json["Expires"] == expires
    assert len(grading.get("/sessions", token=new).json["Items"]) == 1


def test_sign_out_everywhere(grading):
    number = account(grading, "ada")
    account(grading, "bob")
    mine, other = [sign_in(grading, "ada") for _ in range(3)], sign_in(grading, "bob")
    assert grading.request("/sessions", "DELETE", token=mine[1]).status == 204
    assert [is_in(grading, t) for t in (*mine, other)] == [False, False, False, True]
    again = sign_in(grading, "ada")
    assert grading.request(f"/sessions?account={number}", "DELETE").status == 204 and not is_in(grading, again)


def test_an_account_has_a_bounded_number_of_sessions(cluster):
    cluster.configure("grading", {"Sessions": {"MaxSessionsPerAccount": 3, "MaxSessions": 5}})
    grading = cluster.start("grading")
    for login in ("ada", "bob"):
        account(grading, login)
    ada = [sign_in(grading, "ada") for _ in range(5)]
    assert [is_in(grading, t) for t in ada] == [False, False, True, True, True]
    bob = [sign_in(grading, "bob") for _ in range(2)]
    assert is_in(grading, ada[2])
    bob.append(sign_in(grading, "bob"))
    # Of all the one whose use is longest ago has gone: ada's fourth.
    assert [is_in(grading, t) for t in ada[2:] + bob] == [True, False, True, True, True, True]
    assert metric(grading, "gradebook_grading_sessions") == 5
    grading.stop()
    grading.start()
    assert [is_in(grading, t) for t in ada[2:] + bob] == [True, False, True, True, True, True]


def test_sessions_expire(cluster):
    cluster.configure("grading", {"Sessions": {"SessionIdleSec": "1s", "SessionMaxSec": "3s"}})
    grading = cluster.start("grading")
    account(grading, "ada")
    began = time.monotonic()
    used, unused = sign_in(grading, "ada"), sign_in(grading, "ada")
    while time.monotonic() < began + 2:
        assert is_in(grading, used)
        select.select([], [], [], 0.1)
    assert not is_in(grading, unused)
    # Over restarts use is remembered, to an eighth of the idle time.
    grading.kill()
    grading.start()
    assert is_in(grading, used)
    while is_in(grading, used):
        assert time.monotonic() < began + 10, "it never ends"
        select.select([], [], [], 0.1)
    assert 3 <= time.monotonic() - began < 6
    sign_in(grading, "ada")
    assert metric(grading, "gradebook_grading_sessions") == 1
    grading.stop()
    db = grading_database.connect(grading)
    assert db.execute("SELECT count(*) FROM sessions").fetchone() == (1,)
    db.close()


@pytest.mark.both_databases
def test_acknowledged_ends_survive_kill_9(grading):
    """Rounds of sign-ins and sign-outs with a kill at any moment: what was answered is so, before and after."""
    account(grading, "ada")
    for round_ in range(8):
        alive = [sign_in(grading, "ada") for _ in range(3)]
        dead = [sign_in(grading, "ada") for _ in range(3)]

        def end(token):
            try:
                return token, grading.request("/sessions/current", "DELETE", token=token).status
            except OSError:
                return token, None
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            ended = [pool.submit(end, t) for t in dead]
            if round_ % 2:
                concurrent.futures.wait(ended, return_when=concurrent.futures.FIRST_COMPLETED)
            else:
                concurrent.futures.wait(ended)
            grading.kill()
            outcomes = [f.result() for f in ended]
        assert any(status == 204 for _, status in outcomes)
        grading.start()
        for token, status in outcomes:
            assert status != 204 or not is_in(grading, token), "a session that was ended is there again"
        assert all(is_in(grading, t) for t in alive), "a session that was begun is not there"
        assert grading.request("/sessions", "DELETE", token=alive[0]).status == 204


def test_sign_in_is_not_idempotent_and_leaves_no_fingerprint(grading):
    account(grading, "ada")
    tokens = {sign_in(grading, "ada", headers={"Idempotency-Key": "k"}) for _ in range(2)}
    assert len(tokens) == 2
    grading.request("/accounts/1/password", "PUT", {"Password": OTHER}, headers={"Idempotency-Key": "l"})
    account(grading, "bob")
    grading.stop()
    db = grading_database.connect(grading)
    assert db.execute("SELECT count(*) FROM idempotency").fetchone() == (0,)
    db.close()


# Who does not get in

def test_all_that_is_wrong_sounds_the_same(grading):
    account(grading, "ada")
    account(grading, "off")
    account(grading, "none", password=None)
    assert grading.request("/accounts/2", "PATCH", {"Disabled": True}).status == 200
    said = set()
    for login, password in (("ada", WRONG), ("nobody", WRONG), ("off", PASSWORD), ("off", WRONG), ("none", WRONG)):
        answer = problem(try_in(grading, login, password), 401)
        said.add((answer.json["detail"], answer.headers["WWW-Authenticate"]))
    assert len(said) == 1
    for body, member in (({}, "Password"), ({"Login": "ada"}, "Password"), ({"Password": "x"}, "Login"), ({"Login": 1, "Password": "x"}, "Login")):
        problem(grading.post("/sessions", body, token=None), 400, member)


def test_all_that_is_wrong_takes_the_same_time(grading):
    """Loose, since the machine does other things as well; without the work for unknown logins it is 20 ms against one."""
    account(grading, "ada")
    account(grading, "off")
    grading.request("/accounts/2", "PATCH", {"Disabled": True})
    cases = {"known": ("ada", WRONG), "unknown": ("nobody", WRONG), "disabled": ("off", PASSWORD)}
    times = {name: [] for name in cases}
    number = 0
    for _ in range(15):
        for name, (login, password) in cases.items():
            number += 1
            # An account takes 30 tries from everywhere; unknown ones are counted alike.
            began = time.monotonic()
            assert try_in(grading, login, password, headers=source(number), token=grading.cluster.token).status == 401
            times[name].append(time.monotonic() - began)
    medians = {name: statistics.median(t) for name, t in times.items()}
    assert max(medians.values()) < 1.6 * min(medians.values()) and min(medians.values()) > 0.005, medians


def test_throttling_locks_attackers_and_not_owners(grading):
    account(grading, "ada")
    peer = {"token": grading.cluster.token}
    sign_in(grading, "ada", headers=source(1), **peer)          # the owner has been here
    # One source: five tries, for a login that is there and for one that is not.
    for login in ("ada", "nobody"):
        statuses = [try_in(grading, login, WRONG, headers=source(2), **peer).status for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
    late = try_in(grading, "ada", PASSWORD, headers=source(2), **peer)
    assert late.status == 429 and 1 <= int(late.headers["Retry-After"]) <= 60, "the right password does not help who guesses"
    # Many sources together: the account's bucket is empty, for strangers.
    statuses = [try_in(grading, "ada", WRONG, headers=source(100 + i), **peer).status for i in range(40)]
    assert statuses.count(429) >= 10 and set(statuses) == {401, 429}
    assert try_in(grading, "ada", PASSWORD, headers=source(999), **peer).status == 429
    # The owner, where he has been before.
    sign_in(grading, "ada", headers=source(1), **peer)
    # Also after a restart, by the session that is known.
    grading.kill()
    grading.start()
    for i in range(40):
        try_in(grading, "ada", WRONG, headers=source(200 + i), **peer)
    assert try_in(grading, "ada", PASSWORD, headers=source(998), **peer).status == 429
    sign_in(grading, "ada", headers=source(1), **peer)
    assert metric(grading, 'gradebook_grading_sign_ins_total{outcome="throttled"}') > 10


def test_who_is_no_peer_cannot_choose_its_source(grading, open_cluster):
    account(grading, "ada")
    statuses = [try_in(grading, "ada", WRONG, headers=source(i)).status for i in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    statuses = [try_in(open_cluster.start("grading"), "ada", WRONG, headers=source(0)).status]
    statuses += [try_in(open_cluster.daemons[0], "ada", WRONG, headers=source(i)).status for i in range(7)]
    assert statuses == [401] * 5 + [429] * 3
    # Of a chain of proxies the last one's word counts, which is our peer's.
    for i in range(3):
        assert try_in(grading, "nobody", WRONG, headers={"Forwarded": f'for=1.2.3.{i}, for="[2001:db8::1]:{i}";proto=https'},
                      token=grading.cluster.token).status == 401


def test_many_at_once_wait_or_are_told_to_and_reads_go_on(grading):
    """64 wait, the others get 503; and who reads meanwhile does not notice."""
    grading.post("/students", {"ID": 1, "FirstName": "A", "LastName": "B"})

    def reads(while_):
        times = []
        while while_() or len(times) < 200:
            began = time.monotonic()
            assert grading.get("/students/1").status == 200
            times.append(time.monotonic() - began)
        return times
    idle = sorted(reads(lambda: False))
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        tries = [pool.submit(try_in, grading, f"login{i}", WRONG, headers=source(i), token=grading.cluster.token, timeout=60) for i in range(100)]
        busy = sorted(reads(lambda: not all(t.done() for t in tries)))
    answers = [t.result() for t in tries]
    statuses = [a.status for a in answers]
    assert set(statuses) == {401, 503} and statuses.count(401) >= 64, statuses
    assert all(int(a.headers["Retry-After"]) >= 1 for a in answers if a.status == 503)
    p99 = [t[len(t) * 99 // 100] for t in (idle, busy)]
    assert p99[1] < 0.1, f"p99 of reads: {p99[0] * 1000:.1f} ms idle, {p99[1] * 1000:.1f} ms while passwords are hashed"
    # A try that was not made does not count.
    refused = next(i for i, s in enumerate(statuses) if s == 503)
    assert [try_in(grading, f"login{refused}", WRONG, headers=source(refused), token=grading.cluster.token).status for _ in range(6)] == [401] * 5 + [429]


def test_a_stop_answers_who_waits_for_a_password(grading):
    account(grading, "ada")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        tries = [pool.submit(try_in, grading, "ada" if i % 2 else f"login{i}", headers=source(i), token=grading.cluster.token) for i in range(20)]
        # One of which the daemon has not heard yet would be refused by the kernel.
        gradebook.wait_until(lambda: sum(t.done() for t in tries) + metric(grading, "gradebook_http_open_requests") > 20 and
                             metric(grading, "gradebook_grading_passwords_pending") > 0, "all have asked, and some wait")
        grading.stop()
        answers = [t.result() for t in tries]
    assert [a.status for a in answers] == [401, 201] * 10
    grading.start()
    assert all(is_in(grading, a.json["Token"]) for a in answers if a.status == 201)


@pytest.mark.sqlite
def test_a_full_disk_takes_no_sessions_and_keeps_those_that_are(cluster, make_disk):
    grading = cluster.daemon("grading")
    grading.state = make_disk(24 << 20)
    grading.start()
    grading.post("/students", {"ID": 1, "FirstName": "A", "LastName": "B"})
    account(grading, "ada")
    account(grading, "head", "admin")
    token = sign_in(grading, "head")
    filler = grading.state / "filler"
    with open(filler, "wb", buffering=0) as f:
        try:
            while f.write(b"x" * 4096):
                pass
        except OSError:
            pass

    def refused():
        answer = try_in(grading, "ada")
        assert answer.status in (201, 507), answer
        return answer.status == 507
    gradebook.wait_until(refused, "the disk is full for sessions", 30)
    assert grading.get("/students/1", token=token).status == 200 and is_in(grading, token)
    filler.unlink()
    gradebook.wait_until(lambda: try_in(grading, "ada").status == 201, "there is room again")
    assert grading.request("/sessions/current", "DELETE", token=token).status == 204 and not is_in(grading, token)


# Accounts

def test_accounts(grading):
    number = account(grading, "ada", Name="Ada")
    row = grading.get(f"/accounts/{number}")
    assert row.json == {"ID": number, "Version": 1, "Login": "ada", "Name": "Ada", "Role": "teacher", "Student": None, "Disabled": False,
                        "PasswordSet": row.json["PasswordSet"]}
    problem(grading.post("/accounts", {"Login": "ADA", "Role": "teacher"}), 409, "Login")
    problem(grading.post("/accounts", {"Login": "x", "Role": "boss"}), 400, "Role")
    problem(grading.post("/accounts", {"Login": "x"}), 400, "Role")
    problem(grading.post("/accounts", {"Role": "teacher"}), 400, "Login")
    problem(grading.post("/accounts", {"Login": "a b", "Role": "teacher"}), 400, "Login")
    problem(grading.post("/accounts", {"Login": "x", "Role": "teacher", "Password": "1234567"}), 400, "Password")
    problem(grading.request(f"/accounts/{number}", "PATCH", {"Password": OTHER}), 400, "Password")
    assert grading.request(f"/accounts/{number}", "PATCH", {"Name": "Ada B."}, headers={"If-Match": '"v1"'}).json["Version"] == 2
    problem(grading.request(f"/accounts/{number}", "PATCH", {"Name": "x"}, headers={"If-Match": '"v1"'}), 409)
    assert [a["Login"] for a in grading.get("/accounts?login=ADA").json["Items"]] == ["ada"]
    assert grading.get("/accounts?login=ad").json["Items"] == []


def test_students_accounts_are_students(grading):
    grading.post("/students", {"ID": 5, "FirstName": "A", "LastName": "B"})
    problem(grading.post("/accounts", {"Login": "s", "Role": "student"}), 400, "Student")
    problem(grading.post("/accounts", {"Login": "s", "Role": "student", "Student": 6}), 400, "Student")
    for role in ("teacher", "admin"):
        problem(grading.post("/accounts", {"Login": "s", "Role": role, "Student": 5}), 400, "Student")
    number = account(grading, "s", "student", Student=5)
    problem(grading.request(f"/accounts/{number}", "PATCH", {"Role": "teacher"}), 400, "Student")
    assert grading.request(f"/accounts/{number}", "PATCH", {"Role": "teacher", "Student": None}).status == 200


@pytest.mark.both_databases
def test_what_an_account_becomes_ends_its_sessions(grading):
    grading.post("/students", {"ID": 5, "FirstName": "A", "LastName": "B"})
    number, head = account(grading, "ada"), account(grading, "head", "admin")
    for body, ends in (({"Name": "x"}, False), ({"Role": "admin"}, True), ({"Role": "student", "Student": 5}, True), ({"Disabled": True}, True)):
        token = sign_in(grading, "ada")
        assert grading.request(f"/accounts/{number}", "PATCH", body).status == 200
        assert is_in(grading, token) != ends, body
    problem(try_in(grading, "ada"), 401)
    assert grading.request(f"/accounts/{number}", "PATCH", {"Disabled": False}).status == 200
    assert not is_in(grading, token), "what was ended by disabling stays so"
    grading.kill()
    grading.start()
    assert not is_in(grading, token)
    assert is_in(grading, sign_in(grading, "ada")) and head == 2


@pytest.mark.both_databases
def test_the_last_administrator_stays(grading):
    first, second = account(grading, "first", "admin"), account(grading, "second", "admin")
    token = sign_in(grading, "first")
    for body in ({"Disabled": True}, {"Role": "teacher"}):
        assert grading.request(f"/accounts/{second}", "PATCH", body).status == 200
        problem(grading.request(f"/accounts/{first}", "PATCH", body, token=token), 409, "last")
        problem(grading.request(f"/accounts/{first}", "DELETE"), 409, "last")
        assert grading.request(f"/accounts/{second}", "PATCH", {"Disabled": False, "Role": "admin"}).status == 200
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda n: grading.request(f"/accounts/{n}", "PATCH", {"Disabled": True}).status, (first, second)))
    assert sorted(both) == [200, 409]


@pytest.mark.both_databases
def test_an_account_goes_with_all_that_is_its_own(grading):
    number = account(grading, "ada")
    token = sign_in(grading, "ada")
    api = grading.post("/tokens", {"Name": "n", "Expires": "2027-01-01T00:00:00Z"}, token=token).json["Token"]
    assert grading.post("/classes/1/teachings", {"Account": number}).status == 201
    assert grading.request(f"/accounts/{number}", "DELETE").status == 204
    assert grading.get(f"/accounts/{number}").status == 404 and not is_in(grading, token) and not is_in(grading, api)
    assert grading.get("/tokens").json["Items"] == [] and grading.get("/classes/1/teachings").json["Items"] == []
    assert account(grading, "ada") == number + 1, "IDs are not used again"
    grading.stop()
    db = grading_database.connect(grading)
    sets = db.execute("SELECT kind, set_sequence FROM ledger WHERE action = 'delete'").fetchall()
    assert [k for k, _ in sets] == ["token", "teaching", "account"] and len({s for _, s in sets}) == 1
    assert db.execute("SELECT count(*) FROM sessions").fetchone() == (0,)
    db.close()


def test_passwords(grading):
    number, head = account(grading, "ada"), account(grading, "head", "admin")
    mine, elsewhere = sign_in(grading, "ada"), sign_in(grading, "ada")
    path = f"/accounts/{number}/password"
    problem(grading.request(path, "PUT", {"Password": OTHER}, token=mine), 400, "OldPassword")
    problem(grading.request(path, "PUT", {"Password": "12345678", "OldPassword": PASSWORD}, token=mine), 400, "Password")
    problem(grading.request(path, "PUT", {"Password": OTHER, "OldPassword": WRONG}, token=mine), 403, "OldPassword")
    problem(grading.request(f"/accounts/{head}/password", "PUT", {"Password": OTHER, "OldPassword": PASSWORD}, token=mine), 404)
    assert grading.request(path, "PUT", {"Password": OTHER, "OldPassword": PASSWORD}, token=mine).status == 204
    assert is_in(grading, mine) and not is_in(grading, elsewhere)
    problem(try_in(grading, "ada", PASSWORD), 401)
    elsewhere = sign_in(grading, "ada", OTHER)
    admin = sign_in(grading, "head")
    problem(grading.request(f"/accounts/{head}/password", "PUT", {"Password": OTHER}, token=admin), 400, "OldPassword")
    assert grading.request(path, "PUT", {"Password": PASSWORD}, token=admin).status == 204
    assert not is_in(grading, mine) and not is_in(grading, elsewhere)
    token = sign_in(grading, "ada")
    # Whoever has found a session open does not try out its password.
    statuses = [grading.request(path, "PUT", {"Password": OTHER, "OldPassword": WRONG}, token=token).status for _ in range(7)]
    assert statuses == [403] * 5 + [429] * 2
    grading.kill()
    grading.start()
    sign_in(grading, "ada")


# API tokens

def test_api_tokens(grading):
    number, head = account(grading, "ada"), account(grading, "head", "admin")
    token, admin = sign_in(grading, "ada"), sign_in(grading, "head")
    body = {"Name": "a script", "Expires": "2027-01-01T00:00:00Z"}
    made = grading.post("/tokens", body, token=token)
    assert made.status == 201 and made.headers["Cache-Control"] == "no-store" and re.fullmatch(r"gbt_[\w-]{43}", made.json["Token"])
    api = made.json["Token"]
    row = {k: v for k, v in made.json.items() if k != "Token"}
    assert row == {"ID": 1, "Version": 1, "Account": number, "Name": "a script", "Expires": "2027-01-01T00:00:00.000000Z"}
    assert grading.get("/tokens", token=token).json["Items"] == [row] == grading.get("/tokens", token=admin).json["Items"]
    assert grading.get("/sessions/current", token=api).json["Actor"] == f"account:{number}"
    for bad in ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "soon", None):
        problem(grading.post("/tokens", {**body, "Expires": bad}, token=token), 400, "Expires")
    problem(grading.post("/tokens", {"Expires": body["Expires"]}, token=token), 400, "Name")
    problem(grading.post("/tokens", body, token=api), 403)
    problem(grading.post("/tokens", {**body, "Account": number}, token=admin), 403, "Account")
    problem(grading.post("/tokens", body), 400, "Account")
    problem(grading.post("/tokens", {**body, "Account": 99}), 400, "Account")
    assert grading.get("/tokens/1", token=admin).json == row
    assert grading.request("/tokens/1", "DELETE", token=admin).status == 204 and not is_in(grading, api)
    second = grading.post("/tokens", {**body, "Account": head}).json
    assert second["ID"] == 2 and is_in(grading, second["Token"])
    grading.kill()
    grading.start()
    assert is_in(grading, second["Token"]) and not is_in(grading, api)


def test_an_api_token_expires(grading):
    account(grading, "ada")
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    api = grading.post("/tokens", {"Account": 1, "Name": "short", "Expires": expires}).json["Token"]
    assert is_in(grading, api)
    gradebook.wait_until(lambda: not is_in(grading, api), "the token has ended", 5)


def test_tokens_are_bounded(grading):
    account(grading, "ada")
    body = {"Account": 1, "Name": "n", "Expires": "2027-01-01T00:00:00Z"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: grading.post("/tokens", body).status, range(60)))
    assert statuses.count(201) == 50 and statuses.count(409) == 10


# What is secret

@pytest.mark.sqlite
def test_secrets_are_nowhere(cluster):
    """Not in the journal, the central log, the ledger, the file of the grades, nor in a spool; the code is in this machine's journal alone."""
    registry, log, grading = cluster.start("registry", "log", "grading")
    code = re.search(CODE, grading.stderr)[1]
    assert grading.post("/setup", {"Code": code, "Login": "head", "Password": PASSWORD}, token=None).status == 201
    session = sign_in(grading, "head")
    api = grading.post("/tokens", {"Name": "n", "Expires": "2027-01-01T00:00:00Z"}, token=session, headers={"Idempotency-Key": "k"}).json["Token"]
    rotated = grading.post("/sessions/current/rotate", token=session, headers={"Idempotency-Key": "m"}).json["Token"]
    try_in(grading, "head", WRONG)
    try_in(grading, WRONG + "!", WRONG)         # a password in the wrong field
    grading.request("/accounts/1/password", "PUT", {"Password": OTHER, "OldPassword": PASSWORD}, token=rotated, headers={"If-Match": '"v99"'})
    grading.get("/students", headers={"Gradebook-Session": rotated})
    grading.get("/students", token=api)
    grading.post("/accounts", {"Login": "ada", "Role": "teacher", "Password": PASSWORD}, headers={"Idempotency-Key": "o"})
    grading.request("/sessions/current", "DELETE", token=rotated)
    gradebook.wait_until(lambda: "has signed out" in gradebook.stored_text(log.logs), "the sign-out is in the central log")
    for daemon in (grading, log, registry):
        daemon.stop()
    secrets = {"code": code, "code without marks": code.replace("-", ""), "password": PASSWORD, "wrong password": WRONG, "new password": OTHER,
               "session": session[4:], "rotated": rotated[4:], "API token": api[4:]}
    files = [p for p in cluster.directory.rglob("*") if p.is_file() and cluster.credentials not in p.parents]
    assert any(p.name == "grades.db" for p in files) and any("log.spool" in p.name for p in files)
    found = [(name, str(p.relative_to(cluster.directory))) for p in files for name, secret in secrets.items() if secret.encode() in p.read_bytes()]
    assert found == [("code", str(grading.stderr_path.relative_to(cluster.directory)))]
    assert "no administrator yet" not in gradebook.stored_text(log.logs)
    # What was done is told.
    text = gradebook.stored_text(log.logs)
    for line in ("has signed in", "has signed out", "could not sign in"):
        assert line in text
    assert '"ACCOUNT":"unknown"' in text and '"ACCOUNT":"1"' in text


def test_passwords_are_argon2id_in_their_column_alone(grading):
    account(grading, "ada")
    grading.stop()
    db = grading_database.connect(grading)
    assert db.execute("SELECT password FROM accounts").fetchone()[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not [r for r in db.execute("SELECT old, new FROM ledger") if "argon2" in str(r)]
    db.close()


def test_a_hash_with_other_parameters_is_made_anew(grading):
    account(grading, "ada")
    grading.stop()
    # As libsodium's crypto_pwhash_str() makes it of PASSWORD with t=1 and 8 MiB.
    weak = weak_hash(PASSWORD)
    db = grading_database.connect(grading)
    with db:
        db.execute("UPDATE accounts SET password = ?", (weak,))
    db.close()
    grading.start()
    sign_in(grading, "ada")
    sign_in(grading, "ada")
    grading.stop()
    db = grading_database.connect(grading)
    assert db.execute("SELECT password FROM accounts").fetchone()[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    db.close()


def weak_hash(password):
    import ctypes
    sodium = ctypes.CDLL("libsodium.so.23")
    assert sodium.sodium_init() >= 0
    out = ctypes.create_string_buffer(128)
    assert sodium.crypto_pwhash_str(out, password.encode(), ctypes.c_ulonglong(len(password)), ctypes.c_ulonglong(1), ctypes.c_size_t(8 << 20)) == 0
    return out.value.decode()


# The command line

@pytest.fixture
def ctl(cluster):
    cluster.start("registry")
    grading = cluster.start("grading")
    gradebook.wait_until(lambda: "GradingService" in cluster.services(), "grading is registered")
    c = Ctl(cluster)
    c.grading = grading
    return c


def piped(ctl, *arguments, text=PASSWORD + "\n", code=0):
    done = subprocess.run(ctl.command(*arguments, "--password-stdin"), input=text, capture_output=True, text=True, timeout=30,
                          env={**os.environ, **ENVIRONMENT}, start_new_session=True)
    assert done.returncode == code, done
    return done


def typed(ctl, lines, *arguments):
    """On a terminal of its own, one line for each question: (code, what was shown)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(str(ctl.command()[0]), ctl.command(*arguments), {**os.environ, **ENVIRONMENT, "TERM": "dumb"})
    seen = ""
    lines = list(lines)
    while select.select([terminal], [], [], 20)[0]:
        try:
            piece = os.read(terminal, 4096).decode()
        except OSError:
            break
        if not piece:
            break
        seen += piece
        if seen.endswith(": ") and lines:
            os.write(terminal, lines.pop(0).encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.replace("\r\n", "\n")


def test_users_on_the_command_line(ctl):
    grading = ctl.grading
    done = piped(ctl, "user", "add", "head", "--role=admin", "--name=The Head")
    assert done.stdout == "head (admin, account 1) can sign in now.\n"
    sign_in(grading, "head")
    code, seen = typed(ctl, [OTHER + "\n", OTHER + "\n"], "user", "add", "ada", "--role=teacher")
    assert code == 0 and OTHER not in seen and "ada (teacher, account 2) can sign in now." in seen, seen
    token = sign_in(grading, "ada", OTHER)
    code, seen = typed(ctl, [OTHER + "\n", WRONG + "\n"], "user", "passwd", "ada")
    assert code == FAILURE and "not the same" in seen and is_in(grading, token)
    code, seen = typed(ctl, ["abc\x03"], "user", "passwd", "ada")
    assert code == FAILURE and "interrupted" in seen and "abc" not in seen
    piped(ctl, "user", "passwd", "ADA")
    assert not is_in(grading, token) and sign_in(grading, "ada")
    assert ctl("user", "list").stdout.splitlines() == [
        "ID  LOGIN  NAME      ROLE     STUDENT  STATE",
        " 1  head   The Head  admin          -  enabled",
        " 2  ada              teacher        -  enabled"]
    assert "disabled" in ctl("user", "disable", "ada").stdout
    problem(try_in(grading, "ada"), 401)
    assert ctl.json("user", "list")[1]["Disabled"] is True
    ctl("user", "enable", "ada")
    sign_in(grading, "ada")
    assert "last enabled administrator" in ctl("user", "disable", "head", code=FAILURE).stderr
    assert "no account" in ctl("user", "disable", "nobody", code=NOT_FOUND).stderr
    assert "--role" in ctl("user", "add", "x", code=USAGE).stderr
    assert "Password" in piped(ctl, "user", "add", "x", "--role=teacher", text="12345678\n", code=FAILURE).stderr
    assert piped(ctl, "user", "add", "x", "--role=teacher", text="", code=USAGE).stderr
    done = subprocess.run(ctl.command("user", "add", "x", "--role=teacher"), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30, start_new_session=True)
    assert done.returncode == USAGE and "--password-stdin" in done.stderr


def test_tokens_on_the_command_line(ctl):
    piped(ctl, "user", "add", "ada", "--role=teacher")
    done = ctl("token", "add", "ada", "a script", "--days=10")
    assert is_in(ctl.grading, done.stdout.strip()) and "shown this once" in done.stderr
    assert ctl.json("token", "list", "ada")[0]["Name"] == "a script"
    assert "a script" in ctl("token", "list").stdout and done.stdout.strip() not in ctl("token", "list").stdout
    ctl("token", "end", 1)
    assert not is_in(ctl.grading, done.stdout.strip())
    assert ctl("token", "end", 1, code=NOT_FOUND).stderr
    assert "--days" in ctl("token", "add", "ada", "n", "--days=400", code=USAGE).stderr
