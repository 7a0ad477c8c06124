# SPDX-License-Identifier: LGPL-2.1-or-later
"""What gradebook-grading has stored, looked at from the outside in either of its databases."""

import json
import sqlite3
import subprocess

import postgres


class Rows(list):
    """As sqlite3's cursor."""

    rowcount = -1

    def fetchall(self):
        return list(self)

    def fetchone(self):
        return self[0] if self else None


class PostgresConnection:
    """As much of sqlite3's as tests need, by way of psql."""

    def __init__(self, url):
        self.url = url

    def execute(self, text, parameters=()):
        for value in parameters:
            text = text.replace("?", "'" + str(value).replace("'", "''") + "'", 1)
        is_query = text.startswith("SELECT")
        if is_query:
            # A row is an object whose members are in the order of its columns; two may have the same name.
            text = f"SELECT coalesce(json_agg(x), '[]') FROM ({text}) x"
        text = f"SET search_path TO gradebook_grading;\n{text}"
        done = subprocess.run([postgres.BIN / "psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url], input=text, text=True,
                              stdout=subprocess.PIPE, check=True)
        if is_query:
            return Rows(json.loads(done.stdout.removeprefix("SET\n"), object_pairs_hook=lambda pairs: tuple(value for _, value in pairs)))
        found = Rows()
        found.rowcount = int(done.stdout.split()[-1])       # "UPDATE 1"
        return found

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *why):
        pass


def connect(daemon):
    """Of a daemon that has ended: it alone has its file open."""
    url = daemon.cluster.grading_database
    return PostgresConnection(url) if url else sqlite3.connect(daemon.state / "grades.db")
