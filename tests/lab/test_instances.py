# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several instances of a service on one machine, and their rolling restart."""
import json

import pytest

from conftest import registered
from machine import wait_until

REGISTRY = "http://127.0.0.1:3000"
PORTALS = {"gradebook-portal.service": 5005, "gradebook-portal@5006.service": 5006, "gradebook-portal@5007.service": 5007}
SECOND, THIRD = list(PORTALS)[1:]
TEMPLATES = ("portal@5006", "portal@5007", "grading@6001", "log@4001", "registry@3001")
INSTANCE_REFUSED_EVENT = "443adf36995c4580a28aac33d0b72a4c"
EX_CONFIG = "78"
ROLLOUT = "gradebookctl rollout "


@pytest.fixture
def instances(gradebook):
    """The machine with all daemons, and none of the instances that a test starts afterwards."""
    yield gradebook
    gradebook.systemctl("stop", *(f"gradebook-{name}.{kind}" for name in TEMPLATES for kind in ("service", "socket")), check=False)
    gradebook.systemctl("reset-failed")


@pytest.fixture
def portals(instances):
    """Three of the portal."""
    instances.systemctl("start", SECOND, THIRD)
    wait_until(lambda: set(states(instances).values()) == {"passing"} and len(states(instances)) == 3, "three portals are registered")
    return instances


def states(machine, name="Portald"):
    """{port: state} of the instances, as the registry has them."""
    answer = machine.curl(f"{REGISTRY}/services/{name}?state=passing&state=suspect&state=draining&state=critical", token=machine.token())
    if answer.status != 200:
        return {}
    return {int(s["ServiceURL"].rpartition(":")[2]): s["State"] + (", held" if s.get("Held") else "") for s in answer.json()["Services"]}


def pids(machine, units=PORTALS):
    return {unit: machine.property(unit, "MainPID") for unit in units}


# Instances

def test_an_instance_is_a_service_of_its_own(instances):
    instances.systemctl("start", SECOND)
    assert instances.curl("http://127.0.0.1:5006/healthz").status == instances.curl("http://[::1]:5006/healthz").status == 200
    wait_until(lambda: states(instances) == {5005: "passing", 5006: "passing"}, "both are registered")
    wait_until(lambda: instances.curl("http://127.0.0.1:5006/students").status == 200, "it knows the grading service")
    assert instances.run("stat --format='%U %a' /var/lib/gradebook/portal@5006").stdout.split() == ["gradebook-portal", "700"]
    instances.run("systemd-analyze", "security", "--no-pager", "--threshold=11", SECOND)
    text = instances.property(SECOND, "StatusText")
    assert text.startswith("Serving http://127.0.0.1:5006; "), text


def test_status_shows_instances(portals):
    def shown():
        answer = json.loads(portals.run("gradebookctl", "status", "--json", check=False).stdout)
        return {d["Name"]: (d["ServiceURL"].rpartition(":")[2], d["ActiveState"], d["Good"]) for d in answer["Daemons"] if "portal" in d["Name"]}
    wanted = {"gradebook-portal@5006": ("5006", "active", True), "gradebook-portal@5007": ("5007", "active", True)}
    assert shown() == {"gradebook-portal": ("5005", "active", True), **wanted}
    assert [line.split()[0] for line in portals.run("gradebookctl", "status", check=False).stdout.splitlines()[-3:]] == list(shown())
    # Where instances take its place, nobody misses the plain one.
    portals.systemctl("stop", "gradebook-portal.socket", "gradebook-portal.service")
    try:
        assert shown() == wanted
        wait_until(lambda: portals.run("gradebookctl", "status", check=False).returncode == 0, "all is well")
    finally:
        portals.systemctl("start", "gradebook-portal.service")
    # Now the registry has it last.
    wait_until(lambda: shown() == {"gradebook-portal": ("5005", "active", True), **wanted}, "each is asked where it listens")


