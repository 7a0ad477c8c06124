# SPDX-License-Identifier: LGPL-2.1-or-later
"""POST /log: what its forms take, what is told of records that never came, and what holds back a sender that floods it."""

import concurrent.futures
import gzip
import json
import os
import secrets
import socket
import struct
import subprocess
import time
import zlib

import pytest
from gradebook import BUILD, wait_until

NDJSON = {"Content-Type": "application/x-ndjson"}
LOG_STORES = ("files", "postgresql")
SAME = {"test_very_short_lines_become_long", "test_gzip", "test_gzip_of_records", "test_a_bomb_costs_no_more_than_a_body",
        "test_what_is_no_gzip_is_refused", "test_other_encodings_are_refused", "test_limits_can_be_off"}
TEXT = {"Content-Type": "text/plain"}
GZIP = {"Content-Encoding": "gzip"}
LOG_GAP = "55c4e26af87544788d021b3f5b097c7e"
LOG_SUPPRESSED = "aab661ae53614abd95ab8f0c194ab137"
MIB = 1 << 20


@pytest.fixture
def log(cluster):
    return cluster.start("log")


def records(log, query=""):
    answer = log.get(f"/log?n=10000&{query}", headers={"Accept": "application/x-ndjson"})
    assert answer.status == 200, answer
    return [{name: value for name, value in json.loads(line).items() if name != "CRC32"} for line in answer.text.splitlines()]


def messages(log, service="test"):
    return [r["Message"] for r in records(log, f"service={service}")]


def record(n, source=None, **members):
    r = {"Service": "test", "Host": "db-1", "Message": f"message {n}", **members}
    return {**r, "Source": source, "Sequence": n} if source else r


def batch(log, items, query="", **headers):
    body = "".join(json.dumps(r) + "\n" for r in items)
    return log.post(f"/log{query}", body, headers={**NDJSON, **headers})


def counts(stored, duplicates=0, suppressed=0):
    return {"Stored": stored, "Duplicates": duplicates, "Suppressed": suppressed}


def stored(log, items, query=""):
    answer = batch(log, items, query)
    assert answer.status == 200, answer
    return answer.json


def metric(log, name):
    return int(next(line.split()[1] for line in log.get("/metrics").text.splitlines() if line.startswith(name + " ")))


def refused(answer, status, word):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert word in answer.json["detail"], answer


def gaps(log, source=None, among=None):
    """(first, last) of each that was told of a source; among: records that were read already."""
    told = [r for r in among or records(log, "service=gradebook-log") if r.get("MessageID") == LOG_GAP]
    assert all(r["Time"] == r["Received"] > "2000" for r in told)
    found = [r["Fields"] for r in told]
    return [(int(f["GAP_FIRST"]), int(f["GAP_LAST"])) for f in found if source in (None, f["GAP_SOURCE"])]


# ---- forms ----

def test_text_says_whose_it_is(log):
    assert log.post("/log?service=backup&host=db-1.example.org&priority=warning", "one\ntwo", headers=TEXT).status == 200
    assert log.post("/log?service=backup&priority=3", "three", headers=TEXT).status == 200
    assert [(r["Message"], r["Priority"], r.get("Host")) for r in records(log, "service=backup")] == [
        ("one", 4, "db-1.example.org"), ("two", 4, "db-1.example.org"), ("three", 3, None)]


def test_host_of_a_record(log):
    assert stored(log, [record(1), record(2, Host="")]) == counts(2)
    assert [r.get("Host") for r in records(log, "service=test")] == ["db-1", None]


def test_much_text_at_once(log):
    lines = [f"{n} " + "é\\\"\t" * (n % 7) + "x" * (n % 120) for n in range(8000)]
    body = "\n".join(lines).encode()
    assert len(body) < MIB
    assert log.post("/log?service=test", body, headers=TEXT).status == 200
    assert messages(log) == lines


def peak_kib(log):
    """0 under AddressSanitizer, whose own memory would be counted."""
    if "asan" in subprocess.run(["ldd", log.binary], capture_output=True, text=True, check=True).stdout:
        return 0
    with open(f"/proc/{log.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def test_very_short_lines_become_long(log):
    """Each costs about 170 bytes: their number is bounded, too."""
    refused(log.post("/log?service=test", "x\n" * 32769, headers=TEXT), 413, "32768 lines")
    for body in ("\\\n" * 32768, "\x01" * (MIB - 20) + "\n", "\n" * (MIB - 1) + "x"):
        log.post("/log?service=test", body, headers=TEXT)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda n: log.post(f"/log?service=test{n}", "x\n" * 32768, headers=TEXT), range(24)):
            assert answer.status == 200
    # Rows beside the lines take their room.
    assert peak_kib(log) <= (32 if log.cluster.log_store == "files" else 48) * 1024


