# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a registry costs with N instances, as a few formulas, beside what it is measured to cost: "make bench BENCHFLAGS='--only cost'". See
ARCHITECTURE.md, "How cost grows".

The constants are taken in this run, from the smallest and the largest size; the size between them is foretold before it is compared. Then
the formulas are asked for clusters that no single machine can play."""

import contextlib
import dataclasses
import http.client
import math
import os
import pathlib
import tempfile
import time

from bench_registry import HEARTBEAT_SECONDS, Numbers, Peers, pss_kib, row, wait_for_beats
from gradebook import BUILD, Cluster

SIZES = (100, 1000, 10000)
TOLD = (100, 10_000, 1_000_000)
RENEWAL_SECONDS = 5             # RegisterSec= as it is by default
DEPENDANTS_SHARE = 10           # of the measured: one in so many depends on what changes
WINDOW_SECONDS = 9
RENEWALS = 5000
CHANGES = 20
IDLE_CONNECTIONS = 500
WITHIN = 0.30                   # of what is foretold
PROCESSOR_WITHIN = 0.50         # whose caches and neighbours are in no formula
DAY = 86400

# The clusters that the formulas are asked for: each service has so many instances, and as many depend on it; each instance restarts once a
# day, which are two changes; of a thousand instances one is a portal, which depends on all services.
INSTANCES_OF_A_SERVICE = 10
PORTALS_SHARE = 1000
CHANGES_A_DAY = 2

# Of the registry as it is installed: gradebook.conf, registry.conf, gradebook-registry.service.
MAX_CONNECTIONS = 1024
MAX_REGISTRATIONS = 10_000
MAX_REGISTRATIONS_EVER = 60_000
MEMORY_MAX_KIB = 128 * 1024
OPEN_FILES_MAX = 65_536


def cpu_usec(pid):
    """Of all threads, from the scheduler's own account: a tick is longer than what is measured."""
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1000


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@dataclasses.dataclass
class Point:
    """With so many instances, measured or foretold."""
    size: int
    beats: float                # heartbeats a second
    beats_usec: float           # of a processor for them, each second
    renewal_usec: float         # for one
    change_usec: float          # for one who comes or goes, with all patches of it
    kib: float                  # of memory, for all
    connections: float          # that the registry opens
    start_kib: float = 0        # of memory, with nobody
    accepted_kib: float = 0     # for a connection that it accepts
    accepted_usec: float = 0    # of a processor, to accept one and answer on it