def test_a_connection_starts_an_instance(instances):
    instances.systemctl("start", "gradebook-portal@5006.socket")
    assert not instances.is_active(SECOND)
    assert instances.curl("http://127.0.0.1:5006/healthz").status == 200


def test_the_target_stops_instances_and_starts_those_that_are_enabled(portals):
    portals.systemctl("enable", SECOND)
    try:
        portals.systemctl("stop", "gradebook.target")
        wait_until(lambda: portals.systemctl("is-active", *PORTALS, check=False).stdout.split() == ["inactive"] * 3, "all have stopped")
        portals.systemctl("start", "gradebook.target")
        wait_until(lambda: states(portals) == {5005: "passing", 5006: "passing"}, "the enabled one runs again")
    finally:
        portals.systemctl("disable", SECOND)


def test_a_portal_alone_starts_nobody(stopped):
    stopped.systemctl("start", SECOND)
    try:
        assert not stopped.is_active("gradebook-grading.service") and not stopped.is_active("gradebook-registry.service")
        assert stopped.curl("http://127.0.0.1:5006/healthz").status == 200
        assert "not registered" in stopped.property(SECOND, "StatusText")
    finally:
        stopped.systemctl("stop", SECOND, "gradebook-portal@5006.socket")


@pytest.mark.parametrize("name", ["grading@6001", "log@4001", "registry@3001"])
def test_an_instance_with_a_store_of_its_own_does_not_start(instances, name):
    unit, cursor, before = f"gradebook-{name}.service", instances.journal_cursor(), registered(instances)
    assert instances.systemctl("start", unit, check=False).returncode != 0
    assert instances.show(unit, "ActiveState", "NRestarts", "ExecMainStatus") == {"ActiveState": "failed", "NRestarts": "0", "ExecMainStatus": EX_CONFIG}
    # The journal may have it a moment after systemd has the exit status.
    told = wait_until(lambda: instances.messages(f"--unit={unit}", f"MESSAGE_ID={INSTANCE_REFUSED_EVENT}", after=cursor), "the journal has it")
    assert len(told) == 1 and told[0].startswith(f"Not starting {unit} as one of several: "), told
    assert "gradebook(7)" in instances.run("journalctl", "-x", f"--unit={unit}", f"MESSAGE_ID={INSTANCE_REFUSED_EVENT}").stdout
    # Nothing was made that would be found later, and nobody was told of it.
    assert instances.run("ls", f"/var/lib/gradebook/{name}").stdout.split() == ["log.spool"]
    assert registered(instances) == before
    port = int(name.partition("@")[2])
    assert port not in {**states(instances, "GradingService"), **states(instances, "LogService")}


def test_logs_may_have_files_of_their_own(instances):
    instances.write("/etc/gradebook/log.conf.d/50-separate.conf", "[Store]\nSeparateFiles=yes\n")
    try:
        instances.systemctl("start", "gradebook-log@4001.service")
        wait_until(lambda: states(instances, "LogService") == {4000: "passing", 4001: "passing"}, "both are registered")
        line = instances.curl("http://127.0.0.1:4001/log", "--data", "only here", "--header", "Content-Type: text/plain", token=instances.token())
        assert line.status == 200
        assert "only here" in instances.run("cat /var/log/gradebook/4001/*.ndjson").stdout
        assert "only here" not in instances.run("cat /var/log/gradebook/*.ndjson").stdout
    finally:
        instances.run("rm", "-r", "/etc/gradebook/log.conf.d")


# Rolling restarts

def load(command, ports):
    """Requests to all ports without a pause while the command runs; prints its status, and each answer that is not 200."""
    return f"""
        ({command} >/run/rollout.out 2>&1; echo $? >/run/rollout.status; touch /run/rolled) &
        n=0
        until [ -e /run/rolled ]; do
            for port in {" ".join(map(str, ports))}; do
                code=$(curl --silent --output /dev/null --max-time 10 --write-out '%{{http_code}}' http://127.0.0.1:$port/students)
                [ "$code" = 200 ] || echo "request $n to $port: $code"
                n=$((n + 1))
            done
        done
        wait; rm /run/rolled; [ $n -gt 20 ] || echo "only $n requests"; cat /run/rollout.status /run/rollout.out
    """


