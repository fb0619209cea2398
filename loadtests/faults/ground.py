"""The ground of a run: which processes the market consists of, the lines between them, and what can be done to them.

Stack **serve**: `ortoo serve` over PostgreSQL. Stack **cluster**: two gateways, two engines, a Redis Cluster of three (and a replica
of the first), PostgreSQL with a synchronous standby. Everything on free loopback ports under one directory, taken down at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from loadtests.faults.database import Database
from loadtests.faults.proxy import Proxy
from loadtests.faults.redis_nodes import RedisNodes
from loadtests.stand import Server

CLOCK_SHIM: Final = Path(__file__).parent / "clock_shim"
CLOCK_WIDTH: Final = 32


class Layout(NamedTuple):
    """Which processes a market consists of. No engines: `ortoo serve`."""

    name: str
    engines: int = 0
    gateways: int = 0
    clustered: bool = True
    """Redis as a cluster of three; otherwise one node."""
    standby: bool = True
    breakable: bool = True
    """Proxies on the lines and a wall clock that can be set: in the way of a measurement."""


SERVE: Final = Layout("serve", standby=False)
CLUSTER: Final = Layout("cluster", engines=2, gateways=2)
STACKS: Final = {layout.name: layout for layout in (SERVE, CLUSTER)}


class Clock:
    """The wall clock that the market's processes read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.step(0.0)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process read it."""
        return {"PYTHONPATH": str(CLOCK_SHIM), "ORTOO_FAULT_CLOCK": str(self._path)}

    def step(self, seconds: float) -> None:
        """Set it this far from the true time."""
        text = f"{round(seconds * 1e6)}".ljust(CLOCK_WIDTH).encode()
        with self._path.open("r+b" if self._path.exists() else "wb") as file:
            file.write(text)  # in place: the processes have it mapped


class Ground:
    """A running market in parts."""

    def __init__(
        self,
        name: str,
        database: Database,
        redis: RedisNodes | None,
        engines: list[Server],
        gateways: list[Server],
        clock: Clock,
    ) -> None:
        self.name = name
        self.database = database
        self.redis = redis
        self.engines = engines
        self.gateways = gateways
        self.clock = clock
        self.doors = [Proxy(("127.0.0.1", gateway.live_port)) for gateway in gateways]
        """What clients connect to, one for each gateway."""
        self._next_door = 0

    @property
    def entrance(self) -> Server:
        """A process that answers REST."""
        return self.gateways[-1]

    def live_url(self) -> str:
        """Return where rooms are: every call names another gateway, as a balancer would."""
        self._next_door = (self._next_door + 1) % len(self.doors)
        return f"ws://127.0.0.1:{self.doors[self._next_door].port}/live"

    def processes(self) -> list[Server]:
        """Return the market's own processes."""
        return list(dict.fromkeys([*self.engines, *self.gateways]))


def pause(server: Server) -> None:
    """SIGSTOP."""
    os.kill(server.pid, signal.SIGSTOP)


def resume(server: Server) -> None:
    """SIGCONT."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGCONT)


@asynccontextmanager
async def ground(layout: Layout, folder: Path) -> AsyncIterator[Ground]:
    """Start a stack under `folder`; take it down afterwards."""
    database = Database(folder, standby=layout.standby)
    redis = RedisNodes(folder, clustered=layout.clustered, proxied=layout.breakable) if layout.engines else None
    clock = Clock(folder / "clock")
    started: list[Server] = []
    made: Ground | None = None
    try:
        await asyncio.gather(database.start(), *([redis.start()] if redis else []))
        engines, gateways = _processes(layout, folder, database, redis, clock)
        for server in dict.fromkeys([*engines, *gateways]):
            started.append(server)
            await server.start()
        made = Ground(layout.name, database, redis, engines, gateways, clock)
        for door in made.doors:
            await door.start()
        yield made
    finally:
        if made is not None:
            for door in made.doors:
                await door.stop()
        for server in reversed(started):
            resume(server)
            await server.stop()
        if redis is not None:
            await redis.stop()
        await database.stop()


def _processes(
    layout: Layout, folder: Path, database: Database, redis: RedisNodes | None, clock: Clock
) -> tuple[list[Server], list[Server]]:
    more = dict(clock.environment) if layout.breakable else {}
    dsn = database.dsn if layout.breakable else database.primary.dsn
    if redis is None:
        server = Server(folder, dsn, more=more)
        return [server], [server]
    more["ORTOO_REDIS_URL"] = redis.url

    more |= {"ORTOO_ENGINE_PORT": "0", "ORTOO_LOG_KEY_FILE": str(folder / "data" / "log.key")}

    def several(command: str, count: int) -> list[Server]:
        return [Server(folder, dsn, command=command, name=f"{command}-{at}", more=more) for at in range(count)]

    return several("engine", layout.engines), several("gateway", layout.gateways)
