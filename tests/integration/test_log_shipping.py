# SPDX-License-Identifier: LGPL-2.1-or-later
"""The way of a log line into the central log: every line, once, whatever happens to the log service meanwhile."""

import http.client
import http.server
import json
import os
import random
import struct
import subprocess
import threading
import time
import zlib

import pytest
from gradebook import spooled, wait_until

DROPPED = "b8ab2aeca6f249c3a885c51a02c22352"

PREFIXES = ("emerg: ", "alert: ", "crit: ", "err: ", "warning: ", "notice: ", "info: ", "debug: ")


def introduce(daemon, url):
    """What the registry would tell it."""
    answer = daemon.post("/services", {"Added": [{"Name": "LogService", "URL": url}], "Removed": []})
    assert answer.status == 200, answer


def central(log, name="attendance"):
    answer = log.get(f"/log?n=10000&service=gradebook-{name}", headers={"Accept": "application/x-ndjson"})
    return [json.loads(line) for line in answer.text.splitlines()]


def gaps_told(log):
    return [r for r in central(log, "log") if "GAP_FIRST" in r.get("Fields", {})]


def said(daemon):
    """The messages on its stderr; their fields stand behind them."""
    return [line.split(": ", 1)[1] for line in daemon.stderr.splitlines() if line.startswith(PREFIXES)]


def assert_all_there_once(log, daemon):
    def complete():
        return len(central(log)) >= len(said(daemon))
    wait_until(complete, f"{len(said(daemon))} lines in the central log, which has {[r['Message'] for r in central(log)]}")
    stored = central(log)
    lines = said(daemon)
    assert len(stored) == len(lines)
    for r in stored:
        match = [line for line in lines if line.startswith(r["Message"])]
        assert match, f"{r['Message']} is not on stderr"
        lines.remove(match[0])
    for source in {r["Source"] for r in stored}:
        numbers = [r["Sequence"] for r in stored if r["Source"] == source]
        assert numbers == list(range(1, len(numbers) + 1))


class Foreign:
    """Another implementation of the log service; answer(number, content type) gives the status, or None for no answer."""

    def __init__(self, answer):
        self.posts = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.posts.append((self.path, self.headers["Content-Type"], body))
                status = answer(len(outer.posts), self.headers["Content-Type"])
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def foreign():
    made = []

    def make(answer):
        made.append(Foreign(answer))
        return made[-1]

    yield make
    for f in made:
        f.close()


def arrived(peer):
    return [json.loads(line) for _, _, body in peer.posts for line in body.splitlines()]


def metric(daemon, name):
    return float([line.split()[1] for line in daemon.get("/metrics").text.splitlines() if line.startswith(name + " ")][0])


def make_noise(daemon, times=1):
    """Reloads: each logs a line at least."""
    for _ in range(times):
        daemon.signal(1)
        daemon.wait_notify("READY=1")


def test_every_line_arrives_once_from_the_first_to_the_last(open_cluster):
    log, attendance = open_cluster.start("log", "attendance")
    introduce(attendance, log.url)
    make_noise(attendance, 5)
    assert_all_there_once(log, attendance)
    messages = [r["Message"] for r in central(log)]
    assert any("Authentication=none" in m for m in messages)
    assert all(r["Instance"] == attendance.url for r in central(log))
    attendance.stop()
    assert_all_there_once(log, attendance)
    assert [r["Message"] for r in central(log)][-1] == "Stopped"


def test_lines_of_an_outage_arrive_once(open_cluster):
    log, attendance = open_cluster.start("log", "attendance")
    introduce(attendance, log.url)
    for _ in range(3):
        assert_all_there_once(log, attendance)
        log.kill()
        make_noise(attendance, 3)
        log.start()
    assert_all_there_once(log, attendance)


