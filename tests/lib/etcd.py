# SPDX-License-Identifier: LGPL-2.1-or-later
"""etcd for tests: one member, or several, on the loopback, in a directory of its own."""

import base64
import json
import os
import pathlib
import signal
import subprocess

from gradebook import free_port, request, wait_until

COMMAND = "/usr/bin/etcd"


class Member:
    def __init__(self, directory, name, client_port, peer_port, authority):
        self.directory = pathlib.Path(directory)
        self.name = name
        self.authority = authority
        self.url = f"http{'s' if authority else ''}://127.0.0.1:{client_port}"
        self.peer_url = f"http://127.0.0.1:{peer_port}"
        self.process = None

    def launch(self, initial, state):
        self.directory.mkdir(parents=True, exist_ok=True)
        command = [COMMAND, "--name", self.name, "--data-dir", self.directory / "data", "--listen-client-urls", self.url,
                   "--advertise-client-urls", self.url, "--listen-peer-urls", self.peer_url, "--initial-advertise-peer-urls", self.peer_url,
                   "--initial-cluster", initial, "--initial-cluster-state", state, "--logger", "zap", "--log-level", "error"]
        if self.authority:
            certificate, key = self.authority.sign("etcd")
            command += ["--cert-file", certificate, "--key-file", key, "--trusted-ca-file", self.authority.certificate, "--client-cert-auth"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ETCD")}
        with open(self.directory / "output", "ab") as output:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def is_healthy(self):
        if self.process.poll() is not None:
            raise AssertionError(f"etcd {self.name} ended: {(self.directory / 'output').read_text(errors='replace')[-2000:]}")
        try:
            tls = self.authority.context("gradebookctl") if self.authority else None
            return b"true" in request(self.url + "/health", tls=tls).body
        except OSError:
            return False

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


def encode(text):
    return base64.b64encode(text.encode()).decode()


class Etcd:
    """n members; start() returns when a leader answers. authority: as in tls.py, clients have to show a certificate of that one."""

    def __init__(self, directory, members=1, authority=None):
        self.members = [Member(pathlib.Path(directory) / f"etcd-{i}", f"m{i}", free_port(), free_port(), authority) for i in range(members)]
        self.token = None
        self.n_prefixes = 0

    def store(self):
        """What [Registry] of registry.conf has to say, for registries that share nothing with others here."""
        self.n_prefixes += 1
        return {"Store": "etcd", "Endpoints": self.endpoints, "Prefix": f"/test-{self.n_prefixes}/"}

    @property
    def endpoints(self):
        return " ".join(m.url for m in self.members)

    def start(self, state="new"):
        initial = ",".join(f"{m.name}={m.peer_url}" for m in self.members)
        for m in self.members:
            if m.process is None or m.process.poll() is not None:
                m.launch(initial, state)
        try:
            wait_until(lambda: all(m.is_healthy() for m in self.members), "etcd is healthy", timeout=30)
        except BaseException:
            self.kill()
            raise
        return self

    def kill(self):
        for m in self.members:
            m.kill()

    def call(self, path, body, member=0):
        answer = request(self.members[member].url + "/v3" + path, "POST", body,
                         headers={"Authorization": self.token} if self.token else None)
        assert answer.status == 200, (path, answer)
        return answer.json

    def keys(self, prefix):
        """{key without the prefix: value}"""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        answer = self.call("/kv/range", {"key": encode(prefix), "range_end": encode(end)})
        return {base64.b64decode(kv["key"]).decode()[len(prefix):]: json.loads(base64.b64decode(kv["value"])) for kv in answer.get("kvs", [])}

    def put(self, values):
        """{key: value}, in one transaction, in this order."""
        self.call("/kv/txn", {"success": [{"request_put": {"key": encode(key), "value": encode(json.dumps(value))}} for key, value in values.items()]})

    def revision(self):
        return int(self.call("/kv/range", {"key": encode("x")})["header"]["revision"])

    def compact(self):
        self.call("/kv/compaction", {"revision": str(self.revision()), "physical": True})

    def leader(self):
        """The member that leads."""
        for i, m in enumerate(self.members):
            status = self.call("/maintenance/status", {}, member=i)
            if status["leader"] == status["header"]["member_id"]:
                return m
        raise AssertionError("no member leads")
