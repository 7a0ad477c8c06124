# SPDX-License-Identifier: LGPL-2.1-or-later
"""What gradebook promises as a whole, on a machine with a real systemd: what is saved stays, what dies comes back, what is
restarted fails nobody, what is logged is there once."""
import collections
import json

import pytest

from conftest import SERVICES, is_healthy
from machine import wait_until

PORTAL = "http://127.0.0.1:5005"
GRADING = "http://127.0.0.1:6000"
PROVIDER_ADDED_EVENT = "6ee761fb259c471c931bd297097a1f12"
PROVIDER_REMOVED_EVENT = "61e84d4c16434a80b2c447b6761f2a62"
NICK = '{"ID":1,"FirstName":"Nick","LastName":"Carter"}'


@pytest.fixture
def school(gradebook):
    """With one student."""
    answer = gradebook.curl(f"{GRADING}/students", "--data", NICK, token=gradebook.token())
    assert answer.status in (200, 201), answer
    return gradebook


def grades(machine):
    return [g["Title"] for g in machine.curl(f"{GRADING}/students/1", token=machine.token()).json()["Grades"]]


def add_grade(machine, title):
    return machine.curl(f"{PORTAL}/students/1/grades", "--data-urlencode", f"Title={title}", "--data", "Type=Quiz&Score=92.5")


def missing_at_portal(machine):
    return machine.curl(f"{PORTAL}/healthz").json()["Missing"]


def central_log(machine):
    """Every record of the central log, in all its files."""
    text = machine.run("cat /var/log/gradebook/*.ndjson").stdout
    return [json.loads(line) for line in text.splitlines()]


def test_an_acknowledged_grade_survives_sigkill(school):
    for n in range(5):
        title = f"Quiz before kill {n}"
        assert add_grade(school, title).status == 303
        school.systemctl("kill", "--signal=KILL", "gradebook-grading.service")
        wait_until(lambda: is_healthy(school), "grading is back")
        assert title in grades(school)
        assert title in school.curl(f"{PORTAL}/students/1").body


def test_a_killed_provider_is_told_and_comes_back_by_itself(school):
    cursor = school.journal_cursor()
    wait_until(lambda: missing_at_portal(school) == [], "the portal knows all")

    def last_check():
        services = school.curl("http://127.0.0.1:3000/services/GradingService", token=school.token()).json()["Services"]
        return services[0].get("LastCheck")
    before = last_check()
    wait_until(lambda: last_check() not in (None, before), "the registry has asked this process for its heartbeat")
    school.systemctl("kill", "--signal=KILL", "gradebook-grading.service")

    def told():
        """That it went, then that it came back."""
        matches = ("--unit=gradebook-portal.service", "SERVICE_NAME=GradingService")
        seen = [e.get("MESSAGE_ID") for e in school.journal(*matches, after=cursor)]
        return PROVIDER_REMOVED_EVENT in seen and seen[-1] == PROVIDER_ADDED_EVENT
    wait_until(told, "the registry told the portal that grading went and that it came back")
    wait_until(lambda: is_healthy(school) and missing_at_portal(school) == [], "grading is in the list again")
    assert school.curl(f"{PORTAL}/students").status == 200


def test_without_the_registry_the_traffic_goes_on(school):
    school.systemctl("stop", "gradebook-registry.service", "gradebook-registry.socket")
    try:
        for n in range(3):
            assert school.curl(f"{PORTAL}/students").status == 200
            assert add_grade(school, f"Quiz without registry {n}").status == 303
            assert missing_at_portal(school) == []
        # A dependant that starts meanwhile still knows who it knew. Masked, since its start would start the registry, too.
        school.systemctl("mask", "--runtime", "gradebook-registry.service", "gradebook-registry.socket")
        school.systemctl("restart", "gradebook-portal.service")
        assert school.curl(f"{PORTAL}/students").status == 200
        assert not school.is_active("gradebook-registry.service")
    finally:
        school.systemctl("unmask", "--runtime", "gradebook-registry.service", "gradebook-registry.socket")
        school.systemctl("start", "gradebook-registry.socket", "gradebook-registry.service")
    # It knows everybody at once, from its store, and empties nobody's list.
    assert is_healthy(school)
    assert missing_at_portal(school) == []


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_registry_that_comes_back_removes_nobody(school, how):
    cursor = school.journal_cursor()
    for _ in range(5):
        if how == "restart":
            school.systemctl("restart", "gradebook-registry.service")
        else:
            pid = school.property("gradebook-registry.service", "MainPID")
            school.systemctl("kill", "--signal=KILL", "gradebook-registry.service")
            wait_until(lambda pid=pid: school.property("gradebook-registry.service", "MainPID") not in ("0", pid), "systemd restarted it")
        wait_until(lambda: is_healthy(school), "all are registered")
        assert missing_at_portal(school) == []
    gone = {unit: school.messages(f"--unit={unit}", f"MESSAGE_ID={PROVIDER_REMOVED_EVENT}", after=cursor) for unit in SERVICES}
    assert gone == {unit: [] for unit in SERVICES}


