# SPDX-License-Identifier: LGPL-2.1-or-later
"""gradebookctl where a real systemd runs: units beside health, and what it must not start."""
import json
import stat

from conftest import DAEMONS
from machine import wait_until


def status(machine, *arguments):
    done = machine.run("gradebookctl", *arguments, "status", check=False)
    return done.returncode, done.stdout


def rows(text):
    return {line.split()[0]: line for line in text.splitlines()[1:]}


def test_status_of_all(gradebook):
    wait_until(lambda: status(gradebook)[0] == 0, "gradebookctl status finds all well")
    code, text = status(gradebook)
    assert text.splitlines()[0].split() == ["DAEMON", "UNIT", "SINCE", "PID", "MEMORY", "HEALTH", "LATENCY", "STATUS"]
    for daemon in DAEMONS:
        row = rows(text)[f"gradebook-{daemon}"]
        assert "active (running)" in row and " ok " in row
        assert gradebook.property(f"gradebook-{daemon}.service", "MainPID") in row.split()

    def shows_what_they_say():
        """What a daemon says may change between the two."""
        said = {daemon: gradebook.property(f"gradebook-{daemon}.service", "StatusText") for daemon in DAEMONS}
        shown = rows(status(gradebook)[1])
        return all(said[daemon] and shown[f"gradebook-{daemon}"].endswith(said[daemon]) for daemon in DAEMONS)
    wait_until(shows_what_they_say, "each row ends as its daemon says")

    code, text = status(gradebook, "--json")
    for daemon in json.loads(text)["Daemons"]:
        assert daemon["ActiveState"] == "active" and daemon["Health"] == "ok" and daemon["Good"]
        assert 0 < daemon["MemoryBytes"] < 64 << 20
        assert 0 < daemon["LatencyMicroseconds"] < 1_000_000


def test_status_starts_nothing(gradebook):
    gradebook.systemctl("stop", "gradebook-portal.service")
    try:
        code, text = status(gradebook)
        assert code == 1
        assert "inactive (dead)" in rows(text)["gradebook-portal"]
        # Its socket still listens: a request would have started it.
        assert not gradebook.is_active("gradebook-portal.service")
        assert gradebook.is_active("gradebook-portal.socket")
    finally:
        gradebook.systemctl("start", "gradebook-portal.service")


def test_status_without_a_message_bus(gradebook):
    """As on a machine without dbus: root asks systemd itself."""
    gradebook.run("mv /run/dbus/system_bus_socket /run/dbus/hidden")
    try:
        assert "active (running)" in status(gradebook)[1]
    finally:
        gradebook.run("mv /run/dbus/hidden /run/dbus/system_bus_socket")


def test_ordinary_user(gradebook):
    as_nobody = "runuser -u nobody -- gradebookctl "
    done = gradebook.run(as_nobody + "services", check=False)
    assert done.returncode == 5
    assert done.stderr == ("gradebookctl: no permission to read the cluster token /var/lib/gradebook/cluster-token: "
                           "run it with sudo, or give --token-file=FILE\n")
    wait_until(lambda: gradebook.run(as_nobody + "status", check=False).returncode == 0, "status needs no token")


def test_token_of_the_unit(gradebook):
    path = "/var/lib/gradebook/cluster-token"
    mode, size, owner = gradebook.run("stat", "--format=%f %s %U", path).stdout.split()
    assert (stat.S_IMODE(int(mode, 16)), int(size), owner) == (0o600, 65, "root")


def test_a_drain_outlives_every_restart(gradebook):
    """That of the registry and of the service, in good order and not, and of both at once."""
    def state():
        body = gradebook.curl("http://127.0.0.1:3000/services/GradingService", token=gradebook.token()).json()
        return [service["State"] for service in body["Services"]]

    def missing():
        return gradebook.curl("http://127.0.0.1:5005/healthz").json()["Missing"]

    def is_anew(unit, before):
        return gradebook.is_active(unit) and gradebook.property(unit, "MainPID") not in ("0", before)

    registry, grading = "gradebook-registry.service", "gradebook-grading.service"
    gradebook.run("gradebookctl", "drain", "GradingService")
    try:
        assert state() == ["draining"]
        wait_until(lambda: missing() == ["GradingService"], "the portal knows that it gets nothing new")
        for how in (("restart",), ("kill", "--signal=KILL")):
            for units in ((registry,), (grading,), (registry, grading)):
                before = {unit: gradebook.property(unit, "MainPID") for unit in units}
                gradebook.systemctl(*how, *units)
                for unit, pid in before.items():
                    wait_until(lambda unit=unit, pid=pid: is_anew(unit, pid), f"{unit} runs again after {how[0]}")
                wait_until(lambda: state() == ["draining"], f"it drains after {how[0]} of {units}")
                assert missing() == ["GradingService"], (how, units)
    finally:
        gradebook.run("gradebookctl", "undrain", "GradingService")
    wait_until(lambda: state() == ["passing"] and missing() == [], "it is back in service, and the portal knows")
