# SPDX-License-Identifier: LGPL-2.1-or-later
"""The central log beside a real journal: what verify compares, what follows over a restart, and whose way trace shows."""
import json
import re
import uuid
import zlib

import pytest

from machine import wait_until

LOGS = "/var/log/gradebook"
ALL = ("gradebook-registry", "gradebook-log", "gradebook-grading", "gradebook-portal")


def verify(machine, *arguments):
    """(exit status, differences, the summary)."""
    done = machine.run("gradebookctl", "--json", "log", "verify", *arguments, check=False)
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert objects, done.stderr
    return done.returncode, objects[:-1], objects[-1]


def post(machine, *messages, service="cook"):
    body = "".join(json.dumps({"Time": "2026-11-22T10:00:00Z", "Priority": 6, "Service": service, "Message": m}) + "\n" for m in messages)
    answer = machine.curl("http://127.0.0.1:4000/log", "--header", "Content-Type: application/x-ndjson", "--data-binary", "@-",
                          token=machine.token(), input=body)
    assert answer.status == 200, answer


def now(machine):
    return machine.run("date", "--utc", "+%Y-%m-%dT%H:%M:%S.%6NZ").stdout.strip()


@pytest.fixture
def worked(gradebook):
    """The machine after some work that all daemons have logged, and the moment before it."""
    since = now(gradebook)
    for unit in ("gradebook-portal", "gradebook-grading", "gradebook-log"):
        gradebook.systemctl("restart", f"{unit}.service")
    name = uuid.uuid4().hex[:8]
    wait_until(lambda: gradebook.run("gradebookctl", "students", "add", "Ada", name, check=False).returncode == 0, "a student can be added")
    wait_until(lambda: all(unit in gradebook.run("gradebookctl", "log", "-o", "json", "-S", since).stdout for unit in ALL), "all have logged something", 30)
    return gradebook, since


def compared(machine, since, at_least):
    """Verifies until so many lines are old enough to be compared."""
    def enough():
        code, differences, summary = verify(machine, "-S", since)
        return summary["Agree"] + len(differences) >= at_least and (code, differences, summary)
    return wait_until(enough, f"{at_least} lines are compared", 40)


def test_verify_agrees(worked):
    machine, since = worked
    text = machine.run("gradebookctl", "log", "-o", "json", "-S", since).stdout
    own = [r for r in map(json.loads, text.splitlines()) if "Sequence" in r]
    assert {r["Service"] for r in own} == set(ALL)
    code, differences, summary = compared(machine, since, len(own))
    assert (code, differences) == (0, []), summary
    assert summary["MissingInLog"] == summary["MissingInJournal"] == summary["Different"] == summary["TwiceInLog"] == 0
    assert machine.run("gradebookctl", "log", "verify", "-S", since).stdout.endswith("They agree.\n")
    # Over restarts of all, and as far back as both reach.
    code, differences, summary = verify(machine, "--all")
    assert (code, differences) == (0, []), summary


def test_verify_notices(worked):
    """One line of the central copy damaged, one rewritten with a checksum that is right, one put in that no daemon wrote."""
    machine, since = worked
    records = [json.loads(line) for line in machine.run("gradebookctl", "log", "-o", "json", "-S", since).stdout.splitlines()]
    own = [r for r in records if "Sequence" in r]
    compared(machine, since, len(own))
    damaged, rewritten = [r for r in own if r["Service"] == "gradebook-grading"][:2]
    machine.systemctl("stop", "gradebook-log.service")
    path = f"{LOGS}/central.ndjson"
    before = machine.read(path)

    def line_of(r):
        return next(line for line in before.splitlines() if f'"Source":"{r["Source"]}","Sequence":{r["Sequence"]},' in line or
                    f'"Source":"{r["Source"]}","Sequence":{r["Sequence"]}}}' in line)

    def rewrite(line):
        head = re.sub(r'"Message":"(.)', lambda m: '"Message":"' + ("B" if m[1] != "B" else "C"), line.partition(',"CRC32"')[0], count=1)
        return f'{head},"CRC32":"{zlib.crc32(head.encode()):08x}"}}'

    try:
        changed = before.replace(line_of(damaged), line_of(damaged).replace('"Priority":', '"Prioritx":')).replace(line_of(rewritten), rewrite(line_of(rewritten)))
        assert len(changed) == len(before) and changed != before
        machine.run("tee", path, input=changed)
        machine.systemctl("start", "gradebook-log.service")
        forged = {"Time": own[-1]["Time"], "Priority": 6, "Service": "gradebook-grading", "Host": own[-1]["Host"], "Source": uuid.uuid4().hex, "Sequence": 1,
                  "Message": "Nothing to see here"}
        answer = machine.curl("http://127.0.0.1:4000/log", "--header", "Content-Type: application/json", "--data-binary", "@-",
                              token=machine.token(), input=json.dumps(forged))
        assert answer.status == 200, answer
        code, differences, summary = compared(machine, since, len(own) + 1)
        assert code == 1
        told = {(d["Difference"], d["Source"], d["Sequence"]) for d in differences}
        assert told == {("missing in the central log", damaged["Source"], damaged["Sequence"]), ("different", rewritten["Source"], rewritten["Sequence"]),
                        ("missing in the journal", forged["Source"], 1)}
        text = machine.run("gradebookctl", "log", "verify", "-S", since, check=False)
        assert text.returncode == 1 and text.stdout.endswith("They differ.\n")
        assert f"missing in the central log: {damaged['Time'][:10]} " in text.stdout and "the central log has: " in text.stdout
        assert "1 damaged places that the log service has met" in text.stdout
    finally:
        # For the tests to come: the copy as it was, and without what was forged.
        machine.systemctl("stop", "gradebook-log.service")
        machine.run("tee", path, input=before)
        machine.run("rm", "-f", f"{LOGS}/central.index", f"{LOGS}/sources.json")
        machine.systemctl("start", "gradebook-log.service")


