# SPDX-License-Identifier: LGPL-2.1-or-later
"""The source tree, and what `make install` puts into an empty root."""
import os
import pathlib
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("GRADEBOOK_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
# What autotools make in the tree, of which a release has a part.
GENERATED = {"Makefile", "Makefile.in", "aclocal.m4", "config.h", "config.h.in", "config.log", "config.status", "configure",
             "stamp-h1"}
NOT_OURS = {".git", ".deps", "autom4te.cache", "build", "build-aux", "__pycache__", ".pytest_cache"}


def source_files():
    """Every file that people wrote, relative to the source tree."""
    found = []
    for folder, folders, files in os.walk(SOURCE):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.startswith("build-")]
        # In a git worktree, .git is a file.
        found += [pathlib.Path(folder, name).relative_to(SOURCE) for name in files
                  if name not in GENERATED | NOT_OURS and not name.endswith((".o", ".a", "~", ".dirstamp"))]
    return sorted(found)


def text_of(path):
    return (SOURCE / path).read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="session")
def build():
    directory = os.environ.get("GRADEBOOK_BUILD")
    if not directory:
        pytest.fail("GRADEBOOK_BUILD is not set: ./check lint builds first, or set it to a build directory")
    return os.path.abspath(directory)


@pytest.fixture(scope="session")
def installed(build, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    done = subprocess.run(["make", "-s", "-C", build, "install", f"DESTDIR={root}"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    return root
