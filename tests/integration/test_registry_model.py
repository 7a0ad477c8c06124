# SPDX-License-Identifier: LGPL-2.1-or-later
"""The registry against a model: random histories of peers that die, hang, flap, leave and come back, patches that are refused, lost or
late, and a registry that is killed meanwhile. GRADEBOOK_HISTORIES=1000 plays that many; GRADEBOOK_SEED=N begins at that one."""

import asyncio
import json
import os
import random
import time

from gradebook import free_port

HISTORIES = int(os.environ.get("GRADEBOOK_HISTORIES", "3"))
SEED = int(os.environ.get("GRADEBOOK_SEED", random.SystemRandom().randrange(1 << 30)))
STEPS = 40
CALM_SECONDS = 10           # within which lists are true: threshold × (timeout + retry) is 0.75 s, the rest is for a busy machine
RULES = {"HeartbeatSec": "300ms", "HeartbeatTimeoutSec": "200ms", "RetrySec": "50ms", "PatchTimeoutSec": "500ms",
         "SuppressThreshold": "0", "RegistrationsPerSec": "100000"}
SHAPE = [("A", ["B", "C"]), ("A", []), ("A", ["*"]), ("B", ["A", "C"]), ("B", ["A"]), ("C", ["C", "B"]), ("C", ["A", "B", "C"])]
ANCHORS = ("A", "B")        # one of each is never disturbed: nobody may ever be told that it went


class Wrong(AssertionError):
    pass


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


class Peer:
    """One service and what it was told. A life begins with listening and registering, and knows nothing then."""

    def __init__(self, world, name, requires, anchor):
        self.world = world
        self.name, self.requires, self.anchor = name, requires, anchor
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.lock = asyncio.Lock()
        self.server = None
        self.writers = set()
        self.registered = False
        self.awake = asyncio.Event()
        self.awake.set()
        self.trouble = []           # what happens to the next patches
        self.life = 0
        self.forget()

    def forget(self):
        self.life += 1
        self.known = set()
        self.in_doubt = True        # the last answer may have been lost: what it was for may come again

    async def listen(self):
        self.forget()
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    async def serve(self, reader, writer):
        self.writers.add(writer)
        life = self.life
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
                body = await reader.readexactly(length)
                await self.awake.wait()
                status = await self.take(json.loads(body), reader) if body else 200
                if status == 0:
                    break
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            if life == self.life:
                # Given up, or the registry has ended: another run of it cannot know what arrived.
                self.in_doubt = True
                self.writers.discard(writer)
            writer.close()

    async def take(self, patch, reader):
        """Applies a patch, or what befalls it; the status of the answer, 0 for none."""
        fate = self.trouble.pop() if self.trouble else "well"
        if fate == "late":
            await asyncio.sleep(self.world.random.choice((0.1, 0.3, 0.7)))
        if fate == "refused":
            return 500
        # One whose connection has ended meanwhile was given up by the registry, and is overtaken by another.
        if fate == "lost" or reader.at_eof():
            self.in_doubt = True
            return 0
        self.apply(patch)
        if fate == "unanswered":
            self.in_doubt = True
            return 0
        self.in_doubt = False
        return 200

    def apply(self, patch):
        if self.world.ended:
            return
        added = {(p["Name"], p["URL"]) for p in patch["Added"]}
        removed = {(p["Name"], p["URL"]) for p in patch["Removed"]}
        if len(added) != len(patch["Added"]) or len(removed) != len(patch["Removed"]) or added & removed:
            raise self.world.wrong(f"{self} was told the same twice in one patch: {patch}")
        # What went and came back in between may be told as it is now; what never changed may not.
        again = [url for _, url in added & self.known if self.world.by_url[url].anchor]
        if not self.in_doubt and again:
            raise self.world.wrong(f"{self} was told of {again} twice: {patch}; it knew {self.known}")
        before, self.known = self.known, (self.known | added) - removed
        for name, url in before - self.known:
            peer = self.world.by_url[url]
            if peer.anchor:
                raise self.world.wrong(f"{self} was told that {peer} went, which was never disturbed: {patch}")
        for name in {n for n, _ in before} - {n for n, _ in self.known}:
            left = [p for p in self.world.peers if p.name == name and p.steady()]
            if left:
                raise self.world.wrong(f"the list {name} of {self} was emptied while {left} live")

    def steady(self):
        """Alive and well for longer than it may take the registry to see it."""
        return self.server and self.registered and self.awake.is_set() and time.monotonic() - self.well_since > CALM_SECONDS / 4

    async def register(self):
        record = {"ServiceName": self.name, "ServiceURL": self.url, "RequiredServices": self.requires,
                  "ServiceUpdateURL": self.url + "/services", "HeartbeatURL": self.url + "/heartbeat"}
        status = 0
        while status != 200:
            status = await self.world.ask("POST", json.dumps(record).encode(), "Content-Type: application/json\r\n")
            await asyncio.sleep(0.02 if status != 200 else 0)
        self.registered = True
        self.well_since = time.monotonic()

    async def start(self):
        if not self.server:
            await self.listen()
            await self.register()
        elif not self.registered:
            await self.register()

    async def die(self):
        if self.server:
            self.server.close()
            for writer in self.writers:
                writer.transport.abort()
            self.writers = set()
            self.server = None
            self.trouble.clear()
            self.forget()

    async def hang(self):
        self.awake.clear()

    async def wake(self):
        self.in_doubt = True
        self.well_since = time.monotonic()
        self.awake.set()

    async def flap(self):
        await self.die()
        await asyncio.sleep(self.world.random.choice((0, 0.02, 0.1)))
        await self.start()

    async def leave(self):
        if self.registered:
            self.registered = False
            while await self.world.ask("DELETE", self.url.encode(), "Content-Type: text/plain\r\n") not in (200, 404):
                await asyncio.sleep(0.02)
            await self.die()

    async def lose_patches(self):
        self.trouble = [self.world.random.choice(("refused", "lost", "unanswered", "late")) for _ in range(self.world.random.randint(1, 3))]

    async def do(self, step):
        async with self.lock:
            await getattr(self, step)()

    def expected(self):
        return {(p.name, p.url) for p in self.world.peers
                if p.server and p.registered and (p.name in self.requires or "*" in self.requires)}

    def __repr__(self):
        return f"{self.name}@{self.port}"


