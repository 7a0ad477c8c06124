#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make bench: each service under wrk with 64 connections, against a bare libmicrohttpd responder in the same run.

Machines are shared and noisy, so nothing but ratios counts: the bare responder and the service are measured in turn,
several times, and the median of the pairs' ratios is printed. BENCHFLAGS="--seconds 5 --rounds 5" measures longer.
"""

import argparse
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import bench_grading  # noqa: E402
import bench_grading_shared  # noqa: E402
import bench_lines  # noqa: E402
import bench_log  # noqa: E402
import bench_log_postgres  # noqa: E402
import bench_log_read  # noqa: E402
import bench_portal  # noqa: E402
import bench_registry  # noqa: E402
import bench_tls  # noqa: E402
import cost_model  # noqa: E402
from against_bare import bare, compare  # noqa: E402
from gradebook import BUILD, Cluster, wait_until  # noqa: E402
from school import add_five_students  # noqa: E402


def bench_services(arguments):
    # On a real disk: a tmpfs would make every fdatasync free.
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory, bare() as reference:
        cluster = Cluster(directory)
        cluster.configure("gradebook", {"Log": {"Level": "info"}})
        cluster.configure("log", {"Limits": {"RateLimitBurst": "0"}})   # all of wrk is one sender
        try:
            registry, log, grading, portal = cluster.start("registry", "log", "grading", "portal")
            add_five_students(grading)
            wait_until(lambda: portal.get("/students").status == 200, "the portal knows the grading service")
            total = sum(bench_registry.pss_kib(d.pid) for d in (registry, log, grading, portal))
            met = [total <= 25 * 1024]
            print(f"{'four daemons idle, PSS':38} {total / 1024:>9.1f} MiB  wanted at most 25  {'ok' if met[0] else 'MISSED'}")
            met.append(compare("grading GET /students/1", 0.8, arguments, reference, grading.url + "/students/1", cluster.token))
            met.append(compare("portal GET /students", 0.15, arguments, reference, portal.url + "/students", None))
            path = "/api/GradingService/students/1"
            wait_until(lambda: portal.get(path).status == 200, "the gateway knows the grading service")
            met.append(compare("gateway GET /students/1", 0.25, arguments, reference, portal.url + path, cluster.token))
            met.append(compare("log POST /log (durable)", 0.5, arguments, reference, log.url + "/log", cluster.token, "post-log.lua"))
            met.append(compare("registry GET /services/{name}", 0.7, arguments, reference, registry.url + "/services/GradingService",
                               cluster.token))
            compare("registry GET /services", 0, arguments, reference, registry.url + "/services", cluster.token)
        finally:
            cluster.close()
    return all(met)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of each comparison")
    parser.add_argument("--kills", type=int, default=10, help="how often the registry is killed under its load")
    parser.add_argument("--lines", type=int, default=500_000, help="that the log and rsyslog get in each round")
    parser.add_argument("--read-lines", type=int, default=10_000_000, help="of the log that is read")
    parts = {"lines": bench_lines.run, "services": bench_services, "grading": bench_grading.run, "grading-shared": bench_grading_shared.run,
             "log": bench_log.run, "log-postgres": bench_log_postgres.run, "registry": bench_registry.run, "log-read": bench_log_read.run,
             "portal": bench_portal.run, "tls": bench_tls.run, "cost": cost_model.run}
    parser.add_argument("--only", choices=list(parts), help="one part of it")
    parser.add_argument("--row", help="of the services and the portal, only the rows whose name has this in it")
    arguments = parser.parse_args()
    met = [part(arguments) for name, part in parts.items() if arguments.only in (None, name)]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
