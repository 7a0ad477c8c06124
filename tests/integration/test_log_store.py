# SPDX-License-Identifier: LGPL-2.1-or-later
"""The central log's files: what was acknowledged is there once, whatever happened to them, and what is damaged hides nothing else."""

import http.client
import json
import os
import pathlib
import re
import secrets
import subprocess

import pytest
from gradebook import BUILD, stored_text, wait_until

NDJSON = {"Content-Type": "application/x-ndjson"}
SMALL = {"MaxFileSize": "1M", "MaxUse": "64M"}


def record(source, n, size=5000):
    return {"Service": "test", "Message": f"{n} {'x' * size}", "Source": source, "Sequence": n}


def post(log, records):
    answer = log.post("/log", "".join(json.dumps(r) + "\n" for r in records), headers=NDJSON)
    assert answer.status == 200, answer
    return answer.json


def numbers(log, query="service=test"):
    answer = log.get(f"/log?{query if 'n=' in query else 'n=10000&' + query}", headers={"Accept": "application/x-ndjson"})
    assert answer.status == 200, answer
    return [int(json.loads(line)["Message"].split()[0]) for line in answer.text.splitlines()]


def metric(log, name):
    return int(re.search(rf"^{name} (\d+)", log.get("/metrics").text, re.MULTILINE).group(1))


def fill(log, batches, source=None, first=1):
    """Of 50 records and about 250 KiB each."""
    source = source or secrets.token_hex(16)
    for n in range(batches):
        post(log, [record(source, first + n * 50 + i) for i in range(50)])
    return source


def full_files(log, suffix=".ndjson.zst"):
    return sorted(log.logs.glob(f"log-*{suffix}"))


def wait_for_compression(log, files):
    wait_until(lambda: len(full_files(log)) >= files and not full_files(log, ".ndjson"), f"{files} files are compressed")


@pytest.fixture
def filled(cluster):
    """Three compressed files, and a live one with two blocks."""
    cluster.configure("log", {"Store": SMALL})
    log = cluster.start("log")
    fill(log, 15)
    wait_for_compression(log, 3)
    return log


# ---- compression and index ----

def test_full_files_are_compressed_and_read_as_before(filled):
    assert numbers(filled) == list(range(1, 751))
    assert [r["Message"].split()[0] for r in map(json.loads, stored_text(filled.logs).splitlines()) if r["Service"] == "test"] == \
        [str(n) for n in range(1, 751)]
    assert metric(filled, "gradebook_log_compressed_files") == metric(filled, "gradebook_log_compressions_total") == 3
    assert metric(filled, "gradebook_log_raw_bytes") > 3 << 20 > metric(filled, "gradebook_log_file_bytes")
    filled.kill()
    filled.start()
    assert numbers(filled) == list(range(1, 751))
    assert metric(filled, "gradebook_log_damaged_total") == 0


def test_what_the_index_rules_out_is_not_read(filled):
    wanted = secrets.token_hex(16)
    post(filled, [{"Service": "rare", "Priority": 2, "RequestID": wanted, "Message": "0 here"}])
    fill(filled, 9)
    wait_for_compression(filled, 4)
    for query in ("service=rare", f"request={wanted}", "priority=crit&service=rare", "service=test&service=rare&priority=crit"):
        before = metric(filled, "gradebook_log_scanned_bytes_total")
        assert numbers(filled, query) == [0], query
        assert metric(filled, "gradebook_log_scanned_bytes_total") - before < 1 << 20, f"{query} reads too much"
    before = metric(filled, "gradebook_log_scanned_bytes_total")
    assert numbers(filled, "service=nobody") == []
    assert metric(filled, "gradebook_log_scanned_bytes_total") - before < 1 << 20


@pytest.mark.parametrize("compress", ["yes", "no"])
def test_a_lost_index_is_made_again(cluster, compress):
    cluster.configure("log", {"Store": {**SMALL, "Compress": compress}})
    log = cluster.start("log")
    fill(log, 15)
    wait_until(lambda: len(full_files(log, ".ndjson.zst" if compress == "yes" else ".ndjson")) == 3, "three files are full")
    if compress == "yes":
        wait_for_compression(log, 3)
    log.kill()
    for path in log.logs.glob("*.index"):
        path.unlink()
    log.start()
    assert numbers(log) == list(range(1, 751))
    wait_until(lambda: len(full_files(log, ".index")) == 3, "the indexes are there again")
    assert numbers(log) == list(range(1, 751)) and numbers(log, "service=nobody") == []
    assert metric(log, "gradebook_log_damaged_total") == 0
    assert (log.logs / "central.index").exists()


# ---- damage ----

def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


