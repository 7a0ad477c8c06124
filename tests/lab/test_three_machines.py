# SPDX-License-Identifier: LGPL-2.1-or-later
"""A gradebook on three machines, over TLS: one finds and logs, one keeps the grades, two show the pages. Links are cut."""
import contextlib
import json
import secrets
import shutil
import sys
import threading
import time

import pytest

from machine import SOURCE, Machine, wait_until
from network import PREFIX, Network

sys.path.insert(0, str(SOURCE / "tests" / "lib"))

from tls import Authority  # noqa: E402

PORTS = {"registry": 3000, "log": 4000, "grading": 6000, "portal": 5005}
PLACES = {"one": ["registry", "log", "portal"], "two": ["grading"], "three": ["portal"]}
SECONDS = 5                     # the bound: what lives is reachable again


class Town:
    def __init__(self, machines, network, token):
        self.machines, self.network, self.token = machines, network, token

    def url(self, name, place):
        return f"https://{place}.school.example:{PORTS[name]}"

    def ask(self, at, url, *arguments, **kwargs):
        """From one machine to another, as gradebookctl would."""
        tls = "/etc/gradebook/tls"
        return self.machines[at].curl(url, "--cacert", f"{tls}/ca.crt", "--cert", f"{tls}/gradebookctl.crt", "--key", f"{tls}/gradebookctl.key",
                                      *arguments, token=self.token, **kwargs)

    def states(self, at="one"):
        """{url: state} as the registry has it."""
        answer = self.ask(at, self.url("registry", "one") + "/services")
        return {s["ServiceURL"]: s["State"] for s in answer.json()["Services"]} if answer.status == 200 else {}

    def page(self, at, place, seconds=5):
        """Whether the portal of that place shows the students to whoever asks there."""
        answer = self.machines[at].curl(self.url("portal", place) + "/students", "--cacert", "/etc/gradebook/tls/ca.crt", seconds=seconds)
        return answer.status == 200 and "Lovelace" in answer.body

    @contextlib.contextmanager
    def watched(self, at, place):
        """Pages are served throughout."""
        failed, stop = [], threading.Event()

        def look():
            while not stop.is_set():
                if not self.page(at, place):
                    failed.append(place)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        assert failed == []


def prepare(machine, place, network, authority, token, services=None):
    """Before it boots: names, certificates, configuration, and which sockets are open to the network."""
    services = services or PLACES[place]
    etc = machine.root / "etc"
    names = [f"{address} {name}.school.example" for name, address in network.addresses.items()]
    (etc / "hosts").write_text("127.0.0.1 localhost\n" + "\n".join(names) + "\n")
    tls = etc / "gradebook" / "tls"
    tls.mkdir(parents=True)
    shutil.copy(authority.certificate, tls)
    for name in [*(f"gradebook-{service}" for service in services), "gradebookctl"]:
        certificate, key = authority.sign(f"{place}-{name}", roles=[name], hosts=["localhost", f"{place}.school.example"],
                                          addresses=["127.0.0.1", network.addresses[place]])
        shutil.copy(certificate, tls / f"{name}.crt")
        shutil.copy(key, tls / f"{name}.key")
        (tls / f"{name}.key").chmod(0o600)
    for path in (etc / "gradebook", tls):
        path.chmod(0o755)
    conf = etc / "gradebook" / "gradebook.conf.d"
    conf.mkdir()
    (conf / "town.conf").write_text(f"[Cluster]\nRegistryURL=https://one.school.example:3000\nAdvertiseHost={place}.school.example\n"
                                    "[TLS]\nCertificateFile=/etc/gradebook/tls/%p.crt\nCAFile=/etc/gradebook/tls/ca.crt\n")
    (etc / "gradebook" / "registry.conf.d").mkdir()
    (etc / "gradebook" / "registry.conf.d" / "town.conf").write_text("[Registry]\nHeartbeatSec=500ms\n")
    for service in services:
        for unit, text in ((f"gradebook-{service}.socket", f"[Socket]\nListenStream={network.addresses[place]}:{PORTS[service]}\n"),
                           (f"gradebook-{service}.service", f"[Service]\nIPAddressAllow={PREFIX}0/24\n")):
            directory = etc / "systemd" / "system" / f"{unit}.d"
            directory.mkdir(parents=True)
            (directory / "town.conf").write_text(text)
    state = machine.root / "var" / "lib" / "gradebook"
    state.mkdir(parents=True, exist_ok=True)
    (state / "cluster-token").write_text(token + "\n")
    (state / "cluster-token").chmod(0o600)


@pytest.fixture(scope="module")
def town(build, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("ca"))
    token = secrets.token_hex(32)
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network(list(PLACES)))
        machines = {}
        for place in PLACES:
            machines[place] = stack.enter_context(Machine(
                place, build=build, network=None, options=network.options(place),
                prepare=lambda m, place=place: prepare(m, place, network, authority, token)))
        t = Town(machines, network, token)
        for place, services in PLACES.items():
            machines[place].systemctl("start", *(f"gradebook-{s}.socket" for s in services), *(f"gradebook-{s}.service" for s in services))
        wait_until(lambda: sorted(t.states().values()) == ["passing"] * 4, "all four services pass on three machines", timeout=30)
        done = machines["two"].run("gradebookctl", "students", "add", "Ada", "Lovelace", check=False)
        assert done.returncode == 0, done.stderr
        yield t


@pytest.fixture
def well(town):
    wait_until(lambda: sorted(town.states().values()) == ["passing"] * 4, "all four services pass", timeout=30)
    wait_until(lambda: town.page("one", "one") and town.page("three", "three"), "both portals show the students", timeout=30)
    return town


