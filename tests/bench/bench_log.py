# SPDX-License-Identifier: LGPL-2.1-or-later
"""make bench, the central log against rsyslog: the same lines over one TCP connection, how many a second.

rsyslogd gets them through imtcp and writes them with omfile, without fsync; its lines count when they are all in its file. Ours are posted in
bodies of about 1 MiB, one after the other, and count when all are answered, which is when they are on disk."""

import contextlib
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

from gradebook import BUILD, Cluster, free_port, wait_until

BODY_BYTES = 1_000_000
WANTED = 1.5
RSYSLOGD = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

CONFIG = """
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{port}")
action(type="omfile" file="{file}")
"""


def make_lines(number):
    """All of one length, and valid for both: what precedes the message is syslog's own form (RFC 3164)."""
    return [f"<14>Nov 22 21:41:28 bench backup[4711]: {n:08} GET /students/{n % 1000:03}/grades 200 answered in {n % 977:03} us for teacher {n % 89:02}\n".encode()
            for n in range(number)]


def make_bodies(lines):
    each = BODY_BYTES // len(lines[0])
    return [b"".join(lines[n:n + each]) for n in range(0, len(lines), each)]


class Rsyslog:
    """rsyslogd with a configuration of its own, in a scratch directory."""

    def __init__(self, directory):
        self.port = free_port()
        self.file = pathlib.Path(directory) / "out"
        config = pathlib.Path(directory) / "rsyslog.conf"
        config.write_text(CONFIG.format(port=self.port, file=self.file))
        self.process = subprocess.Popen([RSYSLOGD, "-n", "-f", config, "-i", pathlib.Path(directory) / "pid"], stdin=subprocess.DEVNULL)
        self.socket = wait_until(self._connect, "rsyslogd listens")
        self.socket.sendall(make_lines(1)[0])
        # As it writes each line with the same length, the size tells when all are there, without reading them.
        wait_until(lambda: self.size() > 0, "rsyslogd writes")
        self.line_size = self.size()

    def _connect(self):
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", self.port), 10)

    def size(self):
        return self.file.stat().st_size if self.file.exists() else 0

    def feed(self, bodies, number):
        """Lines a second."""
        expected = self.size() + number * self.line_size
        begin = time.monotonic()
        for body in bodies:
            self.socket.sendall(body)
        wait_until(lambda: self.size() >= expected, "rsyslogd has written all lines", 120)
        seconds = time.monotonic() - begin
        assert self.size() == expected, "rsyslogd writes lines of another length"
        return number / seconds

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait()


def feed_log(log, bodies, number):
    """Lines a second, over one connection."""
    head = f"POST /log?service=backup HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {log.cluster.token}\r\nContent-Type: text/plain\r\n"
    with socket.create_connection(("127.0.0.1", log.port), 60) as s:
        begin = time.monotonic()
        for body in bodies:
            s.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
            s.sendall(body)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += s.recv(4096)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"POST /log: {answer}")
        return number / (time.monotonic() - begin)


def rss_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def compare(log, rsyslog, arguments):
    lines = make_lines(arguments.lines)
    bodies = make_bodies(lines)
    pairs = []
    for _ in range(arguments.rounds + 2):
        pairs.append((feed_log(log, bodies, len(lines)), rsyslog.feed(bodies, len(lines))))
    ratios = [a / b for a, b in pairs]
    ratio = statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)
    print(f"{'log POST /log, bodies of 1 MB (durable)':38} {statistics.median(a for a, _ in pairs):>9.0f} lines/s"
          f"  rsyslog {statistics.median(b for _, b in pairs):>9.0f} lines/s  ratio {ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
          f"  wanted {WANTED:.2f}  {'ok' if ratio >= WANTED else 'MISSED'}", flush=True)
    return ratio >= WANTED


def run(arguments):
    if not RSYSLOGD:
        raise SystemExit("rsyslogd is missing, which the log is measured against: apt-get install rsyslog")
    # On a real disk, and both on the same one.
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        cluster = Cluster(directory)
        cluster.configure("gradebook", {"Log": {"Level": "info"}})
        cluster.configure("log", {"Limits": {"RateLimitBurst": "0"}})
        rsyslog = None
        try:
            log = cluster.start("log")
            rsyslog = Rsyslog(directory)
            met = [compare(log, rsyslog, arguments)]
            peak = rss_kib(log.pid)
            met.append(peak <= 32 * 1024)
            print(f"{'log, RSS at most':38} {peak / 1024:>9.1f} MiB  wanted at most 32  {'ok' if met[-1] else 'MISSED'}")
        finally:
            if rsyslog:
                rsyslog.close()
            cluster.close()
    return all(met)