@pytest.mark.parametrize("pieces", [1, 3])
def test_gzip(log, pieces):
    """Also of several members, as when files are put behind each other."""
    lines = [f"line {n}" for n in range(3000)]
    text = "\n".join(lines).encode()
    cut = len(text) // pieces + 1
    body = b"".join(gzip.compress(text[i:i + cut]) for i in range(0, len(text), cut))
    assert log.post("/log?service=test", body, headers={**TEXT, **GZIP}).status == 200
    assert messages(log) == lines


def test_gzip_of_records(log):
    source = secrets.token_hex(16)
    body = gzip.compress("".join(json.dumps(record(n, source)) + "\n" for n in range(1, 101)).encode())
    assert log.post("/log", body, headers={**NDJSON, "Content-Encoding": "x-gzip"}).json == counts(100)
    body = gzip.compress(json.dumps(record(1)).encode())
    assert log.post("/log", body, headers={"Content-Type": "application/json", **GZIP}).json == counts(1)


def test_a_bomb_costs_no_more_than_a_body(log):
    bomb = gzip.compress(b"x\n" * (400 * MIB // 2))
    assert len(bomb) < MIB
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: log.post("/log", bomb, headers={**TEXT, **GZIP}), range(32)):
            refused(answer, 413, "inflated")
    assert log.post("/log", gzip.compress(b"x" * (MIB + 1)), headers={**TEXT, **GZIP}).status == 413
    # Rows beside the lines take their room.
    assert peak_kib(log) <= (32 if log.cluster.log_store == "files" else 48) * 1024
    assert records(log, "service=unknown") == []


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:len(b) // 2], lambda b: b"", lambda b: b + b"x", lambda b: b[:-5] + b"\0" + b[-4:],
                                    lambda b: zlib.compress(b"a line"), lambda b: b"a line", lambda b: b"\x1f\x8b\x08" + b"\xff" * 40])
def test_what_is_no_gzip_is_refused(log, damage):
    refused(log.post("/log", damage(gzip.compress(b"a line of text\n" * 100)), headers={**TEXT, **GZIP}), 400, "gzip")
    assert records(log, "service=unknown") == []


def test_other_encodings_are_refused(log):
    for encoding in ("deflate", "br", "zstd", "gzip, gzip"):
        answer = log.post("/log", "x", headers={**TEXT, "Content-Encoding": encoding})
        refused(answer, 415, "Content-Encoding")
        assert answer.headers["Accept-Encoding"] == "gzip"


# ---- gaps ----

def test_a_gap_is_told_before_what_reveals_it(log):
    source = secrets.token_hex(16)
    assert stored(log, [record(n, source, Instance="http://h:1") for n in (1, 2, 3)]) == counts(3)
    assert stored(log, [record(n, source, Instance="http://h:1") for n in (4, 8, 9, 11)]) == counts(4)
    all_of_it = [r for r in records(log) if r["Service"] == "test" or r.get("MessageID") == LOG_GAP]
    assert [r["Message"] for r in all_of_it] == ["message 1", "message 2", "message 3", "message 4", "3 records of test on db-1 are missing: 5 to 7",
                                                 "message 8", "message 9", "1 record of test on db-1 is missing: 10", "message 11"]
    told = all_of_it[4]
    assert told["Service"] == "gradebook-log" and told["Priority"] == 4 and told["Time"] == told["Received"] == all_of_it[5]["Received"]
    assert told["Fields"] == {"GAP_SOURCE": source, "GAP_SERVICE": "test", "GAP_INSTANCE": "http://h:1", "GAP_HOST": "db-1",
                              "GAP_FIRST": "5", "GAP_LAST": "7", "GAP_COUNT": "3"}
    assert (metric(log, "gradebook_log_gaps_total"), metric(log, "gradebook_log_missing_records_total"), metric(log, "gradebook_log_open_gaps")) == (2, 4, 2)


