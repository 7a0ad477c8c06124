# SPDX-License-Identifier: LGPL-2.1-or-later
"""The part log-read of make bench: pages, searches, the start and the memory of a log with ten million lines.

The lines come by POST into a real daemon, as bulk text and as records. The search is measured in turn with grep -F over the same bytes,
uncompressed in one file; both from the page cache.
"""

import http.client
import json
import pathlib
import random
import resource
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.parse

from gradebook import BUILD, Cluster, wait_until

FOLLOWERS = 1000
SERVICES = ("gradebook-portal", "gradebook-grading", "gradebook-registry", "backup")
TEXT_LINES = 4000               # a body of half a MiB
BATCH = 1000
RARE_EACH = 20                  # batches
WORDS = ("student grade added connection closed accepted request answered provider removed heartbeat passing critical timeout retry commit "
         "file page cache miss hit token session").split()
NEEDLE = "Needle in the haystack"


class Client:
    """One connection, as a shipper keeps it."""

    def __init__(self, log):
        self.connection = http.client.HTTPConnection("127.0.0.1", log.port, timeout=600)
        self.headers = {"Authorization": f"Bearer {log.cluster.token}"}

    def post(self, path, body, kind):
        self.connection.request("POST", path, body=body, headers={**self.headers, "Content-Type": kind})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"POST {path}: {answer.status} {text[:300]!r}")

    def get(self, query, accept="application/x-ndjson"):
        """Milliseconds and the lines."""
        start = time.monotonic()
        self.connection.request("GET", f"/log?{query}", headers={**self.headers, "Accept": accept})
        answer = self.connection.getresponse()
        body = answer.read()
        elapsed = (time.monotonic() - start) * 1000
        if answer.status != 200:
            raise SystemExit(f"GET {query}: {answer.status} {body[:300]!r}")
        return elapsed, body.splitlines()


def record(rng, n, service, **members):
    return {"Service": service, "Message": f"{' '.join(rng.choices(WORDS, k=8))} {n}", "Priority": n % 8, "Host": "school",
            "Instance": f"http://127.0.0.1:{6000 + n % 4}", "RequestID": f"{rng.getrandbits(128):032x}", **members}


def fill(client, lines):
    """Three quarters are lines of text, the others records; here and there one of a rare service, and one with the needle.
    Returns the request id of one that is in the middle."""
    rng = random.Random(10)
    wanted = f"{rng.getrandbits(128):032x}"
    n = batches = 0
    while n < lines:
        for service in SERVICES[:3]:
            text = [f"{' '.join(rng.choices(WORDS, k=8))} {n + i}" for i in range(TEXT_LINES // 4)]
            text = [f"{line} again {i}" for i in range(4) for line in text]
            if batches % 250 == 0:
                text[77] = NEEDLE + f" {n}"
            client.post(f"/log?service={service}", "\n".join(text), "text/plain")
            n += TEXT_LINES
        for _ in range(TEXT_LINES // BATCH):
            records = [record(rng, n + i, SERVICES[3]) for i in range(BATCH)]
            if batches % RARE_EACH == 0:
                records[500]["Service"] = "rare"
            if batches == lines // TEXT_LINES // 8:
                for i in range(0, BATCH, 100):
                    records[i]["RequestID"] = wanted
            client.post("/log", "".join(json.dumps(r) + "\n" for r in records), "application/x-ndjson")
            n += BATCH
        batches += 1
    return wanted


def memory_kib(pid, key):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(key + ":")))


def row(name, text, wanted, met):
    print(f"{name:38} {text}  wanted {wanted}  {'ok' if met else 'MISSED'}", flush=True)
    return met


def bench_page(client, name, query, expected, rounds):
    times = []
    for _ in range(rounds):
        elapsed, found = client.get(query)
        assert len(found) == expected, (query, len(found))
        times.append(elapsed)
    median = statistics.median(times)
    return row(f"log {name}", f"{median:>9.1f} ms ({min(times):.1f}–{max(times):.1f})", "at most 50 ms", median <= 50)


def uncompress(logs, raw):
    with open(raw, "wb") as out:
        for path in sorted(logs.glob("log-*")):
            if path.name.endswith(".zst"):
                subprocess.run(["zstdcat", path], stdout=out, check=True)
            elif path.name.endswith(".ndjson"):
                subprocess.run(["cat", path], stdout=out, check=True)
        subprocess.run(["cat", logs / "central.ndjson"], stdout=out, check=True)
    for path in [raw, *logs.glob("*")]:
        subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True)