def test_what_could_not_be_sent_before_the_end_is_sent_at_the_next_start(open_cluster):
    log = open_cluster.start("log")
    attendance = open_cluster.daemon("attendance", keep_listener=True).start()
    make_noise(attendance, 2)
    attendance.stop()
    first = spooled(attendance)
    assert [r["Sequence"] for r in first] == list(range(1, len(first) + 1)) and first[-1]["Message"] == "Stopped"
    assert (attendance.state / "log.spool").stat().st_mode & 0o777 == 0o600
    assert (attendance.state / "log.spool").stat().st_size == 8 << 20

    attendance.start()
    attendance.stop()
    both = spooled(attendance)
    assert both[:len(first)] == first
    assert [r["Sequence"] for r in both] == list(range(1, len(both) + 1)) and len({r["Source"] for r in both}) == 1

    attendance.start()
    introduce(attendance, log.url)
    assert_all_there_once(log, attendance)
    wait_until(lambda: spooled(attendance) == [], "nothing waits")


def test_every_line_says_where_it_is_from(open_cluster, foreign):
    peer = foreign(lambda *_: 200)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    wait_until(lambda: arrived(peer), "lines arrive")
    assert {r["Host"] for r in arrived(peer)} == {os.uname().nodename}
    assert {r["Instance"] for r in arrived(peer)} == {attendance.url}
    # What it has acknowledged is said from then on, so that another log service knows what it need not wait for.
    make_noise(attendance)
    wait_until(lambda: len(peer.posts) > 1, "more lines arrive")
    first, second = peer.posts[:2]
    assert first[0] == "/log"
    assert second[0] == f"/log?acknowledged={len(first[2].splitlines())}"


def test_what_an_older_version_left_is_sent(open_cluster, foreign):
    record = {"Time": "2026-11-22T21:41:28.123456Z", "Priority": 6, "Service": "gradebook-attendance", "Message": "of old",
              "Source": "00112233445566778899aabbccddeeff", "Sequence": 7}
    attendance = open_cluster.daemon("attendance", keep_listener=True)
    attendance.state.mkdir(parents=True, exist_ok=True)
    old = attendance.state / "log-spool.ndjson"
    old.write_text(json.dumps(record) + "\n" + json.dumps(record | {"Sequence": 9}) + '\n{"Time":"2026-11-22T2')
    attendance.start()
    assert "is damaged: 1 of its lines are lost" in attendance.stderr and not old.exists()
    peer = foreign(lambda *_: 200)
    introduce(attendance, peer.url)
    wait_until(lambda: len(arrived(peer)) >= len(said(attendance)) + 2, "the lines of both")
    assert [r for r in arrived(peer) if r["Message"] == "of old"] == [record, record | {"Sequence": 9}]
    # Their numbers are not this spool's: nothing is said about them.
    assert [path for path, _, body in peer.posts if "of old" in body] == ["/log"]


def test_a_damaged_spool_costs_what_is_damaged(open_cluster):
    log = open_cluster.start("log")
    attendance = open_cluster.daemon("attendance", keep_listener=True).start()
    attendance.stop()
    spool = attendance.state / "log.spool"
    before = spooled(attendance)
    data = bytearray(spool.read_bytes())
    data[data.index(b'"Message":"Ready') + 11] ^= 1
    spool.write_bytes(data)
    assert [r for r in before if not r["Message"].startswith("Ready")] == spooled(attendance)
    attendance.start()
    introduce(attendance, log.url)
    wait_until(lambda: [r for r in central(log) if r["Message"].startswith("Found LogService")], "the last line of the second run")
    numbers = [r["Sequence"] for r in central(log)]
    assert len(numbers) == len(said(attendance)) - 1
    missing = [r["Message"][:5] for r in before].index("Ready") + 1
    assert numbers == [n for n in range(1, len(numbers) + 2) if n != missing]
    assert [(r["Fields"]["GAP_FIRST"], r["Fields"]["GAP_LAST"]) for r in gaps_told(log)] == [(str(missing), str(missing))]


