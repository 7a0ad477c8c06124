# SPDX-License-Identifier: LGPL-2.1-or-later
"""One service of the registry's model: it lives and dies as a history has it, and writes down what it was told."""

import asyncio
import json
import select
import time

from gradebook import bind

LAG_SECONDS = 2.5           # within which the registry has seen what happened: threshold × (timeout + retry) is 0.75 s, the rest is for a busy machine
FATES = ("refused", "lost", "unanswered", "late")


async def exchange(port, method, path, token, body=b"", headers=""):
    """The status of one request on a connection of its own; 0 where there was no answer."""
    writer = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: registry\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{headers}"
                     f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        line = await asyncio.wait_for(reader.readline(), 5)
        return int(line.split()[1]) if line else 0
    except (OSError, asyncio.TimeoutError):
        return 0
    finally:
        if writer:
            writer.close()


def is_gone(writer):
    """Whether the other end has closed the connection by now: then it does not take what is answered."""
    if writer.is_closing():
        return True
    poll = select.poll()
    poll.register(writer.get_extra_info("socket").fileno(), select.POLLRDHUP)
    return bool(poll.poll(0))


class Told:
    """A patch as it came, or a connection that ended in silence (patch is None). acked: "yes"; "no" where the registry had no answer,
    or a refusal; "unsure" where the connection ended after the answer."""

    def __init__(self, peer, patch, writer):
        self.time = time.monotonic()
        self.life, self.run, self.writer = peer.life, peer.world.lane.run, writer
        self.added = {(p["Name"], p["URL"]) for p in patch["Added"]} if patch else set()
        self.removed = {(p["Name"], p["URL"]) for p in patch["Removed"]} if patch else set()
        self.acked = "no"
        self.applied = False
        self.known = None           # after it
        self.no_news = set()        # entries that changed nothing
        self.exact_before = peer.exact
        self.exact = False          # known is what the registry wanted it to know
        self.full = peer.posting > 0 or not peer.exact
        self.came_after_answer = peer.answered

    def __repr__(self):
        return (f"[{self.time:.3f} run of {self.run.began:.3f} life {self.life} +{sorted(self.added)} -{sorted(self.removed)} acked: {self.acked}"
                f"{', applied' * self.applied}{', exact' * self.exact}]")


