# SPDX-License-Identifier: LGPL-2.1-or-later
"""TLS between daemons and to people: what is encrypted, who is believed, what a certificate allows, and how a new one comes."""

import datetime
import http.client
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time
import warnings

import gradebook
import pytest
from ctl import REFUSED, UNREACHABLE, Ctl
from gradebook import wait_until
from tls import DAY, Authority, SecureCluster

CONFIG = 78
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def town(tmp_path):
    c = SecureCluster(tmp_path)
    yield c
    c.close()


def plain_bytes(port, data=b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(data)
        answer = b""
        try:
            while piece := s.recv(4096):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def ask(town, daemon, path, method="GET", body=None, context=None, token=True):
    return gradebook.request(daemon.url + path, method, body, token=town.token if token else None, tls=context)


def rss_kib(pid):
    return next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))


def stands_still(daemon):
    """Nothing was read from anybody for a tenth of a second."""
    def read():
        return next(line for line in pathlib.Path(f"/proc/{daemon.pid}/io").read_text().splitlines() if line.startswith("syscr"))
    before = read()
    time.sleep(0.1)
    return read() == before


def refused_start(town, name):
    daemon = town.daemon(name).launch()
    assert daemon.wait() == CONFIG
    return daemon.stderr


def test_everything_over_tls(town):
    registry, log, grading, portal = (town.start(name) for name in ("registry", "log", "grading", "portal"))
    ctl = Ctl(town)
    # Heartbeats, patches and registrations.
    wait_until(lambda: len(town.services()) == 3, "three services pass their heartbeats")
    assert all(url.startswith("https://") for urls in town.services().values() for url in urls)
    wait_until(lambda: portal.get("/healthz").json["Status"] == "ok", "the portal knows grading")
    # A change through the portal's gateway and one by the command.
    answer = portal.request("/api/GradingService/students", "POST", {"FirstName": "Ada", "LastName": "Lovelace", "StudentNumber": "S1"})
    assert answer.status in (200, 201), answer
    assert "Ada" in ctl("students", "list").stdout
    assert "Ada" in portal.get("/students").text
    # The central log gets the lines of all of them.
    wait_until(lambda: all(f"gradebook-{name}" in log.get("/log?n=1000").text for name in ("registry", "grading", "portal")), "all daemons' lines are in the central log")
    assert all(daemon["Good"] for daemon in ctl.json("status")["Daemons"])
    # Nothing of it is served in plain text.
    for daemon in (registry, log, grading, portal):
        assert b"HTTP/1.1" not in plain_bytes(daemon.port)
        assert "gradebook_tls_failed_handshakes_total 1\n" in daemon.get("/metrics").text


def test_people_need_no_certificate(town):
    town.start("registry", "log", "grading")
    portal = town.start("portal")
    people = town.authority.context()
    wait_until(lambda: portal.get("/healthz").json["Status"] == "ok", "the portal knows log and grading")
    answer = ask(town, portal, "/students", context=people, token=False)
    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"]
    page = ask(town, portal, "/sign-in", context=people, token=False)
    cookies = page.headers.get_all("Set-Cookie") or []
    assert all("Secure" in c and c.startswith("__Host-") for c in cookies), cookies
    assert ask(town, portal, "/healthz", context=people, token=False).status == 200


@pytest.mark.parametrize("name,text", [
    ("nobody", "none was sent"),
    ("expired", "has expired"),
    ("early", "not valid yet"),
    ("foreign", "not of a CA that is believed here"),
    ("server", "not made for clients"),
    ("roleless", "is a role of gradebook"),
])
def test_the_token_alone_is_not_enough(town, tmp_path, name, text):
    grading = town.start("grading")
    ca = town.authority
    if name == "foreign":
        ca = Authority(tmp_path / "foreign")
        ca.sign("foreign", roles=["gradebook-portal"])
    elif name != "nobody":
        ca.sign(name, roles=[] if name == "roleless" else ["gradebook-portal"],
                begins=HOUR if name == "early" else -2 * DAY, ends=-HOUR if name == "expired" else DAY,
                purposes=["tls_www_server"] if name == "server" else ["tls_www_server", "tls_www_client"])
    context = town.authority.context()
    if name != "nobody":
        context.load_cert_chain(ca.directory / f"{name}.crt", ca.directory / f"{name}.key")
    answer = ask(town, grading, "/students", context=context)
    assert answer.status == 403
    assert text in answer.json["detail"]
    # What is for everybody stays so, and with a good certificate but no token nothing is open.
    assert ask(town, grading, "/healthz", context=context, token=False).status == 200
    assert ask(town, grading, "/students", context=town.authority.context("gradebook-portal"), token=False).status == 401
    assert ask(town, grading, "/students", context=town.authority.context("gradebook-portal")).status == 200