def test_after_a_power_loss_no_number_is_given_out_again(open_cluster):
    log = open_cluster.start("log")
    attendance = open_cluster.daemon("attendance", keep_listener=True).start()
    attendance.stop()
    spool = attendance.state / "log.spool"
    before = spooled(attendance)
    old = bytearray(spool.read_bytes())
    attendance.start()
    introduce(attendance, log.url)
    make_noise(attendance, 3)
    assert_all_there_once(log, attendance)
    attendance.kill()
    # Another boot, and the file as the disk had it before all this.
    old[41:57] = bytes(b ^ 1 for b in old[41:57])
    old[60:64] = struct.pack("=I", zlib.crc32(old[:60]))
    spool.write_bytes(old)
    attendance.start()
    make_noise(attendance, 2)

    def complete():
        return len(central(log)) >= len(said(attendance))
    wait_until(complete, "all lines of both boots")
    stored = central(log)
    assert len(stored) == len(said(attendance))
    first, second = sorted({r["Source"] for r in stored}, key=lambda source: source != before[0]["Source"])
    numbers = [r["Sequence"] for r in stored if r["Source"] == first]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > len(before)
    numbers = [r["Sequence"] for r in stored if r["Source"] == second]
    assert numbers == list(range(len(before) + 1, len(before) + 1 + len(numbers)))
    assert gaps_told(log) == []


def test_a_lost_answer_is_sent_again_as_it_was(open_cluster, foreign):
    peer = foreign(lambda n, _: None if n <= 2 else 200)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    wait_until(lambda: len(peer.posts) >= 3, "three attempts")
    assert peer.posts[0] == peer.posts[1] == peer.posts[2]
    assert peer.posts[0][:2] == ("/log", "application/x-ndjson")


def test_a_peer_that_takes_only_text_gets_text(open_cluster, foreign):
    peer = foreign(lambda _, kind: 200 if kind.startswith("text/plain") else 415)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    make_noise(attendance, 2)

    def texts():
        return [body for _, kind, body in peer.posts if kind.startswith("text/plain")]
    wait_until(lambda: len(texts()) >= len(said(attendance)), "each line as text")
    assert len(texts()) == len(said(attendance))
    assert texts()[0].startswith("gradebook-attendance: warning: Authentication=none") and "\n" not in texts()[0]
    assert sum(kind == "application/x-ndjson" for _, kind, _ in peer.posts) == 1


def told_refused(daemon):
    return [int(line.split(" took ")[1].split()[0]) for line in said(daemon) if "in no form" in line]


def test_a_line_that_is_refused_in_every_form_stands_in_nobodys_way_and_is_counted(open_cluster, foreign):
    """And it is told, also to the central log."""
    peer = foreign(lambda n, kind: 415 if kind != "text/plain; charset=utf-8" else 400 if n == 2 else 200)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    make_noise(attendance)
    wait_until(lambda: told_refused(attendance), "it is told")
    wait_until(lambda: len([1 for _, kind, _ in peer.posts if kind.startswith("text/plain")]) >= len(said(attendance)), "all lines were offered")
    wait_until(lambda: "gradebook_log_pending_lines 0" in attendance.get("/metrics").text, "none waits")
    assert "gradebook_log_dropped_lines_total 1" in attendance.get("/metrics").text
    bodies = [body for _, kind, body in peer.posts if kind.startswith("text/plain")]
    assert len(bodies) == len(set(bodies)) == len(said(attendance))
    assert told_refused(attendance) == [1] and "in no form" in bodies[-1]


def test_where_nothing_is_taken_that_is_told_once_and_at_the_end(open_cluster, foreign):
    """What tells it is refused as well, of which nothing is said: it would never end."""
    peer = foreign(lambda *_: 400)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    make_noise(attendance, 3)
    wait_until(lambda: told_refused(attendance), "it is told")
    wait_until(lambda: metric(attendance, "gradebook_log_pending_lines") == 0, "none waits")
    assert metric(attendance, "gradebook_log_dropped_lines_total") == len(said(attendance))
    assert told_refused(attendance) == [len(said(attendance)) - 1]
    attendance.stop()
    assert len(told_refused(attendance)) == 2 and sum(told_refused(attendance)) == len(said(attendance)) - 2


def test_what_comes_after_a_refusal_waits_for_no_pause(open_cluster, foreign):
    """A log service that was away, and takes nothing when it is back: the pause between two tries is over."""
    peer = foreign(lambda n, _: 503 if n == 1 else 400)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    wait_until(lambda: told_refused(attendance), "it is told")
    make_noise(attendance, 3)
    wait_until(lambda: metric(attendance, "gradebook_log_pending_lines") == 0, "none waits")
    assert metric(attendance, "gradebook_log_dropped_lines_total") == len(said(attendance))