class Peer:
    """A life begins with listening and registering, and knows nothing then."""

    def __init__(self, world, name, requires, anchor):
        self.world = world
        self.name, self.requires, self.anchor = name, requires, anchor
        # Nobody else's while it is dead, see free_port().
        self.reserved = bind(0)
        self.port = self.reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.says_process = world.random.random() < 0.5
        self.lock = asyncio.Lock()
        self.server = None
        self.writers = set()
        self.registered = False
        self.awake = asyncio.Event()
        self.awake.set()
        self.trouble = []           # what happens to the next patches
        self.told = []
        self.timeline = []          # (when, whether it can be reached)
        self.posting = 0            # registrations under way
        self.well_since = 0
        self.life = 0
        self.forget()

    def forget(self):
        self.life += 1
        self.known = set()
        self.answered = False       # its registration was, in this life
        self.exact = False
        self.last = None            # the patch taken last

    # ---- what it is ----

    def note(self, up):
        self.timeline.append((time.monotonic(), up))

    def was(self, up, since, until):
        """Whether it was so at any time in between."""
        before = [state for when, state in self.timeline if when <= since]
        return (before[-1] if before else False) == up or any(state == up for when, state in self.timeline if since < when <= until)

    def stalled(self):
        """The test itself did not run, and so neither did this."""
        if self.timeline and self.timeline[-1][1]:
            self.note(False)
            self.note(True)
        self.well_since = time.monotonic()

    def steady(self):
        """Alive and well for longer than it may take the registry to see it."""
        return self.server and self.registered and self.awake.is_set() and time.monotonic() - self.well_since > LAG_SECONDS

    def wants(self, name):
        return name in self.requires or "*" in self.requires

    def expected(self):
        return {(p.name, p.url) for p in self.world.peers if p.server and p.registered and self.wants(p.name)}

    # ---- what it answers ----

    async def listen(self):
        self.forget()
        self.well_since = time.monotonic()
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    async def serve(self, reader, writer):
        # Accepted at the moment of its death: the dead do not answer.
        if not self.server:
            writer.transport.abort()
            return
        self.writers.add(writer)
        life = self.life
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
                body = await reader.readexactly(length)
                await self.awake.wait()
                if life != self.life:
                    break
                status = await self.take(json.loads(body), writer) if body else 200
                if status == 0:
                    break
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            if life == self.life:
                self.told.append(Told(self, None, writer))
                self.writers.discard(writer)
            writer.close()

    async def take(self, patch, writer):
        """Applies a patch, or what befalls it; the status of the answer, 0 for none."""
        patch["Added"] = [p for p in patch["Added"] if p["URL"] in self.world.by_url]
        patch["Removed"] = [p for p in patch["Removed"] if p["URL"] in self.world.by_url]
        if self.last and self.last.acked == "yes" and is_gone(self.last.writer):
            self.last.acked = "unsure"
        self.last = told = Told(self, patch, writer)
        life = self.life
        self.told.append(told)
        fate = self.trouble.pop() if self.trouble else "well"
        if fate == "late":
            await asyncio.sleep(self.world.random.choice((0.1, 0.3, 0.7)))
        if life != self.life:
            return 0
        if fate == "refused":
            return 500
        # One whose connection has ended meanwhile was given up by the registry, and is overtaken by another.
        if fate == "lost" or is_gone(writer):
            return 0
        self.apply(told, patch)
        if fate == "unanswered" or is_gone(writer):
            return 0
        told.acked = "yes"
        return 200

    def apply(self, told, patch):
        if self.world.ended:
            return
        if len(told.added) != len(patch["Added"]) or len(told.removed) != len(patch["Removed"]) or told.added & told.removed:
            raise self.world.wrong(f"{self} was told the same twice in one patch: {patch}")
        before, self.known = self.known, (self.known | told.added) - told.removed
        told.applied = True
        told.no_news = (told.added & before) | (told.removed - before)
        told.known = frozenset(self.known)
        # What comes after the registration's answer builds on a whole list.
        self.exact = told.exact = self.exact or told.came_after_answer
        self.check_removals(before, patch)

    def check_removals(self, before, patch):
        for _, url in before - self.known:
            peer = self.world.by_url[url]
            if peer.anchor and not self.world.stalls:
                raise self.world.wrong(f"{self} was told that {peer} went, which was never disturbed: {patch}")
        for name in {n for n, _ in before} - {n for n, _ in self.known}:
            left = [p for p in self.world.peers if p.name == name and p.steady()]
            if left:
                raise self.world.wrong(f"the list {name} of {self} was emptied while {left} live")

    # ---- what it does ----

    async def register(self):
        record = {"ServiceName": self.name, "ServiceURL": self.url, "RequiredServices": self.requires,
                  "ServiceUpdateURL": self.url + "/services", "HeartbeatURL": self.url + "/heartbeat"}
        headers = "Content-Type: application/json\r\n" + (f"Gradebook-Instance: {self.port}-{self.life}\r\n" if self.says_process else "")
        status = 0
        self.note(True)
        self.posting += 1
        while status != 200:
            seen = self.last
            status = await self.world.ask("POST", json.dumps(record).encode(), headers)
            if status != 200:
                await asyncio.sleep(0.02)
        self.posting -= 1
        if not self.awake.is_set():
            self.note(False)
        # The answer came after the first patch, unless that failed.
        if self.last and self.last is not seen and self.last.acked == "yes" and not is_gone(self.last.writer):
            self.exact = self.last.exact = True
        self.world.tell(f"{self} is registered, its life {self.life} says {'that' if self.says_process else 'not that'} it is new")
        self.answered = self.registered = True
        self.well_since = time.monotonic()

    async def start(self):
        if not self.server:
            await self.listen()
            await self.register()
        elif not self.registered:
            await self.register()

    async def die(self):
        if self.server:
            self.note(False)
            self.server.close()
            for writer in self.writers:
                writer.transport.abort()
            self.writers = set()
            self.server = None
            self.trouble.clear()
            self.forget()

    async def hang(self):
        if self.server:
            self.note(False)
        self.awake.clear()

    async def wake(self):
        self.well_since = time.monotonic()
        if self.server and not self.awake.is_set():
            self.note(True)
        self.awake.set()

    async def flap(self):
        await self.die()
        await asyncio.sleep(self.world.random.choice((0, 0.02, 0.1)))
        await self.start()

    async def leave(self):
        if self.registered:
            self.registered = False
            self.note(False)
            while await self.world.ask("DELETE", self.url.encode(), "Content-Type: text/plain\r\n") not in (200, 404):
                await asyncio.sleep(0.02)
            await self.die()

    async def lose_patches(self):
        self.trouble = [self.world.random.choice(FATES) for _ in range(self.world.random.randint(1, 3))]

    async def do(self, step):
        async with self.lock:
            await getattr(self, step)()

    def __repr__(self):
        return f"{self.name}@{self.port}"
