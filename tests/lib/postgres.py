# SPDX-License-Identifier: LGPL-2.1-or-later
"""A PostgreSQL server of the test's own: a directory of its own, a port of the loopback that the kernel chose, ended with the test."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from gradebook import free_port, wait_until

BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name))
ROLE = "gradebook"
CONF = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{directory}'
max_connections = 60
shared_buffers = 64MB
max_wal_size = 512MB
# What is killed here is the server, not the machine.
fsync = off
log_min_messages = warning
log_line_prefix = '%m [%p] %a '
timezone = 'UTC'
"""


def available():
    return BIN is not None and (BIN / "initdb").exists()


class Postgres:
    """It refuses to run as root, so that it is the user postgres there."""

    def __init__(self, settings="", primary=None):
        # Below pytest's own directory, which is for its user alone, the server's user would not get in.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="gradebook-pg-"))
        self.data = self.directory / "data"
        self.port = free_port()
        self.process = None
        self.as_user = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            self.as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        if primary:
            self._copy(primary)
        else:
            self._make()
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(CONF.format(port=self.port, directory=self.directory) + settings)

    def _make(self):
        subprocess.run([*self.as_user, BIN / "initdb", "-D", self.data, "-U", ROLE, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
                       stdout=subprocess.DEVNULL, check=True, cwd="/")

    def _copy(self, primary):
        """A standby that follows another server by streaming."""
        subprocess.run([*self.as_user, BIN / "pg_basebackup", "-D", self.data, "-h", "127.0.0.1", "-p", str(primary.port), "-U", ROLE, "-R",
                        "--checkpoint=fast", "--no-sync"], check=True, cwd="/")

    def url(self, database="postgres"):
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/{database}"

    def launch(self):
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen([*self.as_user, BIN / "postgres", "-D", self.data], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        return self

    def start(self):
        self.launch()
        wait_until(self.is_ready, "PostgreSQL takes connections", 30)
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"PostgreSQL ended with {self.process.returncode}:\n{(self.directory / 'log').read_text()}")
        return subprocess.run([BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False).returncode == 0

    def sql(self, text, database="postgres"):
        """What psql prints of it, unadorned: rows of columns."""
        result = subprocess.run([BIN / "psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", self.url(database)], input=text, text=True,
                                stdout=subprocess.PIPE, check=True)
        return [line.split("\t") for line in result.stdout.splitlines()]

    def clear(self, database="postgres"):
        """Quicker than a new one: nothing of any service is in it."""
        schemas = self.sql("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')", database)
        self.sql("".join(f'DROP SCHEMA "{name}" CASCADE;' for (name,) in schemas) + "DROP SCHEMA public CASCADE; CREATE SCHEMA public", database)

    def create_database(self, name):
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.sql(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def own(self, path):
        """A directory that the server may use."""
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(path, user.pw_uid, user.pw_gid)

    def require_passwords(self):
        """Of all but the role that made the server."""
        hba = self.data / "pg_hba.conf"
        hba.write_text(f"host all {ROLE} all trust\nhost all all all scram-sha-256\n")
        self.sql("SELECT pg_reload_conf()")

    def promote(self):
        self.sql("SELECT pg_promote()")

    def kill(self):
        """As a crash does it: every process of it, the postmaster first so that it starts no other; nothing is written any more."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self.process.kill()
        for child in map(int, children):
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def stop(self, how=signal.SIGINT):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)

    def close(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)