def fill(cluster, attendance, times, size=1000):
    """Each time twenty warnings and an info, as the configuration is read again."""
    cluster.configure("attendance", {"Attendance": {f"Unknown{'x' * size}{n}": "1" for n in range(20)}})
    make_noise(attendance, times)
    cluster.configure("attendance", {})


def test_a_full_spool_drops_the_least_important_and_says_how_many(open_cluster, foreign):
    open_cluster.configure("gradebook", {"Log": {"SpoolMax": "256K", "Level": "info"}})
    attendance = open_cluster.start("attendance")
    fill(open_cluster, attendance, 12)
    dropped = int(metric(attendance, "gradebook_log_dropped_lines_total"))
    waiting = spooled(attendance)
    assert dropped == len(said(attendance)) - len(waiting) > 0
    assert (attendance.state / "log.spool").stat().st_size == 256 << 10
    # The oldest of the warnings, and in between and behind, up to where it happened, all that is less important.
    numbers = [r["Sequence"] for r in waiting]
    gaps = [b for a, b in zip(numbers, numbers[1:]) if b != a + 1]
    assert gaps and all(b - 2 in numbers for b in gaps)
    assert {r["Priority"] for r in waiting if r["Sequence"] < gaps[-1]} == {4}
    fill(open_cluster, attendance, 20)
    assert metric(attendance, "gradebook_log_spool_bytes") < 256 << 10

    peer = foreign(lambda *_: 200)
    introduce(attendance, peer.url)
    wait_until(lambda: metric(attendance, "gradebook_log_pending_lines") == 0, "all is sent")
    notice, *lines = arrived(peer)
    assert notice["MessageID"] == DROPPED and notice["Sequence"] == 1 and notice["Source"] != lines[0]["Source"]
    dropped = int(notice["Fields"]["DROPPED"])
    numbers = [r["Sequence"] for r in lines]
    assert numbers == sorted(set(numbers)) and {r["Source"] for r in lines} == {lines[0]["Source"]}
    # stderr has the notice too, and all that was dropped: the last that were logged may be among them.
    highest = len(said(attendance)) - 1
    assert numbers[-1] <= highest and dropped == highest - len(numbers)
    assert metric(attendance, "gradebook_log_dropped_lines_total") == dropped
    # What comes later follows without a gap, and is told of none.
    n = len(arrived(peer))
    make_noise(attendance, 3)
    wait_until(lambda: len(arrived(peer)) >= n + 3, "later lines arrive")
    assert [r["Sequence"] for r in arrived(peer)[n:]] == list(range(highest + 1, highest + 4))


def test_a_gap_is_told_even_if_the_daemon_is_killed_before_it_can(open_cluster, foreign):
    open_cluster.configure("gradebook", {"Log": {"SpoolMax": "256K"}})
    attendance = open_cluster.daemon("attendance", keep_listener=True).start()
    fill(open_cluster, attendance, 16)
    dropped = int(metric(attendance, "gradebook_log_dropped_lines_total"))
    assert dropped > 0
    attendance.kill()
    attendance.start()
    # The notice is lost on its way, and the process with it: the next one says the same.
    lost = foreign(lambda *_: None)
    introduce(attendance, lost.url)
    wait_until(lambda: lost.posts, "the notice is sent")
    attendance.kill()
    attendance.start()
    peer = foreign(lambda *_: 200)
    introduce(attendance, peer.url)
    wait_until(lambda: metric(attendance, "gradebook_log_pending_lines") == 0, "all is sent")
    assert json.loads(lost.posts[0][2])["Sequence"] == 1
    for first in (json.loads(lost.posts[0][2]), arrived(peer)[0]):
        assert (first["MessageID"], first["Sequence"], first["Fields"]["DROPPED"]) == (DROPPED, 1, str(dropped))
    assert [r["MessageID"] for r in arrived(peer)[1:] if r.get("MessageID") == DROPPED] == []