def test_verify_needs_the_journal(gradebook):
    gradebook.run("install -o nobody -m 400 /var/lib/gradebook/cluster-token /run/token-of-nobody")
    try:
        done = gradebook.run("runuser", "-u", "nobody", "--", "gradebookctl", "--token-file=/run/token-of-nobody", "log", "verify", check=False)
        assert done.returncode == 5
        assert "no permission to read this machine's journal" in done.stderr and "systemd-journal or adm" in done.stderr
    finally:
        gradebook.run("rm", "/run/token-of-nobody")


def test_follow_over_a_restart(gradebook):
    service = f"cook-{uuid.uuid4().hex[:8]}"
    gradebook.run(f"systemd-run --quiet --unit=follower -p StandardOutput=file:/run/followed -p StandardError=file:/run/follower-said "
                  f"gradebookctl log -f -n 0 -o cat -u {service}")
    try:
        def follows():
            post(gradebook, "begin", service=service)
            return "begin" in gradebook.read("/run/followed")
        wait_until(follows, "it follows")
        for i in range(3):
            post(gradebook, *(f"{i} {n}" for n in range(100)), service=service)
            gradebook.systemctl("restart" if i < 2 else "kill", *(["--signal=KILL"] if i == 2 else []), "gradebook-log.service")
            wait_until(lambda: gradebook.is_active("gradebook-log.service"), "the log service runs again", 30)
        post(gradebook, "end", service=service)
        wait_until(lambda: "end\n" in gradebook.read("/run/followed"), "it goes on where it was", 30)
        lines = [line for line in gradebook.read("/run/followed").splitlines() if line != "begin"]
        assert lines == [f"{i} {n}" for i in range(3) for n in range(100)] + ["end"]
        assert set(gradebook.read("/run/follower-said").splitlines()) <= {"gradebookctl: LogService does not answer; going on when it does"}
        gradebook.systemctl("kill", "--signal=INT", "follower.service")
        wait_until(lambda: not gradebook.is_active("follower.service"), "it ends")
        assert gradebook.systemctl("is-failed", "follower.service", check=False).stdout.strip() != "failed"
    finally:
        gradebook.systemctl("stop", "follower.service", check=False)
        gradebook.run("rm -f /run/followed /run/follower-said")


def test_pager_of_root(gradebook):
    """less, as every tool of systemd's: short output is shown and nobody asked, and under sudo it can start nothing."""
    post(gradebook, "one", "two", service="cook")
    shown = gradebook.run("TERM=xterm script -qec 'gradebookctl log -u cook -n 2 -o cat' /dev/null").stdout.replace("\r", "")
    assert re.search(r"\none\S*\ntwo\S*\n", shown) and "\x1b[K" in shown, "less shows it"
    gradebook.write("/run/pager/less", "#!/bin/sh\necho \"secure $LESSSECURE $LESS\"\nexec cat\n", 0o755)
    try:
        shown = gradebook.run("TERM=xterm SUDO_UID=1000 PAGER=/bin/sh PATH=/run/pager:$PATH script -qec 'gradebookctl log -u cook -n 2 -o cat' /dev/null").stdout
        assert shown.replace("\r", "") == "secure 1 FRSXMK\none\ntwo\n"
    finally:
        gradebook.run("rm", "-r", "/run/pager")


def test_trace_through_portal_and_grading(gradebook):
    name = uuid.uuid4().hex[:8]
    student = json.loads(gradebook.run("gradebookctl", "--json", "students", "add", "Grace", name).stdout)["ID"]
    trace = uuid.uuid4().hex
    answer = gradebook.curl(f"http://127.0.0.1:5005/students/{student}/grades", "--header", f"traceparent: 00-{trace}-00f067aa0ba902b7-01",
                            "--data", "Title=Quiz+1&Type=Quiz&Score=97")
    assert answer.status == 303, answer

    def traced():
        done = gradebook.run("gradebookctl", "--json", "trace", trace, check=False)
        records = json.loads(done.stdout) if done.returncode == 0 else []
        return {"gradebook-grading", "gradebook-portal"} <= {r["Service"] for r in records} and records
    records = wait_until(traced, "both have logged the request")
    assert [r["Time"] for r in records] == sorted(r["Time"] for r in records)
    text = gradebook.run("gradebookctl", "trace", trace).stdout
    assert f"POST /students/{student}/grades: 303 See Other" in text and "2 services" in text
    host = gradebook.run("hostname").stdout.strip()
    assert f"{host} http://127.0.0.1:5005" in text and f"{host} http://127.0.0.1:6000" in text
