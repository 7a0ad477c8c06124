# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service under wrk against a bare libmicrohttpd responder, in turn."""

import contextlib
import pathlib
import re
import statistics
import subprocess

from gradebook import BUILD, free_port, wait_until

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 64


def wrk(url, seconds, token=None, script=None, headers=()):
    """Requests a second; anything but 2xx and any socket error is a failure of the benchmark."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    for header in headers:
        command += ["-H", header]
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


def compare(name, wanted, arguments, reference, url, token, script=None, headers=()):
    if arguments.row and arguments.row not in name:
        return True
    pairs = []
    for _ in range(arguments.rounds):
        base = wrk(reference, arguments.seconds, script=script)
        pairs.append((wrk(url, arguments.seconds, token, script, headers), base))
    ratios = [a / b for a, b in pairs]
    ratio = statistics.median(ratios)
    print(f"{name:38} {statistics.median(a for a, _ in pairs):>9.0f}/s  bare {statistics.median(b for _, b in pairs):>9.0f}/s"
          f"  ratio {ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})  wanted {wanted:.2f}  {'ok' if ratio >= wanted else 'MISSED'}", flush=True)
    return ratio >= wanted