def behind_front(path, at):
    """The next byte that is not of a block's skippable frame, RFC 8878, which is read only to make the index again."""
    data = path.read_bytes()
    for front in re.finditer(rb"[\x50-\x5f]\x2a\x4d\x18", data):
        end = front.end() + 4 + int.from_bytes(data[front.end():front.end() + 4], "little")
        if front.start() <= at < end:
            return end
    return at


@pytest.mark.parametrize("where", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_damage_to_a_compressed_file_hides_one_block(filled, where):
    path = full_files(filled)[1]
    at = int(where * (path.stat().st_size - 1))
    if where > 0:
        at = behind_front(path, at)
    flip(path, at)
    # A frame may have bits that decide nothing: then it is whole, and the next byte is taken.
    while where > 0 and subprocess.run(["zstd", "-q", "-t", path], capture_output=True).returncode == 0:
        flip(path, at)
        at += 1
        flip(path, at)
    found = numbers(filled)
    assert found == sorted(set(found)) and 690 <= len(found) <= 750, "more than a block is missing"
    assert found[:200] == list(range(1, 201)) and found[-100:] == list(range(651, 751))
    # At the front stands only what the index is made of again: the block itself is whole.
    assert (len(found) == 750) == (where == 0.0)
    if where > 0:
        wait_until(lambda: "is damaged in" in filled.stderr, "it is told")
        assert path.name in filled.stderr and metric(filled, "gradebook_log_damaged_total") == 1
        assert numbers(filled, "service=test&order=newest") == found[::-1]
        assert metric(filled, "gradebook_log_damaged_total") == 1, "the same place is counted again"
    # Without its index as well the rest of the file is read; then the front is needed, too.
    filled.kill()
    path.with_name(path.name.replace(".ndjson.zst", ".index")).unlink()
    filled.start()
    left = numbers(filled)
    assert left == found or (where == 0.0 and set(left) < set(found) and len(left) >= 690)


def test_damage_to_a_raw_file_hides_one_line(cluster):
    cluster.configure("log", {"Store": {**SMALL, "Compress": "no"}})
    log = cluster.start("log")
    fill(log, 16)
    for path, places in ((full_files(log, ".ndjson")[1], (50_000, 500_000)), (log.logs / "central.ndjson", (100_000,))):
        for at in places:
            before = numbers(log)
            flip(path, at)
            assert len(set(before) - set(numbers(log))) == 1
    assert metric(log, "gradebook_log_damaged_total") == 3
    # Compressed later, it is the same.
    found = numbers(log)
    cluster.configure("log", {"Store": SMALL})
    log.stop()
    log.start()
    wait_for_compression(log, 3)
    assert numbers(log) == found and len(found) == 797


@pytest.mark.parametrize("at", [0, 9, 40, 200])
def test_damage_to_an_index_hides_nothing(filled, at):
    index = full_files(filled, ".index")
    paths = [path for path in [*index[:2], filled.logs / "central.index"] if at < path.stat().st_size]
    for path in paths:
        flip(path, at)
    assert numbers(filled) == list(range(1, 751))
    assert numbers(filled, "service=test&order=newest") == list(range(750, 0, -1))
    wait_until(lambda: metric(filled, "gradebook_log_reindexed_files_total") == 2, "the indexes are made again")
    assert numbers(filled, "service=nobody") == [] and metric(filled, "gradebook_log_damaged_total") == len(paths)
    filled.kill()
    filled.start()
    assert numbers(filled) == list(range(1, 751))


def test_each_damaged_index_is_made_again_at_once_and_told_in_its_time(filled):
    """One that is found while nothing may be told yet: the upkeep, 10 s after the start, would come too late."""
    for n, index in enumerate(full_files(filled, ".index")[:2], 1):
        flip(index, 0)
        assert numbers(filled) == list(range(1, 751))
        wait_until(lambda: metric(filled, "gradebook_log_reindexed_files_total") == n, f"index {n} is made again", timeout=5)
    assert filled.stderr.count("is damaged in 1 place,") == 1
    wait_until(lambda: filled.stderr.count("is damaged in 1 place,") == 2, "the second is told", timeout=20)


def test_torn_at_any_byte_of_the_last_line_and_some_before(cluster):
    log = cluster.start("log")
    source = secrets.token_hex(16)
    post(log, [record(source, n, 1) for n in range(1, 4)])
    log.kill()
    whole = {path: path.read_bytes() for path in (log.logs / "central.ndjson", log.logs / "central.index")}
    text = whole[log.logs / "central.ndjson"]
    last = text.rindex(b"\n", 0, -1) + 1
    for cut in [*range(last, len(text), 7), len(text) - 1, last - 1, 1]:
        for path, data in whole.items():
            path.write_bytes(data)
        os.truncate(log.logs / "central.ndjson", cut)
        (log.logs / "sources.json").unlink(missing_ok=True)
        log.start()
        kept = text[:cut].count(b'"Service":"test"') if cut == last else text[:cut + 1].count(b"\n") and text[:text.rfind(b"\n", 0, cut) + 1].count(b'"test"')
        assert numbers(log) == list(range(1, kept + 1)), cut
        # Whoever got no answer sends again, and what is there already is not stored twice.
        answer = post(log, [record(source, n, 1) for n in range(1, 4)])
        assert answer == {"Stored": 3 - kept, "Duplicates": kept, "Suppressed": 0}, cut
        assert numbers(log) == [1, 2, 3], cut
        log.kill()


def test_what_a_crash_tore_in_the_middle_is_stored_when_it_comes_again(cluster):
    """A power cut may leave a hole in what was written last, with whole lines behind it."""
    log = cluster.start("log")
    source = secrets.token_hex(16)
    post(log, [record(source, n, 1) for n in range(1, 6)])
    log.stop()
    log.start()
    post(log, [record(source, n, 1) for n in range(6, 11)])
    log.kill()
    live = log.logs / "central.ndjson"
    text = live.read_bytes()
    begin, end = text.index(b'"Sequence":6,'), text.index(b'"Sequence":9,')
    live.write_bytes(text[:begin] + bytes(end - begin) + text[end:])
    log.start()
    assert numbers(log) == [1, 2, 3, 4, 5, 10] and metric(log, "gradebook_log_damaged_total") == 1
    assert post(log, [record(source, n, 1) for n in range(1, 11)]) == {"Stored": 4, "Duplicates": 6, "Suppressed": 0}
    assert sorted(numbers(log)) == list(range(1, 11))


def test_a_start_reads_no_full_file(filled):
    filled.stop()
    for path in [*full_files(filled), *full_files(filled, ".index")]:
        path.write_bytes(bytes(path.stat().st_size))
    filled.start()
    assert metric(filled, "gradebook_log_damaged_total") == 0
    # All that is left is read, and the rest is told.
    post(filled, [{"Service": "test", "Message": "751 new"}])
    left = numbers(filled)
    assert 751 in left and set(left) <= set(range(1, 752)) and metric(filled, "gradebook_log_damaged_total") >= 3


def test_without_a_checkpoint(filled):
    filled.kill()
    (filled.logs / "sources.json").write_text("{")
    filled.start()
    assert "is damaged" in filled.stderr
    assert numbers(filled) == list(range(1, 751))


# ---- kill ----

# A file is full with the fifth batch, and has a sixth when that one comes before the rotation that a kill put off: eleven fill two files, and no third.
BATCHES = 11
ALL_NUMBERS = list(range(1, BATCHES * 50 + 1))


def run_and_die(log, source):
    """As much of the work as there is time for: the batches that were acknowledged. The files are full twice and compressed."""
    acknowledged = []
    try:
        log.launch()
        log.wait_notify("READY=1")
        for n in range(BATCHES):
            post(log, [record(source, n * 50 + i + 1) for i in range(50)])
            acknowledged.append(n)
        wait_until(lambda: log.process.poll() is not None or (len(full_files(log)) == 2 and not full_files(log, ".ndjson")), "all is done")
        if log.process.poll() is None:
            log.stop()
    except (OSError, http.client.HTTPException, AssertionError):
        assert log.process.wait(10) != 0
    log.process.wait(10)
    log._close_notify()
    return acknowledged


def test_killed_at_every_step(cluster, tmp_path):
    cluster.configure("log", {"Store": SMALL})
    counter = tmp_path / "count"
    step, last = 0, None
    while last is None or step <= last:
        log = cluster.daemon("log")
        log.environment = {"LD_PRELOAD": str(BUILD / "kill-at.so"), "KILL_BELOW": str(log.logs), "KILL_COUNT": str(counter), "KILL_AT": str(step),
                           "ASAN_OPTIONS": "verify_asan_link_order=0"}
        source = secrets.token_hex(16)
        acknowledged = run_and_die(log, source)
        if last is None:
            last = int(counter.read_text())
            assert len(acknowledged) == BATCHES and last > 30, log.stderr
        log.environment = {}
        log.start()
        found = numbers(log)
        assert set(range(1, 50 * len(acknowledged) + 1)) <= set(found), f"step {step}: what was acknowledged is lost"
        # The source sends on where it got no answer.
        for n in range(len(acknowledged), BATCHES):
            post(log, [record(source, n * 50 + i + 1) for i in range(50)])
        assert numbers(log) == ALL_NUMBERS, f"step {step}: {log.stderr}"
        wait_for_compression(log, 2)
        assert numbers(log) == ALL_NUMBERS, f"step {step}"
        assert [r["Sequence"] for r in map(json.loads, stored_text(log.logs).splitlines()) if r["Service"] == "test"] == ALL_NUMBERS
        assert metric(log, "gradebook_log_damaged_total") == 0, f"step {step}: {log.stderr}"
        names = {p.name for p in log.logs.iterdir()} - {"sources.json.tmp"}     # written over by the next one
        stems = {p.name.removesuffix(".ndjson.zst") for p in full_files(log)}
        assert names == {"central.ndjson", "central.index", "sources.json", *(f"{s}.ndjson.zst" for s in stems), *(f"{s}.index" for s in stems)}, f"step {step}"
        log.stop()
        log.close()
        step += 1


# ---- retention ----

@pytest.fixture
def small_disk(make_disk):
    return make_disk("12m")


def free_bytes(path):
    s = os.statvfs(path)
    return s.f_bavail * s.f_frsize


def test_room_is_kept_free(cluster, small_disk):
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "1G", "KeepFree": "3M", "Compress": "no"}})
    log = cluster.daemon("log")
    log.logs.rmdir()
    log.logs.symlink_to(small_disk)
    log.start()
    source = fill(log, 80)
    found = numbers(log)
    assert found == list(range(found[0], 4001)) and 500 < len(found) < 2500, "the oldest are gone, and no other"
    assert free_bytes(small_disk) > 1 << 20
    assert metric(log, "gradebook_log_expired_files_total") > 5 and metric(log, "gradebook_log_failures_total") == 0
    # Whoever fills the disk: the log gives way, and goes on writing.
    with open(small_disk / "hog", "wb") as hog:
        try:
            hog.write(bytes(12 << 20))
        except OSError:
            pass
    fill(log, 4, source, 4001)
    assert numbers(log)[-200:] == list(range(4001, 4201)) and metric(log, "gradebook_log_failures_total") == 0