def test_a_source_that_does_not_begin_with_one(log):
    a, b = secrets.token_hex(16), secrets.token_hex(16)
    assert stored(log, [record(5, a)]) == counts(1)
    assert gaps(log, a) == [(1, 4)]
    assert stored(log, [record(5, b)], "?acknowledged=4") == counts(1)
    assert gaps(log, b) == []


def test_what_is_acknowledged_is_not_missed(log):
    source = secrets.token_hex(16)
    assert stored(log, [record(1, source)], "?acknowledged=0") == counts(1)
    assert stored(log, [record(10, source), record(11, source)], "?acknowledged=9") == counts(2)
    assert stored(log, [record(20, source), record(22, source)], "?acknowledged=15") == counts(2)
    assert gaps(log, source) == [(16, 19), (21, 21)]
    for restart in (lambda: None, log.stop, log.kill):
        restart()
        if log.process.poll() is not None:
            log.start()
        assert stored(log, [record(5, source), record(12, source)]) == counts(0, 2)
    assert stored(log, [record(17, source), record(21, source)]) == counts(2)
    assert gaps(log, source) == [(16, 19), (21, 21)]


def test_a_late_record_fills_its_gap(log):
    source = secrets.token_hex(16)
    assert stored(log, [record(1, source), record(6, source)]) == counts(2)
    for restart in (lambda: None, log.stop, log.kill):
        restart()
        if log.process.poll() is not None:
            log.start()
        n = {0: 2, 1: 4, 2: 5}[len(messages(log)) - 2]
        assert stored(log, [record(n, source)]) == counts(1)
        assert stored(log, [record(n, source), record(6, source), record(1, source)]) == counts(0, 3)
    assert metric(log, "gradebook_log_open_gaps") == 1
    assert gaps(log, source) == [(2, 5)]
    assert stored(log, [record(3, source)]) == counts(1)
    assert metric(log, "gradebook_log_open_gaps") == 0


def test_every_gap_is_told_over_kills(log):
    """Sources that lose one batch in three, and a log that is killed meanwhile."""
    sources = [secrets.token_hex(16) for _ in range(4)]
    lost = {s: [] for s in sources}

    def send(source):
        n = 1
        while n < 400:
            items = [record(i, source) for i in range(n, n + 10)]
            if secrets.randbelow(3) == 0 and n + 10 < 400:
                lost[source].append((n, n + 9))
            else:
                while True:
                    try:
                        if batch(log, items).status == 200:
                            break
                    except OSError:
                        pass
            n += 10

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(send, s) for s in sources]
        for _ in range(3):
            before = metric(log, "gradebook_log_commits_total")
            wait_until(lambda: metric(log, "gradebook_log_commits_total") > before + 5 or all(f.done() for f in sending), "commits")
            log.kill()
            log.start()
        for f in sending:
            f.result(60)
    for source in sources:
        expected = []
        for first, last in lost[source]:
            if expected and expected[-1][1] == first - 1:
                expected[-1] = (expected[-1][0], last)
            else:
                expected.append((first, last))
        assert gaps(log, source) == expected
        numbers = [r["Sequence"] for r in records(log, "service=test") if r["Source"] == source]
        assert numbers == [n for n in range(1, numbers[-1] + 1) if not any(a <= n <= b for a, b in expected)]


def own_lines(log):
    """Messages of the log's own lines in its store, in order; each must be there once, and none be missing."""
    own = records(log, "service=gradebook-log")
    assert gaps(log, among=own) == []
    for source in {r["Source"] for r in own if "Source" in r}:
        numbers = [r["Sequence"] for r in own if r.get("Source") == source]
        assert numbers == list(range(1, numbers[-1] + 1))
    return [r["Message"] for r in own]


