# SPDX-License-Identifier: LGPL-2.1-or-later
"""make bench, the central log in PostgreSQL beside the one in files: the same lines to both in turn, over one connection, how many a second. Both answer when
the lines are on disk; both are on the same one."""

import concurrent.futures
import statistics
import tempfile

import postgres
from bench_log import feed_log, make_bodies, make_lines
from gradebook import BUILD, Cluster

WANTED = 0.05                   # a row with its index is no line of a file
LINES_MAX = 100_000


def show(title, rates, files, wanted):
    ratio = statistics.median(rates) / statistics.median(files)
    verdict = f"  wanted {wanted:.2f}  {'ok' if ratio >= wanted else 'MISSED'}" if wanted else ""
    print(f"{title:38} {statistics.median(rates):>9.0f} lines/s  files {statistics.median(files):>9.0f} lines/s  ratio {ratio:.2f}{verdict}", flush=True)
    return ratio >= wanted


def feed_both(logs, bodies, number):
    """Each gets half of the bodies; lines a second of both together."""
    with concurrent.futures.ThreadPoolExecutor(len(logs)) as pool:
        parts = [bodies[i::len(logs)] for i in range(len(logs))]
        rates = list(pool.map(lambda log, part: feed_log(log, part, number * len(part) // len(bodies)), logs, parts))
    return sum(rates)


def run(arguments):
    if not postgres.available():
        raise SystemExit("PostgreSQL is missing, which the log is measured with: apt-get install postgresql-15")
    lines = make_lines(min(arguments.lines, LINES_MAX))
    bodies = make_bodies(lines)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        server = postgres.Postgres("fsync = on\nmax_wal_size = 4GB\nshared_buffers = 256MB\n").start()
        clusters = [Cluster(f"{directory}/files"), Cluster(f"{directory}/postgres", log_store=server.url())]
        try:
            for cluster in clusters:
                cluster.configure("gradebook", {"Log": {"Level": "info"}})
                cluster.configure("log", {"Limits": {"RateLimitBurst": "0"}})
            files, one, other = clusters[0].start("log"), clusters[1].start("log"), clusters[1].start("log")
            rounds = [(feed_log(files, bodies, len(lines)), feed_log(one, bodies, len(lines)), feed_both([one, other], bodies, len(lines)))
                      for _ in range(arguments.rounds)]
            rates = [list(column) for column in zip(*rounds)]
            met = show("log in PostgreSQL, bodies of 1 MB", rates[1], rates[0], WANTED)
            show("  by two daemons at once", rates[2], rates[0], 0)
        finally:
            for cluster in clusters:
                cluster.close()
            server.close()
    return met
