# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real daemons for tests and benchmarks: each with a socket handed over as systemd does, and a directory of its own."""

import collections
import http.client
import json
import os
import pathlib
import queue
import secrets
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import zlib

SOURCE = pathlib.Path(os.environ.get("GRADEBOOK_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("GRADEBOOK_BUILD", SOURCE / "build")).resolve()
START_SECONDS = 20
STOP_SECONDS = 20

WIRE_NAMES = {"log": "LogService", "grading": "GradingService", "portal": "Portald"}


# More than any test has at a time, and few enough for the usual limit of open files.
RESERVED = collections.deque(maxlen=256)


def bind(port):
    """A socket with SO_REUSEADDR, so that it can share its port with one of free_port(), not listening yet."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    return s


def stored_text(logs):
    """All raw bytes of the central log's files, oldest first, whether they are compressed or not. A rotation meanwhile would hide what it moved."""
    logs = pathlib.Path(logs)
    while True:
        names = full_names(logs)
        full = b"".join(raw_bytes(logs / f"{name}.ndjson") for name in names)
        try:
            live = (logs / "central.ndjson").read_bytes()
        except FileNotFoundError:       # the rotation is just between its two steps
            continue
        if full_names(logs) == names:
            return (full + live).decode()


def full_names(logs):
    return sorted({path.name.split(".ndjson")[0] for path in logs.glob("log-*.ndjson*")})


def raw_bytes(path):
    """Of a file that may just be compressed: the raw one goes when the other is there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return subprocess.run(["zstdcat", f"{path}.zst"], stdout=subprocess.PIPE, check=True).stdout


def free_port():
    """A port where connections are refused until somebody listens. It stays bound here: the kernel gives it to nobody who asks for
    any port, and to no connection; who names it and has SO_REUSEADDR, as python's servers and Daemon have, gets it."""
    RESERVED.append(bind(0))
    return RESERVED[-1].getsockname()[1]


def wait_until(condition, what, timeout=10):
    """Polls until condition() is true and returns its value; fails with what is missing, a text or who makes it then."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s still not: {what() if callable(what) else what}")
        select.select([], [], [], 0.01)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def request(url, method="GET", body=None, headers=None, token=None, timeout=10, tls=None):
    """One HTTP request on a connection of its own; redirects are not followed. The path goes out as it is. tls: the ssl.SSLContext for https."""
    scheme, rest = url.split("://", 1)
    assert scheme == ("https" if tls else "http")
    authority, slash, path = rest.partition("/")
    headers = dict(headers or {})
    if token:
        headers.setdefault("Authorization", f"Bearer {token}")
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    if isinstance(body, str):
        body = body.encode()
    connection = http.client.HTTPSConnection(authority, timeout=timeout, context=tls) if tls else http.client.HTTPConnection(authority, timeout=timeout)
    try:
        connection.request(method, slash + path or "/", body=body, headers=headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Daemon:
    """One daemon. Its listening socket is made here and handed over as systemd does; with keep_listener it is kept over restarts
    as a .socket unit does, else it is the daemon's alone and ends with it."""

    def __init__(self, cluster, name, port=None, binary=None, keep_listener=False, environment=None):
        self.cluster = cluster
        self.name = name
        self.port = port or free_port()
        self.binary = pathlib.Path(binary) if binary else BUILD / f"gradebook-{name}"
        self.directory = cluster.directory / f"{name}-{self.port}"
        self.state = self.directory / "state"
        self.logs = self.directory / "logs"
        for d in (self.state, self.logs):
            d.mkdir(parents=True, exist_ok=True)
        self.stderr_path = self.directory / "stderr"
        self.environment = environment or {}
        self.process = None
        self.listener = None
        self.keep_listener = keep_listener
        if keep_listener:
            self._listen()
        self.notify_path = self.directory / "notify"
        self.notify = None
        self.status = ""

    @property
    def url(self):
        return f"{self.cluster.scheme}://127.0.0.1:{self.port}"

    def _listen(self):
        self.listener = bind(self.port)
        self.listener.listen(1024)

    def _environment(self):
        env = {k: v for k, v in os.environ.items() if k not in ("JOURNAL_STREAM", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID")}
        env.update(STATE_DIRECTORY=str(self.state), LOGS_DIRECTORY=str(self.logs),
                   CREDENTIALS_DIRECTORY=str(self.cluster.credentials), NOTIFY_SOCKET=str(self.notify_path), **self.environment)
        return env

    def _command(self):
        # LISTEN_PID= is known in the process alone that becomes the daemon. The first descriptor is number 3, under no other as well.
        script = 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http; [ "$1" = 3 ] || eval "exec 3<&$1 $1<&-"; shift; exec "$@"'
        return ["/bin/bash", "-c", script, "bash", str(self.listener.fileno()), str(self.binary), f"--config-dir={self.cluster.config}"]

    def launch(self):
        """Starts it without waiting for it to be ready."""
        self.notify_path.unlink(missing_ok=True)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.notify_path))
        self.notified = queue.Queue()
        # Read at once, as systemd does: a full socket would hold up the daemon.
        threading.Thread(target=self._read_notify, args=(self.notify, self.notified), daemon=True).start()
        if not self.listener:
            self._listen()
        with open(self.stderr_path, "ab") as err:
            self.process = subprocess.Popen(self._command(), env=self._environment(), stdin=subprocess.DEVNULL, stdout=err,
                                            stderr=err, pass_fds=[self.listener.fileno()])
        if not self.keep_listener:
            self.listener.close()
            self.listener = None
        return self

    def _read_notify(self, notify, notified):
        while True:
            try:
                message = notify.recv(65536).decode()
            except OSError:
                return
            for line in message.split("\n"):
                if line.startswith("STATUS="):
                    self.status = line[7:]
                notified.put(line)
            if not message:
                return

    def wait_notify(self, what, timeout=START_SECONDS):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if self.notified.get(timeout=0.05) == what:
                    return
            except queue.Empty:
                if self.process.poll() is not None:
                    break
        raise AssertionError(f"{self.name} did not say {what}; its output:\n{self.stderr}")

    def start(self):
        self.launch()
        self.wait_notify("READY=1")
        return self

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=STOP_SECONDS):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired as e:
            raise AssertionError(f"{self.name} did not end within {timeout} s; its output:\n{self.stderr}") from e

    def stop(self):
        """SIGTERM; must end with 0."""
        if self.process is None or self.process.poll() is not None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        code = self.wait()
        self._close_notify()
        assert code in (0, -signal.SIGTERM), f"{self.name} ended with {code}; its output:\n{self.stderr}"

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()
        self._close_notify()

    def _close_notify(self):
        if self.notify:
            self.notify.shutdown(socket.SHUT_RDWR)
            self.notify.close()
            self.notify = None

    def close(self):
        try:
            self.stop()
        finally:
            if self.process and self.process.poll() is None:
                self.kill()
            self._close_notify()
            if self.listener:
                self.listener.close()

    def request(self, path, method="GET", body=None, headers=None, token=True, timeout=10):
        if token is True:
            token = self.cluster.token
        return request(self.url + path, method, body, headers, token or None, timeout, self.cluster.tls)

    def get(self, path, **kwargs):
        return self.request(path, **kwargs)

    def post(self, path, body=b"", **kwargs):
        return self.request(path, "POST", body, **kwargs)


def spooled(daemon, path=None):
    """The records that wait in a daemon's log spool, as its next start would find them; see src/runtime/spool-file.c."""
    data = (path or daemon.state / "log.spool").read_bytes()
    states = []
    for at in (512, 1024):
        state = struct.unpack_from("=7QII", data, at)
        if state[8] == zlib.crc32(data[at:at + 60]):
            states.append(state)
    acknowledged, last_pass = (max(states)[1], max(states)[7]) if states else (0, 0)
    found = []
    at = 4096
    while (at := data.find(b"\x1d\x47\x42\x1e", at)) >= 0:
        dropped, crc, size, sequence = struct.unpack_from("=IIIQ", data, at + 4)
        text = data[at + 32:at + 32 + size]
        if at % 8 == 0 and crc == zlib.crc32(data[at + 12:at + 32 + size]):
            if sequence > acknowledged and not 0 < dropped <= last_pass:
                acknowledged = sequence
                found.append(json.loads(text))
            at += 32 + size
        else:
            at += 1
    return found


class Cluster:
    """A configuration directory, a token, and daemons that know of one registry."""

    scheme = "http"
    tls = None

    def __init__(self, directory, authentication="token", registry=None, log_store="files", grading_database=None):
        self.directory = pathlib.Path(directory)
        self.grading_database = grading_database        # a URL; None: the file that it has by default
        self.config = self.directory / "etc"
        self.config.mkdir(parents=True, exist_ok=True)
        self.credentials = self.directory / "credentials"
        self.credentials.mkdir(exist_ok=True)
        self.token = secrets.token_hex(32)
        (self.credentials / "cluster-token").write_text(self.token + "\n")
        self.authentication = authentication
        self.registry = registry or {}      # what every registry.conf has in [Registry], such as its store
        self.log_store = log_store
        self.registry_port = free_port()
        self.daemons = []
        self.configure("gradebook", {})
        self.configure("portal", {})
        if self.registry:
            self.configure("registry", {})
        if log_store != "files":
            self.configure("log", {})
        if grading_database:
            self.configure("grading", {})

    @property
    def registry_url(self):
        return f"{self.scheme}://127.0.0.1:{self.registry_port}"

    def configure(self, name, sections):
        """Writes NAME.conf; what every test needs is put in as well."""
        sections = {section: dict(keys) for section, keys in sections.items()}
        if name == "gradebook":
            cluster = sections.setdefault("Cluster", {})
            cluster.setdefault("RegistryURL", self.registry_url)
            cluster.setdefault("Authentication", self.authentication)
            cluster.setdefault("RegisterSec", "1s")
            sections.setdefault("Log", {}).setdefault("Level", "debug")
        if name == "registry":
            sections["Registry"] = {**self.registry, **sections.get("Registry", {})}
        if name == "log" and self.log_store != "files":
            sections.setdefault("Log", {}).setdefault("Store", self.log_store)
        if name == "grading" and self.grading_database:
            sections.setdefault("Grading", {}).setdefault("Database", self.grading_database)
        if name == "portal":
            sections.setdefault("Portal", {}).setdefault("DataDirectory", str(SOURCE / "src" / "portal"))
        lines = []
        for section, keys in sections.items():
            lines.append(f"[{section}]")
            lines += [f"{key}={value}" for key, value in keys.items()]
        (self.config / f"{name}.conf").write_text("\n".join(lines) + "\n")

    def daemon(self, name, **kwargs):
        if name == "registry":
            kwargs.setdefault("port", self.registry_port)
        daemon = Daemon(self, name, **kwargs)
        self.daemons.append(daemon)
        return daemon

    def start(self, *names, **kwargs):
        """Starts each and returns them in the order asked for."""
        started = [self.daemon(name, **kwargs).start() for name in names]
        return started[0] if len(started) == 1 else started

    def services(self):
        """{service name: [url of each passing instance]} as the registry has it."""
        answer = request(self.registry_url + "/services", token=self.token, tls=self.tls)
        found = {}
        for s in answer.json["Services"]:
            if s["State"] == "passing":
                found.setdefault(s["ServiceName"], []).append(s["ServiceURL"])
        return found

    def close(self):
        errors = []
        for daemon in reversed(self.daemons):
            try:
                daemon.close()
            except AssertionError as e:
                errors.append(e)
        if errors:
            raise errors[0]