class World:
    def __init__(self, registry, seed):
        self.registry, self.seed = registry, seed
        self.random = random.Random(seed)
        self.failure = None
        self.ended = False
        self.story = []
        names = list(ANCHORS)
        self.peers = []
        for name, requires in SHAPE:
            anchor = name in names
            if anchor:
                names.remove(name)
            self.peers.append(Peer(self, name, requires, anchor))
        self.by_url = {p.url: p for p in self.peers}

    def wrong(self, what):
        self.failure = self.failure or Wrong(f"GRADEBOOK_SEED={self.seed} GRADEBOOK_HISTORIES=1: {what}\n" + "\n".join(self.story[-60:]))
        return self.failure

    def check(self):
        if self.failure:
            raise self.failure

    async def ask(self, method, body, headers):
        return await exchange(self.registry.port, method, "/services", self.registry.cluster.token, body, headers)

    async def restart(self):
        await asyncio.to_thread(self.random.choice((self.registry.kill, self.registry.kill, self.registry.stop)))
        await asyncio.sleep(self.random.choice((0, 0.05, 0.3)))
        await asyncio.to_thread(self.registry.start)

    async def play(self):
        """Steps follow each other quickly or slowly, and overlap; those of one peer happen in turn."""
        for p in self.peers:
            await p.do("start")
        tasks, restart = [], None
        for _ in range(STEPS):
            self.check()
            if self.random.random() < 0.08 and (not restart or restart.done()):
                self.story.append("the registry restarts")
                restart = asyncio.create_task(self.restart())
                tasks.append(restart)
            else:
                peer = self.random.choice(self.peers)
                steps = ["lose_patches"] if peer.anchor else ["start", "start", "die", "hang", "wake", "flap", "leave", "lose_patches"]
                step = self.random.choice(steps)
                self.story.append(f"{peer} {step}")
                tasks.append(asyncio.create_task(peer.do(step)))
            await asyncio.sleep(self.random.choice((0, 0, 0.01, 0.05, 0.2)))
        await asyncio.gather(*tasks)
        for p in self.peers:
            p.trouble.clear()
            await p.do("wake")
            if p.server and not p.registered:
                await p.do("start")

    async def settle(self):
        deadline = time.monotonic() + CALM_SECONDS
        while True:
            self.check()
            behind = [p for p in self.peers if p.server and p.known != p.expected()]
            if not behind:
                return
            if time.monotonic() > deadline:
                raise self.wrong("; ".join(f"{p} knows {sorted(p.known)} and should know {sorted(p.expected())}" for p in behind))
            await asyncio.sleep(0.02)

    async def end(self):
        """The registry forgets these peers, so that the next history begins with none."""
        self.ended = True
        for p in self.peers:
            p.trouble.clear()
            p.awake.set()
            await p.do("leave")
            await p.do("die")


async def live(registry, seed):
    world = World(registry, seed)
    try:
        await world.play()
        await world.settle()
    finally:
        await world.end()
    world.check()


def test_any_history_ends_in_the_truth(cluster):
    cluster.configure("registry", {"Registry": RULES})
    registry = cluster.daemon("registry", keep_listener=True).start()
    for seed in range(SEED, SEED + HISTORIES):
        asyncio.run(live(registry, seed))
