# SPDX-License-Identifier: LGPL-2.1-or-later
"""Of make bench's part "portal": what the gateway adds to an answer, what a large answer costs it, and a page beside very many connections."""

import contextlib
import multiprocessing
import pathlib
import re
import resource
import select
import socket
import statistics
import tempfile
import time

from bench_grading import Reader, row
from gateway import Gate, RawPeer, read_head
from gradebook import BUILD, Cluster, wait_until
from school import add_five_students, whole_town

REQUESTS, ADDS_USEC = 4000, 150
GIB, GROWTH_MIB = 1 << 30, 8
IDLE, SLOW, PAGES, PAGE_MSEC = 10_000, 1000, 200, 100
SPARE = 100     # connections that the portal has besides, and the files that it and this program have open


@contextlib.contextmanager
def a_cluster(**http):
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        cluster = Cluster(directory)
        cluster.configure("gradebook", {"Log": {"Level": "info"}, "HTTP": http})
        try:
            yield cluster
        finally:
            cluster.close()


def adds(_):
    """The same answer with the gateway between and without it, in turn, over a connection each that is kept."""
    with a_cluster() as cluster:
        _, _, grading, portal = cluster.start("registry", "log", "grading", "portal")
        add_five_students(grading)
        through = "/api/GradingService/students/1"
        wait_until(lambda: portal.get(through).status == 200, "the gateway knows the grading service")
        straight, gateway, times = Reader(grading), Reader(portal), ([], [])
        for _ in range(REQUESTS):
            times[0].append(1e6 * straight.get("/students/1"))
            times[1].append(1e6 * gateway.get(through))
        straight.close()
        gateway.close()
        asked, passed = (statistics.median(t) for t in times)
        return row("the gateway adds, at the median", f"{passed - asked:.0f} us ({asked:.0f} without, {passed:.0f} with it)", f"at most {ADDS_USEC} us",
                   passed - asked <= ADDS_USEC)


def memory_kib(pid, name):
    return int(re.search(rf"^{name}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii"), re.M).group(1))


def send_a_gibibyte(_, connection, record):
    if read_head(connection, record):
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {GIB}\r\n\r\n".encode())
        block = bytes(1 << 20)
        for _ in range(GIB // len(block)):
            connection.sendall(block)


def carries(_):
    """Once to warm up and once to look at the most memory that there was."""
    with a_cluster() as cluster:
        gate, peer = Gate(cluster), RawPeer(send_a_gibibyte)
        gate.provide("Library", peer.url)
        for counts in (False, True):
            before = memory_kib(gate.daemon.pid, "VmRSS")
            pathlib.Path(f"/proc/{gate.daemon.pid}/clear_refs").write_text("5", encoding="ascii")     # the most so far is what it is now
            begin, size, block = time.monotonic(), 0, bytearray(1 << 20)
            with gate.connect() as s:
                s.sendall(gate.head("GET", "/Library/all", "Connection: close"))
                while n := s.recv_into(block):
                    size += n
            took = time.monotonic() - begin
            assert size > GIB, size
            if not counts:
                first = before
        grown = (memory_kib(gate.daemon.pid, "VmHWM") - first) / 1024
        peer.close()
        return row("the gateway carries 1 GiB, grows by", f"{grown:.1f} MiB ({GIB / took / 1e9:.2f} GB/s)", f"at most {GROWTH_MIB} MiB",
                   grown <= GROWTH_MIB)


def readable(sockets):
    """select.select() knows descriptors below 1024 alone."""
    poller, by_number = select.poll(), {s.fileno(): s for s in sockets}
    for number in by_number:
        poller.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poller.poll(0)]


def be_slow(port, line, ready, over):
    """Half of them send a request byte by byte; the others ask for a page and take it in sips."""
    senders, takers = [], []
    for n in range(SLOW):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", port))
        s.sendall(f"GET /students HTTP/1.1\r\nHost: localhost\r\n{line}\r\n".encode() + (b"\r\n" if n % 2 else b""))
        (takers if n % 2 else senders).append(s)
    ready.set()
    while not over.wait(0.1):
        for s in senders:
            s.send(b"X")
        for s in readable(takers):
            s.recv(16)


def beside_many(_):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (4 * IDLE, 4 * IDLE))
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    try:
        # The portal serves half as many connections as it may have files.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2
        return a_page_beside(min(IDLE, most - SLOW - SPARE))
    finally:
        with contextlib.suppress(ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def a_page_beside(n_idle):
    with a_cluster(MaxConnections=str(n_idle + SLOW + SPARE), IdleTimeoutSec="300s") as cluster, contextlib.ExitStack() as stack:
        town = whole_town(cluster)
        town.school.big_class()
        person = town.person("ada")
        line = "Cookie: " + "; ".join(f"{name}={value}" for (name, _), value in person.cookies.items())
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", town.portal.port), 30)) for _ in range(n_idle)]
        ready, over = multiprocessing.Event(), multiprocessing.Event()
        slow = multiprocessing.Process(target=be_slow, args=(town.portal.port, line, ready, over), daemon=True)
        slow.start()
        assert ready.wait(60)
        reader, times = Reader(town.portal, line), []
        reader.get(town.school.path("Carter"))      # behind what they all asked for at once
        for _ in range(PAGES):
            times.append(1000 * reader.get(town.school.path("Carter")))
            time.sleep(0.01)
        reader.close()
        over.set()
        slow.join()
        assert slow.exitcode == 0 and not readable(idle)     # none was ended to make room for another
        there = int(re.search(r"^gradebook_http_connections (\d+)", town.portal.get("/metrics").text, re.M).group(1))
        assert there >= n_idle, there
        return row(f"{n_idle} idle and {SLOW} slow clients: a page", f"{max(times):.1f} ms at most, median {statistics.median(times):.1f}",
                   f"at most {PAGE_MSEC} ms", max(times) <= PAGE_MSEC)