def test_a_role_allows_what_is_its_own(town):
    registry, grading = town.start("registry", "grading")
    wait_until(lambda: "GradingService" in town.services(), "grading is registered")
    log = town.authority.context("gradebook-log")
    # Only a registry tells who is there.
    patch = {"Added": [{"ServiceName": "GradingService", "ServiceURL": "https://127.0.0.1:1"}], "Removed": []}
    answer = ask(town, grading, "/services", "POST", patch, context=log)
    assert (answer.status, "gradebook-registry" in answer.json["detail"]) == (403, True)
    # Each service speaks for itself.
    for name, role in (("GradingService", "gradebook-grading"), ("Attendance", "gradebook-attendance")):
        record = {"ServiceName": name, "ServiceURL": "https://127.0.0.1:1"}
        answer = ask(town, registry, "/services", "POST", record, context=log)
        assert (answer.status, role in answer.json["detail"]) == (403, True)
    assert ask(town, registry, "/services", "DELETE", grading.url, context=log).status == 403
    assert ask(town, registry, "/services/drain", "PUT", grading.url, context=log).status == 403
    assert ask(town, registry, "/backup", context=log).status == 403
    assert ask(town, registry, "/restore", "POST", b"", context=log).status == 403
    assert town.services()["GradingService"] == [grading.url]
    # And an administrator for all of them.
    assert registry.request("/services/drain", "PUT", grading.url).status == 200
    assert registry.get("/backup").status == 200


def test_a_foreign_service_registers_with_its_own_role(town):
    registry = town.start("registry")
    town.authority.sign("gradebook-attendance")
    record = {"ServiceName": "Attendance", "ServiceURL": "https://127.0.0.1:1"}
    assert ask(town, registry, "/services", "POST", record, context=town.authority.context("gradebook-attendance")).status == 200


def test_a_server_of_another_name_is_not_believed(town):
    registry = town.start("registry")
    town.authority.sign("gradebook-grading", hosts=["elsewhere.example"], addresses=["192.0.2.1"])
    grading = town.start("grading")
    wait_until(lambda: any(s["ServiceURL"] == grading.url and s["State"] != "passing" for s in registry.get("/services").json["Services"]) or
               "GradingService" not in town.services(), "grading does not pass")
    assert "GradingService" not in town.services()
    done = Ctl(town)("students", "list", code=UNREACHABLE)
    assert "GradingService" in done.stderr
    town.authority.sign("gradebook-registry", hosts=["elsewhere.example"], addresses=["192.0.2.1"])
    registry.stop()
    registry.start()
    done = Ctl(town)("services", code=UNREACHABLE)
    assert "does not match target host name" in done.stderr, done.stderr


def test_a_server_of_another_ca_is_not_believed(town, tmp_path):
    registry = town.start("registry")
    other = Authority(tmp_path / "other")
    town.configure("gradebook", {"TLS": {"CAFile": str(other.certificate)}})
    done = Ctl(town)("services", code=UNREACHABLE)
    assert "is not of a CA that is believed here" in done.stderr, done.stderr
    assert registry.get("/services").status == 200


def test_the_public_cas_are_not_believed(town, tmp_path):
    """Anybody may get a certificate from one of those for a host's name; with a CAFile= only that one counts."""
    if os.geteuid() != 0:
        pytest.skip("a mount of one's own needs root")
    public = Authority(tmp_path / "public")
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "public.pem").write_bytes(public.certificate.read_bytes())
    public.sign("gradebook-registry")
    for suffix in ("crt", "key"):
        (town.authority.directory / f"gradebook-registry.{suffix}").write_bytes((public.directory / f"gradebook-registry.{suffix}").read_bytes())
    town.start("registry")
    command = ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc/ssl/certs && shift && exec "$@"', "sh", str(tmp_path / "certs"), *Ctl(town).command("services")]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if "mount" in run.stderr:
        pytest.skip("mount is not allowed here")
    assert run.returncode == UNREACHABLE, run
    assert "is not of a CA that is believed here" in run.stderr


