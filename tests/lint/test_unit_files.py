# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units as installed: systemd understands every line, and the sandbox is closed."""
import re
import subprocess

import pytest

from conftest import SOURCE

INSTANCE = "@7001."


def unit_names(pattern):
    """As systemd is asked for them: of a template, an instance."""
    return [path.name.removesuffix(".in").replace("@.", INSTANCE) for path in sorted((SOURCE / "systemd").glob(pattern))]


SERVICES = unit_names("*.service.in")
UNITS = SERVICES + unit_names("*.socket") + unit_names("*.target")
DAEMONS = [name.removesuffix(".service") for name in SERVICES if "token" not in name and "@" not in name]
EXPOSURE_MAX = 1.1


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def units_root(installed):
    """The installed tree with what the units refer to of other packages: systemd's own units, and kill."""
    for folder in ("etc", "run", "var", "bin"):
        (installed / folder).mkdir(exist_ok=True)
    (installed / "bin/kill").touch(mode=0o755)
    # Where systemd's own are, whatever prefix the build has.
    system = installed / "usr/lib/systemd/system"
    system.mkdir(parents=True, exist_ok=True)
    for name in ("basic.target", "sysinit.target", "sockets.target", "network.target", "shutdown.target", "multi-user.target"):
        (system / name).write_text("[Unit]\nDescription=stands for systemd's own\nDefaultDependencies=no\n")
    return installed


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_it(units_root, unit):
    done = run("systemd-analyze", "verify", "--man=no", f"--root={units_root}", unit)
    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.parametrize("unit", SERVICES)
def test_security_exposure(units_root, unit):
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX * 10:.0f}",
               f"--root={units_root}", unit)
    assert done.returncode == 0, done.stdout


def test_catalog_compiles(installed):
    (installed / "var/lib/systemd/catalog").mkdir(parents=True, exist_ok=True)
    done = run("journalctl", f"--root={installed}", "--update-catalog")
    assert (done.returncode, done.stdout) == (0, "")


def test_users_are_made(installed):
    (installed / "etc").mkdir(exist_ok=True)
    assert run("systemd-sysusers", f"--root={installed}").returncode == 0
    users = {line.split(":")[0] for line in (installed / "etc/passwd").read_text().splitlines()}
    assert users >= set(DAEMONS)


# Instances

def sections(name):
    """{section: its lines without comments, in order}."""
    found, section = {}, None
    for line in (SOURCE / "systemd" / name).read_text().splitlines():
        if line.startswith("["):
            section = found.setdefault(line, [])
        elif line and not line.startswith("#"):
            section.append(line)
    return found


@pytest.mark.parametrize("daemon", DAEMONS)
def test_an_instance_is_as_its_plain_unit(daemon):
    """But for what makes it an instance: whoever adds something to the one has to think of the other."""
    name = daemon.removeprefix("gradebook-")
    plain, template = (sections(f"{daemon}{suffix}.service.in")["[Service]"] for suffix in ("", "@"))
    own = {f"StateDirectory=gradebook/{name}": f"StateDirectory=gradebook/{name}@%i", "LogsDirectory=gradebook": "LogsDirectory=gradebook/%i"}
    assert "Environment=GRADEBOOK_UNIT_INSTANCE=%i" in template
    template.remove("Environment=GRADEBOOK_UNIT_INSTANCE=%i")
    assert template == [own.get(line, line) for line in plain]

    plain, template = (sections(f"{daemon}{suffix}.socket")["[Socket]"] for suffix in ("", "@"))
    assert template == [re.sub(r"^(ListenStream=.*:)\d+$", r"\1%i", line) for line in plain]


@pytest.mark.parametrize("daemon", DAEMONS)
def test_an_instance_starts_nobody_else(daemon):
    """One that it started here would keep a store of its own, where the others are on another machine."""
    unit = sections(f"{daemon}@.service.in")["[Unit]"]
    needs = [line.partition("=")[2] for line in unit if line.split("=")[0] in ("Requires", "Wants", "BindsTo", "Upholds", "Requisite")]
    assert needs == [f"{daemon}@%i.socket gradebook-cluster-token.service"]
