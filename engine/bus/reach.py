"""Whether anybody can reach an engine over Redis. While nobody can, the market is held: no end passes, and the time is given back (P5)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

from engine.values import InstantUs

LOOK_ROUND_S: Final = 0.1
UNREACHABLE_US: Final = 2_000_000
"""The market is held after nobody could reach it for so long."""
GATEWAY_S: Final = 1.5
"""A gateway, or Redis, that was not heard for so long is not there."""
STOOD_STILL_S: Final = 0.5
"""After so long between two looks this process itself stood still: it listens first, and the engine has noticed by itself."""
FORGET_S: Final = 30.0

log = logging.getLogger(__name__)


class Holding(Protocol):
    """What is held."""

    def now_us(self) -> InstantUs:
        """Return the time on the engine's clock."""
        ...

    def hold(self) -> None:
        """Take nothing and let no deadline pass."""
        ...

    def resume(self, from_us: InstantUs) -> None:
        """Serve again; nobody could bid since that instant."""
        ...


class Reach:
    """The gateways that are there, and what follows when there is none or Redis is away."""

    def __init__(self, unreachable_us: int) -> None:
        self._unreachable_us = unreachable_us
        self._heard: dict[str, float] = {}
        self._held = False
        self._reached_us: InstantUs | None = None
        """When somebody could reach the market last."""

    @property
    def gateways(self) -> int:
        """Gateways that said lately that they are there."""
        now_s = asyncio.get_running_loop().time()
        return sum(1 for heard_s in self._heard.values() if now_s - heard_s < GATEWAY_S)

    def hear(self, channel: bytes, payload: bytes) -> None:  # noqa: ARG002  # the only channel
        """A gateway says that it is there."""
        now_s = asyncio.get_running_loop().time()
        self._heard[payload[:64].decode("ascii", "replace")] = now_s
        if len(self._heard) > 2 * self.gateways:
            self._heard = {name: heard_s for name, heard_s in self._heard.items() if now_s - heard_s < FORGET_S}

    async def watch(self, engine: Holding, redis_heard_s: Callable[[], float | None]) -> None:
        """Hold the engine while nobody can reach it, for ever. `redis_heard_s`: when Redis was heard last, None if it is away."""
        loop = asyncio.get_running_loop()
        looked_s = loop.time()
        while True:
            heard_s, now_s = redis_heard_s(), loop.time()
            stood_still, looked_s = now_s - looked_s > STOOD_STILL_S, now_s
            reached = heard_s is not None and now_s - heard_s < GATEWAY_S and self.gateways > 0
            if self._reached_us is None or (reached and not self._held):
                self._reached_us = engine.now_us()
            elif reached:
                log.warning("reached_again", extra={"from_us": self._reached_us})
                self._held = False
                engine.resume(self._reached_us)
            elif not (self._held or stood_still) and engine.now_us() - self._reached_us > self._unreachable_us:
                log.error("unreachable", extra={"connected": heard_s is not None, "gateways": self.gateways})
                self._held = True
                engine.hold()
            await asyncio.sleep(LOOK_ROUND_S)
