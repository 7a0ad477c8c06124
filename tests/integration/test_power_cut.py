# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is acknowledged survives a power cut. The disk afterwards is the worst that POSIX allows: files as of their last
fsync(), directories as of theirs; see power-cut.c. A kill alone would leave everything in the kernel's cache."""

import http.client
import json
import os
import pathlib
import secrets
import threading

import pytest
from gradebook import BUILD, stored_text, wait_until

NICK = {"ID": 1, "FirstName": "Nick", "LastName": "Carter"}
NDJSON = {"Content-Type": "application/x-ndjson"}


class Disk:
    """The state and logs directories of a daemon, and what of them is sure to be there."""

    def __init__(self, cluster, name, directory):
        self.sure = directory / "sure"
        self.sure.mkdir()
        self.daemon = cluster.daemon(name, environment={"LD_PRELOAD": str(BUILD / "power-cut.so"), "POWER_CUT": str(self.sure),
                                                        "ASAN_OPTIONS": "verify_asan_link_order=0"})
        self.held = []
        self.take_stock()

    def take_stock(self):
        """All that is there now is on the disk. It is held open: a file that is deleted must not leave its inode's number, by which it is known, to another."""
        for path in self.sure.iterdir():
            path.unlink()
        for file in self.held:
            file.close()
        self.held = []
        for directory in (self.daemon.state, self.daemon.logs):
            files = [p for p in directory.iterdir() if p.is_file()]
            for path in files:
                self.held.append(path.open("rb"))
                (self.sure / f"file-{path.stat().st_ino}").write_bytes(path.read_bytes())
            self.listing(directory).write_text("".join(f"{p.stat().st_ino} {p.name}\n" for p in files))

    def listing(self, directory):
        return self.sure / f"dir-{directory.stat().st_ino}"

    def cut_power(self):
        self.daemon.kill()
        for directory in (self.daemon.state, self.daemon.logs):
            # Files stay the ones they are, by inode, whatever their name was last.
            there = {str(p.stat().st_ino): p.rename(directory / f".there-{p.stat().st_ino}") for p in list(directory.iterdir())}
            for line in self.listing(directory).read_text().splitlines():
                inode, name = line.split(" ", 1)
                if inode in there:
                    there.pop(inode).rename(directory / name)
                content = self.sure / f"file-{inode}"
                (directory / name).write_bytes(content.read_bytes() if content.exists() else b"")
                (directory / name).chmod(0o600)
            for path in there.values():
                path.unlink()
        self.take_stock()


class Poster(threading.Thread):
    """Posts what make(n) gives until the daemon is gone; knows what was acknowledged."""

    def __init__(self, daemon, path, make, good, content_type):
        super().__init__()
        self.daemon_, self.path, self.make, self.good, self.type = daemon, path, make, good, content_type
        self.acknowledged, self.wrong = [], []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon_.port, timeout=20)
        headers = {"Authorization": f"Bearer {self.daemon_.cluster.token}", "Content-Type": self.type}
        n = 0
        try:
            while not self.wrong:
                n += 1
                key, body = self.make(n)
                connection.request("POST", self.path, body, headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == self.good:
                    self.acknowledged.append(key)
                else:
                    self.wrong.append((answer.status, text))
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()


def run_until(posters, n):
    """Starts them and returns once so many posts are acknowledged; they go on."""
    for p in posters:
        p.start()
    wait_until(lambda: sum(len(p.acknowledged) for p in posters) >= n or any(p.wrong for p in posters), f"{n} posts", 60)


def acknowledged(posters):
    for p in posters:
        p.join()
        assert p.wrong == []
    return [key for p in posters for key in p.acknowledged]


@pytest.fixture
def disk(cluster, tmp_path):
    return lambda name: Disk(cluster, name, tmp_path)


def test_grades(cluster, disk):
    cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": 10000}})
    d = disk("grading")
    grading = d.daemon.start()
    assert grading.post("/students", NICK).status == 201
    kept = []
    for round_ in range(6):
        def grade(n, who):
            title = f"{round_}-{who}-{n}"
            return title, json.dumps({"Title": title, "Type": "Test", "Score": 50})
        posters = [Poster(grading, "/students/1/grades", lambda n, who=who: grade(n, who), 201, "application/json") for who in range(4)]
        run_until(posters, 5 + 30 * (round_ % 3))
        d.cut_power()
        kept += acknowledged(posters)
        grading.start()
        titles = [g["Title"] for g in grading.get("/students/1").json["Grades"]]
        assert set(kept) <= set(titles), f"lost: {sorted(set(kept) - set(titles))}"
        assert len(titles) == len(set(titles))
        if round_ == 3:
            # An end in order, which moves all into one file, and a cut right after the next start.
            grading.stop()
            grading.start()


def test_log_records_through_rotations(cluster, disk):
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "1G"}})
    d = disk("log")
    log = d.daemon.start()
    kept = []
    for round_ in range(4):
        prefix = secrets.token_hex(12)

        def batch(n):
            # Each from a source of its own, so that a number that was forgotten is not made up for by a later one.
            source = f"{prefix}{n:08x}"
            return (source, n), json.dumps({"Service": "test", "Message": f"{source} {n} {'x' * 60000}", "Source": source, "Sequence": n}) + "\n"
        poster = Poster(log, "/log", batch, 200, NDJSON["Content-Type"])
        run_until([poster], 20 + 17 * round_)
        d.cut_power()
        new = acknowledged([poster])
        kept += new
        log.start()
        stored = [tuple(r["Message"].split()[:2]) for r in stored_records(log.logs) if r["Service"] == "test"]
        wanted = {(s, str(n)) for s, n in kept}
        assert wanted <= set(stored), f"lost: {sorted(wanted - set(stored))[:5]}"
        assert len(stored) == len(set(stored)), "a record is there twice"
        # It knows them still: what is sent again is no second record.
        for _, n in new:
            assert log.post("/log", batch(n)[1], headers=NDJSON).json == {"Stored": 0, "Duplicates": 1, "Suppressed": 0}
    assert len(list(log.logs.glob("log-*.zst"))) >= 3, "no file was ever full and compressed"


