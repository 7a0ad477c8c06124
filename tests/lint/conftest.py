# SPDX-License-Identifier: LGPL-2.1-or-later
"""The source tree, and what `make install` puts into an empty root."""
import os
import pathlib
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("GRADEBOOK_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
# What autotools make in the tree (a release has them), and where builds go.
GENERATED_FILES = {"Makefile.in", "aclocal.m4", "config.h.in", "config.h.in~", "configure", "configure~"}
GENERATED_FOLDERS = {".git", "autom4te.cache", "build", "build-aux", "__pycache__", ".pytest_cache"}


def source_files():
    """Every file that people wrote, relative to the source tree."""
    found = []
    for folder, folders, files in os.walk(SOURCE):
        folders[:] = [name for name in folders if name not in GENERATED_FOLDERS and not name.startswith("build-")]
        found += [pathlib.Path(folder, name).relative_to(SOURCE) for name in files]
    # In a worktree, .git is a file.
    found = [path for path in found if path.name != ".git" and path.name not in GENERATED_FILES]
    ignored = subprocess.run(["git", "-c", "safe.directory=*", "-C", SOURCE, "check-ignore", "--stdin"], input="\n".join(map(str, found)),
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()
    return sorted(set(found) - set(map(pathlib.Path, ignored)))


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
