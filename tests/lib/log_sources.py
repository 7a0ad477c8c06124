# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who sends lines to the central log while it is killed, and remembers what was answered: sources with numbers, senders of plain text,
and whoever makes daemons log."""

import gzip
import http.client
import json
import random
import threading
import time
import zlib

NDJSON = "application/x-ndjson"
BIG = 0.04                      # of all batches: a commit long enough to be torn
REFUSED_SECONDS = 0.05          # before what was refused is sent again
UNKNOWN_SECONDS = 9             # after so long a refusal may stand for a commit in PostgreSQL of which nobody could say whether it happened
SHARES = {"abandon": 0.03, "split": 0.3, "skip": 0.08, "skip_within": 0.01, "excuse": 0.3, "repeat": 0.08, "late": 0.08, "gzip": 0.3}


class Sender(threading.Thread):
    """Sends until finish(), one request after the other. refusals counts the answers 503 and 507, unknown those of them that may have been stored; failure
    says what must not be."""

    def __init__(self, daemon, seed, name):
        super().__init__(name=name, daemon=True)
        self.daemon_ = daemon
        self.random = random.Random(f"{seed} {name}")
        self.finishing = threading.Event()
        self.failure = None
        self.refusals = 0
        self.unknown = 0
        self.answered = 0

    def chance(self, what):
        return self.random.random() < SHARES[what]

    def run(self):
        try:
            while not self.finishing.is_set():
                self.step()
                self.finishing.wait(self.random.random() * 0.03)
            self.end()
        except Exception as e:
            self.failure = e

    def end(self):
        """The last words."""

    def finish(self):
        self.finishing.set()
        self.join(60)
        if self.failure:
            raise AssertionError(f"{self.name}: {self.failure!r}") from self.failure
        assert not self.is_alive(), f"{self.name} gets no answer"

    def post(self, path, body, content_type, **headers):
        """The answer, or None if there was none; what is refused for now is sent again."""
        while True:
            begin = time.monotonic()
            try:
                answer = self.daemon_.post(path, body, headers={"Content-Type": content_type, **headers}, timeout=30)
            except (OSError, http.client.HTTPException):
                return None
            if answer.status not in (503, 507):
                assert answer.status in (200, 204), answer
                self.answered += 1
                return answer
            self.refusals += 1
            self.unknown += time.monotonic() - begin > UNKNOWN_SECONDS and self.daemon_.cluster.log_store != "files"
            threading.Event().wait(REFUSED_SECONDS)

    def filler(self, big=False):
        kind = self.random.random()
        size = self.random.randrange(4000, 12000) if big or kind > 0.99 else self.random.randrange(300) if kind < 0.9 else 0
        return self.random.choice("xyz é") * size


class Numbered(Sender):
    """A source whose lines have numbers. Some it leaves out, some it sends twice, some late; a batch without an answer is sent again, as
    it was or in parts, or given up now and then: then nobody knows whether it is there, but a line is there once or told as missing."""

    def __init__(self, daemon, seed, name):
        super().__init__(daemon, seed, name)
        self.source = f"{self.random.getrandbits(128):032x}"
        self.next = 1
        self.sent = {}                  # number: checksum of the message
        self.acknowledged = set()
        self.known_up_to = {}           # number: what its batch said to be acknowledged
        self.late = set()
        self.skipped = set()            # never sent, or late
        self.open = None                # the last run of skipped ones that is told by now
        self.batches = []

    def record(self, number, big):
        message = f"{self.name} {number} {self.filler(big)}"
        self.sent[number] = zlib.crc32(message.encode())
        return {"Service": self.name, "Host": "far-away", "Priority": self.random.choice((3, 6, 6, 7)), "Message": message,
                "Source": self.source, "Sequence": number}

    def skip(self):
        run = range(self.next, self.next + self.random.randint(1, 5))
        self.next = run.stop
        self.skipped.update(run)
        return run

    def step(self):
        if self.batches and self.chance("repeat"):
            self.send(self.random.choice(self.batches), 0, repeated=True)
        elif self.open and self.chance("late"):
            self.send_late()
        else:
            self.send_new()

    def send_new(self):
        runs, batch, known = [], [], 0
        big = self.random.random() < BIG
        if self.chance("skip"):
            runs.append(self.skip())
            if self.chance("excuse"):
                # All of the run, or its first half: another log has it.
                run = runs.pop()
                known = self.random.choice((run[-1], run[len(run) // 2]))
                self.open = None
        for _ in range(self.random.choice((1, 1, 5, 40))):
            if batch and self.chance("skip_within"):
                runs.append(self.skip())
            batch.append(self.record(self.next, big))
            self.next += 1
        for r in batch:
            self.known_up_to[r["Sequence"]] = known
        if self.send(batch, known):
            self.batches = [*self.batches[-4:], batch]
            self.open = list(runs[-1]) if runs else self.open

    def send_late(self):
        number = self.random.choice(self.open)
        self.open = None
        self.late.add(number)
        self.known_up_to[number] = 0
        while not self.send([self.record(number, False)], 0):
            pass

    def send(self, batch, known, repeated=False, unclean=False):
        """False: it was given up."""
        path = f"/log?acknowledged={known}" if known else "/log"
        while True:
            body, content_type, headers = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in batch).encode(), NDJSON, {}
            if len(batch) == 1 and self.random.random() < 0.5:
                content_type = "application/json"
            if self.chance("gzip"):
                body, headers = gzip.compress(body, 1), {"Content-Encoding": "gzip"}
            before = self.unknown
            answer = self.post(path, body, content_type, **headers)
            unclean |= self.unknown > before
            if answer:
                self.check(answer.json, batch, repeated, unclean)
                self.acknowledged.update(r["Sequence"] for r in batch)
                return True
            unclean = True
            if repeated or len(batch) == 1:
                continue
            if self.chance("abandon"):
                return False
            if self.chance("split"):
                half = len(batch) // 2
                return self.send(batch[:half], known, unclean=True) and self.send(batch[half:], known, unclean=True)

    def check(self, counts, batch, repeated, unclean):
        stored, duplicates = counts["Stored"], counts["Duplicates"]
        numbers = [r["Sequence"] for r in batch]
        assert stored + duplicates == len(batch) and counts["Suppressed"] == 0, (counts, numbers)
        if repeated:
            assert stored == 0, f"what was acknowledged is stored again: {counts}, {numbers}"
        elif not unclean:
            assert duplicates == 0, f"what was never sent is taken for known: {counts}, {numbers}"

    def end(self):
        """What reveals everything that is missing in front of it."""
        while not self.send([self.record(self.next, False)], 0):
            pass
        self.known_up_to[self.next] = 0


class Text(Sender):
    """Plain lines, one in a request or many: each at least once, and no more often than it was sent."""

    def __init__(self, daemon, seed, name):
        super().__init__(daemon, seed, name)
        self.next = 1
        self.attempts = {}
        self.acknowledged = set()

    def step(self):
        lines = {}
        for _ in range(self.random.choice((1, 1, 1, 30))):
            lines[self.next] = f"{self.name} {self.next} {self.filler()}"
            self.next += 1
        while True:
            for n in lines:
                self.attempts[n] = self.attempts.get(n, 0) + 1
            before = self.unknown
            answer = self.post(f"/log?service={self.name}", "\n".join(lines.values()).encode(), "text/plain")
            for n in lines:
                self.attempts[n] += self.unknown - before
            if answer:
                self.acknowledged.update(lines)
                return
            if self.finishing.is_set() or self.chance("abandon"):
                return


class Visitor(Sender):
    """Makes a daemon log a line in each request: answered, it is in the spool, whatever is killed then."""

    def __init__(self, daemon, seed, name):
        super().__init__(daemon, seed, name)
        self.asked = set()
        self.acknowledged = set()

    def step(self):
        request = f"{self.random.getrandbits(128):032x}"
        self.asked.add(request)
        answer = self.post("/attendance", json.dumps({"Present": self.random.randrange(1000)}), "application/json",
                           traceparent=f"00-{request}-{self.random.getrandbits(64):016x}-01")
        if answer:
            self.acknowledged.add(request)
