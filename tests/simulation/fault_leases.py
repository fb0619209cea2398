"""`Leases` of one simulated engine: rows in the simulated database, on its clock; as unreliable as the log beside it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

from engine.journal.leases import HandedOver, Holding, View
from engine.journal.log import JournalUnavailable
from tests.simulation.fault_log import Database, Faults, Gate
from tests.simulation.virtual_loop import VirtualClock


class FaultLeases:
    """See `Leases`."""

    def __init__(self, database: Database, chance: random.Random, faults: Faults, gate: Gate | None = None) -> None:
        self._rows = database.leases
        self._chance = chance
        self._faults = faults
        self._gate = gate or Gate()
        self._clock = VirtualClock()

    async def renew(self, owner: str, lease_us: int, *, leaving: bool) -> View:
        await self._reach()
        self._rows.engines[owner] = (self._clock.now_us() + lease_us, leaving)
        holdings = {
            shard: Holding(holder, self._holds(holder), self._rows.served.get(shard))
            for shard, holder in sorted(self._rows.owners.items())
        }
        await self._reach()
        now_us = self._clock.now_us()
        engines = [name for name, (until_us, leaves) in self._rows.engines.items() if until_us > now_us and not leaves]
        return View(sorted(engines), holdings)

    async def claim(self, owner: str, shards: Sequence[int]) -> list[int]:
        await self._reach()
        claimed = [
            shard
            for shard in shards
            if (holder := self._rows.owners.get(shard)) in (None, owner) or not self._holds(holder)
        ]
        self._rows.owners.update(dict.fromkeys(claimed, owner))
        await self._reach()
        return claimed

    async def mark_served(self, owner: str, epochs: Mapping[int, int]) -> None:
        await self._reach()
        for shard, epoch in epochs.items():
            if self._rows.owners.get(shard) == owner:
                self._rows.served[shard] = epoch

    async def release(self, owner: str, shards: Sequence[HandedOver]) -> None:
        await self._reach()
        for one in shards:
            if self._rows.owners.get(one.shard) == owner:
                self._rows.owners[one.shard] = None
                self._rows.released[one.shard] = (one.epoch, one.served_until_us)

    async def abandon(self, owner: str, shards: Sequence[int]) -> None:
        await self._reach()
        for shard in shards:
            if self._rows.owners.get(shard) == owner:
                self._rows.owners[shard] = None

    async def end(self, owner: str) -> None:
        await self._reach()
        self._rows.engines[owner] = (0, True)

    def _holds(self, owner: str | None) -> bool:
        return owner is not None and self._rows.engines[owner][0] > self._clock.now_us()

    async def _reach(self) -> None:
        await self._gate.passed()
        await asyncio.sleep(0.0002)
        await self._gate.passed()
        if self._chance.random() < self._faults.unreachable:
            raise JournalUnavailable("simulated")
