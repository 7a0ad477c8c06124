# SPDX-License-Identifier: LGPL-2.1-or-later
"""One machine for the whole run, with gradebook installed from $GRADEBOOK_BUILD."""
import os
import signal

import pytest

from machine import CommandFailed, Machine, wait_until

DAEMONS = ("registry", "log", "grading", "portal")
SERVICES = tuple(f"gradebook-{name}.service" for name in DAEMONS)
SOCKETS = tuple(f"gradebook-{name}.socket" for name in DAEMONS)
ON_THE_WIRE = ("LogService", "GradingService", "Portald")


def pytest_configure(config):
    # Told to stop, end as after Ctrl+C: with the machines removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def build():
    directory = os.environ.get("GRADEBOOK_BUILD")
    if not directory:
        pytest.fail("GRADEBOOK_BUILD is not set: ./check lab builds first, or set it to a build directory")
    return os.path.abspath(directory)


@pytest.fixture(scope="session")
def machine(build):
    if os.geteuid() != 0:
        pytest.fail("the lab boots machines, which only root may: sudo ./check lab")
    with Machine("lab", build=build) as m:
        yield m


@pytest.fixture
def gradebook(machine):
    """The machine with all four daemons running and registered, whatever the test before it did."""
    machine.systemctl("reset-failed")
    machine.systemctl("start", "gradebook.target")
    wait_until(lambda: is_healthy(machine), "all four daemons run, and the registry knows three of them")
    return machine


@pytest.fixture
def stopped(machine):
    """The machine with nothing of gradebook running."""
    machine.systemctl("stop", "gradebook.target", *SERVICES, *SOCKETS)
    machine.systemctl("reset-failed")
    return machine


def is_healthy(machine):
    return machine.is_active(*SERVICES, *SOCKETS) and registered(machine) >= set(ON_THE_WIRE)


def registered(machine):
    """The names that the registry has providers for."""
    body = machine.curl("http://127.0.0.1:3000/services", token=machine.token()).body
    return {name for name in ON_THE_WIRE if f'"{name}"' in body}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the journal said meanwhile."""
    report = (yield).get_result()
    lab = item.funcargs.get("machine") if hasattr(item, "funcargs") else None
    if not report.failed or lab is None:
        return
    try:
        lab.run("journalctl", "--sync")
        text = lab.run("journalctl", "--no-pager", "--lines=60", f"--since=@{int(call.start) - 1}").stdout
    except (CommandFailed, OSError) as error:
        text = str(error)
    report.sections.append(("journal of the machine", text))
