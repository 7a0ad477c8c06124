# SPDX-License-Identifier: LGPL-2.1-or-later
"""The registry at scale, for bench.py: ten thousand peers out of bench-peers against the real daemon."""

import contextlib
import os
import pathlib
import random
import re
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time

from against_bare import wrk
from etcd import Etcd
from gradebook import BUILD, Cluster, wait_until

SERVICES = 10000
HANGING = 1000
DEPENDANTS = 1000
HEARTBEAT_SECONDS = 3           # HeartbeatSec= as it is by default
TICKS = os.sysconf("SC_CLK_TCK")


class Peers:
    """The simulator: see the head of peers.c for what it understands."""

    def __init__(self, registry):
        self.process = subprocess.Popen([BUILD / "bench-peers"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.port = int(self.process.stdout.readline().split()[1])
        self.say(f"registry {registry.port} {registry.cluster.token}")

    def say(self, line):
        self.process.stdin.write(line + "\n")

    def answer(self):
        words = self.process.stdout.readline().split()
        if not words:
            raise SystemExit("bench-peers ended")
        return {"count": int(words[1]) if len(words) % 2 == 0 else 0, **{k: int(v) for k, v in zip(words[-2::-2], words[-1::-2])}}

    def ask(self, line):
        self.say(line)
        answer = self.answer()
        if answer.get("failed"):
            raise SystemExit(f"{line}: {answer['failed']} of {answer['count']} failed")
        return answer

    def told(self, dependants, line):
        """Microseconds from the command until the dependants (first, count) have the news: (median, last)."""
        self.say("expect {} {}".format(*dependants))
        self.ask(line)
        answer = self.answer()
        return answer["median-usec"], answer["last-usec"]

    def counters(self, first, count):
        return self.ask(f"counters {first} {count}")

    def reset(self, first, count):
        return self.ask(f"reset {first} {count}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1))


def row(name, measured, wanted, ok):
    print(f"{name:44} {measured}  wanted {wanted}  {'ok' if ok else 'MISSED'}", flush=True)
    return ok


def wait_for_beats(peers, first, count, n):
    """Until each of them was asked n times; the counters begin anew before."""
    peers.reset(first, count)
    wait_until(lambda: peers.counters(first, count)["fewest"] >= n, "the registry asks all heartbeats", 30 + 2 * n * HEARTBEAT_SECONDS)


class Numbers:
    """Service numbers, each used for one life only: what comes and goes is treated otherwise than what is new."""

    def __init__(self, begin, end):
        self.left = iter(range(begin, end))

    def take(self):
        return next(self.left)


def registrations(peers):
    rates = {}
    for form in ("-", "hu"):
        count = SERVICES if form == "-" else 2000
        rates[form] = count / (peers.ask(f"register 20000 {count} Newcomer - {form}")["usec"] / 1e6)
        peers.ask(f"deregister 20000 {count}")
    return row("registrations, durable, 64 connections", f"{rates['-']:.0f}/s (with a first patch each {rates['hu']:.0f}/s)",
               "10000/s", rates["-"] >= 10000)


def fan_out(peers, numbers):
    dependants = (15000, DEPENDANTS)
    peers.ask("register {} {} Dependant Target hu".format(*dependants))
    wait_for_beats(peers, *dependants, 1)
    times = []
    for _ in range(5):
        target = numbers.take()
        for change in (f"register {target} 1 Target - -", f"deregister {target} 1"):
            times.append([t / 1000 for t in peers.told(dependants, change)])
    peers.ask("deregister {} {}".format(*dependants))
    last = statistics.median(t[1] for t in times)
    return row(f"one change to {DEPENDANTS} dependants, the last", f"{last:.1f} ms ({min(t[1] for t in times):.1f}–{max(t[1] for t in times):.1f}), "
               f"half of them {statistics.median(t[0] for t in times):.1f} ms", "at most 30 ms", last <= 30)


def deaths(peers, watcher, victims):
    """Milliseconds from the end of a service's connections until its dependant knows, the median of several."""
    times = []
    for victim in victims:
        times.append(peers.told((watcher, 1), f"state {victim} 1 dead")[1] / 1000)
    return statistics.median(times)


def death_among_three(peers):
    peers.ask("register 16000 1 Watcher Mortal hu")
    peers.ask("register 16001 3 Mortal - hu")
    wait_for_beats(peers, 16000, 4, 1)
    taken = deaths(peers, 16000, range(16001, 16004))
    peers.ask("deregister 16000 4")
    return taken


def load(registry, peers, seconds):
    before = pss_kib(registry.pid)
    peers.ask(f"register 0 {SERVICES} Many - hu")
    wait_for_beats(peers, 0, SERVICES, 2)
    cpu, begin = cpu_seconds(registry.pid), time.monotonic()
    wait_for_beats(peers, 0, SERVICES, max(seconds // HEARTBEAT_SECONDS, 3))
    cores = (cpu_seconds(registry.pid) - cpu) / (time.monotonic() - begin)
    each = (pss_kib(registry.pid) - before) / SERVICES
    seen = peers.counters(0, SERVICES)
    return [row(f"{SERVICES} services at 3 s, CPU", f"{cores:.2f} cores, {seen['beats'] / (time.monotonic() - begin):.0f} heartbeats/s",
                "at most 0.50", cores <= 0.5),
            row(f"{SERVICES} services, memory of each", f"{each:.1f} KiB PSS", "at most 10.0", each <= 10)], seen["gap-usec"] / 1e6


def death_among_many(peers, three):
    peers.ask("register 16010 1 Watcher Many hu")
    wait_for_beats(peers, 16010, 1, 1)
    many = deaths(peers, 16010, range(0, 5))
    return row(f"a death among {SERVICES} is known", f"{many:.1f} ms (among three {three:.1f} ms)", "at most 2 × + 10 ms", many <= 2 * three + 10)


def hanging(peers, gap):
    peers.ask(f"state 1000 {HANGING} hanging")
    first, count = 1000 + HANGING, SERVICES - 1000 - HANGING
    wait_for_beats(peers, first, count, 3)
    worst = peers.counters(first, count)["gap-usec"] / 1e6
    taken = deaths(peers, 16010, range(5, 8))
    ok = row(f"{HANGING} hang: longest pause of the others", f"{worst:.2f} s (before {gap:.2f} s), a death among them {taken:.1f} ms",
             "at most 0.3 s more", worst <= gap + 0.3)
    peers.ask(f"state 0 {SERVICES} alive")
    return ok


def count_passing(registry):
    text = registry.get("/metrics").text
    return int(re.search(r'^gradebook_registry_registrations\{state="passing"\} (\d+)', text, re.M).group(1))


def count_unsettled(registry):
    """Registrations of which the disk does not say yet that they pass, and that all dependants know."""
    # Of a copy: the registry lets nobody else at its own, and a write that is half copied does not count.
    with tempfile.TemporaryDirectory(dir=registry.directory) as directory:
        for file in (registry.state / "registry.db", registry.state / "registry.db-wal"):
            shutil.copy(file, directory)
        with contextlib.closing(sqlite3.connect(pathlib.Path(directory) / "registry.db")) as db:
            return db.execute("SELECT count(*) FROM registrations WHERE state <> 0 OR NOT settled OR NOT synced").fetchone()[0]


def restarts(registry, peers):
    met, total = [], SERVICES + 1
    wait_until(lambda: count_passing(registry) == total, "all are well again", 60)
    for end in ("stop", "kill"):
        wait_until(lambda: count_unsettled(registry) == 0, "what dependants were told is on disk")
        getattr(registry, end)()
        peers.reset(0, 17000)
        begin = time.monotonic()
        registry.start()
        ready = 1000 * (time.monotonic() - begin)
        wait_until(lambda: peers.counters(0, SERVICES)["fewest"] > 0, "the registry asks all heartbeats", 30)
        patches = peers.counters(0, 17000)["patches"]
        met.append(row(f"after a {end}, with {SERVICES} registrations", f"ready in {ready:.0f} ms, {patches} patches, {count_passing(registry)} passing",
                       "500 ms, no patch", ready <= 500 and patches == 0 and count_passing(registry) == total))
    return met


def kills(registry, peers, numbers, times, seed):
    """Killed at random under this load: what was answered is there, and nobody was told what is not so."""
    random_ = random.Random(seed)
    total = SERVICES + 1
    peers.reset(0, 17000)
    slowest = 0
    for n in range(times):
        time.sleep(random_.random() / 2)
        added = numbers.take()
        peers.ask(f"register {added} 1 Added - -")
        registry.kill()
        begin = time.monotonic()
        registry.start()
        slowest = max(slowest, 1000 * (time.monotonic() - begin))
        if count_passing(registry) != total + n + 1:
            return row(f"killed {n + 1} times (seed {seed})", f"{count_passing(registry)} of {total + n + 1} left", "all", False)
    wait_until(lambda: peers.counters(0, SERVICES)["fewest"] > 0, "the registry asks all heartbeats", 30)
    patches = peers.counters(0, 17000)["patches"]
    return row(f"killed {times} times under this load", f"{patches} patches, none lost, ready in {slowest:.0f} ms at most",
               "none lost, no patch", patches == 0)


def registrations_on_etcd(arguments):
    """Through a registry with its store in etcd, against etcd's own put through the same gateway, in turn."""
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        etcd = Etcd(directory).start()
        cluster = Cluster(directory, registry={"Store": "etcd", "Endpoints": etcd.endpoints})
        cluster.configure("gradebook", {"Log": {"Level": "warning", "Ship": "no"}})
        cluster.configure("registry", {"Registry": {"MaxPerSource": "30000", "RegistrationsPerSec": "1000000", "RegistrationsBurst": "1000000"}})
        try:
            registry = cluster.daemon("registry").start()
            pairs = []
            for _ in range(arguments.rounds):
                put = wrk(etcd.members[0].url + "/v3/kv/put", arguments.seconds, script="put-etcd.lua")
                pairs.append((wrk(registry.url + "/services", arguments.seconds, cluster.token, "post-registration.lua"), put))
            if "etcd is away" in registry.stderr:
                raise SystemExit("etcd was away meanwhile: registrations were not kept there")
        finally:
            cluster.close()
            etcd.kill()
    ratios = [a / b for a, b in pairs]
    ratio = statistics.median(ratios)
    return row("registrations in etcd, 64 connections", f"{statistics.median(a for a, _ in pairs):.0f}/s, etcd's own put "
               f"{statistics.median(b for _, b in pairs):.0f}/s, ratio {ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})", "0.50", ratio >= 0.5)


def run(arguments):
    """Prints a row for each; true where all were met."""
    met = [registrations_on_etcd(arguments)]
    numbers = Numbers(17000, 20000)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        cluster = Cluster(directory)
        cluster.configure("gradebook", {"Log": {"Level": "info"}})
        # All of them come from one address here.
        cluster.configure("registry", {"Registry": {"MaxRegistrations": "30000", "MaxPerSource": "30000", "RegistrationsPerSec": "1000000",
                                                    "RegistrationsBurst": "1000000", "AllowForeignTargets": "yes"}})
        try:
            registry = cluster.daemon("registry", keep_listener=True).start()
            peers = Peers(registry)
            met += [registrations(peers), fan_out(peers, numbers)]
            three = death_among_three(peers)
            rows, gap = load(registry, peers, 3 * arguments.seconds)
            met += [*rows, death_among_many(peers, three), hanging(peers, gap), *restarts(registry, peers)]
            met.append(kills(registry, peers, numbers, arguments.kills, random.randrange(1 << 32)))
            peers.close()
        finally:
            cluster.close()
    return all(met)