def test_a_hundred_restarts_under_load_fail_no_request(school):
    script = f"""
        wrk -t1 -c16 -d600s --timeout 10s {PORTAL}/students >/run/wrk.out 2>&1 &
        load=$!
        for i in $(seq 100); do systemctl restart gradebook-grading.service || echo "restart $i failed"; done
        kill -INT $load; wait $load
        cat /run/wrk.out
    """
    out = school.run(script, timeout=400).stdout
    assert "failed" not in out and "Socket errors" not in out and "Non-2xx" not in out, out
    assert "requests in" in out


def test_posts_during_restarts_are_done_once(school):
    script = f"""
        (for i in $(seq 20); do systemctl restart gradebook-grading.service || echo restart failed; done; touch /run/restarted) &
        n=0
        until [ -e /run/restarted ]; do
            code=$(curl --silent --output /dev/null --max-time 10 --write-out '%{{http_code}}' --data "Title=Restart $n&Type=Quiz&Score=1" {PORTAL}/students/1/grades)
            [ "$code" = 303 ] || echo "request $n: $code"
            n=$((n + 1))
        done
        wait; rm /run/restarted
        echo $n
    """
    *problems, n = school.run(script, timeout=200).stdout.split("\n")[:-1]
    assert problems == []
    seen = collections.Counter(t for t in grades(school) if t.startswith("Restart "))
    assert seen == {f"Restart {k}": 1 for k in range(int(n))}


def test_every_line_is_in_the_journal_and_once_in_the_central_log(school):
    cursor = school.journal_cursor()
    assert add_grade(school, "Quiz logged").status == 303
    school.systemctl("stop", "gradebook-log.service", "gradebook-log.socket")
    assert add_grade(school, "Quiz logged while the log is down").status == 303
    # The lines of one that ends meanwhile wait on disk.
    school.systemctl("restart", "gradebook-registry.service")
    # A restart of grading would start the log service again, which it wants.
    school.systemctl("start", "gradebook-log.socket", "gradebook-log.service")
    school.systemctl("restart", "gradebook-log.service")
    assert add_grade(school, "Quiz logged after").status == 303

    def lines():
        """(service, message) of all that the daemons logged, and how often the central log has each."""
        entries = school.journal("_SYSTEMD_SLICE=system.slice", *(f"SYSLOG_IDENTIFIER={u.removesuffix('.service')}" for u in SERVICES), after=cursor)
        journal = collections.Counter((e["SYSLOG_IDENTIFIER"], e["MESSAGE"]) for e in entries if "GRADEBOOK_SERVICE" in e)
        central = collections.Counter((r["Service"], r["Message"]) for r in central_log(school))
        return journal, central

    def complete():
        journal, central = lines()
        return all(central[key] >= n for key, n in journal.items())
    wait_until(complete, "every line of the journal is in the central log")
    journal, _ = lines()
    assert any("while the log is down" in message for _, message in journal)
    sequences = collections.Counter((r["Source"], r["Sequence"]) for r in central_log(school) if r.get("Source"))
    assert [key for key, n in sequences.items() if n > 1] == []
    # What was logged since is there exactly as often as the journal has it.
    since = min(r["Time"] for r in central_log(school) if "Quiz logged" in r["Message"])
    central = collections.Counter((r["Service"], r["Message"]) for r in central_log(school) if r["Time"] >= since)
    for key, n in central.items():
        assert n <= journal[key], f"{key} is in the central log {n} times, in the journal {journal[key]} times"


def test_the_request_id_joins_the_lines(school):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    cursor = school.journal_cursor()
    answer = school.curl(f"{PORTAL}/students/1/grades", "--header", f"traceparent: 00-{trace}-00f067aa0ba902b7-01",
                         "--data", "Title=Traced&Type=Quiz&Score=7")
    assert answer.status == 303
    wait_until(lambda: school.messages(f"REQUEST_ID={trace}", "--unit=gradebook-grading.service", after=cursor), "grading's journal has the id")
    wait_until(lambda: [r for r in central_log(school) if r.get("RequestID") == trace and r["Service"] == "gradebook-grading"],
               "the central log has it too")