def test_pages_grades_and_log_over_the_network(well):
    assert well.page("one", "three") and well.page("three", "one")
    answer = well.ask("three", well.url("portal", "three") + "/api/GradingService/students/1/grades", "--data",
                      '{"Title":"Quiz 1","Type":"Quiz","Score":90}', "--header", "Content-Type: application/json")
    assert answer.status == 201, answer
    assert "90" in well.ask("one", well.url("portal", "one") + "/students/1").body
    wait_until(lambda: "gradebook-grading" in well.ask("three", well.url("log", "one") + "/log?n=1000").body, "the lines of grading are in the central log")
    # Whoever has the token and no certificate is refused, over the network as well.
    bare = well.machines["three"].curl(well.url("grading", "two") + "/students", "--cacert", "/etc/gradebook/tls/ca.crt", token=well.token)
    assert bare.status == 403


def test_a_machine_is_cut_off(well):
    """Both ways: the other portal serves on, and what is back is found again in time."""
    with well.watched("one", "one"):
        with well.network.cut("three"):
            wait_until(lambda: well.states()[well.url("portal", "three")] == "critical", "the registry misses the cut portal")
            # What it saw last is what it goes on with.
            assert well.states()[well.url("grading", "two")] == "passing"
        wait_until(lambda: well.states()[well.url("portal", "three")] == "passing", "it is found again", timeout=SECONDS)
    wait_until(lambda: well.page("three", "three"), "its pages come again", timeout=SECONDS)


def test_a_machine_is_cut_off_in_one_direction(well):
    """Grading's answers do not reach the registry, all else does: nobody's list is emptied by it, and pages go on."""
    with well.watched("three", "three"):
        with well.network.deaf("two", to="one"):
            wait_until(lambda: well.states()[well.url("grading", "two")] == "critical", "the registry does not hear grading")
            assert well.page("three", "three")
        wait_until(lambda: well.states()[well.url("grading", "two")] == "passing", "it is heard again", timeout=SECONDS)
    wait_until(lambda: well.page("one", "one"), "the other portal as well", timeout=SECONDS)


@pytest.mark.parametrize(("delay", "loss"), [(0.1, 0), (0.02, 0.05), (0, 0.1)], ids=["late", "late-and-lossy", "lossy"])
def test_a_bad_cable(well, delay, loss):
    """Grading's machine is far away, or its cable is broken a little: all is slower, nobody is taken for dead for long, nothing is lost or doubled."""
    titles = [f"Paper {n} at {delay} s, {loss}" for n in range(15)]
    with well.watched("three", "three"), well.network.bad("two", delay, loss):
        begin = time.monotonic()
        wait_until(lambda: well.ask("three", well.url("grading", "two") + "/healthz", seconds=10).status == 200, "it answers", timeout=60)
        assert time.monotonic() - begin >= 6 * delay    # a handshake of TCP, one of TLS, a question
        for n, title in enumerate(titles):
            for _ in range(20):
                answer = well.ask("three", well.url("portal", "three") + "/api/GradingService/students/1/grades", "--data",
                                  json.dumps({"Title": title, "Type": "Quiz", "Score": n}), "--header", "Content-Type: application/json",
                                  "--header", f'Idempotency-Key: "{title}"', seconds=10)
                if answer.status == 201:
                    break
                assert answer.status in (0, 409, 502, 503, 504), answer
        assert well.states()[well.url("portal", "three")] == "passing"
    wait_until(lambda: sorted(well.states().values()) == ["passing"] * 4, "all pass", timeout=SECONDS)
    grades = [g["Title"] for g in well.ask("one", well.url("grading", "two") + "/students/1").json()["Grades"]]
    assert [grades.count(title) for title in titles] == [1] * len(titles)


def test_the_registrys_machine_is_cut_off(well):
    """Finding stops, traffic does not; log lines wait where they are, and all arrive."""
    with well.watched("three", "three"):
        with well.network.cut("one"):
            answer = well.ask("three", well.url("grading", "two") + "/students", "--data", '{"FirstName":"Alan","LastName":"Turing"}',
                              "--header", "Content-Type: application/json")
            assert answer.status in (200, 201), answer
            assert well.page("three", "three")
    wait_until(lambda: sorted(well.states().values()) == ["passing"] * 4, "all pass again", timeout=30)
    wait_until(lambda: "Turing" in well.ask("three", well.url("log", "one") + "/log?n=1000").body, "what was done meanwhile is in the central log", timeout=30)
    assert well.machines["two"].run("gradebookctl", "ledger", "verify").stdout.startswith("Verified")


def test_a_wrong_clock(well):
    """On a machine that believes to be in another year nobody's certificate is valid: it says so, serves nobody wrongly, and all is well when it is mended."""
    three = well.machines["three"]
    for year, text in (("+2y", "expired at"), ("-2y", "is the clock right?")):
        # The server's certificate; and its own, of which the clock tells the same.
        done = three.run("faketime", "-f", year, "gradebookctl", "services", check=False)
        assert done.returncode != 0 and text in done.stderr, done.stderr
    library = three.run("dpkg -L libfaketime | grep -m1 libfaketime.so").stdout.strip()
    with three.drop_in("gradebook-portal.service", f"[Service]\nEnvironment=LD_PRELOAD={library} FAKETIME=+2y FAKETIME_DONT_FAKE_MONOTONIC=1\n"):
        three.systemctl("restart", "gradebook-portal.service", check=False)
        wait_until(lambda: any("expired at" in m for m in three.messages("_SYSTEMD_UNIT=gradebook-portal.service")), "it says that its certificate has expired")
        assert well.page("one", "one")
    three.systemctl("reset-failed", "gradebook-portal.service")
    three.systemctl("restart", "gradebook-portal.service")
    wait_until(lambda: well.page("three", "three"), "its pages come again", timeout=SECONDS)