def test_a_rollout_under_load_fails_no_request(portals):
    before = pids(portals)
    status, *lines = portals.run(load(ROLLOUT + "portal", PORTALS.values()), timeout=120).stdout.splitlines()
    assert status == "0", lines
    assert [line.partition(":")[0] for line in lines] == list(PORTALS)
    assert all(" drained, restarted in " in line and " healthy after " in line for line in lines), lines
    after = pids(portals)
    assert all(after[unit] not in ("0", before[unit]) for unit in PORTALS)
    assert states(portals) == {port: "passing" for port in PORTALS.values()}


def test_one_at_a_time_and_the_others_are_left(portals):
    """Whoever asks the registry meanwhile never finds fewer than two."""
    script = f"""
        ({ROLLOUT} portal >/run/rollout.out 2>&1; echo $? >/run/rollout.status; touch /run/rolled) &
        until [ -e /run/rolled ]; do
            curl --silent --header 'Authorization: Bearer {portals.token()}' '{REGISTRY}/services/Portald?state=passing&state=suspect'; echo
        done
        rm /run/rolled; cat /run/rollout.status
    """
    *answers, status = portals.run(script, timeout=120).stdout.splitlines()
    assert status == "0"
    fewest = min(len(json.loads(answer)["Services"]) for answer in answers if answer)
    assert fewest == 2


def test_a_rollout_may_bring_new_addresses(portals):
    """As with the first certificate, all URLs change."""
    portals.write("/etc/gradebook/gradebook.conf.d/50-host.conf", "[Cluster]\nAdvertiseHost=localhost\n")
    try:
        done = portals.run(ROLLOUT + "portal").stdout
        assert all(f" now http://localhost:{port}, healthy after " in done for port in PORTALS.values()), done
    finally:
        portals.run("rm", "-r", "/etc/gradebook/gradebook.conf.d")
    done = json.loads(portals.run(ROLLOUT + "portal --json").stdout)
    assert [u["ServiceURL"] for u in done] == [f"http://127.0.0.1:{port}" for port in PORTALS.values()]
    wait_until(lambda: states(portals) == {port: "passing" for port in PORTALS.values()}, "the old addresses are gone, and nothing is drained")


def test_a_rollout_stops_at_what_does_not_come_back(portals):
    before = pids(portals)
    with portals.drop_in(SECOND, "[Service]\nExecStart=\nExecStart=/bin/false\n"):
        done = portals.run(ROLLOUT + "portal --timeout=2s", check=False)
    assert done.returncode == 1
    assert f"gradebookctl: {SECOND} did not come back" in done.stderr and f"journalctl -x -u {SECOND} -n 50" in done.stderr, done.stderr
    assert "1 of 3 units is restarted, and nothing is left drained" in done.stderr
    after = pids(portals)
    assert after["gradebook-portal.service"] != before["gradebook-portal.service"]
    assert after[THIRD] == before[THIRD]
    assert "draining" not in states(portals).values()
    # Mended, the next one brings all over.
    portals.systemctl("stop", SECOND, "gradebook-portal@5006.socket")
    portals.systemctl("reset-failed")
    portals.systemctl("start", SECOND)
    assert portals.run(ROLLOUT + "portal").stdout.count(" healthy after ") == 3
    assert states(portals) == {port: "passing" for port in PORTALS.values()}


def test_what_is_healthy_for_systemd_alone_does_not_count(portals):
    """A process that says that it is ready and answers nobody."""
    idle = "[Service]\nType=simple\nWatchdogSec=0\nExecStart=\nExecStart=/bin/sleep 60\n"
    with portals.drop_in("gradebook-portal.service", idle):
        done = portals.run(ROLLOUT + "portal --timeout=2s", check=False)
        assert done.returncode == 1
        assert "gradebook-portal.service did not come back within 2s: " in done.stderr and "/healthz does not answer" in done.stderr, done.stderr
    assert "draining" not in states(portals).values()
    portals.systemctl("restart", "gradebook-portal.service")


