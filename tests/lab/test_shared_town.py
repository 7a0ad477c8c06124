# SPDX-License-Identifier: LGPL-2.1-or-later
"""Three machines, three registries on etcd, two grading services and two logs on PostgreSQL: any of it may go, under load, and nothing that was said is lost."""
import contextlib
import json
import secrets

import pytest

from machine import Machine, wait_until
from network import Network
from shared_town import PLACES, POSTGRES, SharedTown, Sources, Writers, lists_stay_full, prepare_shared
from test_three_machines import SECONDS, Authority


@pytest.fixture(scope="module")
def town(build, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("ca"))
    token = secrets.token_hex(32)
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network(list(PLACES)))
        machines = {place: stack.enter_context(Machine(f"shared-{place}", build=build, network=None, options=network.options(place),
                                                       prepare=lambda m, place=place: prepare_shared(m, place, network, authority, token)))
                    for place in PLACES}
        t = SharedTown(machines, network, token)
        for place in PLACES:
            t.start_etcd(place)
        wait_until(t.etcd_leader, "etcd has a leader", timeout=30)
        t.make_primary("one")
        t.make_standby("two", "one")
        for place in PLACES:
            t.start_services(place)
        t.wait_until_well("all services pass at all three registries", 60)
        done = machines["two"].run("gradebookctl", "students", "add", "Ada", "Lovelace", check=False)
        assert done.returncode == 0, done.stderr
        yield t


@pytest.fixture
def well(town):
    town.wait_until_well("all services pass at all three registries", 60)
    wait_until(lambda: all(town.page(place, place) for place in PLACES), "all portals show the students", timeout=30)
    return town


def judge(town, writers, at):
    """Each acknowledged grade is there once, and the ledger says the same."""
    answer = town.ask(at, town.url("portal", at) + "/api/GradingService/students/1/grades?limit=10000")
    assert answer.status == 200, answer
    found = [row["Title"] for row in answer.json()["Items" if "Items" in answer.json() else "Grades"]]
    assert len(writers.acknowledged) > 0
    for title in writers.acknowledged:
        assert found.count(title) == 1, (title, found.count(title))
    assert town.machines[at].run("gradebookctl", "ledger", "verify", timeout=120).stdout.startswith("Verified")


def judge_lines(town, sources):
    """Each line that was acknowledged is there once, at both logs, in its source's order."""
    assert all(sources.acknowledged.values())
    for at in ("two", "three"):
        answer = town.ask("one", town.url("log", at) + "/log?service=town&n=10000", "--header", "Accept: application/x-ndjson")
        assert answer.status == 200, answer
        records = [json.loads(line) for line in answer.body.splitlines()]
        for source, last in sources.acknowledged.items():
            found = [r["Sequence"] for r in records if r.get("Source") == source]
            assert found == list(range(1, len(found) + 1)) and last <= len(found) <= last + 5, (at, last, found)


def test_what_one_saves_the_others_show(well):
    assert {place: sorted(well.states(place)) for place in PLACES} == dict.fromkeys(PLACES, sorted(well.states("one")))
    with Writers(well, ["one", "two"]) as writers, Sources(well, ["one", "three"]) as sources:
        wait_until(lambda: len(writers.acknowledged) > 20 and min(sources.acknowledged.values()) > 50, "grades and lines are saved through both", timeout=30)
    for at in PLACES:
        judge(well, writers, at)
    judge_lines(well, sources)


@pytest.mark.parametrize("at", PLACES)
def test_the_log_in_postgresql_agrees_with_each_journal(well, at):
    """But for what a daemon says that belongs on another machine: without its certificate it does not start, and nobody sends its lines."""
    own = {f"gradebook-{name}" for name in PLACES[at]}

    def compared():
        done = well.machines[at].run("gradebookctl", "--json", "log", "verify", "--all", check=False)
        *differences, summary = map(json.loads, done.stdout.splitlines())
        assert not [d for d in differences if d["Service"] in own], done.stdout
        assert summary["MissingInJournal"] == summary["Different"] == summary["TwiceInLog"] == 0, summary
        return summary["Agree"] > 0
    wait_until(compared, "lines are old enough to be compared", timeout=40)


def test_the_leader_of_etcd_is_killed(well):
    leader = wait_until(well.etcd_leader, "etcd has a leader", timeout=30)
    with well.watched("three", "three"), lists_stay_full(well, PLACES), Writers(well, ["one"]) as writers, Sources(well, ["two"]) as sources:
        well.machines[leader].systemctl("kill", "--signal=KILL", "etcd-member.service")
        wait_until(lambda: well.etcd_leader() not in (None, leader), "another member leads", timeout=30)
        wait_until(lambda: well.passes_at("one"), "what lives is reachable", timeout=SECONDS)
    judge(well, writers, "two")
    judge_lines(well, sources)
    well.machines[leader].systemctl("reset-failed", "etcd-member.service", check=False)
    well.start_etcd(leader)