@pytest.fixture
def held(cluster, tmp_path):
    """The log, and the file whose existence makes every fsync() of it wait."""
    switch = tmp_path / "hold-fsync"
    environment = {"LD_PRELOAD": str(BUILD / "hold-fsync.so"), "HOLD_FSYNC": str(switch), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    yield cluster.daemon("log", environment=environment).start(), switch
    switch.unlink(missing_ok=True)


@pytest.mark.files_only
@pytest.mark.parametrize("written", [False, True], ids=["before it is written", "before it is known to be"])
def test_own_lines_survive_kill(held, written):
    """Killed while such a line waits for another commit, and while it is in one that nobody knows the end of."""
    log, switch = held
    wait_until(lambda: "Ready, serving" in " ".join(own_lines(log)), "its first lines are stored")
    wait_until(lambda: metric(log, "gradebook_log_pending_lines") == 0, "all are on disk")
    before = len(own_lines(log))
    switch.touch()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        sending = None
        if not written:
            sending = pool.submit(lambda: pytest.raises(OSError, log.post, "/log", "x", headers=TEXT))
            wait_until(switch.with_name("hold-fsync.waits").exists, "a commit waits for the disk")
        log.signal(1)
        log.wait_notify("READY=1")
        wait_until(switch.with_name("hold-fsync.waits").exists, "a commit waits for the disk")
        assert metric(log, "gradebook_log_pending_lines") >= 1
        log.kill()
        if sending:
            sending.result(30)
    switch.unlink()
    log.start()
    wait_until(lambda: sum("Ready, serving" in m for m in own_lines(log)) == 2, "the lines of the next start are stored")
    lines = own_lines(log)
    said = [line.split(": ", 1)[1] for line in log.stderr.splitlines() if ": " in line]
    assert len([m for m in lines[before:] if m.startswith("Configuration")]) == 1, lines[before:]
    assert all(sum(line.startswith(m) for line in said) >= lines.count(m) for m in lines)


def send_line(log, message):
    """A line of text on a connection of its own; nobody has read the answer yet."""
    s = socket.create_connection(("127.0.0.1", log.port), 10)
    s.sendall(f"POST /log?service=test HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {log.cluster.token}\r\n"
              f"Content-Type: text/plain\r\nContent-Length: {len(message)}\r\n\r\n{message}".encode())
    return s


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


@pytest.mark.files_only
def test_line_is_stored_whose_sender_goes_before_it_is_answered(held):
    """Its connection may end while its record waits for the disk: at once, where it is held, or when the answer is sent."""
    log, switch = held
    waits = switch.with_name("hold-fsync.waits")
    switch.touch()
    first = send_line(log, "first")
    wait_until(waits.exists, "a commit waits for the disk")
    for n in range(200):
        s = send_line(log, f"gone {n}")
        time.sleep(0.001)
        reset(s)
    outlived = metric(log, "gradebook_http_open_requests") - metric(log, "gradebook_http_connections")
    stay = [send_line(log, f"stays {n}") for n in range(300)]   # more than are held
    wait_until(lambda: metric(log, "gradebook_http_open_requests") > 300, "all are there")
    waiting = metric(log, "gradebook_http_open_requests") - 1   # this very request
    assert outlived > 0, "no request was left by its connection while it was held"
    switch.unlink()
    for s in [first, *stay]:
        s.settimeout(30)
        assert s.recv(65536).startswith(b"HTTP/1.1 200 ")
        s.close()
    wait_until(lambda: metric(log, "gradebook_http_open_requests") == 1, "nobody waits any longer")
    stored = messages(log)
    assert len(stored) == len(set(stored)) == waiting
    assert {"first", *(f"stays {n}" for n in range(300))} <= set(stored)
    log.stop()


@pytest.mark.files_only
def test_client_that_sends_bit_by_bit_is_not_kept_up_by_held_requests(held):
    """libmicrohttpd says nothing of who else has something to do as long as there are held requests: what they wait for is looked for."""
    log, switch = held
    body = "\n".join(f"line {n:0>90}" for n in range(10_000))
    switch.touch()
    others = []
    with socket.create_connection(("127.0.0.1", log.port), 10) as s:
        s.sendall(f"POST /log?service=test HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {log.cluster.token}\r\nX-Long: ".encode() + b"x" * 6_000)
        others.append(send_line(log, "other"))
        s.sendall(f"\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        others.append(send_line(log, "other"))
        assert s.recv(65536).startswith(b"HTTP/1.1 100 ")
        for at in range(0, len(body), 100_000):
            s.sendall(body[at:at + 100_000].encode())
            others.append(send_line(log, "other"))
        wait_until(lambda: metric(log, "gradebook_http_open_requests") == len(others) + 2, "all wait for the disk")
        switch.unlink()
        assert s.recv(65536).startswith(b"HTTP/1.1 200 ")
    for o in others:
        o.settimeout(30)
        assert o.recv(65536).startswith(b"HTTP/1.1 200 ")
        o.close()
    assert len(messages(log)) == 10_000     # the last of them, as many as are asked for


def test_own_lines_are_there_once_over_stops_and_kills(log):
    for end in ("stop", "kill", "kill", "stop", "kill"):
        assert log.post("/log", "x", headers=TEXT).status == 200
        log.signal(1)
        getattr(log, end)()
        log.start()
    wait_until(lambda: sum("Ready, serving" in m for m in own_lines(log)) == 6, "the lines of each start are stored")
    assert own_lines(log).count("Stopped") == 2


@pytest.mark.files_only
def test_own_lines_wait_for_a_disk_that_fails(cluster, tmp_path):
    """Also over the end of the process: they are in the spool."""
    switch = tmp_path / "fail-fsync"
    environment = {"LD_PRELOAD": str(BUILD / "fail-fsync.so"), "FAIL_FSYNC": str(switch), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    log = cluster.daemon("log", environment=environment).start()
    wait_until(lambda: metric(log, "gradebook_log_pending_lines") == 0, "all are on disk")
    switch.touch()
    assert log.post("/log", "x", headers=TEXT).status == 500
    wait_until(lambda: metric(log, "gradebook_log_failures_total") > 2, "its own line is tried again")
    assert metric(log, "gradebook_log_pending_lines") == 1
    log.stop()
    switch.unlink()
    log.start()
    wait_until(lambda: sum("Ready, serving" in m for m in own_lines(log)) == 2, "the lines of the next start are stored")
    lines = own_lines(log)
    assert sum("cannot write" in m for m in lines) == 1 and lines.count("Stopped") == 1


# ---- limits ----

@pytest.fixture
def strict(cluster):
    cluster.configure("log", {"Limits": {"RateLimitIntervalSec": "2s", "RateLimitBurst": "10"}})
    return cluster.start("log")


def test_what_is_over_the_limit_is_suppressed_and_told(strict):
    a, b = secrets.token_hex(16), secrets.token_hex(16)
    assert stored(strict, [record(n, a) for n in range(1, 16)]) == counts(10, 0, 5)
    assert stored(strict, [record(n, b) for n in range(1, 6)]) == counts(5)
    assert stored(strict, [record(n, a) for n in range(14, 18)]) == counts(0, 2, 2)
    important = [record(18, a, Priority=3), record(19, a, Priority=7, MessageID=LOG_GAP)]
    assert stored(strict, important) == counts(2)
    assert metric(strict, "gradebook_log_suppressed_total") == 7
    told = wait_until(lambda: [r for r in records(strict, "service=gradebook-log") if r.get("MessageID") == LOG_SUPPRESSED], "it is told")
    assert len(told) == 1 and told[0]["Message"].startswith("7 records of test were suppressed")
    assert told[0]["Fields"] == {"SUPPRESSED_SOURCE": a, "SUPPRESSED_SERVICE": "test", "SUPPRESSED_COUNT": "7"}
    # The interval is over. Nobody misses the ones that were suppressed.
    assert stored(strict, [record(n, a) for n in range(20, 31)]) == counts(10, 0, 1)
    assert gaps(strict) == []


def test_records_without_a_source_are_their_services(strict):
    assert stored(strict, [record(n) for n in range(12)]) == counts(10, 0, 2)
    assert stored(strict, [record(n, Service="other") for n in range(5)]) == counts(5)


def test_text_over_the_limit_has_to_wait(strict):
    assert strict.post("/log?service=test", "\n".join("12345678"), headers=TEXT).status == 200
    answer = strict.post("/log?service=test", "a\nb\nc", headers=TEXT)
    refused(answer, 429, "RateLimitBurst=")
    assert 1 <= int(answer.headers["Retry-After"]) <= 2
    assert strict.post("/log?service=test", "9\n10", headers=TEXT).status == 200
    assert strict.post("/log?service=other", "1", headers=TEXT).status == 200
    refused(strict.post("/log?service=third", "x\n" * 11, headers=TEXT), 413, "in parts")
    assert metric(strict, "gradebook_log_limited_requests_total") == 2
    assert messages(strict) == [*"12345678", "9", "10"]
    wait_until(lambda: strict.post("/log?service=test", "a\nb\nc", headers=TEXT).status == 200, "the next interval")


@pytest.mark.parametrize("level", ["info", "warning"])
def test_suppressed_ones_are_told_at_the_end(cluster, level):
    """In the journal and in the store, also by a daemon that has nothing else to say then."""
    cluster.configure("gradebook", {"Log": {"Level": level}})
    cluster.configure("log", {"Limits": {"RateLimitIntervalSec": "1h", "RateLimitBurst": "1"}})
    log = cluster.start("log")
    source = secrets.token_hex(16)
    assert stored(log, [record(n, source) for n in (1, 2, 3)]) == counts(1, 0, 2)
    log.stop()
    assert log.stderr.count("2 records of test were suppressed") == 1
    log.start()
    # At the end, or if there was no time, with the first lines of the next start: it was in the spool.
    wait_until(lambda: log.get(f"/log?message-id={LOG_SUPPRESSED}").text, "it is in the store")
    written = [json.loads(line) for line in log.get("/log?n=10000", headers={"Accept": "application/x-ndjson"}).text.splitlines()]
    assert [r["Fields"]["SUPPRESSED_COUNT"] for r in written if r.get("MessageID") == LOG_SUPPRESSED] == ["2"]
    assert ("Stopped" in [r["Message"] for r in written]) == (level == "info")


@pytest.mark.files_only
def test_suppressed_ones_that_a_kill_forgets_are_missing(cluster):
    """Unless their source tells that they were answered."""
    cluster.configure("log", {"Limits": {"RateLimitIntervalSec": "1h", "RateLimitBurst": "1"}})
    log = cluster.start("log")
    a, b = secrets.token_hex(16), secrets.token_hex(16)
    for source in (a, b):
        assert stored(log, [record(n, source) for n in (1, 2, 3)]) == counts(1, 0, 2)
    log.kill()
    log.start()
    assert stored(log, [record(4, a)]) == counts(1)
    assert stored(log, [record(4, b)], "?acknowledged=3") == counts(1)
    assert gaps(log, a) == [(2, 3)] and gaps(log, b) == []


def test_limits_change_with_a_reload(strict, cluster):
    source = secrets.token_hex(16)
    cluster.configure("log", {"Limits": {"RateLimitIntervalSec": "1h", "RateLimitBurst": "1"}})
    strict.signal(1)
    strict.wait_notify("READY=1")
    assert stored(strict, [record(n, source) for n in (1, 2, 3)]) == counts(1, 0, 2)


def test_limits_can_be_off(cluster):
    cluster.configure("log", {"Limits": {"RateLimitBurst": "0"}})
    log = cluster.start("log")
    for _ in range(11):
        assert log.post("/log?service=test", "x\n" * 32768, headers=TEXT).status == 200
    assert metric(log, "gradebook_log_records_total") >= 11 * 32768


# ---- a full disk ----

@pytest.fixture
def small_disk(make_disk):
    return make_disk("2m")


@pytest.mark.files_only
def test_what_a_full_disk_refused_is_stored_once_later(cluster, small_disk):
    """Neither the numbers, nor the gaps, nor the limits know of a commit that failed."""
    cluster.configure("log", {"Limits": {"RateLimitIntervalSec": "1h", "RateLimitBurst": "400"}})
    log = cluster.daemon("log")
    log.logs.rmdir()
    log.logs.symlink_to(small_disk)
    log.start()
    hog = small_disk / "hog"
    source = secrets.token_hex(16)
    first = [record(n, source) for n in range(1, 101)]
    second = [record(n, source, Message=f"message {n} " + "x" * 8000) for n in [*range(50, 111), *range(121, 171)]]
    assert stored(log, first) == counts(100)
    with open(hog, "wb") as f:
        f.truncate(0)
        os.posix_fallocate(f.fileno(), 0, small_disk.stat().st_blksize * 400)
    for _ in range(10):
        refused(batch(log, second), 507, "No space left")
    assert gaps(log) == [] and metric(log, "gradebook_log_open_gaps") == 0
    hog.unlink()
    wait_until(lambda: "can write again" in log.stderr, "the log says that it can write again")
    assert stored(log, second) == counts(60, 51)
    assert stored(log, second) == counts(0, 111)
    assert gaps(log, source) == [(111, 120)]
    assert [r["Sequence"] for r in records(log, "service=test")] == [*range(1, 111), *range(121, 171)]
    log.kill()
    log.start()
    assert stored(log, first + second) == counts(0, 211)
