# SPDX-License-Identifier: LGPL-2.1-or-later
"""A town of three machines that shares what it keeps: a member of etcd and a registry on each, grading on two of them and a log on two, with what they keep in
PostgreSQL, which has a streaming standby on the second, and portals. All of it on a network of its own, over TLS but for etcd and PostgreSQL."""
import contextlib
import datetime
import itertools
import json
import pathlib
import secrets
import threading

from machine import wait_until
from test_three_machines import Town, prepare

PLACES = {"one": ["registry", "grading", "portal"], "two": ["registry", "grading", "log", "portal"], "three": ["registry", "log", "portal"]}
POSTGRES = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name))
DATABASE = "/var/lib/pg"


class SharedTown(Town):
    """Town asks a registry at "one" by default; here each is as good."""

    def states(self, at="one", registry=None):
        answer = self.ask(at, self.url("registry", registry or at) + "/services", seconds=5)
        return {s["ServiceURL"]: s["State"] for s in answer.json()["Services"]} if answer.status == 200 else {}

    def passes_at(self, place):
        return list(self.states(place).values()).count("passing") == sum(len(services) - 1 for services in PLACES.values())

    def is_well(self):
        return all(self.passes_at(place) for place in PLACES)

    def wait_until_well(self, what, timeout):
        try:
            wait_until(self.is_well, what, timeout=timeout)
        except AssertionError as e:
            said = {place: f"{self.states(place)}\n" + machine.run("journalctl --no-pager -o short-precise -n 60 -u gradebook-registry -u etcd-member").stdout
                    for place, machine in self.machines.items()}
            raise AssertionError(f"{e}\netcd's leader: {self.etcd_leader()}\n" + "\n".join(f"{place}: {text}" for place, text in said.items())) from None

    def start_services(self, place):
        names = PLACES[place]
        self.machines[place].systemctl("start", *(f"gradebook-{s}.socket" for s in names), *(f"gradebook-{s}.service" for s in names))

    # ---- etcd ----

    def start_etcd(self, place):
        at = self.network.addresses
        cluster = ",".join(f"{name}=http://{address}:2380" for name, address in at.items())
        self.machines[place].run(
            "systemd-run", "--quiet", "--unit=etcd-member", "--property=Restart=no", "etcd", f"--name={place}", "--data-dir=/var/lib/etcd-member",
            f"--listen-client-urls=http://{at[place]}:2379", f"--advertise-client-urls=http://{at[place]}:2379",
            f"--listen-peer-urls=http://{at[place]}:2380", f"--initial-advertise-peer-urls=http://{at[place]}:2380",
            f"--initial-cluster={cluster}", "--heartbeat-interval=100", "--election-timeout=1000", "--pre-vote", "--logger=zap", "--log-level=error")

    def etcd_leader(self):
        """The place of the member that leads; None while there is none."""
        for place, address in self.network.addresses.items():
            answer = self.machines[place].curl(f"http://{address}:2379/v3/maintenance/status", "--data", "{}", seconds=2)
            if answer.status == 200:
                status = json.loads(answer.body)
                if status.get("leader", "0") != "0" and status["leader"] == status["header"]["member_id"]:
                    return place
        return None

    # ---- PostgreSQL ----

    def start_postgres(self, place):
        self.machines[place].run("systemd-run", "--quiet", "--unit=postgres-server", "--property=User=postgres", "--property=RuntimeDirectory=pg",
                                 f"{POSTGRES}/postgres", "-D", DATABASE)

    def make_primary(self, place):
        m = self.machines[place]
        m.run(f"install -d -o postgres -g postgres -m 700 {DATABASE}")
        m.run(f"runuser -u postgres -- {POSTGRES}/initdb -D {DATABASE} -U gradebook -A trust -E UTF8 --locale=C.UTF-8 --no-sync")
        m.write(f"{DATABASE}/town.conf", "listen_addresses = '*'\nunix_socket_directories = '/run/pg'\nshared_buffers = 32MB\nfsync = off\n"
                "wal_level = replica\nhot_standby = on\nsynchronous_standby_names = '*'\nsynchronous_commit = on\nwal_receiver_status_interval = 1s\n")
        m.run(f"echo \"include 'town.conf'\" >> {DATABASE}/postgresql.conf; printf 'host all all 198.51.100.0/24 trust\\nhost replication all 198.51.100.0/24 trust\\n' >> {DATABASE}/pg_hba.conf; "
              f"chown -R postgres: {DATABASE}")
        self.start_postgres(place)
        wait_until(lambda: self.sql(place, "SELECT 1") == "1", "PostgreSQL takes connections", timeout=30)
        m.run(f"PGOPTIONS='-c synchronous_commit=local' createdb -h {self.network.addresses[place]} -U gradebook log")

    def make_standby(self, place, primary):
        m = self.machines[place]
        m.run(f"install -d -o postgres -g postgres -m 700 {DATABASE}")
        m.run(f"runuser -u postgres -- {POSTGRES}/pg_basebackup -D {DATABASE} -h {self.network.addresses[primary]} -U gradebook -R --checkpoint=fast --no-sync")
        self.start_postgres(place)
        wait_until(lambda: self.sql(primary, "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')") == "1", "the standby follows", timeout=30)

    def sql(self, place, statement):
        done = self.machines[place].run("psql", "-h", self.network.addresses[place], "-U", "gradebook", "-d", "postgres", "-Atc", statement, check=False)
        return done.stdout.strip()


