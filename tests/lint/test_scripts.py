# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shell scripts are clean, and Python files compile."""
import re
import subprocess

import pytest

from conftest import SOURCE, source_files, text_of

SHELL = [str(path) for path in source_files()
         if re.match(r"#!.*\b(?:ba)?sh\b|# shellcheck shell=", text_of(path)) or path.parts[0] == "completion"]
PYTHON = [str(path) for path in source_files() if path.suffix == ".py"]


@pytest.mark.parametrize("script", SHELL)
def test_shellcheck(script):
    done = subprocess.run(["shellcheck", "--external-sources", script], cwd=SOURCE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", [script for script in SHELL if text_of(script).startswith("#!") and "bash" in text_of(script)[:40]])
def test_bash_ends_at_the_first_error(script):
    assert re.search(r"^set -euo pipefail$", text_of(script), re.MULTILINE), script


@pytest.mark.parametrize("script", PYTHON)
def test_python_compiles(script):
    compile(text_of(script), script, "exec", dont_inherit=True)
