# SPDX-License-Identifier: LGPL-2.1-or-later
"""The central log and its sources, killed at random under load: every acknowledged record is there once, every gap is told, the order of
each source is kept, and whoever reads meanwhile sees all of it once. GRADEBOOK_LOG_KILLS=500 kills that often, and half as often while
the disk is full now and then; GRADEBOOK_SEED=N is the same again, as far as chance goes. A commit torn at every byte: test-log-torn.c."""

import errno
import os
import random
import re
import threading

import pytest
from gradebook import spooled, wait_until
from log_readers import Follower, Pager, page, split
from log_sources import Numbered, Text, Visitor
from log_truth import Truth, read_files, read_rows

LOG_STORES = ("files", "postgresql")

KILLS = int(os.environ.get("GRADEBOOK_LOG_KILLS", "36"))
SEED = int(os.environ.get("GRADEBOOK_SEED", random.SystemRandom().randrange(1 << 30)))
SMALL_FILES = {"Store": {"MaxFileSize": "1M", "MaxUse": "100G", "MaxFileSec": "20s"}, "Limits": {"RateLimitBurst": "0"}}
CALM_SECONDS = 60
DAEMONS = ("gradebook-attendance", "gradebook-grading", "gradebook-log")


class World:
    """A log, three daemons that ship to it, senders and readers."""

    def __init__(self, cluster, seed):
        self.random = random.Random(f"{seed} world")
        self.cluster = cluster
        self.kills = self.kills_at_start = self.fills = 0
        self.disk = None
        self.server = None
        cluster.configure("log", SMALL_FILES)
        cluster.configure("attendance", {"Attendance": {"Seats": "1000"}})
        self.log = cluster.daemon("log", keep_listener=True)
        self.daemons = [cluster.daemon(name, keep_listener=True) for name in ("attendance", "attendance", "grading")]
        self.numbered = [Numbered(self.log, seed, f"numbered-{i}") for i in range(4)]
        self.texts = [Text(self.log, seed, f"text-{i}") for i in range(2)]
        self.visitors = [Visitor(daemon, seed, f"visitor-{i}") for i, daemon in enumerate(self.daemons[:2])]
        self.readers = []

    @property
    def senders(self):
        return [*self.numbered, *self.texts, *self.visitors]

    def pause(self, seconds):
        threading.Event().wait(seconds)

    def use_disk(self, path):
        self.log.logs.rmdir()
        self.log.logs.symlink_to(path)
        self.disk = path

    def begin(self):
        self.log.start()
        for daemon in self.daemons:
            daemon.start()
            self.introduce(daemon)
        first, _ = split(wait_until(lambda: page(self.log, n=1), "the log's first line")[0])
        self.readers = [Pager(self.log), Follower(self.log, first)]
        for thread in [*self.readers, *self.senders]:
            thread.start()

    def introduce(self, daemon):
        answer = daemon.post("/services", {"Added": [{"Name": "LogService", "URL": self.log.url}], "Removed": []}, timeout=30)
        assert answer.status == 200, answer

    def check(self):
        for thread in [*self.senders, *self.readers]:
            if thread.failure:
                raise AssertionError(f"{thread.name}: {thread.failure!r}") from thread.failure

    def kill_once(self, victim):
        assert victim.process.poll() is None, f"{victim.name} ended by itself: {victim.stderr[-3000:]}"
        victim.kill()
        self.kills += 1

    def kill(self, victim, kills_left=1):
        """And starts it again; now and then it is killed once more while it starts."""
        self.kill_once(victim)
        self.pause(self.random.choice((0, 0, 0.05, 0.2)))
        victim.launch()
        while self.kills < kills_left and self.random.random() < 0.2:
            self.pause(self.random.random() * 0.1)
            self.kill_once(victim)
            self.kills_at_start += 1
            victim.launch()
        victim.wait_notify("READY=1")
        if victim != self.log:
            self.introduce(victim)

    def kill_at_random(self, kills):
        while self.kills < kills:
            self.pause(self.random.random() * self.random.choice((0.02, 0.2, 0.6)))
            if self.server and self.random.random() < 0.25:
                self.kill_server()
            else:
                self.kill(self.log if self.random.random() < 0.65 else self.random.choice(self.daemons), kills)
            self.check()

    def kill_server(self):
        """Each connection of the log's, or all of PostgreSQL."""
        self.kills += 1
        if self.random.random() < 0.6:
            self.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gradebook-log'")
            return
        self.server.kill()
        self.pause(self.random.random() * 0.2)
        self.server.start()
        self.wait_for_all("answered", [*self.numbered, *self.texts])

    def fill_the_disk(self):
        """Until writes are refused; reads go on, and the log can be killed. With room again all goes on by itself."""
        ballast = self.disk / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            while self.write_all(file, bytes(1 << 16)):
                pass
            os.truncate(ballast, file.tell() - self.random.choice((0, 4096, 100_000)))
        self.wait_for_all("refusals", [*self.numbered, *self.texts])
        for _ in range(self.random.choice((0, 1, 2))):
            self.kill(self.log if self.random.random() < 0.7 else self.random.choice(self.daemons))
            self.wait_for_all("refusals", self.numbered)
        lines = page(self.log, n=10)
        assert len(lines) == 10 and self.log.get("/healthz").status in (200, 503)
        ballast.unlink()
        self.wait_for_all("answered", [*self.numbered, *self.texts])
        self.fills += 1

    @staticmethod
    def write_all(file, data):
        """False: there is no room for it."""
        try:
            return file.write(data) == len(data)
        except OSError as e:
            assert e.errno == errno.ENOSPC
            return False

    def wait_for_all(self, counter, senders):
        """Each of them has one more."""
        before = {s: getattr(s, counter) for s in senders}

        def all_went_on():
            self.check()
            return all(getattr(s, counter) > before[s] for s in senders)
        wait_until(all_went_on, f"each sender has more {counter}: {[(s.name, s.answered, s.refusals) for s in senders]}", 30)

    def calm(self):
        """All is sent and stored, and the readers have seen it; the log itself still runs."""
        for sender in self.senders:
            sender.finish()
        for daemon in self.daemons:
            wait_until(lambda d=daemon: not spooled(d), f"{daemon.name} has shipped what it had: {daemon.stderr[-500:]}", CALM_SECONDS)
            daemon.stop()
            assert not spooled(daemon)
        # One that began a moment ago connects to its database when it is asked first.
        wait_until(lambda: self.log.get("/log?n=1").status == 200, "it can be read", 30)
        last = None
        while lines := page(self.log, last, n=10000):
            last, _ = split(lines[-1])
        for reader in self.readers:
            reader.finish(last)

    def judge(self):
        damaged = re.search(r"^gradebook_log_damaged_total (\d+)", self.log.get("/metrics").text, re.MULTILINE).group(1)
        assert damaged == "0" and "is damaged" not in self.log.stderr, self.log.stderr[-3000:]
        again = Pager(self.log)
        again.goal = self.readers[0].last
        again.run()
        self.log.stop()
        truth = Truth(self.read_all(), self.numbered)
        for reader in [*self.readers, again]:
            assert not reader.failure, reader.failure
            truth.check_reader(reader)
            assert reader.seen[-1][0] >= reader.goal, f"{type(reader).__name__} does not see the end"
        for sender in self.numbered:
            truth.check_numbered(sender)
        for sender in self.texts:
            truth.check_text(sender)
        truth.check_visits(self.visitors)
        truth.check_daemons(DAEMONS)
        return truth

    def read_all(self):
        if self.server:
            return read_rows(self.server, self.cluster.log_store.rsplit("/", 1)[1])
        return read_files(self.log.logs)

    def summary(self, truth):
        told = {source: gaps for source, gaps in truth.gaps.items() if gaps.all}
        senders = {s.source for s in self.numbered}
        return (f"{self.kills} kills, {self.kills_at_start} of them while starting; {len(truth.lines)} lines, "
                f"{sum(len(s.acknowledged) for s in self.numbered)} numbered ones, {sum(len(s.acknowledged) for s in self.texts)} of text and "
                f"{sum(len(v.acknowledged) for v in self.visitors)} of daemons acknowledged, {sum(len(s.late) for s in self.numbered)} late ones; "
                f"{sum(len(g.all) for s, g in told.items() if s in senders)} gaps of senders, {sum(len(g.all) for s, g in told.items() if s not in senders)} "
                f"of the log itself, {sum(g.in_parts for g in told.values())} told in parts; {self.log.stderr.count('was torn')} torn ends cut, "
                f"{len(list(self.log.logs.glob('log-*.zst')))} files compressed; the disk was full {self.fills} times, {sum(s.refusals for s in self.senders)} refusals")


@pytest.fixture
def world(cluster, request):
    w = World(cluster, SEED)
    if cluster.log_store != "files":
        w.server = request.getfixturevalue("shared_postgres")
    yield w
    for sender in w.senders:
        sender.finishing.set()


def test_what_is_acknowledged_is_there_once_however_often_all_is_killed(world):
    print(f"GRADEBOOK_SEED={SEED} GRADEBOOK_LOG_KILLS={KILLS}")
    world.begin()
    world.kill_at_random(KILLS)
    world.calm()
    print(world.summary(world.judge()))
    assert all(sender.answered > KILLS // 4 for sender in world.senders), [s.answered for s in world.senders]


@pytest.mark.files_only
def test_what_is_acknowledged_is_there_once_however_often_the_disk_is_full(world, make_disk):
    print(f"GRADEBOOK_SEED={SEED} GRADEBOOK_LOG_KILLS={KILLS}")
    world.use_disk(make_disk("64m"))
    world.begin()
    while world.kills < KILLS // 2:
        world.kill_at_random(world.kills + world.random.randrange(4))
        world.fill_the_disk()
    world.calm()
    print(world.summary(world.judge()))
