# SPDX-License-Identifier: LGPL-2.1-or-later
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import gradebook  # noqa: E402
import postgres  # noqa: E402
from etcd import Etcd  # noqa: E402


# For the sanitizers' stage, which is long: what is the same for several stores runs on the daemons' own. What is about the others has files of its own.
OWN_STORES = os.environ.get("GRADEBOOK_STORES") == "own"


def pytest_configure(config):
    config.addinivalue_line("markers", "files_only: about the central log's files, not about what it does")
    config.addinivalue_line("markers", "both_databases: gradebook-grading keeps its promise on SQLite and on PostgreSQL")
    config.addinivalue_line("markers", "sqlite: looks at the file of gradebook-grading, or at what only that can do")
    # Told to stop, end as after Ctrl+C: with what was started ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    item.failed = getattr(item, "failed", False) or report.failed


@pytest.fixture(autouse=True)
def swept(request):
    """What a test that passed has left in its directory is removed: an etcd alone is 60 MiB, and /tmp is often memory."""
    path = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if path and not request.node.failed:
        shutil.rmtree(path, ignore_errors=True)


def generate_log_stores(metafunc):
    """Tests of a module that sets LOG_STORES run with each of these stores, but for those marked files_only. As most of them are about what is in front of the
    store, those that its SAME names are left to GRADEBOOK_ALL_STORES=1."""
    stores = getattr(metafunc.module, "LOG_STORES", None)
    fixtures = [name for name in ("log_store", "filled", "large") if name in metafunc.fixturenames]
    if not stores or not fixtures or metafunc.definition.get_closest_marker("files_only"):
        return
    if OWN_STORES or (metafunc.definition.originalname in getattr(metafunc.module, "SAME", ()) and not os.environ.get("GRADEBOOK_ALL_STORES")):
        stores = ("files",)
    scope = "function" if "log_store" in fixtures else "module"
    metafunc.parametrize(fixtures, [[store] * len(fixtures) for store in stores], indirect=True, scope=scope)


def pytest_collection_modifyitems(config, items):
    """Of a module that plays another's tests on another database, what is about the file, or is played on both there."""
    again = [item for item in items if hasattr(item.module, "GRADING_DATABASE") and any(item.get_closest_marker(m) for m in ("sqlite", "both_databases"))]
    config.hook.pytest_deselected(items=again)
    items[:] = [item for item in items if item not in again]


def pytest_generate_tests(metafunc):
    generate_log_stores(metafunc)
    if metafunc.definition.get_closest_marker("both_databases") and not hasattr(metafunc.module, "GRADING_DATABASE") and not os.environ.get("GRADEBOOK_TEST_DATABASE"):
        metafunc.parametrize("grading_database", ["sqlite"] if OWN_STORES else ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def shared_etcd(tmp_path_factory):
    """One for all tests: each has a prefix of its own there."""
    etcd = Etcd(tmp_path_factory.mktemp("etcd")).start()
    yield etcd
    etcd.kill()


@pytest.fixture
def make_store(request):
    """Makes what a registry.conf says of its store: GRADEBOOK_REGISTRY_STORE=etcd has all tests run on that one."""
    if os.environ.get("GRADEBOOK_REGISTRY_STORE", "embedded") == "embedded":
        return dict
    return request.getfixturevalue("shared_etcd").store


@pytest.fixture
def registry_store(make_store):
    return make_store()


@pytest.fixture
def log_store(request):
    """"files", or the URL of gradebook-log's database."""
    store = getattr(request, "param", "files")
    return store if store == "files" else request.getfixturevalue("database_url")


@pytest.fixture
def grading_database(request):
    """The URL of gradebook-grading's database; None: its own file. All tests run on the one that GRADEBOOK_TEST_DATABASE= or their module names; without either,
    those that are marked both_databases run on each."""
    which = getattr(request, "param", os.environ.get("GRADEBOOK_TEST_DATABASE") or getattr(request.module, "GRADING_DATABASE", "sqlite"))
    if which == "sqlite":
        return None
    if request.node.get_closest_marker("sqlite"):
        pytest.skip("is about SQLite's file")
    return request.getfixturevalue("database_url")


@pytest.fixture
def stores(registry_store, log_store, grading_database):
    """Where the daemons of a cluster keep what they keep."""
    return {"registry": registry_store, "log_store": log_store, "grading_database": grading_database}


@pytest.fixture
def cluster(tmp_path, stores):
    c = gradebook.Cluster(tmp_path, **stores)
    yield c
    c.close()


@pytest.fixture
def open_cluster(tmp_path, stores):
    """One with Authentication=none, as peers that carry no token need it."""
    c = gradebook.Cluster(tmp_path, authentication="none", **stores)
    yield c
    c.close()


@pytest.fixture(scope="session")
def shared_postgres():
    """One server for all tests that only need a database; each makes its own."""
    if not postgres.available():
        pytest.skip("PostgreSQL is not installed")
    server = postgres.Postgres()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def database_url(shared_postgres, request):
    """Of an empty database."""
    name = re.sub(r"\W", "_", request.node.name)[-50:].lower()
    return shared_postgres.create_database(name)


@pytest.fixture
def make_postgres():
    """Servers that a test may kill, with settings of its own."""
    if not postgres.available():
        pytest.skip("PostgreSQL is not installed")
    made = []

    def make(settings="", primary=None):
        made.append(postgres.Postgres(settings, primary))
        return made[-1].start()

    yield make
    for server in made:
        server.close()


@pytest.fixture
def make_disk(tmp_path):
    """Makes a file system of so many bytes, in tmpfs's words, at a path of the test's or another."""
    made = []

    def make(size, path=None):
        if os.geteuid() != 0:
            pytest.skip("mounting a small disk needs root")
        path = path or tmp_path / f"disk-{len(made)}"
        path.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=False).returncode != 0:
            pytest.skip("mount is not allowed here")
        made.append(path)
        return path

    yield make
    for path in made:
        subprocess.run(["umount", "-l", path], check=True)
