# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who reads the central log while it is killed: page by page, and as events. Each must see all of it, once, in order."""

import http.client
import threading
import time
import urllib.parse
import zlib

PAGE = 2000


class Away(OSError):
    """503: what the log is kept in is away; it comes back."""


def split(line):
    """A record's cursor, and the checksum of all that is before it."""
    at = line.rindex(b',"Cursor":"')
    return line[at + 11:-2].decode(), zlib.crc32(line[:at])


def page(log, after=None, n=PAGE):
    """The lines of one, each with its cursor."""
    query = f"n={n}&order=oldest" + (f"&after={urllib.parse.quote(after)}" if after else "")
    answer = log.get(f"/log?{query}", headers={"Accept": "application/x-ndjson"}, timeout=30)
    if answer.status == 503:
        raise Away(answer)
    assert answer.status == 200, answer
    return answer.body.splitlines()


class Reader(threading.Thread):
    """seen: (cursor, checksum) of each line; goal: where to end."""

    def __init__(self, log, after=None):
        super().__init__(daemon=True)
        self.log = log
        self.last = after
        self.seen = []
        self.goal = None
        self.goal_set = threading.Event()
        self.failure = None

    def take(self, line):
        cursor, checksum = split(line)
        assert self.last is None or cursor > self.last, f"{cursor} comes behind {self.last}"
        self.seen.append((cursor, checksum))
        self.last = cursor

    def run(self):
        try:
            while self.goal is None or self.last is None or self.last < self.goal:
                try:
                    self.read()
                except (OSError, http.client.HTTPException):
                    self.goal_set.wait(0.02)
        except Exception as e:
            self.failure = e

    def finish(self, goal, seconds=30):
        self.goal = goal
        self.goal_set.set()
        deadline = time.monotonic() + seconds
        while self.is_alive() and time.monotonic() < deadline:
            self.join(0.1)
        if self.failure:
            raise AssertionError(f"{type(self).__name__}: {self.failure!r}") from self.failure
        assert not self.is_alive(), f"{type(self).__name__} stays at {self.last} before {goal}"


class Pager(Reader):
    def read(self):
        lines = page(self.log, self.last)
        for line in lines:
            self.take(line)
        if not lines:
            self.goal_set.wait(0.05)


class Follower(Reader):
    """As a browser's EventSource: what the stream ended within is not taken, and an id counts without data as well."""

    def read(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.log.port, timeout=30)
        try:
            connection.request("GET", "/log", headers={"Authorization": f"Bearer {self.log.cluster.token}", "Accept": "text/event-stream",
                                                       "Last-Event-ID": self.last})
            response = connection.getresponse()
            if response.status == 503:
                raise Away(response.read())
            assert response.status == 200, response.read()
            self.follow(response)
        finally:
            connection.close()

    def follow(self, response):
        place = data = None
        while self.goal is None or self.last < self.goal:
            line = response.readline()
            if not line.endswith(b"\n"):
                return
            assert not line.startswith(b"event: "), line
            if line.startswith(b"id: "):
                place = line[4:-1].decode()
            elif line.startswith(b"data: "):
                data = line[6:-1]
            elif line == b"\n":
                if data:
                    self.take(data)
                assert place is None or place >= self.last, f"{place} comes behind {self.last}"
                self.last = place or self.last
                place = data = None