@pytest.mark.parametrize("signal", ["INT", "TERM"])
def test_an_interrupted_rollout_leaves_nothing_drained(portals, signal):
    third = portals.property(THIRD, "MainPID")
    with portals.drop_in(SECOND, "[Service]\nExecStartPre=/bin/sleep 4\n"):
        script = f"""
            {ROLLOUT} portal >/run/rollout.out 2>&1 &
            until [ "$(systemctl show --property=SubState --value {SECOND})" = start-pre ]; do sleep 0.05; done
            kill -{signal} $!; wait $!; echo $?; cat /run/rollout.out
        """
        # A shell's background job ignores SIGINT unless it has job control.
        status, *lines = portals.run("bash", "-m", "-c", script).stdout.splitlines()
    assert status == "1", lines
    assert f"gradebookctl: interrupted at {SECOND}" in lines
    assert "draining" not in states(portals).values()
    assert portals.property(THIRD, "MainPID") == third
    wait_until(lambda: states(portals) == {port: "passing" for port in PORTALS.values()}, "systemd has started it all the same")


def test_a_dry_run_shows_and_does_nothing(portals):
    before = pids(portals)
    shown = portals.run(ROLLOUT + "Portald --dry-run").stdout
    assert [line.split()[:2] for line in shown.splitlines()[1:]] == [[unit, f"http://127.0.0.1:{port}"] for unit, port in PORTALS.items()]
    assert shown.count("is drained; 2 others of Portald get the requests") == 3
    planned = json.loads(portals.run(ROLLOUT + "portal -n --json").stdout)
    assert [(u["Unit"], u["Others"], u["Result"]) for u in planned] == [(unit, 2, "planned") for unit in PORTALS]
    assert pids(portals) == before


def test_what_was_drained_before_stays_so(portals):
    portals.run("gradebookctl drain http://127.0.0.1:5006")
    try:
        done = json.loads(portals.run(ROLLOUT + "portal --json").stdout)
        assert [u["Result"] for u in done] == ["restarted"] * 3
        assert states(portals) == {5005: "passing", 5006: "draining", 5007: "passing"}
    finally:
        portals.run("gradebookctl undrain http://127.0.0.1:5006")


@pytest.mark.parametrize("name, url", [("grading", "http://127.0.0.1:6000/students"), ("registry", f"{REGISTRY}/services"), ("log", None)])
def test_a_single_one_keeps_requests_waiting(instances, name, url):
    unit = f"gradebook-{name}.service"
    before = instances.property(unit, "MainPID")
    done = instances.run(ROLLOUT + name)
    assert done.stdout.startswith(f"{unit}: ") and "its socket keeps requests waiting" in done.stdout and "drained" not in done.stdout
    assert instances.property(unit, "MainPID") not in ("0", before)
    assert not url or instances.curl(url, token=instances.token()).status == 200


def test_what_is_asked_for_has_to_be_there(instances):
    done = instances.run(ROLLOUT + "portl", check=False)
    assert (done.returncode, done.stderr) == (4, "gradebookctl: neither gradebook-portl.service nor an instance of it runs on this machine: "
                                                 "did you mean gradebook-portal?\n")
    instances.systemctl("stop", "gradebook-log.service")
    assert instances.run(ROLLOUT + "log", check=False).returncode == 4
    instances.systemctl("start", "gradebook-log.service")
    assert instances.run(ROLLOUT + "portal --timeout=0", check=False).returncode == 2
    assert instances.run(ROLLOUT + "'portal*'", check=False).returncode == 2
    done = instances.run("runuser -u nobody -- " + ROLLOUT + "portal", check=False)
    assert done.returncode == 5 and "cluster token" in done.stderr
