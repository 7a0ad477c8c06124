# SPDX-License-Identifier: LGPL-2.1-or-later
"""What issue-sized registries must hold, for bench.py: ten thousand peers out of bench-peers against the real daemon."""

import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

from gradebook import BUILD, Cluster, request, wait_until

SERVICES = 10000
HANGING = 1000
DEPENDANTS = 1000
TICKS = os.sysconf("SC_CLK_TCK")


class Peers:
    """The simulator: see the head of peers.c for what it understands."""

    def __init__(self, registry):
        self.process = subprocess.Popen([BUILD / "bench-peers"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.port = int(self.process.stdout.readline().split()[1])
        self.say(f"registry {registry.port} {registry.cluster.token}")

    def say(self, line):
        self.process.stdin.write(line + "\n")

    def answer(self):
        words = self.process.stdout.readline().split()
        if not words:
            raise SystemExit("bench-peers ended")
        return {"count": int(words[1]) if len(words) % 2 == 0 else 0, **{k: int(v) for k, v in zip(words[-2::-2], words[-1::-2])}}

    def ask(self, line):
        self.say(line)
        answer = self.answer()
        if answer.get("failed"):
            raise SystemExit(f"{line}: {answer['failed']} of {answer['count']} failed")
        return answer

    def told(self, dependants, line):
        """Microseconds from the command until the dependants (first, count) have the news: (median, last)."""
        self.say("expect {} {}".format(*dependants))
        self.ask(line)
        answer = self.answer()
        return answer["median-usec"], answer["last-usec"]

    def counters(self, first, count):
        return self.ask(f"counters {first} {count}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1))
