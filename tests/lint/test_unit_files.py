# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units as installed: systemd understands every line, and the sandbox is closed."""
import subprocess

import pytest

from conftest import SOURCE

SERVICES = [path.name.removesuffix(".in") for path in sorted((SOURCE / "systemd").glob("*.service.in"))]
UNITS = SERVICES + [path.name for kind in ("socket", "target") for path in sorted((SOURCE / "systemd").glob(f"*.{kind}"))]
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
    assert users >= {service.removesuffix(".service") for service in SERVICES if "token" not in service}
