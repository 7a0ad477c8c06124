# SPDX-License-Identifier: LGPL-2.1-or-later
"""A history of the registry's model: seven services in which everything happens, and a registry that is killed meanwhile."""

import asyncio
import concurrent.futures
import random
import time

from gradebook import Cluster
from model_peer import LAG_SECONDS, Peer, exchange
from model_truth import Judge, Run

CALM_SECONDS = 12           # within which lists are true: LAG_SECONDS, and as long as one may be held out
STALL_SECONDS = 0.15
SHAPE = [("A", ["B", "C"]), ("A", []), ("A", ["*"]), ("B", ["A", "C"]), ("B", ["A", "C"]), ("C", ["A", "C"]), ("C", ["A", "B", "C"])]
ANCHORS = ("A", "B")        # one of each is never disturbed: nobody may ever be told that it went
STEPS = ("start", "start", "die", "hang", "wake", "flap", "leave", "lose_patches")
SUPPRESS = 250
RULES = {"HeartbeatSec": "300ms", "HeartbeatTimeoutSec": "200ms", "RetrySec": "50ms", "PatchTimeoutSec": "500ms",
         "FlapHalfLifeSec": "1s", "SuppressThreshold": SUPPRESS, "ReuseThreshold": 200,
         "RegistrationsPerSec": "100000", "RegistrationsBurst": "100000"}


class Wrong(AssertionError):
    pass


class Lane:
    """A registry of its own, in which one history is played after the other."""

    def __init__(self, directory, store):
        self.cluster = Cluster(directory, registry=store)
        self.is_shared = bool(store)        # it is etcd
        self.cluster.configure("gradebook", {"Log": {"Level": "warning"}})
        self.cluster.configure("registry", {"Registry": RULES})
        self.registry = self.cluster.daemon("registry", keep_listener=True)
        self.run = None
        self.broken = False         # it could not be started
        self.threads = concurrent.futures.ThreadPoolExecutor(1)

    async def call(self, function):
        return await asyncio.get_running_loop().run_in_executor(self.threads, function)

    async def start(self):
        # Before it can tell anybody anything.
        self.run = run = Run()
        await self.call(self.registry.launch)
        await self.call(lambda: self.registry.wait_notify("READY=1"))
        run.follow(self.registry, self.is_shared)

    async def end(self, how):
        run = self.run
        when = time.monotonic()
        await self.call(how)
        await run.end(when if how == self.registry.kill else None)

    async def close(self):
        try:
            if self.run:
                await self.end(self.registry.stop)
        finally:
            await self.call(self.cluster.close)
            self.threads.shutdown()


class World:
    def __init__(self, lane, seed):
        self.lane, self.seed = lane, seed
        self.random = random.Random(seed)
        self.suppress = SUPPRESS
        self.failure = None
        self.ended = False
        self.stalls = 0
        self.story = []
        self.kills = 0
        self.tasks = []
        self.runs = [lane.run]
        anchors = list(ANCHORS)
        self.peers = []
        for name, requires in SHAPE:
            anchor = name in anchors
            if anchor:
                anchors.remove(name)
            self.peers.append(Peer(self, name, requires, anchor))
        self.by_url = {p.url: p for p in self.peers}

    def wrong(self, what):
        self.failure = self.failure or Wrong(f"GRADEBOOK_SEED={self.seed} GRADEBOOK_HISTORIES=1: {what}\n" + "\n".join(self.story[-60:]))
        return self.failure

    def check(self):
        if self.failure:
            raise self.failure

    def check_lane(self):
        if self.lane.broken:
            raise self.wrong("there is no registry any more")

    def tell(self, what):
        self.story.append(f"{time.monotonic():.3f} {what}")

    def providers(self, name):
        return {(p.name, p.url) for p in self.peers if p.name == name}

    async def ask(self, method, body, headers):
        self.check_lane()
        return await exchange(self.lane.registry.port, method, "/services", self.lane.cluster.token, body, headers)

    async def restart(self, kill):
        try:
            await self.do_restart(kill)
        except Exception as e:
            self.lane.broken = True
            raise self.wrong(f"the registry could not be restarted: {e!r}") from e

    async def do_restart(self, kill):
        how = self.lane.registry.kill if kill or self.random.random() < 0.7 else self.lane.registry.stop
        self.tell(f"the registry ends: {how.__name__}")
        await self.lane.end(how)
        self.kills += how == self.lane.registry.kill
        await asyncio.sleep(self.random.choice((0, 0.05, 0.3)))
        await self.lane.start()
        self.runs.append(self.lane.run)
        self.tell("the registry is ready")

    async def watch_ourselves(self):
        """A test that does not run answers no probe: its peers hang."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            if now - last > STALL_SECONDS:
                self.tell(f"the test itself stood still for {now - last:.3f} s")
                self.stalls += 1
                for p in self.peers:
                    p.stalled()
            last = now

    def step(self):
        peer = self.random.choice(self.peers)
        step = "lose_patches" if peer.anchor else self.random.choice(STEPS)
        self.tell(f"{peer} {step}")
        return asyncio.create_task(peer.do(step))

    async def play(self, steps, kills=0):
        """Steps follow each other quickly or slowly, and overlap; those of one peer happen in turn. At least so many of both."""
        for p in self.peers:
            await p.do("start")
        restart = None
        chance = 0.25 if kills else 0.08
        while steps > 0 or self.kills < kills:
            steps -= 1
            self.check()
            if self.random.random() < chance and (not restart or restart.done()):
                restart = asyncio.create_task(self.restart(kills > 0))
                self.tasks.append(restart)
            else:
                self.tasks.append(self.step())
            await asyncio.sleep(self.random.choice((0, 0, 0.01, 0.05, 0.2)))
        await asyncio.gather(*self.tasks)
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
                raise self.wrong("\n".join([*map(self.explain, behind), await self.overview()]))
            await asyncio.sleep(0.02)

    def explain(self, peer):
        unlike = peer.known ^ peer.expected()
        events = [e for e in self.lane.run.events if e.provider in unlike][-20:]
        told = [t for t in peer.told if t.life == peer.life][-10:]
        return (f"{peer} (life {peer.life}) knows {sorted(peer.known)} and should know {sorted(peer.expected())}\n"
                f"events: {events}\ntold: {told}")

    async def overview(self):
        """As the registry sees it."""
        answer = await self.lane.call(lambda: self.lane.registry.get("/services"))
        keys = ("ServiceName", "ServiceURL", "State", "Held", "Since", "LastCheck", "LastError", "PatchPending")
        return "\n".join(str({k: s[k] for k in keys if k in s}) for s in answer.json["Services"])

    async def hear_all(self):
        answer = await self.lane.call(lambda: self.lane.registry.get("/services"))
        await self.lane.run.catch_up(int(answer.headers["Gradebook-Index"]))

    async def end(self):
        """The registry forgets these peers, so that the next history begins with none."""
        self.ended = True
        for p in self.peers:
            p.trouble.clear()
            p.awake.set()
            await p.do("leave")
            await p.do("die")
            p.reserved.close()

    async def live(self, steps, kills=0):
        watch = asyncio.create_task(self.watch_ourselves())
        try:
            await self.play(steps, kills)
            await self.settle()
            await self.hear_all()
            self.check()
            Judge(self, self.runs).judge()
        finally:
            for p in self.peers:
                p.awake.set()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            await self.end()
            watch.cancel()
        self.check()