def test_what_is_too_old_is_deleted(cluster):
    cluster.configure("log", {"Store": {**SMALL, "MaxFileSec": "1s", "MaxRetentionSec": "1s"}})
    log = cluster.start("log")
    fill(log, 1)
    assert numbers(log) == list(range(1, 51))
    # Also while nothing comes.
    wait_until(lambda: numbers(log) == [], "all is too old", 40)
    assert metric(log, "gradebook_log_expired_files_total") >= 1
    fill(log, 1)
    assert len(numbers(log)) == 50


# ---- an older version's files ----

def old_line(n, source):
    return json.dumps({"Time": "2026-11-22T21:41:28.123456Z", "Received": "2026-11-22T21:41:28.123457Z", "Priority": 6, "Service": "test",
                       "Instance": "http://127.0.0.1:6000", "Message": f"{n} old", "Source": source, "Sequence": n}, separators=(",", ":")) + "\n"


@pytest.mark.parametrize("padding", [0, 5000])
def test_an_older_versions_directory_is_taken_over(cluster, padding):
    """With padding the live file is too long to make its index at the start."""
    cluster.configure("log", {"Store": {"MaxFileSize": "64M", "MaxUse": "1G"}})
    log = cluster.daemon("log")
    source = secrets.token_hex(16)
    for n, name in enumerate(["log-2026-11-22T214128.123456Z.ndjson", "log-2026-11-22T214228.000000Z.ndjson", "central.ndjson"]):
        (log.logs / name).write_text("".join(old_line(n * 1000 + i + 1, source).replace(" old", " old" + "x" * padding) for i in range(1000)) *
                                     (4 if padding and n == 2 else 1))
    live = log.logs / "central.ndjson"
    if padding:
        assert live.stat().st_size > 16 << 20
    (log.logs / "sources.json").write_text(json.dumps({"File": live.stat().st_ino, "Offset": live.stat().st_size, "Records": 3000, "Sources": {source: 3000}}))
    log.start()
    if padding:
        assert len(numbers(log)) == 6000
    else:
        assert numbers(log) == list(range(1, 3001))
    assert post(log, [record(source, 2999, 1), record(source, 3001, 1)]) == {"Stored": 1, "Duplicates": 1, "Suppressed": 0}
    wait_for_compression(log, 3 if padding else 2)
    assert numbers(log)[-1] == 3001
    assert all(re.fullmatch(r"log-[0-9T.Z-]+Z-[0-9a-f]{16}\.ndjson\.zst", p.name) for p in full_files(log))
    assert "2 got their position into their name" in log.stderr
    log.kill()
    log.start()
    assert numbers(log)[-2:] == [3000, 3001]


def test_a_file_that_somebody_deleted_is_passed_over(filled):
    found = numbers(filled)
    full_files(filled)[1].unlink()
    left = numbers(filled)
    assert 450 < len(left) < 600 and left[:100] == found[:100] and left[-100:] == found[-100:]
    assert numbers(filled, "service=test&order=newest") == left[::-1]
    filled.kill()
    filled.start()
    assert numbers(filled) == left
    assert isinstance(filled.logs, pathlib.Path) and not list(filled.logs.glob("*.tmp"))
