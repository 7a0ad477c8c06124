# SPDX-License-Identifier: LGPL-2.1-or-later
import os
import pathlib
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import gradebook  # noqa: E402


def pytest_configure(config):
    # Told to stop, end as after Ctrl+C: with what was started ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture
def cluster(tmp_path):
    c = gradebook.Cluster(tmp_path)
    yield c
    c.close()


@pytest.fixture
def open_cluster(tmp_path):
    """One with Authentication=none, as peers that carry no token need it."""
    c = gradebook.Cluster(tmp_path, authentication="none")
    yield c
    c.close()


@pytest.fixture
def make_disk(tmp_path):
    """Makes a file system of so many bytes, in tmpfs's words."""
    made = []

    def make(size):
        if os.geteuid() != 0:
            pytest.skip("mounting a small disk needs root")
        path = tmp_path / f"disk-{len(made)}"
        path.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=False).returncode != 0:
            pytest.skip("mount is not allowed here")
        made.append(path)
        return path

    yield make
    for path in made:
        subprocess.run(["umount", "-l", path], check=True)
