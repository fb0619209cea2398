"""Ownership among several engines: hold a lease, take a fair share of the shards, hand over what others should have, let go in order.

Level-triggered: each look compares the rows (who holds what), the rule (who should) and the writers (what is served here), and starts
at most one move towards agreement. So nothing depends on the outcome of an earlier step, and whatever was dropped is adopted anew.
Safety is none of its business: the log's fence sees to that (ADR 0004, 0019).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from engine.journal.leases import HandedOver, Holding, Leases, View
from engine.journal.log import InDoubt, JournalUnavailable
from engine.runtime.assignment import assignment
from engine.runtime.moving import Dropped
from engine.runtime.shared_writer import SharedWriter
from engine.values import InstantUs

AT_ONCE: Final = 8
"""Shards handed over in one step: the fewer, the shorter each waits for its new owner."""
FAILED: Final = (JournalUnavailable, InDoubt, Dropped)

log = logging.getLogger(__name__)


class LeaseSettings(Struct, frozen=True, kw_only=True):
    """How fast ownership moves."""

    lease_us: int = 2_500_000
    """An engine that was silent for so long has lost its shards: with one look and the reading it is the time to take over."""
    margin_us: int = 500_000
    """It stops by itself so much earlier."""
    look_s: float = 0.25
    """From one renewal to the next."""
    hand_over_look_s: float = 0.05
    """The same while somebody is about to hand a shard to us."""
    leave_s: float = 15.0
    """How long one that goes waits for others to take over before it just lets go."""

    @classmethod
    def within(cls, takeover_s: float) -> LeaseSettings:
        """Return settings under which the shards of an engine that died are others' after about so long."""
        lease_us = round(takeover_s * 1e6) - 500_000
        return cls(lease_us=lease_us, margin_us=lease_us // 5, look_s=min(0.25, lease_us / 1e6 / 5))


class Ownership:
    """The shards of one engine process."""

    def __init__(
        self,
        leases: Leases,
        owner: str,
        writers: Sequence[SharedWriter[Any, Any, Any]],
        settings: LeaseSettings = LeaseSettings(),
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases = leases
        self._owner = owner
        self._writers = tuple(writers)
        self._settings = settings
        self._monotonic_s = monotonic_s
        self._all_shards = sorted(shard for writer in self._writers for shard in writer.kind_shards)
        self._lease_ends_s = 0.0
        self._held_since_s: float | None = None
        """Since when the lease was held without a break."""
        self._leaving = False
        self._move: asyncio.Task[None] | None = None
        self._nothing_left = asyncio.Event()
        self.owned = 0
        """Shards served here, for the metrics."""

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                pause_s = await self.look()
            except FAILED as error:
                log.warning("lease_not_renewed", extra={"reason": str(error)})
                pause_s = self._settings.look_s
            self.check_lease()
            await asyncio.sleep(pause_s)

    async def look(self) -> float:
        """Renew the lease and make the next move; return after how long to look again.

        Raises:
            JournalUnavailable: the rows cannot be reached.
        """
        begun_s, before, idle = self._monotonic_s(), self._served(), self._move is None or self._move.done()
        view = await self._leases.renew(self._owner, self._settings.lease_us, leaving=self._leaving)
        if self._held_since_s is None or begun_s > self._lease_ends_s:
            self._held_since_s = begun_s
        self._lease_ends_s = begun_s + (self._settings.lease_us - self._settings.margin_us) / 1e6
        served = self._served()
        self.owned = len(served)
        mine = {shard for shard, one in view.holdings.items() if one.owner == self._owner}
        # What was on the move while the rows were read is judged at the next look.
        self._forfeit((before.keys() & served.keys()) - mine)
        wanted = assignment(self._all_shards, view.engines)
        if idle:
            self._move = self._next_move(view, wanted, served, mine)
        comes = any(
            wanted.get(shard) == self._owner and one.owner not in (None, self._owner)
            for shard, one in view.holdings.items()
        )
        return self._settings.hand_over_look_s if comes or self._leaving else self._settings.look_s

    def check_lease(self) -> None:
        """Stop serving if the lease has run out by our own monotonic clock. Called often, and first of all after a standstill."""
        if self._held_since_s is not None and self._monotonic_s() > self._lease_ends_s:
            self._held_since_s = None
            log.error("lease_ran_out", extra={"owner": self._owner})
            self._forfeit(self._all_shards)

    async def leave(self) -> None:
        """Hand everything over in order and end the lease; what nobody takes in time is let go all the same."""
        self._leaving = True
        try:
            async with asyncio.timeout(self._settings.leave_s):
                while True:
                    try:
                        pause_s = await self.look()
                        if self._move is not None:
                            await self._move
                        elif not self._served():
                            break
                    except JournalUnavailable:
                        break
                    await asyncio.sleep(pause_s)
        except TimeoutError:
            log.warning("left_in_haste", extra={"shards": len(self._served())})
        if self._move is not None:
            self._move.cancel()
        try:
            await self._leases.end(self._owner)
        except JournalUnavailable:
            log.warning("lease_not_ended")

    def _served(self) -> dict[int, int]:
        return {shard: epoch for writer in self._writers for shard, epoch in writer.epochs.items()}

    def _forfeit(self, shards: Iterable[int]) -> None:
        lost = set(shards)
        for writer in self._writers:
            if lost & writer.kind_shards:
                writer.forfeit()

    def _next_move(
        self, view: View, wanted: Mapping[int, str], served: Mapping[int, int], mine: set[int]
    ) -> asyncio.Task[None] | None:
        start = asyncio.get_running_loop().create_task
        unmarked = {
            shard: epoch for shard, epoch in served.items() if shard in mine and _served_epoch(view, shard) != epoch
        }
        if unmarked:
            return start(self._trying(self._leases.mark_served(self._owner, unmarked)))
        alone = self._leaving and not view.engines
        give = [shard for shard in served if shard in mine and (alone or wanted.get(shard, self._owner) != self._owner)]
        if give:
            return start(self._trying(self._hand_over(give if alone else give[:AT_ONCE])))
        adopt = [shard for shard in sorted(mine - served.keys()) if wanted.get(shard) == self._owner]
        if adopt:
            return start(self._trying(self._adopt(adopt)))
        strangers = [shard for shard in sorted(mine - served.keys()) if wanted.get(shard) != self._owner]
        if strangers:  # claimed and never served: the next owner finds in the log since when nobody did
            return start(self._trying(self._leases.abandon(self._owner, strangers)))
        free = [shard for shard, engine in wanted.items() if engine == self._owner and self._is_free(view, shard)]
        if free:
            return start(self._trying(self._claim(free)))
        return None

    def _is_free(self, view: View, shard: int) -> bool:
        """Tell whether we may claim it. From one that fell silent only after we have held our own lease for as long: when the
        database comes back after an outage nobody could renew, and whoever is first must not rob the others.
        """
        one = view.holdings.get(shard)
        if one is None or one.owner is None:
            return True
        assert self._held_since_s is not None
        watched_us = (self._monotonic_s() - self._held_since_s) * 1e6
        return one.owner != self._owner and not one.held and watched_us >= self._settings.lease_us

    async def _trying(self, move: Any) -> None:
        try:
            await move
        except FAILED as error:
            log.warning("ownership_move_failed", extra={"reason": f"{type(error).__name__}: {error}"})

    async def _claim(self, shards: Sequence[int]) -> None:
        claimed = await self._leases.claim(self._owner, shards)
        if claimed:
            await self._adopt(claimed)

    async def _adopt(self, shards: Sequence[int]) -> None:
        log.info("shards_adopted", extra={"shards": list(shards)})
        moves = (writer.adopt(ours) for writer, ours in self._by_writer(shards))
        outcomes = await asyncio.gather(*moves, return_exceptions=True)
        served = self._served()
        await self._leases.mark_served(self._owner, {shard: served[shard] for shard in shards if shard in served})
        _raise_first(outcomes)

    async def _hand_over(self, shards: Sequence[int]) -> None:
        epochs = self._served()
        let_go: list[HandedOver] = []

        async def release(writer: SharedWriter[Any, Any, Any], ours: Sequence[int]) -> None:
            until_us: InstantUs = await writer.release(ours)
            let_go.extend(HandedOver(shard, epochs[shard], until_us) for shard in ours)

        moves = (release(writer, ours) for writer, ours in self._by_writer(shards))
        outcomes = await asyncio.gather(*moves, return_exceptions=True)
        if let_go:
            await self._leases.release(self._owner, let_go)
        log.info("shards_handed_over", extra={"shards": [one.shard for one in let_go]})
        _raise_first(outcomes)

    def _by_writer(self, shards: Iterable[int]) -> list[tuple[SharedWriter[Any, Any, Any], list[int]]]:
        wanted = set(shards)
        return [(writer, ours) for writer in self._writers if (ours := sorted(wanted & writer.kind_shards))]


def _raise_first(outcomes: Iterable[BaseException | None]) -> None:
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


def _served_epoch(view: View, shard: int) -> int | None:
    holding: Holding | None = view.holdings.get(shard)
    return None if holding is None else holding.served_epoch
