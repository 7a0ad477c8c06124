# SPDX-License-Identifier: LGPL-2.1-or-later
"""make bench, the grading service at a school's size: durable grades, readers beside writers, a start, a class as a grid, an import.

Readers ask at a steady pace over one connection, whether there are writers or not, so that the two are compared and not two loads."""

import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import time

from against_bare import bare
from gradebook import BUILD, Cluster

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 64
STUDENTS, GRADES_EACH = 5000, 100
GRID_STUDENTS, GRID_ASSESSMENTS = 480, 18
IMPORT_ROWS = 100_000
READ_PAUSE_SEC = 0.002
# With a pause of up to this between two grades of a connection, 64 of them send a good ten thousand a second.
WRITER_PAUSE_MSEC = 8


def row(name, measured, wanted, ok):
    print(f"{name:44} {measured}  wanted {wanted}  {'ok' if ok else 'MISSED'}", flush=True)
    return ok


def vm_hwm_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.M).group(1)) / 1024


class Reader:
    """One connection that is kept, and how long each answer takes. line: of the head, who asks; else it is the cluster."""

    def __init__(self, daemon, line=None, port=None):
        self.socket = socket.create_connection(("127.0.0.1", port or daemon.port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.head = line or f"Authorization: Bearer {daemon.cluster.token}"
        self.size = 0       # of the last body, as it was sent

    def get(self, path):
        """Seconds."""
        begin = time.perf_counter()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{self.head}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(1 << 20)
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"GET {path}: {head}")
        self.size = int(re.search(rb"Content-Length: (\d+)", head).group(1))
        left = self.size - len(body)
        while left > 0:
            left -= len(self.socket.recv(1 << 20))
        return time.perf_counter() - begin

    def percentile_99(self, path, seconds):
        """Microseconds."""
        times, following = [], time.monotonic()
        end = following + seconds
        while following < end:
            following += READ_PAUSE_SEC
            time.sleep(max(0, following - time.monotonic()))
            times.append(self.get(path))
        return 1e6 * statistics.quantiles(times, n=100)[98]

    def close(self):
        self.socket.close()


def start_writers(grading, seconds, pause_msec):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"Authorization: Bearer {grading.cluster.token}",
               "-s", str(HERE / "post-grade.lua"), grading.url, "--", str(STUDENTS), str(pause_msec)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def end_writers(writers):
    """Grades a second; all must have been answered 201."""
    out = writers.communicate()[0]
    if writers.returncode != 0 or "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"not all grades were taken:\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def long_rows(students, titles, score=lambda n: n % 101):
    yield "ID,FirstName,LastName,Title,Type,Score\r\n"
    for t in range(titles):
        for s in range(1, students + 1):
            yield f"{s},First{s},Last{s},Paper {t + 1},Homework,{score(s * 7 + t)}\r\n"


def import_rows(grading, text, class_id=1):
    answer = grading.request(f"/imports?class={class_id}", "POST", text.encode(), headers={"Content-Type": "text/csv"}, timeout=120)
    if answer.status >= 300:
        raise SystemExit(f"POST /imports: {answer}")
    return answer.json


def writes(grading, seconds, rounds):
    rates = [end_writers(start_writers(grading, seconds, 0)) for _ in range(rounds)]
    return row("grades, durable, 64 connections", f"{statistics.median(rates):.0f}/s ({min(rates):.0f}–{max(rates):.0f})", "10000/s",
               statistics.median(rates) >= 10000)


def beside_writes(grading, reader, path, seconds):
    """Microseconds idle and beside writers of grading, and what those wrote in a second."""
    idle = reader.percentile_99(path, seconds)
    writers = start_writers(grading, seconds + 2, WRITER_PAUSE_MSEC)
    time.sleep(1)       # wrk opens its connections
    busy = reader.percentile_99(path, seconds)
    return idle, busy, end_writers(writers)


def reads_beside_writes(grading, seconds, rounds):
    reader, ratios, rates, idles, floors = Reader(grading), [], [], [], []
    with bare() as reference:
        # What the processors alone make of it: one that does nothing else, and has nothing to do with the writers.
        bystander = Reader(None, "Connection: keep-alive", port=int(reference.rstrip("/").rpartition(":")[2]))
        for _ in range(rounds):
            idle, busy, rate = beside_writes(grading, reader, "/students/1", seconds)
            ratios.append(busy / idle)
            idles.append(idle)
            rates.append(rate)
            idle, busy, _ = beside_writes(grading, bystander, "/", seconds)
            floors.append(busy / idle)
        bystander.close()
    reader.close()
    print(f"{'a bare responder beside those writers':44} {statistics.median(floors):.2f} × idle ({min(floors):.2f}–{max(floors):.2f})", flush=True)
    return row("reads beside writes, 99th percentile", f"{statistics.median(ratios):.2f} × idle ({min(ratios):.2f}–{max(ratios):.2f}; idle "
               f"{statistics.median(idles):.0f} us) at {statistics.median(rates):.0f} grades/s", "at most 2.00 × at 10000/s",
               statistics.median(ratios) <= 2 and statistics.median(rates) >= 10000)


def start(cluster, grading):
    grading.stop()
    begin = time.monotonic()
    grading.start()
    took = time.monotonic() - begin
    reader = Reader(grading)
    for s in range(1, STUDENTS + 1):
        reader.get(f"/students/{s}")
    reader.close()
    rss = vm_hwm_mib(grading.pid)
    name = f"{STUDENTS} students × {GRADES_EACH} grades"
    return [row(f"{name}, start", f"{1000 * took:.0f} ms", "at most 1000 ms", took <= 1),
            row(f"{name}, all read, RSS", f"{rss:.1f} MiB", "at most 200 MiB", rss <= 200)]


def grid(grading):
    made = grading.post("/classes", {"Name": "A large class"})
    class_id = made.json["ID"]
    import_rows(grading, "".join(long_rows(GRID_STUDENTS, GRID_ASSESSMENTS)), class_id)
    reader, times = Reader(grading), []
    for n in range(20):
        # Each change makes it anew.
        changed = grading.request(f"/classes/{class_id}", "PATCH", {"Name": f"A large class, {n}"})
        assert changed.status == 200, changed
        times.append(1000 * reader.get(f"/classes/{class_id}/grid"))
    reader.close()
    median = statistics.median(times)
    return row(f"a class of {GRID_STUDENTS} × {GRID_ASSESSMENTS} as a grid", f"{median:.1f} ms ({min(times):.1f}–{max(times):.1f})", "at most 20 ms", median <= 20)


def large_import(grading):
    made = grading.post("/classes", {"Name": "A district"})
    text = "".join(long_rows(STUDENTS, IMPORT_ROWS // STUDENTS, lambda n: n % 97))
    begin = time.monotonic()
    report = import_rows(grading, text, made.json["ID"])
    took = time.monotonic() - begin
    assert report["Rows"] == IMPORT_ROWS, report
    return row(f"import of {IMPORT_ROWS} rows", f"{took:.2f} s", "at most 5 s", took <= 5)


def run(arguments):
    """Prints a row for each; true where all were met."""
    met = []
    # On a real disk: a tmpfs would make every fsync free.
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        cluster = Cluster(directory)
        cluster.configure("gradebook", {"Log": {"Level": "info"}})
        try:
            # Alone, as the registry and the log are in their parts: a central log on the same processors has a line of each grade to write too.
            grading = cluster.start("grading")
            import_rows(grading, "".join(long_rows(STUDENTS, GRADES_EACH)))
            met += start(cluster, grading)
            met.append(grid(grading))
            met.append(large_import(grading))
            met.append(writes(grading, arguments.seconds, arguments.rounds))
            met.append(reads_beside_writes(grading, arguments.seconds, arguments.rounds))
        finally:
            cluster.close()
    return all(met)