def test_log_records_that_a_kill_left_in_the_cache(cluster, disk):
    """Killed between write() and fdatasync(): the next start finds them, and takes them for stored."""
    cluster.configure("gradebook", {"Log": {"Level": "err"}})
    d = disk("log")
    log = d.daemon.start()
    source = secrets.token_hex(16)
    records = [json.dumps({"Service": "test", "Message": f"{n}", "Source": source, "Sequence": n}) + "\n" for n in (1, 2)]
    live = log.logs / "central.ndjson"
    assert log.post("/log", records[0], headers=NDJSON).status == 200
    before = live.stat().st_size
    assert log.post("/log", records[1], headers=NDJSON).status == 200
    log.kill()
    text = live.read_bytes()
    os.truncate(live, before)
    d.take_stock()
    live.write_bytes(text)
    log.start()
    assert log.post("/log", records[1], headers=NDJSON).json == {"Stored": 0, "Duplicates": 1, "Suppressed": 0}
    d.cut_power()
    log.start()
    assert [r["Sequence"] for r in stored_records(log.logs) if r["Service"] == "test"] == [1, 2]


def stored_records(logs):
    return [json.loads(line) for line in stored_text(logs).splitlines()]


def test_registrations(cluster, disk):
    d = disk("registry")
    registry = d.daemon.start()
    kept = []
    for round_ in range(4):
        def registration(n):
            url = f"http://127.0.0.1:{10000 + 1000 * round_ + n}"
            return url, json.dumps({"ServiceName": "A", "ServiceURL": url})
        poster = Poster(registry, "/services", registration, 200, "application/json")
        run_until([poster], 10)
        gone = registry.request("/services", "DELETE", poster.acknowledged[0], headers={"Content-Type": "text/plain"})
        assert gone.status == 200
        d.cut_power()
        kept += acknowledged([poster])[1:]
        registry.start()
        known = {s["ServiceURL"] for s in registry.get("/services/A").json["Services"]}
        assert set(kept) <= known, f"lost: {sorted(set(kept) - known)}"
        assert poster.acknowledged[0] not in known, "one that deregistered is back"


def test_the_providers_that_a_daemon_knows(cluster, disk):
    d = disk("attendance")
    attendance = d.daemon.start()
    provider = {"Name": "LogService", "URL": "http://127.0.0.1:1"}
    for change, missing in (({"Added": [provider]}, []), ({"Removed": [provider]}, ["LogService"]), ({"Added": [provider]}, [])):
        assert attendance.post("/services", change).status == 200
        d.cut_power()
        attendance.start()
        assert attendance.get("/healthz").json["Missing"] == missing
