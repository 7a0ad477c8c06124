# SPDX-License-Identifier: LGPL-2.1-or-later
"""Daemons of two versions in one cluster, as they are while a rolling upgrade is under way, and what one leaves behind for the next."""

import json

import pytest
from gradebook import BUILD, stored_text, wait_until
from previous import DAEMONS, NotThere, Previous
from people import PASSWORD, Person
from school import add_five_students

ON_THE_WIRE = {"LogService", "GradingService", "Portald"}
GRADE = {"Title": "Quiz 3", "Type": "Quiz", "Score": "88.5"}
MIXES = [{old} for old in DAEMONS] + [set(DAEMONS) - {new} for new in DAEMONS]


@pytest.fixture(scope="module")
def previous():
    try:
        return Previous()
    except NotThere as why:
        pytest.skip(f"no previous version: {why}")


def configure(cluster, previous, old):
    cluster.configure("portal", {"Portal": {"DataDirectory": str(previous.portal_data)}} if "portal" in old else {})
    cluster.configure("registry", {"Registry": {"HeartbeatSec": "500ms"}})


def start(cluster, previous, old):
    """All four, those in old of the previous version."""
    configure(cluster, previous, old)
    return {name: cluster.daemon(name, binary=previous.binary(name) if name in old else None, keep_listener=True).start() for name in DAEMONS}


def instances(registry):
    return {s["ServiceName"]: s for s in registry.get("/services").json["Services"]}


def form(fields):
    return "&".join(f"{k}={v}" for k, v in fields.items()).replace(" ", "+")


def add_grade(portal):
    return portal.post("/students/1/grades", form(GRADE), headers={"Content-Type": "application/x-www-form-urlencoded"}, token=False)


def missing(daemon):
    return daemon.get("/healthz").json["Missing"]


@pytest.mark.parametrize("old", MIXES, ids=lambda old: "old-" + "-".join(name for name in DAEMONS if name in old))
def test_two_versions_work_together(cluster, previous, old):
    daemons = start(cluster, previous, old)
    registry, log, grading, portal = (daemons[name] for name in DAEMONS)

    # They register, are asked for their heartbeat, and learn of each other.
    wait_until(lambda: set(cluster.services()) == ON_THE_WIRE, "all are registered")
    wait_until(lambda: all(s.get("LastCheck") and "LastError" not in s for s in instances(registry).values()), "all heartbeats are answered")
    wait_until(lambda: missing(portal) == missing(grading) == [], "all were told where the others are")

    # Pages, a change, the gateway.
    add_five_students(grading)
    assert "Carter" in portal.get("/students", token=False).text
    assert add_grade(portal).status == 303
    assert "Quiz 3" in portal.get("/students/1", token=False).text
    assert portal.get("/api/GradingService/students/1").json["Grades"][-1]["Title"] == "Quiz 3"

    # Who has an account.
    assert grading.post("/accounts", {"Login": "head", "Role": "admin", "Password": PASSWORD}).status == 201
    person = Person(portal)
    wait_until(lambda: person.sign_in("head").page.status == 303, "head has signed in")
    assert person.get("/students").status == person.get("/classes").status == 200

    # The lines of all, each once.
    def shipped():
        services = [json.loads(line)["Service"] for line in stored_text(log.logs).splitlines()]
        return {f"gradebook-{name}" for name in DAEMONS} <= set(services)
    wait_until(shipped, "everybody's lines are in the central log")
    records = [json.loads(line) for line in stored_text(log.logs).splitlines()]
    numbers = [(r["Source"], r["Sequence"]) for r in records if r.get("Source")]
    assert len(numbers) == len(set(numbers))

    # One goes and comes back; a registry does so without emptying anybody's list.
    grading.stop()
    wait_until(lambda: "GradingService" not in cluster.services(), "it has deregistered")
    grading.start()
    wait_until(lambda: "GradingService" in cluster.services() and missing(portal) == [], "it is back, and the portal knows")
    registry.stop()
    registry.start()
    wait_until(lambda: set(cluster.services()) == ON_THE_WIRE, "the registry knows them all")
    assert missing(portal) == missing(grading) == []
    assert person.get("/students").status == 200


def test_a_new_version_takes_over_what_is_there(cluster, previous):
    """One daemon after the other, as a rollout does it."""
    daemons = start(cluster, previous, set(DAEMONS))
    registry, log, grading, portal = (daemons[name] for name in DAEMONS)
    add_five_students(grading)
    wait_until(lambda: missing(portal) == [] and add_grade(portal).status == 303, "a grade is saved")
    before = grading.get("/students").json
    lines = stored_text(log.logs)

    for name in DAEMONS:
        daemons[name].stop()
        daemons[name].binary = BUILD / f"gradebook-{name}"
        if name == "portal":
            configure(cluster, previous, set())
        daemons[name].start()
        wait_until(lambda: set(cluster.services()) == ON_THE_WIRE, f"all are registered with the new {name}")
        wait_until(lambda: missing(portal) == [], f"the portal was told of the new {name}")
        assert "Quiz 3" in portal.get("/students/1", token=False).text

    assert grading.get("/students").json == before
    assert grading.get("/ledger?n=1000").status == 200
    assert stored_text(log.logs).startswith(lines)