class Model:
    """Everything is linear: so much at all, and so much for each. A renewal costs the same however many there are."""

    def __init__(self, small, large):
        def line(name, of=lambda p: p.size):
            slope = (getattr(large, name) - getattr(small, name)) / (of(large) - of(small))
            return slope, getattr(small, name) - slope * of(small)

        self.beat_usec, self.idle_usec = line("beats_usec", lambda p: p.beats)
        self.renewal_usec = (small.renewal_usec + large.renewal_usec) / 2
        self.patch_usec, self.change_usec = line("change_usec", lambda p: p.size // DEPENDANTS_SHARE)
        self.instance_kib, self.base_kib = line("kib")
        self.instance_connections, self.base_connections = line("connections")
        self.start_kib = small.start_kib
        self.accepted_kib = small.accepted_kib  # in the large there is room that others have left
        self.accepted_usec = small.accepted_usec

    def point(self, size):
        beats = size / HEARTBEAT_SECONDS
        return Point(size, beats, self.idle_usec + self.beat_usec * beats, self.renewal_usec,
                     self.change_usec + self.patch_usec * (size // DEPENDANTS_SHARE), self.base_kib + self.instance_kib * size,
                     self.base_connections + self.instance_connections * size)

    # Of one of so many registries that share a store, where heartbeats, renewals and patches are divided among them, and each knows all. As many
    # connections are accepted as there are instances.

    def patches(self, size, registries=1):
        """A second."""
        return size * CHANGES_A_DAY / DAY * (INSTANCES_OF_A_SERVICE + max(1, size / PORTALS_SHARE)) / registries

    def messages(self, size, registries=1):
        """Requests and answers a second."""
        return 2 * (size / HEARTBEAT_SECONDS / registries + size / RENEWAL_SECONDS / registries + self.patches(size, registries))

    def cores(self, size, registries=1):
        usec = (self.idle_usec + self.beat_usec * size / HEARTBEAT_SECONDS / registries + self.renewal_usec * size / RENEWAL_SECONDS / registries
                + self.change_usec * size * CHANGES_A_DAY / DAY + self.patch_usec * self.patches(size, registries))
        return usec / 1e6

    def connections(self, size, registries=1):
        """Those to the instances, and theirs to the registry, each of which stays open between two renewals."""
        return 2 * size / registries

    def memory_kib(self, size, registries=1, accepted_max=math.inf):
        return self.start_kib + self.base_kib + self.instance_kib * size + self.accepted_kib * min(size / registries, accepted_max)

    def ends(self):
        """What is at its end first, and with how many instances."""
        def least(reached):
            size = 1
            while not reached(size):
                size *= 1.02
            return size
        return sorted([
            (MAX_CONNECTIONS, "MaxConnections=1024: a renewal needs a new connection"),
            (MAX_REGISTRATIONS, "MaxRegistrations=10000: one more is refused"),
            (least(lambda n: self.memory_kib(n) >= MEMORY_MAX_KIB), "MemoryMax=128M, with MaxConnections= raised along"),
            (least(lambda n: self.memory_kib(n, accepted_max=MAX_CONNECTIONS) >= MEMORY_MAX_KIB), "MemoryMax=128M"),
            (least(lambda n: self.cores(n) >= 1), "the loop takes a whole processor"),
            (OPEN_FILES_MAX / 2, "LimitNOFILE=65536, with MaxConnections= raised along"),
            (MAX_REGISTRATIONS_EVER, "MaxRegistrations= cannot be more"),
        ])


def measure_beats(registry, peers, size):
    wait_for_beats(peers, 0, size, 1)
    peers.reset(0, size)
    cpu, begin = cpu_usec(registry.pid), time.monotonic()
    time.sleep(WINDOW_SECONDS)
    seconds, used = time.monotonic() - begin, cpu_usec(registry.pid) - cpu
    beats = peers.counters(0, size)["beats"]
    return beats / seconds, used / seconds


def measure_work(registry, work):
    """Microseconds of a processor, where nothing else is done meanwhile."""
    cpu = cpu_usec(registry.pid)
    work()
    return cpu_usec(registry.pid) - cpu


def measure_accepted(registry):
    """KiB and microseconds for each connection of somebody who has asked something and may ask again."""
    memory, cpu, connections = pss_kib(registry.pid), cpu_usec(registry.pid), []
    try:
        for _ in range(IDLE_CONNECTIONS):
            connections.append(http.client.HTTPConnection("127.0.0.1", registry.port))
            connections[-1].request("GET", "/healthz")
            connections[-1].getresponse().read()
        return {"accepted_kib": (pss_kib(registry.pid) - memory) / IDLE_CONNECTIONS, "accepted_usec": (cpu_usec(registry.pid) - cpu) / IDLE_CONNECTIONS}
    finally:
        for connection in connections:
            connection.close()


def register_all(peers, size, form):
    """Some depend on what changes. Again, it is a renewal."""
    peers.ask(f"register 0 {size // DEPENDANTS_SHARE} Many Target {form}")
    peers.ask(f"register {size // DEPENDANTS_SHARE} {size - size // DEPENDANTS_SHARE} Many - {form}")


@contextlib.contextmanager
def a_registry():
    """With peers, of whom one is registered: whatever the first one costs, it is not counted."""
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        cluster = Cluster(directory)
        cluster.configure("gradebook", {"Log": {"Level": "info"}})
        # All of them come from one address here; and nobody is given up for a moment's want of a processor.
        cluster.configure("registry", {"Registry": {"MaxRegistrations": "30000", "MaxPerSource": "30000", "RegistrationsPerSec": "1000000",
                                                    "RegistrationsBurst": "1000000", "AllowForeignTargets": "yes", "PatchTimeoutSec": "30s",
                                                    "HeartbeatTimeoutSec": "30s", "LeaseSec": "1h"}})
        try:
            registry = cluster.daemon("registry", keep_listener=True).start()
            peers = Peers(registry)
            peers.ask("register 40000 1 First - -")
            yield registry, peers
            peers.close()
        finally:
            cluster.close()


def measure_at_rest(size):
    with a_registry() as (registry, peers):
        memory, files = pss_kib(registry.pid), descriptors(registry.pid)
        register_all(peers, size, "hu")
        beats, beats_usec = measure_beats(registry, peers, size)
        kib, connections = pss_kib(registry.pid) - memory, descriptors(registry.pid) - files
        return {"beats": beats, "beats_usec": beats_usec, "kib": kib, "connections": connections, "start_kib": memory,
                **measure_accepted(registry)}


def measure_moves(size):
    """Without heartbeats, which would be most of it."""
    numbers, rounds, dependants = Numbers(20000, 30000), max(1, RENEWALS // size), size // DEPENDANTS_SHARE

    def renew():
        for _ in range(rounds):
            register_all(peers, size, "u")

    def change():
        for _ in range(CHANGES // 2):
            target = numbers.take()
            peers.told((0, dependants), f"register {target} 1 Target - -")
            peers.told((0, dependants), f"deregister {target} 1")
    with a_registry() as (registry, peers):
        register_all(peers, size, "u")
        peers.say("connections 1 0")    # one after the other, as they come in a real cluster
        return {"renewal_usec": measure_work(registry, renew) / (rounds * size), "change_usec": measure_work(registry, change) / CHANGES}


def measure(size):
    return Point(size, **measure_at_rest(size), **measure_moves(size))


def compare(model, measured):
    """A row for each figure of a size; true where all were foretold well enough."""
    foretold, met = model.point(measured.size), []
    for name, unit, scale, within in (("beats", "heartbeats/s", 1, WITHIN), ("beats_usec", "% of a core for them", 1e-4, PROCESSOR_WITHIN),
                                      ("renewal_usec", "µs for a renewal", 1, PROCESSOR_WITHIN),
                                      ("change_usec", f"ms for a change, {measured.size // DEPENDANTS_SHARE} told", 1e-3, PROCESSOR_WITHIN),
                                      ("kib", "MiB", 1 / 1024, WITHIN), ("connections", "connections to them", 1, WITHIN)):
        said, seen = getattr(foretold, name) * scale, getattr(measured, name) * scale
        off = said / seen - 1
        met.append(row(f"{measured.size} instances, {unit}", f"{seen:.1f}, foretold {said:.1f} ({off:+.0%})", f"within {within:.0%}", abs(off) <= within))
    return all(met)


def tell(model):
    print(f"one heartbeat {model.beat_usec:.0f} µs, one renewal {model.renewal_usec:.0f} µs, "
          f"one change {model.change_usec:.0f} µs and {model.patch_usec:.0f} µs for each who is told, idle {model.idle_usec / 1e4:.2f} % of a core; "
          f"{model.instance_kib:.1f} KiB an instance, {model.accepted_kib:.1f} KiB a connection that is accepted, and {model.accepted_usec:.0f} µs to accept it and answer")
    print(f"{'instances':>10} {'registries':>10} {'messages/s':>11} {'patches/s':>10} {'cores':>7} {'memory':>10} {'connections':>12}")
    for size, registries in ((*((size, 1) for size in TOLD), (TOLD[-1], 100))):
        print(f"{size:>10} {registries:>10} {model.messages(size, registries):>11.0f} {model.patches(size, registries):>10.2f} "
              f"{model.cores(size, registries):>7.2f} {model.memory_kib(size, registries) / 1024:>6.0f} MiB {model.connections(size, registries):>12.0f}")
    for size, what in model.ends():
        print(f"at its end with {size:>7.0f} instances: {what}")


def run(_):
    """Prints a row for each figure; true where all were foretold well enough."""
    points = [measure(size) for size in SIZES]
    model = Model(points[0], points[-1])
    met = [compare(model, point) for point in points]
    tell(model)
    return all(met)
