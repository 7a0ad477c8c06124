#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make bench: each service under wrk with 64 connections, against a bare libmicrohttpd responder in the same run.

Machines are shared and noisy, so nothing but ratios counts: the bare responder and the service are measured in turn,
several times, and the median of the pairs' ratios is printed. BENCHFLAGS="--seconds 5 --rounds 5" measures longer.
"""

import argparse
import contextlib
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import bench_grading  # noqa: E402
import bench_lines  # noqa: E402
import bench_log  # noqa: E402
import bench_log_read  # noqa: E402
import bench_registry  # noqa: E402
from gradebook import BUILD, Cluster, free_port, wait_until  # noqa: E402

CONNECTIONS = 64
STUDENTS = [("Nick", "Carter", (85, 94, 82)), ("Roberto", "Baggio", (100, 100, 81)), ("Emma", "Stone", (67, 0, 75)),
            ("zhangsan", "san", (44, 0, 66)), ("xiaoqiao", "qiao", (23, 0, 44))]


def wrk(url, seconds, token=None, script=None):
    """Requests a second; anything but 2xx and any socket error is a failure of the benchmark."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    if script:
        command += ["-s", str(HERE / script)]
    out = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"{url}: not all requests were answered well:\n{out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


@contextlib.contextmanager
def bare():
    port = free_port()
    process = subprocess.Popen([BUILD / "bench-bare", str(port)], stdin=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}/"

    def answers():
        return subprocess.run(["curl", "-sfo", "/dev/null", url], check=False).returncode == 0
    wait_until(answers, "the bare responder answers")
    try:
        yield url
    finally:
        process.stdin.close()
        process.wait()


def compare(name, wanted, arguments, reference, url, token, script=None):
    if arguments.row and arguments.row not in name:
        return True
    pairs = []
    for _ in range(arguments.rounds):
        base = wrk(reference, arguments.seconds, script=script)
        pairs.append((wrk(url, arguments.seconds, token, script), base))
    ratios = [a / b for a, b in pairs]
    ratio = statistics.median(ratios)
    print(f"{name:38} {statistics.median(a for a, _ in pairs):>9.0f}/s  bare {statistics.median(b for _, b in pairs):>9.0f}/s"
          f"  ratio {ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})  wanted {wanted:.2f}  {'ok' if ratio >= wanted else 'MISSED'}", flush=True)
    return ratio >= wanted


def load_sample(grading):
    for number, (first, last, scores) in enumerate(STUDENTS, 1):
        assert grading.post("/students", {"ID": number, "FirstName": first, "LastName": last}).status == 201
        for title, kind, score in zip(("Quiz 1", "Final Exam", "Quiz 2"), ("Quiz", "Exam", "Quiz"), scores):
            assert grading.post(f"/students/{number}/grades", {"Title": title, "Type": kind, "Score": score}).status == 201


def bench_services(arguments):
    # On a real disk: a tmpfs would make every fdatasync free.
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory, bare() as reference:
        cluster = Cluster(directory)
        cluster.configure("gradebook", {"Log": {"Level": "info"}})
        cluster.configure("log", {"Limits": {"RateLimitBurst": "0"}})   # all of wrk is one sender
        try:
            registry, log, grading, portal = cluster.start("registry", "log", "grading", "portal")
            load_sample(grading)
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
    parts = {"lines": bench_lines.run, "services": bench_services, "grading": bench_grading.run, "log": bench_log.run, "registry": bench_registry.run, "log-read": bench_log_read.run}
    parser.add_argument("--only", choices=list(parts), help="one part of it")
    parser.add_argument("--row", help="of the services, only the rows whose name has this in it")
    arguments = parser.parse_args()
    met = [part(arguments) for name, part in parts.items() if arguments.only in (None, name)]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