def test_a_machine_is_cut_off(well):
    """The third: its registry, its portal and the log are away; all others go on, and its instances are taken over and given back."""
    with well.watched("one", "one"), lists_stay_full(well, ["one", "two"]), Writers(well, ["one", "two"]) as writers, Sources(well, ["one", "two"]) as sources:
        with well.network.cut("three"):
            wait_until(lambda: well.states("one").get(well.url("portal", "three")) == "critical", "its portal is missed", timeout=30)
            assert well.states("one")[well.url("grading", "one")] == well.states("one")[well.url("grading", "two")] == "passing"
        well.wait_until_well("all that lives there is found again, by all registries", SECONDS)
    judge(well, writers, "two")
    judge_lines(well, sources)


@pytest.mark.parametrize(("source", "to"), [("three", "one"), ("one", "three")])
def test_a_machine_is_cut_off_in_one_direction(well, source, to):
    """What one sends does not reach the other, all else comes through: the second machine, which both hear, serves on."""
    with well.watched("two", "two"), lists_stay_full(well, ["two"]), Writers(well, ["two"]) as writers, Sources(well, ["two"]) as sources:
        wait_until(lambda: len(writers.acknowledged) > 5, "grades are saved", timeout=30)
        with well.network.deaf(source, to=to):
            before, lines = len(writers.acknowledged), dict(sources.acknowledged)
            wait_until(lambda: len(writers.acknowledged) > before + 60 and all(n > lines[s] + 60 for s, n in sources.acknowledged.items()), "all goes on", timeout=60)
        well.wait_until_well("all is found again, by all registries", SECONDS)
    judge(well, writers, "two")
    judge_lines(well, sources)


def test_a_machine_is_killed(well):
    """The third, all of it at once: what lives is reachable within five seconds, and all is served on; then it boots again, and joins them."""
    living = {well.url(name, place): "passing" for place in ("one", "two") for name in PLACES[place] if name != "registry"}

    def all_live(at):
        states = well.states(at)
        return {url: states.get(url) for url in living} == living
    with well.watched("one", "one"), lists_stay_full(well, ["one", "two"]), Writers(well, ["one", "two"]) as writers, Sources(well, ["one", "two"]) as sources:
        wait_until(lambda: len(writers.acknowledged) > 5, "grades are saved", timeout=30)
        well.machines["three"].crash()
        wait_until(lambda: all_live("one") and all_live("two"), "what lives is reachable", timeout=SECONDS)
        wait_until(lambda: well.states("one").get(well.url("portal", "three")) == "critical", "what does not is missed", timeout=30)
        before, lines = len(writers.acknowledged), dict(sources.acknowledged)
        wait_until(lambda: len(writers.acknowledged) > before + 10 and all(n > lines[s] for s, n in sources.acknowledged.items()), "all goes on", timeout=30)
        assert all_live("one") and all_live("two")
        well.machines["three"].boot()
        well.start_etcd("three")
        well.start_services("three")
        well.wait_until_well("it has joined them", 60)
    judge(well, writers, "three")
    judge_lines(well, sources)


@pytest.mark.skipif(POSTGRES is None, reason="PostgreSQL is not installed")
def test_postgresql_fails_over(well):
    """The primary is killed, its standby promoted: who was answered is not forgotten. Nobody goes back, so this is the last test."""
    with lists_stay_full(well, PLACES), Writers(well, ["one", "two"]) as writers, Sources(well, ["one", "three"]) as sources:
        wait_until(lambda: len(writers.acknowledged) > 10 and min(sources.acknowledged.values()) > 10, "grades and lines are saved", timeout=30)
        before, lines = len(writers.acknowledged), dict(sources.acknowledged)
        well.machines["one"].systemctl("kill", "--signal=KILL", "postgres-server.service")
        assert well.sql("two", "ALTER SYSTEM SET synchronous_standby_names = ''") == "ALTER SYSTEM"
        assert well.sql("two", "SELECT pg_reload_conf()") == "t"
        assert well.sql("two", "SELECT pg_promote()") == "t"
        wait_until(lambda: len(writers.acknowledged) > before + 10, "grades are saved again", timeout=30)
        wait_until(lambda: all(n > lines[source] + 10 for source, n in sources.acknowledged.items()), "lines as well", timeout=30)
        wait_until(lambda: well.page("three", "three"), "pages are served again", timeout=SECONDS)
    for at in ("one", "three"):
        judge(well, writers, at)
    judge_lines(well, sources)
