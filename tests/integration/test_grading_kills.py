# SPDX-License-Identifier: LGPL-2.1-or-later
"""gradebook-grading killed at random under concurrent writers: what was acknowledged is there exactly once, what was not at most once, the
ledger verifies, and all follows from it. GRADEBOOK_GRADING_KILLS=300 kills that often; GRADEBOOK_SEED=N is the same again, as far as
chance goes."""

import os
import random
import subprocess
import threading

import ledger_truth
import pytest
from gradebook import wait_until
from grading_writers import Truth, Writer

KILLS = int(os.environ.get("GRADEBOOK_GRADING_KILLS", "12"))
SEED = int(os.environ.get("GRADEBOOK_SEED", random.SystemRandom().randrange(1 << 30)))
WRITERS = 6
FILLS = max(KILLS // 10, 4)
COMPARE_EACH = max(KILLS // 12, 1)      # kills, between two comparisons of all tables


class World:
    def __init__(self, cluster, daemon, seed):
        self.random = random.Random(f"{seed} world")
        self.daemon = daemon
        cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": "5000"}})
        self.truth = Truth()
        self.kills = self.kills_at_start = 0
        self.writers = []
        self.seed = seed

    def begin(self):
        self.daemon.start()
        for i in range(WRITERS + 1):
            assert self.daemon.post("/students", {"ID": i + 1, "FirstName": "W", "LastName": f"{i + 1}"}).status == 201
        answer = self.daemon.post(f"/students/{WRITERS + 1}/grades", {"Title": "shared", "Type": "Quiz", "Score": 1})
        self.shared = int(answer.headers["Location"].rsplit("/", 1)[1])
        self.writers = [Writer(self.daemon, self.seed, f"w{i}", i + 1, self.shared) for i in range(WRITERS)]
        self.write()

    def write(self):
        for w in self.writers:
            w.begin()

    def pause(self, seconds):
        threading.Event().wait(seconds)

    def kill(self, start=True):
        assert self.daemon.process.poll() is None, f"it ended by itself: {self.daemon.stderr[-3000:]}"
        self.daemon.kill()
        self.kills += 1
        for w in self.writers:
            w.thread.join()
        if start:
            self.start()

    def start(self):
        self.daemon.launch()
        while self.random.random() < 0.15:
            self.pause(self.random.random() * 0.05)
            self.daemon.kill()
            self.kills_at_start += 1
            self.daemon.launch()
        self.daemon.wait_notify("READY=1")

    def check(self, tables):
        """Between two lives of the writers."""
        self.truth.catch_up(self.daemon)
        for w in self.writers:
            w.settle(self.truth)
        self.truth.catch_up(self.daemon)
        version = self.truth.rows["grade", self.shared]["Version"]
        acknowledged, asked = (sum(getattr(w, f"shared_{what}") for w in self.writers) for what in ("acknowledged", "asked"))
        assert acknowledged <= version - 1 <= asked, f"the shared grade has version {version}; {acknowledged} of {asked} changes were acknowledged"
        assert self.daemon.get("/students", timeout=60).json == ledger_truth.simple_view(self.truth.rows), "memory does not follow from the ledger"
        if tables:
            answer = self.daemon.post("/ledger/check", timeout=120)
            assert answer.status == 200 and answer.json["DifferenceCount"] == 0, answer

    def end(self):
        """What is on disk, with nobody's help."""
        self.daemon.stop()
        connection = ledger_truth.file_copy(self.daemon.state)
        try:
            assert ledger_truth.table_rows(connection) == self.truth.rows, "the tables do not follow from the ledger"
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("SELECT max(sequence), count(*) FROM ledger").fetchall() == [(self.truth.sequence, self.truth.sequence)]
        finally:
            connection.close()
        self.daemon.start()
        found = ledger_truth.entries(self.daemon)
        ledger_truth.verify(found)
        assert ledger_truth.replay(found) == self.truth.rows

    def totals(self):
        counted = {what: sum(getattr(w, what) for w in self.writers) for what in ("acknowledged", "unknown", "repeated", "full")}
        return (f"seed {self.seed}: {self.kills} kills and {self.kills_at_start} at a start, {self.truth.sequence} entries, "
                f"{counted['acknowledged']} changes of grades acknowledged, {counted['unknown']} under way at a kill, {counted['repeated']} repeated "
                f"by their key, {counted['full']} refused with 507")


@pytest.mark.sqlite
def test_kills(cluster):
    world = World(cluster, cluster.daemon("grading"), SEED)
    world.begin()
    try:
        while world.kills < KILLS:
            world.pause(world.random.random() * world.random.choice((0.02, 0.1, 0.3)))
            world.kill()
            world.check(world.kills % COMPARE_EACH == 0)
            if world.kills < KILLS:
                world.write()
        world.end()
    finally:
        print(world.totals())
    assert sum(w.acknowledged for w in world.writers) > KILLS, "hardly anything was written between the kills"


@pytest.fixture
def small_disk(cluster, make_disk):
    # Nobody takes the log's lines; they shall not fill the disk themselves.
    cluster.configure("gradebook", {"Log": {"Ship": "no"}})
    daemon = cluster.daemon("grading")
    disk = make_disk("96M")
    daemon.state.rmdir()
    daemon.state.symlink_to(disk)
    yield daemon, disk
    daemon.close()


def fill(disk, leave):
    """All but so many bytes of it."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as f:
        for size in (1 << 16, 4096):
            try:
                while f.write(bytes(size)) == size:
                    pass
            except OSError:
                pass
        os.truncate(ballast, max(f.tell() - leave, 0))


def refused_grade(daemon):
    """A small change may find room in the write-ahead log that a larger one did not."""
    answer = daemon.post(f"/students/{WRITERS + 1}/grades", {"Title": f"small-{random.random()}", "Type": "Quiz", "Score": 1})
    return answer if answer.status != 201 else None


@pytest.mark.sqlite
def test_a_full_disk_and_kills(cluster, small_disk):
    daemon, disk = small_disk
    world = World(cluster, daemon, SEED + 1)
    world.begin()
    try:
        for round_ in range(FILLS):
            world.pause(0.1)
            before = [w.full for w in world.writers]
            fill(disk, world.random.choice((0, 4096, 100_000)))
            wait_until(lambda before=before: all(w.full > n or w.failure for w, n in zip(world.writers, before)), "all are refused with 507", 30)
            # Reads go on, of the ledger too.
            for _ in range(20):
                assert daemon.get("/students/1").status == 200 and daemon.get("/ledger?newest=yes&limit=5").status == 200
                assert len(daemon.get("/grades/1/history").json["Items"]) > 0
                assert daemon.get("/students/1?at=2999-01-01T00:00:00Z").status == 200
            refused = wait_until(lambda: refused_grade(daemon), "one more is refused")
            assert refused.status == 507 and refused.headers["Content-Type"] == "application/problem+json"
            killed = world.random.random() < 0.5
            if killed:
                world.kill(start=False)
            (disk / "ballast").unlink()
            if killed:
                world.start()
            else:
                acknowledged = [w.acknowledged for w in world.writers]
                wait_until(lambda acknowledged=acknowledged: all(w.acknowledged > n or w.failure for w, n in zip(world.writers, acknowledged)),
                           "all go on by themselves", 30)
                world.kill()
            world.check(True)
            if round_ < FILLS - 1:
                world.write()
        world.end()
    finally:
        print(world.totals())
    assert subprocess.run(["mountpoint", "-q", disk], check=False).returncode == 0
