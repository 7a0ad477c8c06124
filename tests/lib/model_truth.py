# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the registry says happened, by its own events, held against what did happen; and what each dependant was told, held against
the events. An event "added" or "removed" is one change of what dependants shall know; so each patch leaves a dependant with the
state after one of these, and never with that after an earlier one than before."""

import asyncio
import json
import time

from model_peer import LAG_SECONDS

INDEX_RESERVE = 1 << 20     # src/registry/index.h
INDEX_RESERVE_OF_MANY = 1 << 12 + 16    # with the stride
CHANGES_KEPT = 6            # src/registry/catalog.h: of one that came and went oftener, it is told in any case how it is
POINTS = {"critical": 100, "deregistered": 20}
CUT_SECONDS = 0.5           # before a kill: of what was told then the events may be lost
NOTICE_SECONDS = 0.2        # within which the test knows that it stood still itself
CHANGES = ("added", "removed")


class Event:
    def __init__(self, index, kind, data):
        self.time = time.monotonic()
        self.index, self.kind = index, kind
        self.provider = (data.get("ServiceName"), data.get("ServiceURL"))

    def __repr__(self):
        return f"{self.time:.3f} {self.index} {self.kind} {self.provider}"


class Run:
    """One process of the registry."""

    def __init__(self):
        self.began = time.monotonic()
        self.events = []
        self.last = 0
        self.ended = None           # when it was killed
        self.task = None
        self.heard = False          # its events are

    def follow(self, registry, is_shared):
        reserve = INDEX_RESERVE_OF_MANY if is_shared else INDEX_RESERVE
        first = int((registry.state / "index").read_text()) - reserve
        self.last = first
        self.task = asyncio.create_task(self.read(registry, first))

    async def read(self, registry, first):
        reader, writer = await asyncio.open_connection("127.0.0.1", registry.port)
        try:
            writer.write(f"GET /events?after={first} HTTP/1.0\r\nHost: registry\r\n"
                         f"Authorization: Bearer {registry.cluster.token}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split()[1])
            # One that stops tells nothing any more.
            if status == 503:
                return
            assert status == 200, head
            self.heard = True
            while True:
                self.take((await reader.readuntil(b"\n\n")).decode())
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def take(self, text):
        fields = dict(line.split(": ", 1) for line in text.strip().split("\n") if not line.startswith(":"))
        assert fields.get("event") != "relist", f"not all events of a run are there: {text}"
        if "id" in fields:
            self.last = int(fields["id"])
        if "event" in fields:
            assert not self.events or self.last > self.events[-1].index, "events are out of order"
            self.events.append(Event(self.last, fields["event"], json.loads(fields["data"])))

    async def end(self, ended):
        """The process has ended; what it sent before is still read."""
        self.ended = ended
        if not self.task:
            return
        # One that was not accepted yet waits in the listener's queue, for the next process.
        done, _ = await asyncio.wait([self.task], timeout=None if self.heard else 0.2)
        if done:
            self.task.result()
            return
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def catch_up(self, index):
        deadline = time.monotonic() + 10
        while self.last < index:
            assert time.monotonic() < deadline, f"the events stand at {self.last}, the index at {index}"
            await asyncio.sleep(0.01)


class Judge:
    def __init__(self, world, runs):
        self.world, self.runs = world, runs
        self.points = {}            # of each provider, as if none decayed

    def judge(self):
        for run in self.runs:
            events = [e for e in run.events if e.provider[1] in self.world.by_url]
            self.check_events(events)
            # Several registries tell all that they know once more whenever one comes back: they promise the end, not each step.
            if self.world.lane.is_shared:
                continue
            changes = [e for e in events if e.kind in CHANGES]
            for peer in self.world.peers:
                told = [t for t in peer.told if t.run is run and run.heard]
                Account(self, peer, run, changes).check(told)

    def wrong(self, what, events):
        raise self.world.wrong(what + "\nevents: " + "; ".join(map(repr, events[-30:])))

    def check_events(self, events):
        present, held = {}, set()
        for n, e in enumerate(events):
            peer = self.world.by_url[e.provider[1]]
            if e.kind in POINTS:
                self.points[e.provider] = self.points.get(e.provider, 0) + POINTS[e.kind]
            if e.kind == "held":
                self.check_hold(e, present, events[:n + 1])
                held.add(e.provider)
            elif e.kind in ("released", "registered", "deregistered"):
                held.discard(e.provider)
            elif e.kind in CHANGES:
                if present.get(e.provider) == (e.kind == "added"):
                    self.wrong(f"{e} is no change", events[:n + 1])
                present[e.provider] = e.kind == "added"
                if e.kind == "added" and e.provider in held:
                    self.wrong(f"{e}, which is held out", events[:n + 1])
                if e.provider not in held and not peer.was(e.kind == "added", e.time - LAG_SECONDS, e.time + NOTICE_SECONDS):
                    self.wrong(f"{e}, which it was not: {peer.timeline}", events[:n + 1])

    def check_hold(self, e, present, events):
        name = e.provider[0]
        # A registry that was killed may have counted one more than it said.
        excuse = POINTS["critical"] * sum(1 for run in self.runs if run.ended)
        if self.points.get(e.provider, 0) + excuse < self.world.suppress:
            self.wrong(f"{e} with {self.points.get(e.provider, 0)} points", events)
        others = {p for p in self.world.providers(name) if p != e.provider}
        if all(present.get(p) is False for p in others):
            self.wrong(f"{e}, the last of its name", events)


class Account:
    """What one dependant was told by one process of the registry."""

    def __init__(self, judge, peer, run, changes):
        self.judge, self.peer, self.run = judge, peer, run
        self.changes = [e for e in changes if peer.wants(e.provider[0])]
        self.states = [{}]
        for e in reversed(self.changes):
            self.states[0][e.provider] = e.kind == "removed"
        for e in self.changes:
            self.states.append({**self.states[-1], e.provider: e.kind == "added"})

    def check(self, told):
        at, life, acked, since = 0, None, None, []
        for t in told:
            if t.life != life:
                at, life, acked, since = 0, t.life, None, []
            if t.applied and t.exact:
                fits = self.find(t, at)
                if not fits:
                    return
                at = fits[0]
                if t.exact_before:
                    self.check_news(t, acked, fits[-1], since)
            if t.acked == "yes" and t.exact:
                acked, since = at, []
            else:
                since.append(t)

    def find(self, t, at):
        """After which changes, from the first on that it may have known last, the state is what it knows now."""
        fits = [i for i in range(at, len(self.states)) if (i == 0 or self.changes[i - 1].time < t.time + LAG_SECONDS) and
                all((provider in t.known) == there for provider, there in self.states[i].items())]
        # Events that a kill cut off: nothing can be said.
        if fits or (self.run.ended and t.time > self.run.ended - CUT_SECONDS):
            return fits
        self.judge.wrong(f"{self.peer} was told +{t.added} -{t.removed} and knows {sorted(t.known)}, which never was so since "
                         f"{self.states[at]}", self.changes)

    def check_news(self, t, acked, at, since):
        """What it knows already is told again only if the registry cannot know that it does."""
        if t.full or acked is None:
            return
        for provider in t.no_news:
            n = sum(1 for e in self.changes[acked:at] if e.provider == provider)
            in_patch_without_answer = any(provider in s.added | s.removed for s in since)
            if not (in_patch_without_answer or n >= CHANGES_KEPT or (n > 0 and since)):
                self.judge.wrong(f"{self.peer} was told of {provider} twice: +{t.added} -{t.removed}, {n} changes since", self.changes)
