# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a line costs the request that logs it, against what its entry in the journal would alone; see log-line.c."""

import statistics
import subprocess
import tempfile

from gradebook import BUILD

WANTED_USEC = 5


def run(arguments):
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        runs = []
        for _ in range(arguments.rounds):
            out = subprocess.run([BUILD / "bench-log-line", f"{directory}/log.spool"], capture_output=True, text=True, check=True).stdout
            runs.append({name: (int(median), int(p99)) for name, median, p99 in map(str.split, out.splitlines())})
    met = True
    for name, title in (("line", "log_info(), journal and spool"), ("full", "log_info(), spool full"), ("alone", "sd_journal_send() alone")):
        median, p99 = (statistics.median(run[name][i] for run in runs) / 1000 for i in (0, 1))
        verdict = ""
        if name != "alone":
            met = met and median < WANTED_USEC
            verdict = f"  wanted below {WANTED_USEC}  {'ok' if median < WANTED_USEC else 'MISSED'}"
        print(f"{title:38} {median:>9.2f} us  99th percentile {p99:.2f} us{verdict}", flush=True)
    return met