def bench_search(client, name, needle, query, raw, rounds, wanted):
    ratios, speeds = [], []
    size = raw.stat().st_size
    for _ in range(rounds):
        start = time.monotonic()
        grep = subprocess.run(["grep", "-cF", needle, raw], stdout=subprocess.PIPE, check=False)
        grep_ms = (time.monotonic() - start) * 1000
        elapsed, found = client.get(f"order=oldest&n=10000&{query}&grep={urllib.parse.quote(needle)}")
        assert len(found) == int(grep.stdout), (len(found), grep.stdout)
        ratios.append(grep_ms / elapsed)
        speeds.append(size / elapsed / 1000)
    ratio = statistics.median(ratios)
    return row(f"log search {name}", f"{statistics.median(speeds):>9.0f} MB/s  grep -F {statistics.median(speeds) / ratio:.0f} MB/s"
               f"  ratio {ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})", f"{wanted:.2f}", ratio >= wanted)


def bench_start(log, rounds):
    times = []
    for _ in range(rounds):
        log.stop()
        start = time.monotonic()
        log.start()
        times.append((time.monotonic() - start) * 1000)
    median = statistics.median(times)
    return row("log start", f"{median:>9.0f} ms ({min(times):.0f}–{max(times):.0f})", "at most 300 ms", median <= 300)


def slow_follower(log, n):
    """It asks, and takes nothing of what comes."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", log.port))
    accept = ("text/plain", "application/x-ndjson", "text/event-stream")[n % 3]
    filters = ("", "&priority=6", "&service=backup", "&grep=critical")[n % 4]
    s.sendall(f"GET /log?follow=1&n=10{filters} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nAuthorization: Bearer {log.cluster.token}\r\n\r\n".encode())
    return s


def bench_followers(log, client):
    followers = [slow_follower(log, n) for n in range(FOLLOWERS)]

    def all_follow():
        return b"gradebook_log_followers %d\n" % FOLLOWERS in log.get("/metrics").body
    wait_until(all_follow, f"{FOLLOWERS} follow", 60)
    highest = 0
    rng = random.Random(11)
    for n in range(100):
        client.post("/log", "".join(json.dumps(record(rng, i, "backup")) + "\n" for i in range(BATCH)), "application/x-ndjson")
        highest = max(highest, memory_kib(log.pid, "VmRSS"))
        if n % 20 == 0:
            client.get("n=100&service=rare")
    assert all_follow()
    for s in followers:
        s.close()
    return row(f"log {FOLLOWERS} slow followers, RSS", f"{highest / 1024:>9.1f} MiB", "at most 32 MiB", highest <= 32 * 1024)


def wait_for_compression(log):
    if not list(log.logs.glob("*.zst")):
        return
    wait_until(lambda: not list(log.logs.glob("log-*.ndjson")), "all full files are compressed", 1200)


def run(arguments):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    met = []
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        cluster = Cluster(directory)
        cluster.configure("gradebook", {"Log": {"Level": "info"}})
        cluster.configure("log", {"Store": {"MaxUse": "64G"}, "Read": {"FollowerTimeoutSec": "1h"}, "Limits": {"RateLimitBurst": "0"}})
        try:
            _, log = cluster.start("registry", "log", keep_listener=True)
            client = Client(log)
            start = time.monotonic()
            wanted = fill(client, arguments.read_lines)
            elapsed = time.monotonic() - start
            wait_for_compression(log)
            size = sum(p.stat().st_size for p in log.logs.iterdir())
            print(f"{'log POST of bulk text and records':38} {arguments.read_lines / elapsed:>9.0f} lines/s into {size >> 20} MiB", flush=True)
            raw = pathlib.Path(directory) / "raw.ndjson"
            uncompress(log.logs, raw)
            rounds = 2 * arguments.rounds + 1
            rare = min(100, -(-arguments.read_lines // 16000 // RARE_EACH) * 4)
            met.append(bench_page(client, "last 100 of a service", "n=100&service=gradebook-grading", 100, rounds))
            met.append(bench_page(client, "last 100 of a rare service", "n=100&service=rare", rare, rounds))
            met.append(bench_page(client, "newest of a request", f"n=100&order=newest&request={wanted}", 40, rounds))
            met.append(bench_page(client, "last 100 of all", "n=100", 100, rounds))
            met.append(bench_search(client, "(order=oldest)", NEEDLE, "", raw, arguments.rounds, 0.5))
            met.append(bench_search(client, "ignoring case", NEEDLE, "case=ignore", raw, arguments.rounds, 0))
            raw.unlink()
            highest = memory_kib(log.pid, "VmHWM")
            met.append(row("log all of these, RSS at most", f"{highest / 1024:>9.1f} MiB", "at most 32 MiB", highest <= 32 * 1024))
            met.append(bench_start(log, arguments.rounds))
            met.append(bench_followers(log, Client(log)))
        finally:
            cluster.close()
    return all(met)
