# SPDX-License-Identifier: LGPL-2.1-or-later
"""A portal with a gateway, whom grading knows, and peers that record every byte."""

import contextlib
import socket
import threading
import time

from fakes import FakeService
from gradebook import free_port

SESSION = "gbs_" + "s" * 42 + "A"
TOKEN = "gbt_" + "t" * 42 + "A"


class People(FakeService):
    """What GradingService says of sessions and API tokens; other paths are echoed."""

    def __init__(self):
        self.known = {}         # text: (ID, role)
        self.expires = None     # realtime
        self.down = 0           # the status of all answers; 0: none
        super().__init__()

    def asked(self):
        with self.lock:
            return sum(1 for _, path, _, _ in self.requests if path == "/sessions/current")

    def answer(self, handler, body):
        credential = handler.headers.get("Gradebook-Session")
        if self.down:
            self.send(handler, self.down, {"status": self.down}, "application/problem+json")
        elif handler.path != "/sessions/current":
            super().answer(handler, body)
        elif credential not in self.known:
            self.send(handler, 401, {"status": 401}, "application/problem+json")
        else:
            number, role = self.known[credential]
            ends = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.expires or time.time() + 3600)) + ".000000Z"
            self.send(handler, 200, {"Actor": f"account:{number}", "By": "session", "Account": {"ID": number, "Role": role},
                                     "Expires": ends, "IdleExpires": ends})


class Gate:
    """A portal that is told of its providers by hand."""

    def __init__(self, cluster, **gateway):
        self.cluster = cluster
        self.daemon = None
        self.configure(**gateway)
        cluster.configure("gradebook", {"HTTP": {"RequestTimeoutSec": "2s"}})
        self.daemon = cluster.start("portal")

    def configure(self, **gateway):
        self.cluster.configure("portal", {"Gateway": {"TimeoutSec": "2s", **gateway}})

    def provide(self, name, url):
        assert self.daemon.post("/services", {"Added": [{"Name": name, "URL": url}], "Removed": []}).status == 200

    def api(self, path, method="GET", **kwargs):
        kwargs.setdefault("token", False)
        return self.daemon.request("/api" + path, method, **kwargs)

    def as_cluster(self, path, method="GET", **kwargs):
        return self.api(path, method, token=True, **kwargs)

    def metric(self, name):
        for line in self.daemon.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])
        raise AssertionError(f"there is no metric {name}")

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.daemon.port), timeout=20)
        return s

    def head(self, method, path, *lines, credential=None):
        """The head of a request as bytes, with Host and the cluster's token or another."""
        return "\r\n".join([f"{method} /api{path} HTTP/1.1", "Host: portal", f"Authorization: Bearer {credential or self.cluster.token}",
                            *lines, "", ""]).encode()

    def rss(self):
        with open(f"/proc/{self.daemon.pid}/statm") as f:
            return int(f.read().split()[1]) * 4096


class RawPeer:
    """Listens, records the bytes of each connection, and answers as behave(peer, connection, record) does, on threads."""

    def __init__(self, behave):
        self.behave = behave
        self.records = []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.open = []
        self.server = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            record = bytearray()
            self.records.append(record)
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection, record), daemon=True).start()

    def _serve(self, connection, record):
        with contextlib.suppress(OSError):
            self.behave(self, connection, record)
        with contextlib.suppress(OSError):
            connection.close()

    def close(self):
        # Wakes accept(), which holds the listening socket.
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def read_head(connection, record):
    """All up to the empty line; what came behind it is in the record too."""
    while b"\r\n\r\n" not in record:
        data = connection.recv(65536)
        if not data:
            return None
        record += data
    return bytes(record[:record.index(b"\r\n\r\n") + 4])


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer_ok(peer, connection, record):
    """Answers each request without a body."""
    done = 0
    while True:
        while (end := record.find(b"\r\n\r\n", done)) < 0:
            data = connection.recv(65536)
            if not data:
                return
            record += data
        done = end + 4
        connection.sendall(OK)


def read_response(connection):
    """(status, headers in lower case, body, with its chunks' sizes) of one answer; status 0: the connection ended without one."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            more = connection.recv(65536)
        except ConnectionError:
            more = b""
        if not more:
            return 0, {}, data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    chunked = headers.get("transfer-encoding") == "chunked"
    while not body.endswith(b"0\r\n\r\n") if chunked else len(body) < int(headers.get("content-length", 0)):
        more = connection.recv(65536)
        if not more:
            break
        body += more
    return int(lines[0].split()[1]), headers, body
