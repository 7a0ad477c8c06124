# SPDX-License-Identifier: LGPL-2.1-or-later
"""The registry against a model: random histories of peers that die, hang, flap, leave and come back, patches that are refused, lost or
late, and a registry that is killed meanwhile. GRADEBOOK_HISTORIES=1000 plays that many; GRADEBOOK_SEED=N begins at that one;
GRADEBOOK_KILLS=200 kills the registry that often; GRADEBOOK_LANES=4 plays so many at a time.

A dependant is told each change once and in order: model_truth.py says exactly what that means. What is told again is what the registry
cannot know to have arrived: what was in a patch without an answer, what changed since the last answered one while one was without,
and, of a newcomer's first patch or the first of a registry that was started anew, all of it."""

import asyncio
import os
import random

from model_world import Lane, World, Wrong

HISTORIES = int(os.environ.get("GRADEBOOK_HISTORIES", "72"))
KILLS = int(os.environ.get("GRADEBOOK_KILLS", "16"))
LANES = int(os.environ.get("GRADEBOOK_LANES", "10"))
KILL_LANES = 4
SEED = int(os.environ.get("GRADEBOOK_SEED", random.SystemRandom().randrange(1 << 30)))
STEPS = 40
END_SECONDS = 120 + KILLS


async def play_lane(directory, store, seeds, steps, kills):
    lane = Lane(directory, store)
    worlds = []
    try:
        await lane.start()
        for seed in seeds:
            worlds.append(World(lane, seed))
            try:
                await asyncio.wait_for(worlds[-1].live(steps, kills), END_SECONDS)
            except asyncio.TimeoutError:
                worlds[-1].wrong("it does not end")
            except Wrong as e:
                assert e is worlds[-1].failure
            if lane.broken:
                break
    finally:
        await lane.close()
    return worlds


async def play_lanes(directory, make_store, histories, lanes, steps, kills=0):
    seeds = iter(range(SEED, SEED + histories))
    tasks = [asyncio.create_task(play_lane(directory / f"lane-{n}", make_store(), seeds, steps, kills)) for n in range(min(lanes, histories))]
    try:
        return [world for worlds in await asyncio.gather(*tasks) for world in worlds]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_any_history_ends_in_the_truth(tmp_path, make_store):
    worlds = asyncio.run(play_lanes(tmp_path, make_store, HISTORIES, LANES, STEPS))
    summarize(worlds)
    assert len(worlds) == HISTORIES


def test_every_promise_holds_however_often_the_registry_is_killed(tmp_path, make_store):
    worlds = asyncio.run(play_lanes(tmp_path, make_store, KILL_LANES, KILL_LANES, STEPS, -(-KILLS // KILL_LANES)))
    summarize(worlds)
    assert sum(world.kills for world in worlds) >= KILLS


def summarize(worlds):
    patches = [t for w in worlds for p in w.peers for t in p.told if t.added or t.removed]
    print(f"seeds from {SEED}: {len(worlds)} histories, {sum(w.kills for w in worlds)} kills, {len(patches)} patches, "
          f"{sum(t.exact for t in patches)} of them held against {sum(len(r.events) for w in worlds for r in w.runs)} events, "
          f"{sum(w.stalls for w in worlds)} times the test stood still")
    failures = [w.failure for w in worlds if w.failure]
    if failures:
        raise AssertionError(f"{len(failures)} histories are wrong:\n" + "\n\n".join(map(str, failures[:10])))
