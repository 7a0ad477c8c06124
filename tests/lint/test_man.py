# SPDX-License-Identifier: LGPL-2.1-or-later
"""The man pages, read by both formatters."""
import os
import subprocess

import pytest

from conftest import SOURCE

PAGES = sorted(str(path.relative_to(SOURCE)) for path in (SOURCE / "man").glob("*.[1-8]"))
# mandoc looks for the pages that a page refers to among those installed on this machine.
NOT_OURS = "referenced manual not found"


@pytest.mark.parametrize("page", PAGES)
def test_man_warns_of_nothing(page):
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l", page], cwd=SOURCE,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "MANROFFSEQ": "", "LC_ALL": "C.UTF-8"})
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("page", PAGES)
def test_mandoc_lint(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", page], cwd=SOURCE, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wrong = [line for line in done.stdout.splitlines() if NOT_OURS not in line]
    assert not wrong, "\n" + "\n".join(wrong)