def test_who_connects_and_says_nothing_costs_nothing(town):
    """A handshake that waits is waited for, not asked for again and again; and in 10 s it is over."""
    grading = town.start("grading")
    silent = [socket.create_connection(("127.0.0.1", grading.port), timeout=15) for _ in range(50)]
    # Half of a record's header, and the beginning of a handshake.
    for s in silent[:20]:
        s.sendall(b"\x16\x03")
    wait_until(lambda: "gradebook_http_connections 51\n" in grading.get("/metrics").text, "all are there")

    def used():
        fields = pathlib.Path(f"/proc/{grading.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    for s in silent:
        assert s.recv(1) == b""
        s.close()
    assert used() - before < 2
    wait_until(lambda: "gradebook_tls_failed_handshakes_total 50\n" in grading.get("/metrics").text, "they are counted")


class Records:
    """A TLS connection whose records can be counted."""

    def __init__(self, town, daemon, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", daemon.port))
        self.incoming, self.outgoing, self.raw = ssl.MemoryBIO(), ssl.MemoryBIO(), b""
        self.tls = town.tls.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.head = f"Host: localhost\r\nAuthorization: Bearer {town.token}\r\n\r\n"
        self._do(self.tls.do_handshake)

    def _flush(self):
        if out := self.outgoing.read():
            self.socket.sendall(out)

    def _do(self, what):
        while True:
            try:
                done = what()
                self._flush()
                return done
            except ssl.SSLWantReadError:
                self._flush()
                piece = self.socket.recv(65536)
                assert piece, "the connection ended"
                self.raw += piece
                self.incoming.write(piece)

    def write(self, text):
        self._do(lambda: self.tls.write(text.encode()))

    def answer(self):
        """The next whole one, as bytes, and how many records came for it."""
        self.raw, answer = b"", b""
        while b"\r\n\r\n" not in answer:
            answer += self._do(lambda: self.tls.read(1))
        size = int(answer.lower().partition(b"content-length:")[2].split()[0])
        for _ in range(size):
            answer += self._do(lambda: self.tls.read(1))
        n = at = 0
        while at < len(self.raw):
            n += 1
            at += 5 + int.from_bytes(self.raw[at + 3:at + 5], "big")
        return answer, n


def test_a_reply_is_one_record(town):
    grading = town.start("grading")
    c = Records(town, grading)
    grading.post("/students", {"FirstName": "A", "LastName": "B"})
    begin = time.monotonic()
    for n in range(40):
        c.write(f"GET /students/1 HTTP/1.1\r\n{c.head}")
        answer, records = c.answer()
        assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"}")
        assert records == 1 or n == 0       # the first has the session's tickets before it
    assert time.monotonic() - begin < 40 * 0.1      # none waits for the 0.2 s of a corked socket, tcp(7)
    c.write(f"HEAD /students/1 HTTP/1.1\r\nConnection: close\r\n{c.head}")
    while c._do(lambda: c.tls.read(4096)):
        pass


def test_who_asks_and_does_not_read_gets_all_of_it_later(town):
    """Answers that the socket does not take are kept for later, and no more questions are taken until they are gone."""
    grading = town.start("grading")
    grading.post("/students", {"FirstName": "A" * 60, "LastName": "B" * 60})
    c = Records(town, grading, receive_buffer=32768)
    before, many = rss_kib(grading.pid), 30_000
    sender = threading.Thread(target=lambda: [c.socket.sendall(piece) for piece in questions], daemon=True)
    questions = []
    for n in range(many):
        c.tls.write(f"GET /students/1 HTTP/1.1\r\nX-Number: {n}\r\n{c.head}".encode())
        questions.append(c.outgoing.read())
    sender.start()
    wait_until(lambda: stands_still(grading), "no more is taken while nobody reads")
    if b"libasan" not in pathlib.Path(grading.binary).read_bytes():     # which keeps what was freed
        assert rss_kib(grading.pid) - before < 2048
    # Others are served meanwhile.
    assert grading.get("/students/1").status == 200
    found, text = 0, b""
    while found < many:
        text += c._do(lambda: c.tls.read(1 << 20))
        found += text.count(b'"LastName"')
        text = text[text.rfind(b"}") + 1:]
    sender.join(10)
    assert found == many
    c.write(f"GET /students/1 HTTP/1.1\r\nConnection: close\r\n{c.head}")
    last = b""
    while piece := c._do(lambda: c.tls.read(65536)):
        last += piece
    assert last.endswith(b"}")


def test_a_stop_during_handshakes(town):
    grading = town.start("grading")
    silent = [socket.create_connection(("127.0.0.1", grading.port), timeout=15) for _ in range(5)]
    wait_until(lambda: "gradebook_http_connections 6\n" in grading.get("/metrics").text, "all are there")
    grading.stop()
    for s in silent:
        s.close()


def test_ctl_without_a_certificate_of_its_own(town):
    town.start("registry")
    town.authority.sign("gradebookctl", roles=[])
    done = Ctl(town)("services", code=REFUSED)
    assert "is a role of gradebook" in done.stderr
    (town.authority.directory / "gradebookctl.key").unlink()
    done = Ctl(town)("services", code=1)
    assert "gradebookctl.key: No such file or directory" in done.stderr


def serial(port, town):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s, town.tls.wrap_socket(s, server_hostname="localhost") as t:
        return t.getpeercert()["serialNumber"]


def test_a_new_certificate_by_reload(town):
    grading = town.start("grading")
    before = serial(grading.port, town)
    connection = http.client.HTTPSConnection("127.0.0.1", grading.port, context=town.tls, timeout=10)
    headers = {"Authorization": f"Bearer {town.token}"}

    def once():
        connection.request("GET", "/students", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read() is not None

    assert once() == (200, True)
    held = connection.sock
    # Under load: no request fails while the certificate changes.
    failed, stop = [], threading.Event()

    def load():
        while not stop.is_set():
            try:
                if ask(town, grading, "/students", context=town.tls).status != 200:
                    failed.append("not 200")
            except (OSError, http.client.HTTPException) as e:
                failed.append(repr(e))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for t in threads:
        t.start()
    for _ in range(5):
        town.authority.sign("gradebook-grading")
        grading.signal(signal.SIGHUP)
        grading.wait_notify("RELOADING=1")
        grading.wait_notify("READY=1")
    stop.set()
    for t in threads:
        t.join()
    assert failed == []
    assert serial(grading.port, town) != before
    assert once() == (200, True)
    assert connection.sock is held
    connection.close()


def test_what_is_wrong_with_a_new_one_changes_nothing(town):
    grading = town.start("grading")
    before = serial(grading.port, town)
    key = town.authority.directory / "gradebook-grading.key"
    good = key.read_bytes()
    for content, text in ((b"", "gradebook-grading.key"), ((town.authority.directory / "gradebookctl.key").read_bytes(), "is not the key of the certificate")):
        key.write_bytes(content)
        grading.signal(signal.SIGHUP)
        grading.wait_notify("READY=1")
        wait_until(lambda: text in grading.stderr, f"it says {text}")
        wait_until(lambda: "going on with the old one" in grading.stderr, "it goes on with the old one")
        assert serial(grading.port, town) == before
    key.write_bytes(good)
    # One that would shut everybody out, or let everybody in.
    town.configure("gradebook", {"TLS": {"CAFile": ""}})
    grading.signal(signal.SIGHUP)
    grading.wait_notify("READY=1")
    wait_until(lambda: "whether there is a CAFile= is decided at the start" in grading.stderr, "it says so")
    assert ask(town, grading, "/students", context=town.authority.context()).status == 403


def test_peers_use_the_new_ca_after_a_reload(town, tmp_path):
    """The CA changes: with both in CAFile= first, everybody goes on."""
    registry, grading = town.start("registry", "grading")
    wait_until(lambda: "GradingService" in town.services(), "grading is registered")
    old = town.authority.certificate.read_text()
    new = Authority(tmp_path / "new")
    town.authority.certificate.write_text(old + new.certificate.read_text())
    for daemon in (registry, grading):
        daemon.signal(signal.SIGHUP)
        daemon.wait_notify("READY=1")
    new.sign("gradebook-grading")
    for suffix in ("crt", "key"):
        (town.authority.directory / f"gradebook-grading.{suffix}").write_bytes((new.directory / f"gradebook-grading.{suffix}").read_bytes())
    grading.signal(signal.SIGHUP)
    grading.wait_notify("READY=1")
    # The registry's next connection sees it, and believes it.
    grading.stop()
    grading.start()
    wait_until(lambda: town.services().get("GradingService") == [grading.url], "grading passes with a certificate of the new CA")


def test_a_start_that_cannot_be(town):
    ca = town.authority
    ca.sign("gradebook-log", begins=-2 * DAY, ends=-HOUR)
    assert f"CertificateFile=: {ca.directory}/gradebook-log.crt expired at" in refused_start(town, "log")
    ca.sign("gradebook-log", begins=HOUR)
    assert "gradebook-log.crt is valid from" in refused_start(town, "log")
    (ca.directory / "gradebook-grading.key").write_bytes((ca.directory / "gradebookctl.key").read_bytes())
    assert "gradebook-grading.key is not the key of the certificate" in refused_start(town, "grading")
    (ca.directory / "gradebook-portal.crt").unlink()
    assert "gradebook-portal.crt: No such file or directory" in refused_start(town, "portal")
    town.configure("gradebook", {"TLS": {"CertificateFile": ""}})
    assert "of no use without CertificateFile=" in refused_start(town, "registry")


def test_the_key_of_the_unit(town):
    """As systemd passes it: a credential, before the file in /etc, which the daemon may not read."""
    key = town.authority.directory / "gradebook-grading.key"
    key.rename(town.credentials / "tls-key")
    grading = town.start("grading")
    assert grading.get("/students").status == 200
    grading.stop()
    (town.credentials / "tls-key").write_text("none")
    assert "gradebook-grading.key: No such file or directory" in refused_start(town, "grading")


def test_versions_of_tls(town):
    grading = town.start("grading")

    def version(wanted):
        context = town.authority.context("gradebookctl")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = wanted
        context.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", grading.port), timeout=10) as s, context.wrap_socket(s, server_hostname="localhost") as t:
            return t.version()

    assert version(ssl.TLSVersion.MAXIMUM_SUPPORTED) == "TLSv1.3"
    assert version(ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    for old in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1):
        with pytest.raises(OSError):
            version(old)


def test_expiry_is_told_in_time(town):
    town.authority.sign("gradebook-grading", ends=13 * DAY)
    grading = town.start("grading")
    wait_until(lambda: "the certificate expires at" in grading.status, "the status line says it")
    assert "put a new one in its place and reload" in grading.stderr
    seconds = int([line for line in grading.get("/metrics").text.splitlines() if line.startswith("gradebook_tls_certificate_expiry")][0].split()[1])
    left = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc) - datetime.datetime.now(datetime.timezone.utc)
    assert 12 * DAY < left < 14 * DAY
    town.authority.sign("gradebook-grading")
    grading.signal(signal.SIGHUP)
    wait_until(lambda: "the certificate" not in grading.status and "Serving" in grading.status, "the status line is as before")


def test_other_machines_need_certificates_on_both_sides(town):
    """A listener that others reach: with TLS and CAFile= it starts, without CAFile= it does not."""
    town.configure("gradebook", {"Cluster": {"AdvertiseHost": "localhost"}})
    grading = town.daemon("grading", keep_listener=True)
    grading.listener.close()
    grading.listener = socket.socket()
    grading.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    grading.listener.bind(("0.0.0.0", grading.port))
    grading.listener.listen(64)
    grading.start()
    assert grading.get("/students").status == 200
    grading.stop()
    town.configure("gradebook", {"Cluster": {"AdvertiseHost": "localhost"}, "TLS": {"CAFile": ""}})
    grading.launch()
    assert grading.wait() == CONFIG
    assert "without CAFile=, by which peers are believed" in grading.stderr
