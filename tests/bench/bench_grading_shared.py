# SPDX-License-Identifier: LGPL-2.1-or-later
"""make bench, the grading service on PostgreSQL: what a second instance adds to durable writes, and reads against a bare responder."""

import statistics
import tempfile

import postgres
from against_bare import bare, compare
from bench_grading import end_writers, import_rows, long_rows, row, start_writers
from gradebook import BUILD, Cluster

STUDENTS = 5000         # as start_writers() takes them in turn


def writes(both, seconds, rounds):
    one, two = [], []
    for _ in range(rounds):
        one.append(end_writers(start_writers(both[0], seconds, 0)))
        two.append(sum(end_writers(w) for w in [start_writers(daemon, seconds, 0) for daemon in both]))
    ratio = statistics.median(two) / statistics.median(one)
    return row("grades on PostgreSQL, two instances", f"{statistics.median(two):.0f}/s, one {statistics.median(one):.0f}/s: {ratio:.2f} ×", "1.50 ×", ratio >= 1.5)


def run(arguments):
    """Prints a row for each; true where all were met."""
    if not postgres.available():
        print("grading on PostgreSQL: it is not installed")
        return True
    met = []
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        server = postgres.Postgres()
        cluster = None
        try:
            server.start()
            cluster = Cluster(directory, grading_database=server.url())
            cluster.configure("gradebook", {"Log": {"Level": "info"}})
            cluster.configure("grading", {"Grading": {"MaxGradesPerStudent": "10000"}})
            both = cluster.start("grading", "grading")
            import_rows(both[0], "".join(long_rows(STUDENTS, 1)))
            with bare() as reference:
                met.append(compare("GET student, from PostgreSQL's cache", 0.6, arguments, reference, both[0].url + "/students/1", cluster.token))
            met.append(writes(both, arguments.seconds, arguments.rounds))
        finally:
            if cluster:
                cluster.close()
            server.close()
    return all(met)
