# SPDX-License-Identifier: LGPL-2.1-or-later
"""What TLS costs: the same service under wrk with 64 kept connections, in plain HTTP and over TLS, in turn."""

import pathlib
import statistics
import tempfile

from against_bare import wrk
from gradebook import BUILD, Cluster
from school import add_five_students
from tls import SecureCluster

WANTED = 0.7


class OneSided(SecureCluster):
    """wrk has no certificate of its own: the handshake is not what is measured."""

    def configure(self, name, sections):
        sections = {section: dict(keys) for section, keys in sections.items()}
        if name == "gradebook":
            sections.setdefault("TLS", {}).setdefault("CAFile", "")
        super().configure(name, sections)


def run(arguments):
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench.") as directory:
        towns = [kind(pathlib.Path(directory) / kind.__name__) for kind in (Cluster, OneSided)]
        try:
            daemons = [town.start("grading") for town in towns]
            for daemon in daemons:
                add_five_students(daemon)
            pairs = [[wrk(daemon.url + "/students/1", arguments.seconds, daemon.cluster.token) for daemon in daemons] for _ in range(arguments.rounds)]
        finally:
            for town in towns:
                town.close()
    ratios = [over_tls / plain for plain, over_tls in pairs]
    ratio = statistics.median(ratios)
    plain, over_tls = (statistics.median(each) for each in zip(*pairs))
    print(f"{'grading GET /students/1, over TLS':38} {over_tls:>9.0f}/s  plain {plain:>8.0f}/s  ratio {ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
          f"  wanted {WANTED:.2f}  {'ok' if ratio >= WANTED else 'MISSED'}", flush=True)
    return ratio >= WANTED