def prepare_shared(machine, place, network, authority, token):
    prepare(machine, place, network, authority, token, services=PLACES[place])
    conf = machine.root / "etc" / "gradebook"
    etcd = " ".join(f"http://{address}:2379" for address in network.addresses.values())
    with open(conf / "registry.conf.d" / "town.conf", "a", encoding="utf-8") as out:
        # Six processes on each machine of a busy host: who is slow is not to be taken for dead.
        out.write(f"Store=etcd\nEndpoints={etcd}\nHeartbeatTimeoutSec=2s\n")
    others = [name for name in network.addresses if name != place]
    (conf / "gradebook.conf.d" / "town2.conf").write_text(
        "[Cluster]\nRegistryURL=" + " ".join(f"https://{name}.school.example:3000" for name in [place, *others]) + "\n")
    hosts = f"{network.addresses['one']},{network.addresses['two']}"
    for name, section, setting, database in (("grading", "Grading", "Database", "postgres"), ("log", "Log", "Store", "log")):
        (conf / f"{name}.conf.d").mkdir(exist_ok=True)
        (conf / f"{name}.conf.d" / "town.conf").write_text(f"[{section}]\n{setting}=postgresql://gradebook@{hosts}/{database}?sslmode=disable\n")


def clock():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Repeaters:
    """A thread for each place, as long as the block lasts."""

    def __init__(self, town, places):
        self.town, self.stop_event = town, threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(place,)) for place in places]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop_event.set()
        for thread in self.threads:
            thread.join()


class Sources(Repeaters):
    """Send numbered lines to the central logs, in turn, each until one of them has it."""

    def __init__(self, town, places):
        super().__init__(town, places)
        self.acknowledged = {secrets.token_hex(16): 0 for _ in places}      # by source: the last number
        self.sources = dict(zip(places, self.acknowledged))

    def _write(self, place):
        source, logs = self.sources[place], itertools.cycle([at for at in PLACES if "log" in PLACES[at]])
        while not self.stop_event.is_set():
            n = self.acknowledged[source] + 1
            text = "".join(json.dumps({"Time": clock(), "Priority": 6, "Service": "town", "Message": f"{place} {k}", "Source": source, "Sequence": k}) + "\n"
                           for k in range(n, n + 5))
            answer = self.town.ask(place, self.town.url("log", next(logs)) + "/log", "--data-binary", text, "--header", "Content-Type: application/x-ndjson", seconds=5)
            if answer.status == 200:
                self.acknowledged[source] = n + 4
            else:
                assert answer.status in (0, 429, 500, 503, 507), answer
                self.stop_event.wait(0.2)


class Writers(Repeaters):
    """Add grades through the portals' gateways, each with a key of its own that is sent again until somebody says what became of it."""

    def __init__(self, town, places):
        super().__init__(town, places)
        self.acknowledged = []

    def _write(self, place):
        n = 0
        while not self.stop_event.is_set():
            n += 1
            title = f"{place} {n}"
            for _ in range(100):
                answer = self.town.ask(place, self.town.url("portal", place) + "/api/GradingService/students/1/grades", "--data",
                                       json.dumps({"Title": title, "Type": "Homework", "Score": n % 101}), "--header", "Content-Type: application/json",
                                       "--header", f'Idempotency-Key: "{title}"', seconds=5)
                if answer.status in (200, 201):
                    self.acknowledged.append(title)
                    break
                assert answer.status in (0, 409, 429, 500, 502, 503, 504), answer
                if self.stop_event.wait(0.2):
                    break


@contextlib.contextmanager
def lists_stay_full(town, places):
    """Nobody's list of providers is emptied: a portal that knows grading goes on to know it."""
    emptied, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            for place in places:
                answer = town.machines[place].curl(town.url("portal", place) + "/healthz", "--cacert", "/etc/gradebook/tls/ca.crt", seconds=5)
                if answer.status == 200 and "GradingService" in answer.json()["Missing"]:
                    emptied.append(place)
            stop.wait(0.1)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    said = {place: town.machines[place].run("journalctl --no-pager -o short-precise -n 40 -u gradebook-portal -u gradebook-registry").stdout for place in set(emptied)}
    assert not emptied, "\n".join(f"{place} knew no GradingService:\n{text}" for place, text in said.items())
