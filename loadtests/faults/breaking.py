"""The faults. Each breaks something of a running market, holds it broken for a moment where that is its nature, and puts it right
again; what happens in between is what the run is about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, NamedTuple

from loadtests.faults.ground import Ground, pause, resume
from loadtests.faults.proxy import TO_CLIENT
from loadtests.faults.redis_nodes import RedisNodes
from loadtests.stand import Server

PAUSE_S: Final = 6.0
"""Longer than a lease: who sleeps so long has lost what it owned."""
CUT_S: Final = 2.0
SLOW_S: Final = 3.0
DELAY_S: Final = 0.05
STEP_S: Final = 3_600.0


class Fault(NamedTuple):
    """A fault by name."""

    name: str
    says: str
    inflict: Callable[[Ground, Random], Awaitable[None]]
    stacks: tuple[str, ...] = ("serve", "cluster")


async def _nothing(ground: Ground, dice: Random) -> None:
    await asyncio.sleep(CUT_S)


async def _kill_engine(ground: Ground, dice: Random) -> None:
    await _kill(dice.choice(ground.engines))


async def _kill_gateway(ground: Ground, dice: Random) -> None:
    await _kill(dice.choice(ground.gateways))


async def _kill(server: Server) -> None:
    await server.kill()
    await server.start()


async def _drain_engine(ground: Ground, dice: Random) -> None:
    await _restart(dice.choice(ground.engines))


async def _roll_gateways(ground: Ground, dice: Random) -> None:
    for gateway in ground.gateways:
        await _restart(gateway)


async def _restart(server: Server) -> None:
    await server.stop()
    await server.start()


async def _pause_engine(ground: Ground, dice: Random) -> None:
    await _pause(dice.choice(ground.engines))


async def _pause_gateway(ground: Ground, dice: Random) -> None:
    await _pause(dice.choice(ground.gateways))


async def _pause(server: Server) -> None:
    pause(server)
    try:
        await asyncio.sleep(PAUSE_S)
    finally:
        resume(server)


async def _cut_clients(ground: Ground, dice: Random) -> None:
    for door in ground.doors:
        door.cut()
    await asyncio.sleep(CUT_S)
    for door in ground.doors:
        door.heal()


async def _half_open_clients(ground: Ground, dice: Random) -> None:
    """Clients reach the market, and its answers do not reach them."""
    door = dice.choice(ground.doors)
    door.hold(TO_CLIENT)
    await asyncio.sleep(CUT_S)
    door.reset()
    door.heal()


async def _cut_database(ground: Ground, dice: Random) -> None:
    ground.database.proxy.cut()
    await asyncio.sleep(CUT_S)
    ground.database.proxy.heal()


async def _hold_database(ground: Ground, dice: Random) -> None:
    """Lines to the database stay open and nothing passes: commits hang in the middle."""
    ground.database.proxy.hold()
    await asyncio.sleep(CUT_S)
    ground.database.proxy.heal()


async def _slow_database(ground: Ground, dice: Random) -> None:
    ground.database.proxy.delay_s = DELAY_S
    await asyncio.sleep(SLOW_S)
    ground.database.proxy.heal()


async def _crash_database(ground: Ground, dice: Random) -> None:
    await ground.database.crash()


async def _fail_over_database(ground: Ground, dice: Random) -> None:
    await ground.database.fail_over()


async def _disk_full(ground: Ground, dice: Random) -> None:
    ground.database.fill_disk()
    try:
        await asyncio.sleep(CUT_S)
    finally:
        await ground.database.free_disk()


async def _clock_step(ground: Ground, dice: Random) -> None:
    """The wall clock jumps an hour ahead, then an hour behind, then is right again."""
    for step_s in (STEP_S, -STEP_S, 0.0):
        ground.clock.step(step_s)
        await asyncio.sleep(CUT_S)


def _redis_of(ground: Ground) -> RedisNodes:
    assert ground.redis is not None
    return ground.redis


async def _flush_redis(ground: Ground, dice: Random) -> None:
    await _redis_of(ground).flush()


async def _restart_redis(ground: Ground, dice: Random) -> None:
    """Every node dies at once and comes back empty."""
    redis = _redis_of(ground)
    for node in redis.nodes:
        await node.kill()
    await asyncio.sleep(dice.uniform(0, 1))
    for node in redis.nodes:
        await node.start()
    if redis.clustered:
        await redis.whole()
        await redis.paired()


async def _fail_over_redis(ground: Ground, dice: Random) -> None:
    redis = _redis_of(ground)
    master, replica = await redis.first_pair()
    await master.kill()
    if replica is not None:
        await redis.promoted(replica)
    await master.start()
    if replica is not None:
        await redis.paired()


async def _pause_redis(ground: Ground, dice: Random) -> None:
    node = dice.choice(_redis_of(ground).nodes[:-1])
    node.pause()
    try:
        await asyncio.sleep(CUT_S)
    finally:
        node.resume()


async def _cut_redis(ground: Ground, dice: Random) -> None:
    redis = _redis_of(ground)
    for node in redis.nodes:
        node.proxy.cut()
    await asyncio.sleep(CUT_S)
    for node in redis.nodes:
        node.proxy.heal()


_CLUSTER: Final = ("cluster",)
FAULTS: Final = (
    Fault("none", "nothing breaks: what the clients see without a fault", _nothing),
    Fault("kill-engine", "kill -9 of an engine", _kill_engine),
    Fault("kill-gateway", "kill -9 of a gateway", _kill_gateway, _CLUSTER),
    Fault("drain-engine", "an engine is asked to stop, and started again", _drain_engine, _CLUSTER),
    Fault("roll-gateways", "every gateway in turn is asked to stop, and started again", _roll_gateways, _CLUSTER),
    Fault("pause-engine", f"SIGSTOP of an engine, SIGCONT {PAUSE_S:.0f} s later", _pause_engine),
    Fault("pause-gateway", f"SIGSTOP of a gateway, SIGCONT {PAUSE_S:.0f} s later", _pause_gateway, _CLUSTER),
    Fault("cut-clients", f"every client's line is reset and refused for {CUT_S:.0f} s", _cut_clients),
    Fault("half-open", f"answers do not reach the clients of a gateway for {CUT_S:.0f} s", _half_open_clients),
    Fault("cut-database", f"lines to PostgreSQL are reset and refused for {CUT_S:.0f} s", _cut_database),
    Fault("hold-database", f"lines to PostgreSQL are silent for {CUT_S:.0f} s", _hold_database),
    Fault("slow-database", f"{DELAY_S * 1e3:.0f} ms more on the way to PostgreSQL for {SLOW_S:.0f} s", _slow_database),
    Fault("crash-database", "kill -9 of PostgreSQL, started again over its data", _crash_database),
    Fault(
        "failover-database", "kill -9 of the primary for good, promotion of the standby", _fail_over_database, _CLUSTER
    ),
    Fault("disk-full", f"no file of PostgreSQL can grow for {CUT_S:.0f} s", _disk_full),
    Fault("clock-step", "the wall clock jumps an hour ahead, an hour behind, and back", _clock_step),
    Fault("flush-redis", "FLUSHALL on every node", _flush_redis, _CLUSTER),
    Fault("restart-redis", "kill -9 of all nodes, back empty within a second", _restart_redis, _CLUSTER),
    Fault("failover-redis", "kill -9 of a master, its replica takes over", _fail_over_redis, _CLUSTER),
    Fault("pause-redis", f"SIGSTOP of a node for {CUT_S:.0f} s", _pause_redis, _CLUSTER),
    Fault("cut-redis", f"lines to all nodes are reset and refused for {CUT_S:.0f} s", _cut_redis, _CLUSTER),
)
BY_NAME: Final = {fault.name: fault for fault in FAULTS}


def faults_of(stack: str) -> list[Fault]:
    """Return the faults that this stack can have."""
    return [fault for fault in FAULTS if stack in fault.stacks]
