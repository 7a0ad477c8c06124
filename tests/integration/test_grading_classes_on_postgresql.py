# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same tests with the grades in PostgreSQL."""

import os

import pytest
from test_grading_classes import *  # noqa: F401,F403

GRADING_DATABASE = "postgresql"
pytestmark = pytest.mark.skipif(os.environ.get("GRADEBOOK_STORES") == "own", reason="the sanitizers' stage runs them on the file")
