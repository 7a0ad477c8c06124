# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a registry costs with N instances, as a few formulas, beside what it is measured to cost: "make bench BENCHFLAGS='--only cost'". See
ARCHITECTURE.md, "How cost grows".

The constants are taken in this run, from the smallest and the largest size; the size between them is foretold before it is compared. Then
the formulas are asked for clusters that no single machine can play."""

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
CHANGES = 20
IDLE_CONNECTIONS = 500
WITHIN = 0.30                   # of what is foretold
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
    accepted_kib: float = 0     # of memory, for one that it accepts


class Model:
    """Everything is linear but a renewal, which looks for an instance among all: it grows with the logarithm."""

    def __init__(self, small, large):
        def line(name, of=lambda p: p.size):
            slope = (getattr(large, name) - getattr(small, name)) / (of(large) - of(small))
            return slope, getattr(small, name) - slope * of(small)

        self.beat_usec, self.idle_usec = line("beats_usec", lambda p: p.beats)
        self.renewal_growth_usec, self.renewal_usec = line("renewal_usec", lambda p: math.log10(p.size))
        self.patch_usec, self.change_usec = line("change_usec", lambda p: p.size // DEPENDANTS_SHARE)
        self.instance_kib, self.base_kib = line("kib")
        self.instance_connections, self.base_connections = line("connections")
        self.accepted_kib = small.accepted_kib  # in the large there is room that others have left

    def renewal(self, size):
        return self.renewal_usec + self.renewal_growth_usec * math.log10(size)

    def point(self, size):
        beats = size / HEARTBEAT_SECONDS
        return Point(size, beats, self.idle_usec + self.beat_usec * beats, self.renewal(size),
                     self.change_usec + self.patch_usec * (size // DEPENDANTS_SHARE), self.base_kib + self.instance_kib * size,
                     self.base_connections + self.instance_connections * size)

    # Of one of so many registries that share a store, where heartbeats, renewals and patches are divided among them, and each knows all.

    def patches(self, size, registries=1):
        """A second."""
        return size * CHANGES_A_DAY / DAY * (INSTANCES_OF_A_SERVICE + max(1, size / PORTALS_SHARE)) / registries

    def messages(self, size, registries=1):
        """Requests and answers a second."""
        return 2 * (size / HEARTBEAT_SECONDS / registries + size / RENEWAL_SECONDS / registries + self.patches(size, registries))

    def cores(self, size, registries=1):
        usec = (self.idle_usec + self.beat_usec * size / HEARTBEAT_SECONDS / registries + self.renewal(size) * size / RENEWAL_SECONDS / registries
                + self.change_usec * size * CHANGES_A_DAY / DAY + self.patch_usec * self.patches(size, registries))
        return usec / 1e6

    def connections(self, size, registries=1):
        """Those to the instances, and theirs to the registry, each of which stays open between two renewals."""
        return 2 * size / registries

    def memory_kib(self, size, registries=1):
        return self.base_kib + self.instance_kib * size + self.accepted_kib * min(size / registries, MAX_CONNECTIONS)

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
            (least(lambda n: self.memory_kib(n) >= MEMORY_MAX_KIB), "MemoryMax=128M"),
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


def measure_work(registry, peers, size, beat_usec, work):
    """Microseconds of a processor for some work, without those for the heartbeats meanwhile."""
    peers.reset(0, size)
    cpu = cpu_usec(registry.pid)
    work()
    return cpu_usec(registry.pid) - cpu - beat_usec * peers.counters(0, size)["beats"]


def measure_accepted(registry):
    """KiB for each connection of somebody who has asked something and may ask again."""
    before, connections = pss_kib(registry.pid), []
    try:
        for _ in range(IDLE_CONNECTIONS):
            connections.append(http.client.HTTPConnection("127.0.0.1", registry.port))
            connections[-1].request("GET", "/healthz")
            connections[-1].getresponse().read()
        return (pss_kib(registry.pid) - before) / IDLE_CONNECTIONS
    finally:
        for connection in connections:
            connection.close()


def renew_all(peers, size, dependants):
    peers.ask(f"register 0 {dependants} Many Target hu")
    peers.ask(f"register {dependants} {size - dependants} Many - hu")


def measure_changes(peers, numbers, dependants):
    for _ in range(CHANGES // 2):
        target = numbers.take()
        peers.told((0, dependants), f"register {target} 1 Target - -")
        peers.told((0, dependants), f"deregister {target} 1")


def measure(size):
    dependants, numbers = size // DEPENDANTS_SHARE, Numbers(20000, 30000)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        cluster = Cluster(directory)
        cluster.configure("gradebook", {"Log": {"Level": "info"}})
        # All of them come from one address here; and nobody is given up for a moment's want of a processor.
        cluster.configure("registry", {"Registry": {"MaxRegistrations": "30000", "MaxPerSource": "30000", "RegistrationsPerSec": "1000000",
                                                    "RegistrationsBurst": "1000000", "AllowForeignTargets": "yes", "PatchTimeoutSec": "30s",
                                                    "HeartbeatTimeoutSec": "30s"}})
        try:
            registry = cluster.daemon("registry", keep_listener=True).start()
            peers = Peers(registry)
            peers.ask("register 40000 1 First - -")     # whatever the first one costs
            memory, files = pss_kib(registry.pid), descriptors(registry.pid)
            renew_all(peers, size, dependants)
            beats, beats_usec = measure_beats(registry, peers, size)
            kib, connections = pss_kib(registry.pid) - memory, descriptors(registry.pid) - files
            rounds = max(1, 5000 // size)
            beat_usec = beats_usec / beats
            renewal = measure_work(registry, peers, size, beat_usec, lambda: [renew_all(peers, size, dependants) for _ in range(rounds)])
            change = measure_work(registry, peers, size, beat_usec, lambda: measure_changes(peers, numbers, dependants))
            accepted_kib = measure_accepted(registry)
            peers.close()
        finally:
            cluster.close()
    return Point(size, beats, beats_usec, renewal / (rounds * size), change / CHANGES, kib, connections, accepted_kib)


def compare(model, measured):
    """A row for each figure of a size; true where all were foretold well enough."""
    foretold, met = model.point(measured.size), []
    for name, unit, scale in (("beats", "heartbeats/s", 1), ("beats_usec", "% of a core for them", 1e-4), ("renewal_usec", "µs for a renewal", 1),
                              ("change_usec", f"ms for a change, {measured.size // DEPENDANTS_SHARE} told", 1e-3), ("kib", "MiB", 1 / 1024),
                              ("connections", "connections to them", 1)):
        said, seen = getattr(foretold, name) * scale, getattr(measured, name) * scale
        off = said / seen - 1
        met.append(row(f"{measured.size} instances, {unit}", f"{seen:.1f}, foretold {said:.1f} ({off:+.0%})", f"within {WITHIN:.0%}", abs(off) <= WITHIN))
    return all(met)


def tell(model):
    print(f"one heartbeat {model.beat_usec:.0f} µs, one renewal {model.renewal(SIZES[0]):.0f} µs and {model.renewal_growth_usec:.0f} more for each tenfold, "
          f"one change {model.change_usec:.0f} µs and {model.patch_usec:.0f} µs for each who is told, idle {model.idle_usec / 1e4:.2f} % of a core; "
          f"{model.instance_kib:.1f} KiB an instance, {model.accepted_kib:.1f} KiB a connection that is accepted")
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
