# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemons of the version before this one, built from the repository's history: what a rolling upgrade meets on the wire and on disk."""

import os
import pathlib
import shutil
import subprocess

from gradebook import BUILD, SOURCE

LANDED = "bc4d821"              # where there is no release in the history: what was landed before several instances were
DAEMONS = ("registry", "log", "grading", "portal")
BUILD_SECONDS = 600             # of a machine that is busy; some 30 otherwise


class NotThere(Exception):
    """Why there is no previous version to be had here."""


def git(*arguments):
    # Root runs the tests of a tree that somebody else owns.
    command = ["git", "-c", "safe.directory=*", "-C", str(SOURCE), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def commit():
    if not shutil.which("git"):
        raise NotThere("git is not installed")
    if not (SOURCE / ".git").exists():
        raise NotThere("this tree has no history (.git)")
    tag = git("describe", "--tags", "--abbrev=0", "HEAD^")
    name = tag.stdout.decode().strip() if tag.returncode == 0 else LANDED
    found = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if found.returncode != 0:
        raise NotThere(f"the history does not reach back to {name}")
    return found.stdout.decode().strip()


def run(directory, *command):
    done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=BUILD_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout[-3000:]}"


class Previous:
    """Kept beside the build, so that only the first run of a tree builds it."""

    def __init__(self):
        self.commit = commit()
        self.directory = BUILD.parent / f"build-previous-{self.commit[:12]}"
        self.source = self.directory / "source"
        self.build = self.directory / "build"
        if not (self.directory / "complete").exists():
            self._build()

    def _build(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.source.mkdir(parents=True)
        self.build.mkdir()
        archive = git("archive", "--format=tar", self.commit)
        assert archive.returncode == 0, archive.stderr.decode()
        subprocess.run(["tar", "-x", "-C", str(self.source)], input=archive.stdout, check=True)
        run(self.source, "autoreconf", "--force", "--install")
        # As the quickest build goes: it is to be correct, not fast.
        run(self.build, "../source/configure", "--quiet", "CFLAGS=-O0", "--prefix=/usr", "--sysconfdir=/etc", "--localstatedir=/var")
        run(self.build, "make", "--silent", f"--jobs={min(2, os.cpu_count() or 1)}", *(f"gradebook-{name}" for name in DAEMONS))
        (self.directory / "complete").touch()

    def binary(self, name):
        return pathlib.Path(self.build / f"gradebook-{name}")

    @property
    def portal_data(self):
        """Its templates: they belong to its binary."""
        return self.source / "src" / "portal"