def test_the_spool_changes_its_size_on_reload(open_cluster, foreign):
    attendance = open_cluster.start("attendance")
    spool = attendance.state / "log.spool"
    make_noise(attendance, 3)
    for size in (256 << 10, 1 << 20):
        before = spooled(attendance)
        open_cluster.configure("gradebook", {"Log": {"SpoolMax": str(size)}})
        make_noise(attendance)
        assert spool.stat().st_size == size
        assert spooled(attendance)[:len(before)] == before and len(spooled(attendance)) == len(before) + 1
    peer = foreign(lambda *_: 200)
    introduce(attendance, peer.url)
    wait_until(lambda: len(arrived(peer)) >= len(said(attendance)), "all lines arrive")
    assert [r["Sequence"] for r in arrived(peer)] == list(range(1, len(said(attendance)) + 1))
    assert [p.name for p in attendance.state.iterdir() if "spool" in p.name] == ["log.spool"]


def test_two_processes_do_not_share_a_spool(open_cluster, foreign):
    attendance = open_cluster.start("attendance")
    second = open_cluster.daemon("attendance")
    second.state = attendance.state
    second.start()
    assert "Another process has the log spool" in second.stderr and "log spool" not in attendance.stderr
    peer = foreign(lambda *_: 200)
    introduce(second, peer.url)
    wait_until(lambda: len(arrived(peer)) >= len(said(second)), "its lines arrive all the same")
    assert len(spooled(attendance)) == len(said(attendance))


@pytest.fixture
def tmpfs(tmp_path):
    """Gives a file system of so many kilobytes; options as in mount(8)."""
    mounted = []

    def make(kilobytes):
        path = tmp_path / "small"
        path.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", path], capture_output=True, check=False).returncode:
            pytest.skip("mounting takes root")
        mounted.append(path)
        return path

    yield make
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=True)


def test_without_room_for_a_spool_lines_wait_in_memory(open_cluster, foreign, tmpfs):
    attendance = open_cluster.daemon("attendance", keep_listener=True)
    attendance.state = tmpfs(2048)
    attendance.start()
    assert attendance.stderr.count("There is no log spool in the state directory (No space left on device)") == 1
    assert [p.name for p in attendance.state.iterdir() if "spool" in p.name] == []
    peer = foreign(lambda *_: 200)
    introduce(attendance, peer.url)
    wait_until(lambda: len(arrived(peer)) >= len(said(attendance)), "its lines arrive all the same")
    # A spool that is there already needs no room, however full the disk is.
    attendance.stop()
    open_cluster.configure("gradebook", {"Log": {"SpoolMax": "1M"}})
    subprocess.run(["fallocate", "-l", "1M", attendance.state / "log.spool"], check=True)
    with open(attendance.state / "rest", "wb", buffering=0) as f, pytest.raises(OSError):
        while True:
            f.write(bytes(4096))
    attendance.start()
    attendance.kill()
    assert len(spooled(attendance)) > 0


def test_a_read_only_state_directory_leaves_lines_in_memory(open_cluster, foreign, tmpfs):
    attendance = open_cluster.daemon("attendance", keep_listener=True)
    attendance.state = tmpfs(20000)
    subprocess.run(["mount", "-o", "remount,ro", attendance.state], check=True)
    attendance.start()
    assert attendance.stderr.count("There is no log spool in the state directory (Read-only file system)") == 1
    peer = foreign(lambda *_: 200)
    introduce(attendance, peer.url)
    wait_until(lambda: len(arrived(peer)) >= len(said(attendance)), "its lines arrive all the same")


def test_another_provider_gets_what_the_first_did_not_acknowledge(open_cluster, foreign):
    first = foreign(lambda n, _: 200 if n == 1 else None)
    attendance = open_cluster.start("attendance")
    introduce(attendance, first.url)
    wait_until(lambda: first.posts, "the first gets lines")
    make_noise(attendance, 3)
    wait_until(lambda: metric(attendance, "gradebook_log_resent_lines_total") > 0, "what it does not answer is sent again")
    second = foreign(lambda *_: 200)
    answer = attendance.post("/services", {"Added": [{"Name": "LogService", "URL": second.url}],
                                           "Removed": [{"Name": "LogService", "URL": first.url}]})
    assert answer.status == 200
    wait_until(lambda: metric(attendance, "gradebook_log_pending_lines") == 0, "the second gets the rest")
    known = len(first.posts[0][2].splitlines())
    assert second.posts[0] == first.posts[1] and second.posts[0][0] == f"/log?acknowledged={known}"
    assert [r["Sequence"] for r in arrived(second)] == list(range(known + 1, known + len(arrived(second)) + 1))
    assert known + len(arrived(second)) == len(said(attendance))


