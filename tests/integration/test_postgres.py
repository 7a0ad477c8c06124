# SPDX-License-Identifier: LGPL-2.1-or-later
"""src/runtime/postgres.h against a real server: what each errno promises of what became of the work."""
import os
import subprocess

from gradebook import BUILD


def test_connection(database_url):
    program = BUILD / "tests" / "unit" / "test-postgres-server"
    result = subprocess.run([program], env={**os.environ, "GRADEBOOK_TEST_POSTGRES": database_url}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False)
    assert result.returncode == 0, result.stdout