class Noise(threading.Thread):
    """Requests, of which each logs a line, until it is told to end; over deaths of the daemon."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.daemon_, self.over = daemon, threading.Event()

    def run(self):
        connection, n = None, 0
        while not self.over.is_set():
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.daemon_.port, timeout=5)
                connection.request("POST", "/attendance", json.dumps({"Present": n % 30}), {"Content-Type": "application/json"})
                assert connection.getresponse().read() is not None
                n += 1
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None


def request_ids(daemon):
    """Those of the lines that reached stderr, in order. The last line may be cut off by a kill."""
    return [line.split("REQUEST_ID=")[1].split()[0] for line in daemon.stderr.splitlines() if "REQUEST_ID=" in line and "present" in line]


def test_killed_at_any_moment_under_load_every_line_is_there_once_in_order(open_cluster):
    """Both the source and, now and then, the central log are killed."""
    dice = random.Random(4)
    open_cluster.configure("gradebook", {"Log": {"SpoolMax": "4M", "Level": "info"}})
    log = open_cluster.daemon("log", keep_listener=True).start()
    attendance = open_cluster.daemon("attendance", keep_listener=True).start()
    introduce(attendance, log.url)
    noise = [Noise(attendance) for _ in range(3)]
    for n in noise:
        n.start()
    for round_ in range(60):
        time.sleep(dice.random() * 0.15)
        attendance.kill()
        if round_ % 6 == 5:
            log.kill()
            log.launch()
        attendance.start()      # it knows the log service from its state directory
    for n in noise:
        n.over.set()
    for n in noise:
        n.join()
    make_noise(attendance)
    wait_until(lambda: metric(attendance, "gradebook_log_pending_lines") == 0, "all is sent", 30)
    stored = [json.loads(line) for path in sorted(log.logs.iterdir()) if path.suffix == ".ndjson" for line in path.read_text().splitlines()]
    mine = [r for r in stored if r["Service"] == "gradebook-attendance"]
    assert len({r["Source"] for r in mine}) == 1
    numbers = [r["Sequence"] for r in mine]
    assert numbers == list(range(1, len(numbers) + 1)), "a line is missing, twice there, or out of order"
    there = [r["RequestID"] for r in mine if "RequestID" in r and "present" in r["Message"]]
    wanted = request_ids(attendance)
    assert len(wanted) > 500
    known = set(wanted)
    assert known <= set(there)
    # And no more than one a kill that had not reached stderr yet.
    assert len(set(there) - known) <= 60
    assert [i for i in there if i in known] == wanted


def test_an_outage_is_told_once(open_cluster, foreign):
    reachable = threading.Event()
    peer = foreign(lambda *_: 200 if reachable.is_set() else 503)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    wait_until(lambda: "cannot be reached (it answers 503)" in attendance.stderr, "the outage is told")
    reachable.set()
    wait_until(lambda: "is reached again" in attendance.stderr, "its end is told")
    assert attendance.stderr.count("cannot be reached") == 1


def test_shipping_can_be_switched_off(open_cluster, foreign):
    open_cluster.configure("gradebook", {"Log": {"Ship": "no"}})
    peer = foreign(lambda *_: 200)
    attendance = open_cluster.start("attendance")
    introduce(attendance, peer.url)
    make_noise(attendance)
    attendance.stop()
    assert peer.posts == [] and not (attendance.state / "log.spool").exists()


def test_what_waits_is_not_lost_by_switching_off(open_cluster, foreign):
    attendance = open_cluster.daemon("attendance", keep_listener=True).start()
    attendance.stop()
    waiting = spooled(attendance)
    open_cluster.configure("gradebook", {"Log": {"Ship": "no"}})
    attendance.start()
    attendance.stop()
    assert spooled(attendance)[:len(waiting)] == waiting
    open_cluster.configure("gradebook", {})
    peer = foreign(lambda *_: 200)
    attendance.start()
    introduce(attendance, peer.url)
    wait_until(lambda: arrived(peer)[:len(waiting)] == waiting, "what waited is sent")
